//! The RouterOS script that takes everything away again, of whichever generation.

use crate::firewall::Hook;
use crate::render::rsc::find_jump;
use crate::routeros::{Names, quote};

/// The script. Jumps go first, so that a half-run one leaves nothing half in force.
pub fn script(cluster: &str, names: &Names, hooks: &[Hook]) -> String {
    let undo = quote(&names.undo());
    let mut lines = vec![
        format!(
            "# nat-gen: removes whatever its imports brought for cluster {cluster}, and nothing else"
        ),
        "{".to_owned(),
        format!("  /system scheduler remove [/system scheduler find where name={undo}]"),
    ];
    for hook in hooks.iter().rev() {
        lines.push(format!(
            "  {} remove [{}]",
            hook.menu(),
            find_jump(*hook, names)
        ));
    }
    for hook in hooks.iter().rev() {
        let menu = hook.menu();
        let pattern = quote(&names.pattern(hook.roles()));
        lines.push(format!(
            "  {menu} remove [{menu} find where chain~{pattern}]"
        ));
    }
    lines.push(format!(
        "  :put {}",
        quote("nat-gen: all its rules are removed")
    ));
    lines.push("}\n".to_owned());
    lines.join("\n")
}
