//! The store in memory: for a quick look, and where nothing may be written to disk.
//!
//! Holds: sessions within the bytes of its retention, as they came, with their resources, counted once each; the ones
//! that were quiet longest go first. Sums over time beside them: see [`sums`].
//! Waits: writers and readers for one another, briefly. Loses: everything with the process.

mod ask;
mod sums;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use spanreel::{Request, TraceId};

use self::sums::UsageSums;
use crate::block::Draft;
use crate::clock::now_us;
use crate::error::StoreError;
use crate::facets::{MOST_OF_SESSION, facets};
use crate::facts::{Facts, Name};
use crate::gather::{Arrived, Gathered, Resource, Source, Split, bodies};
use crate::identity::{identity, identity_of_log};
use crate::read::Blocks;
use crate::sqlite::Retention;
use crate::store::Written;
use crate::tale::Tale;
use crate::used::Changes;
use crate::wire::Origin;

/// What a session takes beside its items, about, in bytes.
const OF_SESSION: usize = 4_096;

/// What an item takes beside its bytes.
const OF_ITEM: usize = 48;

/// How many different words of a session are searched.
const MOST_WORDS: usize = 20_000;

/// One session.
struct Kept {
    tale: Tale,
    seen: HashSet<u64>,
    spans: Draft,
    logs: Draft,
    origins: HashMap<i64, Arc<Origin>>,
    values: BTreeSet<(String, String)>,
    words: BTreeSet<String>,
    bytes: usize,
}

/// All of them.
struct All {
    sessions: HashMap<String, Kept>,
    /// The sessions of traces.
    traces: HashMap<TraceId, String>,
    /// Those that some session has, with their numbers.
    origins: HashMap<Arc<Origin>, i64>,
    last_origin: i64,
    usage: UsageSums,
    /// What sessions and origins take.
    bytes: usize,
    duplicates: u64,
    of_no_session: u64,
}

/// The store in memory.
pub struct MemoryStore {
    all: RwLock<All>,
    retention: Retention,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store. `retention` says how long sessions are kept, and how many bytes of them.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self {
            all: RwLock::new(All {
                sessions: HashMap::new(),
                traces: HashMap::new(),
                origins: HashMap::new(),
                last_origin: 0,
                usage: UsageSums::new(retention.max_bytes),
                bytes: 0,
                duplicates: 0,
                of_no_session: 0,
            }),
            retention,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, All> {
        // A write that panicked leaves a session with some of what it was given.
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked(&self) -> RwLockWriteGuard<'_, All> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_requests(&self, requests: &[Request]) -> Result<Written, StoreError> {
        let bodies = bodies(requests);
        let split = Split::new(&bodies)?;
        let of_resources: Vec<Facts<'_>> = split.resources.iter().map(Resource::facts).collect();
        let gathered = Gathered::new(&split, &of_resources)?;
        let now_us = now_us();
        let mut all = self.locked();
        all.of_no_session += gathered.of_no_session;
        let mut written = Written::default();
        for arrived in &gathered.sessions {
            written.items += all.take_in(arrived, &split, &of_resources, now_us);
            if let Some(kept) = all.sessions.get(&all.name_of(&arrived.name)) {
                written.sessions.push(kept.tale.summary_at(now_us));
            }
        }
        Ok(written)
    }

    /// Forgets what is too old and too much.
    fn forget(&self) -> bool {
        let before = i64::try_from(self.retention.max_age.as_micros()).unwrap_or(i64::MAX);
        let now = now_us();
        let before = now.saturating_sub(before);
        let most = usize::try_from(self.retention.max_bytes).unwrap_or(usize::MAX);
        let mut all = self.locked();
        all.drop_origins();
        let mut by_age: Vec<(i64, String)> = all
            .sessions
            .values()
            .map(|kept| (kept.tale.summary.last_us, kept.tale.summary.id.clone()))
            .collect();
        by_age.sort_unstable();
        for (last_us, id) in by_age {
            if last_us >= before && all.bytes <= most {
                break;
            }
            if let Some(kept) = all.sessions.remove(&id) {
                all.bytes = all.bytes.saturating_sub(kept.bytes);
                all.let_go(kept);
            }
        }
        let All {
            sessions,
            traces,
            usage,
            ..
        } = &mut *all;
        traces.retain(|_, name| sessions.contains_key(name));
        usage.forget(before / 1_000_000 - 3_600, now / 1_000_000);
        false
    }
}

impl All {
    /// The session of a name: a trace may be part of one that others name.
    fn name_of(&self, name: &Name) -> String {
        match name {
            Name::Id(id) => id.clone(),
            Name::Trace(trace) => match self.traces.get(trace) {
                Some(name) => name.clone(),
                None => trace.to_string(),
            },
        }
    }

