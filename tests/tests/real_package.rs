//! The package as a user meets it: checked by lintian, installed into a clean Debian, used, and removed without a trace;
//! made twice from one commit, the same to the byte. And `scripts/install` for everyone else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::Context;
use cluster_tests::program::{Outcome, Program};
use cluster_tests::{long, require, tools};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const NEEDED: &[&str] = &["dpkg-deb", "file", "jq", "lintian", "mmdebstrap", "unshare"];

fn bash(folder: &Path, script: &str) -> Outcome {
    Program::new("bash")
        .args(["-euc", script])
        .folder(folder)
        .run()
        .unwrap()
}

/// A script's standard output; it must succeed.
fn said(folder: &Path, script: &str) -> String {
    let outcome = bash(folder, script);
    let text = outcome.success();
    text.with_context(|| script.to_owned()).unwrap()
}

/// Packs for both machines into `folder`: arm64 and amd64. What they hold is looked at here and not how fast or how small it is, so but
/// in the long run the PC's programs are spared the minutes of optimizing, and both packages most of the compressing.
fn pack(folder: &str, umask: &str) -> [PathBuf; 2] {
    ["arm64", "amd64"].map(|architecture| {
        let quick = match (architecture, long()) {
            (_, true) => "",
            ("amd64", false) => {
                "DPKG_DEB_COMPRESSOR_LEVEL=0 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16"
            }
            (_, false) => "DPKG_DEB_COMPRESSOR_LEVEL=0",
        };
        let script = format!("umask {umask}; {quick} scripts/package -o {folder} {architecture}");
        tools::top().join(said(tools::top(), &script).trim_end())
    })
}

/// The packages of this tree, made once.
fn packages() -> &'static [PathBuf; 2] {
    static MADE: OnceLock<[PathBuf; 2]> = OnceLock::new();
    MADE.get_or_init(|| pack("target/package-test", "022"))
}

#[test]
#[ignore = "builds for two machines: run by scripts/test"]
fn lintian_finds_no_error_and_everything_is_in_it() {
    if !require(NEEDED).unwrap() {
        return;
    }
    for package in packages() {
        let path = package.display();
        let check =
            format!("lintian --allow-root --fail-on error,warning --tag-display-limit 0 {path}");
        let outcome = bash(tools::top(), &check);
        assert_eq!(outcome.code, Some(0), "{}", outcome.text());
        let listed = said(tools::top(), &format!("dpkg -c {path}"));
        let mut wanted = vec![
            "/usr/share/man/man5/cluster.json.5.gz".to_owned(),
            "/usr/share/cloud-at-home/cluster.mk".to_owned(),
            "/usr/share/doc/cloud-at-home/copyright".to_owned(),
            "/usr/share/doc/cloud-at-home/THIRD-PARTY.gz".to_owned(),
        ];
        for tool in tools::names().unwrap() {
            wanted.push(format!("/usr/bin/{tool}"));
            wanted.push(format!("/usr/share/man/man1/{tool}.1.gz"));
            wanted.push(format!("/usr/share/bash-completion/completions/{tool}"));
            wanted.push(format!("/usr/share/zsh/vendor-completions/_{tool}"));
            wanted.push(format!("/usr/share/fish/vendor_completions.d/{tool}.fish"));
        }
        // Every unit that lies in a tool's folder, and where it lies for this Debian.
        let units = "for unit in */*.service; do [ ! -e \"${unit%/*}/src/main.rs\" ] || echo \"/usr/lib/systemd/system/${unit##*/}\"; done";
        wanted.extend(said(tools::top(), units).lines().map(str::to_owned));
        for file in wanted {
            assert!(
                listed.contains(&format!(" .{file}\n")),
                "{path} lacks {file}"
            );
        }
        assert!(
            listed.lines().all(|line| line.contains(" root/root ")),
            "{listed}"
        );
    }
}

#[test]
#[ignore = "builds for two machines: run by scripts/test"]
fn every_crate_that_the_programs_hold_is_named_with_its_licence() {
    if !require(NEEDED).unwrap() {
        return;
    }
    let [_, package] = packages();
    let notices = format!(
        "dpkg-deb --fsys-tarfile {} | tar -xO ./usr/share/doc/cloud-at-home/THIRD-PARTY.gz | zcat",
        package.display()
    );
    let notices = said(tools::top(), &notices);
    // Ours are not foreign, and what only makes or tests the programs is not in them.
    for (name, held) in [
        ("serde", true),
        ("clap", true),
        ("proptest", false),
        ("roff", false),
        ("cluster", false),
    ] {
        let line = |line: &&str| line.split(' ').next() == Some(name) && line.contains(": ");
        assert_eq!(notices.lines().any(|l| line(&l)), held, "{name}");
    }
    assert!(notices.contains("Permission is hereby granted"));
    assert!(!notices.contains("see its file"));
}

