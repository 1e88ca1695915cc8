//! Taking a new partition back, and plans that were left: what is not this program's stays.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod card;

use card::{Card, RANCHEROS, card, node};
use cluster::plan::{Plan, sha256};
use pi_partition::table::mbr;
use serde_json::{Value, json};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

impl Card {
    /// Makes a partition without a file system; where its output is.
    fn grown(&self) -> PathBuf {
        let done = self.run(&["--fs", "none", "--apply"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        self.keep(&done.json().unwrap())
    }

    fn keep(&self, answer: &Value) -> PathBuf {
        let path = self.folder.path().join("saved.json");
        std::fs::write(&path, answer.to_string()).unwrap();
        path
    }

    fn write(&self, bytes: &[u8], offset: u64) {
        let file = File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    fn bytes(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let file = File::open(&self.path).unwrap();
        file.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }

    /// Puts the table back; the id of what speaks against it, if anything does.
    fn undo(&self, saved: &Path) -> Option<String> {
        let outcome = self.run(&["--undo", saved.to_str().unwrap(), "--apply"]);
        let answer = outcome.json().unwrap();
        let finding = &answer["findings"][0]["id"];
        assert_eq!(outcome.code == Some(0), finding.is_null());
        finding.as_str().map(str::to_owned)
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join(".card.img.pi-partition.journal")
    }
}

#[test]
fn only_the_partitions_that_were_made_go() {
    let card = card(&RANCHEROS);
    let before = card.mbr();
    let saved = card.grown();
    let grown = card.mbr();
    // Somebody deleted it, and made another one of the same number with data that nothing recognises.
    for (start, size) in [(600_000, 100_000), (464_896, 1000), (466_944, 1_630_208)] {
        card.write(&mbr::new_entry(start, size, mbr::LINUX).unwrap(), 478);
        card.write(b"precious", start * 512);
        let foreign = card.mbr();
        let undone = card.undo(&saved);
        assert_eq!(undone.as_deref(), Some("partition-undo-foreign"), "{start}");
        assert_eq!(card.mbr(), foreign);
        assert_eq!(card.bytes(start * 512, 8), b"precious");
        assert!(!card.journal().exists());
    }
    // A file that does not name what was made takes nothing away.
    card.write(&grown, 0);
    let mut answer: Value = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    node_mut(&mut answer)["partitions"] = json!([]);
    let unnamed = card.folder.path().join("unnamed.json");
    std::fs::write(&unnamed, answer.to_string()).unwrap();
    assert_eq!(
        card.undo(&unnamed).as_deref(),
        Some("partition-undo-foreign")
    );
    assert_eq!(card.mbr(), grown);
    assert_eq!(card.undo(&saved), None);
    assert_eq!(card.mbr(), before);
    assert_eq!(card.undo(&saved), None);
}

fn node_mut(answer: &mut Value) -> &mut Value {
    let nodes = answer["nodes"].as_object_mut().unwrap();
    nodes.values_mut().next().unwrap()
}

#[test]
fn a_saved_file_writes_nothing_but_a_table() {
    let card = card(&RANCHEROS);
    card.write(b"boot code", 0);
    let saved = card.grown();
    let grown = card.mbr();
    let answer: Value = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    for (offset, bytes) in [
        (0, "00"),
        (440, "00"),
        (445, "0000"),
        (510, "55aa"),
        (509, "0055"),
        (512, "00"),
        (1 << 20, "00"),
        (u64::MAX, "0000"),
    ] {
        let mut bad = answer.clone();
        let ranges = &mut node_mut(&mut bad)["table_before"];
        let more = json!({"offset_bytes": offset, "bytes": bytes});
        ranges.as_array_mut().unwrap().push(more);
        let bad = card.keep(&bad);
        assert!(
            matches!(
                card.undo(&bad).as_deref(),
                Some("partition-undo-differs" | "partition-undo-foreign")
            ),
            "{offset}"
        );
        assert_eq!(card.mbr(), grown, "{offset}");
    }
}

#[test]
fn a_table_that_cannot_be_read_does_not_say_what_would_go() {
    let card = card(&RANCHEROS);
    let saved = card.grown();
    // In the new one's entry, a partition over partition 2.
    card.write(&mbr::new_entry(70_000, 5000, mbr::LINUX).unwrap(), 478);
    let overlapping = card.mbr();
    assert_eq!(
        card.undo(&saved).as_deref(),
        Some("partition-table-overlap")
    );
    assert_eq!(card.mbr(), overlapping);
}

/// The line of a journal that holds a record.
fn line(record: &Value) -> String {
    let record = record.to_string();
    let sum = sha256(record.as_bytes());
    format!("{} {record}\n", &sum[..16])
}

/// The journal of a run with these arguments that was killed as its first step began.
fn killed_at_once(card: &Card, arguments: &[&str]) -> Value {
    let answer = card.run(arguments).json().unwrap();
    let planned = node(&answer);
    let disk = &planned["disk"];
    let field = |partition: &Value, field: &str| partition[field].clone();
    let partitions = disk["partitions"].as_array().unwrap().iter().map(|p| {
        json!({
            "number": field(p, "number"), "start_bytes": field(p, "start_bytes"),
            "size_bytes": field(p, "size_bytes"), "type": field(p, "type"), "uuid": field(p, "uuid"),
        })
    });
    let plan = json!({
        "tool": "pi-partition", "tool_version": planned["tool_version"], "request": planned["request"],
        "state": {
            "size_bytes": disk["size_bytes"], "logical_sector_bytes": disk["logical_sector_bytes"],
            "table": disk["table"], "disk_id": disk["disk_id"], "partitions": partitions.collect::<Vec<_>>(),
        },
        "steps": planned["steps"],
    });
    let hash = serde_json::from_value::<Plan>(plan.clone()).unwrap();
    assert_eq!(planned["plan_sha256"], hash.plan_sha256());
    let records = [
        json!({"record": "plan", "sha256": hash.plan_sha256(), "plan": plan}),
        json!({"record": "started", "step": hash.steps[0].id}),
    ];
    std::fs::write(card.journal(), records.each_ref().map(line).concat()).unwrap();
    answer
}

#[test]
fn a_plan_that_changed_nothing_keeps_nobody_from_another() {
    let card = card(&RANCHEROS);
    killed_at_once(&card, &["--fs", "none"]);
    let seen = card
        .run(&["--fs", "none", "--size", "128MiB"])
        .json()
        .unwrap();
    assert_eq!(seen["findings"][0]["id"], "partition-unfinished");
    let message = seen["findings"][0]["message"].as_str().unwrap();
    assert!(
        message.contains(".card.img.pi-partition.journal"),
        "{message}"
    );
    let done = card.run(&["--fs", "none", "--size", "128MiB", "--apply"]);
    let done = done.json().unwrap();
    assert_eq!(
        (&done["ok"], &done["changed"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(node(&done)["partitions"][0]["size_bytes"], 128 << 20);
    assert!(!card.journal().exists());
}

#[test]
fn what_a_dropped_plan_would_have_erased_is_somebodys_again() {
    let card = card(&RANCHEROS);
    let answer = card.run(&["--fs", "none"]).json().unwrap();
    let start = node(&answer)["partitions"][0]["start_bytes"].as_u64();
    // The magic bytes of XFS.
    card.write(b"XFSB", start.unwrap());
    killed_at_once(&card, &["--fs", "none", "--wipe"]);
    let outcome = card.run(&["--fs", "none", "--apply"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let id = &outcome.json().unwrap()["findings"][0]["id"];
    assert_eq!(id, "partition-foreign-signature");
    assert_eq!(card.bytes(start.unwrap(), 4), b"XFSB");
}

#[test]
fn a_plan_whose_entry_is_there_is_another_until_it_is_taken_back() {
    let card = card(&RANCHEROS);
    let before = card.mbr();
    let planned = killed_at_once(&card, &["--fs", "none"]);
    let journal = std::fs::read(card.journal()).unwrap();
    // Its write went through, and the record of that did not.
    let bytes = node(&planned)["steps"][0]["action"]["bytes"].as_str();
    let hex = bytes.unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let entry: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    card.write(&entry, 478);
    let outcome = card.run(&["--fs", "none", "--size", "128MiB", "--apply"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let finding = outcome.json().unwrap()["findings"][0].clone();
    assert_eq!(finding["id"], "journal-other-plan");
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.contains(".card.img.pi-partition.journal"),
        "{message}"
    );
    // The plan's own output takes it back, and its journal with it.
    let saved = card.keep(&planned);
    assert_eq!(card.undo(&saved), None);
    assert_eq!(card.mbr(), before);
    assert!(!card.journal().exists());
    // Where there is nothing to take back, the journal goes all the same.
    std::fs::write(card.journal(), journal).unwrap();
    assert_eq!(card.undo(&saved), None);
    assert!(!card.journal().exists());
}

#[test]
fn another_disks_journal_is_named_and_left_alone() {
    let card = card(&RANCHEROS);
    killed_at_once(&card, &["--fs", "none"]);
    card.write(&0x1234_5678_u32.to_le_bytes(), 440);
    let before = card.mbr();
    for arguments in [&["--fs", "none"][..], &["--fs", "none", "--apply"]] {
        let outcome = card.run(arguments);
        assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
        let finding = outcome.json().unwrap()["findings"][0].clone();
        assert_eq!(finding["id"], "partition-other-disk");
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains("0b0e8b44"), "{message}");
        assert!(card.journal().exists());
        assert_eq!(card.mbr(), before);
    }
}
