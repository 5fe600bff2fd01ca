//! Where the spans of a session lie, in the order of their start: what is read of it once, so that a page of a
//! session of a hundred thousand spans reads no more than the blocks that it is in.
//!
//! Holds 40 bytes for each span.

use std::collections::HashMap;
use std::ops::Range;

use spanreel::SpanId;
use spanreel::view::SpanView;

use crate::block::items_at;
use crate::error::StoreError;
use crate::facts::{Bones, agent_of};
use crate::query::{Cursor, Patience};
use crate::spread::Spread;

/// How many spans are read between two looks at the clock.
const LOOK: usize = 4_096;

/// The most ancestors that are asked for an agent: parents may lead in a circle.
const MOST_ANCESTORS: usize = 256;

/// No agent.
const NOBODY: u32 = u32::MAX;

/// Where a span lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    start_us: i64,
    id: u64,
    pub(crate) origin: i64,
    pub(crate) block: u32,
    offset: u32,
    length: u32,
    agent: u32,
}

impl Place {
    /// By what spans are sorted: their start, and their id where that is the same.
    fn key(&self) -> (i64, u64) {
        (self.start_us, self.id)
    }

    /// Its bytes in the unpacked block.
    pub(crate) fn bytes<'b>(&self, block: &'b [u8]) -> Result<&'b [u8], StoreError> {
        let end = self.offset as usize + self.length as usize;
        let bytes = block.get(self.offset as usize..end);
        bytes.ok_or(StoreError::Damaged("a block is shorter than it was"))
    }
}

/// All spans of a session.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    places: Vec<Place>,
    agents: Vec<String>,
}

/// An outline that is being made.
#[derive(Default)]
pub(crate) struct Outliner {
    outline: Outline,
    /// Parents, none being 0, and own agents, by span.
    above: HashMap<u64, (u64, u32), Spread>,
    numbers: HashMap<String, u32>,
}

fn number_of(id: SpanId) -> u64 {
    u64::from_be_bytes(id.to_bytes())
}

impl Outliner {
    /// Adds the block with this number.
    pub(crate) fn block(
        &mut self,
        number: usize,
        plain: &[u8],
        patience: &Patience,
    ) -> Result<(), StoreError> {
        const TOO_LARGE: StoreError = StoreError::Damaged("a block is too large");
        let number = u32::try_from(number).map_err(|_| TOO_LARGE)?;
        for (origin, offset, bytes) in items_at(plain)? {
            if self.outline.places.len().is_multiple_of(LOOK) {
                patience.check()?;
            }
            let view = SpanView::new(bytes)?;
            let Some(bones) = Bones::of(&view) else {
                continue;
            };
            let agent = agent_of(view.attributes()).map_or(NOBODY, |name| self.agent(name));
            let id = number_of(bones.id);
            let parent = bones.parent.map_or(0, number_of);
            self.above.insert(id, (parent, agent));
            self.outline.places.push(Place {
                start_us: bones.start_us,
                id,
                origin,
                block: number,
                offset: u32::try_from(offset).map_err(|_| TOO_LARGE)?,
                length: u32::try_from(bytes.len()).map_err(|_| TOO_LARGE)?,
                agent,
            });
        }
        Ok(())
    }

    fn agent(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.outline.agents.len() as u32;
        self.outline.agents.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Sorts, and gives each span its agent: its own, else that of the nearest span above it that has one.
    pub(crate) fn outline(mut self) -> Outline {
        for place in &mut self.outline.places {
            let mut next = place.id;
            for _ in 0..MOST_ANCESTORS {
                let Some((parent, agent)) = self.above.get(&next) else {
                    break;
                };
                if *agent != NOBODY {
                    place.agent = *agent;
                    break;
                }
                next = *parent;
            }
        }
        self.outline.places.sort_unstable_by_key(Place::key);
        self.outline.places.shrink_to_fit();
        self.outline
    }
}

impl Outline {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn places(&self, range: Range<usize>) -> &[Place] {
        &self.places[range]
    }

    /// A page behind `cursor`, and the cursor of the next one.
    pub(crate) fn page(
        &self,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Range<usize>, Option<String>), StoreError> {
        let from = match cursor {
            None => 0,
            Some(cursor) => {
                let cursor = Cursor::from_text(cursor)?;
                let after = (cursor.value as i64, cursor.tie);
                self.places.partition_point(|place| place.key() <= after)
            }
        };
        let to = self.places.len().min(from.saturating_add(limit));
        let last = self.places[from..to].last();
        let next = last.filter(|_| to < self.places.len()).map(|last| {
            let value = last.start_us as f64;
            Cursor {
                value,
                tie: last.id,
            }
            .to_text()
        });
        Ok((from..to, next))
    }

    /// Where a span is in the order.
    pub(crate) fn find(&self, id: SpanId) -> Option<usize> {
        let id = number_of(id);
        self.places.iter().position(|place| place.id == id)
    }

    /// The agent of a span.
    pub(crate) fn agent(&self, place: &Place) -> Option<&str> {
        self.agents.get(place.agent as usize).map(String::as_str)
    }

    /// The ids of all spans.
    pub(crate) fn ids(&self) -> impl Iterator<Item = SpanId> {
        let ids = self.places.iter();
        ids.filter_map(|place| SpanId::from_bytes(place.id.to_be_bytes()))
    }
}
