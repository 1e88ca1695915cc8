//! What the tests of the tool seen from outside share: an image made byte by byte, and running the tool on it.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use pi_partition::table::mbr;
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// An image in a folder of its own.
pub struct Card {
    pub folder: tempfile::TempDir,
    pub path: PathBuf,
}

/// A 1 GiB image with these MBR entries, start and size in sectors.
pub fn card(entries: &[(u64, u64)]) -> Card {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.img");
    let file = File::create(&path).unwrap();
    file.set_len(1 << 30).unwrap();
    let mut sector = [0; 512];
    sector[440..444].copy_from_slice(&0x0b0e_8b44_u32.to_le_bytes());
    for (index, (start, size)) in entries.iter().enumerate() {
        let entry = mbr::new_entry(*start, *size, mbr::LINUX).unwrap();
        sector[446 + index * 16..][..16].copy_from_slice(&entry);
    }
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    file.write_all_at(&sector, 0).unwrap();
    Card { folder, path }
}

/// Partition 2 begins one sector off every grid.
pub const RANCHEROS: [(u64, u64); 2] = [(2048, 61441), (63489, 400_000)];

pub fn run(arguments: &[&str], input: &str) -> Outcome {
    let program = Program::new(env!("CARGO_BIN_EXE_pi-partition"));
    program.args(arguments).input(input).run().unwrap()
}

impl Card {
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let own = ["-n", "--only", "--disk", self.path.to_str().unwrap()];
        run(&[&own, arguments].concat(), "")
    }

    pub fn mbr(&self) -> Vec<u8> {
        let mut sector = vec![0; 512];
        File::open(&self.path)
            .unwrap()
            .read_exact_at(&mut sector, 0)
            .unwrap();
        sector
    }

    pub fn names(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

pub fn node(answer: &Value) -> &Value {
    answer["nodes"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()
}
