//! The file operations that the spool uses, as a trait: tests put a disk behind it that fails.
//!
//! Waits: for the disk. Every call is synchronous.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// One directory of files.
pub(crate) trait Disk: Send + Sync + 'static {
    type File: DiskFile;

    /// A new, empty file that only its owner may read and write.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// A file that is there, to be read and written.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals last through a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Makes the directory where it is missing.
    fn make(&self) -> io::Result<()>;
    /// Whether the file of this name is still this one: somebody may have removed or replaced it.
    fn holds(&self, name: &str, file: &Self::File) -> io::Result<bool>;
}

/// One file.
pub(crate) trait DiskFile: Send + Sync + 'static {
    /// Writes all of `bytes`.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Fills `bytes` as far as the file goes; returns how far.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;
    /// Makes what was written last through a power cut.
    fn sync(&self) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn truncate(&self, len: u64) -> io::Result<()>;
}

/// A directory of the file system.
#[derive(Clone, Debug)]
pub(crate) struct RealDisk {
    path: PathBuf,
    is_read_only: bool,
}

impl RealDisk {
    /// The directory at `path`, which is created where it is missing, readable by its owner alone.
    pub(crate) fn at(path: PathBuf) -> io::Result<Self> {
        let disk = Self {
            path,
            is_read_only: false,
        };
        disk.make()?;
        Ok(disk)
    }

    /// The directory at `path`, to be looked at.
    pub(crate) fn to_read(path: PathBuf) -> Self {
        Self {
            path,
            is_read_only: true,
        }
    }

    fn open_with(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
        let path = self.path.join(name);
        options.read(true).write(!self.is_read_only).open(path)
    }
}

impl Disk for RealDisk {
    type File = File;

    fn create(&self, name: &str) -> io::Result<File> {
        self.open_with(name, OpenOptions::new().create_new(true))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        self.open_with(name, &mut OpenOptions::new())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                // No file of ours has a name that is no text.
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    #[cfg(unix)]
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Windows keeps directories by itself.
    #[cfg(not(unix))]
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)
    }

    fn holds(&self, name: &str, file: &File) -> io::Result<bool> {
        is_at(&self.path.join(name), file)
    }
}

/// Whether a file is what stands at a path.
#[cfg(unix)]
pub(crate) fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let there = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let held = file.metadata()?;
    Ok((there.dev(), there.ino()) == (held.dev(), held.ino()))
}

/// Open files cannot be removed here.
#[cfg(not(unix))]
pub(crate) fn is_at(path: &Path, _file: &File) -> io::Result<bool> {
    path.try_exists()
}

impl DiskFile for File {
    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, at)
    }

    #[cfg(windows)]
    fn write_at(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(self, bytes, at)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[written..];
            at += written as u64;
        }
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            let rest = &mut bytes[filled..];
            #[cfg(unix)]
            let read = std::os::unix::fs::FileExt::read_at(self, rest, at + filled as u64);
            #[cfg(windows)]
            let read = std::os::windows::fs::FileExt::seek_read(self, rest, at + filled as u64);
            match read {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}
