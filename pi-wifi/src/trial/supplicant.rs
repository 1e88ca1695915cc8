//! In a wpa_supplicant that runs: networks of our own beside those that it has.

use super::{Kept, Outcome, Trial};
use crate::content::{Form, Piece};
use crate::control::Control;
use crate::guard::Undo;
use crate::render::wpa_supplicant::{Field, fields};
use crate::request::Network;
use anyhow::Context;

impl Trial<'_> {
    /// In a wpa_supplicant that runs: networks of our own beside those that it has.
    pub(super) fn supplicant(&self, path: &str) -> anyhow::Result<Outcome> {
        let control = Control::open(path)?;
        let before = control.networks()?;
        let added = self.add(&control, &before)?;
        let guard = self.guard(undo(path, &added, &before), 0)?;
        let listener = Control::open(path)?;
        listener.attach()?;
        // Selecting one disables all others, among them the old ones; the rest of ours is enabled again.
        for (at, number) in added.iter().enumerate() {
            let word = if at == 0 {
                "SELECT_NETWORK"
            } else {
                "ENABLE_NETWORK"
            };
            control.order(format!("{word} {number}").as_bytes())?;
        }
        let came = self.wait(Some(&listener));
        let clear = before
            .iter()
            .map(|(n, _)| format!("REMOVE_NETWORK {n}"))
            .collect();
        let kept = Kept {
            clear,
            remove: Vec::new(),
        };
        self.settle(guard, came, kept)
    }

    /// Adds the networks; all of them, or none.
    fn add(&self, control: &Control, before: &[(u32, bool)]) -> anyhow::Result<Vec<String>> {
        let added = add(control, self.site.networks);
        if added.is_err() {
            // What was added until then goes again; the error that counts is the first.
            for (number, _) in control.networks()?.iter().filter(|n| !before.contains(n)) {
                let _ = control.ask(format!("REMOVE_NETWORK {number}").as_bytes());
            }
        }
        added
    }
}

/// Ours go, and what was enabled before is enabled again.
fn undo(path: &str, added: &[String], before: &[(u32, bool)]) -> Undo {
    let enabled = before.iter().filter(|(_, on)| *on);
    let mut commands: Vec<String> = added
        .iter()
        .map(|n| format!("REMOVE_NETWORK {n}"))
        .collect();
    commands.extend(enabled.map(|(n, _)| format!("ENABLE_NETWORK {n}")));
    commands.push("REASSOCIATE".to_owned());
    Undo {
        control: Some(path.to_owned()),
        commands,
        ..Undo::default()
    }
}

/// Adds networks, disabled; their numbers.
fn add(control: &Control, networks: &[Network]) -> anyhow::Result<Vec<String>> {
    let mut added = Vec::new();
    for network in networks {
        let number = control.ask(b"ADD_NETWORK")?;
        added.push(number.clone());
        for field in fields(network) {
            let (name, value) = match field {
                Field::Text(name, value) => (name, value.into_bytes()),
                Field::Secret(name, form) => (name, secret(network, form)?),
            };
            let mut command = format!("SET_NETWORK {number} {name} ").into_bytes();
            command.extend(value);
            control.order(&command)?;
        }
    }
    Ok(added)
}

fn secret(network: &Network, form: Form) -> anyhow::Result<Vec<u8>> {
    Piece::Secret(0, form)
        .reveal(std::slice::from_ref(network))
        .with_context(|| format!("the key of {} is not known", network.ssid))
}
