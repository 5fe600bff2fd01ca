//! How far a lane has come: a small file with two slots that are written in turn, so that one of them
//! is whole whenever the process or the machine stops.
//!
//! ```text
//! offset  size
//!      0    32  slot of even numbers: number, position (8 bytes each), CRC-32C of them, 12 bytes of nothing
//!     32    32  slot of odd numbers
//!     64  2048  ranges of even numbers: number (8 bytes), how many (4), CRC-32C of those and of the ranges,
//!               the ranges: where each begins and ends (8 bytes each)
//!   2112  2048  ranges of odd numbers
//! ```
//!
//! All before the position is settled, and so are the ranges. Once settled is always settled: ranges of any
//! number are right that are whole. They are missing where there were none, and earlier versions do not look
//! at them.

use std::io;

use super::disk::{Disk, DiskFile};
use super::record::MAX_POSITION;
use super::settled::Settled;

/// Bytes of a slot.
const SLOT: usize = 32;
/// Bytes of an area of ranges.
const AREA: usize = 2048;
/// Where the areas begin.
const AREAS: usize = 2 * SLOT;
const AREA_HEAD: usize = 16;
const RANGE: usize = 16;
/// How many ranges are kept, the first: what is settled behind them comes again after a restart.
const MOST_RANGES: usize = (AREA - AREA_HEAD) / RANGE;
/// Bytes of a whole file.
const WHOLE: usize = AREAS + 2 * AREA;

/// The cursor of one lane: what of the log is settled for that lane.
#[derive(Debug)]
pub(crate) struct Cursor<F> {
    file: F,
    sequence: u64,
    settled: Settled,
}

impl<F: DiskFile> Cursor<F> {
    /// The file name of the cursor of a lane.
    pub(crate) fn file_name(lane: &str) -> String {
        format!("lane-{:08x}.cur", crc32c::crc32c(lane.as_bytes()))
    }

    /// The cursor of a lane; at `start` where it has none yet or both slots are damaged.
    pub(crate) fn open<D: Disk<File = F>>(disk: &D, lane: &str, start: u64) -> io::Result<Self> {
        let name = Self::file_name(lane);
        let file = match disk.open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(&name)?,
            Err(error) => return Err(error),
        };
        let known = read(&file)?;
        let (sequence, settled) = known.unwrap_or((0, Settled::all_before(start)));
        Ok(Self {
            file,
            sequence,
            settled,
        })
    }

    /// The furthest position of all cursors of a directory, those of lanes that are none now among them.
    pub(crate) fn furthest<D: Disk<File = F>>(disk: &D) -> io::Result<u64> {
        let mut furthest = 0;
        for name in disk.list()? {
            if name.starts_with("lane-")
                && name.ends_with(".cur")
                && let Some((_, settled)) = read(&disk.open(&name)?)?
            {
                furthest = furthest.max(settled.end());
            }
        }
        Ok(furthest)
    }

    /// What the cursor of a lane says, without opening it for more; `None` where it has none.
    pub(crate) fn look<D: Disk<File = F>>(disk: &D, lane: &str) -> io::Result<Option<Settled>> {
        let file = match disk.open(&Self::file_name(lane)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        Ok(read(&file)?.map(|(_, settled)| settled))
    }

    /// Writes its file again where somebody removed or replaced it.
    pub(crate) fn restore<D: Disk<File = F>>(&mut self, disk: &D, lane: &str) -> io::Result<()> {
        if disk.holds(&Self::file_name(lane), &self.file)? {
            return Ok(());
        }
        let settled = std::mem::take(&mut self.settled);
        *self = Self::open(disk, lane, settled.before())?;
        self.keep(settled)?;
        self.sync()
    }

    /// All before is settled.
    pub(crate) fn position(&self) -> u64 {
        self.settled.before()
    }

    pub(crate) fn settled(&self) -> &Settled {
        &self.settled
    }

    /// Moves to `position`. It is kept when the process is killed; when the power is cut only after
    /// [`sync`](Self::sync).
    pub(crate) fn move_to(&mut self, position: u64) -> io::Result<()> {
        self.keep(Settled::all_before(position))
    }

    /// Keeps what is settled, as [`move_to`](Self::move_to) does.
    pub(crate) fn keep(&mut self, settled: Settled) -> io::Result<()> {
        let sequence = self.sequence + 1;
        let place = sequence % 2;
        if settled.above().len() > 0 {
            let area = area(sequence, &settled);
            self.file
                .write_at(&area, AREAS as u64 + place * AREA as u64)?;
        }
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&settled.before().to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..16]);
        bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
        self.file.write_at(&bytes, place * SLOT as u64)?;
        self.sequence = sequence;
        self.settled = settled;
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// What a file says, with its number; nothing where no slot of it is whole.
fn read(file: &impl DiskFile) -> io::Result<Option<(u64, Settled)>> {
    let mut bytes = [0; WHOLE];
    let read = file.read_at(&mut bytes, 0)?;
    let (slots, areas) = bytes[..read].split_at(read.min(AREAS));
    let Some((sequence, position)) = slots.chunks_exact(SLOT).filter_map(slot).max() else {
        return Ok(None);
    };
    let mut settled = Settled::all_before(position);
    for area in areas.chunks(AREA) {
        for (from, to) in ranges(area).into_iter().flatten() {
            settled.mark(from, to);
        }
    }
    Ok(Some((sequence, settled)))
}

