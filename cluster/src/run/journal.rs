//! The journal of a run: what was planned and how far it got, on the disk before each effect.
//!
//! One line for each record: the SHA-256 of its text, a space, the text as JSON. A file holds the records of one plan. It is
//! locked (`flock`) for as long as a run is at work.

use super::Refusal;
use crate::finding::Finding;
use crate::plan::Plan;
use anyhow::Context;
use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

mod record;

pub use record::{Progress, Unfinished};
use record::{Record, parse};

/// Larger than any journal of ours: a plan has some dozens of steps, each with at most a table in it.
const LIMIT: u64 = 16 << 20;

/// A moment at which a run may be killed, for the tests that do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A record is about to be written.
    BeforeRecord,
    /// It is written, and a power cut may still lose it.
    RecordWritten,
    /// It is on the disk.
    RecordSynced,
}

/// A journal that is open and locked.
pub struct Journal {
    file: Flock<File>,
    path: PathBuf,
    tool: String,
    left: Option<Unfinished>,
    about: Value,
    /// Whether the file is gone already.
    closed: bool,
    hook: Box<dyn FnMut(Moment)>,
}

impl Drop for Journal {
    fn drop(&mut self) {
        // A run that began nothing leaves nothing behind; still locked, so the file is ours.
        if !self.closed && self.left.is_none() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
impl Journal {
    /// Opens and locks the journal at `path`; the file, and its folder for root alone (0700), are made where they are
    /// missing.
    ///
    /// # Errors
    /// [`Refusal`] where another run holds it (named) or where it is damaged; what the file system reports.
    pub fn open(path: &Path, tool: &str) -> anyhow::Result<Self> {
        let opening = || format!("opening the journal {}", path.display());
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(folder).with_context(opening)?;
        }
        let mut file = lock(path)?;
        let content = read(&file).with_context(opening)?;
        let (left, whole) = parse(&content).map_err(|why| damaged(path, &why))?;
        // What a power cut left of a record goes: its effect was never begun.
        file.set_len(whole as u64).with_context(opening)?;
        file.seek(SeekFrom::End(0)).with_context(opening)?;
        sync_folder(path).with_context(opening)?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
            tool: tool.to_owned(),
            left,
            about: Value::Null,
            closed: false,
            hook: Box::new(|_| {}),
        };
        journal.opened()?;
        Ok(journal)
    }

    /// Records who holds the lock.
    fn opened(&mut self) -> anyhow::Result<()> {
        let record = Record::Opened {
            tool: self.tool.clone(),
            process: std::process::id(),
        };
        self.append(&record, false)
    }

    /// The same with a note of what a plan that begins here is about, for whoever finds it unfinished: a device's own
    /// number, where its name may be another's tomorrow.
    #[must_use]
    pub fn about(mut self, about: Value) -> Self {
        self.about = about;
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a journal holds unfinished, without locking it or changing anything. Nothing where there is no journal or
    /// none that the caller may read.
    ///
    /// # Errors
    /// [`Refusal`] where it is damaged.
    pub fn peek(path: &Path) -> anyhow::Result<Option<Unfinished>> {
        let Ok(file) = File::open(path) else {
            return Ok(None);
        };
        let content =
            read(&file).with_context(|| format!("reading the journal {}", path.display()))?;
        let (left, _) = parse(&content).map_err(|why| damaged(path, &why))?;
        Ok(left)
    }

    /// The same with `hook` called at each moment of each record.
    #[must_use]
    pub fn hook(mut self, hook: impl FnMut(Moment) + 'static) -> Self {
        self.hook = Box::new(hook);
        self
    }

    /// The plan that an earlier run left unfinished.
    pub fn unfinished(&self) -> Option<&Unfinished> {
        self.left.as_ref()
    }

    /// Records that a plan is about to be carried out.
    pub(super) fn begin(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let record = Record::Plan {
            sha256: plan.plan_sha256(),
            plan: Box::new(plan.clone()),
            about: self.about.clone(),
        };
        self.append(&record, true)?;
        self.left = Some(Unfinished {
            plan: plan.clone(),
            progress: BTreeMap::new(),
            about: self.about.clone(),
        });
        Ok(())
    }

    /// Drops what an earlier run left. The file stays locked, and is as new.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn forget(&mut self) -> anyhow::Result<()> {
        let emptying = || format!("emptying the journal {}", self.path.display());
        self.file.set_len(0).with_context(emptying)?;
        self.file.seek(SeekFrom::Start(0)).with_context(emptying)?;
        self.file.sync_all().with_context(emptying)?;
        self.left = None;
        self.opened()
    }

