//! Joining rehearsed against a server, up to the point where it would change something.
//!
//! URL, TCP, TLS, `/ping`, `/cacerts`, the pinned hash, the certificate's names and dates, the token, the server's critical
//! settings. Three paths are asked for and no other ([`PATHS`]): none registers a node, and none returns a key. The token is
//! sent to a server only whose CA has the hash that the token pins. Every step ends at its limit.

mod asking;
pub mod cacerts;
mod certificate;
pub mod connect;
pub mod http;
pub mod ports;
mod reach;
pub mod settings;
mod tls;
pub mod token;
pub mod url;

use asking::Asking;
use cacerts::Bundle;
use cluster::finding::Finding;
use cluster::inventory::Role;
use ports::Peer;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use token::Token;
use url::Server;

/// All that a server is ever asked for.
pub const PATHS: [&str; 3] = ["/ping", "/cacerts", "/v1-k3s/config"];

/// What is rehearsed.
#[derive(Debug, Clone)]
pub struct Target {
    /// The server's URL.
    pub url: String,
    /// The token to join with.
    pub token: Option<Token>,
    /// The hash of the CA that is expected, where the token has none.
    pub pin: Option<String>,
    /// What the node would become.
    pub role: Option<Role>,
    /// The settings that this node would have as a server, by K3s's own keys.
    pub settings: BTreeMap<String, String>,
    /// This node's own addresses, which must not lie in the cluster's networks.
    pub addresses: Vec<IpAddr>,
    /// How long each step may take.
    pub limit: Duration,
}

/// How far the rehearsal came.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Rehearsal {
    /// The server's URL.
    pub server: String,
    /// The steps in their order.
    pub steps: Vec<StepReport>,
    /// The addresses that the server's host leads to.
    pub addresses: Vec<IpAddr>,
    /// The SHA-256 that a token for this server pins; `null` where the server did not tell its CA.
    pub ca_hash: Option<String>,
    /// The token with its hash and without its secret, as it would stand in a file.
    pub token_form: Option<String>,
}

/// One step of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepReport {
    /// `url`, `address`, `tcp`, `tls`, `ping`, `cacerts`, `pin`, `certificate`, `clock`, `token` or `settings`.
    pub step: &'static str,
    /// How it went.
    pub result: StepResult,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// As joining needs it.
    Passed,
    /// Joining would fail here.
    Failed,
    /// Not come to, or nothing to do.
    Skipped,
}

/// The steps in their order.
const STEPS: [&str; 11] = [
    "url",
    "address",
    "tcp",
    "tls",
    "ping",
    "cacerts",
    "pin",
    "certificate",
    "clock",
    "token",
    "settings",
];

/// A step that joining would fail at, and what was found.
pub(crate) struct Stop(Box<Finding>);

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self(Box::new(finding))
    }
}

/// What a step gives the next ones, or where it ends.
pub(crate) type Step<T> = Result<T, Stop>;

/// Rehearses joining.
pub fn rehearse(target: &Target) -> (Rehearsal, Vec<Finding>) {
    let mut run = Run {
        target,
        report: Rehearsal {
            server: target.url.clone(),
            ..Rehearsal::default()
        },
        findings: Vec::new(),
    };
    let failed = run.all().err();
    if let Some(Stop(finding)) = failed {
        run.findings.push(*finding);
        run.note(StepResult::Failed);
    }
    let skipped = STEPS.len() - run.report.steps.len();
    for _ in 0..skipped {
        run.note(StepResult::Skipped);
    }
    (run.report, run.findings)
}

/// A server that answers already, although the cluster is still to be started elsewhere.
pub fn born<'a>(
    servers: impl Iterator<Item = &'a Peer>,
    port: u16,
    limit: Duration,
) -> Option<Finding> {
    for peer in servers {
        let host = match peer.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let url = format!("https://{host}:{port}");
        let Ok(bundle) = cacerts_of(&url, limit) else {
            continue;
        };
        let message = format!(
            "{} at {url} answers as a server of K3s: the cluster is there, and starting this server would make a second, empty one",
            peer.name
        );
        return Some(
            Finding::error("k3s-cluster-exists", &peer.name, message)
                .fix(format!(
                    "where this node was a server of it and was made anew: put {} before it in `nodes` and plan again, so that it joins through that one",
                    peer.name
                ))
                .evidence(json!({"server": url, "ca_hash": bundle.hash})),
        );
    }
    None
}

/// What a server hands out of its CA, where one answers.
fn cacerts_of(url: &str, limit: Duration) -> Step<Bundle> {
    let server = reach::server(url)?;
    let addresses = reach::addresses(&server, limit)?;
    let asking = Asking {
        address: reach::tcp(&server, &addresses, limit)?,
        server: &server,
        limit,
    };
    asking.ping()?;
    asking.bundle()
}

