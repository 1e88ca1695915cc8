//! What keeps a node from joining, found before it tries: pure judgements over an observed state.
//!
//! Effects count, not intentions: a controller that the kernel has, not a word in a file. Each finding holds its evidence
//! and the command that mends it.

mod boot;
mod cgroup;
mod clock;
mod identity;
mod installed;
mod modules;
mod network;
mod remains;
mod resources;
pub mod state;

pub use boot::wants_words;
pub use clock::date;
use cluster::finding::Finding;
use state::{State, Wish};

/// A group of judgements.
type Group = fn(&State, &Wish, &mut Vec<Finding>);

/// All groups, in the order in which a node meets them.
const GROUPS: [Group; 9] = [
    cgroup::check,
    boot::check,
    modules::check,
    identity::check,
    installed::check,
    network::check,
    clock::check,
    resources::check,
    remains::check,
];

/// Everything that speaks against joining, and what a card cannot show.
pub fn check(state: &State, wish: &Wish) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in GROUPS {
        group(state, wish, &mut findings);
    }
    if !state.live {
        let message = "a card shows its files; control groups at work, the clock, addresses, routes and ports are seen on the running node only";
        findings.push(
            Finding::info("k3s-card-only", wish.subject(state), message)
                .fix("k3s-join --check on the node, once it runs"),
        );
    }
    findings
}