    /// Records how far a step got.
    pub(super) fn mark(&mut self, step: &str, progress: Progress) -> anyhow::Result<()> {
        let step = step.to_owned();
        let record = match progress {
            Progress::Started => Record::Started { step: step.clone() },
            Progress::Done => Record::Done { step: step.clone() },
        };
        self.append(&record, true)?;
        if let Some(left) = &mut self.left {
            left.progress.insert(step, progress);
        }
        Ok(())
    }

    /// Ends the journal of a finished plan, or of a run that changed nothing: the file goes.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn close(mut self) -> anyhow::Result<()> {
        (self.hook)(Moment::BeforeRecord);
        let closing = || format!("removing the journal {}", self.path.display());
        std::fs::remove_file(&self.path).with_context(closing)?;
        self.closed = true;
        (self.hook)(Moment::RecordWritten);
        sync_folder(&self.path).with_context(closing)
    }

    fn append(&mut self, record: &Record, durable: bool) -> anyhow::Result<()> {
        let writing = || format!("writing the journal {}", self.path.display());
        let line = record.line().with_context(writing)?;
        if durable {
            (self.hook)(Moment::BeforeRecord);
        }
        self.file.write_all(line.as_bytes()).with_context(writing)?;
        if durable {
            (self.hook)(Moment::RecordWritten);
            self.file.sync_all().with_context(writing)?;
            (self.hook)(Moment::RecordSynced);
        }
        Ok(())
    }
}

/// Opens the file and locks it. It may be removed by a run that ends between the two, so its name is looked up again.
fn lock(path: &Path) -> anyhow::Result<Flock<File>> {
    let opening = || format!("opening the journal {}", path.display());
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(path)
            .with_context(opening)?;
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((file, nix::Error::EAGAIN)) => return Err(busy(path, &file)),
            Err((_, error)) => return Err(error).with_context(opening),
        };
        let (ours, named) = (file.metadata(), std::fs::symlink_metadata(path));
        match (ours, named) {
            (Ok(ours), Ok(named)) if (ours.dev(), ours.ino()) == (named.dev(), named.ino()) => {
                return Ok(file);
            }
            (Err(error), _) => return Err(error).with_context(opening),
            _ => {}
        }
    }
}

fn busy(path: &Path, file: &File) -> anyhow::Error {
    let last = read(file).ok().and_then(|content| {
        let text = String::from_utf8_lossy(&content).into_owned();
        text.lines()
            .rev()
            .find_map(|line| match Record::read(line) {
                Ok(Record::Opened { tool, process }) => Some((tool, process)),
                _ => None,
            })
    });
    let who = last.map_or("another run".to_owned(), |(tool, process)| {
        format!("{tool} (process {process})")
    });
    let message = format!("{who} is at work here and holds {}", path.display());
    let finding = Finding::error("journal-busy", path.display().to_string(), message);
    Refusal(finding.fix("wait until it has ended, and run this again")).into()
}

fn damaged(path: &Path, why: &str) -> anyhow::Error {
    let message = format!(
        "the journal {} of an earlier run is damaged: {why}",
        path.display()
    );
    let fix = "look at the disk and at the journal; move the journal away when you know that the earlier run left nothing half-done";
    Refusal(Finding::error("journal-damaged", path.display().to_string(), message).fix(fix)).into()
}

