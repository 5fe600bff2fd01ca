//! The log: records in order, in segments, on disk.
//!
//! What is appended is pending until it is committed: then it lasts through a power cut and can be
//! read. One commit takes all that is pending, so that the disk is asked once for many.
//!
//! Holds: what is pending; one open file per segment. Waits: for the disk. Loses: nothing; evicting is
//! the caller's decision.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::record::{self, Header};
use super::segment::Head;
use super::stored::{Place, Recovered, Segment, Stored, is_for, read_all};
use crate::model::request::Signal;

/// How large the log and its segments may become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// A segment is closed when it has so many bytes.
    pub(crate) segment: u64,
    /// All of the log.
    pub(crate) max: u64,
}

/// The log in one directory. The caller holds the directory's lock.
#[derive(Debug)]
pub(crate) struct Log<D: Disk> {
    disk: D,
    sizes: Sizes,
    /// The lanes of this process, by number.
    lanes: Vec<String>,
    /// In order; what is appended goes into the last.
    segments: VecDeque<Segment<D::File>>,
    /// Whether the last segment may be appended to: it is of this process and not abandoned.
    is_open: bool,
    /// Encoded records that are not committed yet.
    pending: Vec<u8>,
    /// Where the log ends, what is pending included.
    end: u64,
    /// All before is committed.
    committed: u64,
    /// Bytes that others have of the room.
    others: u64,
    /// Segments were removed, and a power cut may bring them back: what is in them is settled.
    has_removed: bool,
}

/// Why the log cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// A later version wrote it: it is left as it is.
    #[error(
        "the spool was written by a later version (format {0}); use that version, or another directory"
    )]
    Newer(u32),
    #[error("cannot use the spool: {0}")]
    Io(#[from] io::Error),
}

/// There is no room for what was to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The segments of a directory, in order, each behind the position that its name tells.
pub(crate) fn segment_files<D: Disk>(disk: &D) -> io::Result<Vec<(u64, String)>> {
    let names = disk.list()?.into_iter();
    let mut names: Vec<_> = names
        .filter_map(|name| Some((Head::position_of(&name)?, name)))
        .collect();
    names.sort();
    Ok(names)
}

/// Creates a file, also in place of one that an attempt left that failed: nothing in that was committed.
fn create_anew<D: Disk>(disk: &D, name: &str) -> io::Result<D::File> {
    match disk.create(name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(name)?;
            disk.create(name)
        }
        created => created,
    }
}

impl<D: Disk> Log<D> {
    /// Opens the log of a directory and looks at all that it holds. `seen` is told of each record, in no particular order,
    /// and whom it is for. No new record comes before `floor`, which a cursor may have passed already.
    pub(crate) fn open(
        disk: D,
        sizes: Sizes,
        lanes: Vec<String>,
        floor: u64,
        mut seen: impl FnMut(&Header, &dyn Fn(&str) -> bool),
    ) -> Result<(Self, Recovered), LogError> {
        let names = segment_files(&disk)?;
        let mut log = Self {
            disk,
            sizes,
            lanes,
            segments: VecDeque::new(),
            is_open: false,
            pending: Vec::new(),
            end: floor,
            committed: floor,
            others: 0,
            has_removed: false,
        };
        let mut recovered = Recovered::default();
        // From the last to the first: what a segment holds ends where a later one begins that has
        // anything in it.
        let mut until = u64::MAX;
        for (first, name) in names.iter().rev() {
            let file = log.disk.open(name)?;
            let (segment, found) = Segment::recover(file, name, *first, until, &mut seen)?;
            // What was written just before the process was killed may not last yet.
            segment.file.sync()?;
            recovered.add(&found);
            if segment.end == segment.first {
                // It was created and never filled, or nothing of it can be read.
                log.set_aside(segment)?;
                continue;
            }
            until = *first;
            log.end = log.end.max(segment.end);
            log.segments.push_front(segment);
        }
        log.committed = log.end;
        Ok((log, recovered))
    }