    /// Adds what arrived to its session; how many items were new.
    fn take_in(
        &mut self,
        arrived: &Arrived<'_>,
        split: &Split<'_>,
        of_resources: &[Facts<'_>],
        now_us: i64,
    ) -> u64 {
        let sources = &split.sources;
        let name = self.name_of(&arrived.name);
        let mut kept = match self.sessions.remove(&name) {
            Some(kept) => {
                self.bytes = self.bytes.saturating_sub(kept.bytes);
                kept
            }
            None => Kept::new(&arrived.name),
        };
        self.claim_traces(&name, &mut kept, arrived);
        let mut given: Vec<(String, String)> = Vec::new();
        let mut changes = Changes::default();
        let (mut new, mut last) = (0, None);
        let mut origins: HashMap<usize, i64> = HashMap::new();
        for span in &arrived.spans {
            let identity = identity(span.bones.trace, span.bones.id);
            if !kept.seen.insert(identity) {
                self.duplicates += 1;
                continue;
            }
            new += 1;
            let source = &sources[span.origin];
            let resource = &of_resources[source.resource];
            kept.tale
                .add_span(&span.bones, &span.facts, resource, &span.view);
            changes.note_span(&span.bones, &span.facts);
            if span.bones.parent.is_none() {
                facets(span.view.attributes(), &name, &mut given);
            }
            if last != Some(source.resource) {
                last = Some(source.resource);
                given.extend(split.resources[source.resource].facets());
            }
            kept.say(span.bones.name);
            kept.say(span.bones.message);
            for text in &span.facts.texts {
                kept.say(text);
            }
            let origin = origins
                .entry(span.origin)
                .or_insert_with(|| self.origin(&mut kept, source));
            kept.spans.push(*origin, span.bytes);
            kept.bytes += span.bytes.len() + OF_ITEM;
        }
        for log in &arrived.logs {
            if !kept.seen.insert(identity_of_log(log.bytes)) {
                self.duplicates += 1;
                continue;
            }
            new += 1;
            let resource = &of_resources[sources[log.origin].resource];
            kept.tale.add_log(&log.facts, resource, &log.view);
            if let Some(body) = log.view.body().and_then(|body| body.as_str()) {
                kept.say(body);
            }
            let origin = origins
                .entry(log.origin)
                .or_insert_with(|| self.origin(&mut kept, &sources[log.origin]));
            kept.logs.push(*origin, log.bytes);
            kept.bytes += log.bytes.len() + OF_ITEM;
        }
        kept.tale.settle(now_us, &mut changes);
        self.usage.change(changes);
        let mut of_tale = Vec::new();
        kept.tale.facets(&mut of_tale);
        kept.give(of_tale, usize::MAX);
        kept.give(given, MOST_OF_SESSION);
        for text in kept.tale.texts() {
            kept.say(&text);
        }
        self.bytes += kept.bytes;
        self.sessions.insert(name, kept);
        new
    }

    /// Notes that the traces of what arrived are of this session, and takes over what was taken for one of
    /// its own.
    fn claim_traces(&mut self, name: &str, kept: &mut Kept, arrived: &Arrived<'_>) {
        let of_spans = arrived.spans.iter().map(|span| span.bones.trace);
        let of_logs = arrived.logs.iter().filter_map(|log| log.view.trace_id());
        for trace in of_spans.chain(of_logs) {
            let owner = self.traces.get(&trace);
            if owner.is_some_and(|owner| owner == name) {
                continue;
            }
            let alone = trace.to_string();
            let is_alone = owner.is_some_and(|owner| *owner == alone);
            if owner.is_none() || (is_alone && matches!(arrived.name, Name::Id(_))) {
                self.traces.insert(trace, name.to_owned());
                if let Some(other) = self.sessions.remove(&alone) {
                    self.bytes = self.bytes.saturating_sub(other.bytes);
                    kept.absorb(other);
                }
            }
        }
    }

    /// The number of an origin, which the session has from now on.
    fn origin(&mut self, kept: &mut Kept, source: &Source) -> i64 {
        if let Some((origin, number)) = self.origins.get_key_value(&source.origin) {
            kept.origins.insert(*number, Arc::clone(origin));
            return *number;
        }
        self.last_origin += 1;
        let origin = Arc::new(source.origin.clone());
        self.bytes += size_of(&origin);
        self.origins.insert(Arc::clone(&origin), self.last_origin);
        kept.origins.insert(self.last_origin, origin);
        self.last_origin
    }

    /// Lets go of a session, and of the origins that it was the last to have.
    fn let_go(&mut self, kept: Kept) {
        for origin in kept.origins.into_values() {
            // Here and there: no other session has it.
            if Arc::strong_count(&origin) == 2 && self.origins.remove(&*origin).is_some() {
                self.bytes = self.bytes.saturating_sub(size_of(&origin));
            }
        }
    }

    /// Drops origins that somebody read when the last session that had them went.
    fn drop_origins(&mut self) {
        let Self { origins, bytes, .. } = self;
        origins.retain(|origin, _| {
            let is_kept = Arc::strong_count(origin) > 1;
            if !is_kept {
                *bytes = bytes.saturating_sub(size_of(origin));
            }
            is_kept
        });
    }
}

/// What an origin takes, about, in bytes.
fn size_of(origin: &Origin) -> usize {
    origin.resource.len() + origin.scope.len() + OF_ITEM
}

impl Kept {
    fn new(name: &Name) -> Self {
        Self {
            tale: Tale::new(name),
            seen: HashSet::new(),
            spans: Draft::default(),
            logs: Draft::default(),
            origins: HashMap::new(),
            values: BTreeSet::new(),
            words: BTreeSet::new(),
            bytes: OF_SESSION,
        }
    }

