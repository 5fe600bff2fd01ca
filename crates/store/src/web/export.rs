//! Sessions as files. Spans of JSON and of the page in one file are written while they are read, a page at a time;
//! what was said, log records and OTLP are read whole first, within what the store reads of one session at once.
//!
//! Holds: a few pages that the reader has not taken yet, and what is read whole. Waits: for the reader, with one of the places for files,
//! which are none of those for queries: whoever reads slowly holds up no one but who wants a file, too. Loses: nothing; where the store fails on the way, the file ends with words that say so and that
//! nothing takes for the end of a whole one.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::sync::mpsc;

use super::api::{detail_json, no_session, otlp_json, span_json};
use super::live::Events;
use super::{Body, PATIENCE, Web, assets, problem, refusal};
use crate::answer::Detail;
use crate::error::StoreError;
use crate::query::Patience;
use crate::store::Store;

/// Spans that are written at once.
const SPANS: usize = 500;

/// Pieces that wait for a slow reader.
const WAITING: usize = 4;

/// Where the page in one file has its session.
const PLACE: &str = "__SPANREEL_RECORDING__";

/// What a file begins with and ends with, and whether it stands in a page.
struct Frame {
    before: String,
    behind: String,
    is_page: bool,
}

enum Format {
    Otlp,
    Json(Frame),
}

impl Format {
    fn of(name: &str) -> Result<(Self, &'static str, &'static str), Response<Body>> {
        match name {
            "otlp-json" => Ok((Self::Otlp, "application/jsonl", "session.otlp.jsonl")),
            "json" => {
                let bare = Frame {
                    before: String::new(),
                    behind: String::new(),
                    is_page: false,
                };
                Ok((Self::Json(bare), "application/json", "session.json"))
            }
            "html" => {
                let page = assets::offline();
                let parts = page.as_deref().and_then(|page| page.split_once(PLACE));
                let Some((before, behind)) = parts else {
                    let advice = "this build has no page; ask for format=json or otlp-json";
                    return Err(problem(StatusCode::NOT_FOUND, "no_page", advice));
                };
                let frame = Frame {
                    before: before.to_owned(),
                    behind: behind.to_owned(),
                    is_page: true,
                };
                let kind = "text/html; charset=utf-8";
                Ok((Self::Json(frame), kind, "session.html"))
            }
            _ => Err(refusal(&StoreError::BadQuery(
                "format is otlp-json, json or html".to_owned(),
            ))),
        }
    }
}

impl Web {
    /// A session as a file.
    pub(super) async fn file(
        &self,
        id: &str,
        format: &str,
    ) -> Result<Response<Body>, Response<Body>> {
        let (format, kind, name) = Format::of(format)?;
        let id = id.to_owned();
        let asked = id.clone();
        let session = self
            .ask(move |store, patience| store.session(&asked, patience))
            .await?;
        let session = session.ok_or_else(no_session)?;
        let Ok(permit) = Arc::clone(&self.files).try_acquire_owned() else {
            let advice =
                "as many exports as may be are being read; try again when one of them has ended";
            return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "busy", advice));
        };
        let (to, pieces) = mpsc::channel(WAITING);
        let file = File {
            store: Arc::clone(&self.store),
            id,
            to,
        };
        // Ends with the file, or once its reader has gone.
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            file.write(&format, &session);
        });
        let mut answer = Response::new(Events(pieces).boxed_unsync());
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let disposition = format!("attachment; filename=\"{name}\"");
        let disposition = HeaderValue::try_from(disposition).expect("names are plain");
        headers.insert(CONTENT_DISPOSITION, disposition);
        Ok(answer)
    }
}

/// Why a file is not written to its end.
enum Broken {
    /// Nobody reads it any more.
    Gone,
    Store(StoreError),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A file that is being written.
struct File {
    store: Arc<dyn Store>,
    id: String,
    to: mpsc::Sender<Bytes>,
}

impl File {
    fn write(&self, format: &Format, session: &Detail) {
        let written = match format {
            Format::Otlp => self.otlp(),
            Format::Json(frame) => self.json(frame, session),
        };
        if let Err(Broken::Store(error)) = written {
            tracing::warn!(target: "spanreel", %error, session = self.id, "an export was cut off");
            // The reader may have gone, too.
            let _told =
                self.put("\n{\"error\": \"the store failed: this export was cut off\"".to_owned());
        }
    }

    fn put(&self, text: String) -> Result<(), Broken> {
        self.to.blocking_send(text.into()).map_err(|_| Broken::Gone)
    }

    /// A part of the document.
    fn part(&self, frame: &Frame, text: String) -> Result<(), Broken> {
        // Nothing in a session can end the element that it stands in.
        self.put(match frame.is_page {
            true => text.replace('<', "\\u003c"),
            false => text,
        })
    }

    /// OTLP JSON, a request in each line.
    fn otlp(&self) -> Result<(), Broken> {
        let requests = self.store.export(&self.id, &Patience::of(PATIENCE))?;
        for request in requests.unwrap_or_default() {
            self.put(otlp_json(&[request])?)?;
        }
        Ok(())
    }

    /// The same as [`document_json`](super::document_json) says, piece by piece.
    fn json(&self, frame: &Frame, session: &Detail) -> Result<(), Broken> {
        self.put(frame.before.clone())?;
        let session = detail_json(session);
        self.part(frame, format!("{{\"session\":{session},\"spans\":["))?;
        let (mut cursor, mut is_first) = (None, true);
        loop {
            let patience = Patience::of(PATIENCE);
            let page = self
                .store
                .whole_spans(&self.id, SPANS, cursor.as_deref(), &patience)?;
            let Some(page) = page else { break };
            let mut text = String::new();
            for span in &page.items {
                if !std::mem::replace(&mut is_first, false) {
                    text.push(',');
                }
                text.push_str(&span_json(span).to_string());
            }
            self.part(frame, text)?;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let story = self.store.messages(&self.id, &Patience::of(PATIENCE))?;
        self.part(frame, format!("],\"messages\":{}", json!(story)))?;
        let logs = self.store.logs(&self.id, &Patience::of(PATIENCE))?;
        let logs = json!({ "items": logs.unwrap_or_default() });
        self.part(frame, format!(",\"logs\":{logs}}}"))?;
        self.put(frame.behind.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::memory::MemoryStore;
    use crate::sqlite::Retention;

    /// Nothing in a session ends the element that it stands in.
    #[test]
    fn nothing_in_a_session_ends_its_element() {
        let hostile = json!({ "text": "</script><script>alert(1)</script><!--" });
        let frame = Frame {
            before: String::new(),
            behind: String::new(),
            is_page: true,
        };
        let (to, mut pieces) = mpsc::channel(WAITING);
        let file = File {
            store: Arc::new(MemoryStore::new(Retention::default())),
            id: "conv".to_owned(),
            to,
        };
        assert!(file.part(&frame, hostile.to_string()).is_ok());
        let piece = pieces.try_recv().expect("it was written");
        assert!(!piece.contains(&b'<'));
        let again: Value = serde_json::from_slice(&piece).expect("JSON");
        assert_eq!(again, hostile);
    }
}
