//! What destinations refused for good, one file for each request and one for the words beside it.
//!
//! `NAME.otlp` is the request as it would be sent (protobuf, uncompressed); `NAME.txt` says which exporter,
//! signal and items, and what the destination said. Nothing here is ever removed by the pipeline.
//! Holds: how large it is. Waits: for the disk. Loses: what exceeds its bound, which is refused.

use std::io;

use super::disk::{Disk, DiskFile};
use crate::model::limits::truncate_bytes;
use crate::model::request::Request;

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
        let name = format!("{time_ns:020}-{}-{:04}", std::process::id(), self.number);
        self.number += 1;
        // The words first: a request without them would be a riddle.
        self.write(&format!("{name}.txt"), words.as_bytes())?;
        self.write(&format!("{name}.otlp"), &body)?;
        self.disk.sync()?;
        self.bytes += needed;
        Ok(true)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.disk.create(name)?;
        file.write_at(bytes, 0)?;
        file.sync()
    }
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
}
