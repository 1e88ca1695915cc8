//! Memory, processors, disk.

use super::state::{State, Volume, Wish};
use cluster::finding::{Finding, Severity};
use serde_json::json;

/// K3s's documented least memory and processors: a server's, an agent's. A board gives some of its memory to the GPU.
const SERVER: (u64, usize) = (2_000_000_000, 2);
const AGENT: (u64, usize) = (512_000_000, 1);
/// Part of a board's memory that its kernel may not see.
const UNSEEN: f64 = 0.1;
/// K3s has kubelet evict pods below this part of free space (`eviction-hard` in its agent's defaults).
const EVICTED_BELOW: f64 = 0.05;
/// Room for K3s's own images unpacked, and something to run.
const LEAST_BYTES: u64 = 2_000_000_000;
/// File systems that the overlayfs snapshotter cannot put its upper layers on, or that forget.
const UNFIT: [(&str, &str); 6] = [
    ("tmpfs", "forgets all at the next start"),
    (
        "overlay",
        "cannot carry containers' layers, and forgets where the card is read-only below",
    ),
    ("vfat", "has no owners and no links"),
    ("exfat", "has no owners and no links"),
    ("nfs", "cannot carry containers' layers"),
    ("nfs4", "cannot carry containers' layers"),
];
/// etcd's advice for the 99th percentile of a flushed write, in microseconds.
const ETCD_US: u64 = 10_000;

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    machine(state, wish, subject, findings);
    if !state.resources.swap.is_empty() {
        let message = format!(
            "swap is on ({}): memory limits are not kept, and a card wears",
            state.resources.swap.join(", ")
        );
        findings.push(
            Finding::warning("k3s-swap-on", subject, message)
                .fix("sudo swapoff -a, and sudo systemctl disable dphys-swapfile (or take it from /etc/fstab)"),
        );
    }
    if let Some(volume) = &state.resources.data {
        disk(volume, subject, findings);
    }
    latency(state, wish, subject, findings);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the limit is a round number of gigabytes"
)]
fn machine(state: &State, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let (bytes, processors) = if wish.server_role() { SERVER } else { AGENT };
    let part = if wish.server_role() {
        "server"
    } else {
        "agent"
    };
    if let Some(found) = state
        .resources
        .memory_bytes
        .filter(|found| (*found as f64) < bytes as f64 * (1.0 - UNSEEN))
    {
        let message = format!(
            "{} MB of memory, and K3s's least for a {part} is {} MB",
            found / 1_000_000,
            bytes / 1_000_000
        );
        findings.push(
            Finding::warning("k3s-memory-small", subject, message)
                .fix("make another node the server, or leave parts of K3s out (`disable`)"),
        );
    }
    if let Some(found) = state
        .resources
        .processors
        .filter(|found| *found < processors)
    {
        let message = format!("{found} processor, and K3s's least for a {part} is {processors}");
        findings.push(Finding::warning("k3s-processors-few", subject, message));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage of a disk")]
fn disk(volume: &Volume, subject: &str, findings: &mut Vec<Finding>) {
    let evidence = json!({
        "path": volume.path, "free_bytes": volume.free_bytes, "total_bytes": volume.total_bytes, "filesystem": volume.filesystem,
    });
    if let Some((_, why)) = UNFIT.iter().find(|(name, _)| *name == volume.filesystem) {
        let message = format!("{} lies on {}, which {why}", volume.path, volume.filesystem);
        findings.push(
            Finding::error("k3s-data-filesystem", subject, message)
                .fix("mount an ext4 file system there; pi-partition makes one")
                .evidence(evidence.clone()),
        );
        return;
    }
    let part = volume.free_bytes as f64 / volume.total_bytes.max(1) as f64;
    if part < EVICTED_BELOW || volume.free_bytes < LEAST_BYTES {
        let message = format!(
            "{} MB are free at {} ({:.0} %): {}",
            volume.free_bytes / 1_000_000,
            volume.path,
            part * 100.0,
            if part < EVICTED_BELOW {
                "below 5 % K3s evicts every pod"
            } else {
                "K3s and its images want 2 GB"
            }
        );
        findings.push(
            Finding::error("k3s-disk-full", subject, message)
                .fix("pi-partition gives the rest of the card to a partition of its own")
                .evidence(evidence),
        );
    }
}

/// The time that a flushed write took, where it was measured.
fn latency(state: &State, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let sorted = &state.resources.latencies_us;
    let Some(worst) = sorted.get((sorted.len() * 99 / 100).min(sorted.len().saturating_sub(1)))
    else {
        return;
    };
    let median = sorted[sorted.len() / 2];
    let slow = *worst > ETCD_US;
    let message = format!(
        "a flushed write takes {:.1} ms, and 1 in 100 takes {:.1} ms or more; etcd wants at most 10 ms",
        ms(median),
        ms(*worst)
    );
    let severity = match (slow, wish.server_role() && wish.etcd) {
        (true, true) => Severity::Error,
        (true, false) if wish.server_role() => Severity::Warning,
        _ => Severity::Info,
    };
    findings.push(
        Finding::new(severity, "k3s-disk-latency", subject, message)
            .fix("an SSD for a server's data; one server with its default datastore asks less of a card than etcd does")
            .evidence(json!({"writes": sorted.len(), "median_us": median, "p99_us": worst})),
    );
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a write, shown with one digit"
)]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}
