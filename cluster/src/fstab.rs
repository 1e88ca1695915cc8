//! Lines of `/etc/fstab` (fstab(5)): one field is one word, and what would end a word is written as an octal number.

/// A word of a line: white space, `\` and `#` as three octal digits, as getmntent(3) reads them.
pub fn word(text: &str) -> String {
    let mut word = String::new();
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\n' | '\\' | '#' => word.push_str(&format!("\\{:03o}", u32::from(c))),
            other => word.push(other),
        }
    }
    word
}

/// What a line mounts, and where: its first two words as they stand there. `None` of an empty line and a comment.
pub fn source_and_target(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    let source = words.next().filter(|source| !source.starts_with('#'))?;
    Some((source, words.next()?))
}

/// The line that mounts something at `target`; the first one, where there are several.
pub fn line_of<'a>(lines: impl IntoIterator<Item = &'a str>, target: &str) -> Option<&'a str> {
    let target = word(target);
    lines
        .into_iter()
        .find(|line| source_and_target(line).is_some_and(|(_, found)| found == target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_word_is_a_number() {
        assert_eq!(word("/mnt/a b\t#\\\n"), "/mnt/a\\040b\\011\\043\\134\\012");
        assert_eq!(word("/mnt/é"), "/mnt/é");
    }

    #[test]
    fn a_line_is_found_by_its_target() {
        let text =
            "# /dev/a /mnt/a b\n\n/dev/b\n  UUID=c\t/mnt/a\\040b ext4 ro 0 2\n/dev/d /mnt/a xfs\n";
        let of = |target| line_of(text.lines(), target);
        assert_eq!(of("/mnt/a b"), Some("  UUID=c\t/mnt/a\\040b ext4 ro 0 2"));
        assert_eq!(of("/mnt/a"), Some("/dev/d /mnt/a xfs"));
        assert_eq!(of("/dev/b"), None);
        assert_eq!(source_and_target("#a /b"), None);
    }
}
