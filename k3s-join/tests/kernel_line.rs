//! The kernel command line of real boot partitions, and of all others.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use k3s_join::kernel_line::{
    Dialect, LONGEST, MEMORY_WORDS, Memory, Unfit, first_line, lost_words, memory, taken_back,
    with_memory, words,
};
use proptest::prelude::*;

/// As they are on the boot partition of each release's image.
const FILES: [(&str, &[u8]); 4] = [
    ("bullseye", include_bytes!("boot/raspios-bullseye.txt")),
    ("bookworm", include_bytes!("boot/raspios-bookworm.txt")),
    ("20.04", include_bytes!("boot/ubuntu-20.04.txt")),
    ("24.04", include_bytes!("boot/ubuntu-24.04.txt")),
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn each_releases_file_gets_the_words_at_its_end() {
    for (name, file) in FILES {
        let new = with_memory(file).unwrap();
        let line = text(file).trim_end().to_owned();
        assert_eq!(
            text(&new),
            format!("{line} cgroup_memory=1 cgroup_enable=memory\n"),
            "{name}"
        );
        assert_eq!(memory(first_line(&new), Dialect::RaspberryPi), Memory::On);
        assert_eq!(with_memory(&new).unwrap(), new, "{name}: a second time");
        assert_eq!(taken_back(&new, file), file, "{name}: back");
    }
}

#[test]
fn what_speaks_against_goes_and_all_else_stays() {
    for (before, after) in [
        ("a  b", "a  b cgroup_memory=1 cgroup_enable=memory"),
        (
            "a cgroup_enable=memory\tb\n",
            "a cgroup_enable=memory\tb cgroup_memory=1\n",
        ),
        (
            "cgroup_disable=memory a",
            "a cgroup_memory=1 cgroup_enable=memory",
        ),
        (
            "a cgroup_disable=cpu,memory b\n",
            "a cgroup_disable=cpu b cgroup_memory=1 cgroup_enable=memory\n",
        ),
        (
            "a cgroup_memory=0 b\r\n",
            "a b cgroup_memory=1 cgroup_enable=memory\n",
        ),
        (
            "a cgroup_enable=cpuset,memory cgroup_memory=1",
            "a cgroup_enable=cpuset,memory cgroup_memory=1",
        ),
        (
            "a -- single\n",
            "a cgroup_memory=1 cgroup_enable=memory -- single\n",
        ),
        (
            "a -- cgroup_memory=1 cgroup_enable=memory",
            "a cgroup_memory=1 cgroup_enable=memory -- cgroup_memory=1 cgroup_enable=memory",
        ),
        (
            "dyndbg=\"file a.c +p\" b",
            "dyndbg=\"file a.c +p\" b cgroup_memory=1 cgroup_enable=memory",
        ),
        // Failure 3: the words stand on a second line.
        (
            "a b\ncgroup_memory=1 cgroup_enable=memory\n",
            "a b cgroup_memory=1 cgroup_enable=memory\n",
        ),
        ("a b\n\n", "a b cgroup_memory=1 cgroup_enable=memory\n"),
        (
            "a cgroup_memory=1 cgroup_enable=memory\ncgroup_enable=memory",
            "a cgroup_memory=1 cgroup_enable=memory\n",
        ),
    ] {
        assert_eq!(
            text(&with_memory(before.as_bytes()).unwrap()),
            after,
            "{before:?}"
        );
    }
}

#[test]
fn what_could_keep_a_card_from_starting_is_left_alone() {
    let long = format!("a={}", "x".repeat(LONGEST));
    for (file, why) in [
        ("", Unfit::Empty),
        (" \n", Unfit::Empty),
        ("\nroot=/dev/mmcblk0p2", Unfit::Empty),
        ("a\0b", Unfit::NotText),
        ("a=\"b c", Unfit::OpenQuote),
        ("a cgroup_disable=memory,\"b c\" d", Unfit::QuotedWord),
        ("a cgroup_disable=x\"y,memory\" b", Unfit::QuotedWord),
        (
            "cgroup_disable=\"a cgroup_enable=b,memory\"",
            Unfit::QuotedWord,
        ),
        (
            "a\ncgroup_enable=memory init=/bin/sh",
            Unfit::ForeignWords(vec!["init=/bin/sh".to_owned()]),
        ),
        (long.as_str(), Unfit::TooLong(long.len() + 37)),
    ] {
        assert_eq!(with_memory(file.as_bytes()), Err(why), "{file:?}");
    }
}

#[test]
fn the_last_word_wins_on_a_pi_and_none_is_taken_back_elsewhere() {
    use {
        Dialect::{Mainline, RaspberryPi},
        Memory::{Off, On, Unsaid},
    };
    for (line, pi, mainline) in [
        ("", Unsaid, Unsaid),
        ("cgroup_disable=memory cgroup_enable=memory", On, Off),
        ("cgroup_enable=memory cgroup_disable=memory", Off, Off),
        ("cgroup_memory=1", On, Unsaid),
        ("cgroup_enable=memory cgroup_memory=0", Off, Unsaid),
        ("cgroup_disable=\"memory\"", Off, Off),
        ("\"cgroup_disable=cpu,memory\"", Off, Off),
        (
            "cgroup_disable=memory2 -- cgroup_disable=memory",
            Unsaid,
            Unsaid,
        ),
        ("Cgroup_disable=memory", Unsaid, Unsaid),
    ] {
        assert_eq!(memory(line.as_bytes(), RaspberryPi), pi, "{line}");
        assert_eq!(memory(line.as_bytes(), Mainline), mainline, "{line}");
    }
    for (release, dialect) in [
        ("6.12.25+rpt-rpi-v8", RaspberryPi),
        ("6.1.0-rpi7-rpi-2712", RaspberryPi),
        ("5.15.84-v8+", RaspberryPi),
        ("6.8.0-1013-raspi", RaspberryPi),
        ("6.1.0-56-arm64", Mainline),
        ("6.18.44", Mainline),
    ] {
        assert_eq!(Dialect::of(release), dialect, "{release}");
    }
}

#[test]
fn what_somebody_added_since_survives_taking_back() {
    let before = b"a cgroup_memory=1 b\n";
    assert_eq!(
        text(&taken_back(
            b"a cgroup_memory=1 b cgroup_enable=memory mine=1\n",
            before
        )),
        "a cgroup_memory=1 b mine=1\n"
    );
    assert_eq!(
        text(&taken_back(b"cgroup_enable=memory x", b"x")),
        "x".to_owned()
    );
}

/// One line such as people write, with our words anywhere in it.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => "[a-z0-9._,=:/-]{1,12}",
        1 => "[a-z]{1,4}=\"[a-z =]{0,9}\"",
        1 => Just("cgroup_memory=1".to_owned()),
        1 => Just("cgroup_memory=0".to_owned()),
        1 => Just("cgroup_enable=memory".to_owned()),
        1 => Just("cgroup_disable=memory".to_owned()),
        1 => Just("cgroup_disable=cpuset,memory".to_owned()),
        1 => Just("--".to_owned()),
    ];
    let gap = prop_oneof![8 => Just(" "), 1 => Just("  "), 1 => Just("\t")];
    (
        proptest::collection::vec((gap, word), 1..12),
        prop_oneof![Just(""), Just("\n"), Just(" \r\n")],
    )
        .prop_map(|(words, end)| {
            let text: String = words
                .into_iter()
                .map(|(gap, word)| format!("{gap}{word}"))
                .collect();
            format!("{text}{end}").into_bytes()
        })
}

