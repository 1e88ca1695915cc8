//! What the tests of pi-partition share: images, other programs' words about them, and what changed in them.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::tools;
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The programs of the packages that `scripts/setup` installs.
pub const PROGRAMS: &[&str] = &[
    "blkid",
    "e2fsck",
    "fdisk",
    "mkfs.ext4",
    "mkfs.xfs",
    "parted",
    "sfdisk",
    "sgdisk",
    "strace",
    "xfs_repair",
];

/// An image's size: large enough for XFS beside what the layouts have.
pub const SIZE: u64 = 640 << 20;

/// A folder with an image in it.
pub struct Image {
    folder: tempfile::TempDir,
    /// The image.
    pub path: PathBuf,
}

impl Image {
    /// A sparse image that `bash` made a table on; `$I` is its path.
    pub fn new(size: u64, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.img");
        File::create(&path).unwrap().set_len(size).unwrap();
        let image = Self { folder, path };
        image.bash(script);
        image
    }

    /// Runs a script with the image as `$I`; its standard output.
    pub fn bash(&self, script: &str) -> String {
        let script = format!(
            "set -euo pipefail\nexport PATH=$PATH:/usr/sbin:/sbin\nI={}\n{script}",
            self.path.display()
        );
        let outcome = Program::new("bash").args(["-c", &script]).run().unwrap();
        assert_eq!(
            outcome.code,
            Some(0),
            "{script}\n{}{}",
            outcome.text(),
            outcome.stderr
        );
        outcome.text()
    }

    /// A copy of the image as it is now.
    pub fn keep(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        self.bash(&format!("cp --sparse=always $I {}", copy.display()));
        copy
    }

    /// Puts a copy back in the image's place.
    pub fn put_back(&self, copy: &Path) {
        self.bash(&format!("cp --sparse=always {} $I", copy.display()));
    }

    /// A path beside the image.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names in the image's folder.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs pi-partition on the image.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let program = tools::tool("pi-partition").unwrap();
        let all = ["-n", "--only", "--disk", self.path.to_str().unwrap()];
        program.args(all).args(arguments).run().unwrap()
    }

    /// What `--check` reports, whether or not something speaks against a new partition.
    pub fn check(&self) -> Value {
        let outcome = self.run(&["--check"]);
        assert!(matches!(outcome.code, Some(0 | 3)), "{}", outcome.stderr);
        outcome.json().unwrap()
    }

    /// The same, where the answer has to be yes.
    pub fn yes(&self, arguments: &[&str]) -> Value {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
        outcome.json().unwrap()
    }

    /// The same, where the answer has to be no: the id of its first finding. The image is as it was.
    pub fn no(&self, arguments: &[&str]) -> String {
        let before = self.keep("before-no");
        for apply in [false, true] {
            let mut arguments = arguments.to_vec();
            arguments.extend(apply.then_some("--apply"));
            let outcome = self.run(&arguments);
            assert_eq!(
                outcome.code,
                Some(3),
                "{arguments:?}: {} {}",
                outcome.stderr,
                self.sfdisk()
            );
            assert_eq!(differences(&before, &self.path), []);
            if apply {
                let finding = outcome.json().unwrap()["findings"][0].clone();
                assert!(!finding["fix"].is_null(), "{finding}");
                return finding["id"].as_str().unwrap().to_owned();
            }
        }
        unreachable!()
    }

    /// What `sfdisk --json` reads.
    pub fn sfdisk(&self) -> Value {
        serde_json::from_str(&self.bash("sfdisk --json $I")).unwrap()
    }
}

/// The first byte from `at` that is in no hole, or the size: holes are most of an image, and read as zeros.
fn data(file: &File, at: u64, size: u64) -> u64 {
    match lseek(file, at.try_into().unwrap(), Whence::SeekData) {
        Err(Errno::ENXIO) => size,
        found => found.unwrap().try_into().unwrap(),
    }
}

/// Where two images differ: ranges of 512 bytes, joined.
pub fn differences(a: &Path, b: &Path) -> Vec<(u64, u64)> {
    const CHUNK: usize = 1 << 20;
    let (a, b) = (File::open(a).unwrap(), File::open(b).unwrap());
    let size = a.metadata().unwrap().len();
    assert_eq!(size, b.metadata().unwrap().len());
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut at = 0;
    loop {
        at = data(&a, at, size).min(data(&b, at, size));
        if at >= size {
            break;
        }
        let length = CHUNK.min((size - at) as usize);
        a.read_exact_at(&mut left[..length], at).unwrap();
        b.read_exact_at(&mut right[..length], at).unwrap();
        if left[..length] != right[..length] {
            for place in (0..length).step_by(512) {
                let end = (place + 512).min(length);
                if left[place..end] == right[place..end] {
                    continue;
                }
                let range = (at + place as u64, at + end as u64);
                match found.last_mut() {
                    Some(last) if last.1 == range.0 => last.1 = range.1,
                    _ => found.push(range),
                }
            }
        }
        at += length as u64;
    }
    found
}

/// Our reading in the form of `sfdisk --json`: number, start, size, type, UUID.
pub fn ours(answer: &Value) -> Vec<(u64, u64, u64, String, Option<String>)> {
    let disk = &answer["nodes"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()["disk"];
    let sector = disk["logical_sector_bytes"].as_u64().unwrap();
    let number = |partition: &Value, field: &str| partition[field].as_u64().unwrap();
    let partitions = disk["partitions"].as_array().unwrap().iter();
    partitions
        .map(|p| {
            (
                number(p, "number"),
                number(p, "start_bytes") / sector,
                number(p, "size_bytes") / sector,
                p["type"].as_str().unwrap().to_owned(),
                p["uuid"].as_str().map(str::to_owned),
            )
        })
        .collect()
}

/// The same of `sfdisk --json` itself.
pub fn theirs(sfdisk: &Value) -> Vec<(u64, u64, u64, String, Option<String>)> {
    let table = &sfdisk["partitiontable"];
    let device = table["device"].as_str().unwrap();
    let partitions = table["partitions"].as_array().cloned().unwrap_or_default();
    partitions
        .iter()
        .map(|p| {
            let node = p["node"].as_str().unwrap().strip_prefix(device).unwrap();
            (
                node.trim_start_matches('p').parse().unwrap(),
                p["start"].as_u64().unwrap(),
                p["size"].as_u64().unwrap(),
                p["type"].as_str().unwrap().to_owned(),
                p["uuid"].as_str().map(str::to_owned),
            )
        })
        .collect()
}
