//! Carrying out a plan so that it survives a kill at any instant.
//!
//! Each step is recorded in a [`Journal`] before its effect. A run that finds the journal of a killed one continues it only
//! where the plan is the same and the journal explains what is found; anything else is refused with both descriptions.

mod journal;
pub mod mounts;
mod place;
pub mod signals;
mod system;
pub mod told;

pub use journal::{Journal, Moment, Progress, Unfinished, image_path, system_path};
pub use place::JournalPlace;
pub use system::System;

use crate::finding::Finding;
use crate::plan::{Action, Lasting, Plan, Step};
use anyhow::{Context, bail};
use serde_json::json;
use std::fmt;
use std::path::Path;

/// The answer is no: an error finding on its way through `?` (exit code 3).
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal(pub Finding);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.subject, self.0.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// The finding where an error is a refusal, else the error again.
    ///
    /// # Errors
    /// The error was none.
    pub fn finding(error: anyhow::Error) -> anyhow::Result<Finding> {
        match error.downcast::<Self>() {
            Ok(refusal) => Ok(refusal.0),
            Err(error) => Err(error),
        }
    }
}

/// How much of a step's effect is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Nothing: all is as the plan found it.
    Absent,
    /// A part, which doing the step again mends.
    Partial,
    /// All of it.
    Present,
    /// Something else stands in its place; what.
    Foreign(String),
}

/// What knows how a tool's steps are looked at and done.
pub trait Executor {
    /// How much of the step's effect is there.
    ///
    /// # Errors
    /// It cannot be seen.
    fn presence(&mut self, step: &Step) -> anyhow::Result<Presence>;

    /// Does the step. It is on the disk when this returns.
    ///
    /// # Errors
    /// It failed; the effect may be there partly.
    fn act(&mut self, step: &Step) -> anyhow::Result<()>;
}

/// What an apply did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The ids of the steps that were done.
    pub did: Vec<String>,
    /// Whether it continued what a killed run had begun.
    pub continued: bool,
}

/// Carries out a plan, or the rest of it. When this returns well, every step's effect is there and the journal is gone.
/// Another plan that an earlier run left is dropped where it is [`untouched`].
///
/// # Errors
/// [`Refusal`] where an unfinished plan is another one or something is not as the journal explains it: nothing was
/// done. Otherwise what failed; the journal then says how far it got.
pub fn apply(
    mut journal: Journal,
    plan: &Plan,
    executor: &mut dyn Executor,
) -> anyhow::Result<Applied> {
    let todo = check(&mut journal, plan, executor)?;
    let continued = journal.unfinished().is_some();
    if todo.is_empty() {
        journal.close()?;
        return Ok(Applied::default());
    }
    if !continued {
        journal.begin(plan)?;
    }
    let mut did = Vec::new();
    for step in todo {
        carry_out(&mut journal, step, executor)
            .with_context(|| format!("carrying out the step {}", step.id))?;
        did.push(step.id.clone());
    }
    journal.close()?;
    Ok(Applied { did, continued })
}

/// The steps that [`apply`] would do now, for a caller that has something to do before them which a refusal has to precede.
/// Nothing is changed but the journal of another plan that is [`untouched`]: it is dropped.
///
/// # Errors
/// [`Refusal`] as [`apply`].
pub fn check<'a>(
    journal: &mut Journal,
    plan: &'a Plan,
    executor: &mut dyn Executor,
) -> anyhow::Result<Vec<&'a Step>> {
    if let Some(left) = journal.unfinished()
        && let Err(other) = same_plan(left, plan, journal.path())
    {
        if !untouched(left, executor) {
            return Err(other);
        }
        journal.forget()?;
    }
    todo(journal, plan, executor)
}

/// [`apply`] for a plan whose steps can only be judged when their turn comes, because what runs on the machine changes
/// between them: each step is looked at after those before it were done. The executor alone says whether a step has to be done
/// again after a kill; the caller makes every check that may refuse before.
///
/// # Errors
/// As [`apply`]. The caller closes the journal, which stays locked until then: whatever it does about a failure, nobody
/// else does anything meanwhile.
pub fn apply_in_turn(
    journal: &mut Journal,
    plan: &Plan,
    executor: &mut dyn Executor,
) -> anyhow::Result<Applied> {
    let continued = journal.unfinished().is_some();
    match journal.unfinished() {
        Some(left) => same_plan(left, plan, journal.path())?,
        None => journal.begin(plan)?,
    }
    let mut did = Vec::new();
    for step in &plan.steps {
        let presence = executor
            .presence(step)
            .with_context(|| format!("looking at the step {}", step.id))?;
        match presence {
            Presence::Present => continue,
            Presence::Foreign(_) => return Err(unexplained(plan, step, &presence, None).into()),
            Presence::Absent | Presence::Partial => {}
        }
        carry_out(journal, step, executor)
            .with_context(|| format!("carrying out the step {}", step.id))?;
        did.push(step.id.clone());
    }
    Ok(Applied { did, continued })
}

