//! Where the store is that is asked, and what to do where there is none.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use spanreel_store::{SqliteStore, StoreError};

/// What to do where a directory is not the right one.
const ADVICE: &str = "name the --data-dir of 'spanreel serve', as in: spanreel sessions ls DIR";

/// The store of a data directory, or the one that a directory is itself.
///
/// # Errors
/// There is none that can be read; the message says what is there, and what to do.
pub(super) fn open(directory: &Path) -> anyhow::Result<SqliteStore> {
    let below = directory.join("store");
    let opened = SqliteStore::open_to_read(match below.is_dir() {
        true => &below,
        false => directory,
    });
    let shown = directory.display();
    match opened {
        Err(StoreError::Missing { .. }) => Err(match directory.metadata() {
            Ok(found) if found.is_dir() => anyhow!("no sessions were kept in {shown}; {ADVICE}"),
            Ok(_) => anyhow!("{shown} is no directory; {ADVICE}"),
            Err(_) => anyhow!("there is no directory {shown}; {ADVICE}"),
        }),
        Err(error @ StoreError::Foreign { .. }) => Err(anyhow!("{error}; {ADVICE}")),
        Err(StoreError::Io { path, source }) if source.kind() == ErrorKind::PermissionDenied => {
            Err(source).with_context(|| {
                format!(
                    "{} may not be read; sessions are readable by the user alone who runs 'spanreel serve': ask as \
                     that user",
                    path.display()
                )
            })
        }
        opened => Ok(opened?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Whatever is wrong with a directory, one line says what is there and what to do, and nothing is made.
    #[test]
    fn a_directory_without_sessions_is_told_with_what_to_do() {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("file"), "text").expect("written");
        fs::create_dir(root.path().join("empty")).expect("made");
        fs::create_dir_all(root.path().join("other/store")).expect("made");
        fs::write(root.path().join("other/store/sessions.db"), "text").expect("written");
        for (name, before, after) in [
            ("missing", "there is no directory ", ""),
            ("file", "", " is no directory"),
            ("empty", "no sessions were kept in ", ""),
            (
                "other",
                "",
                "/store/sessions.db is no store of spanreel: it is no database",
            ),
        ] {
            let path = root.path().join(name);
            let error = open(&path).expect_err("there is nothing to be read");
            let expected = format!("{before}{}{after}; {ADVICE}", path.display());
            assert_eq!(format!("{error:#}"), expected);
        }
        assert!(!root.path().join("missing").exists());
        let empty = fs::read_dir(root.path().join("empty")).expect("it can be read");
        assert_eq!(empty.count(), 0);
    }
}
