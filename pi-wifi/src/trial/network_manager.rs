//! Through NetworkManager: connections in /run, which a restart takes away.

use super::{Failure, Kept, Outcome, Trial, write_secret};
use crate::control::Trouble;
use crate::guard::Undo;
use crate::render::networkmanager;
use anyhow::Context;
use cluster::command::Command;
use std::path::Path;
use std::time::Duration;

/// Where NetworkManager reads connections that do not last.
const FOLDER: &str = "/run/NetworkManager/system-connections";
/// How much longer than its own limit nmcli may take for a network.
pub(super) const MORE: Duration = Duration::from_secs(2);

impl Trial<'_> {
    /// Tries the networks as connections of NetworkManager's.
    pub(super) fn network_manager(&self) -> anyhow::Result<Outcome> {
        let before = self.active_connection();
        let remove = self.write_connections()?;
        let guard = self.guard(undo(&before, &remove), self.site.networks.len())?;
        let mut load = vec!["connection", "load"];
        load.extend(remove.iter().map(String::as_str));
        nmcli(&load).run()?;
        let came = match self.bring_up() {
            Some(said) if said.contains("Secrets were required") => {
                Err(Failure::Trouble(Trouble::WrongKey))
            }
            Some(said) => Err(Failure::Said(said)),
            None => self.wait(None),
        };
        let kept = Kept {
            clear: Vec::new(),
            remove,
        };
        self.settle(guard, came, kept)
    }

    /// The UUID of the interface's connection; empty where it has none.
    fn active_connection(&self) -> String {
        nmcli(&["-g", "GENERAL.CON-UUID", "device", "show", self.interface()])
            .run()
            .map(|text| String::from_utf8_lossy(&text).trim().to_owned())
            .unwrap_or_default()
    }

    /// Writes a connection for each network; the files.
    fn write_connections(&self) -> anyhow::Result<Vec<String>> {
        self.root
            .make_folder(Path::new(FOLDER), 0o700)
            .with_context(|| format!("making {FOLDER}"))?;
        let mut written = Vec::new();
        for (number, network) in self.site.networks.iter().enumerate() {
            let path = networkmanager::path(FOLDER, &network.ssid);
            write_secret(
                &path,
                &networkmanager::content(self.site, number, network),
                self.site.networks,
            )?;
            written.push(path);
        }
        Ok(written)
    }

    /// Brings up the first connection that comes; what was said of the last where none does.
    fn bring_up(&self) -> Option<String> {
        let mut said = None;
        let seconds = self.limit.as_secs().to_string();
        for network in self.site.networks {
            let uuid = networkmanager::uuid(self.site, &network.ssid);
            let up = nmcli(&[
                "--wait",
                &seconds,
                "connection",
                "up",
                "uuid",
                &uuid,
                "ifname",
                self.interface(),
            ]);
            match up.limit(self.limit + MORE).run() {
                Ok(_) => return None,
                Err(error) => said = Some(error.to_string()),
            }
        }
        said
    }
}

fn nmcli(arguments: &[&str]) -> Command {
    Command::new("nmcli").args(arguments)
}

/// The files go, and the connection that was there before comes back.
fn undo(before: &str, written: &[String]) -> Undo {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut run: Vec<Vec<String>> = vec![words(&["nmcli", "connection", "reload"])];
    if !before.is_empty() {
        run.push(words(&["nmcli", "connection", "up", "uuid", before]));
    }
    Undo {
        remove: written.to_vec(),
        run,
        ..Undo::default()
    }
}
