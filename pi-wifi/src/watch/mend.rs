//! What is done to a link that is gone: the ladder's steps.

use super::Watcher;
use crate::control::Control;
use crate::ladder::Rung;
use crate::owner::{self, Owner};
use crate::processes;
use crate::stack::Stack;
use anyhow::Context;
use cluster::command::Command;
use cluster::root::Root;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long commands of the ladder may take.
const LIMIT: Duration = Duration::from_secs(60);

impl Watcher<'_> {
    /// The ladder's next step, where it is time for one.
    pub(super) fn mend(&mut self) -> anyhow::Result<()> {
        let lost = self.seen.as_ref().is_some_and(|seen| seen.ssid.is_none());
        if !lost || !self.cli.node.apply {
            return Ok(());
        }
        let Some(rung) = self.ladder.next(Instant::now(), self.cli.reboot) else {
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
                restart(self.root, self.interface, owner)
            }
            Rung::ReloadModule => {
                let module = self
                    .module
                    .clone()
                    .context("the radio's module is not known")?;
                self.control = None;
                Command::new("modprobe")
                    .args(["-r", &module])
                    .limit(LIMIT)
                    .run()?;
                Command::new("modprobe")
                    .args([&module])
                    .limit(LIMIT)
                    .run()?;
                Ok(())
            }
            Rung::Reboot => {
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

/// Restarts the program that has the radio: its unit, or the same command again where it has none.
fn restart(root: &Root, interface: &str, owner: &Owner) -> anyhow::Result<()> {
    let units = root
        .exists(Path::new("/run/systemd/system"))
        .unwrap_or(false);
    let unit = match owner.stack {
        Some(Stack::NetworkManager) => Some("NetworkManager.service".to_owned()),
        Some(Stack::Netplan) => Some(format!("netplan-wpa-{interface}.service")),
        Some(Stack::Systemd) => Some(crate::render::systemd::unit(interface)),
        _ if owner.name == "dhcpcd" => Some("dhcpcd.service".to_owned()),
        _ => None,
    };
    if let Some(unit) = unit.filter(|_| units) {
        Command::new("systemctl")
            .args(["restart", "--", &unit])
            .limit(LIMIT)
            .run()?;
        return Ok(());
    }
    let running = processes::named(root, "wpa_supplicant");
    let own = running
        .iter()
        .find(|process| Some(process.id) == owner.supplicant);
    let (program, arguments) = own
        .and_then(|own| own.arguments.split_first())
        .context("no wpa_supplicant has the interface")?;
    if let Some(path) = &owner.control {
        Control::open(path)?.order(b"TERMINATE")?;
    }
    let deadline = Instant::now() + LIMIT;
    while owner
        .supplicant
        .is_some_and(|id| processes::comm(root, id).is_some())
        && Instant::now() < deadline
    {
        std::thread::sleep(Duration::from_millis(100));
    }
    // It goes into the background whether it was told so before or not: this program waits for it otherwise.
    let background = (!arguments.iter().any(|word| word == "-B")).then_some("-B");
    Command::new(program)
        .args(background)
        .args(arguments)
        .limit(LIMIT)
        .run()?;
    Ok(())
}
