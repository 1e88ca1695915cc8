//! Shell scripts: a node's own part, and the cluster's, which runs on one node.

use crate::answer::{Answer, Part};
use crate::gluster;
use crate::plan;
use crate::site::{Site, Stick};
use cluster::command::quote;
use cluster::plan::{Check, Plan, Step, guarded_script};
use serde_json::json;

/// Functions of the guards.
const GUARDS: &str = r#"
[ "$(getconf LONG_BIT)" = 64 ] || refuse 'this system is 32-bit: Gluster 10 and newer crash on 32-bit ARM'
# NAME: this is that node
this_is() {
  own=$(uname -n); own=${own%%.*}
  [ "$own" = "$1" ] || refuse "this is $own, and the script is for $1"
}
# NAME: leads to an address that this node has; 127.0.1.1, as Debian writes it, does no harm
own_name() {
  for address in $(getent ahosts "$1" | awk '{ print $1 }' | sort -u); do
    case $address in 127.* | ::1) continue ;; esac
    ip -o address | grep -qF " $address/" ||
      refuse "the name $1 leads to $address, which this node has not: correct /etc/hosts"
  done
}
# NAME: leads somewhere
known() { getent ahosts "$1" >/dev/null || refuse "the name $1 leads nowhere: a line in /etc/hosts, or a name server, has to say it"; }
# DEVICE: can be read, and nothing is on it. blkid says 2 for that, and also for what it cannot open; 8 for more than one
# thing; 0 for something, which of a partition may be no more than its entry in a table
blank() {
  dd if="$1" of=/dev/null bs=64k count=32 2>/dev/null || refuse "$1 cannot be read: nobody knows what it holds"
  code=0; found=$(blkid -p -o export "$1" 2>/dev/null) || code=$?
  found=$(printf '%s\n' "$found" | grep -vE '^(DEVNAME=|PART_ENTRY_|$)' | tr '\n' ' ') || true
  case $code in 0 | 2) ;; *) found="something that blkid does not make out (it ends with $code)" ;; esac
  [ -z "$found" ] || refuse "$1 is not blank, it holds $found; where nothing on it is wanted: wipefs -a $1"
}
# DEVICE UUID BYTES: holds our own file system, or is blank and large enough
ours_or_blank() {
  if [ -n "$(blkid -l -t "UUID=$2" -o device)" ]; then return; fi
  [ -b "$1" ] || refuse "$1 is not there"
  blank "$1"
  there=$(blockdev --getsize64 "$1")
  [ "$there" -ge "$3" ] || refuse "$1 has $there bytes, and the plan counts with $3"
}
# DEVICE UUID: the dead stick is out
replaced() {
  there=$(blkid -l -t "UUID=$2" -o device) || true
  [ -z "$there" ] || [ "$(readlink -f "$there")" = "$(readlink -f "$1")" ] ||
    refuse "the old stick is still plugged in as $there: take it out"
}
# COMMAND...: a look at the volume before something is taken from it
may_go() {
  said=$("$@" 2>/dev/null </dev/null) || true
  case $said in
    'down: '*) refuse "${said#*: } is down, and what it holds may be the only good copy: have it up again; or, where it is dead for good, plan with --dead" ;;
    'no such brick: '*) refuse "${said#*: } is no brick of the volume: where the stick had another name, plan with --observed and --replace OLD=NEW" ;;
  esac
}
# VOLUME LINES: is not there, or has exactly these bricks
not_another() {
  if gluster volume info "$1" >/dev/null 2>&1; then
    [ "$(lines Brick gluster volume info "$1")" = "$2" ] ||
      refuse "the volume $1 is there with other bricks; look at it with --observed"
  fi
}
"#;

/// The script of one node's own part, or of the cluster's.
pub fn script(answer: &Answer) -> String {
    match answer.script {
        Some(node) => node_script(answer, node),
        None => cluster_script(answer),
    }
}

fn made(answer: &Answer, title: &str, guards: &str, steps: Vec<Step>) -> String {
    let plan = Plan {
        tool: "gluster-plan".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        request: json!({"cluster": answer.site.cluster, "title": title}),
        state: json!(null),
        steps,
    };
    guarded_script(&plan, title, None, &[], &format!("{GUARDS}{guards}"))
}

