//! The state of one session: what is open, what has ended and waits to be sealed, the totals. Pure:
//! it decides, its cell acts.

use std::sync::Arc;
use std::time::Duration;

use super::budget::Reached;
use super::bundle::Place;
use super::gather::{ALONE, WHOLE};
use super::rare::Rare;
use super::root::RootDraft;
use super::slab::Slab;
use crate::actors::pool::{Buffer, CHUNK_BYTES, Pool};
use crate::model::chunk::Digest;
use crate::model::genai::Operation;
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;
use crate::model::usage::{Sums, Usage};

/// What a span told of itself, beside what it wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) operation: Operation,
    pub(super) failed: bool,
    /// Whether another process told the id of its parent.
    pub(super) is_parent_remote: bool,
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
    pub(super) sums: Sums,
    pub(super) rare: Option<Box<Rare>>,
    /// The latest of the times that its spans tell.
    pub(super) last_ns: u64,
    /// What a round found last, and when it was the first to find that.
    seen: Seen,
    /// Bytes of spans in all, for the roll-over.
    pub(super) bytes: u64,
    /// The root span while the session is open.
    pub(super) root: Option<RootDraft>,
    /// Where it has put something among what others have.
    pub(super) place: Option<Place>,
    /// Something of it is, or was, among what others have: it came before what is open.
    pub(super) is_among: bool,
    /// It is registered with the sweeper.
    pub(super) lingering: bool,
    /// What is sealed is parked whatever the policy: somebody waits for room on its behalf.
    pub(super) patient: bool,
    /// It is owned by the registry's list of ended sessions.
    pub(super) retired: bool,
    /// How much work is under way in it that keeps it open; none, where whoever opened it ends it.
    pub(super) visits: u32,
}

/// What a session looked like to the sweeper.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    signs: u64,
    /// Zero before the first look.
    at_ns: u64,
}

/// The chunk being filled.
#[derive(Debug, Default)]
pub(super) struct Open {
    buffer: Option<Buffer>,
    items: u32,
    /// Where somebody judges the session.
    digest: Option<Box<Digest>>,
    /// The size that was needed last time: a busy session starts with a full-sized buffer.
    hint: u32,
    /// Whether items come so often that they fill chunks before these are due.
    is_busy: bool,
    /// How many bytes were put among those of other sessions of late, and since when.
    among: u32,
    since_ns: u64,
}

/// What a chunk is made of, before it is booked.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(super) signal: Signal,
    pub(super) buffer: Buffer,
    pub(super) items: u64,
    pub(super) digest: Digest,
}

impl State {
    /// That of a session whose first chunk begins with so much room.
    #[inline(always)]
    pub(super) fn new(root: RootDraft, now_ns: u64, size: usize, visits: u32) -> Self {
        Self {
            slab: Slab::default(),
            spans: Open {
                hint: size.min(CHUNK_BYTES) as u32,
                is_busy: size >= WHOLE,
                ..Open::default()
            },
            sums: Sums::default(),
            rare: None,
            last_ns: now_ns,
            seen: Seen::default(),
            bytes: 0,
            root: Some(root),
            place: None,
            is_among: false,
            lingering: false,
            patient: false,
            retired: false,
            visits,
        }
    }

    /// How many bytes of spans it has put among those of others of late.
    pub(super) fn bytes_among(&self) -> usize {
        self.spans.among as usize
    }

    /// Whether an item of `len` bytes goes among those of other sessions, which is counted: no chunk is open that it
    /// belongs into, and no chunk was filled within `linger` of late.
    #[inline]
    pub(super) fn goes_among_others(
        &mut self,
        signal: Signal,
        len: usize,
        linger: Duration,
    ) -> bool {
        let now_ns = self.last_ns;
        self.open(signal)
            .is_some_and(|open| open.goes_among_others(len, now_ns, linger))
    }

    #[inline]
    fn open(&mut self, signal: Signal) -> Option<&mut Open> {
        match signal {
            Signal::Traces => Some(&mut self.spans),
            Signal::Logs => Some(&mut self.rare.get_or_insert_default().logs),
            // No session writes metrics.
            Signal::Metrics => None,
        }
    }

    /// Adds a span or log record to the open chunk, if there is room for it.
    #[inline]
    pub(super) fn append(&mut self, signal: Signal, draft: &Draft, common: &[u8]) -> bool {
        let Some(open) = self.open(signal) else {
            return false;
        };
        let Some(buffer) = open.buffer.as_mut() else {
            return false;
        };
        let needed = draft.len_in_chunk(common);
        if buffer.room() < needed {
            return false;
        }
        draft.write_to(buffer.extend(needed), common);
        open.items += 1;
        self.bytes += needed as u64;
        true
    }

