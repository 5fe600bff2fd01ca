//! `list_sessions`, `search_text` and `get_session`.

use serde_json::{Value, json};

use super::bounds::{MOST_BYTES, attributes, cut, cut_value, first, fitting};
use super::inputs::{GetSession, ListSessions, SearchText, text_limit, within};
use super::times::{instant, readable, utc};
use super::{Answer, Refused};
use crate::answer::{Attribute, Message, Part, Piece, Summary};
use crate::clock::now_us;
use crate::query::{ErrorFilter, Filter, SessionQuery, Sort, words};
use crate::store::Story;
use crate::web::Web;

/// Words of others in a list.
const SHORT: usize = 300;

/// Places of the words that are shown of a session.
const MOST_EXCERPTS: usize = 3;

/// Bytes of an excerpt on each side of the word.
const AROUND: usize = 120;

/// Models, tools, agents and links that are shown of a session.
const MOST_PARTS: usize = 30;

/// A session in a list.
pub(super) fn row(summary: &Summary) -> Value {
    let mut row = readable(json!(summary));
    if let Some(Value::String(text)) = row.pointer_mut("/error/message") {
        *text = cut(text, SHORT).into_owned();
    }
    let Some(object) = row.as_object_mut() else {
        return row;
    };
    // What says nothing costs tokens all the same.
    object.retain(|_, value| {
        value.as_array().is_none_or(|list| !list.is_empty()) && *value != json!("")
    });
    row
}

pub(super) async fn list(web: &Web, asked: ListSessions) -> Answer {
    let now = now_us();
    let at = |name, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| instant(name, text, now)).transpose()
    };
    let mut pairs = Vec::new();
    for pair in &asked.attributes {
        let wrong = || Refused(format!("attributes are key=value; {pair:?} is none"));
        let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
        pairs.push((key.to_owned(), value.to_owned()));
    }
    within("the number of attributes", Some(pairs.len()), 0, 0..=16)?;
    let sort = asked.sort.as_deref().map(Sort::from_word).transpose()?;
    let query = SessionQuery {
        filter: Filter {
            text: asked.text,
            state: asked.state.map(Into::into),
            agent: asked.agent,
            user: asked.user,
            model: asked.model,
            from_us: at("since", &asked.since)?,
            to_us: at("until", &asked.until)?,
            min_cost: asked.min_cost,
            max_cost: asked.max_cost,
            error: asked.error.map(|error| match &*error {
                "any" | "true" => ErrorFilter::Any,
                _ => ErrorFilter::Type(error),
            }),
            attributes: pairs,
        },
        sort: sort.unwrap_or_default(),
        limit: within("limit", asked.limit, 20, 1..=100)?,
        cursor: asked.cursor,
    };
    let mut asked_for = query.limit;
    loop {
        let again = query.clone();
        let page = web
            .query(move |store, patience| {
                store.sessions(
                    &SessionQuery {
                        limit: asked_for,
                        ..again
                    },
                    patience,
                )
            })
            .await?;
        let rows = fitting(page.items.iter().map(row), MOST_BYTES);
        if rows.len() < page.items.len() {
            // Asked for again, so that `next` is behind the last that is shown.
            asked_for = rows.len();
            continue;
        }
        let mut answer = json!({ "sessions": rows });
        if let Some(next) = page.next {
            answer["next"] = json!(next);
        }
        if let Some(total) = page.total {
            answer["total"] = json!(total);
        }
        if let Some(least) = page.total_at_least {
            answer["total_at_least"] = json!(least);
        }
        return Ok(answer);
    }
}

pub(super) async fn search(web: &Web, asked: SearchText) -> Answer {
    if asked.text.trim().is_empty() {
        return Err(Refused::new("text is empty; give the words to look for"));
    }
    let since = asked.since.as_deref();
    let since = since.map(|text| instant("since", text, now_us()));
    let query = SessionQuery {
        filter: Filter {
            text: Some(asked.text.clone()),
            agent: asked.agent,
            from_us: since.transpose()?,
            ..Filter::default()
        },
        limit: within("limit", asked.limit, 10, 1..=20)?,
        cursor: asked.cursor,
        ..SessionQuery::default()
    };
    let words = words(&asked.text);
    let (page, excerpts) = web
        .query(move |store, patience| {
            let page = store.sessions(&query, patience)?;
            let mut excerpts = Vec::new();
            for summary in &page.items {
                let story = store.messages(&summary.id, patience)?;
                excerpts.push(
                    story
                        .map(|story| places(&story, &words))
                        .unwrap_or_default(),
                );
            }
            Ok((page, excerpts))
        })
        .await?;
    let rows = page.items.iter().zip(excerpts).map(|(summary, excerpts)| {
        let mut row = row(summary);
        row["excerpts"] = json!(excerpts);
        row
    });
    let mut answer = json!({ "sessions": fitting(rows, MOST_BYTES) });
    if let Some(next) = page.next {
        answer["next"] = json!(next);
    }
    if page.items.is_empty() {
        let advice = "nothing was found; try fewer or other words, or list_sessions";
        answer["advice"] = json!(advice);
    }
    Ok(answer)
}

