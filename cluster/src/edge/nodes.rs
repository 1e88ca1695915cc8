//! `nodes` in the answer of a tool that runs for one node at a time: this run's answers, and the others' as they were.

use super::Usage;
use crate::document::Document;
use crate::finding::Finding;
use anyhow::Context;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The tool's own key in a document that was read.
#[derive(Debug, Default, Deserialize)]
pub struct Earlier {
    /// The nodes' answers by their names.
    #[serde(default)]
    pub nodes: BTreeMap<String, Box<RawValue>>,
}

/// A node's answer: this run's, or another run's, which is passed on as it was.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Entry<T> {
    /// From this run.
    New(Box<T>),
    /// From the document that was read.
    Kept(Box<RawValue>),
}

impl<T: JsonSchema> JsonSchema for Entry<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl Earlier {
    /// What the document holds of a tool; nothing where it holds none.
    ///
    /// # Errors
    /// It is not an answer.
    pub fn of(document: &Document, key: &str) -> anyhow::Result<Self> {
        let earlier = document.answer(key).context("reading the document")?;
        Ok(earlier.unwrap_or_default())
    }

    /// A node's plan.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn plan(&self, name: &str) -> anyhow::Result<Option<Value>> {
        let raw = self.nodes.get(name);
        raw.map(|raw| serde_json::from_str(raw.get()).context("reading the plan in the document"))
            .transpose()
    }

    /// This run's answers, and those of the document that this run did not renew; whether one of the latter is pending. One
    /// that is not ok is a warning with this id.
    pub fn join<T>(
        self,
        answers: BTreeMap<String, T>,
        id: &'static str,
        findings: &mut Vec<Finding>,
    ) -> (BTreeMap<String, Entry<T>>, bool) {
        let (mut nodes, mut pending) = (BTreeMap::new(), false);
        for (name, raw) in self.nodes {
            if answers.contains_key(&name) {
                continue;
            }
            let kept: Value = serde_json::from_str(raw.get()).unwrap_or_default();
            pending |= kept["pending"] == true;
            if kept["ok"] == false {
                findings.push(not_looked_at(id, &name));
            }
            nodes.insert(name, Entry::Kept(raw));
        }
        let new = |(name, node)| (name, Entry::New(Box::new(node)));
        nodes.extend(answers.into_iter().map(new));
        (nodes, pending)
    }
}

/// The error of who gives a reviewed plan, and wishes for something else with flags.
pub fn wished_beside_a_plan() -> anyhow::Error {
    let problem =
        "the document holds a plan, and flags wish for something; run without --apply to plan anew";
    anyhow::Error::from(Usage::new(problem)).context("reading the arguments")
}

/// The warning of an answer that is passed on and was no.
fn not_looked_at(id: &'static str, name: &str) -> Finding {
    let message =
        format!("the document's answer for {name} is not ok, and this run did not look at it");
    Finding::warning(id, name, message)
}
