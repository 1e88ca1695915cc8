//! The answer for people.

use crate::answer::{About, Answer, Copied, Figures, Node, Verified};
use crate::engine::answer as engine;
use cluster::edge::nodes::Entry;
use cluster::edge::{Verdict, findings_text};
use cluster::name::wrap;
use cluster::plan::steps_text;
use humansize::{DECIMAL, format_size};
use std::fmt::Write;

/// The answer for people.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let mut text = String::new();
    for (name, entry) in &verdict.answer.nodes {
        // Writing to a string does not fail, here and below.
        let _ = match entry {
            Entry::New(about) => match about.as_ref() {
                About::Engine(node) => write_engine(&mut text, name, node),
                About::Tree(node) => write_node(&mut text, name, node),
            },
            Entry::Kept(_) => writeln!(text, "{name}: as in the document"),
        };
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

fn write_engine(text: &mut String, name: &str, node: &engine::Node) -> std::fmt::Result {
    let Some(to) = &node.to else {
        return writeln!(text, "{name}: no partition labelled docker");
    };
    let from = node.from.as_deref().unwrap_or("not known");
    if let Some(check) = &node.check {
        return write_check(text, name, node, check);
    }
    if from == to {
        return writeln!(text, "{name}: {to} is in use; nothing to do");
    }
    writeln!(text, "{name}: {from} -> {to}")?;
    if let Some(plan) = &node.size {
        writeln!(
            text,
            "  holds      {} in {} inodes; needs {}",
            size(plan.bytes),
            plan.inodes,
            size(plan.needed_bytes)
        )?;
        writeln!(
            text,
            "  takes      about {} s beside the running engine, and about {} s without it (estimated)",
            plan.copy_estimate_s, plan.downtime_estimate_s
        )?;
    }
    for (title, list) in [
        ("  stops      ", &node.running),
        ("  mounts     ", &node.mounts),
    ] {
        if !list.is_empty() {
            wrap(text, title, &list.join(", "));
        }
    }
    if let Some(done) = &node.result {
        return write_done(text, done);
    }
    if !node.steps.is_empty() {
        text.push('\n');
        text.push_str(&steps_text(&node.steps));
    }
    Ok(())
}

fn write_done(text: &mut String, done: &engine::Done) -> std::fmt::Result {
    writeln!(
        text,
        "  copied     {} files, {}; {} names compared, {} read back",
        done.copied_files,
        size(done.copied_bytes),
        done.verified_names,
        size(done.verified_bytes)
    )?;
    match done.downtime_s {
        Some(seconds) => writeln!(text, "  stood still {seconds:.1} s"),
        None => Ok(()),
    }
}

fn write_check(
    text: &mut String,
    name: &str,
    node: &engine::Node,
    check: &crate::engine::answer::Checked,
) -> std::fmt::Result {
    let used = check.in_use.as_deref().unwrap_or("not known");
    let state = if check.running {
        "runs"
    } else {
        "does not run"
    };
    writeln!(text, "{name}: {} {state}", node.engine)?;
    writeln!(text, "  in use     {used}")?;
    writeln!(text, "  configured {}", check.configured)?;
    if let Some(to) = &node.to {
        let mounted = if check.mounted {
            "mounted"
        } else {
            "nothing is mounted"
        };
        let by = check.mounted_by.as_deref().unwrap_or("nothing");
        let guarded = match check.guarded {
            Some(true) => "; guarded beneath",
            Some(false) => "; not guarded beneath",
            None => "",
        };
        writeln!(text, "  {to}: {mounted}; at a start by {by}{guarded}")?;
    }
    if let (Some(bytes), Some(inodes)) = (check.left_bytes, check.left_inodes) {
        writeln!(text, "  put away   {} in {inodes} inodes", size(bytes))?;
    }
    let lasts = if check.lasts {
        "the same"
    } else {
        "something else"
    };
    writeln!(text, "  a restart  brings {lasts}")
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