/// The sequence number and position of a slot, where it is whole.
fn slot(bytes: &[u8]) -> Option<(u64, u64)> {
    let checksum = u32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
    let (sequence, position) = (number(bytes, 0), number(bytes, 8));
    // A slot that was never written is all zeros, whose checksum is not zero.
    let is_whole = crc32c::crc32c(&bytes[..16]) == checksum
        && sequence <= MAX_POSITION
        && position <= MAX_POSITION;
    is_whole.then_some((sequence, position))
}

/// An area of ranges as bytes.
fn area(sequence: u64, settled: &Settled) -> Vec<u8> {
    let kept = settled.above().len().min(MOST_RANGES);
    let mut bytes = Vec::with_capacity(AREA_HEAD + kept * RANGE);
    bytes.extend(sequence.to_le_bytes());
    bytes.extend((kept as u32).to_le_bytes());
    bytes.extend([0; 4]);
    for (from, to) in settled.above().take(kept) {
        bytes.extend(from.to_le_bytes());
        bytes.extend(to.to_le_bytes());
    }
    let checksum = checksum(&bytes);
    bytes[12..AREA_HEAD].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The ranges of an area, where it is whole.
fn ranges(area: &[u8]) -> Option<impl Iterator<Item = (u64, u64)>> {
    let head = area.first_chunk::<AREA_HEAD>()?;
    let count = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
    let told = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
    if count > MOST_RANGES {
        return None;
    }
    let whole = area.get(..AREA_HEAD + count * RANGE)?;
    let ranges = whole[AREA_HEAD..].chunks_exact(RANGE);
    let ranges = ranges.map(|range| (number(range, 0), number(range, 8)));
    let is_whole = checksum(whole) == told && ranges.clone().all(|(_, to)| to <= MAX_POSITION);
    is_whole.then_some(ranges)
}

/// The checksum of an area.
fn checksum(area: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&area[..12]), &area[AREA_HEAD..])
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::super::sim::SimDisk;
    use super::*;

    /// A cursor is where it was last moved to, whichever byte of its other slot is damaged; with both
    /// damaged it starts over.
    #[test]
    fn a_cursor_survives_a_damaged_slot() {
        let disk = SimDisk::default();
        let mut cursor = Cursor::open(&disk, "otlp", 5).expect("it opens");
        assert_eq!(cursor.position(), 5);
        for position in [10, 20, 30] {
            cursor.move_to(position).expect("it moves");
        }
        let name = Cursor::<super::super::sim::SimFile>::file_name("otlp");
        let whole = disk.bytes(&name);
        for at in 0..whole.len() {
            disk.flip(&name, at, 0x10);
            let position = Cursor::open(&disk, "otlp", 5).expect("it opens").position();
            // The third move is in the second slot; twelve bytes of each mean nothing.
            let expected = match at / SLOT {
                1 if at % SLOT < 20 => 20,
                _ => 30,
            };
            assert_eq!(position, expected, "byte {at}");
            disk.flip(&name, at, 0x10);
        }
        disk.flip(&name, 0, 1);
        disk.flip(&name, SLOT, 1);
        assert_eq!(
            Cursor::open(&disk, "otlp", 5).expect("it opens").position(),
            5
        );
    }
    /// What is settled above the position is kept as well; where that is damaged, the position is not.
    #[test]
    fn what_is_settled_above_is_kept() {
        let disk = SimDisk::default();
        let mut cursor = Cursor::open(&disk, "otlp", 0).expect("it opens");
        let mut settled = Settled::all_before(10);
        settled.mark(20, 30);
        cursor.keep(settled.clone()).expect("it is written");
        settled.mark(40, 50);
        cursor.keep(settled.clone()).expect("it is written");
        let open = || {
            let cursor = Cursor::open(&disk, "otlp", 0).expect("it opens");
            cursor.settled().clone()
        };
        assert_eq!(open(), settled);
        assert_eq!(Cursor::furthest(&disk).expect("it is read"), 50);
        let name = Cursor::<super::super::sim::SimFile>::file_name("otlp");
        for at in AREAS..disk.bytes(&name).len() {
            disk.flip(&name, at, 1);
            let found = open();
            assert_eq!(found.before(), 10, "byte {at}");
            assert!(found.holds(25), "byte {at}: it is in both");
            assert!(found.end() == 30 || found == settled, "byte {at}");
            disk.flip(&name, at, 1);
        }
        // Once the gaps are closed the areas say nothing that is not so.
        cursor.move_to(60).expect("it moves");
        assert_eq!(open(), Settled::all_before(60));
    }

    /// Of more ranges than there is room for, the first are kept.
    #[test]
    fn the_first_ranges_are_kept() {
        let disk = SimDisk::default();
        let mut cursor = Cursor::open(&disk, "otlp", 0).expect("it opens");
        let mut settled = Settled::default();
        for number in 1..=2 * MOST_RANGES as u64 {
            settled.mark(number * 10, number * 10 + 5);
        }
        cursor.keep(settled).expect("it is written");
        let found = Cursor::open(&disk, "otlp", 0).expect("it opens");
        assert_eq!(found.settled().above().len(), MOST_RANGES);
        assert!(found.settled().holds(10) && !found.settled().holds(20 * MOST_RANGES as u64));
    }
}