    /// Makes room for `needed` bytes in the open chunk: what had to be sealed before, and whether there is
    /// room now. There is none when the byte budget is used up.
    #[cold]
    #[inline(never)]
    pub(super) fn make_room(
        &mut self,
        signal: Signal,
        needed: usize,
        pool: &Arc<Pool>,
    ) -> (Option<Sealed>, bool) {
        match self.open(signal) {
            Some(open) => open.make_room(signal, needed, pool),
            None => (None, false),
        }
    }

    /// Notes a span that was appended in the digest of its chunk.
    #[inline]
    pub(super) fn note(&mut self, facts: &Facts, duration_ns: u64, is_root: bool) {
        let digest = self.spans.digest.get_or_insert_default();
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

    /// Notes the root, with which the session ended, in the digest of the chunk that has it.
    pub(super) fn note_root(&mut self, root: &Digest) {
        let digest = self.spans.digest.get_or_insert_default();
        digest.merge(root);
    }

    /// Whether there is an open chunk.
    pub(super) fn has_buffer(&self) -> bool {
        let rare = self.rare.as_ref();
        self.spans.buffer.is_some() || rare.is_some_and(|rare| rare.logs.buffer.is_some())
    }

    /// Counts a span that ended.
    #[inline(always)]
    pub(super) fn count(&mut self, facts: &Facts) {
        let sums = &mut self.sums;
        sums.spans += 1;
        if facts.count() {
            sums.llm_calls += u64::from(facts.operation.is_llm_call());
            sums.tool_calls += u64::from(facts.operation == Operation::ExecuteTool);
            sums.errors += u64::from(facts.failed);
            if facts.priced {
                sums.add(&facts.usage);
                if let Some(cost) = facts.cost {
                    *sums.cost.get_or_insert(0.0) += cost;
                }
            }
        }
    }

    /// Takes what a span cost from the budget, where there is one.
    #[inline]
    pub(super) fn spend(&self, facts: &Facts) -> Option<Box<Reached>> {
        self.allowance()?.spend(facts.cost?)
    }

    /// For how long nothing has come, as far as rounds over all sessions can tell. It goes by when something
    /// came and not by the times of spans, which may be of long ago or of the future, and costs spans nothing:
    /// whatever comes raises one of the numbers that are counted anyway. `others` is one more of those.
    pub(super) fn idle_for(&mut self, now_ns: u64, others: u64) -> u64 {
        let ended = self.sums.spans;
        let started = ended + self.slab.len() as u64;
        let signs = [ended, started, self.bytes, self.last_ns, others];
        let signs = signs.into_iter().fold(0, u64::wrapping_add);
        let at_ns = match self.seen {
            seen if seen.at_ns > 0 && seen.signs == signs => seen.at_ns,
            _ => now_ns,
        };
        self.seen = Seen { signs, at_ns };
        now_ns.saturating_sub(at_ns)
    }

    /// Takes the open chunk of a signal, if there is anything in it.
    pub(super) fn seal(&mut self, signal: Signal) -> Option<Sealed> {
        match signal {
            Signal::Traces => self.spans.seal(signal),
            Signal::Logs => self.rare.as_mut()?.logs.seal(signal),
            Signal::Metrics => None,
        }
    }

    /// Whether nothing that has ended waits for company.
    pub(super) fn is_sealed(&self) -> bool {
        Signal::ALL.iter().all(|signal| self.unsealed(*signal) == 0)
    }

    /// Items that have ended and are in no book yet.
    pub(super) fn unsealed(&self, signal: Signal) -> u64 {
        match signal {
            Signal::Traces => self.spans.items.into(),
            Signal::Logs => {
                let rare = self.rare.as_ref();
                rare.map_or(0, |rare| rare.logs.items.into())
            }
            Signal::Metrics => 0,
        }
    }
}

impl Open {
    #[inline]
    fn goes_among_others(&mut self, len: usize, now_ns: u64, linger: Duration) -> bool {
        if self.buffer.is_some() || self.is_busy {
            return false;
        }
        if self.among == 0 {
            self.since_ns = now_ns;
        }
        // Both are small.
        self.among += len as u32;
        if self.among < CHUNK_BYTES as u32 {
            return true;
        }
        self.among = 0;
        let filled_in = Duration::from_nanos(now_ns.saturating_sub(self.since_ns));
        if filled_in <= linger {
            (self.hint, self.is_busy) = (CHUNK_BYTES as u32, true);
        }
        !self.is_busy
    }