    /// Removes an empty segment; keeps one that cannot be read under another name.
    fn set_aside(&self, segment: Segment<D::File>) -> io::Result<()> {
        if segment.file.len()? <= segment.start {
            self.disk.remove(&segment.name)?;
        } else {
            self.disk
                .rename(&segment.name, &format!("{}.damaged", segment.name))?;
        }
        self.disk.sync()
    }

    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    /// Where the log begins: nothing before is there any more.
    pub(crate) fn start(&self) -> u64 {
        self.segments
            .front()
            .map_or(self.end, |segment| segment.first)
    }

    /// Where the next record will be.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Where the records end that can be read.
    pub(crate) fn committed(&self) -> u64 {
        self.committed
    }

    /// Bytes of all records.
    pub(crate) fn bytes(&self) -> u64 {
        self.end - self.start()
    }

    /// Whether something waits to be committed.
    pub(crate) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Where the oldest segment ends; `None` where there is but the one that is being written.
    pub(crate) fn end_of_oldest(&self) -> Option<u64> {
        (self.segments.len() > 1).then(|| self.segments[0].end)
    }

    /// Others in the directory take so many bytes of what the log may have.
    pub(crate) fn make_room_for(&mut self, others: u64) {
        self.others = others;
    }

    /// The bytes of all records at the most.
    pub(crate) fn most(&self) -> u64 {
        self.sizes.max
    }

    /// Adds a request for the lanes whose bits are set; it is pending until the next commit. Returns its
    /// position.
    pub(crate) fn append<'a>(
        &mut self,
        signal: Signal,
        items: u64,
        lanes: u32,
        time_ns: u64,
        len: usize,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<u64, Full> {
        let needed = (record::HEADER + len) as u64;
        if self.bytes() + needed > self.sizes.max.saturating_sub(self.others) {
            return Err(Full);
        }
        let position = self.end;
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let header = Header::new(signal, items, lanes, position, time_ns);
        let header = record::write(&mut self.pending, header, parts);
        self.end += header.record_len();
        Ok(position)
    }

