//! From the request to what each node needs. No clock, no randomness, no environment, no files.

pub mod config;
pub mod files;
pub mod install;
pub mod steps;

use crate::answer::{Answer, Entry, Ha, NodeAnswer, NodeWish, Storage};
use crate::ports;
use crate::refuse;
use crate::refuse::servers::{quorum, servers};
use crate::request::Request;
use crate::roles::{self, Part};
use cluster::finding::Finding;
use cluster::inventory::{LoadBalancerKind, Role};
use config::Effective;
use serde_json::json;
use std::net::IpAddr;

/// The port of K3s's server.
pub const PORT: u16 = 6443;

/// What all nodes share.
#[derive(Debug)]
pub struct Shared<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// Each node's part.
    pub parts: Vec<Part>,
    /// The server that the others join, by its place.
    pub first: Option<usize>,
    /// Where they join it: `https://192.168.11.11:6443`.
    pub url: Option<String>,
    /// How many servers there are.
    pub servers: usize,
}

/// The plan and what was noticed.
pub fn plan(request: &Request) -> (Answer, Vec<Finding>) {
    let shared = Shared::new(request);
    let mut findings = refuse::findings(request, &shared.parts);
    findings.extend(advice(&shared));
    let mut answer = Answer {
        pending: !request.nodes().is_empty(),
        order: shared.order(),
        ha: shared.ha(),
        service_addresses: service_addresses(request),
        storage: storage(request),
        ..Answer::default()
    };
    if let Some(first) = shared.first {
        answer.ports = ports::ports(&Effective::new(&shared, first), shared.servers);
    }
    for at in 0..request.nodes().len() {
        let name = request.nodes()[at].name.to_string();
        let planned = Some(node(&shared, at));
        answer.nodes.insert(name, Entry { planned, run: None });
    }
    (answer, findings)
}

impl<'a> Shared<'a> {
    /// From the request.
    pub fn new(request: &'a Request) -> Self {
        let parts = roles::parts(request);
        let servers = servers(&parts);
        let first = servers.first().copied();
        let given = request.k3s.server_address.as_ref().map(ToString::to_string);
        let own = || Some(request.nodes()[first?].address?.address().to_string());
        let host = given.or_else(own).map(|host| match host.contains(':') {
            true => format!("[{host}]"),
            false => host,
        });
        let port = first.and_then(|first| {
            let own = request.nodes()[first].k3s.as_ref();
            let own = own.and_then(|own| own.config.get("https-listen-port"));
            own.or(request.k3s.config.get("https-listen-port"))?
                .as_u64()
        });
        let port = port.unwrap_or(u64::from(PORT));
        Self {
            request,
            first,
            url: host.map(|host| format!("https://{host}:{port}")),
            servers: servers.len(),
            parts,
        }
    }

    /// Whether the servers keep the state with etcd.
    pub fn uses_etcd(&self) -> bool {
        self.servers > 1 && !self.request.external_datastore()
    }

    /// Servers first, in the document's order, then agents.
    fn order(&self) -> Vec<String> {
        let name = |at: &usize| self.request.nodes()[*at].name.to_string();
        let of = |role: Role| (0..self.parts.len()).filter(move |at| self.parts[*at].role == role);
        of(Role::Server)
            .chain(of(Role::Agent))
            .map(|at| name(&at))
            .collect()
    }

    fn ha(&self) -> Option<Ha> {
        self.first?;
        let external = self.request.external_datastore();
        Some(Ha {
            servers: self.servers,
            tolerates: match external {
                true => self.servers - 1,
                false => quorum(self.servers).1,
            },
            datastore: match (external, self.servers) {
                (true, _) => "external",
                (false, 1) => "sqlite",
                (false, _) => "etcd",
            },
            server: self.url.clone(),
            ca_sha256: self.request.ca.as_ref().map(|(_, pin)| pin.0.clone()),
        })
    }
}

