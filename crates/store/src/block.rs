//! Blocks: items of one session, compressed together.
//!
//! A block is runs of items of one origin, each item with its length, compressed by zstd with a dictionary of
//! the words that telemetry of agents is made of: a block of one span gains by it as a large one does by its
//! own repetitions.

use zstd::bulk::{Compressor, Decompressor};

use crate::error::StoreError;
use crate::wire::{put_varint, take_varint};

/// The first byte of a block: how it is compressed.
const FORMAT: u8 = 1;

/// Fast, and most of the gain: telemetry repeats itself closely.
const LEVEL: i32 = 1;

/// The largest block that is read, in bytes: what is written is far smaller, a single item apart.
const MOST_BYTES: usize = 256 << 20;

/// What blocks are compressed with. Part of the format: it never changes, another would be another format.
const DICTIONARY: &[u8] = include_bytes!("block/dictionary.txt");

/// Makes blocks and reads them.
pub(crate) struct Codec {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
}

impl Codec {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let failed = |_| StoreError::Damaged("zstd could not be started");
        Ok(Self {
            compressor: Compressor::with_dictionary(LEVEL, DICTIONARY).map_err(failed)?,
            decompressor: Decompressor::with_dictionary(DICTIONARY).map_err(failed)?,
        })
    }

    /// Compresses a block.
    pub(crate) fn pack(&mut self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let packed = self.compressor.compress(plain);
        let packed = packed.map_err(|_| StoreError::Damaged("zstd could not compress"))?;
        let mut block = Vec::with_capacity(packed.len() + 6);
        block.push(FORMAT);
        put_varint(&mut block, plain.len() as u64);
        block.extend_from_slice(&packed);
        Ok(block)
    }

    /// The reverse.
    pub(crate) fn unpack(&mut self, block: &[u8]) -> Result<Vec<u8>, StoreError> {
        let Some((&FORMAT, mut rest)) = block.split_first() else {
            return Err(StoreError::Damaged("its format is not known"));
        };
        let length = take_varint(&mut rest).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= MOST_BYTES);
        let length = length.ok_or(StoreError::Damaged("its length is missing"))?;
        let plain = self.decompressor.decompress(rest, length);
        let plain = plain.map_err(|_| StoreError::Damaged("it cannot be decompressed"))?;
        match plain.len() == length {
            true => Ok(plain),
            false => Err(StoreError::Damaged("it is shorter than it says")),
        }
    }
}

/// Items being put together to a block.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    origin: Option<i64>,
}

impl Draft {
    /// Adds an item of an origin.
    pub(crate) fn push(&mut self, origin: i64, item: &[u8]) {
        if self.origin != Some(origin) {
            // 0 as a length, which no item has: a new run begins.
            put_varint(&mut self.bytes, 0);
            put_varint(&mut self.bytes, origin as u64);
            self.origin = Some(origin);
        }
        put_varint(&mut self.bytes, item.len() as u64 + 1);
        self.bytes.extend_from_slice(item);
    }

    /// Adds all items of another.
    pub(crate) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.origin = other.origin.or(self.origin);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The items of an unpacked block, each with its origin.
pub(crate) fn items(plain: &[u8]) -> Result<Vec<(i64, &[u8])>, StoreError> {
    let all = items_at(plain)?.into_iter();
    Ok(all.map(|(origin, _, item)| (origin, item)).collect())
}

/// An item of a block: its origin, where it begins, and its bytes.
type Placed<'b> = (i64, usize, &'b [u8]);

/// The items of an unpacked block, each with where it begins.
pub(crate) fn items_at(plain: &[u8]) -> Result<Vec<Placed<'_>>, StoreError> {
    let broken = || StoreError::Damaged("an item is cut off");
    let (mut items, mut origin, mut rest) = (Vec::new(), 0, plain);
    while !rest.is_empty() {
        let length = take_varint(&mut rest).ok_or_else(broken)?;
        let Some(length) = length.checked_sub(1) else {
            origin = take_varint(&mut rest).ok_or_else(broken)? as i64;
            continue;
        };
        let length = usize::try_from(length).map_err(|_| broken())?;
        let at = plain.len() - rest.len();
        let (item, behind) = rest.split_at_checked(length).ok_or_else(broken)?;
        items.push((origin, at, item));
        rest = behind;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is packed is unpacked as it was, items and origins alike.
        #[test]
        fn what_is_packed_is_unpacked(
            given in proptest::collection::vec((0..3_i64, proptest::collection::vec(any::<u8>(), 0..50)), 0..20),
        ) {
            let mut draft = Draft::default();
            for (origin, item) in &given {
                draft.push(*origin, item);
            }
            let mut codec = Codec::new().expect("zstd");
            let block = codec.pack(draft.as_bytes()).expect("memory");
            let plain = codec.unpack(&block).expect("it was just packed");
            let read: Vec<_> = items(&plain).expect("whole").into_iter().map(|(origin, item)| (origin, item.to_vec())).collect();
            prop_assert_eq!(read, given);
        }

        /// Damage is an error and no panic.
        #[test]
        fn damage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _read = items(&bytes);
            let mut codec = Codec::new().expect("zstd");
            let mut block = vec![FORMAT];
            block.extend(&bytes);
            prop_assert!(codec.unpack(&block).is_err() || bytes.first() == Some(&0));
        }
    }
}
