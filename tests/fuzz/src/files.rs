//! Files that a reader wants by name.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The folder that they are in: below Cargo's for tests, else below `TMPDIR`; in memory it is quick.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let above = option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from);
        let folder = above.unwrap_or_else(std::env::temp_dir).join("fuzz-files");
        std::fs::create_dir_all(&folder).expect("making a folder");
        folder
    })
}

/// A file of this name with this content.
pub fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = folder().join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).expect("making a folder");
    }
    std::fs::write(&path, content).expect("writing a file");
    path
}

/// An empty folder of this name.
pub fn empty(name: &str) -> PathBuf {
    let path = folder().join(name);
    std::fs::create_dir_all(&path).expect("making a folder");
    path
}

/// A folder with the secret files that the seeds name.
pub fn secrets() -> &'static str {
    static FOLDER: OnceLock<String> = OnceLock::new();
    FOLDER.get_or_init(|| {
        for (name, content) in [
            ("wifi.hex", "0123456789abcdef".repeat(4)),
            ("home.psk", "two words".to_owned()),
            ("k3s.token", "0123456789012345678901".to_owned()),
            ("k3s.agent-token", "abcdefghijabcdefghijab".to_owned()),
        ] {
            file(&format!("secrets/{name}"), content.as_bytes());
        }
        let folder = folder().join("secrets");
        folder.to_str().expect("a path of letters").to_owned()
    })
}
