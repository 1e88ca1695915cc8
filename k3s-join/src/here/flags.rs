//! The arguments about this node.

use clap::{Args, ValueEnum};
use cluster::inventory::{Inventory, Role};
use std::path::PathBuf;

/// What is done on a node.
#[derive(Debug, Clone, Default, Args)]
pub struct Here {
    /// Look at the node, or with --sysroot at its card: what would keep it from joining
    #[arg(long, conflicts_with_all = ["apply", "leave"])]
    pub(crate) check: bool,
    /// Rehearse joining against the server: nothing is registered, nothing changed
    #[arg(long, conflicts_with_all = ["apply", "leave"])]
    pub(crate) rehearse: bool,
    /// The server that the node joins, https://ADDRESS:6443 [default: the document's]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The file with the token [default: the document's]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The SHA-256 of the server's CA, where the token has none in it
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    pub(crate) pin: Option<String>,
    /// The node's part: server or agent [default: the document's]
    #[arg(long, value_parser = role)]
    pub(crate) role: Option<Role>,
    /// How long each step of a rehearsal may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) limit: u64,
    /// With --apply: K3s's release file, copied to /usr/local/bin/k3s
    #[arg(long, value_name = "FILE", requires = "apply")]
    pub(crate) binary: Option<PathBuf>,
    /// With --apply: an archive of the same release's images; may be given again
    #[arg(long, value_name = "FILE", requires = "apply")]
    pub(crate) images: Vec<PathBuf>,
    /// The release's list of sums (sha256sum-arm64.txt), to compare both with
    #[arg(long, value_name = "FILE", requires = "apply")]
    pub(crate) sums: Option<PathBuf>,
    /// With --apply: run this official install.sh with the right variables
    #[arg(long, value_name = "FILE", requires = "apply")]
    pub(crate) run_installer: Option<PathBuf>,
    /// With --apply: how long K3s may take until it is ready, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) wait: u64,
    /// Take back what --apply did; K3s's own script ends and removes it
    #[arg(long, conflicts_with_all = ["binary", "images", "run_installer"])]
    pub(crate) leave: bool,
    /// With --leave: what may be lost: datastore, volumes or both
    #[arg(
        long,
        value_name = "WHAT",
        requires = "leave",
        value_enum,
        value_delimiter = ','
    )]
    pub(crate) discard: Vec<Discard>,
    /// With --check: also measure flushed writes where K3s's data will lie
    #[arg(long, requires = "check")]
    pub(crate) probe_disk: bool,
}

/// What leaving may lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Discard {
    /// The cluster's datastore on this server
    Datastore,
    /// The local volumes of pods
    Volumes,
}

fn role(text: &str) -> Result<Role, String> {
    match text {
        "server" => Ok(Role::Server),
        "agent" => Ok(Role::Agent),
        _ => Err("expected server or agent".to_owned()),
    }
}

fn sha256(text: &str) -> Result<String, String> {
    let good = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match good {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("expected 64 hexadecimal digits".to_owned()),
    }
}

impl Here {
    /// A flag that goes with these modes only, where none of them was asked for.
    pub fn stray(&self) -> Option<&'static str> {
        let given = [
            (self.server.is_some(), "--server"),
            (self.token_file.is_some(), "--token-file"),
            (self.pin.is_some(), "--pin"),
            (self.role.is_some(), "--role"),
        ];
        let given = given.into_iter().find(|(given, _)| *given);
        given.map(|(_, flag)| flag)
    }

    /// A flag that would change what is judged, and not what an apply writes. Without a document nothing is written, and the
    /// part only chooses the unit.
    pub fn unwritten(&self, inventory: &Inventory) -> Option<&'static str> {
        let given = [
            (self.server.is_some(), "--server"),
            (self.token_file.is_some(), "--token-file"),
            (self.role.is_some() && !inventory.nodes.is_empty(), "--role"),
        ];
        let given = given.into_iter().find(|(given, _)| *given);
        given.map(|(_, flag)| flag)
    }

    /// Whether anything is asked of a node itself, beside acting on it.
    pub fn asked(&self) -> bool {
        self.check || self.rehearse || self.leave
    }
}
