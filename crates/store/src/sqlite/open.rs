//! Opens the store's file: makes it, brings it up to date, sets aside one that is damaged.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema;
use crate::error::StoreError;

/// How long one connection waits for another's lock.
const BUSY: Duration = Duration::from_secs(5);

/// A connection that writes.
///
/// # Errors
/// It cannot be had: another process writes, a newer version wrote, the disk refuses.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    match open_writer(path) {
        Err(StoreError::Sqlite(error)) if is_damage(&error) => {
            let aside = set_aside(path)?;
            tracing::error!(
                target: "spanreel", %error, file = %path.display(), kept = %aside.display(),
                "the store's file is damaged; it is set aside, and an empty one is begun"
            );
            open_writer(path)
        }
        opened => opened,
    }
}

fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    make(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // Before any table: afterwards it would take a rewrite of the file.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of the machine may lose the last writes and never damages the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // 64 MiB: pages that are written again and again are copied and synced the less often.
    connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    connection.pragma_update(None, "journal_size_limit", 96 << 20)?;
    if schema::migrate(&mut connection, path)? {
        restrict(path)?;
    }
    // Reads what damage mostly hits: the head of each table.
    let sessions: i64 = connection.query_row(
        "SELECT count(*) FROM (SELECT 1 FROM sessions LIMIT 1000)",
        [],
        |row| row.get(0),
    )?;
    tracing::debug!(target: "spanreel", sessions, "the store's file is open");
    Ok(connection)
}

/// Makes the file where it is missing, readable by its owner alone whatever the directory lets others do: sessions
/// hold what people said. SQLite gives the files beside it the mode of this one.
fn make(path: &Path) -> Result<(), StoreError> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_made) => Ok(()),
        Err(source) => Err(StoreError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Takes from others what versions before let them read. Once, when a file is brought up to date: who lets them read
/// it afterwards means it.
#[cfg(unix)]
fn restrict(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;

    for ending in ["", "-wal", "-shm"] {
        let file = beside(path, ending);
        match fs::set_permissions(&file, fs::Permissions::from_mode(0o600)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(StoreError::Io { path: file, source }),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// A connection that reads.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Whether there is a store that can be read here. SQLite says much the same of all that cannot be, so that files
/// are looked at before it is asked.
///
/// # Errors
/// There is none, it may not be read, it is something else, or it has another format.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    let foreign = |why| StoreError::Foreign {
        path: path.to_owned(),
        why,
    };
    match File::open(path).and_then(|file| file.metadata()) {
        Ok(file) if file.is_file() => {}
        Ok(_) => return Err(foreign("it is no file")),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let directory = path.with_file_name("");
            return Err(StoreError::Missing { directory });
        }
        Err(source) => {
            let path = path.to_owned();
            return Err(StoreError::Io { path, source });
        }
    }
    match reader(path).and_then(|reader| schema::check(&reader, path)) {
        Err(StoreError::Sqlite(error))
            if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) =>
        {
            Err(foreign("it is no database"))
        }
        checked => checked,
    }
}

/// Whether an error says that the file is damaged, or no SQLite file at all.
fn is_damage(error: &rusqlite::Error) -> bool {
    let damage = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase];
    error
        .sqlite_error_code()
        .is_some_and(|code| damage.contains(&code))
}

/// The files of SQLite beside the main one.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Renames a damaged file, with what belongs to it. It is never deleted.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let free = (1_u32..).map(|number| beside(path, &format!(".damaged-{number}")));
    let mut free = free.filter(|aside| !aside.exists());
    let aside = free.next().expect("there are more numbers than files");
    for ending in ["-wal", "-shm", ""] {
        let from = beside(path, ending);
        if from.exists() {
            let to = beside(&aside, ending);
            fs::rename(&from, &to).map_err(|source| StoreError::Io { path: from, source })?;
        }
    }
    Ok(aside)
}

/// Makes the directory, which its owner alone may read: sessions hold what people said.
pub(super) fn directory(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Io {
        path: path.to_owned(),
        source,
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed)
}

/// How long the lock is tried for: who only looks whether it is held has it for a moment, too.
const LOOK: Duration = Duration::from_millis(100);

/// Whether some process holds the lock: looked up by one that is shared and given back at once. Where it may not be
/// looked at, somebody may.
pub(super) fn is_held(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => fs4::FileExt::try_lock_shared(&file).is_err(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Holds the directory for this process.
///
/// # Errors
/// Another process has it.
#[expect(
    clippy::disallowed_methods,
    reason = "the system tells nobody when a lock of a file is given back; a start waits for it, no task does"
)]
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::Io {
        path: path.to_owned(),
        source,
    };
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    let begun = Instant::now();
    loop {
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => return Ok(file),
            Err(fs4::TryLockError::WouldBlock) if begun.elapsed() < LOOK => {
                std::thread::sleep(LOOK / 20);
            }
            Err(fs4::TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: path.with_file_name(""),
                });
            }
            Err(fs4::TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}
