//! A table as `sfdisk --json` reports it: what a laptop knows of a node's disk.

use super::{Damage, Entry, Raw, Role, Scheme, Table};
use serde::Deserialize;

/// What `sfdisk --json` prints.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// The table.
    pub partitiontable: Reported,
}

/// A reported table.
#[derive(Debug, Clone, Deserialize)]
pub struct Reported {
    label: String,
    id: String,
    /// The disk, as it was named to `sfdisk`.
    pub device: String,
    unit: String,
    /// Missing before util-linux 2.35.
    sectorsize: Option<u64>,
    lastlba: Option<u64>,
    #[serde(default)]
    partitions: Vec<ReportedPartition>,
}

#[derive(Debug, Clone, Deserialize)]
struct ReportedPartition {
    node: String,
    start: u64,
    size: u64,
    #[serde(rename = "type")]
    kind: String,
    uuid: Option<String>,
    name: Option<String>,
}

impl Reported {
    /// The table on a disk of this size. A GPT tells the size itself, as far as its backup goes.
    ///
    /// # Errors
    /// The report contradicts itself or the size.
    pub fn table(&self, size_bytes: Option<u64>) -> Result<Table, Damage> {
        let bad = |why: &str| {
            Damage::table(
                format!("the report of sfdisk {why}"),
                format!("report it again: sudo sfdisk --json {}", self.device),
            )
        };
        let scheme = match self.label.as_str() {
            "dos" => Scheme::Mbr,
            "gpt" => Scheme::Gpt,
            other => {
                return Err(bad(&format!(
                    "names the table {other:?}, which is neither dos nor gpt"
                )));
            }
        };
        let sector_bytes = self.sectorsize.unwrap_or(512);
        if self.unit != "sectors" || !matches!(sector_bytes, 512 | 4096) {
            return Err(bad(
                "counts in another unit than sectors of 512 or 4096 bytes",
            ));
        }
        let sectors = match (size_bytes, self.lastlba) {
            (Some(size), _) => size / sector_bytes,
            (None, Some(last)) => disk_sectors(last, sector_bytes)
                .ok_or_else(|| bad("names a last sector that no disk has"))?,
            (None, None) => return Err(self.size_unknown()),
        };
        let mut partitions = Vec::new();
        for partition in &self.partitions {
            partitions.push(self.entry(partition, scheme).ok_or_else(|| {
                bad(&format!(
                    "names a partition {:?} that is none of {}",
                    partition.node, self.device
                ))
            })?);
        }
        super::sound(Table {
            scheme,
            disk_id: self.id.trim_start_matches("0x").to_owned(),
            sector_bytes,
            sectors,
            partitions,
            raw: Raw::None,
        })
    }

    fn size_unknown(&self) -> Damage {
        Damage {
            id: "partition-size-unknown",
            message: "the size of the disk is not known: an MBR does not tell it".to_owned(),
            fix: format!(
                "find it out: lsblk --bytes --nodeps -no SIZE {}",
                self.device
            ),
        }
    }

    fn entry(&self, partition: &ReportedPartition, scheme: Scheme) -> Option<Entry> {
        let number = partition.node.strip_prefix(&self.device)?;
        let number: u32 = number.trim_start_matches('p').parse().ok()?;
        let extended = matches!(partition.kind.as_str(), "5" | "f" | "85");
        let role = match scheme {
            Scheme::Mbr if number > 4 => Role::Logical,
            Scheme::Mbr if extended => Role::Extended,
            _ => Role::Primary,
        };
        partition.start.checked_add(partition.size)?;
        Some(Entry {
            number,
            start: partition.start,
            sectors: partition.size,
            kind: partition.kind.clone(),
            uuid: partition.uuid.clone(),
            name: partition.name.clone(),
            role,
        })
    }
}

/// How many sectors a disk has whose last usable one is `last`; `None` where its bytes cannot be counted.
fn disk_sectors(last: u64, sector_bytes: u64) -> Option<u64> {
    // 33 more sectors of 512 bytes: the backup's 128 entries and its header.
    let sectors = last.checked_add(1 + 16384 / sector_bytes + 1)?;
    sectors.checked_mul(sector_bytes).map(|_| sectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_sector_beyond_all_disks_is_refused() {
        let table = |last: u64| {
            let text = format!(
                r#"{{"label":"gpt","id":"A","device":"/dev/sda","unit":"sectors","sectorsize":512,"lastlba":{last}}}"#
            );
            serde_json::from_str::<Reported>(&text).unwrap().table(None)
        };
        assert_eq!(table(2014).unwrap().sectors, 2048);
        for last in [u64::MAX, u64::MAX / 512] {
            assert_eq!(table(last).unwrap_err().id, "partition-table-damaged");
        }
    }
}
