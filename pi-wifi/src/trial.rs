//! A new network at run time only: nothing that lasts is changed before it is there.

use crate::check;
use crate::content::{Content, Form, Piece};
use crate::control::{Control, Trouble, trouble};
use crate::guard::{Guard, Undo};
use crate::job::Job;
use crate::nl80211::Radio;
use crate::owner::Owner;
use crate::processes::parent_and_start;
use crate::render::networkmanager;
use crate::render::wpa_supplicant::{Field, content, fields};
use crate::request::{Network, Request, Site};
use crate::ssh;
use crate::stack::Stack;
use anyhow::{Context, bail};
use cluster::command::Command;
use cluster::edge::write_file;
use cluster::finding::Finding;
use cluster::root::Root;
use serde_json::json;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often the link is looked at.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a DHCP client may take to notice that the network is another one.
const SETTLED: Duration = Duration::from_secs(6);
/// How long the old network may take until it is back.
const BACK: Duration = Duration::from_secs(30);
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
    /// The networks are there; the guard is gone.
    Kept(Kept),
    /// They are not, and the former state is there again, or said not to be.
    TakenBack(Box<Finding>),
}

/// What a trial that was kept left behind.
#[derive(Debug, Default)]
pub struct Kept {
    /// Commands for wpa_supplicant that clear away what was there before.
    pub clear: Vec<String>,
    /// NetworkManager's files of the trial.
    pub remove: Vec<String>,
}

