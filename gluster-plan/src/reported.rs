//! What nodes told of themselves: `nodes[].observed`, as far as it matters for Gluster.

use crate::site::Site;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::inventory::Node;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What of `nodes[].observed` is read; the rest belongs to other tools.
#[derive(Debug, Default, Deserialize)]
struct Reported {
    /// `uname -m`
    uname: Option<String>,
    /// `cat /var/lib/glusterd/glusterd.info`
    glusterd_info: Option<String>,
    /// `getent ahosts "$(hostname)"`
    getent: Option<String>,
    /// `ip -j address`
    ip: Option<Value>,
    /// `lsblk --json --bytes -o PATH,FSTYPE,UUID,PTTYPE`
    lsblk: Option<Value>,
}

/// Everything that speaks against the nodes as they were seen.
pub fn check(given: &[Node], site: &Site, volumes: &[Volume]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut uuids: BTreeMap<String, &str> = BTreeMap::new();
    for node in given {
        let Some(reported) = node.observed.as_ref() else {
            continue;
        };
        // What another version of the gathering wrote in another form is as good as not there.
        let reported: Reported = serde_json::from_str(reported.get()).unwrap_or_default();
        let name = node.name.as_str();
        findings.extend(cloned(name, &reported, &mut uuids));
        findings.extend(own_name(name, &reported));
        findings.extend(bits(name, &reported));
        let signatures = signatures(reported.lsblk.as_ref());
        let own = site.node(name);
        let used = volumes
            .iter()
            .flat_map(|volume| volume.bricks().map(|brick| brick.stick));
        let mut sticks: Vec<usize> = used
            .filter(|stick| Some(site.sticks[*stick].node) == own)
            .collect();
        sticks.sort_unstable();
        sticks.dedup();
        for stick in sticks {
            findings.extend(foreign(site, stick, &signatures));
        }
    }
    findings
}

/// Cards that were copied after Gluster first ran on one of them.
fn cloned<'a>(
    name: &'a str,
    reported: &Reported,
    seen: &mut BTreeMap<String, &'a str>,
) -> Option<Finding> {
    let info = reported.glusterd_info.as_ref()?;
    let uuid = info
        .lines()
        .find_map(|line| line.strip_prefix("UUID="))?
        .trim()
        .to_lowercase();
    let other = *seen.entry(uuid.clone()).or_insert(name);
    (other != name).then(|| {
        Finding::error(
            "gluster-uuid-cloned",
            name,
            format!("{name} and {other} have the same identity in Gluster: their cards are copies, and the pool would pass one of them over without a word"),
        )
        .fix(format!("on {name}: systemctl stop glusterd; rm /var/lib/glusterd/glusterd.info; systemctl start glusterd"))
        .evidence(json!({"uuid": uuid}))
    })
}

/// A name that leads elsewhere: the node would not take part in its own volume ("Host … is not in 'Peer in Cluster' state").
fn own_name(name: &str, reported: &Reported) -> Option<Finding> {
    let resolved = reported.getent.as_ref()?;
    let own: Vec<&str> = reported
        .ip
        .as_ref()?
        .as_array()?
        .iter()
        .filter_map(|link| link["addr_info"].as_array())
        .flatten()
        .filter_map(|address| address["local"].as_str())
        .collect();
    let foreign = resolved
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|address| {
            !address.starts_with("127.") && *address != "::1" && !own.contains(address)
        })?;
    Some(
        Finding::error(
            "gluster-own-name",
            name,
            format!("on {name} its own name leads to {foreign}, an address that it does not have: Gluster would not know its own bricks"),
        )
        .fix(format!("correct the line of {name} in its /etc/hosts, or in the name server"))
        .evidence(json!({"resolved": foreign, "addresses": own})),
    )
}

fn bits(name: &str, reported: &Reported) -> Option<Finding> {
    let machine = reported.uname.as_ref()?.trim();
    ["armv6l", "armv7l", "armv8l", "i686", "i386"]
        .contains(&machine)
        .then(|| crate::refuse::thirty_two_bit(name, machine))
}

/// Devices with what is on them: file system's UUID and a word for it.
fn signatures(lsblk: Option<&Value>) -> BTreeMap<String, (Option<String>, String)> {
    let mut found = BTreeMap::new();
    let devices = lsblk.and_then(|value| value["blockdevices"].as_array());
    for device in devices.into_iter().flatten() {
        let text = |field: &str| device[field].as_str().map(str::to_owned);
        let path = text("path").or_else(|| text("name").map(|name| format!("/dev/{name}")));
        let children = device["children"].as_array().map_or(0, Vec::len);
        let what = match (text("fstype"), text("pttype"), children) {
            (Some(fstype), ..) => fstype,
            (None, Some(table), _) => format!("a partition table ({table})"),
            (None, None, 1..) => "partitions".to_owned(),
            _ => continue,
        };
        if let Some(path) = path {
            found.insert(path, (text("uuid"), what));
        }
    }
    found
}

/// A stick with something on it that is not its own file system.
fn foreign(
    site: &Site,
    stick: usize,
    signatures: &BTreeMap<String, (Option<String>, String)>,
) -> Option<Finding> {
    let device = site.sticks[stick].device.as_ref()?;
    let (uuid, what) = signatures.get(device)?;
    if uuid
        .as_ref()
        .is_some_and(|uuid| uuid.eq_ignore_ascii_case(&site.sticks[stick].uuid))
    {
        return None;
    }
    let name = site.stick_name(stick);
    Some(
        Finding::error(
            "gluster-foreign-signature",
            &name,
            format!("{device} is not blank, it holds {what}: nothing is made over it"),
        )
        .fix(format!(
            "where nothing on it is wanted: ssh {} sudo wipefs -a {device}",
            site.nodes[site.sticks[stick].node].name
        )),
    )
}
