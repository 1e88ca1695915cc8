//! The steps that copy, compare and rewrite.

use super::act::Acting;
use super::{guard, paths};
use crate::copy::{self, Content, Counters, Differences, Marker, Options};
use crate::progress::Phase;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

impl Acting<'_> {
    /// Copies; the target is locked from here on.
    pub(super) fn copy(&mut self, distrust: bool) -> Result<()> {
        self.roots.in_place(self.state)?;
        let roots = Rc::clone(&self.roots);
        let (source, target) = (roots.source(), roots.target()?);
        if guard::is_put_away(source.folder())? {
            // What lies there is no root, and a copy of it would be none.
            bail!("{} was put away", self.state.source());
        }
        if !target.lock()? {
            bail!("another copy into {} is running", self.state.target());
        }
        let mark = Marker::of(source)?;
        let torn = Marker::read(target)?.is_some_and(|found| !found.same_boot(&mark));
        let options = Options {
            update: !target.is_empty()?,
            distrust: distrust || torn,
            before: self.pass.take(),
        };
        let counters = Counters::default();
        self.pass = self
            .show
            .while_running(Phase::Copy, self.total, &counters, || {
                copy::copy(source, target, options, &counters)
            })?;
        self.report.copied_bytes += counters.bytes.load(Relaxed);
        self.report.copied_files += counters.copied.load(Relaxed);
        Ok(())
    }

    /// Compares the two roots; how they differ.
    pub(super) fn verify(&mut self, content: Content) -> Result<Differences> {
        let roots = Rc::clone(&self.roots);
        let (source, target) = (roots.source(), roots.target()?);
        let counters = Counters::default();
        let found = self
            .show
            .while_running(Phase::Verify, self.total, &counters, || {
                copy::verify(source, target, content, &counters)
            })?;
        self.report.verified_names = counters.files.load(Relaxed);
        self.report.verified_bytes += counters.compared.load(Relaxed);
        Ok(found)
    }

    /// The first pass, beside the engine. What is modified after the flush has a newer time than that, also where a program
    /// writes through memory.
    pub(super) fn first_pass(&mut self) -> Result<()> {
        let flushed = seconds()?;
        self.flush_source()?;
        self.copy(false)?;
        self.pass = self.pass.take().map(|pass| pass.begun_by(flushed));
        self.flushed = Some(flushed);
        Ok(())
    }

    pub(super) fn flush_source(&self) -> Result<()> {
        rustix::fs::syncfs(self.roots.source().folder()).context("flushing the root")
    }

    /// Reads the copy back. The engine goes on meanwhile, so other differences than content are no error; but content that differs
    /// in a file that has not changed for long a second pass would not see.
    pub(super) fn compare_content(&mut self) -> Result<()> {
        if let Some(flushed) = self.flushed {
            self.trusted = self.verify(Content::Settled(flushed))?.content == 0;
        }
        Ok(())
    }

    /// The last copy, with nothing running, and its proof. Where that fails, or the first pass was not proven, all is read.
    pub(super) fn second_pass(&mut self) -> Result<()> {
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

    pub(super) fn rewrite_paths(&mut self) -> Result<()> {
        let source = self.state.source();
        let mut spellings = vec![source.to_owned()];
        // The engine writes the path without symbolic links.
        if let Ok(real) = Path::new(source).canonicalize()
            && let Some(real) = real.to_str().filter(|real| *real != source)
        {
            spellings.push(real.to_owned());
        }
        self.roots.in_place(self.state)?;
        let target = self.state.target();
        self.report.rewritten += paths::rewrite(Path::new(target), &spellings, target)?;
        // All of them at once: until the switch nothing relies on one.
        rustix::fs::syncfs(self.roots.target()?.folder()).context("flushing the copy")
    }
}

/// The clock, a second early: that of a file system may be behind by its tick.
fn seconds() -> Result<i64> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("reading the clock")?;
    Ok(i64::try_from(now.as_secs())? - 1)
}
