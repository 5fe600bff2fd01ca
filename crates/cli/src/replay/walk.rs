//! Finds recordings in directories.
//!
//! Holds: the names of all files. Waits: for the file system. Loses: hidden files, and symbolic links within
//! directories, which may lead anywhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::input::{InputError, Source};

/// A place to read from, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) source: Source,
    /// It was found in a directory: whether it is a recording is not known.
    pub(crate) is_in_directory: bool,
}

/// Replaces directories by the files in and below them, sorted by name. Tells how many bytes there are,
/// unless there is a source without a size.
///
/// # Errors
/// A source is not there, or a directory cannot be read or has no file.
pub(crate) fn find(sources: &[Source]) -> Result<(Vec<Found>, Option<u64>), InputError> {
    let mut found = Vec::new();
    let mut bytes = Some(0);
    for source in sources {
        let Source::File(path) = source else {
            bytes = None;
            found.push(named(source.clone()));
            continue;
        };
        if !path.is_dir() {
            bytes = bytes.zip(source.check()?).map(|(sum, size)| sum + size);
            found.push(named(source.clone()));
            continue;
        }
        let before = found.len();
        let size = walk(path, &mut found);
        let size = size.map_err(|error| InputError::Unreadable(source.clone(), error))?;
        bytes = bytes.map(|sum| sum + size);
        if found.len() == before {
            return Err(InputError::NoRecording(source.clone()));
        }
    }
    Ok((found, bytes))
}

fn named(source: Source) -> Found {
    Found {
        source,
        is_in_directory: false,
    }
}

/// Adds all files below a directory, and tells their size.
fn walk(directory: &Path, found: &mut Vec<Found>) -> io::Result<u64> {
    let mut bytes = 0;
    // Directories that are still to be read, the next one last; deep trees cost no stack.
    let mut rest: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(path) = rest.pop() {
        // The directory that was named may be a link; what is in it may not.
        let is_named = path == directory;
        let metadata = if is_named {
            fs::metadata(&path)
        } else {
            fs::symlink_metadata(&path)
        };
        let read = metadata.and_then(|metadata| {
            let entries = metadata.is_dir().then(|| entries(&path)).transpose()?;
            Ok((metadata, entries))
        });
        match read {
            Ok((_, Some(mut entries))) => {
                rest.append(&mut entries);
                continue;
            }
            Ok((metadata, None)) if metadata.is_file() => bytes += metadata.len(),
            // Links, sockets and the like.
            Ok(_) => continue,
            Err(error) if is_named => return Err(error),
            // Reading it will fail, and be told like that of a file.
            Err(_) => {}
        }
        found.push(Found {
            source: Source::File(path),
            is_in_directory: true,
        });
    }
    Ok(bytes)
}

/// What is in a directory and not hidden, the first by name last.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    entries.sort_unstable_by(|one, other| other.cmp(one));
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[Found], folder: &Path) -> Vec<String> {
        let below = |found: &Found| {
            let name = found.source.name();
            let name = Path::new(&name).strip_prefix(folder).expect("it is below");
            name.to_string_lossy().into_owned()
        };
        found.iter().map(below).collect()
    }

    /// Files come sorted, from all depths; hidden files and links do not come.
    #[test]
    fn files_are_found_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("b/c")).expect("a folder");
        fs::create_dir(path(".git")).expect("a folder");
        for name in ["z", "a", "b/2", "b/c/1", "b/1", ".hidden", ".git/config"] {
            fs::write(path(name), "12345").expect("a file");
        }
        #[cfg(unix)]
        for (to, link) in [("a", "linked"), (".", "b/loop"), ("/", "b/outside")] {
            std::os::unix::fs::symlink(to, path(link)).expect("a link");
        }
        let (found, bytes) = find(&[Source::of(folder.path())]).expect("files");
        assert_eq!(
            names(&found, folder.path()),
            ["a", "b/1", "b/2", "b/c/1", "z"]
        );
        assert_eq!(bytes, Some(25));
        assert!(found.iter().all(|found| found.is_in_directory));
    }

    /// A directory without files is told, and so is what is not there.
    #[test]
    fn nothing_to_find_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = find(&[Source::of(folder.path())]).expect_err("empty");
        assert!(matches!(error, InputError::NoRecording(_)), "{error}");
        let error = find(&[Source::of(folder.path().join("none"))]).expect_err("missing");
        assert!(matches!(error, InputError::Missing(_)), "{error}");
    }
}
