//! Two emulated machines with a Debian kernel, to run programs as root where nobody's data is at risk: a
//! PC and a Raspberry Pi, both started from a card as the firmware would start them.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use cluster_tests::machine::{Card, Kind};
//!
//! let card = Card::new(Kind::Pi).make()?;
//! let answer = card
//!     .boot("example")
//!     .check("partitions", "cat /proc/partitions")
//!     .check("root", "findmnt -no SOURCE /")
//!     .run()?;
//! assert_eq!(answer.check("root")?.success()?, "/dev/mmcblk0p2\n");
//! # Ok(())
//! # }
//! ```
//!
//! A boot takes about five seconds, so a test file boots once for many checks ([`Shared`]). The work is done by the shell scripts in `tests/machine`, which a
//! person runs by hand just as well (`tests/README.md`).

mod answer;
mod boot;
mod card;
mod crash;
mod files;
mod write_log;

pub use answer::{Answer, Check, Outcome};
pub use boot::{Boot, Disk};
pub use card::{Card, CardMaker, Extent, GPT, MBR, Root};
pub use crash::{CrashStates, State};
pub use files::Sums;
pub use write_log::{Entry, WriteLog};

use crate::tools;
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Which machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// x86-64, the card in an SDHCI controller, 512 MiB of memory, one processor.
    Pc,
    /// Raspberry Pi 3B: aarch64, its own device tree and SD controller, 1 GiB of memory, four processors.
    Pi,
}

impl Kind {
    /// Its name in the scripts and in the names of logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pc => "pc",
            Self::Pi => "pi",
        }
    }
}

/// One boot for all tests of a file, which ask for it in any order.
///
/// ```no_run
/// use cluster_tests::machine::{Card, Kind, Shared};
///
/// static PI: Shared = Shared::new(|| {
///     let card = Card::new(Kind::Pi).make()?;
///     card.boot("shared").check("kernel", "uname -r").run()
/// });
/// # fn main() -> anyhow::Result<()> {
/// PI.answer()?.check("kernel")?.success()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Shared {
    boot: fn() -> Result<Answer>,
    answer: OnceLock<std::result::Result<Answer, String>>,
}

impl Shared {
    /// Nothing is booted before the first [`Shared::answer`].
    pub const fn new(boot: fn() -> Result<Answer>) -> Self {
        Self {
            boot,
            answer: OnceLock::new(),
        }
    }

    /// The answer of the one boot.
    ///
    /// # Errors
    /// It failed; each who asks is told so.
    pub fn answer(&self) -> Result<&Answer> {
        let answer = self
            .answer
            .get_or_init(|| (self.boot)().map_err(|e| format!("{e:#}")));
        answer.as_ref().map_err(|error| anyhow!("{error}"))
    }
}

/// The programs that machine tests need, for [`crate::require`].
pub const PROGRAMS: &[&str] = &[
    "qemu-system-x86_64",
    "qemu-system-aarch64",
    "qemu-aarch64-static",
    "apt-get",
    "cpio",
    "dpkg-deb",
    "e2fsck",
    "fakeroot",
    "file",
    "jq",
    "mcopy",
    "modprobe",
    "readelf",
    "setpriv",
    "sfdisk",
    "strip",
    "xz",
];

/// A tool's program for this kind of machine: the host's own build for the PC ([`tools::stripped`]: all that is given to a machine is in its
/// memory), `target/pi` for the Pi, which `scripts/build-pi` brings up to date once in each test process.
///
/// # Errors
/// It was not built, or does not build.
pub fn program(kind: Kind, tool: &str) -> Result<PathBuf> {
    let path = match kind {
        Kind::Pc => return tools::stripped(tool),
        Kind::Pi => built_for_pi()?.join(tool),
    };
    if !path.is_file() {
        bail!("{} is not built", path.display());
    }
    Ok(path)
}

/// `target/pi` with all tools in it.
fn built_for_pi() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let mut build = Command::new(tools::top().join("scripts/build-pi"));
        run(&mut build).map(drop).map_err(|e| format!("{e:#}"))
    });
    if let Err(error) = built {
        bail!("building for the Pi: {error}");
    }
    Ok(tools::top().join("target/pi"))
}

/// One of the scripts in `tests/machine`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("machine")
        .join(name)
}

/// Runs a command to its end and gives back its standard output; its standard error is in the error.
fn run(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {name}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}: {}", output.status, why.trim_end());
    }
    Ok(output.stdout)
}
