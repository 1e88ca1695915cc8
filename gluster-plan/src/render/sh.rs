//! Shell scripts: a node's own part, and the cluster's, which runs on one node.

use crate::answer::{Answer, Part};
use crate::gluster;
use crate::plan;
use cluster::command::quote;
use cluster::plan::{Plan, Step, guarded_script};
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
# DEVICE UUID BYTES: holds our own file system, or is blank and large enough
ours_or_blank() {
  if [ -n "$(blkid -l -t "UUID=$2" -o device)" ]; then return; fi
  [ -b "$1" ] || refuse "$1 is not there"
  found=$(blkid -p -o export "$1" 2>/dev/null | grep -E '^(TYPE|PTTYPE)=' | tr '\n' ' ') || true
  [ -z "$found" ] || refuse "$1 is not blank, it holds $found; where nothing on it is wanted: wipefs -a $1"
  there=$(blockdev --getsize64 "$1")
  [ "$there" -ge "$3" ] || refuse "$1 has $there bytes, and the plan counts with $3"
}
# DEVICE UUID: the dead stick is out
replaced() {
  there=$(blkid -l -t "UUID=$2" -o device) || true
  [ -z "$there" ] || [ "$(readlink -f "$there")" = "$(readlink -f "$1")" ] ||
    refuse "the old stick is still plugged in as $there: take it out"
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
    let mut guards = format!("this_is {}\n", quote(name));
    if !steps.is_empty() {
        for (index, stick) in site.sticks.iter().enumerate() {
            let used = answer
                .plain
                .iter()
                .any(|volume| volume.bricks().any(|brick| brick.stick == index));
            if let Some(device) = stick.device.as_ref().filter(|_| used && stick.node == node) {
                let size = stick.size.unwrap_or(crate::size::SMALLEST);
                guards.push_str(&format!(
                    "ours_or_blank {} {} {size}\n",
                    quote(device),
                    stick.uuid
                ));
            }
        }
    }
    let title = format!("Gluster on {name}: disks, mounts, daemon.");
    made(answer, &title, &guards, steps)
}

fn cluster_script(answer: &Answer) -> String {
    let site = &answer.site;
    let steps = plan::part(answer, Part::Cluster, None);
    let Some(home) = answer.home.filter(|_| !steps.is_empty()) else {
        return made(answer, "Gluster: nothing to do.", "", Vec::new());
    };
    let home = &site.nodes[home].name;
    let mut guards = format!("this_is {0}\nown_name {0}\n", quote(home));
    let mut names: Vec<&str> = answer
        .plain
        .iter()
        .flat_map(|volume| volume.nodes(site))
        .map(|node| site.nodes[node].name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        guards.push_str(&format!("known {}\n", quote(name)));
    }
    guards.push_str("gluster pool list >/dev/null || refuse 'glusterd does not answer here: run the node scripts first'\n");
    for volume in &answer.plain {
        if steps
            .iter()
            .any(|step| step.id == format!("create-{}", volume.name))
        {
            let lines = gluster::brick_lines(volume, site).join("\n");
            guards.push_str(&format!(
                "not_another {} {}\n",
                quote(&volume.name),
                quote(&lines)
            ));
        }
    }
    for stick in &site.sticks {
        if let Some(device) = &stick.device
            && answer.stages.is_some()
            && steps
                .iter()
                .any(|step| step.id == format!("mkfs-{}", stick.name))
            && site.nodes[stick.node].name == *home
        {
            let size = stick.size.unwrap_or(crate::size::SMALLEST);
            guards.push_str(&format!(
                "replaced {0} {1}\nours_or_blank {0} {1} {size}\n",
                quote(device),
                stick.uuid
            ));
        }
    }
    let title = format!("Gluster of {}: run on {home}.", site.cluster);
    made(answer, &title, &guards, steps)
}
