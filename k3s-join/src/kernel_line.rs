//! The kernel command line in a file of the boot partition: read as firmware and kernel read it, edited word by word.
//!
//! The firmware hands over the first line and nothing else. The kernel splits it at white space outside double quotes
//! (`next_arg` in lib/cmdline.c) and gives what follows a bare `--` to init.

use std::fmt;

/// The words that switch the memory controller on where the Raspberry Pi's kernel has it off. Another kernel does not
/// know them and says so in its log; they do no harm there.
pub const MEMORY_WORDS: [&str; 2] = ["cgroup_memory=1", "cgroup_enable=memory"];

/// The longest line that is written. The arm64 kernel takes 2048 bytes with the final zero (`COMMAND_LINE_SIZE`), and the
/// firmware puts up to some 400 of its own before those of the file.
pub const LONGEST: usize = 1536;

/// Who reads the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A kernel of the Raspberry Pi or Ubuntu's for it: knows `cgroup_enable=` and `cgroup_memory=`; the last word wins.
    RaspberryPi,
    /// Any other kernel: knows `cgroup_disable=` only, and nothing takes it back.
    Mainline,
}

impl Dialect {
    /// The dialect of a kernel release, such as `6.12.25+rpt-rpi-v8`, `5.15.84-v8+` or `6.8.0-1013-raspi`.
    pub fn of(release: &str) -> Self {
        let board = ["-v8+", "-v7+", "-v7l+", "-v8-16k+", "-raspi"];
        if release.contains("rpi") || board.iter().any(|end| release.ends_with(end)) {
            Self::RaspberryPi
        } else {
            Self::Mainline
        }
    }
}

/// What a command line says of the memory controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// On.
    On,
    /// Off.
    Off,
    /// Nothing: it is as the kernel was built.
    Unsaid,
}

/// Why a file is not edited. The card would not start, or would start otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// There is no word on its first line.
    Empty,
    /// A zero or another control character is in it.
    NotText,
    /// A double quote is not closed: the kernel takes all behind it as one word.
    OpenQuote,
    /// Words behind the first line, which have never been in effect, and which this tool knows nothing of.
    ForeignWords(Vec<String>),
    /// A word of which a part is to go has double quotes in it: what is left could be split elsewhere by the kernel.
    QuotedWord,
    /// The new line would have this many bytes.
    TooLong(usize),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "its first line has no words, so the kernel gets none"),
            Self::NotText => write!(f, "it has control characters in it"),
            Self::OpenQuote => write!(f, "a double quote on its first line is not closed"),
            Self::ForeignWords(words) => write!(
                f,
                "words stand behind its first line that were never in effect: {}",
                words.join(" ")
            ),
            Self::QuotedWord => write!(
                f,
                "a word about control groups has double quotes in it, and without a part of it words would be split elsewhere"
            ),
            Self::TooLong(length) => write!(
                f,
                "its line would have {length} bytes, and more than {LONGEST} may be cut off"
            ),
        }
    }
}

/// White space as the kernel has it (lib/ctype.c): with the no-break space of Latin-1.
fn is_space(byte: u8) -> bool {
    matches!(byte, 9..=13 | b' ' | 0xa0)
}

/// What the firmware hands over: the first line, without its end.
pub fn first_line(content: &[u8]) -> &[u8] {
    content.split(|byte| *byte == b'\n').next().unwrap_or(&[])
}

/// A word and the white space before it.
type Spaced<'a> = (&'a [u8], &'a [u8]);

/// The words of a line with what separates them; and whether the last quote is closed.
fn spaced(line: &[u8]) -> (Vec<Spaced<'_>>, bool) {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut rest = line;
    loop {
        let gap = rest.iter().take_while(|byte| is_space(**byte)).count();
        let (before, at) = rest.split_at(gap);
        let mut length = 0;
        for byte in at {
            if is_space(*byte) && !quoted {
                break;
            }
            quoted ^= *byte == b'"';
            length += 1;
        }
        if length == 0 {
            return (words, !quoted);
        }
        words.push((before, &at[..length]));
        rest = &at[length..];
    }
}

/// The words of a line as the kernel splits it.
pub fn words(line: &[u8]) -> Vec<&[u8]> {
    spaced(line).0.into_iter().map(|(_, word)| word).collect()
}

/// The words behind the first line, which nobody reads.
pub fn lost_words(content: &[u8]) -> Vec<&[u8]> {
    content
        .split(|byte| *byte == b'\n')
        .skip(1)
        .flat_map(words)
        .collect()
}

/// What a word says of the memory controller.
fn said(word: &[u8], dialect: Dialect) -> Option<Memory> {
    let (key, value) = key_value(word)?;
    let lists = |value: &[u8]| value.split(|b| *b == b',').any(|name| name == b"memory");
    match (key, dialect) {
        (b"cgroup_disable", _) if lists(value) => Some(Memory::Off),
        (b"cgroup_enable", Dialect::RaspberryPi) if lists(value) => Some(Memory::On),
        (b"cgroup_memory", Dialect::RaspberryPi) => match value {
            b"1" => Some(Memory::On),
            b"0" => Some(Memory::Off),
            _ => None,
        },
        _ => None,
    }
}

/// The word as key and value; the kernel takes quotes around either away.
fn key_value(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let word = word.strip_prefix(b"\"").unwrap_or(word);
    let equals = word.iter().position(|byte| *byte == b'=')?;
    let value = &word[equals + 1..];
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    Some((&word[..equals], value.strip_suffix(b"\"").unwrap_or(value)))
}

