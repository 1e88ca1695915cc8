//! Files beside the document: measured draws, a router's saved rules, fragments of cloud-configs, a saved table, k3sup's list, and
//! what `sfdisk` prints.

use super::{bytes, files, tool};

/// The bytes before the file: which one it is.
pub const HEAD: usize = 1;

/// Each is read or refused as what it is.
pub fn run(data: &[u8]) {
    let (choice, content) = bytes::choice(data);
    let document = cluster::EXAMPLE.as_bytes();
    let form = ["json", "text"][choice / 6 % 2];
    let file = files::file("side", content);
    let path = file.to_str().expect("a path of letters");
    let empty = files::empty("empty");
    let empty = empty.to_str().expect("a path of letters");
    let outcome = match choice % 6 {
        0 => {
            let words = ["-f", form, "--measured", path];
            tool::run::<poe_budget::cli::Cli>(&words, document)
        }
        1 => {
            let words = ["-f", "rest", "--rest-nat", path, "--rest-filter", path];
            tool::run::<nat_gen::cli::Cli>(&words, document)
        }
        2 => {
            let words = ["-f", form, "--secrets", files::secrets()];
            tool::run::<k3s_join::cli::Cli>(&words, content)
        }
        3 => {
            let words = ["-f", form, "--sysroot", empty];
            tool::run::<pi_partition::cli::Cli>(&words, content)
        }
        4 => return undo(path),
        _ => {
            let words = [
                "-f",
                "cloud-config",
                "--os",
                "rancheros",
                "--node",
                "pi1",
                "--merge",
                path,
                "--secrets",
                files::secrets(),
                "--sysroot",
                empty,
            ];
            tool::run::<pi_wifi::cli::Cli>(&words, document)
        }
    };
    match outcome {
        Ok(outcome) => tool::readable(&outcome),
        Err(error) if bytes::text(content).is_some() => tool::foreseen(&error),
        Err(_) => {}
    }
}

/// A saved table, against an image that it is not of.
fn undo(path: &str) {
    let image = files::file("card.img", &[0; 4096]);
    let image = image.to_str().expect("a path of letters");
    let empty = files::empty("empty");
    let empty = empty.to_str().expect("a path of letters");
    let words = ["-n", "--disk", image, "--undo", path, "--sysroot", empty];
    if let Ok(outcome) = tool::run::<pi_partition::cli::Cli>(&words, b"") {
        tool::readable(&outcome);
    }
}
