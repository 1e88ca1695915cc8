//! The copier and its proof as the move of an engine's root uses them: beside programs that write, and after programs that
//! hide it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use pi_dockerroot::copy::{self, Content, Counters, Differences, Options, Tree};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

struct Trees {
    _folder: TempDir,
    from: PathBuf,
    to: PathBuf,
}

impl Trees {
    fn new() -> Self {
        // In the build's own folder: /tmp may be in memory, and folders on a disk are listed otherwise.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        Self {
            _folder: folder,
            from,
            to,
        }
    }

    fn open(&self) -> (Tree, Tree) {
        let open = |path| Tree::open(path, false).unwrap();
        (open(&self.from), open(&self.to))
    }

    fn copy(&self) -> anyhow::Result<()> {
        let (from, to) = self.open();
        let options = Options {
            update: true,
            ..Options::default()
        };
        copy::copy(&from, &to, options, &Counters::default()).map(drop)
    }

    fn verify(&self, content: Content) -> anyhow::Result<(Differences, u64)> {
        let (from, to) = self.open();
        let counters = Counters::default();
        let differences = copy::verify(&from, &to, content, &counters)?;
        Ok((differences, counters.compared.load(Ordering::Relaxed)))
    }
}

fn seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

/// Writes a file with this time of modification, as `cp -p` and `tar` do.
fn put(path: &Path, content: &str, time: SystemTime) {
    fs::write(path, content).unwrap();
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// Lets two folders change places: nothing of what is in them gets a new time by that.
fn exchange(a: &Path, b: &Path) {
    let aside = a.with_extension("aside");
    fs::rename(a, &aside).unwrap();
    fs::rename(b, a).unwrap();
    fs::rename(&aside, b).unwrap();
}

#[test]
fn what_is_hidden_behind_size_and_time_is_compared_since_the_flush() {
    let trees = Trees::new();
    let old = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for folder in ["a", "b", "still"] {
        fs::create_dir(trees.from.join(folder)).unwrap();
        put(&trees.from.join(folder).join("file"), folder, old);
    }
    put(&trees.from.join("b/file"), "B", old);
    put(&trees.from.join("rewritten"), "first", old);
    trees.copy().unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let modified = seconds();
    // A file's time is that of the last tick, which may lie a little before.
    std::thread::sleep(Duration::from_millis(30));
    let copied = i64::MAX;
    let since = Content::Since { modified, copied };
    assert_eq!(trees.verify(since).unwrap(), (Differences::default(), 0));

    put(&trees.from.join("rewritten"), "other", old);
    exchange(&trees.from.join("a"), &trees.from.join("b"));
    // Without the pass before, size and time stand for the content: the proof is what finds it.
    trees.copy().unwrap();
    let (differences, compared) = trees.verify(since).unwrap();
    let named: Vec<_> = differences.named.iter().map(|it| &*it.path).collect();
    assert_eq!(named, ["a/file", "b/file", "rewritten"]);
    assert!(differences.named.iter().all(|it| it.what == "content"));
    assert_eq!((differences.content, compared), (3, 0));
    // Beside the engine that is left to the proof: it is no sign of a copy that cannot be trusted.
    let (differences, compared) = trees.verify(Content::Settled(modified)).unwrap();
    assert_eq!((differences.content, compared), (0, 5), "{differences:?}");
}

/// Does it again and again until told to stop; how often it could be done.
fn until(stop: &AtomicBool, mut act: impl FnMut(u64) -> std::io::Result<()>) -> u64 {
    let (mut turn, mut done) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        done += u64::from(act(turn).is_ok());
        turn += 1;
    }
    done
}

/// A folder of a program that is at work: full, and gone again.
fn come_and_go(folder: &Path) -> std::io::Result<()> {
    fs::create_dir(folder)?;
    fs::create_dir(folder.join("below"))?;
    for name in 0..20 {
        fs::write(folder.join(name.to_string()), "content")?;
        symlink(name.to_string(), folder.join(format!("link{name}")))?;
    }
    fs::hard_link(folder.join("0"), folder.join("below/name"))?;
    fs::remove_dir_all(folder)
}

/// A file that is cut and written again, with holes.
fn cut(path: &Path) -> std::io::Result<()> {
    let file = File::create(path)?;
    for piece in 0..20 {
        file.write_all_at(b"piece", piece * 100_000)?;
    }
    file.set_len(50_000)
}

#[test]
fn a_tree_that_is_written_to_is_counted_copied_and_compared() {
    let trees = Trees::new();
    for folder in 0..20 {
        fs::create_dir(trees.from.join(folder.to_string())).unwrap();
    }
    let stop = AtomicBool::new(false);
    let hot = |turn: u64, name: &str| trees.from.join((turn % 20).to_string()).join(name);
    std::thread::scope(|scope| {
        let writers = [
            scope.spawn(|| until(&stop, |turn| come_and_go(&hot(turn, "hot")))),
            scope.spawn(|| until(&stop, |turn| come_and_go(&hot(turn + 10, "warm")))),
            scope.spawn(|| until(&stop, |turn| cut(&hot(turn, "sparse")))),
        ];
        let start = Instant::now();
        let passes = || -> anyhow::Result<u32> {
            let mut passes = 0;
            while start.elapsed() < Duration::from_secs(5) {
                copy::scan(&trees.open().0, &Counters::default())?;
                trees.copy()?;
                trees.verify(Content::Settled(seconds()))?;
                trees.verify(Content::Metadata)?;
                passes += 1;
            }
            Ok(passes)
        };
        let passes = passes();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            assert!(writer.join().unwrap() > 20);
        }
        assert!(passes.unwrap() > 3);
    });
    trees.copy().unwrap();
    let (differences, _) = trees.verify(Content::Bytes).unwrap();
    assert_eq!(differences, Differences::default());
}
