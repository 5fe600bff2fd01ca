//! `get_spans` and `get_span`.

use serde_json::{Value, json};

use super::bounds::{MOST_BYTES, attributes, behind, cut, first};
use super::inputs::{GetSpan, GetSpans, text_limit, within};
use super::times::{readable, utc};
use super::{Answer, Refused};
use crate::answer::{Span, SpanType, WholeSpan};
use crate::read::MOST_SPANS;
use crate::web::Web;

/// Words of others in a list.
const SHORT: usize = 300;

/// Events and links that are shown of a span.
const MOST_EVENTS: usize = 100;

/// A span in a list.
pub(super) fn row(span: &Span) -> Value {
    let mut row = readable(json!(span));
    for name in ["message", "name"] {
        if let Some(Value::String(text)) = row.get_mut(name) {
            *text = cut(text, SHORT).into_owned();
        }
    }
    let Some(object) = row.as_object_mut() else {
        return row;
    };
    // The trace is the session's, mostly; nothing has none.
    object.remove("trace_id");
    object.retain(|key, value| !(["events", "links"].contains(&&**key) && *value == json!(0)));
    if let Some(end_us) = span.end_us {
        object.remove("end");
        let took = end_us.saturating_sub(span.start_us);
        object.insert("duration_ms".to_owned(), json!(took as f64 / 1_000.0));
    } else {
        object.insert("open".to_owned(), json!(true));
    }
    row
}

/// What is asked of spans.
#[derive(Clone, Copy)]
struct Wanted {
    kind: Option<SpanType>,
    failed: bool,
}

impl Wanted {
    fn is_all(self) -> bool {
        self.kind.is_none() && !self.failed
    }

    fn takes(self, span: &Span) -> bool {
        self.kind.is_none_or(|kind| span.kind == kind) && (!self.failed || span.status == "error")
    }
}

pub(super) async fn list(web: &Web, asked: GetSpans) -> Answer {
    let limit = within("limit", asked.limit, 100, 1..=500)?;
    let wanted = Wanted {
        kind: asked.kind.map(Into::into),
        failed: asked.failed,
    };
    let (id, cursor) = (asked.id.clone(), asked.cursor);
    let found = web
        .query(move |store, patience| {
            // Where few are wanted, all have to be looked at.
            let most = if wanted.is_all() { limit } else { MOST_SPANS };
            let (mut spans, mut cursor) = (Vec::new(), cursor);
            loop {
                let Some(page) = store.spans(&id, most, cursor.as_deref(), patience)? else {
                    return Ok(None);
                };
                let is_last = page.next.is_none();
                cursor = page.next;
                spans.extend(page.items.into_iter().filter(|span| wanted.takes(span)));
                // One more than is shown says that there is more.
                if is_last || spans.len() > limit || (wanted.is_all() && !spans.is_empty()) {
                    return Ok(Some((spans, page.total, !is_last)));
                }
            }
        })
        .await?;
    let (spans, total, is_more) = found.ok_or_else(|| Refused::no_session(&asked.id))?;
    // Open spans have no place in the order; they come with the last page, all of them.
    let (open, ended): (Vec<_>, Vec<_>) = spans.into_iter().partition(|it| it.end_us.is_none());
    let mut rows = Vec::new();
    let mut room = MOST_BYTES;
    let mut shown = 0;
    for span in ended.iter().take(limit) {
        let row = row(span);
        let needed = row.to_string().len() + 1;
        if needed > room && shown > 0 {
            break;
        }
        room = room.saturating_sub(needed);
        rows.push(row);
        shown += 1;
    }
    let is_more = is_more || shown < ended.len();
    let mut answer = json!({ "id": asked.id });
    if let Some(total) = total {
        answer["spans_in_all"] = json!(total);
    }
    if is_more && let Some(last) = ended[..shown].last() {
        answer["next"] = json!(behind(last));
    }
    if !is_more {
        let mut left_out = 0_u64;
        for row in open.iter().map(row) {
            let needed = row.to_string().len() + 1;
            match needed <= room {
                true => rows.push(row),
                false => left_out += 1,
            }
            room = room.saturating_sub(needed);
        }
        if left_out > 0 {
            answer["open_spans_left_out"] = json!(left_out);
        }
    }
    answer["spans"] = json!(rows);
    Ok(answer)
}

/// A span with everything, within so many bytes.
pub(super) fn whole(whole: &WholeSpan, most: usize, mut room: usize) -> Value {
    let mut answer = row(&whole.span);
    answer["trace_id"] = json!(whole.span.trace_id);
    answer["kind"] = json!(whole.span_kind);
    // Events first: an exception is worth more than the last of many attributes.
    let (events, left_out) = first(whole.event_list.clone(), MOST_EVENTS);
    let mut event_room = room / 2;
    let events: Vec<Value> = events
        .iter()
        .map(|event| {
            json!({
                "name": cut(&event.name, SHORT),
                "time": utc(event.time_us),
                "attributes": attributes(&event.attributes, most, &mut event_room),
            })
        })
        .collect();
    room -= room / 2 - event_room;
    answer["events"] = json!(events);
    if left_out > 0 {
        answer["events_left_out"] = json!(left_out);
    }
    answer["attributes"] = attributes(&whole.attributes, most, &mut room);
    let (links, left_out) = first(whole.link_list.clone(), MOST_EVENTS);
    answer["links"] = links
        .iter()
        .map(|link| {
            json!({
                "trace_id": link.trace_id,
                "span_id": link.span_id,
                "attributes": attributes(&link.attributes, SHORT, &mut room),
            })
        })
        .collect();
    if left_out > 0 {
        answer["links_left_out"] = json!(left_out);
    }
    answer["resource"] = attributes(&whole.resource, SHORT, &mut room);
    answer["scope"] = json!(whole.scope);
    let dropped = whole.dropped;
    if [dropped.attributes, dropped.events, dropped.links] != [0; 3] {
        answer["dropped_by_the_sender"] = json!(dropped);
    }
    answer
}

pub(super) async fn get(web: &Web, asked: GetSpan) -> Answer {
    let most = text_limit(asked.text_limit, 4_000)?;
    let (id, span) = (asked.id.clone(), asked.span_id.to_ascii_lowercase());
    let found = web
        .query(move |store, patience| {
            let known = store.session(&id, patience)?.is_some();
            Ok((known, store.span(&id, &span, patience)?))
        })
        .await?;
    match found {
        (_, Some(found)) => Ok(whole(&found, most, MOST_BYTES)),
        (false, None) => Err(Refused::no_session(&asked.id)),
        (true, None) => Err(Refused(format!(
            "the session has no span {:?}, or it has not ended yet; get_spans gives the ids of its spans",
            asked.span_id
        ))),
    }
}
