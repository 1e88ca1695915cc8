//! `kubectl get svc -A -o json`, as nat-gen takes it beside the reference cluster.

use super::{bytes, files, tool};
use nat_gen::cli::Cli;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The bytes before the list: form and selection.
pub const HEAD: usize = 1;

/// Two runs on the same services say the same, an error names what is not valid, and no output has a control character.
pub fn run(data: &[u8]) {
    static CLUSTER: OnceLock<PathBuf> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| files::file("cluster.json", cluster::EXAMPLE.as_bytes()));
    let cluster = cluster.to_str().expect("a path of letters");
    let (choice, services) = bytes::choice(data);
    let forms = ["json", "text", "rsc", "nft"];
    let form = forms[choice % forms.len()];
    let ways: [&[&str]; 4] = [
        &["--all"],
        &[],
        &["--all", "--node", "pi1"],
        &["--select", "web/nginx", "--all"],
    ];
    let way = ways[choice / forms.len() % ways.len()];
    let words = [&["-f", form, "--cluster", cluster], way].concat();
    let first = tool::run::<Cli>(&words, services);
    let second = tool::run::<Cli>(&words, services);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert!(
                first.document == second.document,
                "two answers to one question"
            );
            tool::readable(&first);
        }
        (Err(error), Err(_)) => tool::foreseen(&error),
        _ => panic!("an error once, and once none"),
    }
}
