//! A disk in memory that behaves as badly as disks do: what is not synced is lost in a power cut,
//! writes are torn, it fills up, it fails.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile};

/// What survives a torn write survives in pieces of this size.
const BLOCK: usize = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Files by their numbers; a name leads to a number.
    files: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    /// The names that last.
    synced_names: BTreeMap<String, u64>,
    next: u64,
    /// How many bytes it holds at most.
    capacity: Option<usize>,
    /// How many further syncs of files succeed, then one fails.
    sync_fails_after: Option<u32>,
    /// The next write panics.
    panics: bool,
    /// Set in a power cut: nothing works any more for those who hold files open.
    generation: u32,
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// A failed sync: what is dirty is lost, and later syncs lie (as file systems do).
    lies: bool,
}

#[derive(Debug)]
pub(crate) struct SimFile {
    disk: SimDisk,
    number: u64,
    generation: u32,
}

impl SimDisk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power is cut: of what was not synced, blocks survive or not as `keeps` says.
    pub(crate) fn cut_power(&self, mut keeps: impl FnMut() -> bool) {
        let mut state = self.lock();
        state.generation += 1;
        state.names = state.synced_names.clone();
        for content in state.files.values_mut() {
            let len = if keeps() {
                content.now.len()
            } else {
                content.synced.len()
            };
            let mut after = content.synced.clone();
            after.resize(len, 0);
            for (number, block) in after.chunks_mut(BLOCK).enumerate() {
                let from = number * BLOCK;
                if keeps() {
                    let available = content.now.get(from..).unwrap_or_default();
                    let count = available.len().min(block.len());
                    block[..count].copy_from_slice(&available[..count]);
                }
            }
            content.now.clone_from(&after);
            content.synced = after;
            content.lies = false;
        }
    }

    /// The process is killed: what was written is there, synced or not, but for what a failed sync has
    /// marked as clean, which the system may forget.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        state.generation += 1;
        for content in state.files.values_mut().filter(|content| content.lies) {
            content.now.clone_from(&content.synced);
            content.lies = false;
        }
    }

    pub(crate) fn set_capacity(&self, bytes: Option<usize>) {
        self.lock().capacity = bytes;
    }

    /// After so many more syncs one fails.
    pub(crate) fn fail_sync_after(&self, syncs: u32) {
        self.lock().sync_fails_after = Some(syncs);
    }

    /// What uses the disk next panics, as code with a bug does.
    pub(crate) fn panic_next(&self) {
        self.lock().panics = true;
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.lock();
        state.files[&state.names[name]].now.clone()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let number = state.names.get(name).copied().unwrap_or_else(|| {
            state.next += 1;
            state.next
        });
        let content = Content {
            now: bytes.to_vec(),
            synced: bytes.to_vec(),
            lies: false,
        };
        state.files.insert(number, content);
        state.names.insert(name.to_owned(), number);
        state.synced_names.insert(name.to_owned(), number);
    }

    pub(crate) fn flip(&self, name: &str, at: usize, bits: u8) {
        let mut bytes = self.bytes(name);
        bytes[at] ^= bits;
        self.put(name, &bytes);
    }

    fn file(&self, number: u64, generation: u32) -> SimFile {
        SimFile {
            disk: self.clone(),
            number,
            generation,
        }
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut state = self.lock();
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.next += 1;
        let number = state.next;
        state.files.insert(number, Content::default());
        state.names.insert(name.to_owned(), number);
        let generation = state.generation;
        drop(state);
        Ok(self.file(number, generation))
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let state = self.lock();
        let number = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let generation = state.generation;
        drop(state);
        Ok(self.file(number, generation))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let number = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = self.lock().names.remove(name);
        removed.map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        Ok(())
    }

    fn holds(&self, name: &str, file: &SimFile) -> io::Result<bool> {
        Ok(self.lock().names.get(name) == Some(&file.number))
    }
}

impl SimFile {
    fn with<T>(&self, work: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.lock();
        if state.generation != self.generation {
            return Err(io::Error::other("the process that held this file is gone"));
        }
        work(&mut state, self.number)
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.with(|state, number| {
            if std::mem::take(&mut state.panics) {
                // As a panic, without its message on the screen.
                std::panic::resume_unwind(Box::new("told to"));
            }
            let in_use: usize = state
                .names
                .values()
                .map(|number| state.files[number].now.len())
                .sum();
            let capacity = state.capacity;
            let content = state
                .files
                .get_mut(&number)
                .ok_or(io::ErrorKind::NotFound)?;
            let at = at as usize;
            let mut end = at + bytes.len();
            if let Some(capacity) = capacity {
                let free = capacity.saturating_sub(in_use);
                end = end.min(content.now.len() + free).max(at);
            }
            if content.now.len() < end {
                content.now.resize(end, 0);
            }
            let fits = end - at;
            content.now[at..end].copy_from_slice(&bytes[..fits]);
            if fits < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        })
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        if i64::try_from(at).is_err() {
            // As systems have it.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.with(|state, number| {
            let available = state.files[&number]
                .now
                .get(at as usize..)
                .unwrap_or_default();
            let count = available.len().min(bytes.len());
            bytes[..count].copy_from_slice(&available[..count]);
            Ok(count)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state, number| {
            let fails = match &mut state.sync_fails_after {
                Some(0) => {
                    state.sync_fails_after = None;
                    true
                }
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => false,
            };
            let content = state
                .files
                .get_mut(&number)
                .ok_or(io::ErrorKind::NotFound)?;
            if fails {
                content.lies = true;
                return Err(io::Error::other("the disk failed"));
            }
            if !content.lies {
                content.synced.clone_from(&content.now);
            }
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state, number| Ok(state.files[&number].now.len() as u64))
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.with(|state, number| {
            let content = state
                .files
                .get_mut(&number)
                .ok_or(io::ErrorKind::NotFound)?;
            content.now.resize(len as usize, 0);
            Ok(())
        })
    }
}
