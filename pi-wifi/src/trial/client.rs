//! An address where nobody else gives one: who is asked for it, and how that is taken back.

use super::Trial;
use crate::processes;
use crate::render::systemd::{network, network_path};
use anyhow::Context;
use cluster::command::Command;
use cluster::root::{Attributes, Root};
use std::path::Path;

/// Where programs are.
const FOLDERS: [&str; 5] = ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Who gives the interface its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// A client that has the interface already.
    Theirs,
    /// networkd, which runs and does not have the interface: by a file that a restart takes away.
    Networkd,
    /// `ip`, for a fixed address.
    Fixed,
    Dhcpcd,
    Dhclient,
}

impl Client {
    pub(super) fn choose(trial: &Trial<'_>) -> Self {
        let fixed = trial.site.request.address.is_some();
        if trial.owner.dhcp.is_some() {
            return if fixed { Self::Fixed } else { Self::Theirs };
        }
        if !processes::named(trial.root, "systemd-networkd").is_empty() {
            return Self::Networkd;
        }
        match fixed {
            true => Self::Fixed,
            false if !is_there(trial.root, "dhcpcd") && is_there(trial.root, "dhclient") => {
                Self::Dhclient
            }
            false => Self::Dhcpcd,
        }
    }

    /// The file that goes when the trial is taken back.
    pub(super) fn file(self, interface: &str) -> Option<String> {
        (self == Self::Networkd).then(|| network_path("/run", interface))
    }

    pub(super) fn start(self, trial: &Trial<'_>) -> anyhow::Result<()> {
        if let Some(path) = self.file(trial.interface()) {
            write_network(trial, &path)?;
        }
        for argv in self.commands(trial) {
            Command::new(&argv[0])
                .args(&argv[1..])
                .limit(trial.limit)
                .run()?;
        }
        Ok(())
    }

    fn commands(self, trial: &Trial<'_>) -> Vec<Vec<String>> {
        let request = trial.site.request;
        let (interface, metric) = (&request.interface, request.route_metric);
        match self {
            Self::Theirs => Vec::new(),
            Self::Networkd => vec![words("networkctl reload")],
            Self::Dhcpcd => vec![words(&format!("dhcpcd -q -4 -m {metric} {interface}"))],
            // Its script takes the metric from there; the place is the one that ifupdown uses.
            Self::Dhclient => vec![words(&format!(
                "dhclient -4 -1 -e IF_METRIC={metric} -pf /run/dhclient.{interface}.pid {interface}"
            ))],
            Self::Fixed => {
                let address = request.address.iter();
                let mut all: Vec<Vec<String>> = address
                    .map(|address| words(&format!("ip address replace {address} dev {interface}")))
                    .collect();
                all.extend(request.gateway.map(|gateway| {
                    words(&format!(
                        "ip route replace default via {gateway} dev {interface} metric {metric}"
                    ))
                }));
                all
            }
        }
    }

    /// What takes it back, each where it was begun.
    pub(super) fn undo(self, trial: &Trial<'_>) -> Vec<Vec<String>> {
        let request = trial.site.request;
        let (interface, metric) = (&request.interface, request.route_metric);
        let mut undo = match self {
            Self::Theirs => return Vec::new(),
            Self::Networkd => vec![words("networkctl reload")],
            Self::Dhcpcd => vec![words(&format!("dhcpcd -k {interface}"))],
            Self::Dhclient => vec![words(&format!(
                "dhclient -4 -r -pf /run/dhclient.{interface}.pid {interface}"
            ))],
            Self::Fixed => Vec::new(),
        };
        undo.extend(
            request
                .gateway
                .filter(|_| self == Self::Fixed)
                .map(|gateway| {
                    words(&format!(
                        "ip route del default via {gateway} dev {interface} metric {metric}"
                    ))
                }),
        );
        let fixed = request.address.as_deref().filter(|address| {
            let plain = address.split('/').next().and_then(|a| a.parse().ok());
            plain.is_some_and(|plain| !trial.before.contains(&plain))
        });
        if let Some(address) = fixed {
            undo.push(words(&format!("ip address del {address} dev {interface}")));
        } else if trial.before.is_empty() {
            undo.push(words(&format!(
                "ip address flush dev {interface} scope global"
            )));
        }
        undo
    }
}

fn write_network(trial: &Trial<'_>, path: &str) -> anyhow::Result<()> {
    let writing = || format!("writing {path}");
    let text = network(trial.site).shown().into_bytes();
    let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
    let attributes = Attributes {
        mode: 0o644,
        owner: None,
    };
    trial
        .root
        .make_folder(folder, 0o755)
        .and_then(|()| trial.root.write(Path::new(path), &text, attributes))
        .with_context(writing)
}

/// Words without white space in them.
fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn is_there(root: &Root, program: &str) -> bool {
    FOLDERS.iter().any(|folder| {
        root.exists(Path::new(&format!("{folder}/{program}")))
            .unwrap_or(false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Owner;
    use crate::request::{Request, Site};
    use serde_json::json;
    use std::fs::{create_dir_all, write};
    use std::net::IpAddr;
    use std::time::{Duration, Instant};

    /// What is chosen on a machine with this program running and this one installed, and what takes it back.
    fn chosen(
        running: &str,
        installed: &str,
        address: Option<&str>,
        before: &[IpAddr],
    ) -> (Client, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join("proc/700");
        create_dir_all(&process).unwrap();
        write(process.join("comm"), running).unwrap();
        create_dir_all(folder.path().join("usr/sbin")).unwrap();
        write(folder.path().join("usr/sbin").join(installed), "").unwrap();
        let root = Root::open(folder.path()).unwrap();
        let request: Request = serde_json::from_value(json!({
            "country": null, "interface": "wlan0", "address": address, "gateway": "10.0.0.1", "dns": [], "route_metric": 600,
            "ethernet": null, "os": null, "stack": "systemd", "netplan": null, "networks": []
        }))
        .unwrap();
        let trial = Trial {
            site: Site {
                node: "pi1",
                request: &request,
                networks: &[],
                fragments: &[],
            },
            owner: &Owner::default(),
            root: &root,
            before,
            former: None,
            begun: Instant::now(),
            limit: Duration::from_secs(5),
            keep_anyway: false,
        };
        let client = Client::choose(&trial);
        let undo = client.undo(&trial);
        (client, undo.iter().map(|argv| argv.join(" ")).collect())
    }

    #[test]
    fn who_gives_the_address_gives_it_up_again() {
        let flush = "ip address flush dev wlan0 scope global";
        let (client, undo) = chosen("systemd-network", "dhcpcd", None, &[]);
        assert_eq!(client, Client::Networkd);
        assert_eq!(undo, ["networkctl reload", flush]);
        let (client, undo) = chosen("x", "dhcpcd", None, &[]);
        assert_eq!(client, Client::Dhcpcd);
        assert_eq!(undo, ["dhcpcd -k wlan0", flush]);
        assert_eq!(chosen("x", "dhclient", None, &[]).0, Client::Dhclient);
        let (client, undo) = chosen("x", "dhcpcd", Some("10.0.0.9/24"), &[]);
        assert_eq!(client, Client::Fixed);
        assert_eq!(
            undo,
            [
                "ip route del default via 10.0.0.1 dev wlan0 metric 600",
                "ip address del 10.0.0.9/24 dev wlan0"
            ]
        );
        // An address that was there before stays.
        let before = ["10.0.0.9".parse().unwrap()];
        let (_, undo) = chosen("systemd-network", "x", Some("10.0.0.9/24"), &before);
        assert_eq!(undo, ["networkctl reload"]);
    }
}
