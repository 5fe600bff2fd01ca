//! The journal beside a model of it, on a disk that fails and forgets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::notes::{Facts, LeftSession, request_of};
use super::super::sim::SimDisk;
use super::*;
use crate::model::chunk::tests::origin;
use crate::model::chunk::{Digest, SessionKey};
use crate::model::id::TraceId;
use crate::model::ledger::Book;
use crate::model::otlp::fields as f;
use crate::model::otlp::writer::Writer;
use crate::model::propagation::trace_state::TraceState;
use crate::model::receipt::{Shares, Ticket};
use crate::model::sampling::plan::Draw;

const SEGMENT: u64 = 600;
const ROOM: u64 = 1 << 20;

fn open(disk: &SimDisk) -> (Undecided<SimDisk>, Left) {
    Undecided::open(disk.clone(), SEGMENT, ROOM).expect("the disk works")
}

fn key(number: u64) -> SessionKey {
    let bytes = (u128::from(number) + 1).to_be_bytes();
    SessionKey(TraceId::from_bytes(bytes).expect("not zero"))
}

/// The note of a chunk with one span that is this number; its session has so many spans then.
fn held(session: u64, key: SessionKey, chunk: u64, spans: u64) -> HeldNote {
    let mut items = Writer::with_capacity(16);
    items.bytes(f::scope_items::ITEMS, &chunk.to_be_bytes());
    let bytes = items.to_vec().into();
    HeldNote {
        session,
        facts: Facts {
            key,
            is_own: false,
            draw: Draw::new(key.0, &TraceState::EMPTY, None),
            digest: Digest {
                spans,
                ..Digest::default()
            },
            about: None,
        },
        request: request_of(Signal::Traces, &origin("one"), bytes, 1),
        exposed: Exposed::default(),
    }
}

fn decided(session: u64, key: SessionKey, keep: bool) -> Decided {
    Decided {
        session,
        key,
        bits: Decision::kept(keep).bits(),
    }
}

/// The numbers of the chunks of a session that was left.
fn chunks(left: &LeftSession) -> Vec<u64> {
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes[2..].try_into().expect("8 bytes"));
    left.chunks.iter().map(|it| number(&it.bytes)).collect()
}

#[derive(Clone, Debug)]
enum Action {
    Hold(usize),
    Decide(usize, bool),
    Over(usize),
    Write,
    WriteFailing,
    Kill,
    CutPower(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0..12_usize).prop_map(Action::Hold),
        2 => (0..12_usize, any::<bool>()).prop_map(|(of, keep)| Action::Decide(of, keep)),
        2 => (0..12_usize).prop_map(Action::Over),
        6 => Just(Action::Write),
        1 => Just(Action::WriteFailing),
        1 => Just(Action::Kill),
        2 => any::<u64>().prop_map(Action::CutPower),
    ]
}

/// Decides by a seed what survives.
fn coin(mut seed: u64) -> impl FnMut() -> bool {
    move || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        seed >> 40 & 1 == 1
    }
}

