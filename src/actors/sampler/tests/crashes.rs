//! The sampler with its journal beside the model, through crashes and restarts.

use std::collections::{BTreeSet, HashSet};

use futures::FutureExt;

use super::super::journal::Journal;
use super::*;
use crate::actors::spool::desk::{Command, Desk};
use crate::actors::spool::sim::SimDisk;
use crate::actors::spool::undecided::Undecided;
use crate::model::ledger::{Books, Tally};
use crate::model::receipt::{Shares, Ticket};

/// Small, so that files come and go.
const SEGMENT: u64 = 4 << 10;
const ROOM: u64 = 8 << 20;

/// A process: a sampler, what keeps its journal, and the exporter behind both.
struct Host {
    bench: Bench,
    desk: Arc<Desk>,
    keeper: Undecided<SimDisk>,
    /// Kept, and not exported.
    out: Vec<Chunk>,
    books: Arc<Books>,
}

/// A part of a session that was sent, and who is to be told that it is safe.
struct Sent {
    session: usize,
    spans: Vec<Span>,
    digest: Digest,
    ticket: Option<Arc<Ticket>>,
}

impl Host {
    /// Starts a process; tells the sessions that an earlier one had decided.
    fn start(disk: &SimDisk, sampling: &Sampling) -> (Self, HashSet<SessionKey>) {
        let (keeper, left) = Undecided::open(disk.clone(), SEGMENT, ROOM).expect("it opens");
        let decided = left.decided.iter().map(|it| it.key).collect();
        let desk = Arc::new(Desk::new(1 << 20));
        let books = Arc::new(Books::default());
        let mut bench = Bench::new(sampling);
        let journal = Journal::new(Arc::clone(&desk), true, u64::MAX, left).entering(&books);
        let (mailbox, inbox) = bounded(1 << 10);
        bench.sampler = Sampler::new(
            mailbox,
            Arc::clone(&bench.plans),
            None,
            Pool::new(64 << 20),
            Clock::new(),
            Arc::default(),
        )
        .with_journal(Some(journal));
        bench._inbox = inbox;
        let mut host = Self {
            bench,
            desk,
            keeper,
            out: Vec::new(),
            books,
        };
        futures::executor::block_on(host.bench.sampler.take_up_all()).expect("there is room");
        while let Some(Some(Msg::Chunks(chunks))) = host.bench._inbox.recv().now_or_never() {
            host.out.extend(chunks);
        }
        (host, decided)
    }

    /// What the spool's thread does: it writes all notes, and then what is kept goes out.
    fn commit(&mut self, exported: &mut HashMap<Vec<u8>, Vec<Span>>) {
        if let Some(journal) = &mut self.bench.sampler.journal {
            journal.send();
        }
        let nothing = Duration::ZERO;
        for command in self.desk.take(Some(nothing)).commands {
            match command {
                Command::Undecided(notes) => self.keeper.take(notes),
                other => panic!("nobody asks for {other:?}"),
            }
        }
        self.keeper.write(1, ROOM, true).expect("the disk works");
        assert!(self.keeper.is_settled());
        for chunk in self.out.drain(..) {
            let spans = ScopeSpans::decode(&*chunk.bytes).expect("wire form").spans;
            for span in spans {
                exported
                    .entry(span.trace_id.clone())
                    .or_default()
                    .push(span);
            }
            chunk.tally.settle(Fate::Handed);
        }
        self.assert_adds_up();
    }

    fn take(&mut self, session: &Happening, sent: &mut Sent) {
        let mut chunk = self.bench.chunk(
            session.key,
            &session.judged,
            sent.spans.clone(),
            sent.digest,
        );
        if matches!(session.judged, Judged::ByKey) {
            let ticket = Arc::new(Ticket::default());
            let items = chunk.items();
            let tally = std::mem::replace(&mut chunk.tally, self.bench.book.enter(0));
            chunk.tally = Tally::owed_to(tally, Shares::of(&ticket, items));
            sent.ticket = Some(ticket);
        }
        let out = self.bench.take(chunk);
        self.out.extend(out);
    }

    /// All that was entered met its fate, or is held.
    fn assert_adds_up(&self) {
        let held = self.bench.sampler.window.load().items;
        let counts = [
            self.bench.book.counts(),
            self.books.of(Signal::Traces).counts(),
        ];
        let in_flight: u64 = counts.iter().map(|counts| counts.in_flight()).sum();
        assert_eq!(in_flight, held, "{counts:?}");
        let lost: u64 = counts.iter().map(|counts| counts.lost()).sum();
        assert_eq!(lost, 0, "{counts:?}");
    }
}

