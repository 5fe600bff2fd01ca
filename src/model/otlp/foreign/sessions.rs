//! Groups the items of a foreign request by session: for those that watch or judge sessions.
//!
//! Holds: a few numbers for each session of one resource, and, where the request is to be split,
//! where its items stand; no more of both than it is told. Allocates for sessions and for neighbouring
//! items, not for each item.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use super::places::Places;
use super::{Facts, Visit};
use crate::model::chunk::{Digest, End};
use crate::model::request::Signal;

/// A resource with so many sessions is taken for one whose every item is of another: what holds them then
/// grows at once to [`MANY_SESSIONS`].
const SOME_SESSIONS: usize = 32;
const MANY_SESSIONS: usize = 512;

/// How many bytes of notes weigh nothing: as many as few sessions take.
const FREE: usize = 16 << 10;

/// What notes take, about, in bytes, with the chunks that they become: a session, what of it stands in a
/// scope, a scope, and a run of neighbouring items.
const OF_SESSION: usize = 256;
const OF_PART: usize = 512;
const OF_SCOPE: usize = 128;
const OF_STRETCH: usize = 64;

/// What names the session of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SessionName<'a> {
    /// An attribute of the item or of its resource; UTF-8.
    Id(&'a [u8]),
    /// Its trace, where nothing else does: 16 bytes, not all zero.
    Trace(&'a [u8]),
    /// Nothing: a log record outside of any trace.
    #[default]
    None,
}

/// The bytes alone, at one go: it is done for most items, and what is equal here is still told apart.
impl Hash for SessionName<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Id(bytes) | Self::Trace(bytes) => state.write(bytes),
            Self::None => {}
        }
    }
}

/// What is known of one session in one resource of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionFound<'a> {
    pub(crate) name: SessionName<'a>,
    pub(crate) service: &'a [u8],
    pub(crate) items: u64,
    pub(crate) errors: u64,
    pub(crate) digest: Digest,
}

/// What of a session stands in one scope: it becomes a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Its place among the sessions.
    pub(crate) session: usize,
    /// Its place among the scopes.
    pub(crate) scope: usize,
    pub(crate) items: u64,
    pub(crate) bytes: usize,
    pub(crate) digest: Digest,
}

/// A request by session.
#[derive(Debug)]
pub(crate) struct Sessions<'a> {
    signal: Signal,
    /// Whether parts are noted.
    split: bool,
    /// How much the notes may weigh.
    most: usize,
    /// How many bytes they have.
    noted: usize,
    pub(crate) items: u64,
    pub(crate) found: Vec<SessionFound<'a>>,
    /// Each scope: the body of its resource's group, and that of its own.
    pub(crate) scopes: Vec<(Range<usize>, Range<usize>)>,
    pub(crate) parts: Vec<Part>,
    /// Neighbouring items of one part.
    pub(crate) stretches: Vec<(usize, Range<usize>)>,
    /// The resource that is being read: its place, what it says.
    resource: (Range<usize>, Facts<'a>),
    /// The first session of that resource among all.
    first: usize,
    /// The sessions of that resource.
    places: Places,
    by_scope: HashMap<(usize, usize), usize>,
    /// The session of the item before, in the same resource, and its part.
    last: Option<(usize, Option<usize>)>,
}

impl<'a> Sessions<'a> {
    /// Where the notes [weigh](Self::weight) more than `most`, no more are taken, and the items that follow are
    /// only counted.
    pub(crate) fn new(signal: Signal, split: bool, most: usize) -> Self {
        Self {
            signal,
            split,
            most,
            noted: 0,
            items: 0,
            found: Vec::new(),
            scopes: Vec::new(),
            parts: Vec::new(),
            stretches: Vec::new(),
            resource: (0..0, Facts::default()),
            first: 0,
            places: Places::new(),
            by_scope: HashMap::new(),
            last: None,
        }
    }

    /// The bytes of the notes, about, as far as they are not few.
    pub(crate) fn weight(&self) -> usize {
        self.noted.saturating_sub(FREE)
    }

    /// Whether parts were noted.
    pub(crate) fn splits(&self) -> bool {
        self.split
    }

