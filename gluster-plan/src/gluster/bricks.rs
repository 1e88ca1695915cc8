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
pub fn healed(tag: &str, volume: &Volume, limit_s: u64) -> Step {
    let (name, bricks) = (&volume.name, volume.bricks().count());
    Step::new(
        format!("healed-{tag}"),
        "every brick holds a whole copy again",
        run(
            &["sh", "-c", HEAL, "heal", name, &bricks.to_string()],
            limit_s,
        ),
        heal_lines(name, "Number of entries:", "Number of entries: 0", bricks),
    )
    .harmless()
}

/// Passes where the bricks of one set (volume, bricks of a set, set from 0) have nothing to heal.
const SET_WHOLE: &str = r#"gluster volume heal "$1" info | awk -v copies="$2" -v wanted="$3" '
/^Brick / { set = int(at / copies); at++ }
/^Number of entries: 0 *$/ { if (set == wanted) whole++ }
END { if (whole == copies) print "whole" }'"#;

/// Heals one set; the bricks of others may be down.
pub fn set_healed(tag: &str, volume: &Volume, set: usize, limit_s: u64) -> Step {
    let (copies, set) = (volume.replica.to_string(), set.to_string());
    let words = [volume.name.as_str(), &copies, &set];
    let heal = format!(
        "whole() {{ {SET_WHOLE}; }}\ngluster volume heal \"$1\" full >/dev/null 2>&1 || true\n\
         until [ \"$(whole \"$@\")\" = whole ]; do\n  gluster volume heal \"$1\" >/dev/null 2>&1 || true; sleep 10\ndone"
    );
    Step::new(
        format!("healed-{tag}"),
        "every brick of the set holds a whole copy, before the stick's next brick moves",
        run(
            &[&["sh", "-c", &heal, "heal"][..], &words].concat(),
            limit_s,
        ),
        line(
            &[&["sh", "-c", SET_WHOLE, "whole"][..], &words].concat(),
            "whole",
        ),
    )
    .harmless()
}

/// What it means that a brick which is about to go does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// Its stick is dead, and a new one takes its place: it is no copy that could be taken away.
    NewStick,
    /// Nobody knows: what it holds may be the only newest copy.
    Unknown,
    /// Whoever asks says that it is dead for good.
    Dead,
}

impl Down {
    fn word(self) -> &'static str {
        match self {
            Self::NewStick => "new-stick",
            Self::Unknown => "unknown",
            Self::Dead => "dead",
        }
    }
}

/// Looks at the sets of the bricks that are about to go, or at all of them where none goes. In step is a set whose other
/// bricks are up and want the same files healed: a brick that is behind does not know what it missed, and lists fewer; so
/// does one that was healed in the meantime. A brick that goes lists what it has and others lack, so it must list nothing.
/// Where it is down, what the others list says nothing about it; a brick that is not there any more has gone already.
const IN_STEP: &str = r#"volume=$1 copies=$2 down=$3; shift 3
gluster volume heal "$volume" info | own=$(printf '%s\n' "$@") awk -v copies="$copies" -v rule="$down" '
BEGIN { n = split(ENVIRON["own"], list, "\n"); for (i = 1; i <= n; i++) if (list[i] != "") { own[list[i]] = 1; wanted++ } }
/^Brick / { brick = substr($0, 7); set = int(at / copies); at++; mine = (brick in own)
  if (mine) { found[brick] = 1; goes[set] = 1 } else stays[set]++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (mine) { dead[set] = 1; down = brick } else bad[set] = 1 } next }
/^Number of entries: / || /^ *$/ { next }
mine { bad[set] = 1; next }
{ seen[set, $0]++; if ($0 ~ /split-brain/) bad[set] = 1 }
END {
  if (!at) exit
  if (rule == "new-stick") for (brick in own) if (!(brick in found)) { print "no such brick: " brick; exit }
  if (rule == "unknown" && down != "") { print "down: " down; exit }
  for (set in goes) if (!(set in stays)) exit
  for (set in bad) if (!wanted || set in goes) exit
  for (entry in seen) {
    split(entry, part, SUBSEP); set = part[1]
    if ((!wanted || set in goes) && !(set in dead) && seen[entry] != stays[set]) exit
  }
  print "in step"
}'"#;

