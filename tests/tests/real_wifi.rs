//! What pi-wifi writes, read back by the programs that it is for: equal bytes or a refusal, nothing else.
//!
//! 200 networks with hostile names and passphrases, 2,000 with `LONG=1`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use anyhow::Context;
use cluster_tests::program::Program;
use cluster_tests::{long, require, tools};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{Permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// What a careless writer breaks.
const HOSTILE: [&[u8]; 34] = [
    b"yes",
    b"n",
    b"~",
    b"null",
    b"0123",
    b"1e3",
    b"0x10",
    b"12345678.90",
    b"1;2;",
    b"65;",
    b"a\"b#c",
    b"\"",
    b"\\",
    b"\\o_ex\\",
    b"$HOME",
    b"`id`",
    b"$(id)",
    b";",
    b"#",
    b" lead",
    b"trail ",
    b"  ",
    b"\xc3\xa9t\xc3\xa9",
    b"\xf0\x9f\xa6\x80",
    b"\x00",
    b"a\x00b",
    b"\xff",
    b"\x00\xff\"\n",
    b"}\nnetwork={",
    b"%s%n",
    b"'",
    b": -",
    b"[a]",
    b"<KeyHex:0>",
];

/// Bytes that names are made of.
const PIECES: [&[u8]; 21] = [
    b"a",
    b"Z",
    b"0",
    b" ",
    b"'",
    b"$",
    b";",
    b"{",
    b"}",
    b"=",
    b":",
    b"\xc3\xa9",
    b"#",
    b"\"",
    b"\\",
    b"\t",
    b"\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\x00",
    b"\x7f",
];

#[derive(Debug, Clone)]
struct Case {
    ssid: Vec<u8>,
    phrase: String,
    security: &'static str,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The networks: those that are known to be hard, and others that chance makes of hard pieces.
fn cases(security: &[&'static str]) -> Vec<Case> {
    let count = if long() { 2000 } else { 200 };
    let mut random = fastrand::Rng::with_seed(0x5049_5749_4649);
    let mut seen = BTreeSet::new();
    let mut cases = Vec::new();
    while cases.len() < count {
        let ssid = match HOSTILE.get(cases.len()) {
            Some(hard) => hard.to_vec(),
            None => {
                let wanted = random.usize(1..=32);
                let mut ssid = Vec::new();
                // Some are text that every stack should take, some only text.
                let pieces = &PIECES[..[12, 15, PIECES.len()][random.usize(..3)]];
                while ssid.len() < wanted {
                    ssid.extend(pieces[random.usize(..pieces.len())]);
                }
                ssid.truncate(32);
                ssid
            }
        };
        if !seen.insert(ssid.clone()) {
            // As often as it takes: there are far more of them.
            continue;
        }
        let phrase = match cases.len() {
            0 => "01234567".to_owned(),
            1 => "98765432.10".to_owned(),
            2 => "\"a\"#b\\c$d;".to_owned(),
            3 => "  spaces  ".to_owned(),
            4 => "\\s\\s\\\\\\n".to_owned(),
            _ => phrase(&mut random),
        };
        let security = security[cases.len() % security.len()];
        cases.push(Case {
            ssid,
            phrase,
            security,
        });
    }
    cases
}

fn phrase(random: &mut fastrand::Rng) -> String {
    let wanted = random.usize(8..=60);
    let mut phrase = String::new();
    while phrase.len() < wanted {
        match random.u8(..60) {
            0 => phrase.push('é'),
            1 => phrase.push(' '),
            2 => phrase.push('\\'),
            3 => phrase.push('"'),
            4 => phrase.push('#'),
            _ => phrase.push(char::from(random.u8(b' '..=b'~'))),
        }
    }
    phrase
}

/// A folder with the passphrases' files.
fn folder(cases: &[Case]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in cases.iter().enumerate() {
        let path = folder.path().join(format!("psk{number}"));
        write(&path, &case.phrase).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

fn network(number: usize, case: &Case) -> Value {
    json!({"ssid_hex": hex(&case.ssid), "psk_file": format!("psk{number}"), "security": case.security})
}

fn run(
    folder: &Path,
    arguments: &[&str],
    networks: &[Value],
    extra: Value,
) -> cluster_tests::program::Outcome {
    let mut document = json!({"wifi": {"country": "CH", "networks": networks}});
    document
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let tool = tools::tool("pi-wifi").unwrap();
    tool.args(arguments)
        .folder(folder)
        .input(document.to_string())
        .run()
        .unwrap()
}

/// The numbers of the networks that a stack takes, and those that it refuses.
fn split(folder: &Path, stack: &[&str], cases: &[Case]) -> (Vec<usize>, Vec<usize>) {
    let networks: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(n, case)| network(n, case))
        .collect();
    let arguments: Vec<&str> = ["--only", "--stack"].iter().chain(stack).copied().collect();
    let outcome = run(folder, &arguments, &networks, json!({}));
    assert!(matches!(outcome.code, Some(0 | 3)), "{}", outcome.stderr);
    let answer = outcome.json().unwrap();
    let findings = answer["findings"].as_array().unwrap();
    let refused: BTreeSet<usize> = findings
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| {
            assert_eq!(finding["id"], "wifi-target-cannot", "{finding}");
            assert!(
                finding["message"].as_str().unwrap().contains(stack[0]),
                "{finding}"
            );
            usize::try_from(finding["evidence"]["network"].as_u64().unwrap()).unwrap()
        })
        .collect();
    (0..cases.len()).partition(|number| !refused.contains(number))
}

fn chosen(cases: &[Case], numbers: &[usize]) -> Vec<Value> {
    numbers.iter().map(|&n| network(n, &cases[n])).collect()
}

/// The keys as OpenSSL derives them.
fn derived(cases: &[Case]) -> Vec<String> {
    let pairs: Vec<Value> = cases
        .iter()
        .map(|case| json!([hex(&case.ssid), hex(case.phrase.as_bytes())]))
        .collect();
    let python = Program::new("/usr/bin/python3").args([tools::top().join("tests/wifi/derive.py")]);
    let outcome = python.input(Value::from(pairs).to_string()).run().unwrap();
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{}", outcome.stderr))
}

/// What wpa_supplicant understood of a network's block.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Block {
    ssid: Vec<u8>,
    key: Option<String>,
    phrase: Option<Vec<u8>>,
    sae: Option<Vec<u8>>,
    management: u32,
}

/// wpa_supplicant's reading of a file: on the loopback of a network namespace of its own, with a driver that has no radio. It ends when
/// the file was read, however long the keys of so many passphrases take.
fn supplicant(path: &Path) -> Vec<Block> {
    let arguments = [
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--mount-proc",
        "timeout",
        "-s",
        "KILL",
        "120",
        "bash",
        "-c",
        "exec sed '/Own MAC address/q' < <(wpa_supplicant -D wired -i lo -dd -K -c \"$1\" 2>&1)",
        "supplicant",
    ];
    let outcome = Program::new("unshare")
        .args(arguments)
        .args([path])
        .run()
        .unwrap();
    let text = outcome.text();
    assert!(
        text.contains("Own MAC address"),
        "{}: it was not read whole:\n{}",
        path.display(),
        text.lines()
            .filter(|line| line.contains("rror")
                || line.contains("nvalid")
                || line.contains("Failed"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    let read = text.split("Priority group").next().unwrap();
    let mut blocks = Vec::new();
    let mut lines = read.lines().peekable();
    while let Some(line) = lines.next() {
        if line.ends_with("start of a new network block") {
            blocks.push(Block::default());
        }
        let Some(block) = blocks.last_mut() else {
            continue;
        };
        if let Some(flags) = line.strip_prefix("key_mgmt: 0x") {
            block.management = u32::from_str_radix(flags, 16).unwrap();
        }
        if let Some((_, key)) = line.split_once("PSK - hexdump(len=32): ") {
            block.key = Some(key.replace(' ', ""));
        }
        let Some((name, _)) = line.split_once(" - hexdump_ascii(len=") else {
            continue;
        };
        let mut digits = String::new();
        while let Some(row) = lines.next_if(|row| row.starts_with("     ")) {
            let columns = row.char_indices().nth(53).map_or(row, |(at, _)| &row[..at]);
            digits.push_str(&columns.replace(' ', ""));
        }
        match name {
            "ssid" => block.ssid = bytes(&digits),
            "PSK (ASCII passphrase)" => block.phrase = Some(bytes(&digits)),
            "sae_password" => block.sae = Some(bytes(&digits)),
            other => panic!("{other}"),
        }
    }
    blocks
}

const PSK: u32 = 0x2;
const SAE: u32 = 0x400;

#[test]
#[ignore = "real part: run by scripts/test"]
fn wpa_supplicant_reads_every_network_as_it_was_meant() {
    if !require(&["wpa_supplicant", "unshare"]).unwrap() {
        return;
    }
    let cases = cases(&["wpa2", "mixed", "wpa3"]);
    let folder = folder(&cases);
    let (taken, refused) = split(folder.path(), &["wpa-supplicant"], &cases);
    assert!(refused.is_empty(), "it takes any");
    let outcome = run(
        folder.path(),
        &["-f", "wpa-supplicant", "-o", "file"],
        &chosen(&cases, &taken),
        json!({}),
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mode = std::fs::metadata(folder.path().join("file"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let keys = derived(&cases);
    let read = supplicant(&folder.path().join("file"));
    assert_eq!(read.len(), cases.len());
    for ((case, key), block) in cases.iter().zip(keys).zip(read) {
        let (psk, sae) = (case.security != "wpa3", case.security != "wpa2");
        let expected = Block {
            ssid: case.ssid.clone(),
            key: psk.then_some(key),
            phrase: None,
            sae: sae.then(|| case.phrase.as_bytes().to_vec()),
            management: if psk { PSK } else { 0 } | if sae { SAE } else { 0 },
        };
        assert_eq!(block, expected, "{case:?}");
    }
}

/// Generates from a netplan file, and has wpa_supplicant read what came of it.
fn netplan(version: &[&str], exact: bool) {
    if !require(&["netplan", "wpa_supplicant", "unshare"]).unwrap() {
        return;
    }
    let cases = cases(&["wpa2"]);
    let folder = folder(&cases);
    let stack: Vec<&str> = ["netplan"].iter().chain(version).copied().collect();
    let (taken, refused) = split(folder.path(), &stack, &cases);
    assert!(
        taken.len() * 5 > cases.len(),
        "too few are taken: {}",
        taken.len()
    );
    for number in &refused {
        let ssid = &cases[*number].ssid;
        let plain = ssid
            .iter()
            .all(|b| (b' '..=b'~').contains(b) && !b"\\\"".contains(b));
        let phrase = &cases[*number].phrase;
        let hard = phrase
            .find('"')
            .is_some_and(|at| phrase[at..].contains('#'));
        assert!(!plain || hard, "refused without need: {:?}", cases[*number]);
    }
    std::fs::create_dir_all(folder.path().join("root/etc/netplan")).unwrap();
    let arguments: Vec<&str> = ["-f", "netplan", "-o", "root/etc/netplan/60-pi-wifi.yaml"]
        .iter()
        .chain(version)
        .copied()
        .collect();
    let outcome = run(
        folder.path(),
        &arguments,
        &chosen(&cases, &taken),
        json!({}),
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let root = folder.path().join("root");
    let generated = Program::new("netplan")
        .args(["generate", "--root-dir"])
        .args([&root])
        .run()
        .unwrap();
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    let file = root.join("run/netplan/wpa-wlan0.conf");
    let mut read = supplicant(&file);
    assert_eq!(read.len(), taken.len());
    read.sort_by(|a, b| a.ssid.cmp(&b.ssid));
    let keys = derived(&cases);
    let mut taken = taken;
    taken.sort_by(|a, b| cases[*a].ssid.cmp(&cases[*b].ssid));
    for (number, block) in taken.into_iter().zip(read) {
        let case = &cases[number];
        assert_eq!(block.ssid, case.ssid, "{case:?}");
        match exact {
            true => assert_eq!(block.key.as_ref(), Some(&keys[number]), "{case:?}"),
            false => assert_eq!(
                block.phrase.as_deref(),
                Some(case.phrase.as_bytes()),
                "{case:?}"
            ),
        }
        assert_eq!(block.management, PSK);
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn netplan_of_a_known_version_hands_the_same_names_and_keys_on() {
    netplan(&["--netplan-version", "0.106"], true);
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn netplan_of_an_unknown_version_hands_the_same_names_and_keys_on() {
    netplan(&[], true);
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn netplan_of_a_newer_version_hands_the_same_names_and_passphrases_on() {
    netplan(&["--netplan-version", "0.107.1"], false);
}

/// A value of a key file as GLib reads it.
fn keyfile_value<'a>(text: &'a str, section: &str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("[{section}]\n"))?;
    let own = rest.split("\n[").next()?;
    own.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

fn unescaped(value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'\\' => match rest.next().unwrap() {
                b's' => b' ',
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                other => other,
            },
            byte => byte,
        });
    }
    out
}

/// NetworkManager's two forms of an SSID.
fn nm_ssid(value: &str) -> Vec<u8> {
    let numbers: Option<Vec<u8>> = value
        .strip_suffix(';')
        .and_then(|list| list.split(';').map(|n| n.parse().ok()).collect());
    numbers.unwrap_or_else(|| unescaped(&value.replace("\\;", ";")))
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn networkmanager_reads_every_network_as_it_was_meant() {
    if !require(&["nmcli"]).unwrap() {
        return;
    }
    let cases = cases(&["wpa2", "mixed", "wpa3"]);
    let folder = folder(&cases);
    let (taken, refused) = split(folder.path(), &["networkmanager"], &cases);
    assert!(refused.is_empty(), "it takes any");
    let outcome = run(
        folder.path(),
        &["-f", "networkmanager", "-o", "files"],
        &chosen(&cases, &taken),
        json!({}),
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let keys = derived(&cases);
    let mut seen = 0;
    let files: Vec<_> = std::fs::read_dir(folder.path().join("files"))
        .unwrap()
        .collect();
    assert_eq!(files.len(), cases.len());
    for file in files {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o7777,
            0o600
        );
        let nmcli = Program::new("nmcli").args([
            "--offline",
            "connection",
            "modify",
            "connection.id",
            "read-back",
        ]);
        let outcome = nmcli
            .input(std::fs::read(file.path()).unwrap())
            .run()
            .unwrap();
        assert_eq!(
            outcome.code,
            Some(0),
            "{}: {}",
            file.path().display(),
            outcome.stderr
        );
        let text = outcome.text();
        let value = |section, name| keyfile_value(&text, section, name);
        let ssid = nm_ssid(value("wifi", "ssid").unwrap());
        let number = cases
            .iter()
            .position(|case| case.ssid == ssid)
            .unwrap_or_else(|| panic!("{ssid:?}\n{text}"));
        let case = &cases[number];
        let psk = unescaped(value("wifi-security", "psk").unwrap());
        let (management, pmf, key) = match case.security {
            "wpa2" => ("wpa-psk", Some("1"), keys[number].as_bytes()),
            "mixed" => ("wpa-psk", Some("2"), case.phrase.as_bytes()),
            _ => ("sae", None, case.phrase.as_bytes()),
        };
        assert_eq!(psk, key, "{case:?}");
        assert_eq!(value("wifi-security", "key-mgmt"), Some(management));
        assert_eq!(value("wifi-security", "pmf"), pmf);
        assert_eq!(value("wifi", "powersave"), Some("2"));
        seen += 1;
    }
    assert_eq!(seen, cases.len());
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn rancheros_reads_every_network_as_it_was_meant() {
    if !require(&["wpa_supplicant", "unshare"]).unwrap() {
        return;
    }
    let cases = cases(&["wpa2", "mixed", "wpa3"]);
    let folder = folder(&cases);
    let texts: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| {
            let os = if number % 2 == 0 {
                "rancheros"
            } else {
                "burmillaos"
            };
            let arguments = ["-f", "cloud-config", "--os", os];
            let outcome = run(
                folder.path(),
                &arguments,
                &[network(number, case)],
                json!({}),
            );
            assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
            outcome.text()
        })
        .collect();
    let file = folder.path().join("file");
    write(&file, read_by_rancheros(&texts).concat()).unwrap();
    let keys = derived(&cases);
    let read = supplicant(&file);
    assert_eq!(read.len(), cases.len());
    for ((case, key), block) in cases.iter().zip(keys).zip(read) {
        assert_eq!(block.ssid, case.ssid, "{case:?}");
        assert_eq!(
            block.key,
            (case.security != "wpa3").then_some(key),
            "{case:?}"
        );
        let sae = (case.security != "wpa2").then(|| case.phrase.as_bytes().to_vec());
        assert_eq!(block.sae, sae, "{case:?}");
    }
}

/// The files that RancherOS' template makes, of texts that its schema takes.
fn read_by_rancheros(texts: &[String]) -> Vec<String> {
    let schema = std::fs::read(tools::top().join("tests/wifi/rancheros.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let python =
        Program::new("/usr/bin/python3").args([tools::top().join("tests/wifi/rancheros.py")]);
    let outcome = python
        .input(json!({"schema": schema, "texts": texts}).to_string())
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    serde_json::from_slice(&outcome.stdout).unwrap()
}

/// The script writes the same bytes where it runs.
#[test]
#[ignore = "real part: run by scripts/test"]
fn the_script_writes_the_same_files() {
    if !require(&["wpa_passphrase", "sh"]).unwrap() {
        return;
    }
    let cases: Vec<Case> = cases(&["wpa2", "mixed", "wpa3"])
        .into_iter()
        .take(200)
        .filter(|case| !case.ssid.contains(&0))
        .collect();
    let folder = folder(&cases);
    for stack in ["wpa-supplicant", "networkmanager", "netplan"] {
        let arguments = [stack, "--netplan-version", "0.107.1"];
        let (taken, _) = split(folder.path(), &arguments, &cases);
        let networks = chosen(&cases, &taken);
        let with = |format: &[&str]| {
            let arguments: Vec<&str> = format
                .iter()
                .copied()
                .chain(["--stack"])
                .chain(arguments)
                .collect();
            let outcome = run(folder.path(), &arguments, &networks, json!({}));
            assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        };
        with(&["-f", "files", "-o", &format!("{stack}-files")]);
        with(&["-f", "sh", "-o", "script"]);
        let script = std::fs::read_to_string(folder.path().join("script")).unwrap();
        for number in &taken {
            let phrase = &cases[*number].phrase;
            assert!(
                !script.contains(phrase.as_str()),
                "{phrase} is in the script"
            );
        }
        // The script leaves letters in YAML as they are, for which the tool writes escapes.
        let same = "/usr/bin/python3 -c 'import sys, yaml; a, b = (yaml.safe_load(open(f)) for f in sys.argv[1:]); assert a == b'";
        let yaml = "etc/netplan/60-pi-wifi.yaml";
        let compare = match stack {
            "netplan" => {
                format!("{same} {stack}-files/{yaml} {stack}-root/{yaml} && rm */{yaml} &&")
            }
            _ => String::new(),
        };
        let command = format!(
            "ROOT=$PWD/{stack}-root sh script && {compare} diff -r {stack}-files {stack}-root"
        );
        let outcome = Program::new("bash")
            .args(["-c", &command])
            .folder(folder.path())
            .run()
            .unwrap();
        outcome.success().with_context(|| stack.to_owned()).unwrap();
    }
}
