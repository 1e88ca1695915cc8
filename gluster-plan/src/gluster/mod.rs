//! Steps of the `gluster` command: what is run, and how its effect is seen. Here the pool and its new volumes.

pub mod bricks;

use crate::site::Site;
use crate::steps::{argv, line, run};
use crate::volume::Volume;
use cluster::plan::{Action, Check, Step};

/// `gluster` without questions.
fn gluster(words: &[&str], limit_s: u64) -> Action {
    run(
        &[&["gluster", "--mode=script"][..], words].concat(),
        limit_s,
    )
}

fn info(volume: &str, prefix: &str, lines: Vec<String>) -> Check {
    Check::OutputLines {
        argv: argv(&["gluster", "volume", "info", volume]),
        prefix: prefix.to_owned(),
        lines,
    }
}

/// What a heal tells, as lines that begin so, one for each brick.
fn heal_lines(volume: &str, prefix: &str, line: &str, bricks: usize) -> Check {
    Check::OutputLines {
        argv: argv(&["gluster", "volume", "heal", volume, "info"]),
        prefix: prefix.to_owned(),
        lines: vec![line.to_owned(); bricks],
    }
}

fn peer(verb: &str, node: &str) -> Action {
    gluster(&["peer", verb, node], 60)
}

/// Takes a node into the pool. A cloned one, whose identity another peer has, is passed over without a word; then the
/// check fails.
pub fn probe(node: &str) -> Step {
    Step::new(
        format!("probe-{node}"),
        "a peer of the trusted pool",
        peer("probe", node),
        line(&["gluster", "peer", "status"], format!("Hostname: {node}")),
    )
    .undo(peer("detach", node))
}

/// Takes a node out of the pool, which then has these others.
pub fn detach(node: &str, others: &[&str]) -> Step {
    let prefix = format!("Hostname: {node}");
    let others = others.iter().map(|other| format!("Hostname: {other}"));
    Step::new(
        format!("detach-{node}"),
        "a peer without bricks still counts for the servers' quorum",
        peer("detach", node),
        Check::OutputLines {
            argv: argv(&["gluster", "peer", "status"]),
            lines: others.filter(|line| line.starts_with(&prefix)).collect(),
            prefix,
        },
    )
    .undo(peer("probe", node))
}