/// What the words of a line say of the memory controller to a kernel of this dialect.
pub fn memory(line: &[u8], dialect: Dialect) -> Memory {
    let said: Vec<Memory> = kernels_own(&words(line))
        .filter_map(|word| said(word, dialect))
        .collect();
    match dialect {
        Dialect::Mainline if said.contains(&Memory::Off) => Memory::Off,
        Dialect::Mainline => Memory::Unsaid,
        Dialect::RaspberryPi => said.last().copied().unwrap_or(Memory::Unsaid),
    }
}

/// The words before a bare `--`.
fn kernels_own<'a>(words: &[&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
    words
        .iter()
        .copied()
        .take_while(|word| *word != b"--")
        .collect::<Vec<_>>()
        .into_iter()
}

/// Whether a word is about control groups, so that this tool may move it.
fn is_ours(word: &[u8]) -> bool {
    key_value(word).is_some_and(|(key, _)| {
        [&b"cgroup_enable"[..], b"cgroup_disable", b"cgroup_memory"].contains(&key)
    })
}

/// The file with [`MEMORY_WORDS`] in effect; the same bytes where it is so already. All other words of the first line
/// stay as they are, in their order and with their spacing.
///
/// # Errors
/// The file is left alone, and why.
pub fn with_memory(content: &[u8]) -> Result<Vec<u8>, Unfit> {
    let line = first_line(content);
    if content
        .iter()
        .any(|b| *b == 0 || *b == 0x7f || (*b < b' ' && !is_space(*b)))
    {
        return Err(Unfit::NotText);
    }
    let (spaced, closed) = spaced(line);
    if !closed {
        return Err(Unfit::OpenQuote);
    }
    if spaced.is_empty() {
        return Err(Unfit::Empty);
    }
    let lost = lost_words(content);
    let foreign: Vec<&&[u8]> = lost.iter().filter(|word| !is_ours(word)).collect();
    if !foreign.is_empty() {
        let shown = foreign
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned());
        return Err(Unfit::ForeignWords(shown.collect()));
    }
    let all: Vec<&[u8]> = spaced.iter().map(|(_, word)| *word).collect();
    let quoted = |word: &[u8]| is_against(word) && word.contains(&b'"');
    if kernels_own(&all).any(|word| quoted(word) && without_memory(word).is_some()) {
        return Err(Unfit::QuotedWord);
    }
    let new = edited(&spaced);
    if lost.is_empty() && new.is_none() {
        return Ok(content.to_vec());
    }
    let mut new = new.unwrap_or_else(|| line.to_vec());
    if new.len() > LONGEST {
        return Err(Unfit::TooLong(new.len()));
    }
    if content.contains(&b'\n') {
        new.push(b'\n');
    }
    Ok(new)
}

/// The line with the wanted words; `None` where it has them and nothing speaks against them.
fn edited(spaced: &[Spaced<'_>]) -> Option<Vec<u8>> {
    let end = spaced.iter().position(|(_, word)| *word == b"--");
    let own = &spaced[..end.unwrap_or(spaced.len())];
    let missing: Vec<&str> = MEMORY_WORDS
        .into_iter()
        .filter(|wanted| !own.iter().any(|(_, word)| says(word, wanted)))
        .collect();
    if missing.is_empty() && !own.iter().any(|(_, word)| is_against(word)) {
        return None;
    }
    let mut line: Vec<u8> = Vec::new();
    let mut put = |gap: &[u8], word: &[u8]| {
        if !line.is_empty() {
            line.extend(if gap.is_empty() { b" " } else { gap });
        }
        line.extend(word);
    };
    for (gap, word) in own {
        match is_against(word) {
            true => without_memory(word).iter().for_each(|word| put(gap, word)),
            false => put(gap, word),
        }
    }
    missing.iter().for_each(|word| put(b" ", word.as_bytes()));
    for (gap, word) in &spaced[own.len()..] {
        put(gap, word);
    }
    Some(line)
}

/// Whether a word switches the memory controller off.
fn is_against(word: &[u8]) -> bool {
    said(word, Dialect::RaspberryPi) == Some(Memory::Off)
}

/// Whether a word says what a wanted one says: `cgroup_enable=cpuset,memory` says `cgroup_enable=memory`.
fn says(word: &[u8], wanted: &str) -> bool {
    let key = |word: &[u8]| key_value(word).map(|(key, _)| key.to_vec());
    said(word, Dialect::RaspberryPi) == Some(Memory::On) && key(word) == key(wanted.as_bytes())
}

/// `cgroup_disable=cpu,memory` as `cgroup_disable=cpu`; nothing where nothing else is in the list.
fn without_memory(word: &[u8]) -> Option<Vec<u8>> {
    let (key, value) = key_value(word)?;
    let kept: Vec<&[u8]> = value
        .split(|byte| *byte == b',')
        .filter(|name| *name != b"memory" && !name.is_empty())
        .collect();
    (key == b"cgroup_disable" && !kept.is_empty()).then(|| [key, b"=", &kept.join(&b',')].concat())
}

/// The file as it was before [`with_memory`] made it of `before`. Where somebody has edited it since, only the words go
/// that `before` did not have.
pub fn taken_back(content: &[u8], before: &[u8]) -> Vec<u8> {
    if with_memory(before).is_ok_and(|made| made == content) {
        return before.to_vec();
    }
    let had: Vec<&[u8]> = words(first_line(before));
    let (spaced, _) = spaced(first_line(content));
    let mut line: Vec<u8> = Vec::new();
    for (gap, word) in spaced {
        let added = MEMORY_WORDS.iter().any(|own| own.as_bytes() == word) && !had.contains(&word);
        if added {
            continue;
        }
        if !line.is_empty() {
            line.extend(gap);
        }
        line.extend(word);
    }
    line.extend(&content[first_line(content).len()..]);
    line
}
