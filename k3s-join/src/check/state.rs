//! What a node was seen to be, and what it shall become. Seeing is `observe`'s job; judging uses nothing else.

use crate::answer::Port;
use cluster::inventory::{Os, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What the node shall become, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The node's name.
    pub name: Option<String>,
    /// Its part in the cluster.
    pub role: Option<Role>,
    /// Its operating system.
    pub os: Option<Os>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// The interface that carries the address.
    pub interface: Option<String>,
    /// The server that it joins, as a URL.
    pub server: Option<String>,
    /// The version of K3s.
    pub version: Option<String>,
    /// The machine id that the document has for each other node, by its name.
    pub machine_ids: BTreeMap<String, String>,
    /// Whether the cluster has several servers, so that etcd is used.
    pub etcd: bool,
    /// The cluster's ports; none where no document says them.
    pub ports: Vec<Port>,
    /// The cluster's `flannel-backend`, which only servers are told.
    pub backend: Option<String>,
    /// The folder for K3s's data, where it is not K3s's own default.
    pub data: Option<String>,
    /// The SHA-256 in the token that the node shall use.
    pub token_hash: Option<String>,
    /// The SHA-256 of the token's password, to compare without holding it.
    pub password_sha256: Option<String>,
}

/// What the node was seen to be. What is `None` could not be seen.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Whether this is a running system, not its card.
    pub live: bool,
    /// `ID` of os-release.
    pub os_id: String,
    /// `VERSION_ID` of os-release.
    pub os_version: String,
    /// The running kernel's release.
    pub release: Option<String>,
    /// The running kernel's machine, as `uname -m`.
    pub machine: Option<String>,
    /// Whether the programs are of 32 or 64 bits.
    pub program_bits: Option<u8>,
    /// Control groups.
    pub cgroups: Option<Cgroups>,
    /// The kernel's command line, and where it comes from.
    pub boot: Boot,
    /// Kernel modules.
    pub modules: Modules,
    /// Who the node says it is.
    pub host: Host,
    /// What of K3s is there.
    pub k3s: Installed,
    /// Addresses, routes, ports.
    pub network: Option<Network>,
    /// The time.
    pub clock: Clock,
    /// Memory and disk.
    pub resources: Resources,
    /// What else is on the node.
    pub remains: Remains,
}

/// Control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroups {
    /// Version 2 alone, with the controllers of `cgroup.controllers`.
    V2(Vec<String>),
    /// Version 1, alone or beside version 2, with the controllers that are mounted.
    V1(Vec<String>),
    /// Nothing is mounted at `/sys/fs/cgroup`.
    Unmounted,
}

/// The kernel's command line, and where it comes from.
#[derive(Debug, Clone, Default)]
pub struct Boot {
    /// The files that look like a command line, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The one of them that the firmware reads.
    pub read: Option<String>,
    /// What the running kernel was started with.
    pub running: Option<Vec<u8>>,
    /// The boot partition is not mounted where its files should be.
    pub unmounted: Option<String>,
    /// Under which filter of config.txt another file is named.
    pub filtered: Option<String>,
    /// Debian's raspi-firmware writes the file anew at every kernel: its file for further words, and that file's content.
    pub regenerated: Option<(String, Vec<u8>)>,
}

/// Kernel modules by name, with `_` for `-`.
#[derive(Debug, Clone, Default)]
pub struct Modules {
    /// The releases that have a folder in `/lib/modules`.
    pub releases: Vec<String>,
    /// Modules that are built in or can be loaded, of the running release or of all on a card.
    pub available: BTreeSet<String>,
    /// What is at work already: loaded modules, known file systems.
    pub active: BTreeSet<String>,
}

/// Who the node says it is.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// The host name as it is written, not shortened.
    pub name: Option<String>,
    /// `/etc/machine-id`, trimmed.
    pub machine_id: Option<String>,
    /// Whether its own name leads to an address, and how that is known.
    pub resolves: Option<(bool, String)>,
    /// Whether the server's name leads to an address; `None` where it is an address or was not tried.
    pub server_resolves: Option<bool>,
}

