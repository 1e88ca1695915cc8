//! Steps of the `gluster` command: what is run, and how its effect is seen.

use crate::site::Site;
use crate::steps::{argv, line, run};
use crate::volume::{Brick, Volume};
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

/// Takes a node into the pool. A cloned one, whose identity another peer has, is passed over without a word; then the
/// check fails.
pub fn probe(node: &str) -> Step {
    Step::new(
        format!("probe-{node}"),
        "a peer of the trusted pool",
        gluster(&["peer", "probe", node], 60),
        line(&["gluster", "peer", "status"], format!("Hostname: {node}")),
    )
    .undo(gluster(&["peer", "detach", node], 60))
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

/// The pool's ratio for server quorums.
pub fn ratio(volume: &str, ratio: u8) -> Step {
    let value = format!("{ratio}%");
    Step::new(
        "set-server-quorum-ratio",
        "percent of the peers that must be up; one for the whole pool",
        gluster(
            &[
                "volume",
                "set",
                "all",
                "cluster.server-quorum-ratio",
                &value,
            ],
            60,
        ),
        info(
            volume,
            "cluster.server-quorum-ratio:",
            vec![format!("cluster.server-quorum-ratio: {value}")],
        ),
    )
    .undo(gluster(
        &["volume", "reset", "all", "cluster.server-quorum-ratio"],
        60,
    ))
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

/// Asks for healing until nothing is left: by itself Gluster looks only every ten minutes (cluster.heal-timeout). First of all
/// files, because the index of changes knows nothing of those that nobody touched.
const HEAL: &str = r#"gluster volume heal "$1" full >/dev/null 2>&1 || true
until [ "$(gluster volume heal "$1" info | grep -c '^Number of entries: 0 *$')" = "$2" ]; do
  gluster volume heal "$1" >/dev/null 2>&1 || true; sleep 10
done"#;

/// Heals until nothing is to be healed.
pub fn healed(volume: &str, bricks: usize, limit_s: u64) -> Step {
    Step::new(
        format!("healed-{volume}"),
        "every brick holds a whole copy again",
        run(
            &["sh", "-c", HEAL, "heal", volume, &bricks.to_string()],
            limit_s,
        ),
        heal_lines(volume, "Number of entries:", "Number of entries: 0", bricks),
    )
    .harmless()
}

/// Passes where all bricks but `except` are up and blame nobody but it: each file that one of them wants healed, all of
/// them want healed. A brick that is behind does not know what it missed, and lists fewer; so does one that was healed in
/// the meantime. Where `except` is down it is no copy that could be taken away, and the lists do not matter.
const IN_STEP: &str = r#"gluster volume heal "$1" info | awk -v except="$2" '
/^Brick / { brick = substr($0, 7); if (brick != except) bricks++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (brick == except) dead = 1; else bad = 1 } next }
/^Number of entries: / || /^ *$/ { next }
brick != except { seen[$0]++; if ($0 ~ /split-brain/) bad = 1 }
END { if (!dead) for (entry in seen) if (seen[entry] != bricks) bad = 1; if (bricks && !bad) print "in step" }'"#;

/// Waits until the other bricks of a volume all hold the newest version of everything.
pub fn in_step(volume: &str, except: &str) -> Step {
    Step::new(
        format!("others-in-step-{volume}"),
        "what is taken away must not be the only good copy: the other bricks are up and agree on what is missing",
        Action::WaitFor { limit_s: 600 },
        line(&["sh", "-c", IN_STEP, "in-step", volume, except], "in step"),
    )
    .harmless()
}

/// Says whether the file system of a brick can be written: a write that reaches the stick.
pub const FIT: &str = r#"[ -b "$(findmnt -nro SOURCE --mountpoint "$1")" ] && probe=$(mktemp -p "$1" .probe-XXXXXX) && sync -f "$probe" && rm "$probe" && echo fit"#;

/// Ends a brick's process, so that its place may be filled anew. Where the stick can be written it is the new one already.
pub fn reset_start(volume: &str, brick: &str, mount: &str) -> Step {
    let down = format!(
        r#"if gluster volume status "$2" "$3" detail | tr -s ' ' | grep -qx 'Online : N *'; then echo fit; else {FIT}; fi"#
    );
    Step::new(
        format!("reset-{volume}"),
        "the brick's process ends, if it still runs on the dead stick",
        gluster(&["volume", "reset-brick", volume, brick, "start"], 120),
        Check::OutputLine {
            argv: argv(&["sh", "-c", &down, "down", mount, volume, brick]),
            line: "fit".to_owned(),
        },
    )
    .harmless()
}

/// Lets an empty brick take the place. `commit` alone is refused for the same path.
pub fn reset_commit(volume: &str, brick: &str) -> Step {
    Step::new(
        format!("commit-{volume}"),
        "the empty brick takes the place, and the others know that it lacks everything",
        gluster(
            &[
                "volume",
                "reset-brick",
                volume,
                brick,
                brick,
                "commit",
                "force",
            ],
            120,
        ),
        brick_online(volume, brick),
    )
}

/// Passes where a brick's process is there; one that was just started takes some seconds until it is seen.
const ONLINE: &str = r#"n=0
until gluster volume status "$1" "$2" detail | tr -s ' ' | grep -qx 'Online : Y *'; do
  n=$((n + 1)); [ $n -lt 10 ] || exit 1; sleep 1
done
echo online"#;

fn brick_online(volume: &str, brick: &str) -> Check {
    line(&["sh", "-c", ONLINE, "online", volume, brick], "online")
}

/// Puts a brick in another's place.
pub fn replace(after: &Volume, site: &Site, old: &str, new: &str) -> Step {
    Step::new(
        format!("replace-{}", after.name),
        "the new brick takes the old one's place, and the others know that it lacks everything",
        gluster(
            &[
                "volume",
                "replace-brick",
                &after.name,
                old,
                new,
                "commit",
                "force",
            ],
            120,
        ),
        bricks_are(after, site),
    )
}

/// Adds bricks: more copies, or more sets.
pub fn add(after: &Volume, site: &Site, new: &[&Brick], more_copies: bool) -> Step {
    let mut words = argv(&["volume", "add-brick", &after.name]);
    if more_copies {
        words.extend(replica_words(after));
    }
    words.extend(new.iter().map(|brick| after.brick_name(brick, site)));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let why = if more_copies {
        "one copy more of each file"
    } else {
        "one set more, empty at first"
    };
    Step::new(
        format!("add-{}", after.name),
        why,
        gluster(&words, 120),
        bricks_are(after, site),
    )
}

/// Passes where a rebalance ended on every node.
const REBALANCED: &str = r#"gluster volume rebalance "$1" status | awk '
/in progress/ { busy = 1 }
/completed/ { done = 1 }
END { if (done && !busy) print "done" }'"#;

/// Moves files to sets that were added.
pub fn rebalance(volume: &str) -> [Step; 2] {
    let start = Step::new(
        format!("rebalance-{volume}"),
        "files move to the new set; until then it only takes new ones",
        gluster(&["volume", "rebalance", volume, "start"], 120),
        Check::Output {
            argv: argv(&["gluster", "volume", "rebalance", volume, "status"]),
            text: "Rebalanced-files".to_owned(),
        },
    );
    let done = Step::new(
        format!("rebalanced-{volume}"),
        "all files are where they belong",
        Action::WaitFor { limit_s: 86_400 },
        line(&["sh", "-c", REBALANCED, "rebalanced", volume], "done"),
    );
    [start, done.harmless()]
}

/// Takes one copy away.
pub fn remove(after: &Volume, site: &Site, old: &str) -> Step {
    let mut words = argv(&["volume", "remove-brick", &after.name]);
    words.extend([
        "replica".to_owned(),
        after.replica.to_string(),
        old.to_owned(),
        "force".to_owned(),
    ]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Step::new(
        format!("remove-{}", after.name),
        "one copy less of each file; the others are whole",
        gluster(&words, 120),
        bricks_are(after, site),
    )
}
