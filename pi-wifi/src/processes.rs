//! Programs that run, as `/proc` tells of them.

use cluster::root::Root;
use std::path::Path;

/// Longer than any command line of a network program.
const LIMIT: u64 = 64 << 10;

/// A running program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// Its arguments, the first its own name.
    pub arguments: Vec<String>,
}

impl Process {
    /// The argument behind an option, joined to it or apart: `-iwlan0`, `-i wlan0`.
    pub fn option(&self, option: &str) -> Option<&str> {
        let at = self
            .arguments
            .iter()
            .position(|word| word.starts_with(option))?;
        match &self.arguments[at][option.len()..] {
            "" => self.arguments.get(at + 1).map(String::as_str),
            joined => Some(joined),
        }
    }
}

/// All programs whose name begins with `name`, which the kernel cuts to 15 bytes.
pub fn named(root: &Root, name: &str) -> Vec<Process> {
    let wanted = &name[..name.len().min(15)];
    let ids = root.names(Path::new("/proc")).unwrap_or_default();
    let ids = ids.iter().filter_map(|id| id.to_str()?.parse::<u32>().ok());
    ids.filter(|id| comm(root, *id).as_deref() == Some(wanted))
        .map(|id| Process {
            id,
            arguments: arguments(root, id),
        })
        .collect()
}

/// A program's name.
pub fn comm(root: &Root, id: u32) -> Option<String> {
    let text = root
        .read(Path::new(&format!("/proc/{id}/comm")), LIMIT)
        .ok()?;
    Some(String::from_utf8_lossy(&text).trim_end().to_owned())
}

fn arguments(root: &Root, id: u32) -> Vec<String> {
    let text = root
        .read(Path::new(&format!("/proc/{id}/cmdline")), LIMIT)
        .unwrap_or_default();
    text.split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// The program that started this one, and when a program began, in ticks since the machine's start: with its number that is
/// its identity (proc_pid_stat(5)).
pub fn parent_and_start(root: &Root, id: u32) -> Option<(u32, u64)> {
    let text = root
        .read(Path::new(&format!("/proc/{id}/stat")), LIMIT)
        .ok()?;
    let text = String::from_utf8_lossy(&text);
    // The name between parentheses may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some((fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}
