//! Text for people.

use crate::answer::Answer;
use cluster::edge::{Verdict, findings_text};
use cluster::inventory::Role;

/// The nodes in the order in which they join, then what was noticed.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let mut out = String::new();
    for name in &verdict.answer.order {
        let role = match verdict.answer.nodes.get(name).map(|node| node.role) {
            Some(Role::Server) => "server",
            Some(Role::Agent) => "agent",
            None => continue,
        };
        out.push_str(&format!("  {name}  {role}\n"));
    }
    out.push_str(&findings_text(&verdict.findings));
    out
}
