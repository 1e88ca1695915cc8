//! The steps that stop and start the engine, and the way back when one of them fails.

use super::act::Acting;
use super::guard;
use super::inventory::{Inventory, Live, Strict};
use super::kind::Engine;
use super::leftover;
use super::plan::Direction;
use super::process::Process;
use super::switch::Switch;
use anyhow::{Context, Result, bail};
use cluster::command::Command;
use cluster::finding::Finding;
use cluster::run::{Refusal, signals};
use serde_json::json;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long an engine may take to end once its service manager says that it did, and to answer after its start.
const END_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(180);

impl Acting<'_> {
    /// Remembers what runs before the engine is stopped.
    fn take_inventory(&mut self) -> Result<()> {
        let Some(running) = self.running()? else {
            return Ok(());
        };
        let mut inventory = running.live.inventory(self.root)?;
        // An earlier run may have been killed while the engine was ending its containers.
        let before = self.inventory();
        let processes: Vec<_> = before.processes().collect();
        for (id, before) in before.containers {
            if let Some(container) = inventory.containers.get_mut(&id) {
                container.runs |= before.runs;
                let of_now = |process: &Process| processes.contains(process);
                let more = before.processes.into_iter().filter(of_now);
                container.processes.extend(more);
            }
        }
        inventory.passing.extend(before.passing);
        self.record.inventory = Some(inventory);
        self.live = Some(running.live);
        self.record.write(self.root)
    }

    pub(super) fn stop(&mut self, argv: &[String]) -> Result<()> {
        match self.take_inventory() {
            Ok(()) => {}
            // It is ending since that run.
            Err(_) if self.record.inventory.is_some() => {}
            Err(error) => return Err(error),
        }
        // What the engine wrote is on its disk before it has to wait for that.
        self.flush_source()?;
        (self.stopped, self.unsure) = (Some(Instant::now()), false);
        let said = run(argv);
        if self.ended()? {
            return Ok(());
        }
        let why = match said {
            Ok(()) => "the command said that it did".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        let message = format!("it goes on after {}: {why}", argv.join(" "));
        let finding = Finding::error("dockerroot-not-stopped", self.state.engine.as_str(), message)
            .fix("find out what keeps it or starts it again; the copy stays and is brought up to date by the next run");
        Err(Refusal(finding).into())
    }

    pub(super) fn start(&mut self, argv: &[String]) -> Result<()> {
        run(argv)?;
        let deadline = Instant::now() + ANSWER_LIMIT;
        loop {
            // Where it was asked before it was stopped it answers again; else it is looked for.
            let found = match &self.live {
                Some(live @ Live::Docker(_)) => Some(live.clone()),
                _ => self.running().ok().flatten().map(|running| running.live),
            };
            if let Some(live) = found.filter(Live::answers) {
                self.live = Some(live);
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("the engine does not answer after its start");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The same containers, images and volumes as before, on the right root; what ran is started.
    pub(super) fn compare(&mut self) -> Result<()> {
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
        let now = running.live.inventory(self.root)?;
        if self.state.direction != Direction::BackWithout {
            self.compare_inventories(&before, &now)?;
        }
        let asleep = running.live.revive(&before, now, self.root)?;
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
            let finding = Finding::info(
                "dockerroot-tasks-ended",
                self.state.engine.as_str(),
                message,
            );
            self.report
                .findings
                .push(finding.evidence(json!({"containers": asleep})));
            return Ok(());
        }
        let message = format!("these ran before and do not start: {}", asleep.join(", "));
        if !self.late {
            bail!(message);
        }
        self.report.findings.push(self.compared_late(message));
        Ok(())
    }

    /// What the engine has beside what it had. Where another process made the switch it has run since, and who used it meanwhile
    /// decides what there is: then a difference is only told.
    fn compare_inventories(&mut self, before: &Inventory, now: &Inventory) -> Result<()> {
        let strict = match self.state.engine {
            Engine::Docker => Strict::All,
            Engine::Containerd => Strict::Missing,
            Engine::K3s => Strict::Images,
        };
        let differences = before.differences(now, strict);
        let known = self.record.inventory.is_some();
        if known && differences.is_empty() {
            return Ok(());
        }
        let differences = differences.join("; ");
        if known && !self.late {
            bail!("the engine does not have what it had: {differences}");
        }
        let message = if known {
            format!("since an earlier run stopped the engine this changed: {differences}")
        } else {
            "the engine did not run when the move went on, so what it had is not known".to_owned()
        };
        self.report.findings.push(self.compared_late(message));
        Ok(())
    }

    fn compared_late(&self, message: String) -> Finding {
        let engine = self.state.engine.as_str();
        let fix =
            "look whether that is right before --finish: what was put away is whole until then";
        Finding::warning("dockerroot-compared-late", engine, message).fix(fix)
    }

    /// Starts the engine on the root that it had, whatever was done so far.
    ///
    /// # Errors
    /// That failed too.
    pub fn fall_back(&mut self) -> Result<()> {
        // Once it is begun it is ended: nothing is as bad as an engine that stays down.
        signals::hold()?;
        let (stop, start) = (
            self.state.service.stop.clone(),
            self.state.service.start.clone(),
        );
        if self.unsure && self.runs()? {
            // The killed run may not have come to its stop, and then it remembered nothing. Where the engine does not answer,
            // it did.
            let _ = self.take_inventory();
            // What does not stop is seen right after, and a second stop of what is ending does no harm.
            let _ = run(&stop);
            self.ended()?;
        }
        if self.is_switched()? {
            self.switch_back(&stop)?;
        }
        self.roots.source_in_place(self.state)?;
        guard::restore(self.roots.source().folder())?;
        if self.state.direction != Direction::Forward && self.state.put_away {
            guard::retire(self.roots.target()?.folder())?;
        }
        if !self.runs()? {
            self.start(&start)?;
        }
        if let Some(live) = &self.live {
            let now = live.inventory(self.root)?;
            live.revive(&self.inventory(), now, self.root)?;
        }
        Ok(())
    }
}

impl Acting<'_> {
    /// Waits until nothing of the engine runs; whether that is so.
    fn ended(&self) -> Result<bool> {
        let deadline = Instant::now() + END_LIMIT;
        while self.runs()? {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(true)
    }

    /// Ends an engine on the root that it was moved to, and configures the one that it had.
    fn switch_back(&self, stop: &[String]) -> Result<()> {
        if self.runs()? {
            let after = self
                .live
                .as_ref()
                .and_then(|live| live.inventory(self.root).ok())
                .unwrap_or_default();
            // What does not stop is seen right after.
            let _ = run(stop);
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
        self.order_back()
    }

    /// systemd waits for the root that is in use again, and for no other.
    fn order_back(&self) -> Result<()> {
        if self.state.service.manager != "systemd" {
            return Ok(());
        }
        let drop_in = super::plan::drop_in(self.state);
        if self.state.direction == Direction::Forward {
            self.root.remove(Path::new(&drop_in))?;
        } else {
            let text = super::plan::drop_in_text(self.state);
            super::switch::write(self.root, &drop_in, &text)?;
        }
        run(&["systemctl".to_owned(), "daemon-reload".to_owned()])
    }
}

/// Runs a command that a service manager or somebody else made of words.
pub(super) fn run(argv: &[String]) -> Result<()> {
    let (program, arguments) = argv.split_first().context("running a command: no words")?;
    Command::new(program)
        .args(arguments)
        .limit(Duration::from_secs(180))
        .run()?;
    Ok(())
}
