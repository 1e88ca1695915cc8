//! Why a network does not come, and what is said of it.

use super::Trial;
use crate::control::Trouble;
use crate::ssh::Life;
use cluster::finding::Finding;
use serde_json::json;

/// Why a network does not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Trouble(Trouble),
    NotThere,
    NoAddress,
    ConnectionDied(Life),
    Said(String),
}

impl Failure {
    /// The finding's id, what happened, and what to do.
    fn said(&self, names: &str) -> (&'static str, String, &'static str) {
        match self {
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
            Failure::ConnectionDied(life) => (
                "wifi-connection-died",
                format!(
                    "in {names}, and the connection that this was started from does not live on: {life}"
                ),
                match life {
                    Life::Silent | Life::Unknown(_) => {
                        "start it in a terminal over ssh, its standard error not sent elsewhere; --keep-anyway keeps it without a look"
                    }
                    _ => "that is to be expected where the address changes: --keep-anyway keeps it",
                },
            ),
            Failure::Said(text) => ("wifi-trial-failed", text.clone(), "look at --check"),
        }
    }
}

impl Trial<'_> {
    pub(super) fn finding(
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
        let (id, what, fix) = failure.said(&names);
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
