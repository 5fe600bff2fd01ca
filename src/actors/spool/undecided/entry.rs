//! What a record of the journal of undecided sessions says.
//!
//! ```text
//! held      1, flags, number of the session (8), position of its first writing (8, 0: here), key (16),
//!           randomness (8), incoming threshold (8), spans (8), longest (8), tokens (8), cost (8), LLM calls (4),
//!           tool calls (4), length of what is known of it (4), that, the chunk as an OTLP request
//! decided   2, and for each session its number (8), key (16) and the decision (8)
//! over      3, and for each session its number (8)
//! ```
//!
//! All numbers are little endian. Never panics on any input.

use std::sync::Arc;

use crate::actors::spool::notes::{Decided, Facts};
use crate::model::about::About;
use crate::model::chunk::{Digest, End, SessionKey};
use crate::model::id::TraceId;
use crate::model::sampling::plan::Draw;
use crate::model::sampling::threshold::{Randomness, Threshold};

const HELD: u8 = 1;
const DECIDED: u8 = 2;
const OVER: u8 = 3;
/// Where the position of the first writing stands.
const BORN: std::ops::Range<usize> = 10..18;

const OWN: u8 = 1;
const ERROR: u8 = 1 << 1;
const ROOT_ENDED: u8 = 1 << 2;
const END_AT: u8 = 3;
const PARENT_AT: u8 = 5;
const ENDS: [End; 4] = [End::Open, End::Unset, End::Success, End::Error];
const PARENTS: [Option<bool>; 3] = [None, Some(false), Some(true)];

const AGENT: u8 = 1;
const USER: u8 = 2;
const TAG: u8 = 3;

/// A record that was read.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    Held {
        session: u64,
        /// Where it was written first; none where that is here.
        born: Option<u64>,
        facts: Facts,
        request: &'a [u8],
    },
    Decided(Vec<Decided>),
    Over(Vec<u64>),
}

impl<'a> Entry<'a> {
    /// What a record says; `None` where it is none of this journal.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let (kind, mut rest) = body.split_first()?;
        match *kind {
            HELD => held(rest),
            DECIDED => {
                let mut decided = Vec::with_capacity(rest.len() / 32);
                while !rest.is_empty() {
                    decided.push(Decided {
                        session: u64_of(&mut rest)?,
                        key: key_of(&mut rest)?,
                        bits: u64_of(&mut rest)?,
                    });
                }
                Some(Self::Decided(decided))
            }
            OVER => {
                let mut over = Vec::with_capacity(rest.len() / 8);
                while !rest.is_empty() {
                    over.push(u64_of(&mut rest)?);
                }
                Some(Self::Over(over))
            }
            _ => None,
        }
    }
}

/// What stands before the request of a chunk.
pub(super) fn head(session: u64, facts: &Facts) -> Vec<u8> {
    let Facts {
        key,
        is_own,
        draw,
        digest,
        about,
    } = facts;
    let place = |found: Option<usize>| found.unwrap_or(0) as u8;
    let end = place(ENDS.iter().position(|end| *end == digest.end));
    let parent = place(PARENTS.iter().position(|parent| *parent == draw.parent));
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = flag(*is_own, OWN)
        | flag(digest.error, ERROR)
        | flag(digest.root_ended, ROOT_ENDED)
        | end << END_AT
        | parent << PARENT_AT;
    let about = about.as_deref().map(about_to_bytes).unwrap_or_default();
    let mut out = Vec::with_capacity(104 + about.len());
    out.extend([HELD, flags]);
    out.extend(session.to_le_bytes());
    out.extend(0_u64.to_le_bytes());
    out.extend(key.0.to_bytes());
    for number in [
        draw.randomness.bits(),
        draw.incoming.bits().unwrap_or(0),
        digest.spans,
        digest.longest_ns,
        digest.tokens,
        digest.cost.to_bits(),
    ] {
        out.extend(number.to_le_bytes());
    }
    for number in [digest.llm_calls, digest.tool_calls, about.len() as u32] {
        out.extend(number.to_le_bytes());
    }
    out.extend(about);
    out
}

/// Notes in a record that is written again where it was written first.
pub(super) fn set_born(body: &mut [u8], position: u64) {
    if let Some(born) = body.get_mut(BORN)
        && born.iter().all(|byte| *byte == 0)
    {
        // 0 stands for none.
        born.copy_from_slice(&(position + 1).to_le_bytes());
    }
}

/// The record of these decisions.
pub(super) fn decided(decided: &[Decided]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 32 * decided.len());
    out.push(DECIDED);
    for it in decided {
        out.extend(it.session.to_le_bytes());
        out.extend(it.key.0.to_bytes());
        out.extend(it.bits.to_le_bytes());
    }
    out
}

/// The record of sessions that are over.
pub(super) fn over(sessions: &[u64]) -> Vec<u8> {
    let numbers = sessions.iter().flat_map(|session| session.to_le_bytes());
    std::iter::once(OVER).chain(numbers).collect()
}

