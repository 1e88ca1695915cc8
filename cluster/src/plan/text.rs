//! Steps as text for people.

use super::{Action, KernelCall, Scratch, Step};
use crate::command::quote;
use crate::name::wrap;

/// The steps as a numbered list, 80 columns wide: what, and below it why.
pub fn steps_text(steps: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let mark = if step.irreversible {
            "  (cannot be taken back)"
        } else {
            ""
        };
        wrap(
            &mut text,
            &format!("{:3}. ", index + 1),
            &format!("{}{mark}", sentence(&step.action)),
        );
        wrap(&mut text, "     ", &step.why);
    }
    text
}

/// What an action does, in a sentence.
pub(super) fn sentence(action: &Action) -> String {
    match action {
        Action::WriteBytes {
            path,
            offset_bytes,
            bytes,
            ..
        } => format!(
            "write {} bytes at offset {offset_bytes} of {path}",
            bytes.0.len()
        ),
        Action::Erase {
            path,
            offset_bytes,
            before,
        } => format!(
            "write zeros over {} bytes at offset {offset_bytes} of {path}",
            before.0.len()
        ),
        Action::Discard {
            path,
            offset_bytes,
            size_bytes,
        } => format!("give {size_bytes} bytes at offset {offset_bytes} of {path} back"),
        Action::WriteFile { path, .. } => format!("write {path}"),
        Action::AppendLine { path, line } => format!("append to {path}: {line}"),
        Action::RemoveLine { path, line } => format!("remove from {path}: {line}"),
        Action::RemoveFile { path } => format!("remove {path}"),
        Action::Run { argv, scratch, .. } => run_sentence(argv, scratch.as_ref()),
        Action::Kernel(call) => kernel_sentence(call),
        Action::Mount {
            source,
            target,
            options,
            ..
        } => format!("mount {source} on {target} ({options})"),
        Action::Unmount { target } => format!("unmount {target}"),
        Action::Service { name, verb } => format!("{} {name}", verb.as_str()),
        Action::CopyTree { from, to } => format!("copy {from} to {to}"),
        Action::Own { verb, path } => format!("{verb} {path}"),
        Action::WaitFor { limit_s } => format!("wait for it, at most {limit_s} s"),
    }
}

fn run_sentence(argv: &[String], scratch: Option<&Scratch>) -> String {
    let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
    let place = scratch.map_or(String::new(), |scratch| {
        format!(
            ", and copy the file to offset {} of {}",
            scratch.offset_bytes, scratch.path
        )
    });
    format!("run {}{place}", words.join(" "))
}

fn kernel_sentence(call: &KernelCall) -> String {
    match call {
        KernelCall::BlkpgAddPartition { path, number, .. } => {
            format!("tell the kernel of partition {number} of {path} (BLKPG)")
        }
        KernelCall::BlkpgDelPartition { path, number } => {
            format!("let the kernel forget partition {number} of {path} (BLKPG)")
        }
        KernelCall::RadioUnblock => "unblock the radio (rfkill)".to_owned(),
        KernelCall::RadioCountry { country } => {
            format!("set the country of the radio rules to {country} (nl80211)")
        }
        KernelCall::RadioPowerSave { interface, enabled } => {
            let word = if *enabled { "on" } else { "off" };
            format!("turn power save of {interface} {word} (nl80211)")
        }
    }
}
