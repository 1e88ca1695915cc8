//! The data root on a Docker daemon's command line, and in the files that it comes from.

use std::ops::Range;

/// The flags that name the data root: `--data-root` since 17.05, the other two before it and until 23.0.
const ROOT: [&str; 3] = ["--data-root", "--graph", "-g"];

/// What a daemon's arguments say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The data root.
    pub root: Option<String>,
    /// The configuration file.
    pub config: Option<String>,
    /// Where it listens.
    pub hosts: Vec<String>,
}

/// Reads a daemon's arguments; where a flag stands twice the last one counts, as it does for the daemon.
pub fn options(arguments: &[String]) -> Options {
    let mut options = Options::default();
    let mut rest = arguments.iter().skip(1).map(String::as_str);
    while let Some(argument) = rest.next() {
        let (name, joined) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with('-') => (name, Some(value)),
            _ => (argument, None),
        };
        let short = |flag: &str| {
            argument
                .strip_prefix(flag)
                .filter(|value| !value.is_empty())
        };
        let mut value = || joined.or_else(|| rest.next()).map(str::to_owned);
        match name {
            "--config-file" => options.config = value(),
            "-H" | "--host" => options.hosts.extend(value()),
            name if ROOT.contains(&name) => options.root = value(),
            _ if argument.starts_with("--") => {}
            _ => {
                if let Some(value) = short("-g") {
                    options.root = Some(value.to_owned());
                } else if let Some(value) = short("-H") {
                    options.hosts.push(value.to_owned());
                }
            }
        }
    }
    options
}

/// Where in a file's lines a flag names this data root: in a unit's `ExecStart`, in `DOCKER_OPTS` and the like. Comments
/// are passed over.
pub fn find(text: &str, root: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim_start().starts_with(['#', ';']) {
            for flag in ROOT {
                found.extend(
                    in_line(line, flag, root).map(|at| start + at..start + at + root.len()),
                );
            }
        }
        start += line.len();
    }
    found.sort_by_key(|range| range.start);
    found
}

fn in_line<'a>(line: &'a str, flag: &'a str, root: &'a str) -> impl Iterator<Item = usize> + 'a {
    line.match_indices(flag).filter_map(move |(at, _)| {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| !c.is_whitespace() && !"\"'=".contains(c)) {
            return None;
        }
        let after = &line[at + flag.len()..];
        let value = after.trim_start_matches([' ', '\t', '=', '"', '\'']);
        // `-g/x` is the short flag's own way; a long one needs something between.
        if value.len() == after.len() && flag != "-g" {
            return None;
        }
        let tail = value.strip_prefix(root)?;
        let ends = |c: char| c.is_whitespace() || "\"'\\".contains(c);
        tail.chars()
            .next()
            .is_none_or(ends)
            .then(|| line.len() - value.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Options {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        options(&words)
    }

    #[test]
    fn every_way_to_write_a_flag_is_read() {
        for line in [
            "dockerd -g /x",
            "dockerd -g=/x",
            "dockerd -g/x",
            "dockerd --graph /x --iptables=false",
            "dockerd -D --data-root=/x",
            "dockerd --data-root /y --data-root /x",
        ] {
            assert_eq!(read(line).root.unwrap(), "/x", "{line}");
        }
        let all =
            read("dockerd -H fd:// --host=unix:///a --config-file /c.json --group g --label=a=b");
        assert_eq!(all.hosts, ["fd://", "unix:///a"]);
        assert_eq!((all.config.as_deref(), all.root), (Some("/c.json"), None));
    }

    #[test]
    fn a_flag_is_found_where_it_stands_and_nowhere_else() {
        for (text, count) in [
            ("DOCKER_OPTS=\"-g /x --bridge=none\"\n", 1),
            ("ExecStart=/usr/bin/dockerd --data-root=/x\n", 1),
            ("ExecStart=/usr/bin/dockerd \\\n  --graph \"/x\" \\\n", 1),
            ("# DOCKER_OPTS='-g /x'\nDOCKER_OPTS='-g /x'", 1),
            ("DOCKER_OPTS='-g /xy'", 0),
            ("DOCKER_OPTS='--config-g /x'", 0),
            ("DOCKER_OPTS='--data-rooty /x'", 0),
            ("A=/x\n", 0),
            ("-g /x\n--data-root /x\n", 2),
        ] {
            let found = find(text, "/x");
            assert_eq!(found.len(), count, "{text}");
            assert!(found.iter().all(|range| &text[range.clone()] == "/x"));
        }
    }
}