/// Passes where every peer named is in the pool, and each of them sees as many connected ones as there are. A volume that
/// is made while two others have not met yet fails.
const CONNECTED: &str = r#"pool=$(gluster pool list) || exit 1
for peer; do
  printf '%s\n' "$pool" | awk -v peer="$peer" '$2 == peer && $3 == "Connected" { found = 1 } END { exit !found }' || exit 1
  seen=$(gluster --remote-host="$peer" pool list | grep -c 'Connected *$') && [ "$seen" -gt $# ] || exit 1
done
echo connected"#;

/// Waits until these peers are there.
pub fn connected(others: &[&str]) -> Step {
    let words = [&["sh", "-c", CONNECTED, "connected"][..], others].concat();
    Step::new(
        "peers-connected",
        "all peers see each other before a volume is made of them",
        Action::WaitFor { limit_s: 120 },
        line(&words, "connected"),
    )
    .harmless()
}

/// The lines of `volume info` that tell a volume's bricks.
pub fn brick_lines(volume: &Volume, site: &Site) -> Vec<String> {
    let bricks = volume.bricks().enumerate().map(|(index, brick)| {
        let mark = if brick.arbiter { " (arbiter)" } else { "" };
        format!(
            "Brick{}: {}{mark}",
            index + 1,
            volume.brick_name(brick, site)
        )
    });
    std::iter::once("Bricks:".to_owned())
        .chain(bricks)
        .collect()
}

fn bricks_are(volume: &Volume, site: &Site) -> Check {
    info(&volume.name, "Brick", brick_lines(volume, site))
}

/// `replica 3 arbiter 1`
fn replica_words(volume: &Volume) -> Vec<String> {
    match (volume.replica, volume.arbiter) {
        (..=1, _) => Vec::new(),
        (_, true) => argv(&["replica", "3", "arbiter", "1"]),
        (replica, false) => vec!["replica".to_owned(), replica.to_string()],
    }
}

/// Makes a volume. Never with `force`, which drops every one of Gluster's own checks.
pub fn create(volume: &Volume, site: &Site) -> Step {
    let mut words = argv(&["volume", "create", &volume.name]);
    words.extend(replica_words(volume));
    words.extend(volume.bricks().map(|brick| volume.brick_name(brick, site)));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let why = match volume.replica {
        ..=1 => "one copy of each file".to_owned(),
        _ if volume.arbiter => "two bricks and an arbiter in a row are a set".to_owned(),
        replica => format!(
            "{replica} bricks in a row are a set; the first of each decides where half is left"
        ),
    };
    Step::new(
        format!("create-{}", volume.name),
        why,
        gluster(&words, 120),
        bricks_are(volume, site),
    )
    .undo(gluster(&["volume", "delete", &volume.name], 120))
}

/// Sets an option.
pub fn set(volume: &str, option: &str, value: &str) -> Step {
    let why = match option {
        "cluster.quorum-type" => "when a client may use a set of bricks",
        "cluster.quorum-count" => "how many bricks a client must reach",
        "cluster.server-quorum-type" => "servers stop their bricks where too few peers are up",
        "cluster.favorite-child-policy" => {
            "where two copies disagree a person decides, not a clock"
        }
        "network.ping-timeout" => {
            "how many seconds a server may be silent; Gluster's 42 stop everything for that long"
        }
        _ => "as planned",
    };
    Step::new(
        format!("set-{volume}-{}", option.replace('.', "-")),
        why,
        gluster(&["volume", "set", volume, option, value], 60),
        info(
            volume,
            &format!("{option}:"),
            vec![format!("{option}: {value}")],
        ),
    )
    .undo(gluster(&["volume", "reset", volume, option], 60))
}

/// The step that sets, or resets, the pool's ratio for server quorums.
pub const RATIO: &str = "set-server-quorum-ratio";
const RATIO_OPTION: &str = "cluster.server-quorum-ratio";

/// The pool's ratio for server quorums.
pub fn ratio(volume: &str, ratio: u8) -> Step {
    let value = format!("{ratio}%");
    Step::new(
        RATIO,
        "percent of the peers that must be up; one for the whole pool",
        gluster(&["volume", "set", "all", RATIO_OPTION, &value], 60),
        info(
            volume,
            &format!("{RATIO_OPTION}:"),
            vec![format!("{RATIO_OPTION}: {value}")],
        ),
    )
    .undo(gluster(&["volume", "reset", "all", RATIO_OPTION], 60))
}

/// More than half of the peers again.
pub fn no_ratio(volume: &str) -> Step {
    Step::new(
        RATIO,
        "more than half of the peers must be up, as Gluster has it by itself; one for the whole pool",
        gluster(&["volume", "reset", "all", RATIO_OPTION], 60),
        info(volume, &format!("{RATIO_OPTION}:"), Vec::new()),
    )
}

/// Starts a volume.
pub fn start(volume: &str) -> Step {
    Step::new(
        format!("start-{volume}"),
        "its bricks begin to serve",
        gluster(&["volume", "start", volume], 120),
        line(&["gluster", "volume", "info", volume], "Status: Started"),
    )
    .undo(gluster(&["volume", "stop", volume], 120))
}

/// Waits until every brick is up.
pub fn online(volume: &str, bricks: usize) -> Step {
    Step::new(
        format!("online-{volume}"),
        "every brick answers",
        Action::WaitFor { limit_s: 120 },
        heal_lines(volume, "Status:", "Status: Connected", bricks),
    )
    .harmless()
}
