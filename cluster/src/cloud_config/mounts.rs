//! The list of mounts as `ros config` takes and prints it.

use super::{check_text, flow};
use serde_json::Value;

/// The value of `ros config set mounts …`: a list of lists, as YAML on one line.
///
/// # Errors
/// A string is not printable ASCII or is empty where it may not be.
pub fn mounts_value(entries: &[[String; 4]]) -> Result<String, String> {
    for entry in entries {
        check_mount(entry)?;
    }
    let list: Vec<Value> = entries
        .iter()
        .map(|entry| Value::from(entry.to_vec()))
        .collect();
    Ok(flow(&Value::Array(list)))
}

/// Reads what `ros config get mounts` prints: a YAML list of lists of four strings, as Go's yaml package writes it.
///
/// # Errors
/// Anything that is not exactly that: what cannot be read cannot be kept, and would be dropped.
pub fn read_mounts(text: &str) -> Result<Vec<[String; 4]>, String> {
    let text = text.trim();
    if matches!(text, "" | "[]" | "null") {
        return Ok(Vec::new());
    }
    if text.starts_with('[') {
        let lists: Vec<Vec<String>> = serde_json::from_str(text)
            .map_err(|error| format!("the list of mounts cannot be read: {error}"))?;
        return lists.into_iter().map(four).collect();
    }
    let mut lists: Vec<Vec<String>> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (new, item) = match (line.strip_prefix("- - "), line.strip_prefix("  - ")) {
            (Some(item), _) => (true, item),
            (None, Some(item)) => (false, item),
            (None, None) => return Err(format!("the list of mounts has a line {line:?}")),
        };
        let item = scalar(item)?;
        match lists.last_mut() {
            Some(list) if !new => list.push(item),
            None if !new => return Err(format!("the list of mounts begins with {line:?}")),
            _ => lists.push(vec![item]),
        }
    }
    lists.into_iter().map(four).collect()
}

pub(super) fn four(list: Vec<String>) -> Result<[String; 4], String> {
    list.try_into().map_err(|list: Vec<String>| {
        format!("a mount has {} fields instead of 4: {list:?}", list.len())
    })
}

/// A plain or quoted YAML scalar on one line.
fn scalar(text: &str) -> Result<String, String> {
    let wrong = || format!("the list of mounts has an entry {text:?} that cannot be read");
    let inner = |mark: char| {
        text.strip_prefix(mark)?
            .strip_suffix(mark)
            .filter(|_| text.len() >= 2)
    };
    if text.starts_with('"') {
        return serde_json::from_str(text).map_err(|_| wrong());
    }
    if text.starts_with('\'') {
        return inner('\'')
            .map(|inner| inner.replace("''", "'"))
            .ok_or_else(wrong);
    }
    let special = text.starts_with([
        '&', '*', '!', '|', '>', '%', '@', '`', '{', '[', '#', '?', '-',
    ]) || text.contains(": ")
        || text.contains(" #")
        || text.ends_with(':');
    if special || text.is_empty() {
        return Err(wrong());
    }
    Ok(text.to_owned())
}

pub(super) fn check_mount(entry: &[String; 4]) -> Result<(), String> {
    for (name, field) in ["device", "mount point", "type", "options"]
        .iter()
        .zip(entry)
    {
        check_text(&format!("a mount's {name}"), field)?;
        if field.is_empty() && *name != "options" {
            return Err(format!("a mount's {name} is empty"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: [&str; 4]) -> [String; 4] {
        fields.map(str::to_owned)
    }

    #[test]
    fn the_lists_that_ros_prints_are_read_or_refused() {
        let text = "- - /dev/sda1\n  - /mnt/a\n  - ext4\n  - \"\"\n- - '01'\n  - /mnt/b\n  - nfs4\n  - nfsvers=4,ro\n";
        let expected = vec![
            entry(["/dev/sda1", "/mnt/a", "ext4", ""]),
            entry(["01", "/mnt/b", "nfs4", "nfsvers=4,ro"]),
        ];
        assert_eq!(read_mounts(text).unwrap(), expected);
        assert_eq!(
            read_mounts(&mounts_value(&expected).unwrap()).unwrap(),
            expected
        );
        assert!(read_mounts("[]\n").unwrap().is_empty());
        for bad in [
            "- - a\n  - b\n  - c\n",
            "- a\n",
            "x: y\n",
            "- - &x a\n  - b\n  - c\n  - d\n",
            "  - a\n",
            "- - |\n",
            "[[\"a\"]]",
        ] {
            assert!(read_mounts(bad).is_err(), "{bad:?}");
        }
    }
}
