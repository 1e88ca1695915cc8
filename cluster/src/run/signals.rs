//! Signals that ask a run to end, held back while its end would leave something half-done.

use anyhow::Context;
use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The last signal that asked this process to end; 0 where none did.
static ASKED: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: c_int) {
    ASKED.store(signal, Relaxed);
}

extern "C" fn pass_over(_: c_int) {}

/// From here on SIGINT and SIGTERM are only noted, for whoever asks with [`asked`], and a terminal that goes away (SIGHUP) is
/// none of our business. Programs that are started have the signals as usual: an exec resets what has a handler, which it does
/// not for what is ignored.
///
/// # Errors
/// The kernel refuses.
pub fn hold() -> anyhow::Result<()> {
    for (signal, handler) in [
        (Signal::SIGINT, SigHandler::Handler(note)),
        (Signal::SIGTERM, SigHandler::Handler(note)),
        (Signal::SIGHUP, SigHandler::Handler(pass_over)),
    ] {
        let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: both handlers are async-signal-safe: one stores to an atomic, the other does nothing.
        unsafe { sigaction(signal, &action) }.context("holding signals back")?;
    }
    Ok(())
}

/// The name of the signal that asked this process to end since [`hold`].
pub fn asked() -> Option<&'static str> {
    let signal = Signal::try_from(ASKED.load(Relaxed)).ok()?;
    Some(signal.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;

    #[test]
    fn what_asks_to_end_is_noted_and_programs_have_it_as_usual() {
        assert_eq!(asked(), None);
        hold().unwrap();
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(asked(), None);
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(asked(), Some("SIGTERM"));
        let out = crate::command::Command::new("grep")
            .args(["SigIgn", "/proc/self/status"])
            .run()
            .unwrap();
        let mask = String::from_utf8_lossy(&out)
            .trim()
            .rsplit('\t')
            .next()
            .map(|mask| u64::from_str_radix(mask, 16).unwrap());
        // Signal 1 is bit 0.
        assert_eq!(mask.unwrap() & 1, 0);
    }
}
