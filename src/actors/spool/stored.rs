//! A segment of the log as it stands on disk, and the records that are read from it.
//!
//! Holds: an open file. Waits: for the disk. Loses: nothing; what is damaged is passed over.

use std::io;
use std::sync::Arc;

use super::disk::DiskFile;
use super::log::LogError;
use super::record::{self, Header};
use super::recovery::Records;
use super::segment::{Head, NoSegment};
use crate::model::request::Signal;

/// A segment that was found or begun.
#[derive(Debug)]
pub(crate) struct Segment<F> {
    pub(crate) name: String,
    pub(crate) first: u64,
    /// Where it ends: the segment behind it begins there.
    pub(crate) end: u64,
    /// The names that its records mean by number; none where its header is damaged: then a record is
    /// for every lane.
    pub(crate) lanes: Option<Arc<[String]>>,
    /// Where its first record stands in the file.
    pub(crate) start: u64,
    pub(crate) file: Arc<F>,
}

/// What was found when the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub(crate) records: u64,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// Bytes that are no whole records any more: damage, or what was being written when the process or
    /// the machine stopped.
    pub(crate) unreadable: u64,
    /// Those among them that stand behind the last record.
    pub(crate) unfinished: u64,
}

impl Recovered {
    pub(crate) fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.items += other.items;
        self.bytes += other.bytes;
        self.unreadable += other.unreadable;
        self.unfinished += other.unfinished;
    }
}

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) signal: Signal,
    pub(crate) items: u64,
    pub(crate) time_ns: u64,
    pub(crate) position: u64,
    /// Where the next record is, if there is one.
    pub(crate) next: u64,
    lanes: u32,
    names: Option<Arc<[String]>>,
    pub(crate) body: Vec<u8>,
}

/// Where a record stands and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) position: u64,
    pub(crate) signal: Signal,
    /// When it was written, in nanoseconds since 1970.
    pub(crate) time_ns: u64,
    /// Where the next record is, if there is one.
    pub(crate) next: u64,
}

impl Place {
    pub(crate) fn of(header: &Header) -> Self {
        Self {
            position: header.position,
            signal: header.signal,
            time_ns: header.time_ns,
            next: header.position + header.record_len(),
        }
    }
}

impl Stored {
    /// The same without what it holds.
    pub(crate) fn without_body(mut self) -> Self {
        self.body = Vec::new();
        self
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            position: self.position,
            signal: self.signal,
            time_ns: self.time_ns,
            next: self.next,
        }
    }

    /// The names of the lanes that it was written for; none where the header of its segment is damaged.
    pub(crate) fn written_for(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().flat_map(|names| names.iter());
        let named = names.enumerate();
        named.filter_map(|(number, name)| (self.lanes >> number & 1 == 1).then_some(&**name))
    }

    /// Whether the lane of this name is to deliver it.
    pub(crate) fn is_for(&self, lane: &str) -> bool {
        is_for(self.names.as_deref(), self.lanes, lane)
    }
}

pub(crate) fn is_for(names: Option<&[String]>, lanes: u32, lane: &str) -> bool {
    let Some(names) = names else {
        return true;
    };
    let number = names.iter().position(|name| name == lane);
    number.is_some_and(|number| lanes >> number & 1 == 1)
}

impl<F: DiskFile> Segment<F> {
    /// Looks at all of a file that is named as a segment whose first record is at `first`. `seen` is told of
    /// each record before `until`, where a later segment begins: what a failed disk left behind was written
    /// again to that one.
    pub(crate) fn recover(
        file: F,
        name: &str,
        first: u64,
        until: u64,
        seen: &mut impl FnMut(&Header, &dyn Fn(&str) -> bool),
    ) -> Result<(Self, Recovered), LogError> {
        let bytes = read_all(&file)?;
        let head = Head::len_of(&bytes).and_then(|len| {
            Ok((
                Head::read(bytes.get(..len).ok_or(NoSegment::Damaged)?)?,
                len,
            ))
        });
        let (lanes, mut start, mut records): (Option<Arc<[String]>>, _, _) = match head {
            Ok((head, len)) if head.first == first => (
                Some(head.lanes.into()),
                len as u64,
                Records::of(&bytes, len, first),
            ),
            Err(NoSegment::Newer(version)) => return Err(LogError::Newer(version)),
            _ => (None, 0, Records::somewhere_in(&bytes)),
        };
        let mut end = first;
        let mut recovered = Recovered::default();
        for found in records.by_ref() {
            let header = found.header;
            if header.position < first || header.position >= until {
                continue;
            }
            if lanes.is_none() {
                let at = found.body.as_ptr() as usize - bytes.as_ptr() as usize - record::HEADER;
                start = (at as u64).wrapping_sub(header.position - first);
            }
            end = header.position + header.record_len();
            recovered.records += 1;
            recovered.items += u64::from(header.items);
            recovered.bytes += header.record_len();
            seen(&header, &|lane| {
                is_for(lanes.as_deref(), header.lanes, lane)
            });
        }
        recovered.unfinished = records.unread();
        recovered.unreadable = records.damaged() + recovered.unfinished;
        let segment = Self {
            name: name.to_owned(),
            first,
            end,
            lanes,
            start,
            file: Arc::new(file),
        };
        Ok((segment, recovered))
    }

    /// The position that the first byte of the file stands for, or a record behind it: where the header is damaged,
    /// bytes of the beginning may be missing, too.
    fn begins(&self) -> u64 {
        // Without them the place of the first record would be before that of the file.
        let missing = self.start.wrapping_neg();
        match i64::try_from(self.start) {
            Ok(_) => self.first,
            Err(_) => self.first.saturating_add(missing),
        }
    }

    /// The header of the record at `position`, where one stands there.
    pub(crate) fn header(&self, position: u64) -> io::Result<Option<Header>> {
        if position < self.begins() {
            return Ok(None);
        }
        let at = self.start.wrapping_add(position - self.first);
        let mut head = [0; record::HEADER];
        self.file.read_at(&mut head, at)?;
        let header = Header::read(&head).filter(|header| {
            header.position == position && position + header.record_len() <= self.end
        });
        Ok(header)
    }

    /// The first whole record at or behind `position`.
    pub(crate) fn read(&self, position: u64) -> io::Result<Option<Stored>> {
        let position = position.max(self.begins());
        if position >= self.end {
            return Ok(None);
        }
        let at = self.start.wrapping_add(position - self.first);
        if let Some(header) = self.header(position)? {
            let mut body = vec![0; header.len as usize];
            let read = self.file.read_at(&mut body, at + record::HEADER as u64)?;
            if read == body.len() && header.is_of(&body) {
                return Ok(Some(self.stored(&header, body)));
            }
        }
        // Damage: what comes after it is looked for.
        let mut rest = vec![0; (self.end - position) as usize];
        let read = self.file.read_at(&mut rest, at)?;
        rest.truncate(read);
        let found = Records::of(&rest, 0, position).next();
        Ok(found.map(|found| self.stored(&found.header, found.body.to_vec())))
    }

    fn stored(&self, header: &Header, body: Vec<u8>) -> Stored {
        Stored {
            signal: header.signal,
            items: header.items.into(),
            time_ns: header.time_ns,
            position: header.position,
            next: header.position + header.record_len(),
            lanes: header.lanes,
            names: self.lanes.clone(),
            body,
        }
    }
}

/// All of a file.
pub(crate) fn read_all(file: &impl DiskFile) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
