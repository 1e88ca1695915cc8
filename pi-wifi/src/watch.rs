//! `--watch`: stays, says what becomes of the link, and with `--apply` mends it, step by step and ever more slowly.

use crate::apply;
use crate::check;
use crate::cli::Cli;
use crate::control::{Control, Trouble, trouble};
use crate::ladder::Ladder;
use crate::nl80211::Radio;
use crate::nl80211::socket::Socket;
use crate::owner::{self, Owner};
use crate::ssid::Ssid;
use anyhow::Context;
use cluster::root::Root;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

mod mend;
mod restart;
mod restarts;

/// How long nothing is looked at where all is well and no event comes.
const CALM: Duration = Duration::from_secs(30);
/// How long commands of the ladder may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked where the link is gone.
const ALERT: Duration = Duration::from_secs(2);

/// The link as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    present: bool,
    /// The network's SSID, once its keys are in place.
    ssid: Option<Vec<u8>>,
    power_save: Option<bool>,
}

struct Watcher<'a> {
    cli: &'a Cli,
    root: &'a Root,
    interface: &'a str,
    seen: Option<Seen>,
    ladder: Ladder,
    counts: BTreeMap<&'static str, u64>,
    control: Option<(u32, Control)>,
    module: Option<String>,
}

/// Stays until `--seconds` are over, or the reader is gone.
pub fn run(cli: &Cli, root: &Root, interface: &str) -> anyhow::Result<()> {
    let mut watcher = Watcher {
        cli,
        root,
        interface,
        seen: None,
        ladder: Ladder::new(Instant::now(), restarts::count(root, interface)),
        counts: BTreeMap::new(),
        control: None,
        module: None,
    };
    let end = cli
        .seconds
        .map(|seconds| Instant::now() + Duration::from_secs(seconds));
    match watcher.stay(end) {
        Err(error) if closed(&error) => Ok(()),
        other => other,
    }
}

