//! A boot of an emulated machine: what goes in, what comes back, how it ends.

use anyhow::{Result, ensure};
use cluster_tests::machine::{Answer, Card, Kind, Outcome, PROGRAMS, Root};
use cluster_tests::require;
use std::time::{Duration, Instant};

/// Bytes that no text channel would carry unharmed, and that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(3);
    (0..length).map(|_| random.u8(..)).collect()
}

/// What a script does with the files that it was given, for [`carries`].
const CARRY: &str = r#"
cat given/noise
echo "to standard error" >&2
mkdir -p "$OUT/a folder"
cp given/noise "$OUT/a folder/noise.$(uname -m)"
./program >"$OUT/program"
echo "$((41 + 1))" >/kept && sync
# Left behind, with the script's standard output: the machine must not wait for it.
sleep 1000 &
exit 42
"#;

/// Files, output and exit status, and what stays on the card, in two boots from one busybox card.
fn carries(kind: Kind) -> Result<()> {
    let card = Card::new(kind)
        .root(Root::Busybox)
        .config("arm_64bit=1\ncmdline=other.txt")
        .make();
    // The firmware would start the kernel with an empty line; here a missing file is an error that names it.
    let error = card?.boot("no-cmdline").script("true").err();
    ensure!(error.is_some_and(|e| format!("{e:#}").contains("other.txt")));

    let card = Card::new(kind).root(Root::Busybox).make()?;
    let noise = noise(300_000);
    let answer = card
        .boot("carry")
        .data("given/noise", noise.as_slice())
        .data("program", "#!/bin/sh\necho ran\n")
        .script(&CARRY.replace("./program", "sh ./program"))?;
    assert_eq!(answer.outcome, Outcome::Exited(42));
    let machine = if kind == Kind::Pi {
        "aarch64"
    } else {
        "x86_64"
    };
    let back = answer.file(format!("a folder/noise.{machine}"))?;
    assert!(back == noise, "the file came back changed");
    let expected = [noise.as_slice(), b"to standard error\n"].concat();
    assert!(answer.output == expected, "the output came back changed");
    assert_eq!(answer.file("program")?, b"ran\n");

    let again = card.boot("carry-again").script("cat /kept; false")?;
    assert_eq!(
        (again.outcome, again.text()),
        (Outcome::Exited(1), "42\n".to_owned())
    );
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_carries_files_output_and_status() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    carries(Kind::Pc)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_carries_files_output_and_status() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    carries(Kind::Pi)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn a_hanging_script_ends_by_the_limit_and_leaves_its_log() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let card = Card::new(Kind::Pc).root(Root::Busybox).make()?;
    let begun = Instant::now();
    let answer = card
        .boot("hang")
        .limit(Duration::from_secs(40))
        .append("loglevel=6")
        .script("echo before; while :; do sleep 1; done; echo after")?;
    assert_eq!(
        (answer.outcome, answer.text()),
        (Outcome::TimedOut, "before\n".to_owned())
    );
    assert!(
        answer
            .success()
            .is_err_and(|e| e.to_string().contains("hang-pc"))
    );
    // Without a free slot the limit has not begun; other tests' boots are bounded by theirs.
    assert!(begun.elapsed() < Duration::from_secs(300));
    let console = std::fs::read_to_string(answer.folder().join("console.log"))?;
    assert!(
        console.contains("Linux version") || console.contains("mmcblk0"),
        "{console}"
    );
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn a_machine_without_an_answer_is_an_error_with_its_console() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let card = Card::new(Kind::Pc)
        .root(Root::Busybox)
        .cmdline("console=ttyS0 root=PARTUUID=00000000-02")
        .make()?;
    let error = card.boot("no-root").script("true").unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("no root file system") && text.contains("no-root-pc"),
        "{text}"
    );
    Ok(())
}

/// Writes files without end, each made sure of before its name is said.
const WRITE: &str = r#"
mkdir -p /data
n=0
while :; do
  n=$((n + 1))
  head -c 20000 /dev/urandom >/data/$n
  sha256sum /data/$n >/data/$n.sum
  sync /data/$n /data/$n.sum /data
  echo $n
done
"#;

const RECOVER: &str = r#"
cd /data && SUMS | sha256sum -c --quiet && ls | grep -c sum
dmesg | grep -i 'mmcblk0p2.*recover' >&2
"#;

/// The power goes while files are written; the next boot has every file that was made sure of.
fn recovers(kind: Kind) -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let card = Card::new(kind).make()?;
    let cut = card
        .boot("kill")
        .kill_after_line("3", Duration::from_millis(300))
        .script(WRITE)?;
    assert_eq!(cut.outcome, Outcome::Killed);
    let said = said(&cut);
    ensure!(said >= 3, "the power went too early");

    let after = card
        .boot("recover")
        .check("recover", &RECOVER.replace("SUMS", &sums(said)))
        .run()?
        .check("recover")?;
    let found: usize = after.success()?.trim().parse()?;
    ensure!(
        found >= said,
        "{said} files were made sure of, {found} are there"
    );
    let kernel = String::from_utf8_lossy(&after.stderr).into_owned();
    ensure!(
        kernel.contains("recovery complete"),
        "no recovery: {kernel}"
    );
    Ok(())
}

/// The last number that the killed script said.
fn said(cut: &Answer) -> usize {
    let text = cut.text();
    // The last line may be half there.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .last()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// Only of the files that were said: of a later one the sum may be there and the content not.
fn sums(said: usize) -> String {
    format!("seq {said} | sed 's/$/.sum/' | xargs cat")
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_recovers_after_the_power_went() -> Result<()> {
    recovers(Kind::Pc)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_recovers_after_the_power_went() -> Result<()> {
    recovers(Kind::Pi)
}
