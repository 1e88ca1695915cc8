//! Carries out the steps of a move.
//!
//! What a step has to find decides whether it is done again after a kill: before the switch the old root is in use and
//! everything may be repeated; after it nothing is copied any more, so that no write to the new root is lost.

use super::guard;
use super::inventory::{Inventory, Live};
use super::leftover;
use super::observe;
use super::plan::{Direction, State};
use super::record::{self, Record, Stage};
use super::request::Request;
use super::roots::Roots;
use super::switch::Switch;
use crate::copy::Pass;
use crate::progress::{Show, Total};
use anyhow::{Context, Result, bail};
use cluster::finding::Finding;
use cluster::plan::{Action, Check, Step};
use cluster::root::Root;
use cluster::run::{Executor, Presence, Refusal, System, Unfinished, signals};
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// Carries out the steps of one move.
pub struct Acting<'a> {
    pub(super) root: &'a Root,
    pub(super) request: &'a Request,
    pub(super) state: &'a State,
    pub(super) roots: Rc<Roots>,
    pub(super) record: Record,
    pub(super) show: Show,
    pub(super) total: Total,
    /// Whether another process made the switch: the engine may have run on its new root since, and what it wrote there counts.
    pub(super) late: bool,
    /// Whether another process was killed while it stopped or started the engine: what runs may be about to end.
    pub(super) unsure: bool,
    /// Steps that were done by this process: what they found cannot have changed since.
    pub(super) done: BTreeSet<String>,
    /// The last pass, which lets the next one leave out what was not changed since.
    pub(super) pass: Option<Pass>,
    /// When everything was flushed before the first pass, in seconds since 1970; `None` where another process made that.
    pub(super) flushed: Option<i64>,
    /// Whether the first pass's content was compared and was right.
    pub(super) trusted: bool,
    /// What it did.
    pub report: Report,
    pub(super) stopped: Option<Instant>,
    /// How the engine was asked before it was stopped.
    pub(super) live: Option<Live>,
}

/// What a move did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Bytes of content that were written.
    pub copied_bytes: u64,
    /// Files that were made anew.
    pub copied_files: u64,
    /// From the engine's stop to the moment at which what ran ran again; `None` where this run did not stop it.
    pub downtime_s: Option<f64>,
    /// Names that were compared after the last copy.
    pub verified_names: u64,
    /// Bytes of content that were compared.
    pub verified_bytes: u64,
    /// Paths that were rewritten.
    pub rewritten: u64,
    /// Worth knowing.
    pub findings: Vec<Finding>,
}