/// The words that this tool has nothing to do with.
fn foreign(line: &[u8]) -> Vec<String> {
    let all: Vec<String> = words(line).into_iter().map(text).collect();
    let end = all
        .iter()
        .position(|word| word == "--")
        .unwrap_or(all.len());
    let (own, rest) = all.split_at(end);
    let kept = own.iter().filter(|word| !word.starts_with("cgroup_"));
    kept.chain(rest).cloned().collect()
}

proptest! {
    #[test]
    fn one_line_with_the_words_in_effect_and_the_others_in_their_order(before in line()) {
        let after = with_memory(&before).unwrap();
        prop_assert_eq!(memory(first_line(&after), Dialect::RaspberryPi), Memory::On);
        prop_assert_ne!(memory(first_line(&after), Dialect::Mainline), Memory::Off);
        prop_assert!(lost_words(&after).is_empty());
        prop_assert!(after.iter().filter(|b| **b == b'\n').count() <= 1);
        prop_assert_eq!(foreign(first_line(&after)), foreign(first_line(&before)));
        let own = words(first_line(&after));
        for wanted in MEMORY_WORDS {
            let key = wanted.split('=').next().unwrap();
            prop_assert!(own.iter().any(|word| text(word).starts_with(key)), "{} is missing", wanted);
        }
        prop_assert_eq!(with_memory(&after).unwrap(), after.clone(), "a second time");
        prop_assert_eq!(taken_back(&after, &before), before, "back");
    }

    #[test]
    fn any_bytes_are_refused_or_become_one_line(before in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(after) = with_memory(&before) {
            prop_assert_eq!(memory(first_line(&after), Dialect::RaspberryPi), Memory::On);
            prop_assert!(lost_words(&after).is_empty());
            prop_assert!(after.len() <= LONGEST + 1 || after == before);
            prop_assert_eq!(with_memory(&after).unwrap(), after);
        }
    }
}
