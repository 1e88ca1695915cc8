//! The tests of a script: whether a step is done already, and whether it worked.

use super::{on_off, words};
use crate::command::quote;
use crate::plan::Check;

/// A check as a command that succeeds where it holds.
pub(super) fn test(check: &Check) -> String {
    match check {
        Check::Own { .. } => "false".to_owned(),
        Check::Size { path, size_bytes } => {
            format!("[ \"$(size {})\" = {size_bytes} ]", quote(path))
        }
        Check::Bytes {
            path,
            offset_bytes,
            bytes,
        } => format!(
            "[ \"$(bytes {} {offset_bytes} {})\" = {bytes} ]",
            quote(path),
            bytes.0.len()
        ),
        Check::Zeros {
            path,
            offset_bytes,
            size_bytes,
        } => format!(
            "cmp -s -n {size_bytes} -i {offset_bytes}:0 {} /dev/zero",
            quote(path)
        ),
        Check::File { path, sha256 } => format!(
            "[ \"$(sha256sum <{} 2>/dev/null)\" = \"{sha256}  -\" ]",
            quote(path)
        ),
        Check::Line { path, line } => {
            format!("grep -qxF -- {} {} 2>/dev/null", quote(line), quote(path))
        }
        Check::NoLine { path, line } => {
            format!("! grep -qxF -- {} {} 2>/dev/null", quote(line), quote(path))
        }
        Check::NoFile { path } => format!("! [ -e {} ]", quote(path)),
        Check::Filesystem {
            path,
            offset_bytes,
            uuid,
            ..
        } => format!(
            "[ \"$(blkid -p -O {offset_bytes} -s UUID -o value {} 2>/dev/null)\" = {uuid} ]",
            quote(path)
        ),
        Check::Partition {
            path,
            start_bytes,
            size_bytes,
            ..
        } => partition(path, *start_bytes, *size_bytes),
        Check::NoPartition { path, .. } => format!(
            "! [ -e /sys/class/block/{} ]",
            quote(path.trim_start_matches("/dev/"))
        ),
        Check::Mounted { source, target } => format!(
            "[ \"$(findmnt -nro SOURCE --mountpoint {} 2>/dev/null)\" = {} ]",
            quote(target),
            quote(source)
        ),
        Check::NotMounted { target } => {
            format!("! findmnt -n --mountpoint {} >/dev/null", quote(target))
        }
        Check::RadioUnblocked => "! rfkill list wifi | grep -q 'Soft blocked: yes'".to_owned(),
        Check::RadioCountry { country } => {
            format!(
                "iw reg get | grep -q {}",
                quote(&format!("^country {country}:"))
            )
        }
        Check::RadioPowerSave { interface, enabled } => format!(
            "iw dev {} get power_save | grep -q ': {}$'",
            quote(interface),
            on_off(*enabled)
        ),
        Check::RadioConnected { interface, .. } => {
            format!("iw dev {} link | grep -q '^Connected'", quote(interface))
        }
        Check::Output { argv, text } => {
            format!("{} 2>/dev/null | grep -qF -- {}", words(argv), quote(text))
        }
        Check::OutputLines {
            argv,
            prefix,
            lines,
        } => format!(
            "[ \"$(lines {} {})\" = {} ]",
            quote(prefix),
            words(argv),
            quote(&lines.join("\n"))
        ),
        Check::OutputLine { argv, line } => {
            format!("lines {0} {1} | grep -qxF -- {0}", quote(line), words(argv))
        }
    }
}

fn partition(path: &str, start_bytes: u64, size_bytes: u64) -> String {
    let name = quote(path.trim_start_matches("/dev/"));
    // The kernel counts in units of 512 bytes, whatever the disk's sectors are.
    format!(
        "[ -b {} ] && [ \"$(cat /sys/class/block/{name}/start)\" = {} ] && [ \"$(cat /sys/class/block/{name}/size)\" = {} ]",
        quote(path),
        start_bytes / 512,
        size_bytes / 512
    )
}
