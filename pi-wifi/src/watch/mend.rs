//! What is done to a link that is gone: the ladder's steps.

use super::{LIMIT, Watcher, restart, restarts};
use crate::control::Control;
use crate::ladder::Rung;
use crate::owner::{self, Owner};
use crate::stack::Stack;
use anyhow::Context;
use cluster::command::Command;
use cluster::root::Root;
use serde_json::json;
use std::path::Path;
use std::time::Instant;

impl Watcher<'_> {
    /// The ladder's next step, where it is time for one.
    pub(super) fn mend(&mut self) -> anyhow::Result<()> {
        if !self.cli.node.apply {
            return Ok(());
        }
        if self.ladder.forget_restarts(Instant::now()) {
            restarts::forget(self.root, self.interface)?;
        }
        let Some(seen) = self.seen.as_ref().filter(|seen| seen.ssid.is_none()) else {
            return Ok(());
        };
        // A radio that is not there may have been pulled out, and one that is reached by another way need not be restarted.
        let reboot = self.cli.reboot
            && seen.present
            && !restarts::reachable_elsewhere(self.root, self.interface);
        let Some(rung) = self.ladder.next(Instant::now(), reboot) else {
            return Ok(());
        };
        let owner = owner::find(self.root, self.interface);
        let result = self.climb(rung, &owner);
        self.count(rung.word());
        let why = result.as_ref().err().map(|error| format!("{error:#}"));
        self.say(
            "action",
            json!({"action": rung.word(), "done": result.is_ok(), "why": why}),
        )
    }

    fn climb(&mut self, rung: Rung, owner: &Owner) -> anyhow::Result<()> {
        match rung {
            Rung::Reassociate => reassociate(self.interface, owner),
            Rung::RestartSupplicant => {
                self.control = None;
                restart::restart(self.root, owner)
            }
            Rung::ReloadModule => {
                let module = self
                    .module
                    .as_deref()
                    .context("the radio's module is not known")?;
                self.control = None;
                reload(self.root, module)
            }
            Rung::Reboot => {
                restarts::note(self.root, self.interface)?;
                Command::new("reboot").run()?;
                Ok(())
            }
        }
    }
}

fn reassociate(interface: &str, owner: &Owner) -> anyhow::Result<()> {
    if owner.stack == Some(Stack::NetworkManager) {
        Command::new("nmcli")
            .args(["--wait", "30", "device", "connect", interface])
            .limit(LIMIT)
            .run()?;
        return Ok(());
    }
    let path = owner
        .control
        .as_deref()
        .context("nobody configures the interface")?;
    Control::open(path)?.order(b"REASSOCIATE")
}

/// Loads the driver's module again.
fn reload(root: &Root, module: &str) -> anyhow::Result<()> {
    let (unload, load) = modules(root, module);
    let modprobe = |arguments: &Vec<&str>| -> anyhow::Result<()> {
        Command::new("modprobe")
            .args(arguments)
            .limit(LIMIT)
            .run()?;
        Ok(())
    };
    let names = |names: &[String], flags: &[&str]| -> anyhow::Result<()> {
        names
            .iter()
            .try_for_each(|name| modprobe(&flags.iter().copied().chain([name.as_str()]).collect()))
    };
    let unloaded = names(&unload, &["-r"]);
    // Whatever became of that: a radio whose driver is not loaded does not come back by itself.
    unloaded.and(names(&load, &[]))
}

/// The modules in the order in which they go, and in which they come. Those that hold the driver's go first: Broadcom's part of
/// brcmfmac (`brcmfmac_wcc`) is one of its own.
fn modules(root: &Root, module: &str) -> (Vec<String>, Vec<String>) {
    let holders = root.names(Path::new(&format!("/sys/module/{module}/holders")));
    let mut unload: Vec<String> = holders
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.to_str().map(str::to_owned))
        .collect();
    unload.push(module.to_owned());
    let load = unload.iter().rev().cloned().collect();
    (unload, load)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_the_module_goes_first_and_comes_last() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let alone = vec!["brcmfmac".to_owned()];
        assert_eq!(modules(&root, "brcmfmac"), (alone.clone(), alone));
        let holders = folder.path().join("sys/module/brcmfmac/holders");
        std::fs::create_dir_all(&holders).unwrap();
        std::fs::write(holders.join("brcmfmac_wcc"), "").unwrap();
        let (unload, load) = modules(&root, "brcmfmac");
        assert_eq!(unload, ["brcmfmac_wcc", "brcmfmac"]);
        assert_eq!(load, ["brcmfmac", "brcmfmac_wcc"]);
    }
}
