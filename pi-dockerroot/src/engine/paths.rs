//! The absolute paths that Docker keeps in the records of containers and volumes.
//!
//! `MountPoints[].Source` is used as it stands by every version before 26.0: with the old path in it a container with a named
//! volume does not start. The others are made anew at a start, and rewritten so that nobody is led astray.

use super::json_edit;
use super::switch;
use anyhow::{Context, Result};
use cluster::root::{Root, by_descriptor};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The strings of `config.v2.json`, of `hostconfig.json` and of a volume's `opts.json` that may lie below the root.
const PLACES: [(&str, &[&[&str]]); 2] = [
    (
        "config.v2.json",
        &[
            &["LogPath"],
            &["HostnamePath"],
            &["HostsPath"],
            &["ResolvConfPath"],
            &["ShmPath"],
            &["MountPoints", "*", "Source"],
            &["MountPoints", "*", "Spec", "Source"],
        ],
    ),
    (
        "hostconfig.json",
        &[&["Binds", "*"], &["Mounts", "*", "Source"]],
    ),
];
const VOLUME: (&str, &[&[&str]]) = ("opts.json", &[&["MountDevice"]]);

/// Rewrites paths below `old` (in any of its spellings) to paths below `new`, in the root at `tree`. How many were rewritten.
///
/// # Errors
/// A record cannot be read or written, with its path. What was written is not flushed.
pub fn rewrite(tree: &Path, old: &[String], new: &str) -> Result<u64> {
    let root = Root::open(tree).with_context(|| format!("opening {}", tree.display()))?;
    let mut count = 0;
    for (folder, places) in [("/containers", &PLACES[..]), ("/volumes", &[VOLUME])] {
        if !root.exists(Path::new(folder))? {
            continue;
        }
        for name in root.names(Path::new(folder))? {
            for (file, paths) in places {
                let path = Path::new(folder).join(&name).join(file);
                let Some(path) = path.to_str() else { continue };
                count += file_at(&root, path, paths, old, new)
                    .with_context(|| format!("rewriting paths in {}{path}", tree.display()))?;
            }
        }
    }
    Ok(count)
}

fn file_at(root: &Root, path: &str, places: &[&[&str]], old: &[String], new: &str) -> Result<u64> {
    let Some(mut text) = switch::read(root, path)? else {
        return Ok(0);
    };
    let mut count = 0;
    for place in places {
        let (changed, found) =
            json_edit::map_strings(&text, place, &|value| moved(value, old, new))?;
        (text, count) = (changed, count + found);
    }
    if count > 0 {
        write(root, path, &text)?;
    }
    Ok(count as u64)
}

/// Writes a record in its place, without a flush: it is a copy's, of which the caller flushes all at once. A run that is
/// killed makes the copy anew.
fn write(root: &Root, path: &str, text: &str) -> Result<()> {
    let file = root.file(Path::new(path))?;
    if file.metadata()?.nlink() > 1 {
        return switch::write(root, path, text);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(by_descriptor(&file))?;
    Ok(file.write_all(text.as_bytes())?)
}

/// The path below the new root; also of a bind, `SOURCE:TARGET:OPTIONS`.
fn moved(value: &str, old: &[String], new: &str) -> Option<String> {
    old.iter().find_map(|old| {
        let tail = value.strip_prefix(old.as_str())?;
        (tail.is_empty() || tail.starts_with(['/', ':'])).then(|| format!("{new}{tail}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_are_rewritten() {
        let old = ["/var/lib/docker".to_owned(), "/srv/d".to_owned()];
        let moved = |value: &str| moved(value, &old, "/mnt/docker");
        assert_eq!(
            moved("/var/lib/docker/volumes/a/_data").unwrap(),
            "/mnt/docker/volumes/a/_data"
        );
        assert_eq!(moved("/srv/d").unwrap(), "/mnt/docker");
        assert_eq!(moved("/srv/d/x:/y:ro").unwrap(), "/mnt/docker/x:/y:ro");
        for other in ["/var/lib/docker2/x", "x/var/lib/docker", "", "/srv"] {
            assert_eq!(moved(other), None, "{other}");
        }
    }

    #[test]
    fn records_are_rewritten_and_everything_else_in_them_stays() {
        let folder = tempfile::tempdir().unwrap();
        let container = folder.path().join("containers/abc");
        std::fs::create_dir_all(&container).unwrap();
        std::fs::create_dir_all(folder.path().join("volumes/v")).unwrap();
        let config = r#"{"Cmd":["/o/x"],"LogPath":"/o/l","MountPoints":{"/d":{"Source":"/o/volumes/v/_data","Spec":{"Source":"v"}}},"N":1e400}"#;
        std::fs::write(container.join("config.v2.json"), config).unwrap();
        std::fs::write(
            container.join("hostconfig.json"),
            r#"{"Binds":["/o/volumes:/o/volumes","v:/d"]}"#,
        )
        .unwrap();
        std::fs::write(folder.path().join("volumes/metadata.db"), "x").unwrap();
        assert_eq!(rewrite(folder.path(), &["/o".to_owned()], "/n").unwrap(), 3);
        assert_eq!(rewrite(folder.path(), &["/o".to_owned()], "/n").unwrap(), 0);
        let read = |name: &str| std::fs::read_to_string(container.join(name)).unwrap();
        assert_eq!(
            read("config.v2.json"),
            r#"{"Cmd":["/o/x"],"LogPath":"/n/l","MountPoints":{"/d":{"Source":"/n/volumes/v/_data","Spec":{"Source":"v"}}},"N":1e400}"#
        );
        assert_eq!(
            read("hostconfig.json"),
            r#"{"Binds":["/n/volumes:/o/volumes","v:/d"]}"#
        );
    }
}
