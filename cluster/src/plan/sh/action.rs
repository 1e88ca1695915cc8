//! The commands of a script: what carries out a step.

use super::{check, on_off};
use crate::command::quote;
use crate::plan::{Action, Check, KernelCall, Scratch};

/// The commands of an action.
pub(super) fn lines(action: &Action, until: &Check) -> Vec<String> {
    match action {
        Action::WriteBytes {
            path,
            offset_bytes,
            bytes,
            ..
        } => vec![put(path, *offset_bytes, &bytes.0)],
        Action::Erase {
            path,
            offset_bytes,
            before,
        } => vec![put(path, *offset_bytes, &vec![0; before.0.len()])],
        Action::Discard {
            path,
            offset_bytes,
            size_bytes,
        } => vec![format!(
            "fallocate -p -o {offset_bytes} -l {size_bytes} {}",
            quote(path)
        )],
        Action::WriteFile {
            path,
            content,
            mode,
        } => write_file(path, content, *mode),
        Action::AppendLine { path, line } => append_line(path, line),
        Action::RemoveLine { path, line } => remove_line(path, line),
        Action::RemoveFile { path } => vec![format!("rm -f -- {}", quote(path))],
        Action::Run {
            argv,
            limit_s,
            scratch,
        } => run_lines(argv, *limit_s, scratch.as_ref()),
        Action::Kernel(call) => vec![kernel(call)],
        Action::Mount {
            source,
            target,
            filesystem,
            options,
        } => vec![
            format!("mkdir -p {}", quote(target)),
            format!(
                "mount -t {} -o {} {} {}",
                quote(filesystem),
                quote(options),
                quote(source),
                quote(target)
            ),
        ],
        Action::Unmount { target } => vec![format!("umount {}", quote(target))],
        Action::Service { name, verb } => {
            vec![format!("systemctl {} {}", verb.as_str(), quote(name))]
        }
        Action::CopyTree { from, to } => {
            vec![format!("cp -a {}/. {}/", quote(from), quote(to))]
        }
        // A script cannot do it, and must not go on as if it had.
        Action::Own { verb, path } => vec![format!(
            "echo {} >&2; exit 1",
            quote(&format!("only the tool itself can do this: {verb} {path}"))
        )],
        Action::WaitFor { limit_s } => vec![format!(
            "n=0; until {}; do n=$((n+1)); [ $n -lt {} ] || break; sleep 1; done",
            check::test(until),
            limit_s.saturating_add(1)
        )],
    }
}

fn write_file(path: &str, content: &str, mode: u32) -> Vec<String> {
    let path = quote(path);
    vec![
        format!("mkdir -p \"$(dirname {path})\""),
        format!("printf %s {} >{path}.new", quote(content)),
        format!("chmod {mode:o} {path}.new"),
        format!("mv -f {path}.new {path}"),
    ]
}

fn append_line(path: &str, line: &str) -> Vec<String> {
    let path = quote(path);
    vec![
        // A last line without its end would swallow the new one.
        format!("if [ -s {path} ] && [ -n \"$(tail -c1 {path})\" ]; then echo >>{path}; fi"),
        format!("printf '%s\\n' {} >>{path}", quote(line)),
    ]
}

fn remove_line(path: &str, line: &str) -> Vec<String> {
    let path = quote(path);
    vec![
        format!("grep -vxF -- {} {path} >{path}.new || true", quote(line)),
        format!("cat {path}.new >{path}"),
        format!("rm -f {path}.new"),
    ]
}

fn run_lines(argv: &[String], limit_s: u64, scratch: Option<&Scratch>) -> Vec<String> {
    let words = |scratch: &str| {
        let word = |word: &String| match word.as_str() {
            Scratch::WORD => scratch.to_owned(),
            word => quote(word),
        };
        argv.iter().map(word).collect::<Vec<_>>().join(" ")
    };
    let Some(scratch) = scratch else {
        return vec![format!("timeout {limit_s} {}", words(""))];
    };
    let (path, offset, size) = (
        quote(&scratch.path),
        scratch.offset_bytes,
        scratch.size_bytes,
    );
    vec![
        format!("scratch=$(mktemp {path}.XXXXXX)"),
        "trap 'rm -f \"$scratch\"' EXIT".to_owned(),
        format!("truncate -s {size} \"$scratch\""),
        format!("timeout {limit_s} {} >&2", words("\"$scratch\"")),
        format!("fallocate -p -o {offset} -l {size} {path}"),
        format!(
            "dd if=\"$scratch\" of={path} bs=1M seek={} oflag=seek_bytes conv=notrunc,sparse,fsync 2>/dev/null",
            offset
        ),
        "rm -f \"$scratch\"".to_owned(),
    ]
}

fn kernel(call: &KernelCall) -> String {
    match call {
        // addpart(8) counts in units of 512 bytes, whatever the disk's sectors are.
        KernelCall::BlkpgAddPartition {
            path,
            number,
            start_bytes,
            size_bytes,
        } => format!(
            "addpart {} {number} {} {}",
            quote(path),
            start_bytes / 512,
            size_bytes / 512
        ),
        KernelCall::BlkpgDelPartition { path, number } => {
            format!("delpart {} {number}", quote(path))
        }
        KernelCall::RadioUnblock => "rfkill unblock wifi".to_owned(),
        KernelCall::RadioCountry { country } => format!("iw reg set {}", quote(country)),
        KernelCall::RadioPowerSave { interface, enabled } => {
            format!(
                "iw dev {} set power_save {}",
                quote(interface),
                on_off(*enabled)
            )
        }
    }
}

fn put(path: &str, offset: u64, bytes: &[u8]) -> String {
    let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("put {} {offset} '{octal}'", quote(path))
}
