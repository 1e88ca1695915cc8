//! What holds once a step was done.

use super::Hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}
