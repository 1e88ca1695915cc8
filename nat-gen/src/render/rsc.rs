//! The RouterOS script: one `{ }` block that builds beside what is there, swaps one jump for each hook, and clears away.
//!
//! `/import` gives every top-level line a scope of its own, so everything stands in one block. It uses what RouterOS 6.2 and 7
//! both have: menu paths with spaces, `:do … on-error`, no `:onerror`. Interfaces are matched by list, the public address by
//! its type, so a new one needs no new script.

use crate::firewall::{Firewall, Hook, Role};
use crate::forward::Forward;
use crate::render::rsc_udp;
use crate::render::rsc_words::{
    add_jump, declare, find_jump, not_whole, parameters, remove_all, remove_own, remove_undo,
    undo_script, variable,
};
use crate::routeros::{self, Names, quote};
use cluster::inventory::RouterOs;
use std::fmt::Write;

/// What the script is made from.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The content.
    pub firewall: &'a Firewall,
    /// The forwardings, for connections to changed UDP targets.
    pub forwards: &'a [Forward],
    /// The hooks that the router has ([`hooks`]).
    pub hooks: &'a [Hook],
    /// Seconds after which an unconfirmed change is undone.
    pub confirm: Option<u32>,
    /// Whether UDP connections to a changed target are removed.
    pub drop_udp: bool,
}

/// The hooks that a router has. IPv6 is a package of its own in RouterOS 6: where the document has no IPv6 network it may be
/// missing, and a script that names it would not even be read.
pub fn hooks(routeros: RouterOs, ipv6: bool) -> Vec<Hook> {
    let has = |hook: &Hook| *hook != Hook::Forward6 || ipv6 || routeros == RouterOs::V7;
    Hook::ALL.into_iter().filter(has).collect()
}

/// The script.
pub fn script(given: &Script<'_>) -> String {
    let names = Names::new(given.cluster, given.firewall);
    let writer = Writer {
        given,
        names: &names,
    };
    let mut out = writer.head();
    out.push_str("{\n");
    for line in writer.block() {
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str("}\n");
    out
}

struct Writer<'a> {
    given: &'a Script<'a>,
    names: &'a Names,
}

