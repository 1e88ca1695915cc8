//! Copies and verifies.

use crate::answer::{Copied, Verified};
use crate::copy::{self, Content, Counters, Differences, Options};
use crate::memory;
use crate::observe::{Observed, State};
use crate::overlay;
use crate::progress::{Phase, Show, Total};
use crate::request::Request;
use anyhow::{Context, Result};
use cluster::finding::Finding;
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Copies the tree.
///
/// # Errors
/// What cannot be read or written, with its path. The target then is marked as unfinished and the next run goes on.
pub fn copy(request: &Request, observed: &Observed, show: Show) -> Result<(Copied, Vec<Finding>)> {
    let start = Instant::now();
    let counters = Counters::default();
    let options = Options {
        update: observed.state != State::Empty,
        distrust: matches!(
            observed.state,
            State::Unfinished {
                same_boot: false,
                ..
            }
        ),
        before: memory::recall(&observed.target),
    };
    let total = observed
        .holdings
        .as_ref()
        .map(Total::of)
        .unwrap_or_default();
    let pass = show
        .while_running(Phase::Copy, total, &counters, || {
            copy::copy(&observed.source, &observed.target, options, &counters)
        })
        .with_context(|| {
            format!(
                "copying to {} (it is marked as unfinished; the same command continues it)",
                request.to.display()
            )
        })?;
    if let Some(pass) = pass {
        // Without it the next pass only reads more.
        let _ = memory::remember(&observed.target, &pass);
    }
    let copied = Copied {
        copied_bytes: counters.bytes.load(Relaxed),
        copied_files: counters.copied.load(Relaxed),
        mended: counters.mended.load(Relaxed),
        removed: counters.removed.load(Relaxed),
        changed_meanwhile: counters.changed.load(Relaxed),
        seconds: start.elapsed().as_secs_f64(),
    };
    let findings = source_changed(request, &copied).into_iter().collect();
    Ok((copied, findings))
}

fn source_changed(request: &Request, copied: &Copied) -> Option<Finding> {
    if copied.changed_meanwhile == 0 {
        return None;
    }
    let message = format!(
        "{} names changed their type or went away while they were copied",
        copied.changed_meanwhile
    );
    let from = request.from.display().to_string();
    Some(
        Finding::info("dockerroot-tree-source-changed", from, message)
            .fix("stop what writes there and run it again with --update"),
    )
}

/// Compares the two trees, and with `--overlay` what containers would see of them.
///
/// # Errors
/// What cannot be read, with its path.
pub fn verify(
    request: &Request,
    observed: &Observed,
    show: Show,
) -> Result<(Verified, Vec<Finding>)> {
    let counters = Counters::default();
    let total = observed
        .holdings
        .as_ref()
        .map(Total::of)
        .unwrap_or_default();
    let (source, target) = (&observed.source, &observed.target);
    let mut differences = show.while_running(Phase::Verify, total, &counters, || {
        copy::verify(source, target, Content::Bytes, &counters)
    })?;
    let mut findings = Vec::new();
    let mut chains = None;
    if request.overlay {
        let seen = show.while_running(Phase::Overlay, Total::default(), &counters, || {
            overlay::verify(source, target, &counters)
        })?;
        differences.count += seen.differences.count;
        differences.named.extend(seen.differences.named);
        chains = Some(seen.chains);
        findings.extend(seen.findings);
    }
    findings.extend(differ(request, &differences));
    let verified = Verified {
        names: counters.files.load(Relaxed),
        bytes: counters.compared.load(Relaxed),
        chains,
        differences: differences.count,
        first: differences.named,
    };
    Ok((verified, findings))
}

fn differ(request: &Request, differences: &Differences) -> Option<Finding> {
    let first = differences.named.first()?;
    let message = format!(
        "it is not equal to {}: {} differences, the first: {} ({})",
        request.from.display(),
        differences.count,
        first.path,
        first.what
    );
    let to = request.to.display().to_string();
    Some(
        Finding::error("dockerroot-tree-differs", to, message)
            .fix("make it equal with --update --apply while nothing writes to the source")
            .evidence(json!({"differences": differences.count})),
    )
}