/// A session as the model knows it.
#[derive(Clone, Debug, Default)]
struct Model {
    number: u64,
    /// Chunks on disk, and those that may be.
    chunks: Vec<u64>,
    pending: Vec<u64>,
    /// How many it said that it has; what was lost of the pending counts, too.
    spans: u64,
    /// What was decided, and whether that is on disk.
    decided: Option<(bool, bool)>,
    /// It was said to be over, and whether that is on disk.
    over: Option<bool>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever ends the process and whatever the disk does: what was written of a session is there once and
    /// in order, unless it was dropped or is over; what was decided of it is known, if anybody could have seen
    /// it; what was dropped never comes again.
    #[test]
    fn what_is_undecided_is_there(actions in prop::collection::vec(action(), 1..120)) {
        let disk = SimDisk::default();
        let (mut journal, left) = open(&disk);
        let (mut next, mut chunk) = (left.next, 0);
        let mut models: BTreeMap<usize, Model> = BTreeMap::new();
        // How many each chunk says that there are.
        let mut said: BTreeMap<u64, u64> = BTreeMap::new();
        let mut names = 0..;
        let mut keys: Vec<u64> = (0..12).map(|_| names.next().expect("endless")).collect();
        for action in actions {
            match action {
                Action::Hold(of) => {
                    let model = models.entry(of).or_insert_with(|| {
                        next += 1;
                        Model { number: next - 1, ..Model::default() }
                    });
                    if model.decided.is_some() {
                        continue;
                    }
                    chunk += 1;
                    model.pending.push(chunk);
                    model.spans += 1;
                    let spans = model.spans;
                    said.insert(chunk, spans);
                    let note = held(model.number, key(keys[of]), chunk, spans);
                    journal.take(Notes { held: vec![note], ..Notes::default() });
                }
                Action::Decide(of, keep) => {
                    if let Some(model) = models.get_mut(&of).filter(|it| it.decided.is_none()) {
                        model.decided = Some((keep, false));
                        let note = decided(model.number, key(keys[of]), keep);
                        journal.take(Notes { decided: vec![note], ..Notes::default() });
                    }
                }
                Action::Over(of) => {
                    let is_kept = |it: &&mut Model| it.over.is_none() && it.decided.is_some_and(|(keep, _)| keep);
                    if let Some(model) = models.get_mut(&of).filter(is_kept) {
                        model.over = Some(false);
                        journal.take(Notes { over: vec![model.number], ..Notes::default() });
                    }
                }
                Action::Write => {
                    journal.write(1, ROOM, true).expect("the disk works");
                    prop_assert!(journal.is_settled());
                    for (of, mut model) in std::mem::take(&mut models) {
                        model.chunks.append(&mut model.pending);
                        model.decided = model.decided.map(|(keep, _)| (keep, true));
                        model.over = model.over.map(|_| true);
                        let is_dropped = model.decided.is_some_and(|(keep, _)| !keep);
                        if is_dropped || model.over.is_some() {
                            keys[of] = names.next().expect("endless");
                        } else {
                            models.insert(of, model);
                        }
                    }
                }
                Action::WriteFailing => {
                    disk.fail_sync_after(0);
                    // Nothing to write, nothing to fail.
                    let _written = journal.write(1, ROOM, true);
                    disk.fail_sync_after(u32::MAX);
                }
                Action::Kill | Action::CutPower(_) => {
                    match action {
                        Action::CutPower(seed) => disk.cut_power(coin(seed)),
                        _ => disk.kill(),
                    }
                    let (reopened, left) = open(&disk);
                    journal = reopened;
                    next = left.next;
                    let mut found: BTreeMap<SessionKey, _> = BTreeMap::new();
                    for session in left.sessions {
                        let spans = session.digest.spans;
                        let chunks = chunks(&session);
                        let last = chunks.last().expect("there is one");
                        prop_assert_eq!(Some(&spans), said.get(last), "the last one counts");
                        found.insert(session.key, (session.session, session.decided, chunks, spans));
                    }
                    for (of, mut model) in std::mem::take(&mut models) {
                        let there = found.remove(&key(keys[of]));
                        let may_be_gone = model.over.is_some() || model.decided.is_some_and(|(keep, _)| !keep);
                        let Some((number, decided, chunks, spans)) = there else {
                            prop_assert!(may_be_gone || model.chunks.is_empty(), "{:?}", model);
                            keys[of] = names.next().expect("endless");
                            continue;
                        };
                        prop_assert_eq!(number, model.number);
                        // What was not written may have survived in part.
                        let (written, others) = chunks.split_at(model.chunks.len().min(chunks.len()));
                        prop_assert_eq!(written, &model.chunks, "{:?}", model);
                        let mut pending = model.pending.iter();
                        prop_assert!(others.iter().all(|it| pending.any(|of| of == it)), "{:?} of {:?}", others, model);
                        model.spans = spans;
                        let is_decided = model.decided.is_some_and(|(_, is_durable)| is_durable);
                        prop_assert!(decided.is_some() || !is_decided, "{:?}", model);
                        model.decided = decided.map(|_| (true, true));
                        model.chunks = chunks;
                        model.pending.clear();
                        model.over = None;
                        models.insert(of, model);
                    }
                    prop_assert!(found.is_empty(), "{:?}", found);
                }
            }
        }
    }
}

impl PartialOrd for SessionKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SessionKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_bytes().cmp(&other.0.to_bytes())
    }
}

/// However many sessions come and go beside one that stays, the journal stays small, remembers the last
/// decisions, and the one that stays is whole after a restart.
#[test]
fn it_stays_small() {
    let disk = SimDisk::default();
    let max = 64 << 10;
    let (mut journal, left) = Undecided::open(disk.clone(), SEGMENT, max).expect("it opens");
    let stays = left.next;
    let note = held(stays, key(0), 7, 1);
    journal.take(Notes {
        held: vec![note],
        ..Notes::default()
    });
    for number in stays + 1..stays + 3000 {
        journal.take(Notes {
            held: vec![held(number, key(number), number, 1)],
            decided: vec![decided(number, key(number), number % 2 == 0)],
            ..Notes::default()
        });
        journal.write(1, ROOM, true).expect("the disk works");
        journal.take(Notes {
            over: vec![number],
            ..Notes::default()
        });
        assert!(journal.bytes() < max, "{} bytes", journal.bytes());
    }
    journal.write(1, ROOM, true).expect("the disk works");
    drop(journal);
    let (journal, left) = Undecided::open(disk.clone(), SEGMENT, max).expect("it opens");
    assert_eq!(left.sessions.len(), 1);
    assert_eq!(
        (left.sessions[0].session, chunks(&left.sessions[0])),
        (stays, vec![7])
    );
    let known: BTreeSet<_> = left.decided.iter().map(|it| it.session).collect();
    let last = stays + 2999;
    assert!((last - 200..=last).all(|number| known.contains(&number)));
    assert!(left.next > last && journal.needed() < 400);
}

