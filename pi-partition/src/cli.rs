//! The command line: arguments and document, joined into one request for each node.

use crate::answer::Answer;
use crate::extent::Place;
use crate::request::{LEAST_BYTES, Request, Wish};
use crate::{job, render, report};
use anyhow::Context;
use clap::{Parser, ValueEnum};
use cluster::edge::node::NodeArguments;
use cluster::edge::{Artefact, Common, Input, Tool, Usage, Verdict, word};
use cluster::finding::Finding;
use cluster::inventory::{Disk, Filesystem, Node, Os, Partition, PartitionSize, Persist, Section};
use cluster::name::{FilesystemLabel, MountPoint};
use cluster::quantity::Size;
use std::path::PathBuf;

const EXAMPLES: &str = "
  What would become of a card image; then do it, which needs no root
    pi-partition -n --disk card.img -f text
    pi-partition -n --disk card.img --apply

  The same as a picture
    pi-partition -n --disk card.img -f svg -o card.svg

  A plan for each node, on a laptop
    pi-partition cluster.json
    ssh pi1 sudo sfdisk --json /dev/mmcblk0 | pi-partition -f text

  On the node, by the document or by flags alone
    sudo pi-partition --apply cluster.json
    sudo pi-partition -n --disk /dev/mmcblk0 --label docker \\
      --mount /mnt/docker --apply

  Do what was planned, or refuse
    pi-partition -n --disk card.img | pi-partition --apply

  The table as it was before
    sudo pi-partition -n --disk /dev/mmcblk0 --undo saved.table.json --apply";

/// Give the rest of a disk to a new partition, without a reboot and without losing a byte
#[derive(Debug, Clone, Parser)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) common: Common<Format>,
    #[command(flatten)]
    pub(crate) node: NodeArguments,
    /// The whole disk or an image file [default: the node's disk]
    #[arg(long, value_name = "PATH")]
    pub(crate) disk: Option<PathBuf>,
    /// The new partition's size: `rest`, or such as 20GB [default: rest]
    #[arg(long)]
    pub(crate) size: Option<PartitionSize>,
    /// Its file system [default: ext4]
    #[arg(long, value_parser = word::<Filesystem>, value_name = "FS")]
    pub(crate) fs: Option<Filesystem>,
    /// Its label
    #[arg(long)]
    pub(crate) label: Option<FilesystemLabel>,
    /// Where it is mounted
    #[arg(long, value_name = "DIR")]
    pub(crate) mount: Option<MountPoint>,
    /// What makes the mount last: ros, fstab, systemd, none or auto
    #[arg(long, value_parser = word::<Persist>, value_name = "HOW")]
    pub(crate) persist: Option<Persist>,
    /// Where it goes: end, largest, or a byte of a free extent [default: end]
    #[arg(long, value_name = "PLACE")]
    pub(crate) place: Option<Place>,
    /// The least size of a new partition [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) minimum: Option<Size>,
    /// Erase signatures of file systems where the new partition goes
    #[arg(long)]
    pub(crate) wipe: bool,
    /// The operating system [default: the document's, or the node's own]
    #[arg(long, value_parser = word::<Os>, value_name = "OS")]
    pub(crate) os: Option<Os>,
    /// An image's logical sector in bytes: 512 or 4096 [default: found out]
    #[arg(long, value_parser = sector, value_name = "BYTES")]
    pub(crate) sector_size: Option<u64>,
    /// Put the table back that FILE holds: a saved table, or this tool's output
    #[arg(long, value_name = "FILE")]
    pub(crate) undo: Option<PathBuf>,
    /// Look at the disk and report; plan nothing
    #[arg(long, conflicts_with_all = ["apply", "undo"])]
    pub(crate) check: bool,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `pi_partition`
    #[default]
    Json,
    /// The disk before and after, the steps, and what was noticed
    Text,
    /// A picture of the disk before and after (SVG), also of a no
    Svg,
    /// The plan as a shell script with the checks in it
    Sh,
}

impl cluster::edge::Format for Format {}

impl Tool for Cli {
    const NAME: &'static str = "pi-partition";
    const EXAMPLES: &'static str = EXAMPLES;
    const SYSTEMS: &'static [(&'static str, &'static str)] = &[
        ("raspios, ubuntu, debian", "--persist fstab or systemd"),
        (
            "rancheros, burmillaos",
            "--persist ros; not tried on a real one",
        ),
    ];
    const SECTIONS: &'static [Section] = &[Section::Nodes];
    type Format = Format;
    type Answer = Answer;

    fn common(&self) -> &Common<Format> {
        &self.common
    }

    fn adopt(&self, input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        report::adopt(self, input)
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        job::run(self, &input)
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(match self.common.format {
            Format::Svg => render::svg::svg(verdict),
            Format::Json | Format::Text | Format::Sh => render::text::text(verdict),
        })
    }

    fn artefacts(&self, verdict: &Verdict<Answer>) -> anyhow::Result<Vec<Artefact>> {
        Ok(render::sh::scripts(&verdict.answer))
    }
}