impl<'a> Acting<'a> {
    /// For this state and its roots; `record` is what is remembered, or what is to be.
    pub fn new(
        (root, request): (&'a Root, &'a Request),
        (state, roots): (&'a State, Roots),
        record: Record,
        show: Show,
        total: Total,
        live: Option<Live>,
    ) -> Self {
        Self {
            root,
            request,
            state,
            roots: Rc::new(roots),
            record,
            show,
            total,
            late: false,
            unsure: false,
            done: BTreeSet::new(),
            pass: None,
            flushed: None,
            trusted: false,
            report: Report::default(),
            stopped: None,
            live,
        }
    }

    /// Whether the engine's next start is on the target.
    pub(super) fn is_switched(&self) -> Result<bool> {
        let at_new = self
            .state
            .switch
            .is_at(self.root, &self.state.old, &self.state.new)?;
        Ok(at_new == (self.state.direction == Direction::Forward))
    }

    pub(super) fn running(&self) -> Result<Option<observe::Running>> {
        match observe::engine(self.request, self.root)? {
            Ok(seen) => Ok(seen.running),
            Err(finding) => Err(Refusal(finding).into()),
        }
    }

    /// Whether the engine's process is there, whatever its configuration says at the moment.
    pub(super) fn runs(&self) -> Result<bool> {
        observe::is_running(self.request.engine, self.root)
    }

    /// Whether it was begun; what is remembered is then this move's own.
    pub(super) fn inventory(&self) -> Inventory {
        self.record.inventory.clone().unwrap_or_default()
    }

    fn own_presence(&mut self, id: &str) -> Result<bool> {
        let done = self.done.contains(id);
        let forward = self.state.direction == Direction::Forward;
        Ok(match id {
            "remember" => {
                done || record::read(self.root, self.state.engine)?.as_ref() == Some(&self.record)
            }
            "guard" => {
                done || guard::guarded(guard::beneath(Path::new(&self.state.new))?.folder())?
                    != guard::Guard::None
            }
            "take-back" => !guard::is_put_away(self.roots.target()?.folder())?,
            "copy" | "second-pass" | "rewrite-paths" => done || self.is_switched()?,
            // Without the engine there is nothing to be spared: the second pass then compares everything.
            "compare-content" => done || self.is_switched()? || !self.runs()?,
            "stop" => done || self.is_switched()? || !self.runs()?,
            "release" => {
                done || self.is_switched()?
                    || (!self.runs()?
                        && leftover::processes(&self.inventory()).is_empty()
                        && leftover::mounts_below(self.root, Path::new(self.state.source()))?
                            .is_empty())
            }
            "switch" => self.is_switched()?,
            "start" => self
                .running()
                .is_ok_and(|running| running.is_some_and(|running| running.live.answers())),
            "compare" | "reload" => done,
            "put-away" => guard::is_wholly_retired(self.roots.source().folder())?,
            "settle" => {
                self.record.stage
                    == if forward {
                        Stage::Moved
                    } else {
                        Stage::RolledBack
                    }
            }
            other => bail!("no step {other:?} is known"),
        })
    }

    fn own(&mut self, id: &str) -> Result<()> {
        match id {
            "remember" => self.record.write(self.root),
            "guard" => {
                let bare = guard::beneath(Path::new(&self.state.new))?;
                if bare.is_same(self.roots.target()?)? {
                    // This kernel cannot look beneath a mount (before 5.2).
                    return Ok(());
                }
                let names = guard::names(self.roots.source().reopen()?)?;
                guard::guard(bare.folder(), &names)
            }
            "take-back" => guard::restore(self.roots.target()?.folder()),
            "compare-content" => self.compare_content(),
            "release" => {
                let source = self.state.source().to_owned();
                leftover::release(self.root, Path::new(&source), &self.inventory())?;
                if self.state.switch == Switch::Bind && self.state.direction != Direction::Forward {
                    // The engine worked on the old root's path, which the new one covers.
                    leftover::release(
                        self.root,
                        Path::new(&self.state.old),
                        &Inventory::default(),
                    )?;
                }
                Ok(())
            }
            "rewrite-paths" => self.rewrite_paths(),
            "switch" => self.switch(),
            "compare" => self.compare(),
            "put-away" => guard::retire(self.roots.source().folder()),
            "settle" => {
                self.record.stage = match self.state.direction {
                    Direction::Forward => Stage::Moved,
                    Direction::Back | Direction::BackWithout => Stage::RolledBack,
                };
                self.record.write(self.root)
            }
            other => bail!("no step {other:?} is known"),
        }
    }

    fn switch(&mut self) -> Result<()> {
        if self.runs()? {
            bail!("the engine was started again by somebody else");
        }
        self.roots.in_place(self.state)?;
        let (old, new) = (&self.state.old, &self.state.new);
        match self.state.direction {
            Direction::Forward => self.state.switch.set(self.root, old, new),
            Direction::Back | Direction::BackWithout => {
                self.state
                    .switch
                    .unset(self.root, old, new, self.record.before.as_deref())
            }
        }
    }

    /// The same for what a killed run left.
    ///
    /// # Errors
    /// What decides on the root cannot be read.
    pub fn resumed(mut self, left: &Unfinished) -> Result<Self> {
        self.late = self.is_switched()?;
        self.unsure = left.progress.contains_key("stop");
        Ok(self)
    }

    /// Whether another process made the switch.
    pub fn is_late(&self) -> bool {
        self.late
    }

    /// Whether the engine was seen to be whole on its new root.
    pub fn is_compared(&self) -> bool {
        self.done.contains("compare")
    }
}

impl Executor for Acting<'_> {
    fn presence(&mut self, step: &Step) -> Result<Presence> {
        if step.id == "stop" {
            // Until here the engine runs and nothing is lost by an end; from here on it would stay down.
            signals::hold()?;
        }
        if let Some(signal) = signals::asked()
            && !self.is_switched()?
        {
            bail!("{signal} asked to end it");
        }
        let there = match &step.check {
            Check::Own { .. } => self.own_presence(&step.id)?,
            _ => {
                let known = System::new(self.root).presence(step)?;
                return known.with_context(|| format!("no way to see the step {}", step.id));
            }
        };
        Ok(if there {
            Presence::Present
        } else {
            Presence::Absent
        })
    }

    fn act(&mut self, step: &Step) -> Result<()> {
        match (step.id.as_str(), &step.action) {
            ("copy", _) => self.first_pass()?,
            ("second-pass", _) => self.second_pass()?,
            ("stop", Action::Run { argv, .. }) => self.stop(argv)?,
            ("start", Action::Run { argv, .. }) => self.start(argv)?,
            ("reload", Action::Run { argv, .. }) => super::standstill::run(argv)?,
            (id, Action::Own { .. }) => self.own(id)?,
            _ if System::new(self.root).act(step)? => {}
            (id, _) => bail!("nothing is known of how the step {id} is done"),
        }
        self.done.insert(step.id.clone());
        Ok(())
    }
}
