//! The effects that are the same for every tool: files, commands, mounts, services.

use super::{Presence, mounts};
use crate::command::{Command, CommandErrorKind};
use crate::plan::{Action, Check, ServiceVerb, Step, sha256};
use crate::root::{Attributes, Root};
use anyhow::{Context, bail};
use nix::mount::{MsFlags, mount, umount};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Larger than any configuration file.
const FILE_LIMIT: u64 = 4 << 20;
/// How often a condition is looked at while waiting for it.
const PAUSE: Duration = Duration::from_millis(50);

/// Mount options that are flags of mount(2). What is in neither list is the file system's own.
const FLAGS: [(&str, MsFlags); 8] = [
    ("noatime", MsFlags::MS_NOATIME),
    ("nodev", MsFlags::MS_NODEV),
    ("nodiratime", MsFlags::MS_NODIRATIME),
    ("noexec", MsFlags::MS_NOEXEC),
    ("nosuid", MsFlags::MS_NOSUID),
    ("relatime", MsFlags::MS_RELATIME),
    ("ro", MsFlags::MS_RDONLY),
    ("sync", MsFlags::MS_SYNCHRONOUS),
];
/// Options for whoever reads fstab, not for the kernel.
const FSTAB_ONLY: [&str; 5] = ["auto", "defaults", "nofail", "noauto", "rw"];

/// Files below a root, and, where that is the system's own, its commands, mounts and services.
#[derive(Debug)]
pub struct System<'a> {
    root: &'a Root,
}

impl<'a> System<'a> {
    /// On this root.
    pub fn new(root: &'a Root) -> Self {
        Self { root }
    }

    /// How much of the step's effect is there; `None` where its check is a tool's own matter.
    ///
    /// # Errors
    /// It cannot be seen.
    pub fn presence(&self, step: &Step) -> anyhow::Result<Option<Presence>> {
        let holds = match &step.check {
            Check::File { path, sha256: sum } => {
                self.content(path)?.is_some_and(|c| sha256(&c) == *sum)
            }
            Check::NoFile { path } => self.content(path)?.is_none(),
            Check::Line { path, line } => self.has_line(path, line)?,
            Check::NoLine { path, line } => !self.has_line(path, line)?,
            Check::Output { argv, text } => output(argv)?.contains(text.as_str()),
            Check::OutputLines { argv, .. } | Check::OutputLine { argv, .. } => {
                step.check.holds_for(&output(argv)?)
            }
            Check::Mounted { source, target } => return self.mounted(source, target).map(Some),
            Check::NotMounted { target } => {
                mounts::at(&mounts::read(self.root)?, Path::new(target)).is_none()
            }
            _ => return Ok(None),
        };
        Ok(Some(if holds {
            Presence::Present
        } else {
            Presence::Absent
        }))
    }