    /// Makes room for `needed` bytes: grows the buffer, or seals it and begins another.
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
            self.hint = CHUNK_BYTES as u32;
            size = needed;
        }
        let usual = size.max(self.hint as usize);
        let Some(mut larger) = pool.take(usual).or_else(|| pool.take(size)) else {
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
        // One large span is no reason for large buffers behind it.
        self.hint = buffer.len().min(CHUNK_BYTES) as u32;
        self.is_busy = buffer.len() >= ALONE;
        let items = std::mem::take(&mut self.items);
        // Not kept for the next: of sessions that wait, many are open.
        let digest = self.digest.take();
        (items > 0).then_some(Sealed {
            signal,
            buffer,
            items: items.into(),
            digest: digest.map_or_else(Digest::default, |digest| *digest),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::slab::Parent;
    use super::*;
    use crate::model::chunk::End;
    use crate::model::id::SpanId;
    use crate::model::kind::SpanKind;
    use crate::model::limits::Limits;
    use crate::model::otlp::scan;

    fn draft(size: usize) -> Draft {
        let limits = Limits::default();
        let mut draft = Draft::with_capacity(0);
        draft.begin_span("span", "", &limits);
        draft.head(SpanId::random(), None, SpanKind::Internal, 1);
        draft.set("text", "x".repeat(size).as_str().into());
        draft.end(2);
        draft
    }

    /// Adds an item as a cell does: the chunk that had to be sealed before, and whether it was taken.
    fn append(
        state: &mut State,
        signal: Signal,
        draft: &Draft,
        pool: &Arc<Pool>,
    ) -> (Option<Sealed>, bool) {
        if state.append(signal, draft, b"") {
            return (None, true);
        }
        let (sealed, has_room) = state.make_room(signal, draft.len_in_chunk(b""), pool);
        let taken = state.append(signal, draft, b"");
        assert_eq!(taken, has_room);
        (sealed, taken)
    }

    fn state() -> State {
        State::new(RootDraft::Open(Box::new(draft(0))), 0, 0, 0)
    }

    /// Items come out as they went in, in chunks that are sealed before they are too large; the counts
    /// are those of the items.
    #[test]
    fn chunks_are_sealed_before_they_are_too_large() {
        let pool = Pool::new(1 << 20);
        let mut state = state();
        let (mut sealed, mut sizes) = (Vec::new(), Vec::new());
        for number in 0..500 {
            let draft = draft(number * 7 % 900);
            sizes.push(draft.len_in_chunk(b""));
            let (before, taken) = append(&mut state, Signal::Traces, &draft, &pool);
            assert!(taken);
            sealed.extend(before);
        }
        assert!(state.unsealed(Signal::Traces) > 0);
        sealed.extend(state.seal(Signal::Traces));
        assert_eq!(state.unsealed(Signal::Traces), 0);
        assert!(
            state.seal(Signal::Traces).is_none(),
            "there is nothing left"
        );
        assert_eq!(state.bytes, sizes.iter().sum::<usize>() as u64);
        let mut sizes = sizes.into_iter();
        for chunk in &sealed {
            assert!(chunk.buffer.len() <= CHUNK_BYTES);
            let mut start = 0;
            for end in scan::item_ends(chunk.buffer.as_slice()) {
                assert_eq!(Some(end - start), sizes.next());
                start = end;
            }
            let items = scan::item_ends(chunk.buffer.as_slice()).count();
            assert_eq!((start, items as u64), (chunk.buffer.len(), chunk.items));
        }
        assert_eq!(sizes.next(), None);
    }

    /// An item larger than a chunk gets one of its own, behind those that came before it.
    #[test]
    fn a_large_item_gets_a_chunk_of_its_own() {
        let pool = Pool::new(1 << 20);
        let mut state = state();
        assert!(append(&mut state, Signal::Traces, &draft(10), &pool).1);
        let (before, taken) = append(&mut state, Signal::Traces, &draft(100_000), &pool);
        assert!(taken);
        assert_eq!(before.map(|before| before.items), Some(1));
        let (before, _) = append(&mut state, Signal::Traces, &draft(10), &pool);
        let large = before.expect("the large one");
        assert_eq!(large.items, 1);
        assert!(large.buffer.len() > 100_000);
        assert_eq!(state.unsealed(Signal::Traces), 1);
    }

    /// What the budget has no room for is refused; what was taken before stays.
    #[test]
    fn what_has_no_room_is_refused() {
        let pool = Pool::new(4 << 10);
        let mut state = state();
        assert!(append(&mut state, Signal::Traces, &draft(500), &pool).1);
        let (before, taken) = append(&mut state, Signal::Traces, &draft(8000), &pool);
        assert!(!taken);
        let kept = before.or_else(|| state.seal(Signal::Traces));
        assert_eq!(kept.map(|kept| kept.items), Some(1));
        assert!(append(&mut state, Signal::Traces, &draft(500), &pool).1);
    }

    /// A session is idle for as long as nothing came, whatever times its spans tell: those of a recording that is
    /// played back are of long ago, and a wrong clock's of the future.
    #[test]
    fn idleness_goes_by_when_something_came() {
        const S: u64 = 1_000_000_000;
        let pool = Pool::new(1 << 20);
        let mut state = state();
        let now_ns = |seconds: u64| 1_000_000 * S + seconds * S;
        assert_eq!(state.idle_for(now_ns(0), 0), 0);
        assert_eq!(state.idle_for(now_ns(1), 0), S);
        for second in 2..100 {
            // Of 1970.
            state.last_ns = state.last_ns.max(second);
            state.count(&Facts::default());
            assert!(append(&mut state, Signal::Traces, &draft(10), &pool).1);
            assert_eq!(state.idle_for(now_ns(second), 0), 0);
        }
        // Of the year 2500.
        state.last_ns = 16_000_000_000 * S;
        assert_eq!(state.idle_for(now_ns(100), 0), 0);
        assert_eq!(state.idle_for(now_ns(107), 0), 7 * S);
        let id = SpanId::random();
        let parent = Parent {
            id: SpanId::random(),
            is_remote: false,
        };
        let (kind, operation) = (SpanKind::Internal, Operation::Other);
        let slot = state.slab.insert(id, parent, kind, operation, 1, b"open");
        assert_eq!(state.idle_for(now_ns(108), 0), 0, "a start");
        assert!(state.slab.remove(slot));
        state.count(&Facts::default());
        assert_eq!(state.idle_for(now_ns(109), 0), 0, "an end without room");
        assert_eq!(state.idle_for(now_ns(110), 0), S);
        assert_eq!(
            state.idle_for(now_ns(111), 1),
            0,
            "spans that are not recorded"
        );
    }

    /// Spans and log records fill chunks of their own.
    #[test]
    fn signals_do_not_mix() {
        let pool = Pool::new(1 << 20);
        let mut state = state();
        for signal in [Signal::Traces, Signal::Logs, Signal::Logs] {
            assert!(append(&mut state, signal, &draft(10), &pool).1);
        }
        let counts = Signal::ALL.map(|signal| state.unsealed(signal));
        assert_eq!(counts, [1, 2, 0]);
        let sealed = state.seal(Signal::Logs).expect("the log records");
        assert_eq!((sealed.signal, sealed.items), (Signal::Logs, 2));
        assert_eq!(state.unsealed(Signal::Traces), 1);
    }

    /// Digest and totals count what spans told; what none told stays unknown.
    #[test]
    fn facts_are_counted() {
        let pool = Pool::new(1 << 20);
        let mut state = state();
        let plain = Facts::default();
        let chat = Facts {
            operation: Operation::Chat,
            priced: true,
            usage: Usage {
                input: Some(7),
                ..Usage::default()
            },
            cost: Some(0.5),
            ..plain
        };
        let tool = Facts {
            operation: Operation::ExecuteTool,
            failed: true,
            ..plain
        };
        for (facts, duration, is_root) in [(plain, 5, true), (chat, 9, false), (tool, 1, false)] {
            assert!(append(&mut state, Signal::Traces, &draft(1), &pool).1);
            state.note(&facts, duration, is_root);
            state.count(&facts);
        }
        let totals = state.sums.totals();
        assert_eq!((totals.spans, totals.llm_calls), (3, 1));
        assert_eq!((totals.tool_calls, totals.errors), (1, 1));
        assert_eq!((totals.usage.input, totals.usage.output), (Some(7), None));
        assert_eq!(totals.cost, Some(0.5));
        let digest = state.seal(Signal::Traces).expect("three spans").digest;
        let expected = Digest {
            spans: 3,
            error: true,
            root_ended: true,
            end: End::Open,
            longest_ns: 9,
            llm_calls: 1,
            tool_calls: 1,
            tokens: 7,
            cost: 0.5,
        };
        assert_eq!(digest, expected);
        assert!(append(&mut state, Signal::Traces, &draft(1), &pool).1);
        let digest = state.seal(Signal::Traces).expect("a span").digest;
        assert_eq!(digest, Digest::default(), "a chunk has a digest of its own");
    }
}