/// Whether nobody reads any more.
fn closed(error: &anyhow::Error) -> bool {
    let cause = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

impl Watcher<'_> {
    fn stay(&mut self, end: Option<Instant>) -> anyhow::Result<()> {
        let mut events = None;
        loop {
            if events.is_none() {
                events = subscribe()?;
            }
            self.look()?;
            self.listen()?;
            self.mend()?;
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return Ok(());
            }
            let calm = self.seen.as_ref().is_some_and(|seen| seen.ssid.is_some());
            let pause = if calm { CALM } else { ALERT };
            let pause = end.map_or(pause, |end| pause.min(end.saturating_duration_since(now)));
            self.pause(events.as_ref(), pause)?;
        }
    }

    /// Until an event comes, at most `pause`.
    fn pause(&self, events: Option<&Socket>, pause: Duration) -> anyhow::Result<()> {
        let mut waited: Vec<PollFd<'_>> = Vec::new();
        if let Some(events) = events {
            waited.push(PollFd::new(events.as_fd(), PollFlags::POLLIN));
        }
        if let Some((_, control)) = &self.control {
            waited.push(PollFd::new(control.as_fd(), PollFlags::POLLIN));
        }
        let pause =
            PollTimeout::try_from(pause + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut waited, pause) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error).context("waiting for events"),
        }
        if let Some(events) = events {
            // What happened is seen by looking; that something did is enough.
            events.events(|_| {})?;
        }
        Ok(())
    }

    /// Looks, and says what is other than before.
    fn look(&mut self) -> anyhow::Result<()> {
        let now = self.observe()?;
        let before = self.seen.clone().unwrap_or_default();
        let first = self.seen.is_none();
        if now.present != before.present || (first && !now.present) {
            self.say(if now.present { "appeared" } else { "gone" }, json!({}))?;
        }
        if now.ssid != before.ssid || (first && now.ssid.is_none()) {
            self.changed(now.ssid.as_deref())?;
        }
        if now.power_save == Some(true) {
            if before.power_save != Some(true) {
                self.say("power-save-on", json!({}))?;
            }
            self.keep_awake()?;
        }
        self.seen = Some(now);
        Ok(())
    }

    /// It is in another network than before, or in none.
    fn changed(&mut self, ssid: Option<&[u8]>) -> anyhow::Result<()> {
        let Some(ssid) = ssid else {
            self.count("disconnected");
            self.ladder.lost(Instant::now());
            return self.say("disconnected", json!({}));
        };
        self.count("connected");
        self.ladder.connected(Instant::now());
        let name = Ssid::new(ssid.to_vec()).ok();
        let text = name.as_ref().and_then(Ssid::text);
        self.say(
            "connected",
            json!({"ssid": text, "ssid_hex": crate::ssid::hex(ssid)}),
        )
    }

    /// Turns power save off, with `--apply`.
    fn keep_awake(&mut self) -> anyhow::Result<()> {
        if !self.cli.node.apply {
            return Ok(());
        }
        let mut findings = Vec::new();
        let did = apply::set_power_save(self.interface, false, &mut findings).unwrap_or(false);
        if did {
            self.count("power-save");
        }
        let why = findings.first().map(|finding| finding.message.clone());
        self.say(
            "action",
            json!({"action": "power-save", "done": did, "why": why}),
        )
    }

    fn observe(&mut self) -> anyhow::Result<Seen> {
        let Some(mut radio) = Radio::open()? else {
            return Ok(Seen::default());
        };
        let Some(own) = radio.interface(self.interface)? else {
            return Ok(Seen::default());
        };
        if self.module.is_none() {
            let link = std::fs::read_link(format!(
                "/sys/class/net/{}/device/driver/module",
                self.interface
            ));
            self.module = link
                .ok()
                .and_then(|l| Some(l.file_name()?.to_string_lossy().into_owned()));
        }
        let up = check::is_up(self.root, self.interface);
        Ok(Seen {
            present: true,
            ssid: own.ssid.filter(|_| up),
            power_save: radio.power_save(own.index)?,
        })
    }

    /// What wpa_supplicant says: only a wrong key is of interest, which no step of the ladder mends.
    fn listen(&mut self) -> anyhow::Result<()> {
        let lost = self.seen.as_ref().is_some_and(|seen| seen.ssid.is_none());
        if self.control.is_none() && lost {
            let owner = owner::find(self.root, self.interface);
            self.control = attach(&owner);
        }
        loop {
            let Some((_, control)) = &self.control else {
                return Ok(());
            };
            match control.event(Duration::ZERO) {
                Ok(Some(event)) => {
                    if event.starts_with("CTRL-EVENT-TERMINATING") {
                        self.control = None;
                    }
                    if trouble(&event) == Some(Trouble::WrongKey) {
                        self.wrong_key()?;
                    }
                }
                Ok(None) => return Ok(()),
                Err(_) => self.control = None,
            }
        }
    }

    /// The ladder stops; said once.
    fn wrong_key(&mut self) -> anyhow::Result<()> {
        let known = self.ladder.is_stopped();
        self.ladder.stop(Instant::now());
        if known {
            return Ok(());
        }
        self.count("wrong-key");
        let meaning = match self.ladder.resumes() {
            true => {
                "nothing is tried until this was not said for ten minutes: another key helps, or a better signal"
            }
            false => "nothing is tried: only another key helps",
        };
        self.say("wrong-key", json!({"meaning": meaning}))
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// An event as a line.
    fn say(&self, event: &str, details: Value) -> anyhow::Result<()> {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut line = Map::new();
        line.insert(
            "time".to_owned(),
            json!(time.map_or(0, |time| time.as_secs())),
        );
        line.insert("event".to_owned(), json!(event));
        line.insert("interface".to_owned(), json!(self.interface));
        if let Value::Object(details) = details {
            line.extend(details);
        }
        line.insert("counts".to_owned(), json!(self.counts));
        let mut out = io::stdout().lock();
        writeln!(out, "{}", Value::Object(line))
            .and_then(|()| out.flush())
            .context("writing standard output")
    }
}

/// The kernel's events about links; none where it has no radio support yet.
fn subscribe() -> anyhow::Result<Option<Socket>> {
    Radio::open()?
        .map(|radio| radio.events(&["mlme", "config"]))
        .transpose()
}

fn attach(owner: &Owner) -> Option<(u32, Control)> {
    let control = Control::open(owner.control.as_deref()?).ok()?;
    control.attach().ok()?;
    Some((owner.supplicant?, control))
}
