//! Running programs, as `/proc` tells of them.

use crate::root::Root;
use std::io;
use std::path::Path;

/// Larger than the command line of any program that is looked for.
const LIMIT: u64 = 1 << 20;

/// What a line of `/proc/ID/stat` says (proc_pid_stat(5)). Number and start together are a program's identity: the number alone is given
/// to another one after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its name, which the kernel cuts to 15 bytes.
    pub name: String,
    /// The number of the program that started it.
    pub parent: u32,
    /// When it was started, in clock ticks since the machine's start.
    pub start: u64,
}

/// A program by its number; nothing where there is none, or where it ended and is only not yet waited for.
pub fn stat(root: &Root, id: u32) -> Option<Stat> {
    fields(&read(root, id, "stat")?)
}

/// A program's name, which the kernel cuts to 15 bytes; also of one that ended and is not yet waited for.
pub fn name(root: &Root, id: u32) -> Option<String> {
    Some(read(root, id, "comm")?.trim_end().to_owned())
}

/// A program's arguments, the first its own name; none for the kernel's own.
pub fn arguments(root: &Root, id: u32) -> Option<Vec<String>> {
    let text = read(root, id, "cmdline")?;
    // A program that writes another title over them pads it.
    let text = text.trim_end_matches('\0');
    let words = text.split('\0').map(str::to_owned);
    Some(if text.is_empty() {
        Vec::new()
    } else {
        words.collect()
    })
}

/// The numbers of all programs.
///
/// # Errors
/// `/proc` cannot be read.
pub fn numbers(root: &Root) -> io::Result<Vec<u32>> {
    let names = root.names(Path::new("/proc"))?;
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    Ok(numbers.collect())
}

/// A program may end while it is looked at, so nothing is said about why one cannot be read.
fn read(root: &Root, id: u32, file: &str) -> Option<String> {
    let path = format!("/proc/{id}/{file}");
    let text = root.read(Path::new(&path), LIMIT).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn fields(stat: &str) -> Option<Stat> {
    // The name between parentheses may hold anything.
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split_whitespace().collect();
    // The third field of the line is the first after the name.
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Stat {
        name,
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2 3";
        let wanted = Stat {
            name: "a) b (c".to_owned(),
            parent: 7,
            start: 12345,
        };
        assert_eq!(fields(line).unwrap(), wanted);
        assert!(fields(&line.replace(") S ", ") Z ")).is_none());
        assert!(fields("42 (a").is_none());
    }

    #[test]
    fn arguments_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proc/7");
        std::fs::create_dir_all(&path).unwrap();
        let root = Root::open(folder.path()).unwrap();
        assert_eq!(numbers(&root).unwrap(), [7]);
        assert!(arguments(&root, 7).is_none());
        for (content, wanted) in [
            ("", &[][..]),
            ("a\0-b\0\0c d\0", &["a", "-b", "", "c d"]),
            ("title: of its own\0\0\0", &["title: of its own"]),
        ] {
            std::fs::write(path.join("cmdline"), content).unwrap();
            assert_eq!(arguments(&root, 7).unwrap(), wanted, "{content:?}");
        }
    }
}
