//! How often the watch restarted the machine: kept over restarts, so that each time takes longer than the one before. And
//! whether a restart may be.

use anyhow::Context;
use cluster::root::{Attributes, Root};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where it stands.
const FOLDER: &str = "/var/lib/cluster/pi-wifi";
const LIMIT: u64 = 4096;
/// What a file that cannot be read counts as: the slowest.
const UNKNOWN: u32 = 4;

/// The restarts since the link last held.
#[derive(Debug, Serialize, Deserialize)]
struct Restarts {
    count: u32,
    /// When the last was, for people: a Pi's clock may be wrong after a restart.
    time_s: u64,
}

fn path(interface: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{interface}.restarts"))
}

/// How often the machine was restarted for this interface since its link last held.
pub(super) fn count(root: &Root, interface: &str) -> u32 {
    match root.read_if_there(&path(interface), LIMIT) {
        Ok(None) => 0,
        Ok(Some(text)) => {
            serde_json::from_slice(&text).map_or(UNKNOWN, |restarts: Restarts| restarts.count)
        }
        Err(_) => UNKNOWN,
    }
}

/// Writes down that it is restarted once more.
///
/// # Errors
/// It cannot be; then it must not be restarted, or that would never end.
pub(super) fn note(root: &Root, interface: &str) -> anyhow::Result<()> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let restarts = Restarts {
        count: count(root, interface).saturating_add(1),
        time_s: time.map_or(0, |time| time.as_secs()),
    };
    let text = serde_json::to_vec(&restarts).context("writing the restarts down")?;
    let attributes = Attributes {
        mode: 0o600,
        owner: None,
    };
    root.make_folder(Path::new(FOLDER), 0o700)
        .and_then(|()| root.write(&path(interface), &text, attributes))
        .context("writing the restarts down")
}

/// The link holds: what was counted goes.
///
/// # Errors
/// What the file system reports.
pub(super) fn forget(root: &Root, interface: &str) -> anyhow::Result<()> {
    root.remove(&path(interface))
        .map(drop)
        .context("forgetting the restarts")
}

/// Whether another interface has a default route: the machine is then reachable, and a restart would take that away.
pub(super) fn reachable_elsewhere(root: &Root, interface: &str) -> bool {
    let read = |path: &str| {
        let text = root.read(Path::new(path), 4 << 20).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    };
    let mut defaults = four(&read("/proc/net/route"));
    defaults.extend(six(&read("/proc/net/ipv6_route")));
    defaults
        .iter()
        .any(|found| found != interface && found != "lo")
}

/// `RTF_UP` and `RTF_REJECT`.
const UP: u32 = 1;
const REJECT: u32 = 0x200;

/// The interfaces of the default routes in `/proc/net/route`: name, destination, gateway, flags, three counts, mask.
fn four(text: &str) -> Vec<String> {
    let lines = text.lines().skip(1);
    let of = lines.filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let all = "00000000";
        let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
        let default = fields.get(1)? == &all && fields.get(7)? == &all;
        (default && flags & UP != 0 && flags & REJECT == 0).then(|| fields[0].to_owned())
    });
    of.collect()
}

/// The same in `/proc/net/ipv6_route`: destination, its length, source, its length, next hop, three counts, flags, name.
fn six(text: &str) -> Vec<String> {
    let of = text.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
        let default = fields.get(1)? == &"00";
        let name = fields.get(9)?;
        (default && flags & UP != 0 && flags & REJECT == 0).then(|| (*name).to_owned())
    });
    of.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_counted_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        assert_eq!(count(&root, "wlan0"), 0);
        note(&root, "wlan0").unwrap();
        note(&root, "wlan0").unwrap();
        assert_eq!((count(&root, "wlan0"), count(&root, "wlan1")), (2, 0));
        let file = folder.path().join("var/lib/cluster/pi-wifi/wlan0.restarts");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(count(&root, "wlan0"), UNKNOWN);
        forget(&root, "wlan0").unwrap();
        assert_eq!(count(&root, "wlan0"), 0);
        // Where it cannot be written down there is no restart.
        std::fs::create_dir(&file).unwrap();
        assert!(note(&root, "wlan0").is_err());
    }

    #[test]
    fn another_way_to_the_machine_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let net = folder.path().join("proc/net");
        std::fs::create_dir_all(&net).unwrap();
        let root = Root::open(folder.path()).unwrap();
        let head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
        let own = "wlan0 00000000 0100000A 0003 0 0 600 00000000 0 0 0\n";
        let subnet = "eth0 0000000A 00000000 0001 0 0 100 00FFFFFF 0 0 0\n";
        let other = "eth0 00000000 0100000A 0003 0 0 100 00000000 0 0 0\n";
        let zero = "0".repeat(32);
        let six = |flags: &str, name: &str| {
            format!("{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 {flags} {name}\n")
        };
        let rejected = six("00200200", "lo") + &six("00000003", "wlan0");
        for (four, six, expected) in [
            (format!("{head}{own}{subnet}"), rejected.clone(), false),
            (format!("{head}{own}{other}"), rejected, true),
            (head.to_owned(), six("00000003", "eth0"), true),
            (String::new(), String::new(), false),
        ] {
            std::fs::write(net.join("route"), &four).unwrap();
            std::fs::write(net.join("ipv6_route"), &six).unwrap();
            assert_eq!(reachable_elsewhere(&root, "wlan0"), expected, "{four}{six}");
        }
    }
}