    /// Does the step; `false` where it is a tool's own matter.
    ///
    /// # Errors
    /// It failed.
    pub fn act(&self, step: &Step) -> anyhow::Result<bool> {
        match &step.action {
            Action::WriteFile {
                path,
                content,
                mode,
            } => self.write(path, content.as_bytes(), Some(*mode))?,
            Action::AppendLine { path, line } => self.append(path, line)?,
            Action::RemoveLine { path, line } => self.remove_line(path, line)?,
            Action::RemoveFile { path } => {
                self.root
                    .remove(Path::new(path))
                    .with_context(|| format!("removing {path}"))?;
            }
            Action::Run {
                argv,
                limit_s,
                scratch: None,
            } => {
                self.outside_of_cards("running a command")?;
                command(argv)?.limit(Duration::from_secs(*limit_s)).run()?;
            }
            Action::Mount {
                source,
                target,
                filesystem,
                options,
            } => self.mount(source, target, filesystem, options)?,
            Action::Unmount { target } => {
                self.outside_of_cards("unmounting")?;
                umount(target.as_str()).with_context(|| format!("unmounting {target}"))?;
            }
            Action::Service { name, verb } => self.service(name, *verb)?,
            Action::WaitFor { limit_s } => return self.wait(step, *limit_s),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// With `--sysroot` only files are written.
    fn outside_of_cards(&self, what: &str) -> anyhow::Result<()> {
        if !self.root.is_system() {
            bail!("{what}: below a --sysroot only files are written");
        }
        Ok(())
    }

    fn content(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        self.root
            .read_if_there(Path::new(path), FILE_LIMIT)
            .with_context(|| format!("reading {path}"))
    }

    fn has_line(&self, path: &str, line: &str) -> anyhow::Result<bool> {
        let content = self.content(path)?.unwrap_or_default();
        Ok(content
            .split(|byte| *byte == b'\n')
            .any(|found| found == line.as_bytes()))
    }

    /// Writes a file whole, and its folder where that is missing. It keeps its owner, and without `mode` its permissions.
    ///
    /// # Errors
    /// It cannot be written; the former one is then still whole.
    pub fn write(&self, path: &str, content: &[u8], mode: Option<u32>) -> anyhow::Result<()> {
        let place = Path::new(path);
        let present = self.root.file(place).and_then(|file| file.metadata()).ok();
        let attributes = Attributes {
            mode: mode
                .or_else(|| present.as_ref().map(|p| p.mode() & 0o7777))
                .unwrap_or(0o644),
            owner: present.as_ref().map(|p| (p.uid(), p.gid())),
        };
        if let Some(folder) = place.parent() {
            self.root
                .make_folder(folder, 0o755)
                .with_context(|| format!("making {}", folder.display()))?;
        }
        self.root
            .write(place, content, attributes)
            .with_context(|| format!("writing {path}"))
    }

    fn append(&self, path: &str, line: &str) -> anyhow::Result<()> {
        let mut content = self.content(path)?.unwrap_or_default();
        // A last line without its end would swallow the new one.
        if content.last().is_some_and(|byte| *byte != b'\n') {
            content.push(b'\n');
        }
        content.extend(line.as_bytes());
        content.push(b'\n');
        self.write(path, &content, None)
    }

    fn remove_line(&self, path: &str, line: &str) -> anyhow::Result<()> {
        let content = self.content(path)?.unwrap_or_default();
        let kept: Vec<u8> = content
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|found| found.strip_suffix(b"\n").unwrap_or(found) != line.as_bytes())
            .flatten()
            .copied()
            .collect();
        self.write(path, &kept, None)
    }

    fn mounted(&self, source: &str, target: &str) -> anyhow::Result<Presence> {
        let mounts = mounts::read(self.root)?;
        let Some(mount) = mounts::at(&mounts, Path::new(target)) else {
            return Ok(Presence::Absent);
        };
        let device = std::fs::metadata(source).map(|m| m.rdev()).unwrap_or(0);
        let numbers = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
        if device != 0 && numbers == mount.device {
            return Ok(Presence::Present);
        }
        let other = mount.source.display();
        Ok(Presence::Foreign(format!("{other} is mounted on {target}")))
    }

    fn mount(
        &self,
        source: &str,
        target: &str,
        filesystem: &str,
        options: &str,
    ) -> anyhow::Result<()> {
        self.outside_of_cards("mounting")?;
        self.root
            .make_folder(Path::new(target), 0o755)
            .with_context(|| format!("making {target}"))?;
        let (flags, data) = mount_options(options);
        let data = (!data.is_empty()).then_some(data.as_str());
        mount(Some(source), target, Some(filesystem), flags, data)
            .with_context(|| format!("mounting {source} on {target}"))
    }

    fn service(&self, name: &str, verb: ServiceVerb) -> anyhow::Result<()> {
        self.outside_of_cards("changing a service")?;
        let systemctl = Command::new("systemctl").args([verb.as_str(), "--", name]);
        match systemctl.limit(Duration::from_secs(120)).run() {
            Err(error) if matches!(error.kind, CommandErrorKind::NotFound) => {
                Command::new("service").args([name, verb.as_str()]).run()?;
            }
            other => drop(other?),
        }
        Ok(())
    }

    fn wait(&self, step: &Step, limit_s: u64) -> anyhow::Result<bool> {
        let deadline = Instant::now() + Duration::from_secs(limit_s);
        loop {
            match self.presence(step)? {
                None => return Ok(false),
                Some(Presence::Present) => return Ok(true),
                Some(_) if Instant::now() >= deadline => bail!("waited {limit_s} s for it in vain"),
                Some(_) => thread::sleep(PAUSE),
            }
        }
    }
}

/// A command from its words.
fn command(argv: &[String]) -> anyhow::Result<Command> {
    let (program, arguments) = argv.split_first().context("running a command: no words")?;
    Ok(Command::new(program).args(arguments))
}

/// A command's standard output; nothing where it says "no" by its exit code.
fn output(argv: &[String]) -> anyhow::Result<String> {
    match command(argv)?.run() {
        Ok(out) => Ok(String::from_utf8_lossy(&out).into_owned()),
        Err(error) if matches!(error.kind, CommandErrorKind::Exited(_)) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// Mount options as flags of mount(2) and the file system's own.
fn mount_options(options: &str) -> (MsFlags, String) {
    let mut flags = MsFlags::empty();
    let mut data = Vec::new();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match FLAGS.iter().find(|(name, _)| *name == option) {
            Some((_, flag)) => flags |= *flag,
            None if FSTAB_ONLY.contains(&option) || option.starts_with("x-") => {}
            None => data.push(option),
        }
    }
    (flags, data.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_flags_or_the_file_systems_own() {
        let (flags, data) =
            mount_options("defaults,noatime,nofail,commit=30,x-systemd.device-timeout=10s,nodev");
        assert_eq!(flags, MsFlags::MS_NOATIME | MsFlags::MS_NODEV);
        assert_eq!(data, "commit=30");
    }

    #[test]
    fn lines_come_and_go_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let file = folder.path().join("etc/fstab");
        std::fs::write(&file, "\u{e9} first\nlast").unwrap();
        let system = System::new(&root);
        let (path, line) = ("/etc/fstab".to_owned(), "UUID=1 /mnt".to_owned());
        let step = |action, check| Step::new("s", "", action, check);
        let append = step(
            Action::AppendLine {
                path: path.clone(),
                line: line.clone(),
            },
            Check::Line {
                path: path.clone(),
                line: line.clone(),
            },
        );
        assert_eq!(system.presence(&append).unwrap(), Some(Presence::Absent));
        assert!(system.act(&append).unwrap());
        assert_eq!(system.presence(&append).unwrap(), Some(Presence::Present));
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "\u{e9} first\nlast\nUUID=1 /mnt\n"
        );
        let remove = step(
            Action::RemoveLine {
                path: path.clone(),
                line: line.clone(),
            },
            Check::NoLine { path, line },
        );
        assert!(system.act(&remove).unwrap());
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "\u{e9} first\nlast\n"
        );
        let run = step(
            Action::Run {
                argv: vec!["true".to_owned()],
                limit_s: 1,
                scratch: None,
            },
            Check::NoFile {
                path: "/x".to_owned(),
            },
        );
        assert!(system.act(&run).is_err(), "a command ran below a --sysroot");
    }
}
