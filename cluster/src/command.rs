//! Running other programs: an argument vector, never a shell; a fixed environment; a time limit for the whole process group.

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

mod pipe;

use pipe::{Keep, Kept, Pipe};

/// Where programs are looked for: nothing of the caller's environment decides what runs as root.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long a program may take where nothing else is said.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);
/// How long a program may take to end itself once it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How much of standard output is kept. More than this no program that we call has to say, and one that says it failed.
const OUTPUT_LIMIT: usize = 64 << 20;
/// How much of standard error goes into an error.
const ERROR_LIMIT: usize = 4 << 10;

/// A program about to be run.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    input: Vec<u8>,
    limit: Duration,
}

/// Why a program did not do its work. The text holds its name, its arguments and the end of its standard error.
#[derive(Debug)]
pub struct CommandError {
    /// What kind of failure it was, for a caller who decides by it.
    pub kind: CommandErrorKind,
    shown: String,
    stderr: String,
}

/// The kinds of failure.
#[derive(Debug)]
pub enum CommandErrorKind {
    /// It is not installed.
    NotFound,
    /// It could not be started, or its pipes failed.
    Io(io::Error),
    /// It ended with an exit code other than 0.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It took longer than this and was ended with all that it had started.
    TimedOut(Duration),
}

impl Command {
    /// A program by name, looked for in the system's own folders, or by absolute path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            input: Vec::new(),
            limit: DEFAULT_LIMIT,
        }
    }

    /// The same with more arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let more = arguments.into_iter().map(|a| a.as_ref().to_owned());
        self.arguments.extend(more);
        self
    }

    /// The same with this standard input, the place for secrets. Without it standard input is empty.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// The same with another time limit.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The program and its arguments as a person would type them.
    pub fn shown(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words
            .map(|word| quote(&word.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it; its standard output.
    ///
    /// # Errors
    /// It is missing, failed, or took too long.
    pub fn run(&self) -> Result<Vec<u8>, CommandError> {
        let mut child = self.start().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.error(CommandErrorKind::NotFound, &[]),
            _ => self.error(CommandErrorKind::Io(error), &[]),
        })?;
        let deadline = Instant::now() + self.limit;
        feed(&mut child, self.input.clone());
        let stdout = self.pipe(child.stdout.take(), Keep::First(OUTPUT_LIMIT))?;
        let stderr = self.pipe(child.stderr.take(), Keep::Last(ERROR_LIMIT))?;
        let status = wait(&mut child, deadline)
            .map_err(|error| self.error(CommandErrorKind::Io(error), &[]))?;
        let Some(status) = status else {
            end(&mut child);
            let stderr = self.collect(stderr, deadline)?;
            return Err(self.error(CommandErrorKind::TimedOut(self.limit), &stderr.bytes));
        };
        let stdout = self.collect(stdout, deadline)?;
        let stderr = self.collect(stderr, deadline)?.bytes;
        if stdout.cut {
            let error = io::Error::new(io::ErrorKind::FileTooLarge, "it printed too much");
            return Err(self.error(CommandErrorKind::Io(error), &stderr));
        }
        let stdout = stdout.bytes;
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(stdout),
            (Some(code), _) => Err(self.error(CommandErrorKind::Exited(code), &stderr)),
            (None, signal) => {
                let kind = CommandErrorKind::Signalled(signal.unwrap_or(0));
                Err(self.error(kind, &stderr))
            }
        }
    }

    fn start(&self) -> io::Result<Child> {
        std::process::Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that the time limit ends what it started too.
            .process_group(0)
            .spawn()
    }

    fn pipe(
        &self,
        pipe: Option<impl io::Read + AsFd + Send + 'static>,
        keep: Keep,
    ) -> Result<Option<Pipe>, CommandError> {
        let pipe = pipe.map(|pipe| Pipe::new(pipe, keep)).transpose();
        pipe.map_err(|error| self.error(CommandErrorKind::Io(error), &[]))
    }

    /// What a pipe brought. It has at least a moment for that, however late the program ended.
    fn collect(&self, pipe: Option<Pipe>, deadline: Instant) -> Result<Kept, CommandError> {
        let Some(pipe) = pipe else {
            return Ok(Kept::default());
        };
        let kept = pipe.collect(deadline.max(Instant::now() + GRACE));
        kept.ok_or_else(|| self.error(CommandErrorKind::TimedOut(self.limit), &[]))
    }

    fn error(&self, kind: CommandErrorKind, stderr: &[u8]) -> CommandError {
        let text = String::from_utf8_lossy(stderr);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        CommandError {
            kind,
            shown: self.shown(),
            stderr: lines.join("; "),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ", self.shown)?;
        match &self.kind {
            CommandErrorKind::NotFound => write!(f, "is not installed")?,
            CommandErrorKind::Io(error) => write!(f, "could not be run: {error}")?,
            CommandErrorKind::Exited(code) => write!(f, "failed with exit code {code}")?,
            CommandErrorKind::Signalled(signal) => write!(f, "was ended by signal {signal}")?,
            CommandErrorKind::TimedOut(limit) => {
                write!(
                    f,
                    "took longer than {} s and was ended",
                    limit.as_secs_f64()
                )?;
            }
        }
        if self.stderr.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.stderr)
    }
}

impl std::error::Error for CommandError {}

/// Whether a program is where [`Command::run`] looks for it.
pub fn is_installed(program: &str) -> bool {
    let runs = |path: &Path| {
        let meta = path.metadata();
        meta.is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
    };
    match program.contains('/') {
        true => runs(Path::new(program)),
        false => SEARCH_PATH
            .split(':')
            .any(|folder| runs(&Path::new(folder).join(program))),
    }
}

