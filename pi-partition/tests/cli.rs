//! The tool seen from outside. Images are made here byte by byte: no other program is needed, and no root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod card;

use card::{RANCHEROS, card, node, run};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn a_bare_partition_is_planned_made_and_left_alone() {
    let card = card(&RANCHEROS);
    let before = card.mbr();
    let plan = card.run(&["--fs", "none"]).json().unwrap();
    assert_eq!(
        (&plan["ok"], &plan["pending"], &plan["changed"]),
        (&json!(true), &json!(true), &json!(false))
    );
    let steps = node(&plan)["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0]["action"]["offset_bytes"], 478);
    assert_eq!(card.mbr(), before);
    let done = card.run(&["--fs", "none", "--apply"]).json().unwrap();
    assert_eq!(
        (&done["pending"], &done["changed"]),
        (&json!(false), &json!(true))
    );
    let after = card.mbr();
    assert_eq!(after[..478], before[..478]);
    assert_eq!(after[494..], before[494..]);
    assert_eq!(after[478 + 4], 0x83);
    let again = card.run(&["--fs", "none", "--apply"]).json().unwrap();
    assert_eq!(
        (&again["pending"], &again["changed"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(card.names(), 1);
}

#[test]
fn a_plan_with_any_field_changed_is_never_carried_out() {
    let card = card(&RANCHEROS);
    let before = card.mbr();
    let outcome = run(
        &["-n", "--fs", "none", "--disk", card.path.to_str().unwrap()],
        "",
    );
    let document: Value = outcome.json().unwrap();
    let mut places = Vec::new();
    leaves(&document["pi_partition"]["nodes"], "", &mut places);
    assert!(places.len() > 40, "{places:?}");
    for place in places.iter().filter(|place| !place.ends_with("mounted")) {
        let mut tampered = document.clone();
        let leaf = tampered["pi_partition"]["nodes"]
            .pointer_mut(place)
            .unwrap();
        *leaf = match leaf {
            Value::Bool(value) => json!(!*value),
            Value::Number(_) => json!(77_594_624),
            Value::String(text) => json!(format!("{text}0")),
            _ => json!("other"),
        };
        let outcome = run(&["--apply", "--only"], &tampered.to_string());
        // The image's path: another one is not there (1). A word that no request may have is invalid (65).
        assert!(
            matches!(outcome.code, Some(1 | 3 | 65)),
            "{place}: {:?} {}",
            outcome.code,
            outcome.stderr
        );
        assert_eq!(card.mbr(), before, "{place}");
        assert_eq!(card.names(), 1, "{place}");
    }
    let outcome = run(&["--apply", "--only"], &document.to_string());
    assert_eq!(
        outcome.json().unwrap()["changed"],
        true,
        "{}",
        outcome.stderr
    );
}

fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                leaves(value, &format!("{path}/{}", key.replace('/', "~1")), found);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, &format!("{path}/{index}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn flags_beside_a_plan_and_wrong_flags_are_usage() {
    let card = card(&RANCHEROS);
    let path = card.path.to_str().unwrap();
    let plan = run(&["-n", "--disk", path], "").text();
    for (arguments, input, words) in [
        (
            &["--apply", "--size", "100MB"][..],
            plan.as_str(),
            "the document holds a plan",
        ),
        (&["-n"], "", "no disk is named"),
        (
            &["-n", "--disk", path, "--fs", "none", "--mount", "/mnt/a"],
            "",
            "--mount needs a file system",
        ),
        (
            &[
                "-n",
                "--disk",
                path,
                "--fs",
                "xfs",
                "--label",
                "0123456789abc",
            ],
            "",
            "longer than the 12 bytes",
        ),
        (&["-n", "--disk", path, "--fs", "fat"], "", "unknown 'fat'"),
        (
            &["-n", "--disk", path, "--place", "middle"],
            "",
            "expected \"end\"",
        ),
        (
            &["-n", "--disk", path, "--sector-size", "1024"],
            "",
            "expected 512 or 4096",
        ),
        (
            &["-n", "--disk", path, "--check", "--apply"],
            "",
            "cannot be used with",
        ),
        (
            &["--node", "pi9"],
            "{\"nodes\": [{\"name\": \"pi1\"}]}",
            "did you mean \"pi1\"",
        ),
        (
            &["--apply"],
            "{\"nodes\": [{\"name\": \"pi1\"}]}",
            "no node of the document",
        ),
    ] {
        let outcome = run(arguments, input);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(words),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(outcome.stdout.is_empty());
        assert_eq!(outcome.stderr.lines().count(), 1);
    }
}

#[test]
fn a_plan_is_not_carried_out_on_a_disk_that_an_option_names_beside_it() {
    let (planned, other) = (card(&RANCHEROS), card(&RANCHEROS));
    let path = |card: &card::Card| card.path.to_str().unwrap().to_owned();
    let plan = run(&["-n", "--fs", "none", "--disk", &path(&planned)], "").text();
    let before = other.mbr();
    let outcome = run(&["--apply", "--only", "--disk", &path(&other)], &plan);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let finding = &outcome.json().unwrap()["findings"][0];
    assert_eq!(finding["id"], "partition-plan-differs");
    assert_eq!((other.mbr(), other.names()), (before, 1));
    // The same disk by another path is the one that was planned, and what was reviewed is still compared.
    let folder = planned.folder.path().to_str().unwrap();
    let again = format!("{folder}/./card.img");
    let tampered = plan.replace("\"minimum_bytes\": 67108864", "\"minimum_bytes\": 67108865");
    assert_ne!(tampered, plan);
    let outcome = run(&["--apply", "--only", "--disk", &again], &tampered);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let outcome = run(&["--apply", "--only", "--disk", &again], &plan);
    assert_eq!(outcome.json().unwrap()["changed"], true);
}

#[test]
fn nothing_is_done_where_the_output_has_no_place() {
    let card = card(&RANCHEROS);
    let before = card.mbr();
    for form in ["json", "text"] {
        let place = card.folder.path().join("missing/out");
        let output = place.to_str().unwrap();
        let outcome = card.run(&["--fs", "none", "--apply", "-f", form, "-o", output]);
        assert_eq!(outcome.code, Some(1));
        assert!(
            outcome.stderr.contains("writing ") && outcome.stderr.contains("No such file"),
            "{}",
            outcome.stderr
        );
        assert_eq!((card.mbr(), card.names()), (before.clone(), 1));
    }
}

#[test]
fn names_in_a_plan_are_checked_as_everywhere() {
    let card = card(&RANCHEROS);
    let path = card.path.to_str().unwrap();
    let plan = run(&["-n", "--label", "docker", "--disk", path], "");
    let plan: Value = plan.json().unwrap();
    for (field, value) in [
        ("label", json!("-L\u{1b}[2J")),
        ("label", json!("more than sixteen bytes")),
        ("mount", json!("/mnt/../etc")),
        ("mount", json!("relative")),
    ] {
        let mut bad = plan.clone();
        let request = &mut bad["pi_partition"]["nodes"]["image"]["request"];
        request["partitions"][0][field] = value;
        let outcome = run(&["--apply"], &bad.to_string());
        assert_eq!(outcome.code, Some(65), "{field}: {}", outcome.stderr);
        let place = format!("pi_partition.nodes.image.request.partitions[0].{field}");
        assert!(outcome.stderr.contains(&place), "{}", outcome.stderr);
    }
    assert_eq!(card.names(), 1);
}

#[test]
fn a_script_is_printed_only_where_the_answer_is_yes() {
    let good = card(&RANCHEROS);
    let script = good.run(&["-f", "sh"]);
    assert_eq!(script.code, Some(0), "{}", script.stderr);
    assert!(
        script
            .text()
            .starts_with("#!/bin/sh\n# Makes the partitions of image")
    );
    let hash = good.run(&[]).json().unwrap()["nodes"]["image"]["plan_sha256"].clone();
    assert!(
        script.text().contains(hash.as_str().unwrap()),
        "another plan's hash"
    );
    let full = card(&[(2048, 2_095_104)]);
    let none = full.run(&["-f", "sh"]);
    assert_eq!((none.code, none.stdout.len()), (Some(3), 0));
    assert!(
        none.stderr.contains("no free space at the end"),
        "{}",
        none.stderr
    );
}

#[test]
fn the_picture_shows_the_card_before_and_after() {
    let card = card(&RANCHEROS);
    let picture = card.run(&["--label", "docker", "--mount", "/mnt/docker", "-f", "svg"]);
    assert_eq!(picture.code, Some(0), "{}", picture.stderr);
    let text = picture.text();
    for words in [
        ">Before</text>",
        ">After</text>",
        ">3 new</text>",
        ">3 new  836 MB  ext4 docker /mnt/docker</text>",
    ] {
        assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
    }
    // Both bars show partition 2, and the description says what they show.
    assert_eq!(text.matches("<title>2: 205 MB</title>").count(), 2);
    assert!(
        text.contains("2  205 MB; 3 new  836 MB  ext4 docker /mnt/docker.</desc>"),
        "{text}"
    );
    // A card that holds nothing more has one bar, and a card without a table is a no that is shown.
    assert_eq!(card.run(&["--label", "docker", "--apply"]).code, Some(0));
    let text = card.run(&["--label", "docker", "-f", "svg"]).text();
    assert!(
        text.contains("Disks as they are") && !text.contains(">After<"),
        "{text}"
    );
    std::fs::write(&card.path, vec![0; 1 << 20]).unwrap();
    let picture = card.run(&["-f", "svg"]);
    assert_eq!(picture.code, Some(3));
    assert!(picture.text().contains(">error: "), "{}", picture.text());
}

#[test]
fn text_fits_80_columns() {
    for entries in [
        &RANCHEROS[..],
        &[],
        &[
            (2048, 1_000_000),
            (1_200_000, 10),
            (1_300_000, 100_000),
            (1_500_000, 500_000),
        ],
    ] {
        let text = card(entries)
            .run(&["-f", "text", "--label", "docker", "--mount", "/mnt/docker"])
            .text();
        let wide: Vec<&str> = text
            .lines()
            .filter(|line| line.chars().count() > 80)
            .collect();
        assert!(wide.is_empty(), "{wide:?}");
        let bar = text.lines().find(|line| line.starts_with('|')).unwrap();
        assert_eq!(bar.len(), 80);
    }
}

#[test]
fn the_place_and_the_size_are_the_callers_choice() {
    let gaps = [(2048, 100_000), (900_000, 100_000), (1_200_000, 600_000)];
    let extent = |arguments: &[&str]| {
        let answer = card(&gaps).run(arguments).json().unwrap();
        let partition = &node(&answer)["partitions"][0];
        (
            partition["start_bytes"].as_u64().unwrap() >> 20,
            partition["size_bytes"].as_u64().unwrap() >> 20,
        )
    };
    // 1.8 M sectors end at 878.9 MiB.
    assert_eq!(extent(&["--place", "end"]), (879, 145));
    assert_eq!(extent(&["--place", "largest"]), (50, 389));
    assert_eq!(
        extent(&["--place", "500MiB", "--minimum", "10MiB"]),
        (500, 85)
    );
    assert_eq!(extent(&["--size", "100MB"]), (879, 96));
    let outcome = card(&gaps).run(&["--place", "900000"]);
    assert_eq!(
        outcome.json().unwrap()["findings"][0]["id"],
        "partition-too-little-space"
    );
}

#[test]
fn a_report_of_sfdisk_is_a_document_with_one_node() {
    let report = json!({"partitiontable": {
        "label": "dos", "id": "0x3f7d419c", "device": "/dev/mmcblk0", "unit": "sectors", "sectorsize": 512,
        "partitions": [
            {"node": "/dev/mmcblk0p1", "start": 8192, "size": 524_288, "type": "c"},
            {"node": "/dev/mmcblk0p2", "start": 532_480, "size": 4_000_000, "type": "83"},
        ]
    }});
    let unknown = run(&[], &report.to_string());
    assert_eq!(unknown.code, Some(3));
    let finding = &unknown.json().unwrap()["pi_partition"]["findings"][0];
    assert_eq!(finding["id"], "partition-size-unknown");
    // With the size that lsblk tells, and what is in the partitions.
    let document = json!({"nodes": [{
        "name": "pi1", "os": "ubuntu",
        "disk": {"device": "/dev/mmcblk0", "size_bytes": "64GB"},
        "partitions": [{"label": "docker", "mount": "/mnt/docker"}],
        "observed": {"sfdisk": report, "preferred_erase_size": 4_194_304},
    }]});
    let planned = run(&["--only"], &document.to_string());
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    let answer = planned.json().unwrap();
    let steps: Vec<&str> = node(&answer)["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s["id"].as_str())
        .collect();
    assert_eq!(
        steps,
        [
            "save-table",
            "write-entry-3",
            "add-3",
            "wait-3",
            "format-3",
            "mount-3",
            "persist-3"
        ]
    );
    let partition = &node(&answer)["partitions"][0];
    assert_eq!(partition["path"], "/dev/mmcblk0p3");
    assert_eq!(partition["start_bytes"].as_u64().unwrap() % 4_194_304, 0);
    assert_eq!(partition["size_bytes"].as_u64().unwrap() % 4_194_304, 0);
}

#[test]
fn the_reference_cluster_says_what_is_not_known_and_how_to_find_out() {
    let example = run(&["--example"], "").text();
    let outcome = run(&["--only"], &example);
    assert_eq!(outcome.code, Some(3));
    let answer = outcome.json().unwrap();
    assert_eq!(answer["nodes"].as_object().unwrap().len(), 4);
    assert_eq!(
        answer["nodes"]["pi3"]["partitions"][0]["mount"],
        "/mnt/docker"
    );
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 4);
    assert_eq!(
        findings[2]["evidence"]["command"],
        "ssh pi3 sudo sfdisk --json /dev/mmcblk0"
    );
}

#[test]
fn another_nodes_answer_stays_as_it_is() {
    let card = card(&RANCHEROS);
    let document =
        "{\"pi_partition\": {\"ok\": true, \"nodes\": {\"zz\": {\"ok\": false,  \"odd\":1.50}}}}";
    let outcome = run(&["--disk", card.path.to_str().unwrap()], document);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let answer = outcome.json().unwrap()["pi_partition"].clone();
    assert_eq!(answer["nodes"]["zz"], json!({"ok": false, "odd": 1.50}));
    assert_eq!(answer["findings"][0]["id"], "partition-kept-answer");
}

#[test]
fn an_unfinished_run_is_told_of_and_a_damaged_journal_stops_everything() {
    let card = card(&RANCHEROS);
    let journal = card.folder.path().join(".card.img.pi-partition.journal");
    std::fs::write(&journal, "0123456789abcdef {}\n").unwrap();
    let before = card.mbr();
    let outcome = card.run(&["--apply", "--fs", "none"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert_eq!(
        outcome.json().unwrap()["findings"][0]["id"],
        "journal-damaged"
    );
    assert_eq!(card.mbr(), before);
    assert!(journal.exists());
}

#[test]
fn what_is_no_disk_is_an_error() {
    for (path, words) in [
        ("/dev/null", "neither a block device nor an image"),
        ("/no/such", "No such file"),
    ] {
        let outcome = run(&["-n", "--disk", path], "");
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
    assert!(Path::new("/dev/null").exists());
}
