//! The steps that stop and start the engine, and the way back when one of them fails.

use super::act::Acting;
use super::guard;
use super::inventory::{Inventory, Live};
use super::leftover;
use super::plan::Direction;
use super::switch::Switch;
use anyhow::{Context, Result, bail};
use cluster::command::Command;
use cluster::finding::Finding;
use cluster::run::Refusal;
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
        for (id, before) in self.inventory().containers {
            if let Some(container) = inventory.containers.get_mut(&id) {
                container.runs |= before.runs;
                container.processes.extend(before.processes);
            }
        }
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
        bail!("these ran before and do not start: {}", asleep.join(", "))
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
        guard::restore(self.source()?.folder())?;
        if self.state.direction != Direction::Forward && self.state.put_away {
            guard::retire(self.target()?.folder())?;
        }
        if !self.runs()? {
            self.start(&start)?;
        }
        if let Some(live) = &self.live {
            live.revive(&self.inventory(), self.root)?;
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
        let drop_in = super::plan::drop_in(self.state.engine);
        if self.state.direction == Direction::Forward {
            self.root.remove(Path::new(&drop_in))?;
        } else {
            let text = super::plan::drop_in_text(&self.state.new);
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
