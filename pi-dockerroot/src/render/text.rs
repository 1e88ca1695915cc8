//! The answer for people.

use crate::answer::{Answer, Copied, Figures, Node, Verified};
use cluster::edge::{Verdict, findings_text};
use humansize::{DECIMAL, format_size};
use std::fmt::Write;

/// The answer for people.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let mut text = String::new();
    for (name, node) in &verdict.answer.nodes {
        // Writing to a string does not fail, here and below.
        let _ = write_node(&mut text, name, node);
    }
    if !verdict.findings.is_empty() {
        text.push('\n');
        text.push_str(&findings_text(&verdict.findings));
    }
    text
}

fn write_node(text: &mut String, name: &str, node: &Node) -> std::fmt::Result {
    let (Some(from), Some(to)) = (&node.from, &node.to) else {
        return writeln!(text, "{name}: no partition labelled docker");
    };
    writeln!(text, "{name}: {from} -> {to}")?;
    if let Some(plan) = &node.plan {
        write_plan(text, plan)?;
    }
    if let Some(result) = &node.result {
        write_result(text, result)?;
    }
    if let Some(verified) = &node.verified {
        write_verified(text, verified)?;
    }
    Ok(())
}

fn size(bytes: u64) -> String {
    format_size(bytes, DECIMAL)
}

fn write_plan(text: &mut String, plan: &Figures) -> std::fmt::Result {
    writeln!(
        text,
        "  holds      {} in {} inodes: {} files, {} folders, {} symbolic links, {} whiteouts, {} others",
        size(plan.bytes),
        plan.inodes,
        plan.files,
        plan.folders,
        plan.symlinks,
        plan.whiteouts,
        plan.special
    )?;
    if plan.hard_links + plan.sparse_files > 0 {
        writeln!(
            text,
            "             {} hard links; {} files with holes, in {} extents",
            plan.hard_links, plan.sparse_files, plan.sparse_extents
        )?;
    }
    let inodes = plan
        .free_inodes
        .map_or_else(|| "no limit".to_owned(), |free| free.to_string());
    writeln!(
        text,
        "  needs      {} ({} free), {} inodes ({inodes} free)",
        size(plan.needed_bytes),
        size(plan.free_bytes),
        plan.needed_inodes
    )?;
    let features = if plan.features.is_empty() {
        "nothing special".to_owned()
    } else {
        plan.features.join(", ")
    };
    writeln!(text, "  on {:<8}{features}", plan.filesystem)?;
    if let Some(differences) = plan.differences {
        writeln!(
            text,
            "  target     holds files already; {differences} differences"
        )?;
    }
    Ok(())
}

fn write_result(text: &mut String, result: &Copied) -> std::fmt::Result {
    writeln!(
        text,
        "  copied     {} files, {}; {} mended, {} removed, in {:.1} s",
        result.copied_files,
        size(result.copied_bytes),
        result.mended,
        result.removed,
        result.seconds
    )
}

fn write_verified(text: &mut String, verified: &Verified) -> std::fmt::Result {
    let chains = verified
        .chains
        .map_or_else(String::new, |chains| format!(", {chains} image chains"));
    writeln!(
        text,
        "  verified   {} names, {}{chains}: {} differences",
        verified.names,
        size(verified.bytes),
        verified.differences
    )?;
    for difference in &verified.first {
        writeln!(
            text,
            "             {}: {}",
            difference.path, difference.what
        )?;
    }
    Ok(())
}
