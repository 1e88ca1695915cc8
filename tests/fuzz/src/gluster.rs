//! `gluster volume info --xml` and `gluster pool list --xml` beside the reference cluster.

use super::{bytes, files, tool};
use gluster_plan::cli::Cli;
use gluster_plan::observed::Observed;

/// What is accepted is planned with, twice to the same answer; an error names what is not valid.
pub fn run(data: &[u8]) {
    let (choice, data) = bytes::choice(data);
    let pieces = bytes::pieces(data);
    let mut words = Vec::new();
    let mut observed = Observed::default();
    let mut accepted = true;
    for (index, piece) in pieces.iter().take(2).enumerate() {
        let path = files::file(&format!("observed-{index}.xml"), piece);
        words.extend(["--observed".to_owned(), path.display().to_string()]);
        let read = bytes::text(piece).map(|text| observed.read("x", text));
        accepted &= matches!(read, Some(Ok(())));
    }
    for found in observed.volumes.iter().flatten() {
        assert!(!found.bricks.is_empty() && found.bricks.len() % found.replica == 0);
    }
    let forms = ["json", "text", "sh", "k8s", "svg", "heketi"];
    words.extend(["-f".to_owned(), forms[choice % forms.len()].to_owned()]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let first = tool::run::<Cli>(&words, cluster::EXAMPLE.as_bytes());
    let second = tool::run::<Cli>(&words, cluster::EXAMPLE.as_bytes());
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert!(accepted, "what is not gluster's was taken");
            assert!(
                first.document == second.document,
                "two answers to one question"
            );
            tool::readable(&first);
        }
        (Err(error), Err(_)) => {
            if pieces.iter().all(|piece| bytes::text(piece).is_some()) {
                tool::foreseen(&error);
            }
        }
        _ => panic!("an error once, and once none"),
    }
}
