//! The fuzz targets' corpora, replayed: what once broke a reader, and what reaches far into one, holds with every compiler.
//! `scripts/fuzz` looks for more.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

use cluster_tests::tools;
use std::path::Path;

#[allow(dead_code, reason = "what changes inputs is for libFuzzer alone")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Every input of a target's corpus.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = tools::top().join("tests/fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        // What a panic in it says does not name the input.
        let shown = path.display().to_string();
        let content = std::fs::read(&path).unwrap();
        std::panic::catch_unwind(|| run(&content)).unwrap_or_else(|_| panic!("broken by {shown}"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

macro_rules! corpora {
    ($($target:ident)*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        $(
            #[test]
            fn $target() {
                replay(stringify!($target), targets::$target::run);
            }
        )*
    };
}

corpora!(
    cloud_config daemon_json document gluster journal kernel_line kubectl node server side_files table tools wireless
);

/// The names of a folder's files or folders, without their ends.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn each_target_has_a_corpus_and_is_replayed() {
    let folder = tools::top().join("tests/fuzz");
    assert_eq!(names(&folder.join("targets")), TARGETS);
    assert_eq!(names(&folder.join("corpus")), TARGETS);
}
