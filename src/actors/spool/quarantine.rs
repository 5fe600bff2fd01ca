//! What destinations refused for good, one file for each request and one for the words beside it.
//!
//! `NAME.otlp` is the request as it would be sent (protobuf, uncompressed); `NAME.txt` says which exporter,
//! signal and items, and what the destination said. Nothing here is ever removed by the pipeline.
//! Holds: how large it is. Waits: for the disk. Loses: what exceeds its bound, which is refused.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::disk::{Disk, DiskFile, RealDisk};
use super::error::SpoolError;
use super::inspect::time_of;
use super::stored::read_all;
use crate::model::limits::truncate_bytes;
use crate::model::request::{Request, Signal};

/// Where it is, below the directory of a spool.
pub(crate) const DIRECTORY: &str = "quarantine";

/// How many bytes of a destination's words are kept.
const MOST_WORDS: usize = 4096;

#[derive(Debug)]
pub(crate) struct Quarantine<D: Disk> {
    disk: D,
    bytes: u64,
    most: u64,
    number: u64,
}

impl<D: Disk> Quarantine<D> {
    /// The quarantine in a directory, which keeps so many bytes at most.
    pub(crate) fn open(disk: D, most: u64) -> io::Result<Self> {
        let mut bytes = 0;
        for name in disk.list()? {
            bytes += disk.open(&name)?.len()?;
        }
        Ok(Self {
            disk,
            bytes,
            most,
            number: 0,
        })
    }

    /// Keeps a request; `false` when there is no room for it.
    pub(crate) fn keep(
        &mut self,
        lane: &str,
        request: &Request,
        words: &str,
        time_ns: u64,
    ) -> io::Result<bool> {
        let body = request.to_bytes();
        let words = format!(
            "exporter: {lane}\nsignal: {}\nitems: {}\ntime: {time_ns} ns since 1970\nanswer: {}\n",
            request.signal().name(),
            request.items(),
            truncate_bytes(words, MOST_WORDS),
        );
        let needed = (body.len() + words.len()) as u64;
        if self.bytes + needed > self.most {
            return Ok(false);
        }
        // The words first: a request without them would be a riddle.
        let name = self.write_words(&words, time_ns)?;
        self.write(&format!("{name}.otlp"), &body)?;
        self.disk.sync()?;
        self.bytes += needed;
        Ok(true)
    }

    /// A request that is kept, with what is known of it; `None` where there is none of that id.
    pub(crate) fn kept(&self, id: &str) -> io::Result<Option<(Quarantined, Request)>> {
        let Some(known) = is_id(id)
            .then(|| look(&self.disk, id))
            .transpose()?
            .flatten()
        else {
            return Ok(None);
        };
        let body = read_all(&self.disk.open(&format!("{id}.otlp"))?)?;
        let request = Request::from_bytes(known.signal, known.items, body.into());
        Ok(Some((known, request)))
    }

    /// Removes a request that is kept, with its words; `None` where there is none of that id.
    pub(crate) fn remove(&mut self, id: &str) -> io::Result<Option<Quarantined>> {
        let Some(known) = is_id(id)
            .then(|| look(&self.disk, id))
            .transpose()?
            .flatten()
        else {
            return Ok(None);
        };
        let words = self.disk.open(&format!("{id}.txt"))?.len()?;
        take_out(&self.disk, id)?;
        self.bytes = self.bytes.saturating_sub(known.bytes + words);
        Ok(Some(known))
    }

    /// Writes words under a name that is free, and tells it: an earlier process of the same number may have
    /// been killed as it kept the same, and its files stay.
    fn write_words(&mut self, words: &str, time_ns: u64) -> io::Result<String> {
        loop {
            let name = format!("{time_ns:020}-{}-{:04}", std::process::id(), self.number);
            self.number += 1;
            match self.write(&format!("{name}.txt"), words.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                written => return written.map(|()| name),
            }
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = match self.disk.create(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Somebody removed the directory.
                self.disk.make()?;
                self.disk.create(name)?
            }
            created => created?,
        };
        file.write_at(bytes, 0)?;
        file.sync()
    }
}

