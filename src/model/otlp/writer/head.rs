//! Names, and what spans and events begin with: each in one piece.

use std::ops::Range;

use super::{FIXED64, LEN, VARINT, Writer, copy, tag};
use crate::model::otlp::fields as f;

impl Writer {
    /// A text in a field below 16 that is two texts with a space between them, or the one that is not
    /// empty. Returns where it stands.
    #[inline(always)]
    pub(crate) fn joined(&mut self, field: u32, first: &str, second: &str) -> Range<usize> {
        debug_assert!(field < 16, "a tag of one byte");
        const EACH: usize = 63;
        if first.len() <= EACH
            && second.len() <= EACH
            && let Some(room) = self.window::<{ 2 + EACH + 1 + EACH }>()
        {
            let gap = usize::from(!first.is_empty() && !second.is_empty());
            let second_at = 2 + first.len() + gap;
            let end = second_at + second.len();
            room[0] = tag(field, LEN) as u8;
            room[1] = (end - 2) as u8;
            copy(&mut room[2..2 + first.len()], first.as_bytes());
            // Without a gap, what comes next is written over it.
            room[second_at - gap] = b' ';
            copy(&mut room[second_at..end], second.as_bytes());
            let start = self.at + 2;
            self.at += end;
            return start..self.at;
        }
        self.joined_long(field, first, second)
    }

    #[cold]
    #[inline(never)]
    fn joined_long(&mut self, field: u32, first: &str, second: &str) -> Range<usize> {
        let second_at = match first.is_empty() || second.is_empty() {
            true => first.len(),
            false => first.len() + 1,
        };
        let len = second_at + second.len();
        self.open(field, len);
        let room = self.room(len);
        copy(&mut room[..first.len()], first.as_bytes());
        if let [space] = &mut room[first.len()..second_at] {
            *space = b' ';
        }
        copy(&mut room[second_at..], second.as_bytes());
        self.at - len..self.at
    }

    /// The fields that every span begins with, in one piece: ids, kind and start.
    #[inline]
    pub(crate) fn span_head(
        &mut self,
        id: [u8; 8],
        parent: Option<[u8; 8]>,
        kind: u8,
        start_ns: u64,
    ) {
        const ID_TAG: [u8; 2] = [tag(f::span::SPAN_ID, LEN) as u8, 8];
        const PARENT_TAG: [u8; 2] = [tag(f::span::PARENT_SPAN_ID, LEN) as u8, 8];
        let room = match parent {
            Some(parent) => {
                let (room, own) = self.room(10 + 21).split_at_mut(10);
                room[..2].copy_from_slice(&PARENT_TAG);
                room[2..].copy_from_slice(&parent);
                own
            }
            None => self.room(21),
        };
        room[..2].copy_from_slice(&ID_TAG);
        room[2..10].copy_from_slice(&id);
        room[10] = tag(f::span::KIND, VARINT) as u8;
        room[11] = kind;
        room[12] = tag(f::span::START_TIME_UNIX_NANO, FIXED64) as u8;
        room[13..].copy_from_slice(&start_ns.to_le_bytes());
    }

    /// Opens an event, in one piece with its time and name; returns what [`close`](Self::close) asks for.
    #[inline(always)]
    pub(crate) fn event_head(&mut self, time_ns: u64, name: &str) -> usize {
        let (start, len) = (self.at, name.len());
        if len >= 0x80 {
            self.open_unknown(f::span::EVENTS);
            self.fixed64(f::event::TIME_UNIX_NANO, time_ns);
            self.bytes(f::event::NAME, name.as_bytes());
            return start;
        }
        let room = self.room(13 + len);
        room[0] = tag(f::span::EVENTS, LEN) as u8;
        room[2] = tag(f::event::TIME_UNIX_NANO, FIXED64) as u8;
        room[3..11].copy_from_slice(&time_ns.to_le_bytes());
        room[11] = tag(f::event::NAME, LEN) as u8;
        room[12] = len as u8;
        copy(&mut room[13..], name.as_bytes());
        start
    }
}