/// Texts of a piece of a message, each with what it is.
fn texts(piece: &Piece) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    let values = [&piece.arguments, &piece.result].into_iter().flatten();
    let values = values.map(|value| match value {
        Value::String(text) => text.as_str().into(),
        value => value.to_string().into(),
    });
    let text = piece.text.as_deref().map(Into::into);
    text.into_iter().chain(values)
}

/// Where one of the words stands in what was said.
fn places(story: &Story, words: &[String]) -> Vec<Value> {
    let mut places = Vec::new();
    for (number, message) in story.items.iter().enumerate() {
        for text in message.parts.iter().flat_map(texts) {
            // Of the same length, byte by byte, so that places are the same.
            let small = text.to_ascii_lowercase();
            let found = words.iter().filter_map(|word| small.find(&**word)).min();
            let Some(at) = found else {
                continue;
            };
            places.push(json!({
                "message": number,
                "span_id": message.span_id,
                "role": message.role,
                "text": around(&text, at),
            }));
            if places.len() == MOST_EXCERPTS {
                return places;
            }
            break;
        }
    }
    places
}

/// The text around a place.
fn around(text: &str, at: usize) -> String {
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let from = (0..=at.saturating_sub(AROUND)).rev().find(is_boundary);
    let to = (at.saturating_add(AROUND).min(text.len())..=text.len()).find(is_boundary);
    let (from, to) = (from.unwrap_or(0), to.unwrap_or(text.len()));
    let before = if from > 0 { "..." } else { "" };
    let behind = if to < text.len() { "..." } else { "" };
    format!("{before}{}{behind}", &text[from..to])
}

/// A message of a story.
pub(super) fn message(number: usize, message: &Message, most: usize) -> Value {
    let part = |piece: &Piece| {
        let mut part = json!({ "type": piece.kind });
        for (name, text) in [
            ("text", &piece.text),
            ("name", &piece.name),
            ("call_id", &piece.call_id),
        ] {
            if let Some(text) = text {
                part[name] = json!(cut(text, most));
            }
        }
        for (name, value) in [("arguments", &piece.arguments), ("result", &piece.result)] {
            if let Some(value) = value {
                part[name] = cut_value(value, most);
            }
        }
        part
    };
    json!({
        "number": number,
        "time": utc(message.time_us),
        "role": message.role,
        "span_id": message.span_id,
        "parts": message.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

fn parts(parts: Vec<Part>) -> Value {
    let (parts, left_out) = first(parts, MOST_PARTS);
    let mut rows: Vec<Value> = parts.iter().map(|part| readable(json!(part))).collect();
    if left_out > 0 {
        rows.push(json!({ "left_out": left_out }));
    }
    Value::Array(rows)
}

pub(super) async fn get(web: &Web, asked: GetSession) -> Answer {
    let most = within("messages", asked.messages, 50, 0..=200)?;
    let text_most = text_limit(asked.text_limit, 2_000)?;
    let from = asked.from_message.unwrap_or(0);
    let id = asked.id.clone();
    let found = web
        .query(move |store, patience| {
            let detail = store.session(&id, patience)?;
            Ok(detail.zip(store.messages(&id, patience)?))
        })
        .await?;
    let (detail, story) = found.ok_or_else(|| Refused::no_session(&asked.id))?;
    let mut answer = row(&detail.summary);
    answer["by_model"] = parts(detail.by_model);
    answer["by_tool"] = parts(detail.by_tool);
    answer["by_agent"] = parts(detail.by_agent);
    let resource = detail.resource.into_iter();
    let resource: Vec<Attribute> = resource
        .map(|(key, value)| Attribute { key, value })
        .collect();
    answer["resource"] = attributes(&resource, SHORT, &mut 4_000);
    let (links, left_out) = first(detail.links, MOST_PARTS);
    if !links.is_empty() {
        answer["links"] = json!(links);
    }
    if left_out > 0 {
        answer["links_left_out"] = json!(left_out);
    }
    if let Some(previous) = detail.previous_id {
        answer["previous_id"] = json!(previous);
    }
    let room = MOST_BYTES.saturating_sub(answer.to_string().len());
    let total = story.items.len();
    let messages = story.items.iter().enumerate().skip(from).take(most);
    let messages = messages.map(|(number, it)| message(number, it, text_most));
    let messages = fitting(messages, room.max(MOST_BYTES / 4));
    let behind = from.saturating_add(messages.len());
    answer["story"] = json!({
        "captured": story.captured,
        "messages_in_all": total,
        "messages": messages,
    });
    if behind < total {
        let advice = format!("call get_session again with from_message {behind} for the rest");
        answer["story"]["more"] = json!(advice);
    }
    Ok(answer)
}
