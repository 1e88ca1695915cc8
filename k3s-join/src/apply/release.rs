//! K3s's release files that are given: for this processor, unharmed, and of the wished version.

use super::acting::sha256_of;
use super::steps::Copied;
use anyhow::Context;
use cluster::command::Command;
use cluster::finding::Finding;
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Where the program belongs.
pub const PROGRAM: &str = "/usr/local/bin/k3s";

/// ELF's machine numbers, as `uname -m` calls them (elf.h), and what K3s's release files are called for each.
const MACHINES: [(u16, &str, &str); 3] = [
    (62, "x86_64", "amd64"),
    (183, "aarch64", "arm64"),
    (40, "armv7l", "armhf"),
];

/// What is given, and where it goes.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// The program.
    pub binary: Option<&'a Path>,
    /// Archives of images.
    pub images: &'a [std::path::PathBuf],
    /// The release's `sha256sum-ARCH.txt`.
    pub sums: Option<&'a Path>,
    /// K3s's data folder on the node.
    pub data: &'a str,
    /// The node's processor, as `uname -m` calls it; `None` where it is not known.
    pub machine: Option<&'a str>,
    /// The wished version.
    pub version: Option<&'a str>,
    /// Whether the program can be asked for its version here.
    pub may_run: bool,
}

/// The copies, and what speaks against them.
///
/// # Errors
/// A file that cannot be read.
pub fn copies(given: &Given<'_>) -> anyhow::Result<(Vec<Copied>, Vec<Finding>)> {
    let mut findings = Vec::new();
    let sums = match given.sums {
        Some(path) => Some(
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?,
        ),
        None => None,
    };
    let mut copies = Vec::new();
    if let Some(path) = given.binary {
        let copied = copied(path, PROGRAM.to_owned(), 0o755)?;
        findings.extend(architecture(path, given.machine)?);
        if given.may_run && findings.is_empty() {
            findings.extend(version(path, given.version));
        }
        copies.push(copied);
    }
    for path in given.images {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        copies.push(copied(
            path,
            format!("{}/agent/images/{name}", given.data),
            0o644,
        )?);
        if !is_archive(&name) {
            let message = format!(
                "K3s reads .tar, .tar.gz, .tar.zst and the like from its image folder, not {name:?}"
            );
            findings.push(
                Finding::error("k3s-images-name", path.display().to_string(), message)
                    .fix("give the release's file under its own name"),
            );
        }
    }
    match sums {
        Some(sums) => findings.extend(copies.iter().filter_map(|copied| listed(copied, &sums))),
        None if !copies.is_empty() => findings.push(
            Finding::warning("k3s-release-not-compared", &copies[0].from, "without the release's list of sums nobody knows that the files are whole, and of one release")
                .fix("--sums sha256sum-arm64.txt, from the same release"),
        ),
        None => {}
    }
    Ok((copies, findings))
}

fn is_archive(name: &str) -> bool {
    [
        ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz", ".tar.lz4",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

fn copied(from: &Path, to: String, mode: u32) -> anyhow::Result<Copied> {
    let reading = || format!("reading {}", from.display());
    let from_text = from
        .to_str()
        .context("the path is not UTF-8")
        .with_context(reading)?
        .to_owned();
    let sha256 = sha256_of(File::open(from).with_context(reading)?).with_context(reading)?;
    Ok(Copied {
        from: from_text,
        to,
        mode,
        sha256,
    })
}

/// The list has lines such as `HASH  k3s-arm64`.
fn listed(copied: &Copied, sums: &str) -> Option<Finding> {
    if sums.lines().any(|line| {
        line.split_whitespace()
            .next()
            .is_some_and(|sum| sum.eq_ignore_ascii_case(&copied.sha256))
    }) {
        return None;
    }
    Some(
        Finding::error("k3s-release-sum-differs", &copied.from, "its SHA-256 is not in the release's list: it is damaged, or of another release or processor")
            .fix("load it again, with the list of the same release")
            .evidence(json!({"sha256": copied.sha256})),
    )
}

fn architecture(path: &Path, machine: Option<&str>) -> anyhow::Result<Option<Finding>> {
    let mut head = [0; 20];
    let mut file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let whole = file.read_exact(&mut head).is_ok();
    let shown = path.display().to_string();
    if !whole || &head[..4] != b"\x7fELF" {
        let finding = Finding::error("k3s-binary-no-program", shown, "it is no program for Linux");
        return Ok(Some(finding.fix(
            "give K3s's release file k3s (amd64), k3s-arm64 or k3s-armhf",
        )));
    }
    let number = u16::from_le_bytes([head[18], head[19]]);
    let found = MACHINES.iter().find(|(known, ..)| *known == number);
    let Some(machine) = machine else {
        return Ok(None);
    };
    if found.is_some_and(|(_, name, _)| *name == machine) {
        return Ok(None);
    }
    let wanted = MACHINES
        .iter()
        .find(|(_, name, _)| *name == machine)
        .map_or("another", |(.., file)| *file);
    let message = format!(
        "it is for {}, and this node's processor is {machine}",
        found.map_or("another processor", |(.., file)| *file)
    );
    Ok(Some(
        Finding::error("k3s-binary-architecture", shown, message)
            .fix(format!("give the release's file for {wanted}")),
    ))
}

fn version(path: &Path, wanted: Option<&str>) -> Option<Finding> {
    let wanted = wanted?;
    let found = version_of(path);
    let shown = path.display().to_string();
    match found {
        Some(found) if found == wanted => None,
        Some(found) => {
            let message = format!("it is K3s {found}, and the document has {wanted}");
            Some(
                Finding::error("k3s-binary-version", shown, message)
                    .fix("give that release's file, or correct k3s.version"),
            )
        }
        None => {
            let message = "it does not say which version of K3s it is (`--version`)";
            Some(
                Finding::error("k3s-binary-version", shown, message)
                    .fix("give K3s's release file, executable"),
            )
        }
    }
}

/// What `k3s --version` says: `k3s version v1.33.4+k3s1 (148243c4)`.
fn version_of(path: &Path) -> Option<String> {
    let out = Command::new(path.as_os_str())
        .args(["--version"])
        .limit(Duration::from_secs(20))
        .run()
        .ok()?;
    let text = String::from_utf8_lossy(&out).into_owned();
    let mut words = text
        .split_whitespace()
        .skip_while(|word| *word != "version");
    words.nth(1).map(str::to_owned)
}

/// The version of the program that is installed on this machine.
pub fn installed_version() -> Option<String> {
    version_of(Path::new(PROGRAM))
}
