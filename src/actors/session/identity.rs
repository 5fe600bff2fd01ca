//! Who a session is: what never changes while it is open.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::drafts;
use crate::model::about::Said;
use crate::model::chunk::SessionKey;
use crate::model::content::Content;
use crate::model::context::{SpanContext, TraceFlags};
use crate::model::genai::key;
use crate::model::id::{SpanId, TraceId};
use crate::model::kind::SpanKind;
use crate::model::limits::TextLimit;
use crate::model::otlp::draft::{Draft, tag};
use crate::model::otlp::fields as f;
use crate::model::otlp::writer::Writer;
use crate::model::propagation::baggage::Baggage;
use crate::model::propagation::trace_state::TraceState;
use crate::model::sampling::case::{Case, Judged};
use crate::model::sampling::threshold::carried_on;

#[derive(Debug)]
pub(super) struct Identity {
    /// What samplers know it by: at random where there are any, for each segment is judged for itself, and so is
    /// a session that comes back.
    pub(super) key: SessionKey,
    particulars: Particulars,
    common: Common,
    later: OnceLock<Box<Later>>,
}

/// What every span carries, in wire form.
#[derive(Debug)]
pub(super) struct Common {
    /// Flags, which a span whose parent is remote has of its own; trace id and `session.id`; then, for GenAI spans,
    /// `gen_ai.conversation.id`.
    bytes: Box<[u8]>,
    /// Where the flags end.
    flags_to: u32,
    /// Where the part of GenAI spans begins, and before it the session's id ends.
    genai_from: u32,
    /// How long the session's id is.
    id_len: u32,
}

/// What is worked out when it is first asked for, in few sessions.
#[derive(Debug, Default)]
struct Later {
    /// What every log record carries.
    log_common: OnceLock<Box<[u8]>>,
    /// The baggage that travels with calls.
    outbound: OnceLock<Baggage>,
}

/// What makes a session this one.
#[derive(Debug)]
pub(super) struct Particulars {
    /// What the registry knows it by: the same for all segments.
    pub(super) home: SessionKey,
    /// The id that the conversation began with, in a segment after a roll-over, which has one of its own.
    pub(super) began_as: Option<Arc<str>>,
    pub(super) segment: u32,
    pub(super) trace_id: TraceId,
    pub(super) flags: TraceFlags,
    /// Whether whoever called wants it sampled by all means (B3).
    pub(super) is_debug: bool,
    pub(super) trace_state: TraceState,
    pub(super) root: SpanId,
    pub(super) parent: Option<SpanId>,
    /// Whether the parent is a span of another process.
    pub(super) is_parent_remote: bool,
    pub(super) start_ns: u64,
    pub(super) about: Said,
    /// Whether what users and models write in it is recorded.
    pub(super) content: Content,
    /// Its case, where whether it is kept was open when it began.
    pub(super) case: Option<Arc<Case>>,
}

/// What `write` writes, in memory of just its size: a recycled draft lends the memory for the writing.
fn written(write: impl FnOnce(&mut Writer)) -> Box<[u8]> {
    let mut draft = drafts::take();
    let written = draft.lend(write);
    drafts::give_back(draft);
    written
}

/// Writes a text whole, however long it is.
#[inline]
fn whole(out: &mut Writer, field: u32, key: &str, text: &str) {
    if !out.short_attribute(tag(field), key, text.into()) {
        let none = TextLimit::new(None, usize::MAX);
        out.attribute(field, key, text.into(), none);
    }
}

impl Particulars {
    /// What every span carries of a session with this id, as it is exported.
    pub(super) fn common(&self, id: &str) -> Common {
        let (mut flags_to, mut genai_from) = (0, 0);
        let bytes = written(|common| {
            common.fixed32(f::span::FLAGS, self.flags.of_otlp(false));
            flags_to = common.len();
            common.bytes(f::span::TRACE_ID, &self.trace_id.to_bytes());
            if !self.trace_state.is_empty() {
                let state = self.trace_state.as_str();
                common.bytes(f::span::TRACE_STATE, state.as_bytes());
            }
            whole(common, f::span::ATTRIBUTES, key::SESSION_ID, id);
            genai_from = common.len();
            let about = self.about.conversation.as_deref();
            let conversation = about.or(self.began_as.as_deref()).unwrap_or(id);
            whole(
                common,
                f::span::ATTRIBUTES,
                key::CONVERSATION_ID,
                conversation,
            );
        });
        let short = |len| u32::try_from(len).expect("ids are shorter than 4 GiB");
        Common {
            bytes,
            flags_to: short(flags_to),
            genai_from: short(genai_from),
            id_len: short(id.len()),
        }
    }

