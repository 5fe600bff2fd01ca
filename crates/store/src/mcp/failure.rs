//! `why_did_it_fail`: the chain of errors from a session down to the first cause.
//!
//! A span that failed usually did so because one below it had. Of several, the one that failed last is what the
//! span could not get over: those before it were tried again or ignored. The chain ends at a failed span with no
//! failed one below it, which is the cause. The page of a session draws the same.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::bounds::{MOST_BYTES, cut, cut_value, fitting};
use super::inputs::{WhyDidItFail, text_limit};
use super::sessions::{self, message};
use super::spans::{row, whole};
use super::times::utc;
use super::{Answer, Refused};
use crate::answer::{Detail, Log, Span, State, WholeSpan};
use crate::clock::now_us;
use crate::error::StoreError;
use crate::query::Patience;
use crate::read::MOST_SPANS;
use crate::store::{Store, Story};
use crate::web::Web;

/// The longest chain that is shown.
const MOST_LINKS: usize = 20;

/// Failures beside the chain that are shown.
const MOST_OTHERS: usize = 15;

/// Messages before the failure that are shown.
const MOST_MESSAGES: usize = 6;

/// Log records before the failure that are shown.
const MOST_LOGS: usize = 10;

/// The least severity of those: WARN.
const WARN: i32 = 13;

/// What is known of a session's failure.
struct Found {
    detail: Detail,
    /// From the outermost failed span to the cause.
    chain: Vec<Span>,
    cause: Option<WholeSpan>,
    others: Vec<Span>,
    open: Vec<Span>,
    story: Story,
    logs: Vec<Log>,
}

pub(super) async fn explain(web: &Web, asked: WhyDidItFail) -> Answer {
    let most = text_limit(asked.text_limit, 2_000)?;
    let id = asked.id.clone();
    let found = web
        .query(move |store, patience| look(store, &id, patience))
        .await?;
    let found = found.ok_or_else(|| Refused::no_session(&asked.id))?;
    Ok(found.tell(most))
}

fn look(store: &dyn Store, id: &str, patience: &Patience) -> Result<Option<Found>, StoreError> {
    let Some(detail) = store.session(id, patience)? else {
        return Ok(None);
    };
    let mut spans = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let Some(page) = store.spans(id, MOST_SPANS, cursor.as_deref(), patience)? else {
            return Ok(None);
        };
        spans.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let chain = chain(&spans, now_us());
    let failed = |place: &usize| spans[*place].status == "error" && !chain.contains(place);
    let others = (0..spans.len()).filter(failed);
    let others = others.map(|place| spans[place].clone()).collect();
    let open = spans.iter().filter(|span| span.end_us.is_none()).cloned();
    let open = open.collect();
    let chain: Vec<Span> = chain.iter().map(|place| spans[*place].clone()).collect();
    let cause = match chain.last() {
        Some(cause) => store.span(id, &cause.span_id, patience)?,
        None => None,
    };
    let (Some(story), Some(logs)) = (store.messages(id, patience)?, store.logs(id, patience)?)
    else {
        return Ok(None);
    };
    Ok(Some(Found {
        detail,
        chain,
        cause,
        others,
        open,
        story,
        logs,
    }))
}

impl Found {
    fn tell(&self, most: usize) -> Value {
        let mut answer = json!({ "verdict": self.verdict() });
        answer["session"] = sessions::row(&self.detail.summary);
        if let Some(cause) = &self.cause {
            answer["cause"] = whole(cause, most, MOST_BYTES / 3);
        }
        if self.chain.len() > 1 {
            // The cause stands above.
            let above = &self.chain[..self.chain.len() - 1];
            answer["failed_because_of_it"] = above.iter().rev().take(MOST_LINKS).map(row).collect();
        }
        let until_us = self.chain.last().and_then(|cause| cause.end_us);
        let until_us = until_us.unwrap_or(i64::MAX);
        answer["messages_before"] = json!(self.messages(until_us, most));
        answer["warnings_before"] = json!(self.warnings(until_us, most));
        if !self.others.is_empty() {
            let room = MOST_BYTES.saturating_sub(answer.to_string().len());
            let others = self.others.iter().take(MOST_OTHERS).map(row);
            answer["other_failures"] = json!(fitting(others, room.max(2_000)));
            answer["other_failures_in_all"] = json!(self.others.len());
        }
        if !self.open.is_empty() {
            answer["still_open"] = self.open.iter().rev().take(5).map(row).collect();
        }
        answer
    }