/// Why a network does not come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    Trouble(Trouble),
    NotThere,
    NoAddress,
    ConnectionDied,
    Said(String),
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

    fn guard(&self, undo: Undo) -> anyhow::Result<Guard> {
        // Longer than all waiting together: it is there for a program that hangs.
        let limit = self.limit * 2 + BACK + SSH_PATIENCE;
        Guard::start(self.root, self.interface(), limit, undo)
    }

    /// In a wpa_supplicant that runs: networks of our own beside those that it has.
    fn supplicant(&self, path: &str) -> anyhow::Result<Outcome> {
        let control = Control::open(path)?;
        let before = control.networks()?;
        let added = match add(&control, self.site.networks) {
            Ok(added) => added,
            Err(error) => {
                // What was added until then goes again; the error that counts is the first.
                for (number, _) in control.networks()?.iter().filter(|n| !before.contains(n)) {
                    let _ = control.ask(format!("REMOVE_NETWORK {number}").as_bytes());
                }
                return Err(error);
            }
        };
        let mut commands: Vec<String> = added
            .iter()
            .map(|n| format!("REMOVE_NETWORK {n}"))
            .collect();
        commands.extend(
            before
                .iter()
                .filter(|(_, on)| *on)
                .map(|(n, _)| format!("ENABLE_NETWORK {n}")),
        );
        commands.push("REASSOCIATE".to_owned());
        let guard = self.guard(Undo {
            control: Some(path.to_owned()),
            commands,
            ..Undo::default()
        })?;
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
        self.settle(
            guard,
            came,
            Kept {
                clear,
                remove: Vec::new(),
            },
        )
    }

    /// With a wpa_supplicant of our own where nobody has the interface.
    fn alone(&self) -> anyhow::Result<Outcome> {
        let interface = self.interface();
        let number = format!("/run/pi-wifi/{interface}.pid");
        self.root
            .remove(Path::new(&number))
            .with_context(|| format!("removing {number}"))?;
        let path = format!("/run/pi-wifi/{interface}.conf");
        self.root
            .make_folder(Path::new("/run/pi-wifi"), 0o700)
            .context("making /run/pi-wifi")?;
        write_secret(&path, &content(self.site), self.site.networks)?;
        Command::new("wpa_supplicant")
            .args([
                "-B", "-i", interface, "-c", &path, "-D", "nl80211", "-P", &number,
            ])
            .run()?;
        let control = format!("/run/wpa_supplicant/{interface}");
        let (process, started) = self.begun(&number, &control)?;
        let guard = self.guard(Undo {
            end: Some((process, started)),
            remove: vec![path.clone()],
            ..Undo::default()
        })?;
        let listener = Control::open(&control)?;
        listener.attach()?;
        let came = self
            .connected(Some(&listener), Instant::now() + self.limit)
            .and_then(|()| {
                self.dhcp();
                self.wait(None)
            });
        self.settle(guard, came, Kept::default())
    }

    /// The number of the wpa_supplicant that was started, and when it began. It goes into the background before it writes its
    /// number and listens.
    fn begun(&self, number: &str, control: &str) -> anyhow::Result<(u32, u64)> {
        let deadline = Instant::now() + BACK;
        loop {
            let text = self
                .root
                .read_if_there(Path::new(number), 64)
                .with_context(|| format!("reading {number}"))?;
            let text = text.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
            let process = text.and_then(|text| text.parse::<u32>().ok());
            let began = process.and_then(|id| Some((id, parent_and_start(self.root, id)?.1)));
            if let Some(began) = began.filter(|_| Path::new(control).exists()) {
                return Ok(began);
            }
            if Instant::now() >= deadline {
                bail!("wpa_supplicant was started and does not listen at {control}");
            }
            thread::sleep(PAUSE);
        }
    }

    /// An address where nobody else gets one: by dhcpcd, or the fixed one.
    fn dhcp(&self) {
        let interface = self.interface();
        if self.owner.dhcp.is_some() {
            return;
        }
        // What fails shows as a missing address.
        let _ = match &self.site.request.address {
            None => Command::new("dhcpcd")
                .args([
                    "-q",
                    "-4",
                    "-m",
                    &self.site.request.route_metric.to_string(),
                    interface,
                ])
                .limit(self.limit)
                .run(),
            Some(address) => Command::new("ip")
                .args(["address", "replace", address, "dev", interface])
                .run(),
        };
    }

    /// Through NetworkManager: connections in /run, which a restart takes away.
    fn network_manager(&self) -> anyhow::Result<Outcome> {
        let nmcli = |arguments: &[&str]| Command::new("nmcli").args(arguments);
        let interface = self.interface();
        let before = nmcli(&["-g", "GENERAL.CON-UUID", "device", "show", interface]).run();
        let before = before
            .map(|text| String::from_utf8_lossy(&text).trim().to_owned())
            .unwrap_or_default();
        let folder = "/run/NetworkManager/system-connections";
        let mut remove = Vec::new();
        self.root
            .make_folder(Path::new(folder), 0o700)
            .with_context(|| format!("making {folder}"))?;
        for (number, network) in self.site.networks.iter().enumerate() {
            let path = networkmanager::path(folder, &network.ssid);
            write_secret(
                &path,
                &networkmanager::content(self.site, number, network),
                self.site.networks,
            )?;
            remove.push(path);
        }
        let mut run = vec![vec![
            "nmcli".to_owned(),
            "connection".to_owned(),
            "reload".to_owned(),
        ]];
        if !before.is_empty() {
            run.push(
                ["nmcli", "connection", "up", "uuid", &before]
                    .map(str::to_owned)
                    .to_vec(),
            );
        }
        let guard = self.guard(Undo {
            remove: remove.clone(),
            run,
            ..Undo::default()
        })?;
        let mut load = vec!["connection", "load"];
        load.extend(remove.iter().map(String::as_str));
        nmcli(&load).run()?;
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
                interface,
            ]);
            match up.limit(self.limit + PAUSE * 10).run() {
                Ok(_) => {
                    said = None;
                    break;
                }
                Err(error) => said = Some(error.to_string()),
            }
        }
        let came = match said {
            Some(said) if said.contains("Secrets were required") => {
                Err(Failure::Trouble(Trouble::WrongKey))
            }
            Some(said) => Err(Failure::Said(said)),
            None => self.wait(None),
        };
        self.settle(
            guard,
            came,
            Kept {
                clear: Vec::new(),
                remove,
            },
        )
    }

    /// Waits for the association, the address, and the connection that the program was started over.
    fn wait(&self, listener: Option<&Control>) -> Result<(), Failure> {
        self.connected(listener, Instant::now() + self.limit)?;
        self.addressed(Instant::now() + self.limit)?;
        let Some(connection) = ssh::connection(self.root) else {
            return Ok(());
        };
        // Something to acknowledge. Where standard error is closed there is nothing to see, and the table says so.
        let _ = writeln!(
            std::io::stderr(),
            "pi-wifi: {} is in the new network",
            self.interface()
        );
        if ssh::is_alive(self.root, &connection, SSH_PATIENCE) || self.keep_anyway {
            return Ok(());
        }
        Err(Failure::ConnectionDied)
    }

    /// Waits for an address. One that was there before may still be the former network's, and counts only once the DHCP client
    /// had the time to take it away.
    fn addressed(&self, deadline: Instant) -> Result<(), Failure> {
        let came = Instant::now();
        loop {
            let now = check::addresses(self.interface());
            let new = now.iter().any(|address| !self.before.contains(address));
            if new || (!now.is_empty() && came.elapsed() >= SETTLED) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failure::NoAddress);
            }
            thread::sleep(PAUSE);
        }
    }

    fn connected(&self, listener: Option<&Control>, deadline: Instant) -> Result<(), Failure> {
        let mut last = Failure::NotThere;
        while !self
            .is_in()
            .map_err(|error| Failure::Said(format!("{error:#}")))?
        {
            if Instant::now() >= deadline {
                return Err(last);
            }
            let Some(listener) = listener else {
                thread::sleep(PAUSE);
                continue;
            };
            let event = listener
                .event(PAUSE)
                .map_err(|error| Failure::Said(format!("{error:#}")))?;
            match event.as_deref().and_then(trouble) {
                // The only network, and waiting will not mend it.
                Some(Trouble::WrongKey) if self.site.networks.len() == 1 => {
                    return Err(Failure::Trouble(Trouble::WrongKey));
                }
                Some(trouble) if last != Failure::Trouble(Trouble::WrongKey) => {
                    last = Failure::Trouble(trouble)
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the interface is in one of the networks, with its keys in place.
    fn is_in(&self) -> anyhow::Result<bool> {
        is_in(self.site.request, self.root)
    }

    fn settle(
        &self,
        guard: Guard,
        came: Result<(), Failure>,
        kept: Kept,
    ) -> anyhow::Result<Outcome> {
        let Err(failure) = came else {
            guard.keep(self.root)?;
            return Ok(Outcome::Kept(kept));
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
        Ok(Outcome::TakenBack(Box::new(finding)))
    }

    fn finding(
        &self,
        failure: &Failure,
        seconds: u64,
        again: bool,
        problem: Option<anyhow::Error>,
    ) -> Finding {
        let names: Vec<String> = self
            .site
            .networks
            .iter()
            .map(|n| n.ssid.to_string())
            .collect();
        let names = names.join(", ");
        let (id, what, fix) = match failure {
            Failure::Trouble(Trouble::WrongKey) => (
                "wifi-wrong-key",
                format!("the key of {names} is wrong"),
                "write the access point's passphrase into the file that the document names",
            ),
            Failure::Trouble(Trouble::NotFound) | Failure::NotThere => (
                "wifi-not-found",
                format!("no access point of {names} is heard, or none that fits its security"),
                "look with `iw dev wlan0 scan`; a hidden network needs \"hidden\": true, another security its word",
            ),
            Failure::Trouble(Trouble::Refused(code)) => (
                "wifi-refused",
                format!("the access point of {names} refuses, status {code}"),
                "compare its security with the document's; 17 means that it is full",
            ),
            Failure::NoAddress => (
                "wifi-no-lease",
                format!("in {names}, and no address came"),
                "look at the DHCP server, or give a fixed address",
            ),
            Failure::ConnectionDied => (
                "wifi-connection-died",
                format!(
                    "in {names}, and the connection that this was started from does not live on"
                ),
                "that is to be expected where the address changes: --keep-anyway keeps it",
            ),
            Failure::Said(text) => ("wifi-trial-failed", text.clone(), "look at --check"),
        };
        let former = match (again, &problem) {
            (_, Some(_)) => "; taking it back failed too",
            (true, None) => "; the former state is back, and nothing that lasts was changed",
            (false, None) => "; it was taken back, and the former network is not there again yet",
        };
        let problem = problem.map(|problem| format!("{problem:#}"));
        Finding::error(id, self.interface(), format!("{what}{former}"))
            .fix(fix)
            .evidence(json!({"seconds": seconds, "former_link_is_back": again, "problem": problem}))
    }
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
    // Up means that keys are in place too: before that it is dormant (operstates.rst).
    let state = root.read(
        Path::new(&format!("/sys/class/net/{}/operstate", request.interface)),
        64,
    );
    Ok(wanted && state.is_ok_and(|state| state.starts_with(b"up")))
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

fn write_secret(path: &str, content: &Content, networks: &[Network]) -> anyhow::Result<()> {
    let bytes = content
        .reveal(networks)
        .with_context(|| format!("writing {path}: a key is not known"))?;
    write_file(Path::new(path), 0o600, |out| out.write_all(&bytes))
}