    /// Makes all that was appended last. After an error it is still pending, and the next commit tries
    /// again: in a new segment where the disk failed to sync, because what such a disk says later of the
    /// same file cannot be believed.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.begin_segment()?;
        let segment = self.segments.back_mut().expect("one was begun");
        let at = segment.start + (self.committed - segment.first);
        if let Err(error) = segment.file.write_at(&self.pending, at) {
            // What was written of it must not take the room that others need.
            let cut = segment.file.truncate(at);
            self.is_open &= cut.is_ok();
            return Err(error);
        }
        if let Err(error) = segment.file.sync() {
            self.is_open = false;
            return Err(error);
        }
        self.committed = self.end;
        segment.end = self.end;
        // A burst must not keep its room for ever; one like the last will find it.
        let room = self.pending.len() * 2;
        self.pending.clear();
        self.pending.shrink_to(room.max(4 << 20));
        Ok(())
    }

    /// Sees to it that there is a segment to append to.
    fn begin_segment(&mut self) -> io::Result<()> {
        if let Some(last) = self.segments.back()
            && self.is_open
            && last.end - last.first < self.sizes.segment
        {
            return Ok(());
        }
        self.is_open = false;
        if let Some(last) = self.segments.back()
            && last.end == last.first
        {
            // Nothing in it was ever committed: its name is needed again.
            let last = self.segments.pop_back().expect("it is there");
            self.disk.remove(&last.name)?;
        }
        let head = Head {
            first: self.committed,
            lanes: self.lanes.clone(),
        };
        let bytes = head.to_bytes();
        let name = Head::file_name(head.first);
        let file = create_anew(&self.disk, &name)?;
        file.write_at(&bytes, 0)?;
        self.disk.sync()?;
        self.has_removed = false;
        self.segments.push_back(Segment {
            name,
            first: head.first,
            end: head.first,
            lanes: Some(head.lanes.into()),
            start: bytes.len() as u64,
            file: Arc::new(file),
        });
        self.is_open = true;
        Ok(())
    }

    /// The first whole record at or behind `position`; `None` at the end of what is committed.
    pub(crate) fn read(&self, position: u64) -> io::Result<Option<Stored>> {
        let behind = self
            .segments
            .partition_point(|segment| segment.end <= position);
        for segment in self.segments.range(behind..) {
            if let Some(stored) = segment.read(position.max(segment.first))? {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    /// The first record at or behind `position` that the lane of this name is to deliver; `None` at the
    /// end of what is committed. What is for others is not read.
    pub(crate) fn next_for(&self, lane: &str, mut position: u64) -> io::Result<Option<Place>> {
        loop {
            let behind = self
                .segments
                .partition_point(|segment| segment.end <= position);
            let Some(segment) = self.segments.get(behind) else {
                return Ok(None);
            };
            position = position.max(segment.first);
            let (place, is_for) = match segment.header(position)? {
                Some(header) => (
                    Place::of(&header),
                    is_for(segment.lanes.as_deref(), header.lanes, lane),
                ),
                // Damage: what comes after it is looked for.
                None => match self.read(position)? {
                    Some(stored) => (stored.place(), stored.is_for(lane)),
                    None => return Ok(None),
                },
            };
            if is_for {
                return Ok(Some(place));
            }
            position = place.next;
        }
    }

    /// Writes the segments again that somebody removed or replaced, from the files that are still open.
    /// Returns how many.
    pub(crate) fn restore(&mut self) -> io::Result<usize> {
        let mut restored = 0;
        for segment in &mut self.segments {
            if self.disk.holds(&segment.name, &segment.file)? {
                continue;
            }
            let bytes = read_all(&*segment.file)?;
            let name = format!("{}.new", segment.name);
            let file = create_anew(&self.disk, &name)?;
            file.write_at(&bytes, 0)?;
            file.sync()?;
            self.disk.rename(&name, &segment.name)?;
            segment.file = Arc::new(file);
            restored += 1;
        }
        if restored > 0 {
            self.disk.sync()?;
        }
        Ok(restored)
    }

    /// Removes the segments that lie before `position` as a whole, for good; when all is settled, nothing stays.
    pub(crate) fn release(&mut self, position: u64) -> io::Result<()> {
        self.remove_before(position)?;
        self.sync_removed()
    }

    /// The same for those who can pass over what a power cut brings back, until the next segment is begun or
    /// [`sync_removed`](Self::sync_removed) is called.
    pub(crate) fn remove_before(&mut self, position: u64) -> io::Result<()> {
        while let Some(segment) = self.segments.front() {
            let is_last = self.segments.len() == 1;
            let busy = is_last && (!self.pending.is_empty() || segment.end == segment.first);
            if segment.end > position || busy {
                break;
            }
            match self.disk.remove(&segment.name) {
                // Somebody else removed it; it was to go.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
            self.segments.pop_front();
            self.is_open &= !is_last;
            self.has_removed = true;
        }
        Ok(())
    }

    /// Makes removals last through a power cut, where that is still to be done.
    pub(crate) fn sync_removed(&mut self) -> io::Result<()> {
        if self.has_removed {
            self.disk.sync()?;
            self.has_removed = false;
        }
        Ok(())
    }

    /// The records of the oldest segment, to be given up for new ones; `None` where there is but the one
    /// that is being written.
    pub(crate) fn oldest(&self) -> io::Result<Option<(u64, Vec<Stored>)>> {
        if self.segments.len() < 2 {
            return Ok(None);
        }
        let segment = &self.segments[0];
        let mut stored = Vec::new();
        let mut at = segment.first;
        while let Some(record) = segment.read(at)? {
            at = record.next;
            stored.push(record.without_body());
        }
        Ok(Some((segment.end, stored)))
    }
}

#[cfg(test)]
mod tests;
