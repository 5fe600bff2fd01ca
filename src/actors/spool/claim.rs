//! Claims a directory for this pipeline: one process writes a log, and nobody writes into a directory that
//! is something else.
//!
//! Where the log of a directory is in use, a directory of this process's own below it is claimed. What dead
//! processes left in theirs is claimed, too, to be taken over. Holds: the locks. Waits: for the disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs4::TryLockError;

use super::disk::{Disk, RealDisk, is_at};
use super::error::SpoolError;
use super::{journal, quarantine, segment};

const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";
const FORMAT_WORDS: &str = "spanreel spool ";
/// How directories of processes of their own begin.
const PROCESS: &str = "process-";

/// A directory that nobody else writes to while this lives.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) path: PathBuf,
    pub(crate) disk: RealDisk,
    lock: File,
}

/// Keeps hold of a directory while a log in it is written.
pub(crate) trait Hold: Send + 'static {
    /// Sees to it that the directory is there and still this process's. `true` where it had to be made anew:
    /// then what was in it may be gone.
    fn renew(&mut self) -> io::Result<bool>;
}

impl Hold for Claim {
    fn renew(&mut self) -> io::Result<bool> {
        if is_at(&self.path.join(LOCK), &self.lock)? {
            return Ok(false);
        }
        self.disk.make()?;
        let anew = take(&self.path, self.disk.clone())?;
        let taken = || io::Error::other("another process has taken the directory");
        *self = anew.ok_or_else(taken)?;
        Ok(true)
    }
}

/// How often a lock that is taken is tried again: one that looks at the spool has it for a moment.
const TRIES: u32 = 3;
/// And after which time.
const MOMENT: Duration = Duration::from_millis(10);

/// Claims the directory, or one of its own below it; and with it those that dead processes left behind.
pub(crate) fn claim(root: &Path) -> Result<(Claim, Vec<Claim>), SpoolError> {
    let at_root = |source| SpoolError::Io {
        path: root.to_owned(),
        source,
    };
    match fs::metadata(root) {
        Ok(found) if !found.is_dir() => return Err(SpoolError::NotADirectory(root.to_owned())),
        Ok(_) => check(root)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at_root(error)),
    }
    let disk = RealDisk::at(root.to_owned()).map_err(at_root)?;
    let own = match take_patiently(root, &disk).map_err(at_root)? {
        Some(claim) => claim,
        None => take_below(root).map_err(at_root)?,
    };
    let mut orphans = Vec::new();
    for entry in fs::read_dir(root).map_err(at_root)? {
        let path = entry.map_err(at_root)?.path();
        if !is_process(&path) || path == own.path || check(&path).is_err() {
            continue;
        }
        // One that cannot be had now belongs to a process that lives, or will be had by the next.
        if let Ok(Some(orphan)) = RealDisk::at(path.clone()).and_then(|disk| take(&path, disk)) {
            orphans.push(orphan);
        }
    }
    Ok((own, orphans))
}

/// Claims a directory that is a spool already, to change what is in it.
pub(crate) fn claim_existing(path: &Path) -> Result<Claim, SpoolError> {
    let failed = |source| SpoolError::Io {
        path: path.to_owned(),
        source,
    };
    check_existing(path)?;
    let disk = RealDisk::at(path.to_owned()).map_err(failed)?;
    let taken = take_patiently(path, &disk).map_err(failed)?;
    taken.ok_or_else(|| SpoolError::InUse {
        path: path.to_owned(),
        process: holder(path),
    })
}