fn node_script(answer: &Answer, node: usize) -> String {
    let site = &answer.site;
    let name = &site.nodes[node].name;
    let steps = plan::part(answer, Part::Node, Some(name));
    let mut guards = format!("this_is {0}\nown_name {0}\n", quote(name));
    if !steps.is_empty() {
        for (index, stick) in site.sticks.iter().enumerate() {
            let used = answer
                .plain
                .iter()
                .any(|volume| volume.bricks().any(|brick| brick.stick == index));
            if let Some(device) = stick.device.as_ref().filter(|_| used && stick.node == node) {
                guards.push_str(&ours_or_blank(device, stick));
            }
        }
    }
    let title = format!("Gluster on {name}: disks, mounts, daemon.");
    made(answer, &title, &guards, steps)
}

fn ours_or_blank(device: &str, stick: &Stick) -> String {
    let size = stick.size.unwrap_or(crate::size::SMALLEST);
    format!("ours_or_blank {} {} {size}\n", quote(device), stick.uuid)
}

fn cluster_script(answer: &Answer) -> String {
    let site = &answer.site;
    let steps = plan::part(answer, Part::Cluster, None);
    let Some(home) = answer.home.filter(|_| !steps.is_empty()) else {
        return made(answer, "Gluster: nothing to do.", "", Vec::new());
    };
    let name = &site.nodes[home].name;
    let mut guards = format!("this_is {0}\nown_name {0}\n", quote(name));
    guards.push_str(&known(answer));
    guards.push_str("gluster pool list >/dev/null || refuse 'glusterd does not answer here: run the node scripts first'\n");
    guards.push_str(&not_another(answer, &steps));
    if answer.stages.is_some() {
        guards.push_str(&replaced(site, &steps, name));
        guards.push_str(&may_go(&steps));
    }
    let title = format!("Gluster of {}: run on {name}.", site.cluster);
    made(answer, &title, &guards, steps)
}

/// Every node with a brick has a name that leads somewhere.
fn known(answer: &Answer) -> String {
    let site = &answer.site;
    let mut names: Vec<&str> = answer
        .plain
        .iter()
        .flat_map(|volume| volume.nodes(site))
        .map(|node| site.nodes[node].name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let lines = names.iter().map(|name| format!("known {}\n", quote(name)));
    lines.collect()
}

/// A volume that is to be made is not there with other bricks.
fn not_another(answer: &Answer, steps: &[Step]) -> String {
    let mut guards = String::new();
    for volume in &answer.plain {
        let create = format!("create-{}", volume.name);
        if steps.iter().any(|step| step.id == create) {
            let lines = gluster::brick_lines(volume, &answer.site).join("\n");
            guards.push_str(&format!(
                "not_another {} {}\n",
                quote(&volume.name),
                quote(&lines)
            ));
        }
    }
    guards
}

/// Bricks that are about to go are up, where they have to be.
fn may_go(steps: &[Step]) -> String {
    let waits = steps
        .iter()
        .filter(|step| step.id.starts_with(gluster::bricks::OTHERS_IN_STEP));
    let looks = waits.filter_map(|step| match &step.check {
        Check::OutputLine { argv, .. } => Some(argv),
        _ => None,
    });
    looks
        .map(|argv| {
            let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
            format!("may_go {}\n", words.join(" "))
        })
        .collect()
}

/// A stick that a change makes anew on this node took the dead one's place.
fn replaced(site: &Site, steps: &[Step], node: &str) -> String {
    let mut guards = String::new();
    for stick in &site.sticks {
        let mkfs = format!("mkfs-{}", stick.name);
        if let Some(device) = &stick.device
            && steps.iter().any(|step| step.id == mkfs)
            && site.nodes[stick.node].name == *node
        {
            guards.push_str(&format!("replaced {} {}\n", quote(device), stick.uuid));
            guards.push_str(&ours_or_blank(device, stick));
        }
    }
    guards
}
