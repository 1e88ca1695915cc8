//! The records of a journal: how a line is written and read, and what the lines of a file add up to.

use crate::plan::{Plan, sha256};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many digits of a record's hash stand before it. It guards against damage, not against an attacker, who could
/// write a hash of his own.
const SUM_DIGITS: usize = 16;

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Its effect may be there, wholly, partly or not.
    Started,
    /// Its effect was there.
    Done,
}

/// A plan that an earlier run left unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The plan.
    pub plan: Plan,
    /// How far each step got, by its id; steps that were not begun are not in here.
    pub progress: BTreeMap<String, Progress>,
    /// What the tool noted of the thing that the plan is about ([`super::Journal::about`]); `null` for nothing.
    pub about: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(super) enum Record {
    /// A run opened the journal. Not synced: it only names who holds the lock.
    Opened { tool: String, process: u32 },
    /// A plan is about to be carried out.
    Plan {
        sha256: String,
        plan: Box<Plan>,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        about: Value,
    },
    /// A step's effect is about to begin.
    Started { step: String },
    /// A step's effect is there.
    Done { step: String },
}

impl Record {
    /// The record's line, with its checksum and its end.
    pub(super) fn line(&self) -> serde_json::Result<String> {
        let text = serde_json::to_string(self)?;
        Ok(format!("{} {text}\n", sum(&text)))
    }

    /// A line without its end.
    pub(super) fn read(line: &str) -> Result<Self, String> {
        let (stated, text) = line
            .split_at_checked(SUM_DIGITS)
            .and_then(|(stated, rest)| Some((stated, rest.strip_prefix(' ')?)))
            .ok_or("a record without its checksum")?;
        if sum(text) != stated {
            return Err("a record does not agree with its checksum".to_owned());
        }
        serde_json::from_str(text).map_err(|error| format!("a record is not one of ours: {error}"))
    }
}

fn sum(text: &str) -> String {
    let mut sum = sha256(text.as_bytes());
    sum.truncate(SUM_DIGITS);
    sum
}

/// The unfinished plan, and how many bytes are whole records. What follows the last end of a line is what a power cut
/// left of a record, and so is a tail of zeros: neither was on the disk before its effect.
pub(super) fn parse(content: &[u8]) -> Result<(Option<Unfinished>, usize), String> {
    let zeros = content.iter().rev().take_while(|byte| **byte == 0).count();
    let content = &content[..content.len() - zeros];
    let whole = content
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let text = std::str::from_utf8(&content[..whole]).map_err(|_| "it is not text")?;
    let mut left: Option<Unfinished> = None;
    for (number, line) in text.lines().enumerate() {
        let named = |why: String| format!("line {}: {why}", number + 1);
        match Record::read(line).map_err(named)? {
            Record::Opened { .. } => {}
            Record::Plan {
                sha256,
                plan,
                about,
            } => {
                if plan.plan_sha256() != sha256 || left.is_some() {
                    return Err(named("a plan that is not what it says".to_owned()));
                }
                left = Some(Unfinished {
                    plan: *plan,
                    progress: BTreeMap::new(),
                    about,
                });
            }
            Record::Started { step } => note(&mut left, step, Progress::Started).map_err(named)?,
            Record::Done { step } => note(&mut left, step, Progress::Done).map_err(named)?,
        }
    }
    Ok((left, whole))
}

fn note(left: &mut Option<Unfinished>, step: String, progress: Progress) -> Result<(), String> {
    let left = left.as_mut().ok_or("a step before its plan")?;
    if !left.plan.steps.iter().any(|known| known.id == step) {
        return Err(format!("the step {step:?}, which the plan does not have"));
    }
    left.progress.insert(step, progress);
    Ok(())
}
