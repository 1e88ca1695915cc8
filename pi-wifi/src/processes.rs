//! Programs that run, as `/proc` tells of them.

use cluster::process;
use cluster::root::Root;

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

/// All programs of a name, which the kernel cuts to 15 bytes.
pub fn named(root: &Root, name: &str) -> Vec<Process> {
    let wanted = &name[..name.len().min(15)];
    let ids = process::numbers(root).unwrap_or_default().into_iter();
    ids.filter(|id| process::name(root, *id).as_deref() == Some(wanted))
        .map(|id| Process {
            id,
            arguments: process::arguments(root, id).unwrap_or_default(),
        })
        .collect()
}
