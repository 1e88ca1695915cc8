//! The RouterOS script that takes everything away again, of whichever generation.

use crate::firewall::Hook;
use crate::render::rsc_words::{declare, find_jump, remove_all, remove_undo};
use crate::routeros::{Names, quote};

/// The script. Jumps go first, so that a half-run one leaves nothing half in force.
pub fn script(cluster: &str, names: &Names, hooks: &[Hook]) -> String {
    let mut lines = vec![
        format!(
            "# nat-gen: removes whatever its imports brought for cluster {cluster}, and nothing else"
        ),
        "{".to_owned(),
    ];
    for hook in hooks.iter().rev() {
        lines.extend(declare(*hook, names).map(|line| format!("  {line}")));
    }
    lines.push(format!("  {}", remove_undo(names)));
    for hook in hooks.iter().rev() {
        lines.push(format!("  {} remove [{}]", hook.menu(), find_jump(*hook)));
    }
    for hook in hooks.iter().rev() {
        lines.push(format!("  {}", remove_all(*hook, "")));
    }
    let done = quote("nat-gen: all its rules are removed");
    lines.push(format!("  :put {done}"));
    lines.push("}\n".to_owned());
    lines.join("\n")
}