#[test]
#[ignore = "builds for two machines: run by scripts/test"]
fn it_is_installed_used_and_removed_in_a_clean_debian() {
    if !require(NEEDED).unwrap() {
        return;
    }
    let [_, package] = packages();
    let folder = tempfile::tempdir().unwrap();
    // Everything is mounted in a mount namespace of its own, and gone with it.
    let script = format!(
        r#"
        root=$({top}/tests/rollout/root)
        mkdir upper work root
        cat >inside <<'END'
        mount -t overlay -o "lowerdir=$1,upperdir=upper,workdir=work" overlay root
        mount -t proc proc root/proc
        cp {package} root/tmp/package.deb
        list() {{ (cd root && find . -xdev ! -path './proc/*' ! -path './var/lib/dpkg/*' ! -path './var/log/*' | sort); }}
        list >before
        chroot root dpkg -i /tmp/package.deb
        list >between
        chroot root sh -euc 'poe-budget --example | poe-budget | nat-gen --compact >/tmp/answer; nat-gen --version
          truncate -s 64M /tmp/card.img; printf "start=2048,size=4096,type=83\n" | sfdisk -q /tmp/card.img
          pi-partition -n --disk /tmp/card.img --fs none --minimum 1MiB --apply >/tmp/done.json; sfdisk --verify /tmp/card.img; dpkg -V cloud-at-home'
        cp root/tmp/answer answer
        rm -f root/tmp/answer root/tmp/card.img* root/tmp/.card.img* root/tmp/done.json
        chroot root dpkg -P cloud-at-home
        list >after
        diff before after
        END
        unshare --mount --pid --fork --kill-child bash -eu inside "$root" >said 2>&1 || {{ cat said >&2; exit 1; }}
        comm -13 before between | wc -l
        "#,
        top = tools::top().display(),
        package = package.display(),
    );
    let script: String = script
        .lines()
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let added = said(folder.path(), &script);
    assert!(added.trim().parse::<u32>().unwrap() > 30, "{added}");
    let answer = std::fs::read(folder.path().join("answer")).unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["poe_budget"]["ok"], true);
    assert!(answer["nat_gen"]["ok"].is_boolean());
}

#[test]
#[ignore = "builds for two machines: run by scripts/test"]
fn the_package_for_the_pi_holds_programs_for_the_pi() {
    if !require(NEEDED).unwrap() || !require(&["qemu-aarch64-static"]).unwrap() {
        return;
    }
    let [package, _] = packages();
    let folder = tempfile::tempdir().unwrap();
    let unpack = format!(
        "dpkg -x {} . && dpkg -f {0} Architecture",
        package.display()
    );
    assert_eq!(said(folder.path(), &unpack), "arm64\n");
    for tool in tools::names().unwrap() {
        let version = said(
            folder.path(),
            &format!("qemu-aarch64-static usr/bin/{tool} --version"),
        );
        assert_eq!(version, format!("{tool} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

/// Packing what is built already, again and later.
#[test]
#[ignore = "builds for two machines: run by scripts/test"]
fn packing_again_gives_the_same_bytes() {
    if !require(NEEDED).unwrap() {
        return;
    }
    let first = packages()
        .each_ref()
        .map(|path| std::fs::read(path).unwrap());
    let folder = tempfile::tempdir().unwrap();
    for (first, path) in first
        .iter()
        .zip(pack(&folder.path().display().to_string(), "077"))
    {
        assert!(
            *first == std::fs::read(&path).unwrap(),
            "{} is not the same",
            path.display()
        );
    }
}

/// One commit in two folders, compiled in each from nothing: ten minutes and more. The first of them is this one where it holds nothing
/// but the commit.
#[test]
#[ignore = "builds from nothing: run by scripts/test --long"]
fn one_commit_gives_the_same_bytes_in_whatever_folder() {
    if !long() || !require(NEEDED).unwrap() {
        return;
    }
    let folder = tempfile::Builder::new()
        .prefix("same bytes ")
        .tempdir_in("/var/tmp")
        .unwrap();
    let made = |name: &str| {
        let script = format!(
            "git clone --quiet --shared '{}' '{name}' && cd '{name}' && scripts/package >/dev/null && cd target/package && sha256sum *",
            tools::top().display()
        );
        said(folder.path(), &script)
    };
    let clean = said(tools::top(), "git status --porcelain").is_empty();
    let first = match clean {
        true => said(packages()[0].parent().unwrap(), "sha256sum *"),
        false => made("first"),
    };
    // It stands deeper, and its name has a space.
    let second = made("a folder/second");
    assert_eq!(first.lines().count(), 2, "{first}");
    assert_eq!(first, second);
}

#[test]
#[ignore = "builds: run by scripts/test"]
fn installing_below_a_prefix_can_be_taken_back() {
    if !require(NEEDED).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "export BIN={bin} DESTDIR=$PWD\n{top}/scripts/install /opt/own\nopt/own/bin/poe-budget --version\nfind . -type f | wc -l\n\
         {top}/scripts/install --remove /opt/own\nfind . -type f",
        bin = tools::folder().unwrap().display(),
        top = tools::top().display(),
    );
    let printed = said(folder.path(), &script);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines[0],
        format!("poe-budget {}", env!("CARGO_PKG_VERSION"))
    );
    assert!(lines[1].parse::<u32>().unwrap() > 20);
    assert_eq!(lines.len(), 2, "{printed}");
    let wrong = bash(
        folder.path(),
        &format!("{}/scripts/install here", tools::top().display()),
    );
    assert_eq!(wrong.code, Some(2));
}