/// What is asked of a quarantine while a pipeline runs.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: String,
    /// It is to be sent again; else it is to go.
    pub(crate) again: bool,
    pub(crate) answer: oneshot::Sender<Result<Quarantined, SpoolError>>,
}

/// Something that a destination refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantined {
    /// What it goes by: the names of its two files begin with it.
    pub id: String,
    /// The exporter that it was refused by.
    pub exporter: String,
    /// What it carries.
    pub signal: Signal,
    /// How many spans, log records or data points it holds.
    pub items: u64,
    /// Bytes of the request.
    pub bytes: u64,
    /// When it was refused.
    pub time: SystemTime,
    /// What the destination said, 4 KiB of it at most.
    pub answer: String,
}

impl Quarantined {
    /// Reads what stands beside a request; `None` where that is not what [`Quarantine::keep`] writes.
    fn read(id: &str, text: &str, bytes: u64) -> Option<Self> {
        let (head, answer) = text.split_once("\nanswer: ")?;
        let mut lines = head.lines();
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        let exporter = value("exporter")?.to_owned();
        let signal = value("signal")?;
        let signal = Signal::ALL.into_iter().find(|it| it.name() == signal)?;
        let items = value("items")?.parse().ok()?;
        let time = value("time")?.strip_suffix(" ns since 1970")?;
        Some(Self {
            id: id.to_owned(),
            exporter,
            signal,
            items,
            bytes,
            time: time_of(time.parse().ok()?),
            answer: answer.trim_end().to_owned(),
        })
    }
}

/// What is in the quarantine of a spool, the oldest first.
pub(crate) fn list(spool: &Path) -> io::Result<Vec<Quarantined>> {
    let disk = RealDisk::to_read(spool.join(DIRECTORY));
    let mut names = match disk.list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    names.sort();
    let mut found = Vec::new();
    for name in &names {
        let Some(id) = name.strip_suffix(".otlp") else {
            continue;
        };
        found.extend(look(&disk, id)?);
    }
    Ok(found)
}

/// What destinations refused for good: how many requests, and the newest of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantineList {
    /// How many requests are kept.
    pub requests: u64,
    /// The newest, in that order, at most as many as were asked for.
    pub newest: Vec<Quarantined>,
}

/// How many are in the quarantine of a spool, and the newest `most`. Reads no others.
pub(crate) fn newest(spool: &Path, most: usize) -> io::Result<QuarantineList> {
    let disk = RealDisk::to_read(spool.join(DIRECTORY));
    let mut names = match disk.list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed?,
    };
    names.retain(|name| name.ends_with(".otlp"));
    let requests = names.len() as u64;
    // Their names begin with their times.
    names.sort_unstable_by(|one, other| other.cmp(one));
    let ids = names.iter().filter_map(|name| name.strip_suffix(".otlp"));
    let found = ids.take(most).map(|id| look(&disk, id));
    let newest = found
        .filter_map(Result::transpose)
        .collect::<io::Result<_>>()?;
    Ok(QuarantineList { requests, newest })
}

/// One of them; `None` where there is none of that id.
fn look<D: Disk>(disk: &D, id: &str) -> io::Result<Option<Quarantined>> {
    let open = |kind| match disk.open(&format!("{id}.{kind}")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    };
    let (Some(request), Some(words)) = (open("otlp")?, open("txt")?) else {
        return Ok(None);
    };
    let words = read_all(&words)?;
    let words = String::from_utf8_lossy(&words);
    let bytes = DiskFile::len(&request)?;
    Ok(Quarantined::read(id, &words, bytes))
}

