//! How far a lane has come: a small file with two slots that are written in turn, so that one of them
//! is whole whenever the process or the machine stops.

use std::io;

use super::disk::{Disk, DiskFile};
use super::record::MAX_POSITION;

/// Bytes of a slot.
const SLOT: usize = 32;

/// The cursor of one lane: all before its position is settled for that lane.
#[derive(Debug)]
pub(crate) struct Cursor<F> {
    file: F,
    sequence: u64,
    position: u64,
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
        let mut bytes = [0; 2 * SLOT];
        let read = file.read_at(&mut bytes, 0)?;
        let known = bytes[..read].chunks_exact(SLOT).filter_map(slot);
        let (sequence, position) = known.max().unwrap_or((0, start));
        Ok(Self {
            file,
            sequence,
            position,
        })
    }

    /// The furthest position of all cursors of a directory, those of lanes that are none now among them.
    pub(crate) fn furthest<D: Disk<File = F>>(disk: &D) -> io::Result<u64> {
        let mut furthest = 0;
        for name in disk.list()? {
            if name.starts_with("lane-") && name.ends_with(".cur") {
                let mut bytes = [0; 2 * SLOT];
                let read = disk.open(&name)?.read_at(&mut bytes, 0)?;
                let known = bytes[..read].chunks_exact(SLOT).filter_map(slot);
                furthest = known.map(|(_, at)| at).fold(furthest, u64::max);
            }
        }
        Ok(furthest)
    }

    /// Where the cursor of a lane is, without opening it for more; `None` where it has none.
    pub(crate) fn look<D: Disk<File = F>>(disk: &D, lane: &str) -> io::Result<Option<u64>> {
        let file = match disk.open(&Self::file_name(lane)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = [0; 2 * SLOT];
        let read = file.read_at(&mut bytes, 0)?;
        let known = bytes[..read].chunks_exact(SLOT).filter_map(slot);
        Ok(known.max().map(|(_, position)| position))
    }

    /// Writes its file again where somebody removed or replaced it.
    pub(crate) fn restore<D: Disk<File = F>>(&mut self, disk: &D, lane: &str) -> io::Result<()> {
        if disk.holds(&Self::file_name(lane), &self.file)? {
            return Ok(());
        }
        let position = self.position;
        *self = Self::open(disk, lane, position)?;
        self.move_to(position)?;
        self.sync()
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Moves to `position`. It is kept when the process is killed; when the power is cut only after
    /// [`sync`](Self::sync).
    pub(crate) fn move_to(&mut self, position: u64) -> io::Result<()> {
        let sequence = self.sequence + 1;
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&position.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..16]);
        bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
        self.file.write_at(&bytes, (sequence % 2) * SLOT as u64)?;
        self.sequence = sequence;
        self.position = position;
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// The sequence number and position of a slot, where it is whole.
fn slot(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(number)
    };
    let checksum = u32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
    let (sequence, position) = (number(0), number(8));
    // A slot that was never written is all zeros, whose checksum is not zero.
    let is_whole = crc32c::crc32c(&bytes[..16]) == checksum
        && sequence <= MAX_POSITION
        && position <= MAX_POSITION;
    is_whole.then_some((sequence, position))
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
}
