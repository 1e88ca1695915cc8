//! Card images.

use super::{Boot, Kind, run, script};
use crate::host;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Raspberry Pi OS's way: MBR, 256 MiB for the firmware, 1 GiB root, free space behind. For `sfdisk`.
pub const MBR: &str = "label: dos
label-id: 0xdeadbee5
start=8192, size=524288, type=c
start=532480, size=2097152, type=83
";

/// The same with a GPT.
pub const GPT: &str = "label: gpt
first-lba: 2048
start=8192, size=524288, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
start=532480, size=2097152, type=linux
";

/// What partition 2 holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Debian's packages as listed in `tests/machine/packages`.
    Debian,
    /// One static busybox and its names, as a minimal distribution has.
    Busybox,
}

/// Where a partition lies on the card, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first byte.
    pub start: u64,
    /// How many.
    pub length: u64,
}

impl Extent {
    /// Whether this byte of the card is in it.
    pub const fn holds(&self, offset: u64) -> bool {
        offset >= self.start && offset - self.start < self.length
    }
}

/// A card about to be made.
#[derive(Debug, Clone)]
pub struct CardMaker {
    kind: Kind,
    root: Root,
    layout: String,
    size: u64,
    options: Vec<String>,
}

/// A card image in a temporary folder, gone with its value.
#[derive(Debug)]
pub struct Card {
    kind: Kind,
    folder: TempDir,
}

impl Card {
    /// A card for this machine: [`MBR`], a Debian root, 4 GiB.
    #[expect(clippy::new_ret_no_self, reason = "a card is made in steps")]
    pub fn new(kind: Kind) -> CardMaker {
        CardMaker {
            kind,
            root: Root::Debian,
            layout: MBR.to_owned(),
            size: 4 << 30,
            options: Vec::new(),
        }
    }

    /// The image, for programs on the host.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("card.img")
    }

    /// The machine that it is for.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// A boot from it, which leaves its log under this name; one name for each boot of a test run.
    pub fn boot(&self, name: &str) -> Boot<'_> {
        Boot::new(self, name)
    }

    /// The same card again, to boot or to damage apart from this one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn copy(&self) -> Result<Self> {
        let copy = Self {
            kind: self.kind,
            folder: TempDir::new().context("making a folder for a card")?,
        };
        copy_sparse(&self.path(), &copy.path())?;
        Ok(copy)
    }

    /// Where partition `number` lies, as `sfdisk` reads it.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn partition(&self, number: usize) -> Result<Extent> {
        let table = run(host("sfdisk").arg("-J").arg(self.path()))?;
        let table: Value =
            serde_json::from_slice(&table).context("reading the table of sfdisk -J")?;
        let image = self.path().display().to_string();
        let wanted = Value::from(format!("{image}{number}"));
        let partitions = table["partitiontable"]["partitions"].as_array();
        let found = partitions
            .and_then(|all| all.iter().find(|p| p["node"] == wanted))
            .with_context(|| format!("looking for partition {number}"))?;
        let bytes = |field: &str| found[field].as_u64().map(|sectors| sectors * 512);
        Ok(Extent {
            start: bytes("start").context("reading a partition's start")?,
            length: bytes("size").context("reading a partition's size")?,
        })
    }

    /// Bytes of the card, as the host sees them.
    ///
    /// # Errors
    /// The card is shorter.
    pub fn read(&self, start: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(self.path())
            .and_then(|card| card.read_exact_at(&mut bytes, start))
            .with_context(|| format!("reading {length} bytes of the card at {start}"))?;
        Ok(bytes)
    }

    /// A partition's content as a file of its own, for `e2fsck` and `debugfs`, which want no offset.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn cut(&self, extent: Extent, to: &Path) -> Result<()> {
        run(Command::new("dd")
            .args(["bs=1M", "conv=sparse", "status=none"])
            .args(["iflag=skip_bytes,count_bytes"])
            .arg(format!("skip={}", extent.start))
            .arg(format!("count={}", extent.length))
            .arg(format!("if={}", self.path().display()))
            .arg(format!("of={}", to.display())))?;
        File::options()
            .write(true)
            .open(to)
            .and_then(|file| file.set_len(extent.length))
            .with_context(|| format!("cutting a partition to {}", to.display()))
    }
}

impl CardMaker {
    /// With this root file system.
    #[must_use]
    pub const fn root(mut self, root: Root) -> Self {
        self.root = root;
        self
    }

    /// With this table: an `sfdisk` script, [`MBR`], [`GPT`] or other.
    #[must_use]
    pub fn layout(mut self, layout: &str) -> Self {
        layout.clone_into(&mut self.layout);
        self
    }

    /// Of this size in bytes, a power of two.
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = bytes;
        self
    }

    /// With this `cmdline.txt`; `@ROOT@` in it becomes the root's `PARTUUID=…`.
    #[must_use]
    pub fn cmdline(mut self, text: &str) -> Self {
        self.options
            .extend(["--cmdline".to_owned(), text.to_owned()]);
        self
    }

    /// With this `config.txt`.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.options
            .extend(["--config".to_owned(), text.to_owned()]);
        self
    }

    /// Makes the image; the first time on a host it takes what is cached afterwards, too.
    ///
    /// # Errors
    /// A part is missing, or the layout does not fit.
    pub fn make(&self) -> Result<Card> {
        ensure!(
            self.size.is_power_of_two(),
            "making a card: {} bytes are no power of two, as the emulated controllers want it",
            self.size
        );
        let folder = TempDir::new().context("making a folder for a card")?;
        let layout = folder.path().join("layout");
        std::fs::write(&layout, &self.layout).context("writing a card's layout")?;
        let root = match self.root {
            Root::Debian => "debian",
            Root::Busybox => "busybox",
        };
        let card = Card {
            kind: self.kind,
            folder,
        };
        run(Command::new(script("card"))
            .args(["--root", root, "--size", &self.size.to_string(), "--layout"])
            .arg(&layout)
            .args(&self.options)
            .arg(self.kind.name())
            .arg(card.path()))?;
        Ok(card)
    }
}

/// A copy that keeps holes as holes: `std::fs::copy` would write gigabytes of zeros.
pub(super) fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    let mut cp = Command::new("cp");
    run(cp.arg("--sparse=always").arg(from).arg(to)).map(drop)
}
