//! A segment: one file of the log. Its header says where in the log it begins and which lanes its
//! records name by number.
//!
//! ```text
//! offset  size
//!      0     8  "SPANREEL"
//!      8     4  version of the format
//!     12     4  CRC-32C of the version and of all of the header that follows
//!     16     8  position of the first record
//!     24     4  length of the names
//!     28        names of lanes, each behind its length in two bytes
//! ```
//!
//! Every later version begins with the first 28 bytes as they are here, so that a damaged version is not
//! taken for a later one.

use std::io;

use super::disk::DiskFile;

/// The version that this code writes and reads.
pub(crate) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"SPANREEL";
/// Where the names begin.
const FIXED: usize = 28;
/// How many lanes a segment can name: a record has one bit for each.
pub(crate) const MAX_LANES: usize = 32;
/// No header is longer: a length beyond it is damage.
const MAX_NAMES: u32 = 1 << 20;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The position of its first record.
    pub(crate) first: u64,
    /// The names of lanes, by number.
    pub(crate) lanes: Vec<String>,
}

/// Why a file is no segment that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSegment {
    /// It was never finished, or is damaged, or something else.
    Damaged,
    /// It is of a version that came later.
    Newer(u32),
}

impl Head {
    /// The file name of a segment whose first record is at `first`.
    pub(crate) fn file_name(first: u64) -> String {
        format!("log-{first:016x}.seg")
    }

    /// The position that a file name tells; `None` for other files.
    pub(crate) fn position_of(name: &str) -> Option<u64> {
        let digits = name.strip_prefix("log-")?.strip_suffix(".seg")?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
    }

    /// The header as bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut names = Vec::new();
        for lane in self.lanes.iter().take(MAX_LANES) {
            let name = crate::model::limits::truncate_bytes(lane, 1024);
            names.extend((name.len() as u16).to_le_bytes());
            names.extend(name.as_bytes());
        }
        let mut out = Vec::with_capacity(FIXED + names.len());
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.first.to_le_bytes());
        out.extend((names.len() as u32).to_le_bytes());
        out.extend(names);
        let checksum = checksum(&out);
        out[12..16].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// How many bytes of a file its header takes, as far as its beginning tells.
    pub(crate) fn len_of(beginning: &[u8]) -> Result<usize, NoSegment> {
        let fixed = beginning.first_chunk::<FIXED>().ok_or(NoSegment::Damaged)?;
        if fixed[..8] != MAGIC {
            return Err(NoSegment::Damaged);
        }
        let names = u32_at(fixed, 24);
        if names > MAX_NAMES {
            return Err(NoSegment::Damaged);
        }
        Ok(FIXED + names as usize)
    }

    /// Reads the header of a file.
    pub(crate) fn of(file: &impl DiskFile) -> io::Result<Result<Self, NoSegment>> {
        let mut bytes = vec![0; FIXED];
        let read = file.read_at(&mut bytes, 0)?;
        let len = match Self::len_of(&bytes[..read]) {
            Ok(len) => len,
            Err(none) => return Ok(Err(none)),
        };
        bytes.resize(len, 0);
        let read = file.read_at(&mut bytes, 0)?;
        Ok(Self::read(&bytes[..read]))
    }

    /// Reads a header from exactly its bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, NoSegment> {
        if Self::len_of(bytes)? != bytes.len() {
            return Err(NoSegment::Damaged);
        }
        let (version, told) = (u32_at(bytes, 8), u32_at(bytes, 12));
        if checksum(bytes) != told || version == 0 {
            return Err(NoSegment::Damaged);
        }
        if version > VERSION {
            return Err(NoSegment::Newer(version));
        }
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[16..24]);
        let mut lanes = Vec::new();
        let mut names = &bytes[FIXED..];
        while let Some((len, rest)) = names.split_first_chunk::<2>() {
            let len = u16::from_le_bytes(*len) as usize;
            let (name, rest) = rest.split_at_checked(len).ok_or(NoSegment::Damaged)?;
            lanes.push(String::from_utf8_lossy(name).into_owned());
            names = rest;
        }
        Ok(Self {
            first: u64::from_le_bytes(first),
            lanes,
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The checksum of a header.
fn checksum(header: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[8..12]), &header[16..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            first: 0xabc,
            lanes: vec!["otlp".to_owned(), "b\u{e4}r".to_owned()],
        }
    }

    /// A header is read back, and whichever bit of it changes is noticed; one of a later version says
    /// so.
    #[test]
    fn a_header_is_read_back_or_refused() {
        let bytes = head().to_bytes();
        assert_eq!(Head::len_of(&bytes), Ok(bytes.len()));
        assert_eq!(Head::read(&bytes), Ok(head()));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::read(&damaged).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Head::read(&bytes[..len]).is_err(), "{len} bytes");
        }
        let mut newer = bytes;
        newer[8] = 2;
        let sum = checksum(&newer);
        newer[12..16].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Head::read(&newer), Err(NoSegment::Newer(2)));
    }

    /// Segments are known by their names, and other files are not taken for segments.
    #[test]
    fn names_tell_positions() {
        let name = Head::file_name(0xabc);
        assert_eq!(name, "log-0000000000000abc.seg");
        assert_eq!(Head::position_of(&name), Some(0xabc));
        for other in [
            "log-abc.seg",
            "lane-0000000000000abc.cur",
            "log-000000000000000g.seg",
            "",
            "log-0000000000000abc.seg.tmp",
        ] {
            assert_eq!(Head::position_of(other), None, "{other}");
        }
    }
}