    /// The flags of a span whose parent is remote, which its draft is given with its head.
    pub(super) fn flags_below_remote(&self) -> u32 {
        self.flags.of_otlp(true)
    }

    /// Writes the head of the root.
    pub(super) fn head_of_root(&self, draft: &mut Draft, kind: SpanKind) {
        draft.head(self.root, self.parent, kind, self.start_ns);
        if self.is_parent_remote {
            draft.flags(self.flags_below_remote());
        }
    }
}

impl Deref for Identity {
    type Target = Particulars;

    fn deref(&self) -> &Particulars {
        &self.particulars
    }
}

impl Identity {
    /// That of a session which somebody may judge.
    // Where it is made it also lies: it is too large to be handed about.
    #[inline(always)]
    pub(super) fn new(it: Particulars, common: Common, is_apart: bool) -> Self {
        Self {
            key: match is_apart {
                true => SessionKey(TraceId::random()),
                false => it.home,
            },
            particulars: it,
            common,
            later: OnceLock::new(),
        }
    }

    /// The session's id as it is exported.
    pub(super) fn id(&self) -> &str {
        let common = self.common(false);
        let id = &common[common.len() - self.common.id_len as usize..];
        std::str::from_utf8(id).expect("it was written as a text")
    }

    /// The id that the conversation began with.
    pub(super) fn conversation(&self) -> &str {
        self.began_as.as_deref().unwrap_or_else(|| self.id())
    }

    /// What the next segment says of sampling, where the decision was made when this one was opened.
    /// Whatever else is said there is about the foreign trace that was continued.
    pub(super) fn next_trace_state(&self) -> TraceState {
        match self.case {
            Some(_) => TraceState::EMPTY,
            None => carried_on(&self.trace_state, self.trace_id),
        }
    }

    /// Who judges its chunks.
    pub(super) fn judged(&self) -> Judged {
        self.case.clone().map_or(Judged::Already, Judged::As)
    }

    /// What a span carries of its session.
    #[inline]
    pub(super) fn common(&self, genai: bool) -> &[u8] {
        if genai {
            &self.common.bytes
        } else {
            &self.common.bytes[..self.common.genai_from as usize]
        }
    }

    /// What a span carries of its session whose parent may be remote. Where it is, the span has
    /// [flags](Self::flags_below_remote) of its own.
    #[inline]
    pub(super) fn common_of(&self, genai: bool, is_parent_remote: bool) -> &[u8] {
        let from = if is_parent_remote {
            self.common.flags_to
        } else {
            0
        };
        &self.common(genai)[from as usize..]
    }

    /// What the root carries beside its head.
    pub(super) fn common_of_root(&self) -> &[u8] {
        self.common_of(true, self.is_parent_remote)
    }

    fn later(&self) -> &Later {
        self.later.get_or_init(Box::default)
    }

    /// The baggage that travels with calls, once it is known.
    pub(super) fn outbound(&self) -> Option<&Baggage> {
        self.later.get()?.outbound.get()
    }

    /// The baggage that travels with calls: this, unless it is known already.
    pub(super) fn travels_with(&self, outbound: Baggage) -> &Baggage {
        self.later().outbound.get_or_init(|| outbound)
    }

    pub(super) fn log_common(&self) -> &[u8] {
        self.later().log_common.get_or_init(|| {
            written(|common| {
                common.bytes(f::log::TRACE_ID, &self.trace_id.to_bytes());
                common.fixed32(f::log::FLAGS, self.flags.bits().into());
                whole(common, f::log::ATTRIBUTES, key::SESSION_ID, self.id());
            })
        })
    }

    pub(super) fn context_of(&self, span: SpanId, sampled: bool) -> SpanContext {
        let flags = TraceFlags::from_bits(self.flags.bits() & !1 | u8::from(sampled));
        SpanContext::new(self.trace_id, span, flags)
            .with_trace_state(self.trace_state.clone())
            .with_debug(self.is_debug && sampled)
    }
}