    /// What happened, in a sentence or two.
    fn verdict(&self) -> String {
        let summary = &self.detail.summary;
        let Some(cause) = self.chain.last() else {
            return match summary.state {
                State::Stalled => "Nothing has failed, but nothing has come for five minutes while it is still \
                                   running: what it may be waiting for is in still_open."
                    .to_owned(),
                State::Incomplete => "No span says that it failed, but the session was ended from outside before \
                                      it was done (the process ended or was killed); the last messages and \
                                      warnings say how far it had come."
                    .to_owned(),
                State::Running => "Nothing has failed so far; the session is still running.".to_owned(),
                _ => "Nothing has failed.".to_owned(),
            };
        };
        let what = match (&cause.tool, &cause.model) {
            (Some(tool), _) => format!("tool {tool:?}"),
            (None, Some(model)) => format!("call of model {model:?}"),
            (None, None) => format!("span {:?}", cause.name),
        };
        let kind = cause.error_type.as_deref().unwrap_or("error");
        let words = cause.message.as_deref().unwrap_or_default();
        let words = match words.is_empty() {
            true => String::new(),
            false => format!(": {}", cut(words, 300)),
        };
        let outcome = match summary.state {
            State::Failed => "The session failed",
            State::Done => "The session got over it and was done; this failed last",
            State::Incomplete => "The session was ended from outside; before that this failed",
            _ => "The session has not ended; this failed so far",
        };
        let what = cut(&what, 300);
        format!("{outcome}: {what} ended with {}{words}", cut(kind, 100))
    }

    /// What was said last before the cause had ended.
    fn messages(&self, until_us: i64, most: usize) -> Vec<Value> {
        let before = self.story.items.iter().enumerate();
        let before: Vec<_> = before.filter(|(_, it)| it.time_us <= until_us).collect();
        let last = &before[before.len().saturating_sub(MOST_MESSAGES)..];
        let last = last.iter().map(|(number, it)| message(*number, it, most));
        fitting(last, MOST_BYTES / 4)
    }

    /// The last log records from warnings up before the cause had ended, and those of the chain itself.
    fn warnings(&self, until_us: i64, most: usize) -> Vec<Value> {
        let of_chain = |log: &Log| {
            let span = log.span_id.as_deref();
            self.chain.iter().any(|link| Some(&*link.span_id) == span)
        };
        let is_wanted =
            |log: &&Log| log.severity_number >= WARN && (log.time_us <= until_us || of_chain(log));
        let found: Vec<&Log> = self.logs.iter().filter(is_wanted).collect();
        let last = &found[found.len().saturating_sub(MOST_LOGS)..];
        let tell = |log: &&Log| {
            json!({
                "time": utc(log.time_us),
                "severity": cut(&log.severity, 20),
                "span_id": log.span_id,
                "body": cut_value(&log.body, most),
            })
        };
        fitting(last.iter().map(tell), MOST_BYTES / 8)
    }
}

fn end_of(span: &Span, now_us: i64) -> i64 {
    span.end_us.unwrap_or(now_us)
}

