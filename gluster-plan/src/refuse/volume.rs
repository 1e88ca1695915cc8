//! What a volume's own fields show.

use crate::volume::{MOST_COPIES, Quorum, Volume};
use cluster::finding::Finding;
use cluster::inventory::Volume as Given;

/// Words that `gluster volume create` takes for something else (cli_cmd_volume_create_parse and its callers).
const RESERVED: [&str; 10] = [
    "all",
    "volume",
    "type",
    "subvolumes",
    "option",
    "end-volume",
    "volume_not_in_ring",
    "help",
    "force",
    "description",
];

/// What a volume's own fields show.
pub fn asked(given: &Given, index: usize, others: &[Given]) -> Vec<Finding> {
    let error =
        |(id, message, fix): Fault| Finding::error(id, given.name.as_str(), message).fix(fix);
    let faults = name(given, &others[..index])
        .into_iter()
        .chain(copies(given))
        .chain(quorum(given));
    faults.map(error).collect()
}

/// An identifier, what is wrong, what to do.
type Fault = (&'static str, String, &'static str);

fn name(given: &Given, before: &[Given]) -> Vec<Fault> {
    let name = given.name.as_str();
    let mut faults = Vec::new();
    if RESERVED.contains(&name) {
        faults.push((
            "gluster-reserved-name",
            format!("{name:?} means something else to the gluster command"),
            "name the volume otherwise",
        ));
    }
    if before.iter().any(|other| other.name == given.name) {
        faults.push((
            "gluster-volume-twice",
            format!("two volumes are called {name}"),
            "name one of them otherwise",
        ));
    }
    faults
}

fn copies(given: &Given) -> Vec<Fault> {
    let replica = given.replica.unwrap_or(3);
    let mut faults = Vec::new();
    if given.arbiter && !(2..=3).contains(&replica) {
        faults.push((
            "gluster-arbiter",
            format!(
                "an arbiter goes with two copies (replica 3), not with {replica}: Gluster has no other kind"
            ),
            "say replica 3 with arbiter, or leave the arbiter out",
        ));
    }
    if replica == 0 || usize::from(replica) > MOST_COPIES {
        faults.push((
            "gluster-replica",
            format!("expected 1 to {MOST_COPIES} copies, found {replica}"),
            "say 3",
        ));
    }
    faults
}

fn quorum(given: &Given) -> Vec<Fault> {
    let bricks = if given.arbiter {
        3
    } else {
        given.replica.unwrap_or(3)
    };
    let mut faults = Vec::new();
    let mut count = |message: String, fix| faults.push(("gluster-quorum-count", message, fix));
    match (Volume::asked(given).quorum, given.quorum_count) {
        (Quorum::Fixed(0), _) => count(
            "quorum fixed needs quorum_count".to_owned(),
            "say how many bricks must be up",
        ),
        (Quorum::Fixed(least), _) if least > bricks => count(
            format!("{least} bricks must be up, and a set has {bricks}: nobody could ever use it"),
            "say fewer than the copies",
        ),
        (Quorum::Auto | Quorum::None, Some(_)) => count(
            "quorum_count has a meaning with quorum fixed only".to_owned(),
            "leave it out, or say quorum: fixed",
        ),
        _ => {}
    }
    let ratio = given.server_quorum_ratio;
    if ratio.is_some_and(|ratio| ratio == 0 || ratio > 100) {
        faults.push((
            "gluster-server-quorum-ratio",
            "expected 1 to 100 percent of the peers".to_owned(),
            "leave it out for more than half",
        ));
    }
    faults
}