fn held(mut rest: &[u8]) -> Option<Entry<'_>> {
    let [flags] = take(&mut rest)?;
    let session = u64_of(&mut rest)?;
    let born = u64_of(&mut rest)?.checked_sub(1);
    let key = key_of(&mut rest)?;
    let draw = Draw {
        randomness: Randomness::from_bits(u64_of(&mut rest)?),
        incoming: Threshold::from_bits(u64_of(&mut rest)?),
        parent: *PARENTS.get(usize::from(flags >> PARENT_AT & 3))?,
    };
    let digest = Digest {
        spans: u64_of(&mut rest)?,
        error: flags & ERROR != 0,
        root_ended: flags & ROOT_ENDED != 0,
        end: *ENDS.get(usize::from(flags >> END_AT & 3))?,
        longest_ns: u64_of(&mut rest)?,
        tokens: u64_of(&mut rest)?,
        cost: f64::from_bits(u64_of(&mut rest)?),
        llm_calls: u32_of(&mut rest)?,
        tool_calls: u32_of(&mut rest)?,
    };
    let about_len = u32_of(&mut rest)? as usize;
    let (about, request) = rest.split_at_checked(about_len)?;
    let about = match about {
        [] => None,
        about => Some(Arc::new(about_of(about)?)),
    };
    let facts = Facts {
        key,
        is_own: flags & OWN != 0,
        draw,
        digest,
        about,
    };
    Some(Entry::Held {
        session,
        born,
        facts,
        request,
    })
}

/// What policies can ask of who a session is.
fn about_to_bytes(about: &About) -> Vec<u8> {
    let named = |name: u8| move |text| (name, Box::clone(text));
    let agent = about.agent.iter().map(named(AGENT));
    let user = about.user.iter().map(named(USER));
    let tags = about.tags.iter().map(named(TAG));
    let mut out = Vec::new();
    for (name, text) in agent.chain(user).chain(tags) {
        out.push(name);
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    }
    out
}

fn about_of(mut rest: &[u8]) -> Option<About> {
    let (mut about, mut tags) = (About::default(), Vec::new());
    while !rest.is_empty() {
        let [name] = take(&mut rest)?;
        let len = u32_of(&mut rest)? as usize;
        let (text, behind) = rest.split_at_checked(len)?;
        rest = behind;
        let text: Box<str> = std::str::from_utf8(text).ok()?.into();
        match name {
            AGENT => about.agent = Some(text),
            USER => about.user = Some(text),
            TAG => tags.push(text),
            _ => return None,
        }
    }
    about.tags = tags;
    Some(about)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn u64_of(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_le_bytes)
}

fn key_of(rest: &mut &[u8]) -> Option<SessionKey> {
    take(rest).and_then(TraceId::from_bytes).map(SessionKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            key: SessionKey(TraceId::random()),
            is_own: true,
            draw: Draw {
                randomness: Randomness::from_bits(77),
                incoming: Threshold::of_share(0.25),
                parent: Some(true),
            },
            digest: Digest {
                spans: 3,
                error: true,
                root_ended: false,
                end: End::Error,
                longest_ns: 5,
                llm_calls: 1,
                tool_calls: 2,
                tokens: 30,
                cost: 0.5,
            },
            about: Some(Arc::new(About {
                agent: Some("planner".into()),
                user: Some("u-1".into()),
                tags: ["a".into(), "b".into()].into(),
                ..About::default()
            })),
        }
    }

    /// What is written of a chunk is read again, also where it was written twice.
    #[test]
    fn facts_are_read_back() {
        let written = facts();
        let mut body = head(9, &written);
        body.extend(b"request");
        for expected in [None, Some(0), Some(0)] {
            let Some(Entry::Held {
                session,
                born,
                facts,
                request,
            }) = Entry::read(&body)
            else {
                panic!("it is one");
            };
            assert_eq!((session, born, request), (9, expected, &b"request"[..]));
            assert_eq!(format!("{facts:?}"), format!("{written:?}"));
            // Only the first time counts.
            set_born(&mut body, u64::from(expected.is_some()));
        }
    }

    /// Decisions and ends are read back.
    #[test]
    fn decisions_are_read_back() {
        let given: Vec<_> = (0..3)
            .map(|number| Decided {
                session: number,
                key: SessionKey(TraceId::random()),
                bits: 1 << 63 | number,
            })
            .collect();
        let body = decided(&given);
        assert!(matches!(Entry::read(&body), Some(Entry::Decided(read)) if read == given));
        let body = over(&[4, 5]);
        assert!(matches!(Entry::read(&body), Some(Entry::Over(read)) if read == [4, 5]));
    }

    proptest::proptest! {
        /// Bytes of any kind are read without a panic.
        #[test]
        fn any_bytes_are_read(kind in 0..4_u8, mut bytes: Vec<u8>) {
            bytes.insert(0, kind);
            let _read = Entry::read(&bytes);
            let mut body = head(1, &facts());
            body.truncate(bytes.len());
            let _read = Entry::read(&body);
        }
    }
}