fn node(shared: &Shared<'_>, at: usize) -> NodeAnswer {
    let node = &shared.request.nodes()[at];
    let part = &shared.parts[at];
    let platform = Request::platform(node);
    let effective = Effective::new(shared, at);
    let wish = NodeWish {
        name: node.name.to_string(),
        os: node.os,
        os_release: node.os_release.as_ref().map(ToString::to_string),
        version: shared.request.version_on(at).map(ToString::to_string),
        address: node.address.map(|address| address.address()),
        interface: node.interface.as_ref().map(ToString::to_string),
        server: shared.url.clone().filter(|_| shared.first != Some(at)),
        config: effective.config,
    };
    let unit = match (platform.is_rancher(), part.role) {
        (true, _) => None,
        (false, Role::Server) => Some("k3s.service"),
        (false, Role::Agent) => Some("k3s-agent.service"),
    };
    let mut answer = NodeAnswer {
        role: part.role,
        why: part.why.clone(),
        cluster_init: shared.uses_etcd() && shared.first == Some(at),
        unit,
        install: install::install(shared, at),
        kernel_command_line: platform.kernel_command_line(),
        packages: platform.packages(),
        files: Vec::new(),
        state_sha256: None,
        plan_sha256: None,
        steps: Vec::new(),
        request: wish,
    };
    answer.files = files::files(shared, at, &answer);
    answer.steps = steps::steps(&answer);
    answer.plan_sha256 = Some(cluster::plan::hash(&json!({
        "tool": crate::TOOL,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "request": answer.request,
        "files": answer.files,
    })));
    answer
}

/// Where services of type LoadBalancer answer: what MetalLB hands out, or the nodes' own addresses.
fn service_addresses(request: &Request) -> Vec<IpAddr> {
    let network = request.inventory.network.as_ref();
    let balancer = network.and_then(|network| network.load_balancer.as_ref());
    match balancer.map(|balancer| balancer.kind) {
        Some(LoadBalancerKind::Metallb) => {
            let ranges = request.pool.iter().flat_map(|pool| &pool.ranges);
            ranges.map(|range| range.first).collect()
        }
        Some(LoadBalancerKind::None) => Vec::new(),
        Some(LoadBalancerKind::ServiceLb) | None => {
            let nodes = request.nodes().iter();
            nodes
                .filter_map(|node| Some(node.address?.address()))
                .collect()
        }
    }
}

/// The first volume that gives Kubernetes its volumes. Its manifest is gluster-plan's, who knows what is mounted.
fn storage(request: &Request) -> Option<Storage> {
    let storage = request.inventory.storage.as_ref()?;
    let volume = storage
        .volumes
        .iter()
        .find(|volume| volume.provisioner.is_some())?;
    let name = volume.name.as_str();
    let planned = request.gluster.iter().flat_map(|plan| &plan.volumes);
    let planned = planned
        .filter(|planned| planned.name == name)
        .find_map(|planned| planned.mount.as_ref().map(ToString::to_string));
    let own = volume.mount.as_ref().map(ToString::to_string);
    Some(Storage {
        volume: name.to_owned(),
        mount: planned.or(own).unwrap_or_else(|| format!("/mnt/{name}")),
        manifest: "gluster-plan -f k8s",
    })
}

/// What a person should know about a cluster that is carried about.
fn advice(shared: &Shared<'_>) -> Vec<Finding> {
    if shared.request.nodes().is_empty() {
        return Vec::new();
    }
    let mut findings = vec![
        Finding::info(
            "k3s-clock",
            "nodes",
            "a Pi has no clock of its own: until the time is right, certificates look not yet valid or run out at once; K3s is started after time-sync.target",
        )
        .fix("where the nodes always reach a time server: systemctl enable systemd-time-wait-sync.service (without one K3s then never starts)"),
        Finding::info("k3s-swap", "nodes", "K3s starts with swap on, and a card wears out by it").fix("systemctl disable --now dphys-swapfile"),
    ];
    if shared
        .request
        .pool
        .as_ref()
        .is_some_and(|pool| pool.kind == LoadBalancerKind::Metallb)
    {
        findings.push(
            Finding::info("k3s-metallb", "network", "MetalLB is no part of K3s, whose own load balancer is left out for it")
                .fix("install it (metallb.universe.tf), then: nat-gen -f metallb cluster.json | kubectl apply -f -"),
        );
    }
    if let Some((_, pin)) = &shared.request.ca {
        let message = format!(
            "the CA is brought along (SHA-256 {}): its files count only before the first start of the first server, and must never be copied over a running one's",
            pin.0
        );
        findings.push(Finding::info(
            "k3s-ca-before-first-start",
            "k3s.ca_dir",
            message,
        ));
    } else {
        findings.push(
            Finding::info(
                "k3s-ca-not-pinned",
                "k3s",
                "K3s makes its own CA at its first start, so nodes trust whoever answers when they join",
            )
            .fix("before the first start: k3s-join --make-ca DIR, and DIR in k3s.ca_dir"),
        );
    }
    findings
}
