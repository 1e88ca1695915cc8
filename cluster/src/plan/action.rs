//! The actions of steps, and what holds once they were done. Few and typed: what is not in here no step can do.

use crate::checked::inline_schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

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

/// What holds once a step was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// A device or file has this size.
    Size {
        /// The device or file.
        path: String,
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// These bytes stand at an offset.
    Bytes {
        /// The device or file.
        path: String,
        /// Where, in bytes from its start.
        offset_bytes: u64,
        /// The bytes.
        bytes: Hex,
    },
    /// A range reads as zeros.
    Zeros {
        /// The device or file.
        path: String,
        /// Where, in bytes from its start.
        offset_bytes: u64,
        /// How much, in bytes.
        size_bytes: u64,
    },
    /// A file has this content.
    File {
        /// The file.
        path: String,
        /// The SHA-256 of its content.
        sha256: String,
    },
    /// A file has this line.
    Line {
        /// The file.
        path: String,
        /// The line, without its end.
        line: String,
    },
    /// A file does not have this line.
    NoLine {
        /// The file.
        path: String,
        /// The line, without its end.
        line: String,
    },
    /// There is no such file.
    NoFile {
        /// The file.
        path: String,
    },
    /// A file system with this UUID begins at an offset.
    Filesystem {
        /// The device or image.
        path: String,
        /// Where, in bytes from its start.
        offset_bytes: u64,
        /// Its type.
        filesystem: String,
        /// Its UUID.
        uuid: String,
    },
    /// The kernel knows this partition, and its node is there.
    Partition {
        /// The whole disk.
        disk: String,
        /// The partition's node.
        path: String,
        /// Its number.
        number: u32,
        /// Its start in bytes.
        start_bytes: u64,
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// The kernel knows no partition of this number.
    NoPartition {
        /// The whole disk.
        disk: String,
        /// The partition's node.
        path: String,
        /// Its number.
        number: u32,
    },
    /// This device is mounted there.
    Mounted {
        /// The device.
        source: String,
        /// The mount point.
        target: String,
    },
    /// Nothing is mounted there.
    NotMounted {
        /// The mount point.
        target: String,
    },
    /// What only the tool itself can see: the effect of [`Action::Own`] or of a copy.
    Own {
        /// The word.
        verb: String,
        /// What it was done to.
        path: String,
    },
    /// No Wi-Fi radio is blocked by software.
    RadioUnblocked,
    /// A country's radio rules hold.
    RadioCountry {
        /// Two letters.
        country: String,
    },
    /// Power save is on, or off.
    RadioPowerSave {
        /// The interface.
        interface: String,
        /// Whether it may sleep.
        enabled: bool,
    },
    /// The interface is in one of these networks and has an address.
    RadioConnected {
        /// The interface.
        interface: String,
        /// The networks' SSIDs in hexadecimal digits.
        ssids_hex: Vec<String>,
    },
    /// A command's standard output holds this text.
    Output {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The text.
        text: String,
    },
    /// Of the lines of a command's standard output, those that begin so are these, in this order; white space around a
    /// line does not count.
    OutputLines {
        /// The program and its arguments.
        argv: Vec<String>,
        /// How the lines begin.
        prefix: String,
        /// The whole lines.
        lines: Vec<String>,
    },
    /// One line of a command's standard output is this; white space around it does not count.
    OutputLine {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The whole line.
        line: String,
    },
}

impl Check {
    /// What [`Check::OutputLines`] and [`Check::OutputLine`] say of an output; `false` for every other check.
    pub fn holds_for(&self, output: &str) -> bool {
        let mut found = output.lines().map(str::trim);
        match self {
            Self::OutputLines { prefix, lines, .. } => found
                .filter(|line| line.starts_with(prefix.as_str()))
                .eq(lines.iter().map(String::as_str)),
            Self::OutputLine { line, .. } => found.any(|found| found == line),
            _ => false,
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

/// Bytes, written as lower-case hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex(pub Vec<u8>);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Hex> for String {
    fn from(hex: Hex) -> Self {
        hex.to_string()
    }
}

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        bytes
            .map(Self)
            .ok_or_else(|| "expected pairs of lower-case hexadecimal digits".to_owned())
    }
}

inline_schema!(Hex, {"type": "string", "pattern": "^([0-9a-f]{2})*$"});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_an_output_are_whole_and_in_order() {
        let lines = |lines: &[&str]| Check::OutputLines {
            argv: Vec::new(),
            prefix: "Brick".to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let output = "Status: Started\n Brick1: a:/b \nBrick2: b:/b\n";
        assert!(lines(&["Brick1: a:/b", "Brick2: b:/b"]).holds_for(output));
        assert!(!lines(&["Brick2: b:/b", "Brick1: a:/b"]).holds_for(output));
        assert!(!lines(&["Brick1: a:/b"]).holds_for(output));
        let line = |line: &str| Check::OutputLine {
            argv: Vec::new(),
            line: line.to_owned(),
        };
        assert!(line("Status: Started").holds_for(output));
        assert!(!line("Status: Start").holds_for(output));
    }

    #[test]
    fn bytes_are_pairs_of_digits() {
        let read = |text: &str| Hex::try_from(text.to_owned());
        assert_eq!(read("00ff7a").unwrap().0, [0, 255, 0x7a]);
        assert!(read("").unwrap().0.is_empty());
        for bad in ["0", "0g", "FF", "é", "0 "] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(Hex(vec![0, 255]).to_string(), "00ff");
    }
}