fn sector(text: &str) -> Result<u64, String> {
    match text {
        "512" => Ok(512),
        "4096" => Ok(4096),
        _ => Err("expected 512 or 4096".to_owned()),
    }
}

impl Cli {
    /// Whether a flag names a wish.
    pub(crate) fn wishes(&self) -> bool {
        self.size.is_some()
            || self.fs.is_some()
            || self.label.is_some()
            || self.mount.is_some()
            || self.persist.is_some()
    }

    /// Whether a flag is part of a request.
    pub(crate) fn requests(&self) -> bool {
        self.wishes()
            || self.place.is_some()
            || self.minimum.is_some()
            || self.os.is_some()
            || self.wipe
    }

    /// The request for a node of the document, or from flags alone. Flags win.
    ///
    /// # Errors
    /// Flags and document contradict each other, or no disk is named.
    pub(crate) fn request(&self, node: Option<&Node>) -> anyhow::Result<Request> {
        let declared = node
            .map(|node| node.partitions.as_slice())
            .unwrap_or_default();
        let partitions = match (declared, self.wishes()) {
            ([], _) if node.is_none() || self.wishes() => vec![self.wish(None)?],
            (many, false) => many.iter().map(plain).collect(),
            ([one], true) => vec![self.wish(Some(one))?],
            (many, true) => {
                let problem = format!(
                    "the document wishes for {} partitions, and --size, --fs, --label, --mount and --persist are about one",
                    many.len()
                );
                return Err(Usage::new(problem)).context("reading the arguments");
            }
        };
        Ok(Request {
            disk: self.disk_path(node.and_then(|node| node.disk.as_ref()))?,
            os: self.os.or_else(|| node.and_then(|node| node.os)),
            place: self.place.unwrap_or_default(),
            minimum_bytes: self.minimum.map_or(LEAST_BYTES, |size| size.0),
            wipe: self.wipe,
            partitions,
        })
    }

    fn disk_path(&self, declared: Option<&Disk>) -> anyhow::Result<String> {
        let path = match (&self.disk, declared) {
            (Some(path), _) => path.to_str().map(str::to_owned),
            (None, Some(disk)) => Some(disk.device.as_str().to_owned()),
            (None, None) => {
                let problem = "no disk is named: give --disk PATH, or the node's `disk.device` in the document";
                return Err(Usage::new(problem)).context("reading the arguments");
            }
        };
        path.ok_or_else(|| anyhow::Error::new(Usage::new("the disk's path is not UTF-8")))
            .context("reading the arguments")
    }

    fn wish(&self, declared: Option<&Partition>) -> anyhow::Result<Wish> {
        let base = declared.map(plain);
        let filesystem = self
            .fs
            .or(base.as_ref().map(|base| base.filesystem))
            .unwrap_or_default();
        let label = self.label.as_ref().map(|label| label.as_str().to_owned());
        let label = label.or_else(|| base.as_ref()?.label.clone());
        if let Some(label) = label
            .as_ref()
            .filter(|l| l.len() > filesystem.label_limit())
        {
            let problem = format!(
                "the label {label:?} is longer than the {} bytes that {} allows",
                filesystem.label_limit(),
                filesystem.as_str()
            );
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        let mount = self.mount.as_ref().map(|mount| mount.as_str().to_owned());
        let mount = mount.or_else(|| base.as_ref()?.mount.clone());
        if mount.is_some() && filesystem == Filesystem::None {
            let problem = "--mount needs a file system, and --fs is none";
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        Ok(Wish {
            size_bytes: match self.size {
                Some(size) => bytes(size),
                None => base.as_ref().and_then(|base| base.size_bytes),
            },
            filesystem,
            label,
            mount,
            persist: self
                .persist
                .or(base.map(|base| base.persist))
                .unwrap_or_default(),
        })
    }
}

fn bytes(size: PartitionSize) -> Option<u64> {
    match size {
        PartitionSize::Rest => None,
        PartitionSize::Bytes(bytes) => Some(bytes),
    }
}

fn plain(partition: &Partition) -> Wish {
    Wish {
        size_bytes: bytes(partition.size),
        filesystem: partition.filesystem,
        label: partition
            .label
            .as_ref()
            .map(|label| label.as_str().to_owned()),
        mount: partition
            .mount
            .as_ref()
            .map(|mount| mount.as_str().to_owned()),
        persist: partition.persist,
    }
}
