//! The state of one session: what is open, what has ended and waits to be sealed, the totals. Pure:
//! it decides, its cell acts.

use std::collections::VecDeque;

use super::slab::Slab;
use crate::actors::pool::{Buffer, CHUNK_BYTES, Pool};
use crate::model::chunk::{Chunk, Digest};
use crate::model::genai::Operation;
use crate::model::otlp::draft::{Draft, Saved};
use crate::model::request::Signal;
use crate::model::usage::{Totals, Usage};
use std::sync::Arc;

/// What a span told of itself, beside what it wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) operation: Operation,
    pub(super) failed: bool,
    /// Whether `usage` or `cost` says anything.
    pub(super) priced: bool,
    pub(super) usage: Usage,
    pub(super) cost: Option<f64>,
}

impl Facts {
    /// Whether a session has anything to count but the span itself.
    #[inline]
    pub(super) fn count(&self) -> bool {
        self.failed || self.priced || !matches!(self.operation, Operation::Other)
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) slab: Slab,
    spans: Open,
    logs: Option<Box<Open>>,
    /// Sealed chunks that the pipeline had no room for, in order.
    pub(super) parked: VecDeque<Chunk>,
    pub(super) totals: Totals,
    /// The root span while the session is open.
    pub(super) root: Option<Saved>,
    /// When anything last happened.
    pub(super) last_ns: u64,
    /// Bytes of spans in all, for the roll-over.
    pub(super) bytes: u64,
    /// It is registered with the sweeper.
    pub(super) lingering: bool,
    /// What is sealed is parked whatever the policy: somebody waits for room on its behalf.
    pub(super) patient: bool,
    /// It is owned by the registry's list of ended sessions.
    pub(super) retired: bool,
}

/// The chunk being filled.
#[derive(Debug, Default)]
struct Open {
    buffer: Option<Buffer>,
    items: u64,
    digest: Digest,
    /// The size that was needed last time: a busy session starts with a full-sized buffer.
    hint: usize,
}

/// What a chunk is made of, before it is booked.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(super) signal: Signal,
    pub(super) buffer: Buffer,
    pub(super) items: u64,
    pub(super) digest: Digest,
}

/// What became of an item.
#[derive(Debug)]
pub(super) struct Appended {
    /// The chunk that had to be sealed before.
    pub(super) sealed: Option<Sealed>,
    /// `false` when the byte budget was used up: the item is refused.
    pub(super) taken: bool,
}

impl State {
    pub(super) fn new(root: Saved, now_ns: u64, usual_size: usize) -> Self {
        Self {
            slab: Slab::default(),
            spans: Open {
                hint: usual_size,
                ..Open::default()
            },
            logs: None,
            parked: VecDeque::new(),
            totals: Totals::default(),
            root: Some(root),
            last_ns: now_ns,
            bytes: 0,
            lingering: false,
            patient: false,
            retired: false,
        }
    }

    /// Adds a span or log record to the open chunk.
    #[inline]
    pub(super) fn append(
        &mut self,
        signal: Signal,
        draft: &Draft,
        common: &[u8],
        pool: &Arc<Pool>,
    ) -> Appended {
        let open = match signal {
            Signal::Traces => &mut self.spans,
            Signal::Logs => self.logs.get_or_insert_default(),
        };
        let needed = draft.len_in_chunk(common);
        let mut sealed = None;
        if open
            .buffer
            .as_ref()
            .is_none_or(|buffer| buffer.room() < needed)
        {
            let taken;
            (sealed, taken) = open.make_room(signal, needed, pool);
            if !taken {
                return Appended { sealed, taken };
            }
        }
        let Some(buffer) = open.buffer.as_mut() else {
            return Appended {
                sealed,
                taken: false,
            };
        };
        draft.write_to(buffer.extend(needed), common);
        open.items += 1;
        self.bytes += needed as u64;
        Appended {
            sealed,
            taken: true,
        }
    }

    /// Notes a span that was appended in the digest of its chunk.
    #[inline]
    pub(super) fn note(&mut self, facts: &Facts, duration_ns: u64, is_root: bool) {
        let digest = &mut self.spans.digest;
        digest.spans += 1;
        digest.error |= facts.failed;
        digest.root_ended |= is_root;
        digest.longest_ns = digest.longest_ns.max(duration_ns);
        if facts.count() {
            digest.llm_calls += u32::from(facts.operation.is_llm_call());
            digest.tool_calls += u32::from(facts.operation == Operation::ExecuteTool);
            if facts.priced {
                digest.tokens = digest.tokens.saturating_add(facts.usage.total());
                digest.cost += facts.cost.unwrap_or(0.0);
            }
        }
    }

    /// Counts a span that ended.
    #[inline]
    pub(super) fn count(&mut self, facts: &Facts) {
        let totals = &mut self.totals;
        totals.spans += 1;
        if facts.count() {
            totals.llm_calls += u64::from(facts.operation.is_llm_call());
            totals.tool_calls += u64::from(facts.operation == Operation::ExecuteTool);
            totals.errors += u64::from(facts.failed);
            if facts.priced {
                totals.usage.add(&facts.usage);
                if let Some(cost) = facts.cost {
                    *totals.cost.get_or_insert(0.0) += cost;
                }
            }
        }
    }

    /// Takes the open chunk of a signal, if there is anything in it.
    pub(super) fn seal(&mut self, signal: Signal) -> Option<Sealed> {
        match signal {
            Signal::Traces => self.spans.seal(signal),
            Signal::Logs => self.logs.as_mut()?.seal(signal),
        }
    }

    /// Whether nothing that has ended waits for company.
    pub(super) fn is_sealed(&self) -> bool {
        Signal::ALL.iter().all(|signal| self.unsealed(*signal) == 0)
    }

    /// Items that have ended and are in no book yet.
    pub(super) fn unsealed(&self, signal: Signal) -> u64 {
        match signal {
            Signal::Traces => self.spans.items,
            Signal::Logs => self.logs.as_ref().map_or(0, |logs| logs.items),
        }
    }
}

impl Open {
    /// Makes room for `needed` bytes: grows the buffer, or seals it and begins another.
    #[cold]
    #[inline(never)]
    fn make_room(
        &mut self,
        signal: Signal,
        needed: usize,
        pool: &Arc<Pool>,
    ) -> (Option<Sealed>, bool) {
        let held = self.buffer.as_ref().map_or(0, Buffer::len);
        let mut sealed = None;
        let mut size = held + needed;
        if held > 0 && size > CHUNK_BYTES {
            sealed = self.seal(signal);
            self.hint = CHUNK_BYTES;
            size = needed;
        }
        let Some(mut larger) = pool.take(size.max(self.hint)).or_else(|| pool.take(size)) else {
            return (sealed, false);
        };
        if let Some(smaller) = &self.buffer {
            larger.append(smaller.as_slice());
        }
        self.buffer = Some(larger);
        (sealed, true)
    }

    fn seal(&mut self, signal: Signal) -> Option<Sealed> {
        let buffer = self.buffer.take()?;
        self.hint = buffer.len();
        let items = std::mem::take(&mut self.items);
        let digest = std::mem::take(&mut self.digest);
        (items > 0).then_some(Sealed {
            signal,
            buffer,
            items,
            digest,
        })
    }
}
