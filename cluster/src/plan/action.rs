//! The actions of steps. Few and typed: what is not in here no step can do.

use super::Hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Writes bytes at an offset, where `before` stands now.
    WriteBytes {
        /// The device or file.
        path: String,
        /// Where, in bytes from its start.
        offset_bytes: u64,
        /// What stands there before. Anything else, and nothing is written.
        before: Hex,
        /// What stands there after.
        bytes: Hex,
    },
    /// Writes zeros over what `before` names. What comes after may write the same place again.
    Erase {
        /// The device or file.
        path: String,
        /// Where, in bytes from its start.
        offset_bytes: u64,
        /// What stands there before.
        before: Hex,
    },
    /// Gives a range of an image file back to its file system: it reads as zeros.
    Discard {
        /// The image file.
        path: String,
        /// Where, in bytes from its start.
        offset_bytes: u64,
        /// How much, in bytes.
        size_bytes: u64,
    },
    /// Writes a whole file, or replaces it.
    WriteFile {
        /// The file.
        path: String,
        /// Its content.
        content: String,
        /// Its permissions.
        mode: u32,
    },
    /// Appends a line to a file; all else in it stays.
    AppendLine {
        /// The file.
        path: String,
        /// The line, without its end.
        line: String,
    },
    /// Removes a line from a file; all else in it stays.
    RemoveLine {
        /// The file.
        path: String,
        /// The line, without its end.
        line: String,
    },
    /// Removes a file.
    RemoveFile {
        /// The file.
        path: String,
    },
    /// Runs a command, never through a shell.
    Run {
        /// The program and its arguments.
        argv: Vec<String>,
        /// How long it may take, in seconds.
        limit_s: u64,
        /// Where the command works on a scratch file ([`Scratch::WORD`] among its arguments): its place in an image.
        scratch: Option<Scratch>,
    },
    /// Asks the kernel.
    Kernel(KernelCall),
    /// Mounts a file system; the mount point is made where it is missing.
    Mount {
        /// The device.
        source: String,
        /// The mount point.
        target: String,
        /// The file system's type.
        filesystem: String,
        /// Mount options, separated by commas.
        options: String,
    },
    /// Unmounts a file system.
    Unmount {
        /// The mount point.
        target: String,
    },
    /// Starts, stops or restarts a service.
    Service {
        /// The unit or the service's name.
        name: String,
        /// What to do with it.
        verb: ServiceVerb,
    },
    /// Copies a tree, whole.
    CopyTree {
        /// From this folder.
        from: String,
        /// To this folder.
        to: String,
    },
    /// Something that only the tool itself can do, by a word that its page explains.
    Own {
        /// The word, such as `guard`.
        verb: String,
        /// What it is done to.
        path: String,
    },
    /// Waits until the check holds.
    WaitFor {
        /// How long at most, in seconds.
        limit_s: u64,
    },
}

/// A file made for a command, whose data is then copied to its place in an image. What is a hole in it is a hole there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scratch {
    /// The image file.
    pub path: String,
    /// Where in it, in bytes from its start.
    pub offset_bytes: u64,
    /// The scratch file's size in bytes.
    pub size_bytes: u64,
}

impl Scratch {
    /// The argument that stands for the scratch file's path.
    pub const WORD: &'static str = "{scratch}";
}

/// What the kernel is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
pub enum KernelCall {
    /// `BLKPG_ADD_PARTITION`: a partition is there from now on; none of the others is touched.
    BlkpgAddPartition {
        /// The whole disk.
        path: String,
        /// The partition's number.
        number: u32,
        /// Its start in bytes.
        start_bytes: u64,
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// `BLKPG_DEL_PARTITION`: the kernel forgets a partition that nobody uses.
    BlkpgDelPartition {
        /// The whole disk.
        path: String,
        /// The partition's number.
        number: u32,
    },
    /// Unblocks all Wi-Fi radios that software blocked (rfkill).
    RadioUnblock,
    /// `NL80211_CMD_REQ_SET_REG`: a country's radio rules.
    RadioCountry {
        /// Two letters.
        country: String,
    },
    /// `NL80211_CMD_SET_POWER_SAVE`.
    RadioPowerSave {
        /// The interface.
        interface: String,
        /// Whether it may sleep.
        enabled: bool,
    },
}

/// What is done with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceVerb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Start it with the system, and now.
    Enable,
    /// Start it with the system no more.
    Disable,
}

impl ServiceVerb {
    /// The word that service managers take.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

/// How a step's effect lasts, which decides what a run that continues a killed one may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It stays: where it is gone, somebody else was here.
    Stays,
    /// A restart of the machine takes it away; it is done again.
    UntilRestart,
    /// Later steps write over it; once done it is not looked at again.
    Superseded,
}

impl Action {
    /// How its effect lasts.
    pub fn lasting(&self) -> Lasting {
        match self {
            Self::Kernel(_)
            | Self::Mount { .. }
            | Self::Unmount { .. }
            | Self::Service { .. }
            | Self::WaitFor { .. } => Lasting::UntilRestart,
            Self::Erase { .. } | Self::Discard { .. } => Lasting::Superseded,
            _ => Lasting::Stays,
        }
    }
}
