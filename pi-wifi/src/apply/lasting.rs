//! What lasts, through the journal: its refusals come before the radio is touched.

use super::Acting;
use super::writer::Writer;
use crate::plan;
use crate::request::Site;
use cluster::plan::{Plan, Step};
use cluster::run::{self, Journal, JournalPlace};

/// A plan whose journal is open, locked and checked.
pub(super) struct Lasting {
    plan: Plan,
    journal: Journal,
    /// On a card the journal's path leads through it.
    _place: JournalPlace,
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
        let place = JournalPlace::made(self.job.root, "pi-wifi", &site.request.interface)?;
        let mut journal = Journal::open(&place.path, "pi-wifi")?;
        run::check(&mut journal, &plan, &mut self.writer(site))?;
        Ok(Lasting {
            plan,
            journal,
            _place: place,
        })
    }

    /// Makes it last. Whether something was done.
    pub(super) fn last(&self, site: Site<'_>, lasting: Lasting) -> anyhow::Result<bool> {
        let Lasting {
            plan,
            journal,
            _place,
        } = lasting;
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