/// What was refused, by its id.
pub(crate) fn request(spool: &Path, id: &str) -> Result<Request, SpoolError> {
    let disk = disk_of(spool, id)?;
    let failed = |source| SpoolError::Io {
        path: spool.join(DIRECTORY),
        source,
    };
    let known = look(&disk, id).map_err(failed)?;
    let known = known.ok_or_else(|| unknown(spool, id))?;
    let file = disk.open(&format!("{id}.otlp")).map_err(failed)?;
    let body = read_all(&file).map_err(failed)?;
    Ok(Request::from_bytes(known.signal, known.items, body.into()))
}

/// Removes what was refused, by its id.
pub(crate) fn remove(spool: &Path, id: &str) -> Result<Quarantined, SpoolError> {
    let disk = disk_of(spool, id)?;
    let failed = |source| SpoolError::Io {
        path: spool.join(DIRECTORY),
        source,
    };
    let known = look(&disk, id).map_err(failed)?;
    let known = known.ok_or_else(|| unknown(spool, id))?;
    take_out(&disk, id).map_err(failed)?;
    Ok(known)
}

/// Removes the request first, for words alone are no riddle.
fn take_out<D: Disk>(disk: &D, id: &str) -> io::Result<()> {
    disk.remove(&format!("{id}.otlp"))?;
    disk.remove(&format!("{id}.txt"))?;
    disk.sync()
}

/// Whether it is a name within the directory.
fn is_id(id: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.bytes().all(is_part)
}

/// The directory, if the id is a name within it.
fn disk_of(spool: &Path, id: &str) -> Result<RealDisk, SpoolError> {
    if !is_id(id) {
        return Err(unknown(spool, id));
    }
    Ok(RealDisk::to_read(spool.join(DIRECTORY)))
}

pub(crate) fn unknown(spool: &Path, id: &str) -> SpoolError {
    let path: PathBuf = spool.join(DIRECTORY);
    let what = format!("refused request {id}");
    SpoolError::Unknown { path, what }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::sim::SimDisk;
    use super::*;
    use crate::model::request::Signal;

    /// A request is kept as it was with the words beside it, up to the bound, which holds over restarts.
    #[test]
    fn requests_are_kept_up_to_the_bound() {
        let disk = SimDisk::default();
        let request = Request::from_bytes(Signal::Logs, 3, Bytes::from_static(b"body"));
        let mut quarantine = Quarantine::open(disk.clone(), 230).expect("it opens");
        let kept = |quarantine: &mut Quarantine<SimDisk>, time| {
            quarantine
                .keep("otlp", &request, "bad field", time)
                .expect("written")
        };
        assert!(kept(&mut quarantine, 1));
        assert!(kept(&mut quarantine, 2));
        assert!(!kept(&mut quarantine, 3));
        let mut again = Quarantine::open(disk.clone(), 230).expect("it opens");
        assert!(!kept(&mut again, 4));
        let mut names = disk.list().expect("listed");
        names.sort();
        assert_eq!(names.len(), 4);
        assert_eq!(disk.bytes(&names[0]), b"body");
        let words = String::from_utf8(disk.bytes(&names[1])).expect("text");
        assert!(
            words.contains("logs") && words.contains("bad field"),
            "{words}"
        );
    }

    /// What has the time and the process of something that is kept already, as after a start that was killed
    /// half way, is kept beside it; so is what finds words there whose request was never written.
    #[test]
    fn a_name_that_is_there_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = RealDisk::at(folder.path().to_owned()).expect("a folder of ours");
        let request = Request::from_bytes(Signal::Logs, 3, Bytes::from_static(b"body"));
        for start in 0..3 {
            let mut quarantine = Quarantine::open(disk.clone(), 10_000).expect("it opens");
            let kept = quarantine.keep("otlp", &request, "bad field", 7);
            assert!(kept.expect("written"), "{start}");
            let requests = || {
                let names = disk.list().expect("listed").into_iter();
                names
                    .filter(|name| name.ends_with(".otlp"))
                    .collect::<Vec<_>>()
            };
            let last = requests().into_iter().max().expect("one at least");
            if start == 1 {
                disk.remove(&last).expect("ours");
            }
            assert_eq!(requests().len(), [1, 1, 2][start]);
        }
    }
}