/// What the name of a step that waits for others begins with; a script looks at its check before everything else.
pub const OTHERS_IN_STEP: &str = "others-in-step-";

/// Waits until a volume can do without the bricks `own`.
pub fn in_step(tag: &str, volume: &Volume, down: Down, own: &[String]) -> Step {
    let copies = volume.replica.to_string();
    let words = [
        "sh",
        "-c",
        IN_STEP,
        "in-step",
        &volume.name,
        &copies,
        down.word(),
    ];
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    Step::new(
        format!("{OTHERS_IN_STEP}{tag}"),
        "what is taken away must not be the only good copy: it knows of nothing that the others lack, and they are up and agree on what is missing",
        Action::WaitFor { limit_s: 600 },
        line(&[&words[..], &own].concat(), "in step"),
    )
    .harmless()
}

/// Passes where a folder holds no brick's data, or the brick is in use already.
const NEW: &str = r#"if ! [ -d "$3/.glusterfs" ]; then echo new
elif gluster volume status "$1" "$2" detail | tr -s ' ' | grep -qx 'Online : Y *'; then echo new; fi"#;

/// Passes where the stick in a brick's place is not the old one: its data would be written over with the others'.
pub fn new_stick(tag: &str, volume: &str, brick: &str, path: &str) -> Step {
    Step::new(
        format!("new-{tag}"),
        "a brick's data in this place is the old stick's: its brick only has to be started, and writing over it may take the only good copy",
        Action::WaitFor { limit_s: 30 },
        line(&["sh", "-c", NEW, "new", volume, brick, path], "new"),
    )
    .harmless()
}

/// Says whether the file system of a brick can be written: a write that reaches the stick.
pub const FIT: &str = r#"[ -b "$(findmnt -nro SOURCE --mountpoint "$1")" ] && probe=$(mktemp -p "$1" .probe-XXXXXX) && sync -f "$probe" && rm "$probe" && echo fit"#;

/// Ends a brick's process, so that its place may be filled anew. Where the stick can be written it is the new one already.
pub fn reset_start(tag: &str, volume: &str, brick: &str, mount: &str) -> Step {
    let down = format!(
        r#"if gluster volume status "$2" "$3" detail | tr -s ' ' | grep -qx 'Online : N *'; then echo fit; else {FIT}; fi"#
    );
    Step::new(
        format!("reset-{tag}"),
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
pub fn reset_commit(tag: &str, volume: &str, brick: &str) -> Step {
    Step::new(
        format!("commit-{tag}"),
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
pub fn replace(tag: &str, after: &Volume, site: &Site, old: &str, new: &str) -> Step {
    Step::new(
        format!("replace-{tag}"),
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

/// Passes where a rebalance began that these nodes take part in. An earlier one, of which the status still tells, had none
/// of the nodes that came later.
const UNDER_WAY: &str = r#"gluster volume rebalance "$1" status | nodes="$*" awk '
/ (completed|in progress) / { seen[$1] = 1 }
END {
  n = split(ENVIRON["nodes"], names, " ")
  for (i = 2; i <= n; i++) if (!(names[i] in seen)) exit
  print "under way"
}'"#;

/// Passes where a rebalance ended on every node.
const REBALANCED: &str = r#"gluster volume rebalance "$1" status | awk '
/in progress/ { busy = 1 }
/completed/ { done = 1 }
END { if (done && !busy) print "done" }'"#;

/// Moves files to sets that were added on these nodes.
pub fn rebalance(volume: &str, nodes: &[&str]) -> [Step; 2] {
    let under_way = ["sh", "-c", UNDER_WAY, "under-way", volume];
    let start = Step::new(
        format!("rebalance-{volume}"),
        "files move to the new set; until then it only takes new ones",
        gluster(&["volume", "rebalance", volume, "start"], 120),
        line(&[&under_way[..], nodes].concat(), "under way"),
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