struct Run<'a> {
    target: &'a Target,
    report: Rehearsal,
    findings: Vec<Finding>,
}

impl Run<'_> {
    /// Notes how the next step went.
    fn note(&mut self, result: StepResult) {
        if let Some(step) = STEPS.get(self.report.steps.len()) {
            self.report.steps.push(StepReport { step, result });
        }
    }

    fn passed<T>(&mut self, value: T) -> T {
        self.note(StepResult::Passed);
        value
    }

    fn all(&mut self) -> Step<()> {
        let target = self.target;
        let server = reach::server(&target.url)?;
        self.passed(());
        let addresses = reach::addresses(&server, target.limit)?;
        self.report.addresses = self.passed(addresses.clone());
        let address = reach::tcp(&server, &addresses, target.limit)?;
        self.passed(());
        let asking = Asking {
            server: &server,
            address,
            limit: target.limit,
        };
        let shown = asking.shown()?;
        self.passed(());
        let date = asking.ping()?;
        self.passed(());
        let bundle = asking.bundle()?;
        self.report.ca_hash = Some(self.passed(bundle.hash.clone()));
        let pinned = self.pin(&bundle)?;
        self.certificate(&server, &shown, &bundle)?;
        self.clock(date);
        self.token(&asking, &bundle, pinned)
    }

    /// Whether the CA is the one that is expected.
    fn pin(&mut self, bundle: &Bundle) -> Step<bool> {
        let target = self.target;
        let expected = target
            .token
            .as_ref()
            .and_then(|token| token.hash.clone())
            .or_else(|| target.pin.clone());
        let Some(expected) = expected else {
            self.note(StepResult::Skipped);
            return Ok(false);
        };
        if expected.eq_ignore_ascii_case(&bundle.hash) {
            self.note(StepResult::Passed);
            return Ok(true);
        }
        let message = "the server's CA is not the one that the token pins: the server was installed anew, its CA was changed, or this is another server";
        Err(Stop::from(
            Finding::error("k3s-ca-hash-differs", &target.url, message)
                .fix("take the token from this server's /var/lib/rancher/k3s/server/node-token, once it is known to be the right one")
                .evidence(json!({"expected": expected, "found": bundle.hash, "certificates": bundle.certificates.len()})),
        ))
    }

    fn certificate(&mut self, server: &Server, shown: &tls::Shown, bundle: &Bundle) -> Step<()> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.findings
            .extend(certificate::check(server, shown, bundle, now)?);
        self.note(StepResult::Passed);
        Ok(())
    }

    /// The server's clock beside this one, where it tells.
    fn clock(&mut self, date: Option<String>) {
        let Some(server) = date.as_deref().and_then(http::date_seconds) else {
            self.note(StepResult::Skipped);
            return;
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.findings
            .extend(certificate::clocks(&self.target.url, server, now));
        self.note(StepResult::Passed);
    }

    fn token(&mut self, asking: &Asking<'_>, bundle: &Bundle, pinned: bool) -> Step<()> {
        let target = self.target;
        let Some(token) = &target.token else {
            let message = "no token was given, so the rehearsal ends here";
            return Err(Stop::from(
                Finding::error("k3s-token-not-given", &target.url, message)
                    .fix("--token-file FILE, with the token of the server's /var/lib/rancher/k3s/server/node-token"),
            ));
        };
        let part = if target.role == Some(Role::Server) {
            "server"
        } else {
            "node"
        };
        self.report.token_form = Some(match token.bootstrap {
            true => format!("K10{}::<redacted>", bundle.hash),
            false => format!("K10{}::{part}:<redacted>", bundle.hash),
        });
        if !pinned {
            let message = "the token has no hash of the server's CA, so it is not sent: whoever answers at this address would have it";
            return Err(Stop::from(
                Finding::error("k3s-token-unpinned", &target.url, message)
                    .fix(format!(
                        "where this server is the right one, --pin {}, or the full token of its /var/lib/rancher/k3s/server/node-token",
                        bundle.hash
                    ))
                    .evidence(json!({"ca_hash": bundle.hash})),
            ));
        }
        let config = asking.config(bundle, token, target.role)?;
        self.note(StepResult::Passed);
        let Some(config) = config else {
            self.note(StepResult::Skipped);
            return Ok(());
        };
        let found = settings::compare(&target.url, &config, target);
        let result = match cluster::finding::ok(&found) {
            true => StepResult::Passed,
            false => StepResult::Failed,
        };
        self.note(result);
        self.findings.extend(found);
        Ok(())
    }
}
