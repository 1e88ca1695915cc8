//! The steps that write a table's entries, and what keeps the present ones.

use super::Steps;
use crate::apply::SAVE_TABLE;
use crate::extent;
use crate::layout::Placed;
use crate::plan::{saved, state};
use crate::refuse;
use crate::state::Kind;
use crate::table::{Raw, Scheme, gpt, mbr};
use cluster::plan::{Action, Check, Hex, Step};
use serde_json::json;

impl Steps<'_> {
    pub(super) fn write_table(&mut self, new: &[&Placed]) {
        let sector = self.table.sector_bytes;
        self.writes = match &self.table.raw {
            Raw::Mbr(slots) => new
                .iter()
                .filter_map(|placed| mbr_write(placed, sector, &slots[placed.number as usize - 1]))
                .collect(),
            // A report does not show unused entries; where one is not empty, the node refuses the plan.
            Raw::None if self.table.scheme == Scheme::Mbr => new
                .iter()
                .filter_map(|placed| mbr_write(placed, sector, &[0; mbr::ENTRY]))
                .collect(),
            Raw::Gpt(raw) => {
                let entries: Vec<_> = new
                    .iter()
                    .map(|placed| (placed.number, self.gpt_entry(placed)))
                    .collect();
                gpt::add(raw, sector, self.table.sectors, &entries)
            }
            Raw::None => Vec::new(),
        };
        if self.writes.is_empty() {
            self.findings.push(refuse::bytes_unknown(self.disk));
            return;
        }
        self.save_table(new);
        let numbers: Vec<u32> = new.iter().map(|placed| placed.number).collect();
        for (id, offset_bytes, before, after) in self.writes.clone() {
            let id = match id {
                "entry" => format!("write-entry-{}", mbr_number(offset_bytes)),
                id => format!("write-{id}"),
            };
            self.steps
                .push(self.write_step(id, offset_bytes, before, after, &numbers));
        }
    }

    fn gpt_entry(&self, placed: &Placed) -> [u8; 128] {
        let index = self.layout.placed.iter().position(|p| p == placed);
        let wish = index.and_then(|index| self.request.partitions.get(index));
        let name = wish.and_then(|wish| wish.label.clone()).unwrap_or_default();
        let sector = self.table.sector_bytes;
        gpt::new_entry(
            placed.start_bytes / sector,
            placed.size_bytes / sector,
            placed.uuid,
            &name,
        )
    }

    fn write_step(
        &self,
        id: String,
        offset_bytes: u64,
        before: Vec<u8>,
        after: Vec<u8>,
        numbers: &[u32],
    ) -> Step {
        let path = self.disk.path.clone();
        let (before, bytes) = (Hex(before), Hex(after));
        let why = match self.table.scheme {
            Scheme::Mbr => format!(
                "partition {} gets its entry: 16 bytes, and every other byte of the table stays; {}",
                mbr_number(offset_bytes),
                self.choice_in_words()
            ),
            Scheme::Gpt => format!(
                "partitions {numbers:?} get their entries; the backup is written first, and the primary's header and entries together, so that one of the two copies is whole at every instant; {}",
                self.choice_in_words()
            ),
        };
        let check = Check::Bytes {
            path: path.clone(),
            offset_bytes,
            bytes: bytes.clone(),
        };
        let undo = Action::WriteBytes {
            path: path.clone(),
            offset_bytes,
            before: bytes.clone(),
            bytes: before.clone(),
        };
        let action = Action::WriteBytes {
            path,
            offset_bytes,
            before,
            bytes,
        };
        Step::new(id, why, action, check).undo(undo)
    }

    fn choice_in_words(&self) -> String {
        let Some(choice) = self.layout.choice else {
            return String::new();
        };
        let unit = extent::alignment(self.disk.erase_bytes);
        let reason = match self.disk.erase_bytes >= unit && unit > 1 << 20 {
            true => "what the disk erases at once",
            false => "1 MiB, because the disk names no larger unit",
        };
        let place = match self.request.place {
            extent::Place::End => "the free extent at the disk's end",
            extent::Place::Largest => "the largest free extent",
            extent::Place::At(_) => "the free extent that was named",
        };
        format!(
            "{place} has {} bytes from {} on, and start and end are multiples of {unit} ({reason})",
            choice.free.size_bytes, choice.free.start_bytes
        )
    }

    /// The table as it is goes into a file: off this disk where the node has another. Its name tells disks and runs apart.
    fn save_table(&mut self, new: &[&Placed]) {
        if self.disk.kind == Kind::Image {
            return;
        }
        let folder = self
            .node
            .other_disk
            .clone()
            .unwrap_or_else(|| "/var/lib/cluster/pi-partition".to_owned());
        let disk = self.disk.path.rsplit('/').next().unwrap_or_default();
        let mut hash = cluster::plan::hash(&state(self.disk, self.table));
        hash.truncate(8);
        let path = format!(
            "{folder}/pi-partition-{}-{disk}-{hash}.table.json",
            self.name
        );
        let made = new.iter().map(|placed| {
            json!({
                "number": placed.number,
                "start_bytes": placed.start_bytes,
                "size_bytes": placed.size_bytes,
            })
        });
        let saved = json!({
            "disk": self.disk.path,
            "disk_id": self.table.disk_id,
            "size_bytes": self.disk.size_bytes,
            "partitions": made.collect::<Vec<_>>(),
            "table_before": saved(self.table, &self.writes),
        });
        let content = format!("{saved:#}\n");
        let check = Check::File {
            path: path.clone(),
            sha256: cluster::plan::sha256(content.as_bytes()),
        };
        let action = Action::WriteFile {
            path,
            content,
            mode: 0o600,
        };
        let why = "the table's present bytes are kept, for --undo";
        self.steps
            .push(Step::new(SAVE_TABLE, why, action, check).harmless());
    }
}

/// The write of one MBR entry.
fn mbr_write(placed: &Placed, sector_bytes: u64, before: &[u8; mbr::ENTRY]) -> Option<gpt::Write> {
    let entry = mbr::new_entry(
        placed.start_bytes / sector_bytes,
        placed.size_bytes / sector_bytes,
        mbr::LINUX,
    )?;
    let offset = mbr::ENTRIES + (placed.number as usize - 1) * mbr::ENTRY;
    Some(("entry", offset as u64, before.to_vec(), entry.to_vec()))
}

/// The number of the MBR entry at an offset.
fn mbr_number(offset_bytes: u64) -> u64 {
    (offset_bytes - mbr::ENTRIES as u64) / mbr::ENTRY as u64 + 1
}
