//! How a node leaves, in the order that keeps the cluster's quorum.
//!
//! K3s takes a server out of etcd when its node has the annotation `etcd.k3s.cattle.io/remove`, and says so in another
//! (`pkg/etcd/member_controller.go`); a node's password lives on in a secret, and a node of that name which was made anew
//! could not join ("Node password rejected").

use crate::plan::Shared;
use crate::refuse::servers::quorum;
use cluster::finding::Finding;
use cluster::inventory::Role;
use schemars::JsonSchema;
use serde::Serialize;

/// How a node leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Removal {
    /// The node.
    pub node: String,
    /// Its address.
    pub address: Option<String>,
    /// Servers that are left.
    pub servers_left: usize,
    /// How many of those may fail.
    pub tolerates: usize,
    /// The steps in their order.
    pub steps: Vec<RemovalStep>,
}

/// One step of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RemovalStep {
    /// Its name.
    pub id: &'static str,
    /// Where it runs: `kubectl` is where `kubectl` reaches the cluster, `node` is the node itself.
    pub on: &'static str,
    /// The command.
    pub argv: Vec<String>,
    /// Why.
    pub why: &'static str,
}

/// The removal of the node at `at`, and what speaks against it.
pub fn removal(shared: &Shared<'_>, at: usize) -> (Removal, Vec<Finding>) {
    let node = &shared.request.nodes()[at];
    let name = node.name.as_str();
    let server = shared.parts[at].role == Role::Server;
    let left = shared.servers - usize::from(server);
    let removal = Removal {
        node: name.to_owned(),
        address: node.address.map(|address| address.address().to_string()),
        servers_left: left,
        tolerates: if left == 0 { 0 } else { quorum(left).1 },
        steps: steps(name, server && shared.uses_etcd()),
    };
    let findings = if server {
        faults(shared, at, left)
    } else {
        Vec::new()
    };
    (removal, findings)
}

fn faults(shared: &Shared<'_>, at: usize, left: usize) -> Vec<Finding> {
    let name = shared.request.nodes()[at].name.as_str();
    let mut findings = Vec::new();
    if left == 0 {
        findings.push(
            Finding::error("k3s-remove-last-server", name, "it is the only server: with it goes the cluster and all its state")
                .fix("to replace it: back up /var/lib/rancher/k3s/server/db and the token, and restore them on another node"),
        );
        return findings;
    }
    if shared.uses_etcd() {
        let (needed, _) = quorum(left);
        if left < 2 {
            // Two members need both; while one of them goes the other alone has no say.
            findings.push(
                Finding::error(
                    "k3s-remove-quorum",
                    name,
                    "of two servers both are the quorum: when one is taken out while the other is not well, etcd stops for good",
                )
                .fix("let a third server join first; or, on the one that stays: k3s server --cluster-reset"),
            );
        } else if left.is_multiple_of(2) {
            let message = format!(
                "{left} servers are left and {needed} of them are the quorum: until another joins, {} may fail",
                left - needed
            );
            findings.push(
                Finding::warning("k3s-remove-even", name, message)
                    .fix("check first that the others are ready (kubectl get nodes), and let the next server join soon"),
            );
        }
    }
    if shared.first == Some(at) {
        findings.push(
            Finding::warning(
                "k3s-remove-first-server",
                name,
                "the other nodes' configuration names it as the server that they join",
            )
            .fix("take it out of the document, plan again, and apply that on the others before it goes"),
        );
    }
    findings
}

/// The steps: `etcd` says whether the node is a member.
fn steps(name: &str, etcd: bool) -> Vec<RemovalStep> {
    let mut steps = vec![drain(name)];
    if etcd {
        steps.extend(out_of_etcd(name));
    }
    steps.push(leave(etcd));
    steps.extend(forgotten(name));
    steps
}

fn drain(name: &str) -> RemovalStep {
    step(
        "drain",
        "kubectl",
        &[
            "kubectl",
            "drain",
            name,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--timeout=300s",
        ],
        "its pods move to other nodes; where the node is dead, leave this step out",
    )
}

fn out_of_etcd(name: &str) -> [RemovalStep; 2] {
    let node = format!("node/{name}");
    let gone = "--for=jsonpath={.metadata.annotations.etcd\\.k3s\\.cattle\\.io/removed-node-name}";
    [
        step(
            "etcd-member",
            "kubectl",
            &[
                "kubectl",
                "annotate",
                "--overwrite",
                "node",
                name,
                "etcd.k3s.cattle.io/remove=true",
            ],
            "K3s takes it out of etcd while a quorum is there",
        ),
        step(
            "etcd-member-gone",
            "kubectl",
            &["kubectl", "wait", gone, &node, "--timeout=120s"],
            "K3s says in this annotation which member it took out (kubectl 1.31 or newer waits for a value to appear)",
        ),
    ]
}

fn leave(etcd: bool) -> RemovalStep {
    let mut argv = vec!["k3s-join", "-n", "--leave"];
    if etcd {
        // What its etcd held, the others hold.
        argv.extend(["--discard", "datastore"]);
    }
    argv.push("--apply");
    step(
        "leave",
        "node",
        &argv,
        "K3s stops and goes from the node; where the node is dead, leave this step out",
    )
}

fn forgotten(name: &str) -> [RemovalStep; 2] {
    let secret = format!("{name}.node-password.k3s");
    [
        step(
            "delete-node",
            "kubectl",
            &["kubectl", "delete", "node", name],
            "the cluster forgets it; only now, or it would register again",
        ),
        step(
            "delete-password",
            "kubectl",
            &[
                "kubectl",
                "--namespace=kube-system",
                "delete",
                "secret",
                &secret,
                "--ignore-not-found",
            ],
            "otherwise a node of this name that is made anew is rejected for its password",
        ),
    ]
}

fn step(id: &'static str, on: &'static str, argv: &[&str], why: &'static str) -> RemovalStep {
    RemovalStep {
        id,
        on,
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        why,
    }
}