/// Whether a directory is there, and a spool that this version knows.
pub(crate) fn check_existing(path: &Path) -> Result<(), SpoolError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(SpoolError::NotADirectory(path.to_owned())),
        Ok(_) => check(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(SpoolError::Missing(path.to_owned()))
        }
        Err(source) => Err(SpoolError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Whether a process writes the spool of a directory now.
pub(crate) fn is_in_use(path: &Path) -> io::Result<bool> {
    let lock = match File::open(path.join(LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match fs4::FileExt::try_lock_shared(&lock) {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The process that took the lock last, as it wrote there.
pub(crate) fn holder(path: &Path) -> Option<u32> {
    fs::read_to_string(path.join(LOCK))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Whether a name is that of a directory of a process's own.
pub(crate) fn is_process(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PROCESS))
}

#[expect(
    clippy::disallowed_methods,
    reason = "at the start of a pipeline or a command, before anything runs"
)]
fn take_patiently(path: &Path, disk: &RealDisk) -> io::Result<Option<Claim>> {
    for _ in 1..TRIES {
        if let Some(claim) = take(path, disk.clone())? {
            return Ok(Some(claim));
        }
        std::thread::sleep(MOMENT);
    }
    take(path, disk.clone())
}

/// Whether a directory is a spool that this version knows, or empty.
fn check(path: &Path) -> Result<(), SpoolError> {
    let failed = |source| SpoolError::Io {
        path: path.to_owned(),
        source,
    };
    let foreign = || SpoolError::Foreign(path.to_owned());
    match fs::read_to_string(path.join(FORMAT)) {
        Ok(text) => {
            let version = text.trim().strip_prefix(FORMAT_WORDS).ok_or_else(foreign)?;
            let format: u32 = version.parse().map_err(|_| foreign())?;
            match format <= segment::VERSION {
                true => Ok(()),
                false => Err(SpoolError::NewerFormat {
                    path: path.to_owned(),
                    format,
                }),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut has_neighbours = false;
            for entry in fs::read_dir(path).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                // A process that was killed as it began leaves a lock, and a format that has no name yet.
                // Another one that found the lock taken has begun below it.
                let is_neighbours = is_process(Path::new(&name))
                    || name == quarantine::DIRECTORY
                    || name == journal::DIRECTORY;
                if name != LOCK && name != format!("{FORMAT}.new").as_str() && !is_neighbours {
                    return Err(foreign());
                }
                has_neighbours |= is_neighbours;
            }
            match has_neighbours && !path.join(LOCK).exists() {
                true => Err(foreign()),
                false => Ok(()),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(foreign()),
        Err(error) => Err(failed(error)),
    }
}

/// Takes the lock of a directory and sees to it that it says what it is; `None` when the lock is taken.
fn take(path: &Path, disk: RealDisk) -> io::Result<Option<Claim>> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(path.join(LOCK))?;
    match fs4::FileExt::try_lock(&lock) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    lock.set_len(0)?;
    io::Write::write_all(&mut &lock, format!("{}\n", std::process::id()).as_bytes())?;
    if !path.join(FORMAT).exists() {
        let new = format!("{FORMAT}.new");
        options.truncate(true);
        let file = options.open(path.join(&new))?;
        io::Write::write_all(
            &mut &file,
            format!("{FORMAT_WORDS}{}\n", segment::VERSION).as_bytes(),
        )?;
        file.sync_all()?;
        disk.rename(&new, FORMAT)?;
        disk.sync()?;
    }
    Ok(Some(Claim {
        path: path.to_owned(),
        disk,
        lock,
    }))
}

/// Takes a directory of this process's own.
fn take_below(root: &Path) -> io::Result<Claim> {
    for number in 0_u32.. {
        let path = root.join(format!("{PROCESS}{}-{number}", std::process::id()));
        if path.exists() {
            continue;
        }
        let disk = RealDisk::at(path.clone())?;
        match take(&path, disk) {
            Ok(Some(claim)) => {
                tracing::warn!(
                    target: "spanreel", directory = %path.display(),
                    "another process uses the spool; this one has its own below"
                );
                return Ok(claim);
            }
            // Another one took it for a dead process's, and removes it.
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("a number is free")
}

impl Claim {
    /// Removes a directory below it at once: killed in between, the next start finds all of it or nothing.
    pub(crate) fn remove_below(&self, name: &str) -> io::Result<()> {
        let gone = self.path.join(format!("{name}.gone"));
        match fs::remove_dir_all(&gone) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(self.path.join(name), &gone)?;
        self.disk.sync()?;
        fs::remove_dir_all(gone)
    }

    /// Removes the directory with all that is in it: first what would be delivered again.
    pub(crate) fn remove(self) -> io::Result<()> {
        let mut names = self.disk.list()?;
        names.sort_by_key(|name| segment::Head::position_of(name).is_none());
        // Killed in between, it is still a spool, or nearly one, and the next start removes the rest.
        for name in names.iter().filter(|name| *name != LOCK && *name != FORMAT) {
            self.disk.remove(name)?;
        }
        self.disk.sync()?;
        fs::remove_dir_all(&self.path)
    }
}