    /// Notes values of fields while there are fewer than that.
    fn give(&mut self, given: Vec<(String, String)>, most: usize) {
        for pair in given {
            let bytes = pair.0.len() + pair.1.len() + OF_ITEM;
            if self.values.len() < most && self.values.insert(pair) {
                self.bytes += bytes;
            }
        }
    }

    fn say(&mut self, text: &str) {
        let words = text.split(|character: char| !character.is_alphanumeric());
        for word in words.filter(|word| !word.is_empty() && word.len() <= 48) {
            if self.words.len() >= MOST_WORDS {
                return;
            }
            let word = word.to_lowercase();
            let length = word.len();
            if self.words.insert(word) {
                self.bytes += length + OF_ITEM;
            }
        }
    }

    fn absorb(&mut self, other: Self) {
        self.tale.absorb(&other.tale);
        self.seen.extend(other.seen);
        self.spans.append(&other.spans);
        self.logs.append(&other.logs);
        self.origins.extend(other.origins);
        self.values.extend(other.values);
        self.words.extend(other.words);
        self.bytes += other.bytes - OF_SESSION;
    }

    fn blocks(&self) -> Blocks {
        let block = |draft: &Draft| vec![draft.as_bytes().to_vec()];
        Blocks {
            spans: block(&self.spans),
            logs: block(&self.logs),
            origins: self.origins.clone(),
        }
    }
}
