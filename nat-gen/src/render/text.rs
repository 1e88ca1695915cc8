//! Text for people.

use crate::answer::Answer;
use cluster::edge::{Verdict, findings_text};
use cluster::name::escape_controls;
use std::fmt::Write;

/// The forwardings as a table, then what was noticed.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let answer = &verdict.answer;
    let mut out = format!(
        "Cluster {}: {}\n",
        answer.site.cluster,
        match (answer.rules.len(), &answer.chain) {
            (0, _) => "nothing is exposed".to_owned(),
            (1, Some(chain)) => format!("1 port, chains {chain}-*"),
            (count, Some(chain)) => format!("{count} ports, chains {chain}-*"),
            (count, None) => format!("{count} ports asked for, refused"),
        }
    );
    if !answer.rules.is_empty() {
        out.push('\n');
        table(&mut out, answer);
    }
    if !verdict.findings.is_empty() {
        out.push('\n');
        out.push_str(&findings_text(&verdict.findings));
    }
    out
}

fn table(out: &mut String, answer: &Answer) {
    let mut rows = vec![["public", "to", "from", "name"].map(str::to_owned)];
    for rule in &answer.rules {
        let from = match rule.sources.as_slice() {
            [] => "everybody".to_owned(),
            sources => sources
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
        };
        rows.push([
            rule.public(),
            rule.target(),
            from,
            escape_controls(&rule.name).into_owned(),
        ]);
    }
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    for [public, to, from, name] in &rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  {public:0$}  {to:1$}  {from:2$}  {name}",
            widths[0], widths[1], widths[2]
        );
    }
}