/// What of K3s is there.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    /// Folders that hold K3s's data, or shall: the one that its configuration names, the one that is planned, and where the
    /// configuration names none the default.
    pub data: Vec<String>,
    /// Unit files that are there.
    pub units: Vec<String>,
    /// Units without a limit to their start.
    pub unlimited: Vec<String>,
    /// Whether a K3s process runs.
    pub running: bool,
    /// What `k3s --version` says, where it is installed.
    pub version: Option<String>,
    /// Whether `/etc/rancher/node/password` is there.
    pub node_password: bool,
    /// Whether the node was in a cluster: its agent's folder is there.
    pub was_agent: bool,
    /// Whether a server's data is there.
    pub was_server: bool,
    /// The SHA-256 of the server's token on the disk (its password part).
    pub token_sha256: Option<String>,
    /// The hash of the CA that the agent trusts.
    pub agent_ca_hash: Option<String>,
    /// Files with a secret that others may read: path and mode.
    pub open_secrets: Vec<(String, u32)>,
    /// Settings in K3s's configuration, each with the file that has the last word.
    pub settings: BTreeMap<String, Setting>,
    /// Names of variables of K3s in the unit's environment file, with the values of those that are no secrets.
    pub environment: BTreeMap<String, Option<String>>,
}

/// One setting of K3s's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its value as it is written; `None` for a list or a secret.
    pub value: Option<String>,
    /// Whether quotes are around it.
    pub quoted: bool,
    /// The file that it stands in.
    pub file: String,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The interface.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Whether a lease gave it; `None` where it is not known.
    pub dynamic: Option<bool>,
}

/// Addresses, routes, ports.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// The addresses of all interfaces but the loopback.
    pub addresses: Vec<Address>,
    /// All interfaces but the loopback.
    pub interfaces: Vec<String>,
    /// The interfaces that default routes go out of, the preferred one first.
    pub default_routes: Vec<String>,
    /// Taken ports: `tcp/6443`.
    pub ports: BTreeSet<String>,
    /// The address that packets to the server would come from; `None` where there is no way to it.
    pub source: Option<IpAddr>,
    /// Whether the way to the server was asked for.
    pub source_asked: bool,
}

/// The time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Seconds since 1970; `None` on a card.
    pub now_s: Option<i64>,
    /// Whether the kernel knows its clock to be set by others (`adjtimex`).
    pub synchronized: Option<bool>,
    /// Whether there is a clock that runs without power.
    pub rtc: Option<bool>,
    /// The latest time that a file of the system bears witness to: what, and when.
    pub witness: Option<(String, i64)>,
}

/// Memory and disk.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Processors.
    pub processors: Option<usize>,
    /// Swap devices and files.
    pub swap: Vec<String>,
    /// The folder that holds, or will hold, K3s's data: path, free and total bytes, the file system's type.
    pub data: Option<Volume>,
    /// Write latencies that were measured, in microseconds, sorted.
    pub latencies_us: Vec<u64>,
}

/// Where data lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The data folder.
    pub path: String,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// All bytes.
    pub total_bytes: u64,
    /// The file system's type; empty where it is not known.
    pub filesystem: String,
}

/// What else is on the node.
#[derive(Debug, Clone, Default)]
pub struct Remains {
    /// The version of iptables that is installed.
    pub iptables: Option<String>,
    /// Other Kubernetes on the node: what, and the path that shows it.
    pub kubernetes: Vec<(String, String)>,
    /// Whether Docker runs.
    pub docker: bool,
    /// Active firewalls that close ports: `ufw`, `firewalld`.
    pub firewalls: Vec<String>,
}

impl Wish {
    /// Whether the node shall be a server.
    pub fn server_role(&self) -> bool {
        self.role == Some(Role::Server)
    }

    /// What findings about the node are about.
    pub fn subject<'a>(&'a self, state: &'a State) -> &'a str {
        let host = state.host.name.as_deref();
        self.name.as_deref().or(host).unwrap_or("node")
    }
}