/// What there is no room for waits until there is, and whoever waits for it is told then, not before.
#[test]
fn what_has_no_room_waits() {
    let disk = SimDisk::default();
    let (mut journal, left) = open(&disk);
    let ticket = Arc::new(Ticket::default());
    let mut shares = Shares::of(&ticket, 1);
    let mut note = held(left.next, key(1), 1, 1);
    note.exposed = shares.expose();
    journal.take(Notes {
        held: vec![note],
        ..Notes::default()
    });
    journal.write(1, 10, true).expect("the disk works");
    assert!(journal.is_stuck() && !journal.is_settled());
    assert_eq!(ticket.exposed(), 1);
    journal.write(1, ROOM, true).expect("the disk works");
    assert!(journal.is_settled());
    assert_eq!((ticket.exposed(), ticket.open()), (0, 1));
    shares.settle(Fate::Exported);
}

/// What is left for the next start is settled when it is on disk; on a disk that fails it is lost, and told.
#[test]
fn what_is_left_is_settled_on_disk() {
    let disk = SimDisk::default();
    let (mut journal, left) = open(&disk);
    let book = Arc::new(Book::default());
    let notes = |chunk| Notes {
        held: vec![held(left.next, key(1), chunk, chunk)],
        left: vec![book.enter(1)],
        ..Notes::default()
    };
    journal.take(notes(1));
    journal.write(1, ROOM, true).expect("the disk works");
    assert_eq!(book.counts().of(Fate::Spooled), 1);
    journal.take(notes(2));
    disk.fail_sync_after(0);
    assert!(journal.write(1, ROOM, true).is_err());
    drop(journal);
    assert_eq!(book.counts().of(Fate::Abandoned), 1);
}

/// What was held of one session under two numbers goes on as one, and is decided as one.
#[test]
fn one_session_is_one() {
    for keep in [true, false] {
        let disk = SimDisk::default();
        let (mut journal, left) = open(&disk);
        let numbers = [left.next, left.next + 1, left.next + 2];
        for (chunk, number) in numbers.into_iter().enumerate() {
            let note = held(number, key(number / 2), chunk as u64, 1);
            journal.take(Notes {
                held: vec![note],
                ..Notes::default()
            });
        }
        journal.write(1, ROOM, true).expect("the disk works");
        drop(journal);
        let (mut journal, left) = open(&disk);
        let all: Vec<_> = left.sessions.iter().map(chunks).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all.concat(), [0, 1, 2]);
        let joined = left.sessions.iter().find(|it| it.chunks.len() == 2);
        let joined = joined.expect("two of one key");
        assert_eq!(joined.digest.spans, 2);
        journal.take(Notes {
            decided: vec![decided(joined.session, joined.key, keep)],
            ..Notes::default()
        });
        journal.write(1, ROOM, true).expect("the disk works");
        drop(journal);
        let (_, left) = open(&disk);
        let again: Vec<_> = (left.sessions.iter())
            .filter(|it| it.key == joined.key)
            .map(|it| it.decided.is_some())
            .collect();
        assert_eq!(again, if keep { vec![true, true] } else { vec![] });
    }
}

/// What another process left goes on here under numbers of this journal.
#[test]
fn what_others_left_is_taken_over() {
    let (one, other) = (SimDisk::default(), SimDisk::default());
    let (mut journal, _) = open(&one);
    let (mut of_other, left) = open(&other);
    of_other.take(Notes {
        held: vec![
            held(left.next, key(1), 5, 1),
            held(left.next + 1, key(2), 6, 1),
        ],
        decided: vec![decided(left.next + 1, key(2), true)],
        ..Notes::default()
    });
    of_other.write(1, ROOM, true).expect("the disk works");
    journal.take(Notes {
        held: vec![held(1, key(1), 4, 1)],
        ..Notes::default()
    });
    journal.write(1, ROOM, true).expect("the disk works");
    drop(journal);
    let (mut journal, mut left) = open(&one);
    journal
        .adopt(open(&other).1, &mut left)
        .expect("the disk works");
    for left in [left, open(&one).1] {
        let all: Vec<_> = left
            .sessions
            .iter()
            .map(|it| (chunks(it), it.decided.is_some()))
            .collect();
        assert_eq!(all, [(vec![4, 5], false), (vec![6], true)]);
        assert_eq!(left.sessions[0].digest.spans, 2);
    }
}