    fn name(&self, facts: &Facts<'a>) -> SessionName<'a> {
        let of_resource = || self.resource.1.session();
        match facts.session().or_else(of_resource) {
            Some(id) => SessionName::Id(id),
            None if facts.trace_id.iter().any(|byte| *byte != 0) => {
                SessionName::Trace(facts.trace_id)
            }
            None => SessionName::None,
        }
    }

    fn session(&mut self, facts: &Facts<'a>) -> usize {
        let name = self.name(facts);
        if let Some((last, _)) = self.last
            && self.found[last].name == name
        {
            return last;
        }
        let next = self.found.len();
        let is_same = |place: usize| {
            let known = self.found.get(place).filter(|_| place >= self.first);
            known.is_some_and(|known| known.name == name)
        };
        let session = self.places.find_or_take(name, next, is_same);
        if session == next {
            self.noted += OF_SESSION;
            self.add(name);
        }
        self.last = Some((session, None));
        session
    }

    fn add(&mut self, name: SessionName<'a>) {
        if self.found.len() - self.first == SOME_SESSIONS {
            self.places.reserve(MANY_SESSIONS);
            self.found.reserve(MANY_SESSIONS);
        }
        self.found.push(SessionFound {
            name,
            service: self.resource.1.service(),
            items: 0,
            errors: 0,
            digest: Digest::default(),
        });
    }

    fn part(&mut self, session: usize) -> usize {
        if let Some((_, Some(part))) = self.last {
            return part;
        }
        let scope = self.scopes.len().saturating_sub(1);
        let next = self.parts.len();
        let part = *self.by_scope.entry((session, scope)).or_insert(next);
        if part == next {
            self.noted += OF_PART;
            self.parts.push(Part {
                session,
                scope,
                items: 0,
                bytes: 0,
                digest: Digest::default(),
            });
        }
        self.last = Some((session, Some(part)));
        part
    }
}

impl<'a> Visit<'a> for Sessions<'a> {
    const FACTS: bool = true;

    fn resource(&mut self, group: Range<usize>, facts: &Facts<'a>) {
        self.resource = (group, *facts);
        self.last = None;
        self.first = self.found.len();
        self.places.clear();
    }

    fn scope(&mut self, group: Range<usize>) {
        if self.split && self.weight() <= self.most {
            self.noted += OF_SCOPE;
            self.scopes.push((self.resource.0.clone(), group));
        }
        if let Some((_, part)) = &mut self.last {
            *part = None;
        }
    }

    fn entry(&mut self, entry: Range<usize>, items: u64, facts: &Facts<'a>) {
        self.items += items;
        if self.weight() > self.most {
            return;
        }
        let session = self.session(facts);
        let found = &mut self.found[session];
        found.items += items;
        found.errors += u64::from(facts.failed);
        note(&mut found.digest, self.signal, facts);
        if !self.split {
            return;
        }
        let index = self.part(session);
        let part = &mut self.parts[index];
        part.items += items;
        part.bytes += entry.len();
        note(&mut part.digest, self.signal, facts);
        match self.stretches.last_mut() {
            Some((last, range)) if *last == index && range.end == entry.start => {
                range.end = entry.end;
            }
            _ => {
                self.noted += OF_STRETCH;
                self.stretches.push((index, entry));
            }
        }
    }
}

/// Adds what an item says to a digest.
fn note(digest: &mut Digest, signal: Signal, facts: &Facts<'_>) {
    if signal == Signal::Traces {
        digest.spans += 1;
        let end = facts.end();
        if end != End::Open {
            digest.root_ended = true;
            digest.end = end;
        }
    }
    digest.error |= facts.failed;
    digest.longest_ns = digest.longest_ns.max(facts.duration_ns);
    digest.llm_calls = digest.llm_calls.saturating_add(facts.is_llm_call().into());
    digest.tool_calls = digest
        .tool_calls
        .saturating_add(facts.is_tool_call().into());
    digest.tokens = digest.tokens.saturating_add(facts.tokens());
    digest.cost += facts.cost();
}