/// Whether nothing is there of what an unfinished plan would have changed for good: it failed before its first effect, or it
/// was taken back. `false` where that is not certain. A step that was not begun had no effect: the record of its beginning is
/// on the disk before. One that changes nothing that lasts does not count.
pub fn untouched(left: &Unfinished, executor: &mut dyn Executor) -> bool {
    let begun = |step: &&Step| left.progress.contains_key(&step.id);
    left.plan.steps.iter().filter(begun).all(|step| {
        let harmless = step.undo.is_none() && !step.irreversible;
        let absent = matches!(executor.presence(step), Ok(Presence::Absent));
        harmless || (shows(&step.action) && absent)
    })
}

/// Whether a part of an action's effect can be told from none. A command or a copy that was ended may have done anything.
fn shows(action: &Action) -> bool {
    matches!(
        action,
        Action::WriteBytes { .. }
            | Action::Erase { .. }
            | Action::WriteFile { .. }
            | Action::AppendLine { .. }
            | Action::RemoveLine { .. }
            | Action::RemoveFile { .. }
            | Action::Kernel(_)
            | Action::Mount { .. }
            | Action::Unmount { .. }
    )
}

/// Refuses a plan that is not the one that was begun.
fn same_plan(left: &Unfinished, plan: &Plan, journal: &Path) -> anyhow::Result<()> {
    if left.plan.plan_sha256() == plan.plan_sha256() {
        return Ok(());
    }
    let value = |plan: &Plan| serde_json::to_value(plan).context("describing a plan");
    let differences = Plan::differences(&value(plan)?, &value(&left.plan)?);
    let message = format!(
        "an earlier run was ended in the middle of another plan ({} of {} steps begun; its journal is {}): {}",
        left.progress.len(),
        left.plan.steps.len(),
        journal.display(),
        differences
            .first()
            .map_or("its hash differs", |difference| difference.as_str())
    );
    let finding = Finding::error("journal-other-plan", plan.tool.clone(), message)
        .fix("finish the earlier plan with the request that it was made for (in the evidence), or undo it")
        .evidence(json!({
            "journal": journal.display().to_string(),
            "begun": {"request": left.plan.request, "state": left.plan.state, "plan_sha256": left.plan.plan_sha256()},
            "now": {"request": plan.request, "state": plan.state, "plan_sha256": plan.plan_sha256()},
            "differences": differences,
        }));
    Err(Refusal(finding).into())
}

/// The steps that are still to be done. Every step is looked at before the first is done, and what the journal does not
/// explain is refused.
fn todo<'a>(
    journal: &Journal,
    plan: &'a Plan,
    executor: &mut dyn Executor,
) -> anyhow::Result<Vec<&'a Step>> {
    let progress = |step: &Step| journal.unfinished()?.progress.get(&step.id).copied();
    let mut todo = Vec::new();
    for step in &plan.steps {
        let (progress, lasting) = (progress(step), step.action.lasting());
        if progress == Some(Progress::Done) && lasting == Lasting::Superseded {
            continue;
        }
        let presence = executor
            .presence(step)
            .with_context(|| format!("looking at the step {}", step.id))?;
        match (presence, progress) {
            (Presence::Present, _) => {}
            (Presence::Absent, None | Some(Progress::Started))
            | (Presence::Partial, Some(Progress::Started)) => todo.push(step),
            // A restart took it away.
            (Presence::Absent | Presence::Partial, Some(Progress::Done))
                if lasting == Lasting::UntilRestart =>
            {
                todo.push(step);
            }
            (presence, progress) => {
                return Err(unexplained(plan, step, &presence, progress).into());
            }
        }
    }
    Ok(todo)
}

fn unexplained(
    plan: &Plan,
    step: &Step,
    presence: &Presence,
    progress: Option<Progress>,
) -> Refusal {
    let expected = match progress {
        None => "as the plan found it",
        Some(Progress::Started) => "begun by an earlier run",
        Some(Progress::Done) => "done by an earlier run",
    };
    let found = match presence {
        Presence::Absent => "its effect is not there".to_owned(),
        Presence::Partial => "its effect is there in part".to_owned(),
        Presence::Present => "its effect is there".to_owned(),
        Presence::Foreign(what) => what.clone(),
    };
    let message = format!("the step {} should be {expected}, and {found}", step.id);
    let finding = Finding::error("state-unexplained", plan.tool.clone(), message)
        .fix("look at the disk: somebody else changed it since the plan was made")
        .evidence(json!({"step": step.id, "expected": expected, "found": found}));
    Refusal(finding)
}

fn carry_out(
    journal: &mut Journal,
    step: &Step,
    executor: &mut dyn Executor,
) -> anyhow::Result<()> {
    journal.mark(&step.id, Progress::Started)?;
    executor.act(step)?;
    match executor.presence(step)? {
        Presence::Present => {}
        Presence::Foreign(what) => bail!("it was done, and {what}"),
        Presence::Absent | Presence::Partial => bail!("it was done, and its effect is not there"),
    }
    journal.mark(&step.id, Progress::Done)
}
