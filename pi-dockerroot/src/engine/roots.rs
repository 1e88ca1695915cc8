//! The two roots of a run, open from its first step to its last: what is mounted on their paths or unmounted from them
//! meanwhile leads nowhere else, and is seen before each step that would rely on a path.

use super::guard;
use super::plan::State;
use super::switch::Switch;
use crate::copy::Tree;
use anyhow::{Context, Result, bail};
use cluster::finding::Finding;
use cluster::root::Root;
use cluster::run::{Refusal, mounts};
use std::path::Path;

/// The two roots of a run.
#[derive(Debug)]
pub struct Roots {
    source: Tree,
    target: Option<Tree>,
}

impl Roots {
    /// Opens both.
    ///
    /// # Errors
    /// A refusal where one of them is not what the plan was made for.
    pub fn open(state: &State) -> Result<Self> {
        let system = Root::open(Path::new("/")).context("opening /")?;
        let is_mounted = || {
            let all = mounts::read(&system)?;
            anyhow::Ok(mounts::at(&all, Path::new(&state.new)).is_some())
        };
        if state.mount_point && !is_mounted()? {
            return Err(not_mounted(&state.new));
        }
        Ok(Self {
            source: expected(state, state.source())?,
            target: Some(expected(state, state.target())?),
        })
    }

    /// Opens what the way back needs: the target may be gone.
    ///
    /// # Errors
    /// As [`Roots::open`], for the source.
    pub fn for_the_way_back(state: &State) -> Result<Self> {
        Ok(Self {
            source: expected(state, state.source())?,
            target: expected(state, state.target()).ok(),
        })
    }

    /// The root that was in use before.
    pub fn source(&self) -> &Tree {
        &self.source
    }

    /// The root that is in use after.
    ///
    /// # Errors
    /// It was not there when the way back began.
    pub fn target(&self) -> Result<&Tree> {
        self.target.as_ref().context("the target is not there")
    }

    /// Refuses where a path leads to another folder than when it was opened.
    ///
    /// # Errors
    /// That.
    pub fn in_place(&self, state: &State) -> Result<()> {
        self.source_in_place(state)?;
        same(self.target()?, state, state.target())
    }

    /// The same for the source alone.
    ///
    /// # Errors
    /// As [`Roots::in_place`].
    pub fn source_in_place(&self, state: &State) -> Result<()> {
        same(&self.source, state, state.source())
    }
}

fn same(tree: &Tree, state: &State, path: &str) -> Result<()> {
    if self::tree(state, path).is_ok_and(|now| now.is_same(tree).unwrap_or(false)) {
        return Ok(());
    }
    bail!(
        "{path} leads to another folder by now: its file system was unmounted, or another was mounted there"
    )
}

/// A root as its own file system has it: where the new one is mounted on the old one's path, beneath that.
pub fn tree(state: &State, path: &str) -> Result<Tree> {
    of(&state.switch, &state.old, path)
}

/// The same for a switch and the old root.
pub fn of(switch: &Switch, old: &str, path: &str) -> Result<Tree> {
    if *switch == Switch::Bind && path == old {
        return guard::beneath(Path::new(path));
    }
    Tree::open(Path::new(path), false)
}

/// A root on the file system that the plan was made for.
fn expected(state: &State, path: &str) -> Result<Tree> {
    let tree = tree(state, path)?;
    if guard::is_bare(tree.folder())? {
        return Err(not_mounted(path));
    }
    let wanted = if path == state.old {
        &state.old_filesystem
    } else {
        &state.new_filesystem
    };
    let found = guard::filesystem_id(tree.folder())?;
    // Journals of earlier versions name the file system that is mounted on the old root.
    let covered =
        state.switch == Switch::Bind && path == state.old && *wanted == state.new_filesystem;
    if found == *wanted || covered {
        return Ok(tree);
    }
    let message =
        format!("{path} is on another file system than the one that this was planned for");
    let finding = Finding::error("state-unexplained", path, message);
    Err(Refusal(finding.fix("mount it as it was, and run this again")).into())
}

/// The refusal of a mount point on which nothing is mounted.
pub fn not_mounted(path: &str) -> anyhow::Error {
    let message = "its file system is not mounted: this is the bare folder beneath it";
    let finding = Finding::error("dockerroot-target-not-mounted", path, message);
    Refusal(finding.fix("mount its file system, and run this again")).into()
}

#[cfg(test)]
mod tests {
    use super::super::kind::Engine;
    use super::super::plan::Direction;
    use super::super::service::Service;
    use super::*;
    use std::fs;

    fn state(folder: &Path) -> State {
        let path = |name: &str| folder.join(name).display().to_string();
        for name in ["old", "new"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let open = fs::File::open(folder).unwrap();
        let filesystem = guard::filesystem_id(&open).unwrap();
        State {
            engine: Engine::Docker,
            direction: Direction::Forward,
            driver: "overlay2".to_owned(),
            old: path("old"),
            new: path("new"),
            old_filesystem: filesystem.clone(),
            new_filesystem: filesystem,
            switch: Switch::Ros {
                key: "x".to_owned(),
            },
            switch_sha256: String::new(),
            service: Service {
                manager: "commands".to_owned(),
                stop: Vec::new(),
                start: Vec::new(),
            },
            mount_point: false,
            put_away: false,
        }
    }

    #[test]
    fn another_folder_on_a_path_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let roots = Roots::open(&state).unwrap();
        roots.in_place(&state).unwrap();
        fs::rename(folder.path().join("new"), folder.path().join("away")).unwrap();
        assert!(roots.in_place(&state).is_err());
        fs::create_dir(folder.path().join("new")).unwrap();
        let error = roots.in_place(&state).unwrap_err().to_string();
        assert!(error.contains("leads to another folder"), "{error}");
        roots.source_in_place(&state).unwrap();
    }

    #[test]
    fn what_is_not_as_planned_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path());
        let refused = |state: &State| {
            let error = Roots::open(state).unwrap_err();
            error.downcast::<Refusal>().unwrap().0.id
        };
        state.mount_point = true;
        assert_eq!(refused(&state), "dockerroot-target-not-mounted");
        state.mount_point = false;
        let mark = folder.path().join("new/pi-dockerroot.not-mounted.txt");
        fs::write(&mark, "").unwrap();
        assert_eq!(refused(&state), "dockerroot-target-not-mounted");
        fs::remove_file(&mark).unwrap();
        state.new_filesystem = "another".to_owned();
        assert_eq!(refused(&state), "state-unexplained");
        // The way back needs the source alone.
        let roots = Roots::for_the_way_back(&state).unwrap();
        assert!(roots.target().is_err());
    }
}
