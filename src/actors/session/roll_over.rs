//! How an endless session goes on in its next segment: a trace of its own, linked to the one before.

use std::sync::Arc;

use super::cell::Cell;
use super::drafts;
use super::identity::{Identity, Particulars};
use super::latest::Latest;
use super::log;
use super::segment::{Cause, RootSpan, begin_root, end, forget};
use super::state::State;
use crate::model::context::TraceFlags;
use crate::model::id::{SpanId, TraceId};
use crate::model::kind::SpanKind;
use crate::model::propagation::baggage::Baggage;
use crate::model::session_id::trace_id_of;

/// The trace of a later segment follows from its id, as that of the first does. Where the session's id was
/// cut, others begin as it does: there it follows from the whole id, by what the registry knows it by.
fn trace_of_segment(before: &Identity, id: &str, segment: u32) -> (TraceId, bool) {
    let home = before.home.0;
    if trace_id_of(before.conversation(), None).0 == home {
        return trace_id_of(id, None);
    }
    trace_id_of(&format!("{home}~{segment}"), None)
}

/// Has a segment go on where the one before it ends.
fn hand_on(before: &mut State, next: &mut State) {
    next.place = before.place;
    next.visits = before.visits;
    if let Some(allowance) = before.allowance() {
        next.set_allowance(Arc::clone(allowance));
    }
    if let Some(end) = before.take_root_end() {
        next.set_root_end(end);
    }
}

/// Ends this segment and begins the next.
pub(super) fn roll_over(cell: &Arc<Cell>) {
    let shared = &cell.shared;
    let before = &cell.identity;
    let segment = before.segment + 1;
    let id = format!("{}~{segment}", before.conversation());
    let (trace_id, is_random) = trace_of_segment(before, &id, segment);
    let flags = u8::from(cell.sampled) | u8::from(is_random) << 1;
    let anchor = shared.anchor_now();
    let particulars = Particulars {
        home: before.home,
        began_as: Some(match &before.began_as {
            Some(first) => Arc::clone(first),
            None => before.id().into(),
        }),
        segment,
        trace_id,
        flags: TraceFlags::from_bits(flags),
        is_debug: false,
        trace_state: before.next_trace_state(),
        root: SpanId::random(),
        parent: None,
        is_parent_remote: false,
        start_ns: anchor.unix_ns(),
        about: before.about.clone(),
        content: before.content,
        case: before
            .case
            .as_ref()
            .map(|case| Arc::new(case.of_next_segment(trace_id))),
    };
    let common = particulars.common(&id);
    let mut draft = drafts::take();
    let link = cell.context_of(before.root);
    let root = RootSpan {
        name: None,
        kind: SpanKind::Internal,
        link: Some(&link),
        inbound: &Baggage::EMPTY,
        previous_id: Some(before.id()),
    };
    begin_root(&mut draft, shared, &particulars, &root);
    let is_recorded = (cell.sampled, cell.logged);
    let next = Cell::new(shared, particulars, common, is_recorded, anchor, draft, 0);
    // At once: a budget that is set meanwhile is either taken along or set in the next segment.
    let mut old = cell.lock();
    shared.bundles.fix(&mut old.place);
    if cell.latest.get().is_some() {
        return;
    }
    hand_on(&mut old, &mut next.lock());
    let known = old.latest();
    let latest = known.unwrap_or_else(|| Latest::new(Arc::clone(&next)));
    // It knows where it is found before it is: it may roll over at once.
    next.lock().set_latest(&latest);
    latest.set(Arc::clone(&next));
    let is_first = cell.latest.set(latest).is_ok();
    debug_assert!(is_first, "the lock was held");
    drop(old);
    // Always in the registry, for neither a flush nor the shutdown may miss what it holds.
    cell.retire(&mut cell.lock());
    shared.registry.replace(before.home, Arc::clone(&next));
    if next.lock().root.is_none() && next.latest.get().is_none() {
        // It ended before it was there.
        shared.registry.forget(before.home, &next);
    } else if shared.is_closed() {
        // The shutdown began meanwhile and may not have seen it.
        forget(&next);
    } else if shared.config.events.session && next.logged {
        let at_ns = next.identity.start_ns;
        let previous = Some(before.id());
        log::session_event(&next, &mut next.lock(), log::SESSION_START, at_ns, previous);
    }
    end(cell, Cause::RolledOver, None, &[]);
}
