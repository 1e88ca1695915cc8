//! What a program prints: read by a thread while it runs, so that it never waits for its reader.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a pipe may stay open after the program's end: a child of its own may still hold it.
const GRACE: Duration = Duration::from_millis(500);
/// How often it is looked whether such a pipe is empty.
const PAUSE: Duration = Duration::from_millis(1);

/// What is kept of a pipe's bytes, where there are more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    /// So many of the first.
    First(usize),
    /// So many of the last.
    Last(usize),
}

/// The bytes that were kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    /// Whether there were more.
    pub(super) cut: bool,
}

impl Kept {
    fn push(&mut self, chunk: &[u8], keep: Keep) {
        match keep {
            Keep::First(limit) => {
                let length = chunk.len().min(limit - self.bytes.len());
                self.bytes.extend(&chunk[..length]);
                self.cut |= length < chunk.len();
            }
            Keep::Last(limit) => {
                self.bytes.extend(chunk);
                let more = self.bytes.len().saturating_sub(limit);
                self.bytes.drain(..more);
                self.cut |= more > 0;
            }
        }
    }
}

/// A pipe that a thread reads to its end.
pub(super) struct Pipe {
    pipe: OwnedFd,
    /// Locked while a chunk is taken from the pipe: whoever holds it and finds the pipe empty has all.
    kept: Arc<Mutex<Kept>>,
    ended: Receiver<()>,
}

impl Pipe {
    /// Begins to read.
    pub(super) fn new(mut pipe: impl Read + AsFd + Send + 'static, keep: Keep) -> io::Result<Self> {
        let copy = pipe.as_fd().try_clone_to_owned()?;
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (sender, ended) = channel();
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            let mut chunk = vec![0; 16 << 10];
            loop {
                wait(&pipe);
                let mut kept = lock(&shared);
                match pipe.read(&mut chunk) {
                    Ok(length @ 1..) => kept.push(&chunk[..length], keep),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // An error of a pipe is its end.
                    Ok(0) | Err(_) => break,
                }
            }
            drop(sender);
        });
        Ok(Self {
            pipe: copy,
            kept,
            ended,
        })
    }

    /// What the pipe brought, once the program has ended. One that is still open is a grandchild's, and is left behind when
    /// it is empty; `None` where it is not by `deadline`.
    pub(super) fn collect(self, deadline: Instant) -> Option<Kept> {
        let mut ended = self.ended.recv_timeout(GRACE);
        while ended == Err(RecvTimeoutError::Timeout) && self.holds_more() {
            if Instant::now() >= deadline {
                return None;
            }
            ended = self.ended.recv_timeout(PAUSE);
        }
        Some(std::mem::take(&mut *lock(&self.kept)))
    }

    fn holds_more(&self) -> bool {
        let _taken = lock(&self.kept);
        let mut pipes = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        poll(&mut pipes, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

/// Waits until there is something to read. What keeps it from waiting shows when it is read.
fn wait(pipe: &impl AsFd) {
    let mut pipes = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    let _ = poll(&mut pipes, PollTimeout::NONE);
}

/// The bytes are whole also where a thread panicked: each push is complete.
fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
