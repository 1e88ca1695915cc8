//! Steps that change the bricks of a volume that is in use.

use super::{bricks_are, gluster, heal_lines, replica_words};
use crate::site::Site;
use crate::steps::{argv, line, run};
use crate::volume::{Brick, Volume};
use cluster::plan::{Action, Check, Step};

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