/// The places of the outermost failed span, of those below, and of the cause; nothing where nothing failed.
fn chain(spans: &[Span], now_us: i64) -> Vec<usize> {
    let places: HashMap<&str, usize> = spans
        .iter()
        .enumerate()
        .map(|(place, span)| (&*span.span_id, place))
        .collect();
    let parent = |place: usize| -> Option<usize> {
        let parent = spans[place].parent_id.as_deref()?;
        places.get(parent).copied().filter(|it| *it != place)
    };
    let is_failed = |place: usize| spans[place].status == "error";
    // Which hold a failure, themselves or below. Each is marked once, so that a ring ends.
    let mut holds = vec![false; spans.len()];
    let mut first: Option<usize> = None;
    for place in (0..spans.len()).filter(|place| is_failed(*place)) {
        let ends = end_of(&spans[place], now_us);
        if first.is_none_or(|first| ends < end_of(&spans[first], now_us)) {
            first = Some(place);
        }
        let mut up = Some(place);
        while let Some(at) = up
            && !holds[at]
        {
            holds[at] = true;
            up = parent(at);
        }
    }
    let Some(first) = first else {
        return Vec::new();
    };
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for place in (0..spans.len()).filter(|place| holds[*place]) {
        match parent(place) {
            Some(parent) => children.entry(parent).or_default().push(place),
            None if is_failed(place) => roots.push(place),
            None => {}
        }
    }
    let last = |of: &[usize]| {
        let ends = |place: &usize| end_of(&spans[*place], now_us);
        of.iter().copied().max_by_key(ends)
    };
    // Where nothing failed as a whole, what failed first is what there is to look at.
    let mut top = last(&roots).unwrap_or(first);
    if roots.is_empty() {
        let mut seen = 0;
        while let Some(up) = parent(top).filter(|up| is_failed(*up) && seen < spans.len()) {
            top = up;
            seen += 1;
        }
    }
    let mut chain = Vec::new();
    let mut next = Some(top);
    // Each is taken once, so that a ring ends.
    while let Some(place) = next.filter(|place| std::mem::take(&mut holds[*place])) {
        if is_failed(place) {
            chain.push(place);
        }
        let below = children.remove(&place).unwrap_or_default();
        let themselves: Vec<usize> = below.iter().copied().filter(|it| is_failed(*it)).collect();
        // A child that did not fail caught what failed below it: only where no other explains it.
        next = match themselves.is_empty() {
            true => last(&below),
            false => last(&themselves),
        };
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, end_us: i64, is_failed: bool) -> Span {
        Span {
            span_id: id.to_owned(),
            parent_id: parent.map(str::to_owned),
            end_us: Some(end_us),
            status: if is_failed { "error" } else { "unset" },
            ..Span::default()
        }
    }

    fn names(spans: &[Span]) -> Vec<&str> {
        let chain = chain(spans, 100);
        chain.iter().map(|it| &*spans[*it].span_id).collect()
    }

    /// The chain leads from the session over what failed last, not over what was got over, to the cause.
    #[test]
    fn the_chain_leads_to_what_was_not_got_over() {
        let spans = [
            span("root", None, 90, true),
            span("first try", Some("root"), 20, true),
            span("agent", Some("root"), 80, true),
            span("tool", Some("agent"), 70, true),
            span("fine", Some("agent"), 75, false),
        ];
        assert_eq!(names(&spans), ["root", "agent", "tool"]);
    }

    /// Where the session went on, what failed first is shown, with what is above it.
    #[test]
    fn what_was_got_over_is_found() {
        let spans = [
            span("root", None, 90, false),
            span("agent", Some("root"), 50, true),
            span("tool", Some("agent"), 40, true),
            span("later", Some("root"), 80, true),
        ];
        assert_eq!(names(&spans), ["agent", "tool"]);
        assert!(names(&spans[..1]).is_empty());
    }

    /// Spans that are each other's parents do not keep it from ending.
    #[test]
    fn a_ring_of_parents_ends() {
        let spans = [
            span("a", Some("b"), 10, true),
            span("b", Some("a"), 20, true),
            span("c", Some("c"), 30, false),
        ];
        assert_eq!(names(&spans).len(), 2);
    }
}
