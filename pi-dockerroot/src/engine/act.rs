//! Carries out the steps of a move.
//!
//! What a step has to find decides whether it is done again after a kill: before the switch the old root is in use and
//! everything may be repeated; after it nothing is copied any more, so that no write to the new root is lost.

use super::guard;
use super::inventory::{Inventory, Live};
use super::leftover;
use super::observe;
use super::paths;
use super::plan::{Direction, State};
use super::record::{self, Record, Stage};
use super::request::Request;
use super::switch::Switch;
use crate::copy::{self, Content, Counters, Differences, Marker, Options, Tree};
use crate::progress::{Phase, Show, Total};
use anyhow::{Context, Result, bail};
use cluster::command::Command;
use cluster::finding::Finding;
use cluster::plan::{Action, Check, Step};
use cluster::root::Root;
use cluster::run::{Executor, Presence, Refusal, System};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long an engine may take to end once its service manager says that it did, and to answer after its start.
const END_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// Carries out the steps of one move.
pub struct Acting<'a> {
    root: &'a Root,
    request: &'a Request,
    state: &'a State,
    record: Record,
    show: Show,
    total: Total,
    /// Steps that were done by this process: what they found cannot have changed since.
    done: BTreeSet<String>,
    /// When everything was flushed before the first pass, in seconds since 1970; `None` where another process made that.
    flushed: Option<i64>,
    /// Whether the first pass's content was compared and was right.
    trusted: bool,
    /// What it did.
    pub report: Report,
    stopped: Option<Instant>,
    /// How the engine was asked before it was stopped.
    live: Option<Live>,
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
    /// For this state; `record` is what is remembered, or what is to be.
    pub fn new(
        (root, request): (&'a Root, &'a Request),
        state: &'a State,
        record: Record,
        show: Show,
        total: Total,
        live: Option<Live>,
    ) -> Self {
        Self {
            root,
            request,
            state,
            record,
            show,
            total,
            done: BTreeSet::new(),
            flushed: None,
            trusted: false,
            report: Report::default(),
            stopped: None,
            live,
        }
    }

    /// A root as its own file system has it: where the new one is mounted on the old one's path, beneath that.
    fn tree(&self, path: &str) -> Result<Tree> {
        if self.state.switch == Switch::Bind && path == self.state.old {
            return guard::beneath(Path::new(path));
        }
        Tree::open(Path::new(path), false)
    }

    fn source(&self) -> Result<Tree> {
        self.tree(self.state.source())
    }

    fn target(&self) -> Result<Tree> {
        self.tree(self.state.target())
    }

    /// Whether the engine's next start is on the target.
    fn is_switched(&self) -> Result<bool> {
        let at_new = self
            .state
            .switch
            .is_at(self.root, &self.state.old, &self.state.new)?;
        Ok(at_new == (self.state.direction == Direction::Forward))
    }

    fn running(&self) -> Result<Option<observe::Running>> {
        match observe::engine(self.request, self.root)? {
            Ok(seen) => Ok(seen.running),
            Err(finding) => Err(Refusal(finding).into()),
        }
    }

    /// Whether the engine's process is there, whatever its configuration says at the moment.
    fn runs(&self) -> Result<bool> {
        observe::is_running(self.request.engine, self.root)
    }

    /// Whether it was begun; what is remembered is then this move's own.
    fn inventory(&self) -> Inventory {
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
                guard::guarded(guard::beneath(Path::new(&self.state.new))?.folder())?
                    != guard::Guard::None
            }
            "take-back" => !guard::is_put_away(self.target()?.folder())?,
            "copy" | "second-pass" | "rewrite-paths" | "reload" => done || self.is_switched()?,
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
            "compare" => done,
            "put-away" => guard::is_wholly_retired(self.source()?.folder())?,
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
                let source = self.source()?;
                let names = guard::names(source.reopen()?)?;
                guard::guard(guard::beneath(Path::new(&self.state.new))?.folder(), &names)
            }
            "take-back" => guard::restore(self.target()?.folder()),
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
            "put-away" => guard::retire(self.source()?.folder()),
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

    /// Copies; the target is locked for as long as that takes.
    fn copy(&mut self, distrust: bool) -> Result<()> {
        let (source, target) = (self.source()?, self.target()?);
        if !target.lock()? {
            bail!("another copy into {} is running", self.state.target());
        }
        let mark = Marker::of(&source)?;
        let torn = Marker::read(&target)?.is_some_and(|found| !found.same_boot(&mark));
        let options = Options {
            update: !target.is_empty()?,
            distrust: distrust || torn,
        };
        let counters = Counters::default();
        self.show
            .while_running(Phase::Copy, self.total, &counters, || {
                copy::copy(&source, &target, options, &counters)
            })?;
        self.report.copied_bytes += counters.bytes.load(Relaxed);
        self.report.copied_files += counters.copied.load(Relaxed);
        Ok(())
    }

    /// Compares the two roots; how they differ.
    fn verify(&mut self, content: Content) -> Result<Differences> {
        let (source, target) = (self.source()?, self.target()?);
        let counters = Counters::default();
        let found = self
            .show
            .while_running(Phase::Verify, self.total, &counters, || {
                copy::verify(&source, &target, content, &counters)
            })?;
        self.report.verified_names = counters.files.load(Relaxed);
        self.report.verified_bytes += counters.compared.load(Relaxed);
        Ok(found)
    }

    /// The first pass, beside the engine. What is modified after the flush has a newer time than that, also where a program
    /// writes through memory.
    fn first_pass(&mut self) -> Result<()> {
        let flushed = seconds()?;
        rustix::fs::syncfs(self.source()?.folder()).context("flushing the root")?;
        self.copy(false)?;
        self.flushed = Some(flushed);
        Ok(())
    }

    /// Reads the copy back. The engine goes on meanwhile, so other differences than content are no error; but content that differs
    /// in a file that has not changed for long a second pass would not see.
    fn compare_content(&mut self) -> Result<()> {
        if let Some(flushed) = self.flushed {
            self.trusted = self.verify(Content::Settled(flushed))?.content == 0;
        }
        Ok(())
    }

    /// The last copy, with nothing running, and its proof. Where that fails, or the first pass was not proven, all is read.
    fn second_pass(&mut self) -> Result<()> {
        if self.runs()? {
            bail!("the engine was started again by somebody else");
        }
        if let (Some(modified), true) = (self.flushed, self.trusted) {
            let copied = seconds()?;
            self.copy(false)?;
            if self.verify(Content::Since { modified, copied })?.count == 0 {
                return Ok(());
            }
        }
        self.copy(true)?;
        let found = self.verify(Content::Bytes)?;
        match found.named.first() {
            None => Ok(()),
            Some(first) => bail!(
                "the copy differs in {} places, the first: {} ({})",
                found.count,
                first.path,
                first.what
            ),
        }
    }

    fn rewrite_paths(&mut self) -> Result<()> {
        let source = self.state.source();
        let mut spellings = vec![source.to_owned()];
        // The engine writes the path without symbolic links.
        if let Ok(real) = Path::new(source).canonicalize()
            && let Some(real) = real.to_str().filter(|real| *real != source)
        {
            spellings.push(real.to_owned());
        }
        let target = self.state.target();
        self.report.rewritten += paths::rewrite(Path::new(target), &spellings, target)?;
        Ok(())
    }

    fn switch(&mut self) -> Result<()> {
        if self.runs()? {
            bail!("the engine was started again by somebody else");
        }
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

    fn stop(&mut self, argv: &[String]) -> Result<()> {
        match self.running() {
            Ok(Some(running)) => {
                let mut inventory = running.live.inventory(self.root)?;
                // An earlier run may have been killed while the engine was ending its containers.
                for (id, before) in self.inventory().containers {
                    if let Some(container) = inventory.containers.get_mut(&id) {
                        container.runs |= before.runs;
                        container.processes.extend(before.processes);
                    }
                }
                self.record.inventory = Some(inventory);
                self.live = Some(running.live);
                self.record.write(self.root)?;
            }
            Ok(None) => {}
            // It is ending since that run.
            Err(_) if self.record.inventory.is_some() => {}
            Err(error) => return Err(error),
        }
        self.stopped = Some(Instant::now());
        let said = run(argv);
        let deadline = Instant::now() + END_LIMIT;
        while self.runs()? && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        if !self.runs()? {
            return Ok(());
        }
        let why = match said {
            Ok(()) => "the command said that it did".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        let message = format!("it goes on after {}: {why}", argv.join(" "));
        let finding = Finding::error("engine-not-stopped", self.state.engine.as_str(), message)
            .fix("find out what keeps it or starts it again; the copy stays and is brought up to date by the next run");
        Err(Refusal(finding).into())
    }

    fn start(&mut self, argv: &[String]) -> Result<()> {
        run(argv)?;
        let deadline = Instant::now() + ANSWER_LIMIT;
        loop {
            match self.running() {
                Ok(Some(running)) if running.live.answers() => {
                    self.live = Some(running.live);
                    return Ok(());
                }
                _ if Instant::now() >= deadline => {
                    bail!("the engine does not answer after its start")
                }
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// The same containers, images and volumes as before, on the right root; what ran is started.
    fn compare(&mut self) -> Result<()> {
        let running = self.running()?.context("the engine does not run")?;
        if let Some(info) = &running.info {
            let real = |path: &str| Path::new(path).canonicalize().ok();
            let wanted = if self.state.switch == Switch::Bind {
                &self.state.old
            } else {
                self.state.target()
            };
            if real(&info.docker_root_dir) != real(wanted) {
                bail!(
                    "the engine runs on {} instead of {wanted}",
                    info.docker_root_dir
                );
            }
        }
        let before = self.inventory();
        if self.state.direction != Direction::BackWithout {
            let differences = before.differences(&running.live.inventory(self.root)?);
            if !differences.is_empty() {
                bail!(
                    "the engine does not have what it had: {}",
                    differences.join("; ")
                );
            }
        }
        let asleep = running.live.revive(&before, self.root)?;
        if let Some(stopped) = self.stopped {
            self.report.downtime_s = Some(stopped.elapsed().as_secs_f64());
        }
        if asleep.is_empty() || self.state.direction == Direction::BackWithout {
            return Ok(());
        }
        if matches!(running.live, Live::Ctr(_)) {
            let message = format!(
                "containerd starts nothing by itself; these ran before: {}",
                asleep.join(", ")
            );
            let finding = Finding::info("engine-tasks-ended", self.state.engine.as_str(), message);
            self.report
                .findings
                .push(finding.evidence(json!({"containers": asleep})));
            return Ok(());
        }
        bail!("these ran before and do not start: {}", asleep.join(", "))
    }

    /// Whether the engine was seen to be whole on its new root.
    pub fn is_compared(&self) -> bool {
        self.done.contains("compare")
    }

    /// Starts the engine on the root that it had, whatever was done so far.
    ///
    /// # Errors
    /// That failed too.
    pub fn fall_back(&mut self) -> Result<()> {
        let (stop, start) = (
            self.state.service.stop.clone(),
            self.state.service.start.clone(),
        );
        if self.is_switched()? {
            if self.runs()? {
                let after = self
                    .live
                    .as_ref()
                    .and_then(|live| live.inventory(self.root).ok())
                    .unwrap_or_default();
                // What does not stop is seen right after.
                let _ = run(&stop);
                leftover::release(self.root, Path::new(self.state.target()), &after)?;
                if self.runs()? {
                    bail!("the engine goes on");
                }
            }
            if self.state.switch == Switch::Bind {
                leftover::release(self.root, Path::new(&self.state.old), &Inventory::default())?;
            }
            let (old, new) = (&self.state.old, &self.state.new);
            match self.state.direction {
                Direction::Forward => {
                    self.state
                        .switch
                        .unset(self.root, old, new, self.record.before.as_deref())?;
                }
                Direction::Back | Direction::BackWithout => {
                    self.state.switch.set(self.root, old, new)?
                }
            }
            let drop_in = super::plan::drop_in(self.state.engine);
            if self.state.service.manager == "systemd" && self.state.direction == Direction::Forward
            {
                self.root.remove(Path::new(&drop_in))?;
                run(&["systemctl".to_owned(), "daemon-reload".to_owned()])?;
            }
        }
        guard::restore(self.source()?.folder())?;
        if !self.runs()? {
            self.start(&start)?;
        }
        if let Some(live) = &self.live {
            live.revive(&self.inventory(), self.root)?;
        }
        Ok(())
    }
}

/// The clock, a second early: that of a file system may be behind by its tick.
fn seconds() -> Result<i64> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("reading the clock")?;
    Ok(i64::try_from(now.as_secs())? - 1)
}

/// Runs a command that a service manager or somebody else made of words.
fn run(argv: &[String]) -> Result<()> {
    let (program, arguments) = argv.split_first().context("running a command: no words")?;
    Command::new(program)
        .args(arguments)
        .limit(Duration::from_secs(180))
        .run()?;
    Ok(())
}

impl Executor for Acting<'_> {
    fn presence(&mut self, step: &Step) -> Result<Presence> {
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
            ("reload", Action::Run { argv, .. }) => run(argv)?,
            (id, Action::Own { .. }) => self.own(id)?,
            _ => drop(System::new(self.root).act(step)?),
        }
        self.done.insert(step.id.clone());
        Ok(())
    }
}
