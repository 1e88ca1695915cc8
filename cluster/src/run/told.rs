//! What every tool that acts says in the same words: a plan that is another one now, and a run that was ended in the middle.

use super::journal::Unfinished;
use crate::finding::Finding;
use crate::plan::Plan;
use serde_json::{Value, json};

/// What was reviewed is what happens: the refusal where the document's plan (`given`) is not the one that is made now.
pub fn differs(id: &'static str, subject: &str, own: &Value, given: &Value) -> Option<Finding> {
    let differences = Plan::differences(own, given);
    let first = differences.first()?;
    let more = match differences.len() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    let message =
        format!("the plan in the document is not the one that is made now: {first}{more}");
    Some(
        Finding::error(id, subject, message)
            .fix("plan again, look at the new plan, and apply that")
            .evidence(json!({ "differences": differences })),
    )
}

/// The warning of an earlier run that was ended in the middle.
pub fn unfinished(id: &'static str, subject: &str, left: &Unfinished) -> Finding {
    let message = format!(
        "an earlier run was ended in the middle: {} of {} steps were begun",
        left.progress.len(),
        left.plan.steps.len()
    );
    // An undo goes on as an undo only: the same request without it is another plan.
    let fix = match left.plan.request.get("undo") {
        Some(_) => {
            "it was an --undo: run that again with --apply, and it goes on where it was ended"
        }
        None => "run it again with --apply: it goes on where it was ended",
    };
    Finding::warning(id, subject, message).fix(fix)
}

/// The remark that this run ended what an earlier one had begun.
pub fn continued(id: &'static str, subject: &str, did: &[String]) -> Finding {
    let message = format!(
        "what an earlier run had begun was ended: {}",
        did.join(", ")
    );
    Finding::info(id, subject, message)
}
