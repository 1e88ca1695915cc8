//! A new network at run time only: nothing that lasts is changed before it is there.

use crate::check;
use crate::content::Content;
use crate::guard::{Guard, Undo};
use crate::job::Job;
use crate::nl80211::Radio;
use crate::owner::Owner;
use crate::request::{Network, Request, Site};
use crate::stack::Stack;
use anyhow::Context;
use cluster::edge::write_file;
use cluster::finding::Finding;
use cluster::root::Root;
use std::net::IpAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

mod alone;
mod client;
mod failure;
mod network_manager;
mod supplicant;
mod wait;

use failure::Failure;

/// How often the link is looked at.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the old network may take until it is back.
const BACK: Duration = Duration::from_secs(30);
/// How long it may take to make a kept trial last: files and systemd's units.
const LASTING: Duration = Duration::from_secs(120);
/// How long what is sent over the connection may wait for its acknowledgement: a retransmission or three.
const SSH_PATIENCE: Duration = Duration::from_secs(10);

/// What is tried, and how.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// The request and the networks.
    pub site: Site<'a>,
    /// Who owns the interface.
    pub owner: &'a Owner,
    /// Where files are.
    pub root: &'a Root,
    /// The addresses that the interface had before.
    pub before: &'a [IpAddr],
    /// The network that it was in before, by its SSID in hexadecimal digits.
    pub former: Option<&'a str>,
    /// When it began.
    pub begun: Instant,
    /// How long it may take.
    pub limit: Duration,
    /// Whether it is kept where the connection that the program was started from does not live on.
    pub keep_anyway: bool,
}

/// How a trial ended.
#[derive(Debug)]
pub enum Outcome {
    /// The networks are there. They are taken back unless the guard is told to keep them.
    Came(Guard, Kept),
    /// They are not, and the former state is there again, or said not to be.
    TakenBack(Finding),
}

/// What a trial that came left behind.
#[derive(Debug, Default)]
pub struct Kept {
    /// Commands for wpa_supplicant that clear away what was there before.
    pub clear: Vec<String>,
    /// NetworkManager's files of the trial.
    pub remove: Vec<String>,
}

impl Job<'_> {
    /// A trial of these networks.
    pub(crate) fn trial<'t>(
        &'t self,
        site: Site<'t>,
        owner: &'t Owner,
        before: &'t [IpAddr],
        former: Option<&'t str>,
    ) -> Trial<'t> {
        Trial {
            site,
            owner,
            before,
            former,
            begun: Instant::now(),
            root: self.root,
            limit: Duration::from_secs(self.cli.limit),
            keep_anyway: self.cli.keep_anyway,
        }
    }
}

impl Trial<'_> {
    /// Tries.
    ///
    /// # Errors
    /// What keeps it from being tried.
    pub fn run(&self) -> anyhow::Result<Outcome> {
        match (self.owner.stack, &self.owner.control) {
            (Some(Stack::NetworkManager), _) => self.network_manager(),
            (_, Some(control)) => self.supplicant(control),
            (_, None) => self.alone(),
        }
    }

    fn interface(&self) -> &str {
        &self.site.request.interface
    }

    /// The guard, for a trial that waits for `networks` one after the other.
    fn guard(&self, undo: Undo, networks: usize) -> anyhow::Result<Guard> {
        Guard::start(
            self.root,
            self.interface(),
            longest(self.limit, networks),
            undo,
        )
    }

    fn settle(
        &self,
        guard: Guard,
        came: Result<(), Failure>,
        kept: Kept,
    ) -> anyhow::Result<Outcome> {
        let Err(failure) = came else {
            return Ok(Outcome::Came(guard, kept));
        };
        let seconds = self.begun.elapsed().as_secs();
        let back = guard.take_back(self.root);
        let deadline = Instant::now() + BACK;
        let again = || {
            check::link(self.interface())
                .map(|link| link.ssid_hex)
                .as_deref()
                == self.former
        };
        while self.former.is_some() && !again() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
        let again = self.former.is_none() || again();
        let finding = self.finding(&failure, seconds, again, back.err());
        Ok(Outcome::TakenBack(finding))
    }
}

/// Longer than all waiting together: the guard's time is there for a program that hangs.
fn longest(limit: Duration, networks: usize) -> Duration {
    let each = limit + network_manager::MORE;
    each * networks as u32 + limit * 2 + BACK + SSH_PATIENCE + LASTING
}

/// Whether the interface is in one of the networks of a request, authorized.
pub fn is_in(request: &Request, root: &Root) -> anyhow::Result<bool> {
    let Some(mut radio) = Radio::open()? else {
        return Ok(false);
    };
    let interface = radio.interface(&request.interface)?;
    let Some(ssid) = interface.and_then(|interface| interface.ssid) else {
        return Ok(false);
    };
    let ssid = crate::ssid::hex(&ssid);
    let wanted = request
        .networks
        .iter()
        .any(|network| network.ssid_hex == ssid);
    Ok(wanted && check::is_up(root, &request.interface))
}

fn write_secret(path: &str, content: &Content, networks: &[Network]) -> anyhow::Result<()> {
    let bytes = content
        .reveal(networks)
        .with_context(|| format!("writing {path}: a key is not known"))?;
    write_file(Path::new(path), 0o600, |out| out.write_all(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_waits_for_every_network() {
        let limit = Duration::from_secs(45);
        for networks in [1, 2, 9] {
            // Each is brought up by itself, then the association and the address are waited for.
            let waiting = (limit + network_manager::MORE) * networks + limit * 2 + SSH_PATIENCE;
            assert!(longest(limit, networks as usize) > waiting);
        }
    }
}