/// `word` as a POSIX shell reads it back: for people and for scripts that a tool prints.
pub fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes standard input from a thread of its own: the program may print before it has read all.
fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input to the end is not wrong.
        thread::spawn(move || stdin.write_all(&input));
    }
}

/// Waits for the child until `deadline`; `None` when that has passed.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Ends the child's process group: asked first, then killed, whatever of it is left.
fn end(child: &mut Child) {
    signal_group(child, Signal::SIGTERM);
    let deadline = Instant::now() + GRACE;
    while !has_ended(child) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    signal_group(child, Signal::SIGKILL);
    // It was killed, so this does not wait for long; its status is of no use any more.
    let _ = child.wait();
}

/// Signals the child's group. The child was not waited for yet, so the id is still its own.
fn signal_group(child: &Child, signal: Signal) {
    // 0 and 1 would be everybody.
    if let Some(id) = i32::try_from(child.id()).ok().filter(|id| *id > 1) {
        // A group that is gone already needs no signal.
        let _ = killpg(Pid::from_raw(id), signal);
    }
}

/// Whether the child ended, without taking its status, so that its group's id stays its own.
fn has_ended(child: &Child) -> bool {
    let Ok(id) = i32::try_from(child.id()) else {
        return true;
    };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(
        waitid(Id::Pid(Pid::from_raw(id)), flags),
        Ok(WaitStatus::StillAlive)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[test]
    fn output_input_and_environment_are_the_callers_choice() {
        let out = sh("cat; echo $LC_ALL $HOME $PATH")
            .input("in ")
            .run()
            .unwrap();
        let expected = format!("in C {SEARCH_PATH}\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_failure_names_the_command_and_its_words() {
        let error = sh("echo one >&2; echo two >&2; exit 4").run().unwrap_err();
        assert!(matches!(error.kind, CommandErrorKind::Exited(4)));
        let shown = error.to_string();
        assert!(shown.starts_with("`sh -c 'echo one"), "{shown}");
        assert!(
            shown.ends_with("failed with exit code 4: one; two"),
            "{shown}"
        );
        let error = sh("kill -9 $$").run().unwrap_err();
        assert!(matches!(error.kind, CommandErrorKind::Signalled(9)));
        let error = Command::new("no-such-program").run().unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program` is not installed");
    }

    #[test]
    fn a_time_limit_ends_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!(
            "trap '' TERM; (sleep 0.4; touch {}) & sleep 30",
            mark.display()
        );
        let started = Instant::now();
        let error = sh(&script)
            .limit(Duration::from_millis(100))
            .run()
            .unwrap_err();
        assert!(
            matches!(error.kind, CommandErrorKind::TimedOut(_)),
            "{error}"
        );
        assert!(started.elapsed() < Duration::from_secs(10));
        // The shell and its sleep heard SIGTERM or SIGKILL; nothing of the group runs on.
        let error = sh("sleep 30 & wait")
            .limit(Duration::from_millis(100))
            .run()
            .unwrap_err();
        assert!(
            matches!(error.kind, CommandErrorKind::TimedOut(_)),
            "{error}"
        );
    }

    #[test]
    fn a_child_that_stays_behind_does_not_hold_the_caller() {
        let started = Instant::now();
        let out = sh("echo done; sleep 5 &").run().unwrap();
        assert_eq!(out, b"done\n");
        assert!(started.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn what_a_program_printed_is_whole_though_a_child_holds_the_pipe() {
        // More than a pipe holds, and the reader comes late to all of it but the end.
        let script = "head -c 3000000 /dev/zero | tr '\\0' x; sleep 5 &";
        let out = sh(script).run().unwrap();
        assert_eq!(out.len(), 3_000_000);
        // A child that never stops printing is not waited for without end.
        let error = sh("sleep 3 | while :; do echo x; done &")
            .limit(Duration::from_millis(200))
            .run();
        assert!(error.is_err() || error.is_ok_and(|out| !out.is_empty()));
    }

    #[test]
    fn an_error_holds_the_end_of_what_was_said() {
        let script =
            "n=0; while [ $n -lt 2000 ]; do n=$((n+1)); echo \"line $n\" >&2; done; exit 1";
        let error = sh(script).run().unwrap_err().to_string();
        assert!(error.ends_with("line 1999; line 2000"), "{error}");
        assert!(!error.contains("line 2;"), "{error}");
    }

    #[test]
    fn much_input_and_much_output_do_not_block_each_other() {
        let input = vec![b'x'; 4 << 20];
        let out = Command::new("cat").input(input.clone()).run().unwrap();
        assert_eq!(out.len(), input.len());
    }

    #[test]
    fn what_runs_is_installed() {
        for (program, there) in [
            ("sh", true),
            ("/bin/sh", true),
            ("no-such-program", false),
            ("/bin/no-such-program", false),
            ("/etc/passwd", false),
            ("/bin", false),
        ] {
            assert_eq!(is_installed(program), there, "{program}");
        }
    }

    #[test]
    fn quoted_words_are_read_back_by_a_shell() {
        for word in [
            "plain",
            "",
            "a b",
            "it's",
            "$(reboot)",
            "\\",
            "\"",
            "-x",
            "é\n",
        ] {
            let out = sh(&format!("printf %s {}", quote(word))).run().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), word);
        }
    }
}