impl Writer<'_> {
    fn head(&self) -> String {
        let mut out = format!(
            "# nat-gen: {} ports of cluster {} ({})\n\
             # Look first:  /import file-name=nat.rsc verbose=yes dry-run\n\
             # Importing it again changes nothing. It owns the chains ng-{}-* and the jumps to them, nothing else.\n\
             # FastTrack translates too; connections that are open now keep their former target until they close.\n",
            self.given.forwards.len(),
            self.given.cluster,
            self.names.base(),
            self.given.cluster,
        );
        if self.given.forwards.is_empty() {
            out.push_str("# Nothing is exposed: this takes away what an earlier import brought.\n");
        }
        if let Some(seconds) = self.given.confirm {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "# Undone after {seconds} s unless confirmed:  /system scheduler remove [find name=\"{}\"]",
                self.names.undo()
            );
        }
        out
    }

    fn block(&self) -> Vec<String> {
        let mut lines = self.state();
        lines.push("  :do {".to_owned());
        lines.extend(indent(self.build()));
        lines.extend(indent(self.arm()));
        lines.extend(indent(self.swap()));
        lines.push("  } on-error={".to_owned());
        lines.extend(indent(self.restore()));
        lines.push("  }".to_owned());
        if self.given.drop_udp {
            lines.extend(rsc_udp::drop(self.given.forwards, self.names));
        }
        lines.extend(self.clear());
        lines.push(format!("  :put {}", quote(&self.done())));
        lines
    }

    /// What is there now: jumps, where they lead, and whether a change waits for its confirmation.
    fn state(&self) -> Vec<String> {
        let undo = quote(&self.names.undo());
        let mut lines = vec![format!(
            "  :local ngUndo [/system scheduler find where name={undo}]"
        )];
        for hook in self.given.hooks {
            let (jumps, old) = (variable("Jump", *hook), variable("Old", *hook));
            let menu = hook.menu();
            lines.extend(declare(*hook, self.names).map(|line| format!("  {line}")));
            lines.push(format!("  :local {jumps} [{}]", find_jump(*hook)));
            lines.push(format!("  :local {old} \"\""));
            lines.push(format!(
                "  :if ([:len ${jumps}] > 0) do={{:set {old} [{menu} get [:pick ${jumps} 0] jump-target]}}"
            ));
        }
        lines.extend(self.used().map(|hook| self.by_hand(hook)));
        lines.push(format!("  :local ngSame {}", self.same()));
        lines.push(format!(
            "  :if (([:len $ngUndo] > 0) && ($ngSame = false)) do={{:error {}}}",
            quote(
                "nat-gen: an earlier change waits to be confirmed or undone; nothing was changed"
            )
        ));
        lines
    }

    /// Whether the jumps already lead to this content.
    fn same(&self) -> String {
        let each = self.given.hooks.iter().map(|hook| {
            let old = variable("Old", *hook);
            let new = quote(&self.names.chain(hook.entry()));
            if self.given.firewall.uses(*hook) {
                format!("(${old} = {new})")
            } else {
                format!("((${old} = \"\") || (${old} = {new}))")
            }
        });
        format!("({})", each.collect::<Vec<_>>().join(" && "))
    }

    /// Rules that somebody added to or removed from chains that are in force are his to explain. It is said before anything is
    /// tried: an error inside would be caught, and its words lost.
    fn by_hand(&self, hook: Hook) -> String {
        format!(
            "  :if ((${} = {}) && ({})) do={{:error {}}}",
            variable("Old", hook),
            quote(&self.names.chain(hook.entry())),
            not_whole(hook, self.names, self.given.firewall),
            quote(
                "nat-gen: rules in its chains were added or removed by hand; import the removal script, then this one"
            ),
        )
    }

    /// The new chains, where they are not there whole.
    fn build(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for hook in self.used() {
            let menu = hook.menu();
            let not_whole = not_whole(hook, self.names, self.given.firewall);
            lines.push(format!("  :if ({not_whole}) do={{"));
            lines.push(format!("    {}", remove_own(hook, self.names)));
            for role in hook.roles() {
                for rule in self.given.firewall.rules(*role) {
                    let mut properties = vec![("chain", self.names.chain(*role))];
                    properties.extend(routeros::rule(rule, &|role| self.names.chain(role)));
                    lines.push(format!("    {menu} add{}", parameters(&properties)));
                }
            }
            lines.push("  }".to_owned());
        }
        lines
    }

    fn used(&self) -> impl Iterator<Item = Hook> {
        let hooks = self.given.hooks.iter().copied();
        hooks.filter(|hook| self.given.firewall.uses(*hook))
    }

    /// The scheduler's entry that undoes, before anything is swapped.
    fn arm(&self) -> Vec<String> {
        let Some(seconds) = self.given.confirm else {
            return Vec::new();
        };
        vec![format!(
            "  :if ($ngSame = false) do={{/system scheduler add name={} interval={seconds}s policy=read,write comment={} on-event={}}}",
            quote(&self.names.undo()),
            quote("nat-gen: undoes the last import; remove to confirm it"),
            undo_script(self.given.hooks, self.names),
        )]
    }

    /// One command for each hook leads connections to the new chains; what lets in comes last.
    fn swap(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for hook in self.given.hooks {
            let menu = hook.menu();
            let new = quote(&self.names.chain(hook.entry()));
            let jumps = variable("Jump", *hook);
            if self.given.firewall.uses(*hook) {
                lines.extend(add_jump(*hook, self.names));
            }
            // Without rules the chain is empty, and a jump to it comes straight back.
            lines.push(format!(
                "  :if ([:len ${jumps}] > 0) do={{{menu} set [{find} and jump-target!={new}] jump-target={new}}}",
                find = find_jump(*hook),
            ));
        }
        lines
    }

    /// Back to what was there, each step for itself, what lets in first.
    fn restore(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for hook in self.given.hooks.iter().rev() {
            let menu = hook.menu();
            let (jumps, old) = (variable("Jump", *hook), variable("Old", *hook));
            let find = find_jump(*hook);
            lines.push(format!(
                "  :do {{:if (${old} = \"\") do={{{menu} remove [{find}]}} else={{{menu} set ${jumps} jump-target=${old}}}}} on-error={{}}"
            ));
            let new = quote(&self.names.chain(hook.entry()));
            if self.given.firewall.uses(*hook) {
                lines.push(format!(
                    "  :do {{:if (${old} != {new}) do={{{}}}}} on-error={{}}",
                    remove_own(*hook, self.names)
                ));
            }
        }
        if self.given.confirm.is_some() {
            lines.push(format!(
                "  :do {{:if ($ngSame = false) do={{{}}}}} on-error={{}}",
                remove_undo(self.names)
            ));
        }
        let message = "nat-gen: the import failed; what was in force before is in force";
        lines.push(format!("  :error {}", quote(message)));
        lines
    }

    /// What earlier imports left. From here on the new content is in force, whatever happens.
    fn clear(&self) -> Vec<String> {
        let mut lines = vec![match self.given.confirm {
            None => "  :do {".to_owned(),
            // The former chains are what the scheduler would go back to.
            Some(_) => "  :if (($ngSame = true) && ([:len $ngUndo] = 0)) do={:do {".to_owned(),
        }];
        if self.given.confirm.is_none() {
            lines.push(format!("    {}", remove_undo(self.names)));
        }
        for hook in self.given.hooks {
            let menu = hook.menu();
            if !self.given.firewall.uses(*hook) {
                lines.push(format!("    {menu} remove [{}]", find_jump(*hook)));
            }
            let others = self.but_these(hook.roles());
            lines.push(format!("    {}", remove_all(*hook, &others)));
        }
        let message = quote(
            "nat-gen: the new rules are in force, but not all old ones could be removed; import again",
        );
        let end = if self.given.confirm.is_none() {
            ""
        } else {
            "}"
        };
        lines.push(format!(
            "  }} on-error={{:log warning {message}; :error {message}}}{end}"
        ));
        lines
    }

    /// ` and chain!=…` for the chains of this generation that have rules.
    fn but_these(&self, roles: &[Role]) -> String {
        let full = roles
            .iter()
            .filter(|role| !self.given.firewall.rules(**role).is_empty());
        let each = full.map(|role| format!(" and chain!={}", quote(&self.names.chain(*role))));
        each.collect()
    }

    fn done(&self) -> String {
        let what = format!(
            "nat-gen: {} ports are forwarded by {}",
            self.given.forwards.len(),
            self.names.base()
        );
        match self.given.confirm {
            None => what,
            Some(seconds) => format!(
                "{what}; a change is undone after {seconds} s unless you remove the scheduler's entry {}",
                self.names.undo()
            ),
        }
    }
}

fn indent(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}
