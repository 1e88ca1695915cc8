//! What both RouterOS scripts say: how our jumps and chains are found, and how they are removed.

use crate::firewall::{Firewall, Hook, Role};
use crate::routeros::{self, Names, Property, escape, quote};
use std::fmt::Write;

/// Declares the regular expressions of a hook: of its jump's targets, and of all its chains.
pub fn declare(hook: Hook, names: &Names) -> [String; 2] {
    let pattern = |roles: &[Role]| quote(&names.pattern(roles));
    [
        format!(
            ":local {} {}",
            variable("Gate", hook),
            pattern(&[hook.entry()])
        ),
        format!(
            ":local {} {}",
            variable("Mine", hook),
            pattern(hook.roles())
        ),
    ]
}

/// `find where …` for a hook's jump of any generation. Ours is who leads to a chain of ours; comments mean nothing.
pub fn find_jump(hook: Hook) -> String {
    format!(
        "{} find where chain={} and action=jump and jump-target~${}",
        hook.menu(),
        quote(hook.chain()),
        variable("Gate", hook),
    )
}

/// Whether the chains of a hook have not as many rules as they shall have.
pub fn not_whole(hook: Hook, names: &Names, firewall: &Firewall) -> String {
    let menu = hook.menu();
    let counts = hook.roles().iter().map(|role| {
        let chain = quote(&names.chain(*role));
        let count = firewall.rules(*role).len();
        format!("([:len [{menu} find where chain={chain}]] != {count})")
    });
    counts.collect::<Vec<_>>().join(" || ")
}

/// Removes all chains of a hook, of whichever generation.
pub fn remove_all(hook: Hook, but: &str) -> String {
    let (menu, mine) = (hook.menu(), variable("Mine", hook));
    format!("{menu} remove [{menu} find where chain~${mine}{but}]")
}

/// Properties as a command's parameters, all values quoted.
pub fn parameters(properties: &[Property]) -> String {
    let mut text = String::new();
    for (name, value) in properties {
        // Writing to a String cannot fail.
        let _ = write!(text, " {name}={}", quote(value));
    }
    text
}

/// The name of a variable for a hook. None of them is a property of RouterOS, whose names would win.
pub fn variable(kind: &str, hook: Hook) -> String {
    let letter = hook.entry().letter().to_ascii_uppercase();
    format!("ng{kind}{letter}")
}

/// Removes this content's chains of a hook.
pub fn remove_own(hook: Hook, names: &Names) -> String {
    let menu = hook.menu();
    let chains = hook.roles().iter();
    let chains = chains.map(|role| format!("chain={}", quote(&names.chain(*role))));
    let chains = chains.collect::<Vec<_>>().join(" or ");
    format!("{menu} remove [{menu} find where {chains}]")
}

/// Removes the scheduler's entry.
pub fn remove_undo(names: &Names) -> String {
    let undo = quote(&names.undo());
    format!("/system scheduler remove [/system scheduler find where name={undo}]")
}

/// The script that undoes an import, as a quoted string: the former targets stand in it as variables of the importing
/// script, which RouterOS fills in when it makes the scheduler's entry.
pub fn undo_script(hooks: &[Hook], names: &Names) -> String {
    let mut out = "\"".to_owned();
    for hook in hooks.iter().rev() {
        let (menu, find) = (hook.menu(), find_jump(*hook));
        let old = format!("${}", variable("Old", *hook));
        let [gate, _] = declare(*hook, names);
        escape(&mut out, &format!("{gate}; :do {{:if (\""));
        out.push_str(&old);
        let back = format!(
            "\" = \"\") do={{{menu} remove [{find}]}} else={{{menu} set [{find}] jump-target=\""
        );
        escape(&mut out, &back);
        out.push_str(&old);
        escape(&mut out, "\"}} on-error={}; :do {:if (\"");
        out.push_str(&old);
        let new = quote(&names.chain(hook.entry()));
        let own = remove_own(*hook, names);
        escape(
            &mut out,
            &format!("\" != {new}) do={{{own}}}}} on-error={{}}; "),
        );
    }
    let said = quote("nat-gen: nobody confirmed the last import; it is undone");
    escape(
        &mut out,
        &format!("{}; :log warning {said}", remove_undo(names)),
    );
    out.push('"');
    out
}

/// Adds a hook's jump where there is none.
pub fn add_jump(hook: Hook, names: &Names) -> Vec<String> {
    let menu = hook.menu();
    let jumps = variable("Jump", hook);
    let add = format!("{menu} add{}", parameters(&routeros::jump(hook, names)));
    if !hook.first() {
        return vec![format!("  :if ([:len ${jumps}] = 0) do={{{add}}}")];
    }
    // The router's own counters for FastTrack stand before everything as dynamic rules; nothing can be placed before them.
    let rules = variable("Rules", hook);
    let chain = quote(hook.chain());
    vec![
        format!("  :local {rules} [{menu} find where chain={chain} and dynamic=no]"),
        format!("  :if ([:len ${jumps}] = 0) do={{"),
        format!(
            "    :if ([:len ${rules}] = 0) do={{{add}}} else={{{add} place-before=[:pick ${rules} 0]}}"
        ),
        "  }".to_owned(),
    ]
}