fn read(file: &File) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    file.take(LIMIT + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LIMIT {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The journal's place for something that has a name: `/var/lib/cluster/TOOL/NAME.journal`.
pub fn system_path(tool: &str, name: &str) -> PathBuf {
    Path::new("/var/lib/cluster")
        .join(tool)
        .join(format!("{name}.journal"))
}

/// The journal's place for an image: beside it.
pub fn image_path(image: &Path, tool: &str) -> PathBuf {
    let mut name = OsStr::new(".").to_owned();
    name.push(image.file_name().unwrap_or_default());
    name.push(format!(".{tool}.journal"));
    image.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, Check, Step};
    use serde_json::json;

    fn plan() -> Plan {
        let step = |id: &str| {
            let path = id.to_owned();
            let action = Action::RemoveFile { path: path.clone() };
            Step::new(id, "why", action, Check::NoFile { path })
        };
        Plan {
            tool: "test".to_owned(),
            tool_version: "0".to_owned(),
            request: json!({"a": 1}),
            state: json!(null),
            steps: vec![step("one"), step("two")],
        }
    }

    fn filled(path: &Path) -> Vec<u8> {
        let mut journal = Journal::open(path, "test").unwrap();
        journal.begin(&plan()).unwrap();
        journal.mark("one", Progress::Started).unwrap();
        journal.mark("one", Progress::Done).unwrap();
        journal.mark("two", Progress::Started).unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn what_was_recorded_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/j");
        filled(&path);
        let left = Journal::peek(&path).unwrap().unwrap();
        assert_eq!(left.plan, plan());
        assert_eq!(left.progress["one"], Progress::Done);
        assert_eq!(left.progress["two"], Progress::Started);
        let journal = Journal::open(&path, "test").unwrap();
        assert_eq!(journal.unfinished(), Some(&left));
        journal.close().unwrap();
        assert!(!path.exists());
        let mode = path.parent().unwrap().metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn what_is_forgotten_is_gone_and_the_note_of_the_next_plan_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        filled(&path);
        let mut journal = Journal::open(&path, "test").unwrap().about(json!("card"));
        journal.forget().unwrap();
        assert_eq!(journal.unfinished(), None);
        assert!(Journal::peek(&path).unwrap().is_none());
        journal.begin(&plan()).unwrap();
        drop(journal);
        let left = Journal::peek(&path).unwrap().unwrap();
        assert_eq!((left.progress.len(), left.about), (0, json!("card")));
        // Forgotten, and nothing begun: nothing stays behind.
        let mut journal = Journal::open(&path, "test").unwrap();
        journal.forget().unwrap();
        drop(journal);
        assert!(!path.exists());
    }

    #[test]
    fn a_record_that_was_cut_off_was_never_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let content = filled(&path);
        let mut seen = 0;
        for length in 0..=content.len() {
            for tail in [&b""[..], &[0; 700]] {
                std::fs::write(&path, [&content[..length], tail].concat()).unwrap();
                let journal = Journal::open(&path, "test").unwrap();
                let steps = journal.unfinished().map_or(0, |left| left.progress.len());
                assert!(steps >= seen, "{length}");
                seen = steps;
                drop(journal);
                // Opening mended it: it is read the same once more.
                assert!(Journal::peek(&path).is_ok());
            }
        }
        assert_eq!(seen, 2);
    }

    #[test]
    fn a_changed_byte_anywhere_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let content = filled(&path);
        for place in 0..content.len() - 1 {
            let mut bad = content.clone();
            bad[place] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            let error = Journal::open(&path, "test").unwrap_err();
            let refusal = error.downcast_ref::<Refusal>().unwrap();
            assert_eq!(refusal.0.id, "journal-damaged", "{place}: {error:#}");
            assert_eq!(std::fs::read(&path).unwrap(), bad);
        }
    }

    #[test]
    fn the_second_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let first = Journal::open(&path, "pi-partition").unwrap();
        let error = Journal::open(&path, "pi-partition").unwrap_err();
        let refusal = error.downcast_ref::<Refusal>().unwrap();
        assert_eq!(refusal.0.id, "journal-busy");
        let who = format!("pi-partition (process {})", std::process::id());
        assert!(refusal.0.message.starts_with(&who), "{}", refusal.0.message);
        first.close().unwrap();
        Journal::open(&path, "pi-partition").unwrap();
    }

    #[test]
    fn a_link_in_the_journals_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "whole").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("j")).unwrap();
        assert!(Journal::open(&folder.path().join("j"), "test").is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "whole");
    }
}
