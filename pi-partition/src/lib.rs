//! The rest of a disk becomes a partition, without a reboot and without losing a byte.
//!
//! [`observe`] reads the disk and its node, [`plan`] turns request and state into steps, [`apply`] does them; all that is
//! shared with other tools (steps, journal, resuming) is in `cluster`.

mod answer;
mod apply;
mod cli;
mod device;
pub mod extent;
mod job;
pub mod layout;
mod observe;
mod persist;
pub mod plan;
mod refuse;
mod render;
mod report;
pub mod request;
pub mod signature;
pub mod source;
pub mod state;
mod steps;
pub mod table;
mod undo;
mod unwind;

pub use answer::{Answer, NodeAnswer};
pub use cli::Cli;

use cli::Format;
use cluster::edge::{Artefact, Common, Form, Input, Tool, Verdict};
use cluster::finding::Finding;
use cluster::inventory::Section;

impl Tool for Cli {
    const NAME: &'static str = "pi-partition";
    const EXAMPLES: &'static str = "\
  pi-partition -n --disk card.img -f text       what would become of a card image
  pi-partition -n --disk card.img --apply       do it; needs no root
  pi-partition -n --disk card.img -f svg -o card.svg     the same as a picture
  pi-partition cluster.json                     a plan for each node, on a laptop
  ssh pi1 sudo sfdisk --json /dev/mmcblk0 | pi-partition -f text
  sudo pi-partition --apply cluster.json        on the node
  sudo pi-partition -n --disk /dev/mmcblk0 --label docker --mount /mnt/docker
  pi-partition -n --disk card.img | pi-partition --apply
                                                do what was planned, or refuse
  sudo pi-partition -n --disk /dev/mmcblk0 --undo saved.table.json --apply

Operating systems:
  raspios, ubuntu, debian  --persist fstab or systemd
  rancheros, burmillaos    --persist ros; not tried on a real one";
    const SECTIONS: &'static [Section] = &[Section::Nodes];
    type Answer = Answer;

    fn common(&self) -> &Common {
        &self.common
    }

    fn form(&self) -> Form {
        match self.format {
            Format::Json => Form::Json,
            // A picture is for people too: a card that cannot be changed is worth seeing.
            Format::Text | Format::Svg => Form::Text,
            Format::Sh => Form::Artefact,
        }
    }

    fn adopt(&self, input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        report::adopt(self, input)
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        job::run(self, &input)
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(match self.format {
            Format::Svg => render::svg::svg(verdict),
            Format::Json | Format::Text | Format::Sh => render::text::text(verdict),
        })
    }

    fn artefacts(&self, verdict: &Verdict<Answer>) -> anyhow::Result<Vec<Artefact>> {
        Ok(render::sh::scripts(&verdict.answer))
    }
}