/// What of a session is safe: what an own session that ends with its process is judged by.
#[derive(Clone, Default)]
struct Safe {
    truth: Truth,
    items: u64,
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Whenever the process is killed or stops, senders send again what they were not told to be safe, and the
    /// next one goes on: in the end the sessions are kept that a model keeps which knows all of them, whole or
    /// not at all, late spans included, with their probability. What was told to be safe is never lost, and
    /// the ledger of each process adds up.
    #[test]
    fn crashes_change_no_decision(seed: u64) {
        let mut dice = Dice(seed);
        let mut sampling = roll_sampling(&mut dice);
        let disk = SimDisk::default();
        let (mut host, _) = Host::start(&disk, &sampling.0);
        let mut happenings: Vec<(Happening, usize, Safe)> = Vec::new();
        let mut unsafe_yet: Vec<Sent> = Vec::new();
        let mut exported: HashMap<Vec<u8>, Vec<Span>> = HashMap::new();
        for _ in 0..240 {
            match dice.below(20) {
                0 => {
                    sampling = roll_sampling(&mut dice);
                    host.bench.plans.replace(plan_of(&sampling.0));
                }
                1..=4 => {
                    let new = Happening::roll(&mut dice, &host.bench, &sampling);
                    happenings.push((new, 0, Safe { truth: Truth::default(), ..Safe::default() }));
                }
                5..=8 => {
                    host.commit(&mut exported);
                    for sent in unsafe_yet.drain(..) {
                        let exposed = sent.ticket.map_or(0, |ticket| ticket.exposed());
                        proptest::prop_assert_eq!(exposed, 0, "it is told");
                        let (session, _, safe) = &mut happenings[sent.session];
                        *safe = Safe { truth: session.truth.clone(), items: session.items };
                    }
                }
                9 | 10 => {
                    if dice.one_in(3) {
                        // It stops in good order: what is undecided is left.
                        host.commit(&mut exported);
                        for sent in unsafe_yet.drain(..) {
                            let (session, _, safe) = &mut happenings[sent.session];
                            *safe = Safe { truth: session.truth.clone(), items: session.items };
                        }
                        host.bench.sampler.leave();
                        host.commit(&mut exported);
                    } else {
                        disk.kill();
                    }
                    let (next, decided) = Host::start(&disk, &sampling.0);
                    host = next;
                    for (session, done, safe) in &mut happenings {
                        if !decided.contains(&SessionKey(session.key)) {
                            (session.sampling, session.rest) = (sampling.0.clone(), sampling.1);
                        }
                        if !matches!(session.judged, Judged::ByKey) {
                            // It is over with its process.
                            (session.truth, session.items, session.ended) = (safe.truth.clone(), safe.items, true);
                            *done = session.parts;
                        }
                    }
                    for mut sent in std::mem::take(&mut unsafe_yet) {
                        let (session, _, _) = &happenings[sent.session];
                        if matches!(session.judged, Judged::ByKey) {
                            host.take(session, &mut sent);
                            unsafe_yet.push(sent);
                        }
                    }
                }
                _ if happenings.is_empty() => {}
                _ => {
                    let which = dice.below(happenings.len());
                    let (session, done, _) = &mut happenings[which];
                    if *done < session.parts {
                        if *done == 0 && matches!(session.judged, Judged::ByKey) {
                            // It begins where it is seen.
                            (session.sampling, session.rest) = (sampling.0.clone(), sampling.1);
                        }
                        let (spans, digest) = session.roll_part(&mut dice, *done);
                        *done += 1;
                        let mut sent = Sent { session: which, spans, digest, ticket: None };
                        host.take(session, &mut sent);
                        unsafe_yet.push(sent);
                    }
                }
            }
        }
        let out = host.bench.finish();
        host.out.extend(out);
        host.commit(&mut exported);
        for (session, _, _) in &happenings {
            let draw = Draw::new(session.key, &TraceState::EMPTY, None);
            let share = share_of(session.sampling.policies(), &session.truth);
            let threshold = Threshold::of_share(share.unwrap_or(session.rest));
            let spans = exported.remove(&session.key.to_bytes()[..]).unwrap_or_default();
            let found: BTreeSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
            let expected = if threshold.keeps(draw.randomness) { session.items } else { 0 };
            proptest::prop_assert_eq!(found.len() as u64, expected, "{:?} {:?}", session.truth, session.sampling);
            for span in spans {
                let incoming = Draw::new(session.key, &TraceState::of_wire(span.trace_state.as_bytes()), None).incoming;
                proptest::prop_assert_eq!(incoming, threshold);
            }
        }
        proptest::prop_assert!(exported.is_empty());
    }
}
