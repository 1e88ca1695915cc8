//! Manual pages and completions, made from the same arguments and types as `--help` and `--schema`:
//!
//!     cargo run -p cluster-tests --example manual -- FOLDER
//!
//! writes `man/man1/TOOL.1`, `man/man5/cluster.json.5` and `completions/{bash,zsh,fish}/…`. No program that is given to
//! users carries what makes them.

mod fields;
mod page;

use anyhow::{Context, Result};
use clap_complete::Shell;
use cluster::edge::{self, Tool};
use std::path::{Path, PathBuf};

/// Every tool. A test compares this list with the folders.
fn all(folder: &Path) -> Result<()> {
    write::<poe_budget::cli::Cli>(folder)?;
    write::<pi_partition::cli::Cli>(folder)?;
    write::<pi_dockerroot::cli::Cli>(folder)?;
    write::<pi_wifi::cli::Cli>(folder)?;
    write::<gluster_plan::cli::Cli>(folder)?;
    write::<k3s_join::cli::Cli>(folder)?;
    write::<nat_gen::cli::Cli>(folder)
}

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.context("reading the arguments: a folder is needed")?;
    all(&folder)?;
    save(&folder.join("man/man5/cluster.json.5"), &page::document()?)
}

fn write<T: Tool>(folder: &Path) -> Result<()> {
    let name = T::NAME;
    save(
        &folder.join(format!("man/man1/{name}.1")),
        &page::tool::<T>()?,
    )?;
    let shells = [
        (Shell::Bash, format!("bash/{name}")),
        (Shell::Zsh, format!("zsh/_{name}")),
        (Shell::Fish, format!("fish/{name}.fish")),
    ];
    for (shell, path) in shells {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut edge::command::<T>(), name, &mut text);
        save(&folder.join("completions").join(path), &text)?;
    }
    Ok(())
}

fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let writing = || format!("writing {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(writing)?;
    }
    std::fs::write(path, bytes).with_context(writing)
}
