//! What lasts, through the journal: its refusals come before the radio is touched.

use super::Acting;
use super::writer::Writer;
use crate::plan;
use crate::request::Site;
use anyhow::bail;
use cluster::plan::{Lasting as Lasts, Plan, Step};
use cluster::run::{self, Executor, Journal, Presence, Progress, system_path};

/// A plan whose journal is open, locked and checked.
pub(super) struct Lasting {
    plan: Plan,
    journal: Journal,
}

impl Acting<'_> {
    /// Opens the journal. Nothing is done yet, and no other run can begin until this one has ended.
    ///
    /// # Errors
    /// A refusal where another run is at work, or an earlier one was ended in the middle of something else.
    pub(super) fn begin(
        &self,
        site: Site<'_>,
        steps: Vec<Step>,
        on_card: bool,
    ) -> anyhow::Result<Lasting> {
        let steps = steps
            .into_iter()
            .filter(|step| !on_card || step.id.starts_with("write-"));
        let plan = plan::plan(site.request, steps.collect());
        let path = system_path("pi-wifi", &site.request.interface);
        let path = self
            .job
            .cli
            .node
            .sysroot
            .join(path.strip_prefix("/").unwrap_or(&path));
        let journal = Journal::open(&path, "pi-wifi")?;
        let mut writer = self.writer(site);
        if !explained(&journal, &plan, &mut writer)? {
            // It refuses before it does anything, and says why.
            run::apply(journal, &plan, &mut writer)?;
            bail!("the journal {} does not fit the plan", path.display());
        }
        Ok(Lasting { plan, journal })
    }

    /// Makes it last. Whether something was done.
    pub(super) fn last(&self, site: Site<'_>, lasting: Lasting) -> anyhow::Result<bool> {
        let Lasting { plan, journal } = lasting;
        Ok(!run::apply(journal, &plan, &mut self.writer(site))?
            .did
            .is_empty())
    }

    fn writer<'w>(&'w self, site: Site<'w>) -> Writer<'w> {
        Writer {
            files: self.files,
            site,
            root: self.job.root,
        }
    }
}

/// Whether the journal explains what is there, so that [`run::apply`] will not refuse the plan.
fn explained(journal: &Journal, plan: &Plan, executor: &mut dyn Executor) -> anyhow::Result<bool> {
    let left = journal.unfinished();
    if left.is_some_and(|left| left.plan.plan_sha256() != plan.plan_sha256()) {
        return Ok(false);
    }
    for step in &plan.steps {
        let progress = left.and_then(|left| left.progress.get(&step.id).copied());
        let fits = match (executor.presence(step)?, progress) {
            (Presence::Present, _)
            | (Presence::Absent, None)
            | (Presence::Absent | Presence::Partial, Some(Progress::Started)) => true,
            (Presence::Absent | Presence::Partial, Some(Progress::Done)) => {
                step.action.lasting() == Lasts::UntilRestart
            }
            (Presence::Partial, None) | (Presence::Foreign(_), _) => false,
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cluster::plan::{Action, Check};
    use serde_json::json;

    /// Says this of each step, and does none.
    struct Stuck(Presence);

    impl Executor for Stuck {
        fn presence(&mut self, _: &Step) -> anyhow::Result<Presence> {
            Ok(self.0.clone())
        }

        fn act(&mut self, _: &Step) -> anyhow::Result<()> {
            bail!("the disk is full")
        }
    }

    fn plan(path: &str) -> Plan {
        let path = path.to_owned();
        let action = Action::RemoveFile { path: path.clone() };
        Plan {
            tool: "pi-wifi".to_owned(),
            tool_version: "0".to_owned(),
            request: json!({ "path": path }),
            state: json!(null),
            steps: vec![Step::new("write-1", "why", action, Check::NoFile { path })],
        }
    }

    #[test]
    fn what_apply_would_refuse_is_seen_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let open = || Journal::open(&path, "pi-wifi").unwrap();
        let fits =
            |plan: &Plan, found: Presence| explained(&open(), plan, &mut Stuck(found)).unwrap();
        assert!(fits(&plan("a"), Presence::Absent));
        assert!(!fits(&plan("a"), Presence::Foreign("x".to_owned())));
        run::apply(open(), &plan("a"), &mut Stuck(Presence::Absent)).unwrap_err();
        assert!(fits(&plan("a"), Presence::Absent));
        assert!(!fits(&plan("b"), Presence::Absent));
        let refused = run::apply(open(), &plan("b"), &mut Stuck(Presence::Absent)).unwrap_err();
        let refused = run::Refusal::finding(refused).unwrap();
        assert_eq!(refused.id, "journal-other-plan");
    }
}
