//! `/api/v1/...`: from paths and parameters to queries, and from what they answer to JSON.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::{Value, json};
use spanreel::{Request, Signal};

use super::parameters::Parameters;
use super::{Body, Web, body, csv, json_with, problem, quarantine, refusal, routes, wrong_method};
use crate::answer::{Detail, Part, WholeSpan};
use crate::error::StoreError;
use crate::query::By;
use crate::read::MOST_SPANS;
use crate::store::Document;

/// What the API is, for programs.
const OPENAPI: &str = include_str!("openapi.json");

/// An answer, or what it is refused with.
type Answer = Result<Response<Body>, Response<Body>>;

fn ok(value: &impl serde::Serialize) -> Response<Body> {
    json_with(StatusCode::OK, value)
}

pub(super) fn no_session() -> Response<Body> {
    problem(
        StatusCode::NOT_FOUND,
        "no_session",
        "there is no session of this id",
    )
}

/// What was asked for, or 404.
fn found<T: serde::Serialize>(value: Option<T>) -> Answer {
    value.map(|value| ok(&value)).ok_or_else(no_session)
}

/// What parameters say, or why they cannot be.
fn read<T>(parsed: Result<T, StoreError>) -> Result<T, Response<Body>> {
    parsed.map_err(|error| refusal(&error))
}

impl Web {
    /// Answers what comes behind `/api/v1/`.
    pub(super) async fn api(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Response<Body> {
        let Some(found) = routes::find(path) else {
            return problem(
                StatusCode::NOT_FOUND,
                "no_path",
                "there is nothing of this name; /api/v1/openapi.json says what there is",
            );
        };
        let is_change = found.method == "post";
        if is_change != (method == Method::POST) {
            return wrong_method(if is_change { "POST" } else { "GET, HEAD" });
        }
        if is_change && let Err(refused) = quarantine::check_meant(headers) {
            return refused;
        }
        let parameters = Parameters::new(query);
        let names: Vec<&str> = found.names.iter().map(String::as_str).collect();
        let answer = match (found.route, &names[..]) {
            ("/sessions", []) => self.sessions(&parameters).await,
            ("/sessions/{id}", [id]) => self.session(id).await,
            ("/sessions/{id}/spans", [id]) => self.spans(id, &parameters).await,
            ("/sessions/{id}/spans/{span_id}", [id, span]) => self.span(id, span).await,
            ("/sessions/{id}/messages", [id]) => self.messages(id).await,
            ("/sessions/{id}/logs", [id]) => self.logs(id).await,
            ("/sessions/{id}/export", [id]) => {
                let format = parameters.get("format").unwrap_or("otlp-json");
                self.file(id, format).await
            }
            ("/fields", []) => self.fields().await,
            ("/fields/{key}/values", [key]) => self.values(key, &parameters).await,
            ("/activity", []) => self.activity(&parameters).await,
            ("/usage", []) => self.usage(&parameters).await,
            ("/latency", []) => self.latency(&parameters).await,
            ("/pipeline", []) => Ok(ok(&self.pulse().await)),
            ("/pipeline/quarantine", []) => self.quarantine(&parameters).await,
            ("/pipeline/quarantine/{id}/replay", [id]) => self.change_refused(id, true).await,
            ("/pipeline/quarantine/{id}/drop", [id]) => self.change_refused(id, false).await,
            ("/live", []) => {
                let last_id = headers.get("last-event-id");
                let last_id = last_id.map(|id| id.to_str().unwrap_or_default());
                Ok(self.listen(parameters.get("session"), last_id))
            }
            ("/openapi.json", []) => Ok(openapi()),
            (route, _) => unreachable!("{route} is a route, and all have their answers above"),
        };
        answer.unwrap_or_else(|refused| refused)
    }

    /// How the pipeline is, with the store's own numbers.
    pub(crate) async fn pulse(&self) -> Value {
        // Some of it is read from the disk.
        let ask = Arc::clone(&self.pulse);
        let asked = self.query(move |store, _| Ok((ask(), store.stats()))).await;
        let Ok((mut pulse, stats)) = asked else {
            return (self.pulse)();
        };
        if let Some(pulse) = pulse.as_object_mut() {
            let mut of_store = json!(stats);
            if let Some(behind) = pulse.remove("store_behind") {
                of_store["behind"] = behind;
            }
            pulse.insert("store".to_owned(), of_store);
        }
        pulse
    }

    async fn sessions(&self, parameters: &Parameters) -> Answer {
        let query = read(parameters.sessions())?;
        let page = self
            .ask(move |store, patience| store.sessions(&query, patience))
            .await?;
        Ok(match parameters.is_csv() {
            true => csv::sessions(&page.items),
            false => ok(&page),
        })
    }

    async fn session(&self, id: &str) -> Answer {
        let id = id.to_owned();
        let detail = self
            .ask(move |store, patience| store.session(&id, patience))
            .await?;
        found(detail.map(|detail| detail_json(&detail)))
    }

    async fn spans(&self, id: &str, parameters: &Parameters) -> Answer {
        let (id, cursor) = (id.to_owned(), read(parameters.cursor())?);
        let limit = read(parameters.limit(MOST_SPANS, MOST_SPANS))?;
        let page = self
            .ask(move |store, patience| store.spans(&id, limit, cursor.as_deref(), patience))
            .await?;
        found(page)
    }

    async fn span(&self, id: &str, span: &str) -> Answer {
        let (id, span) = (id.to_owned(), span.to_owned());
        let whole = self
            .ask(move |store, patience| store.span(&id, &span, patience))
            .await?;
        let missing = || {
            problem(
                StatusCode::NOT_FOUND,
                "no_span",
                "there is no span of this id in the session",
            )
        };
        whole
            .map(|whole| ok(&span_json(&whole)))
            .ok_or_else(missing)
    }

    async fn messages(&self, id: &str) -> Answer {
        let id = id.to_owned();
        found(
            self.ask(move |store, patience| store.messages(&id, patience))
                .await?,
        )
    }

    async fn logs(&self, id: &str) -> Answer {
        let id = id.to_owned();
        let logs = self
            .ask(move |store, patience| store.logs(&id, patience))
            .await?;
        found(logs.map(|logs| json!({ "items": logs })))
    }

    async fn fields(&self) -> Answer {
        let fields = self.ask(|store, patience| store.fields(patience)).await?;
        Ok(ok(&json!({ "fields": fields })))
    }

    async fn values(&self, key: &str, parameters: &Parameters) -> Answer {
        let key = key.to_owned();
        let prefix = parameters.get("prefix").unwrap_or_default().to_owned();
        let values = self
            .ask(move |store, patience| store.values(&key, &prefix, patience))
            .await?;
        Ok(ok(&json!({ "values": values })))
    }

    async fn activity(&self, parameters: &Parameters) -> Answer {
        let mut filter = read(parameters.filter())?;
        // Without a stretch, it is the one of what is found.
        let is_bounded = filter.from_us.is_some() || filter.to_us.is_some();
        let buckets = read(parameters.buckets())?;
        // The stretch says so already.
        (filter.from_us, filter.to_us) = (None, None);
        let activity = self
            .ask(move |store, patience| {
                let given = Some(&buckets).filter(|_| is_bounded);
                store.activity(&filter, given, buckets.count, patience)
            })
            .await?;
        Ok(ok(&activity))
    }

    async fn usage(&self, parameters: &Parameters) -> Answer {
        let buckets = read(parameters.buckets())?;
        let by = read(parameters.by(By::None, &[By::None, By::Model, By::Agent, By::User]))?;
        let usage = self
            .ask(move |store, patience| store.usage(by, &buckets, patience))
            .await?;
        Ok(match parameters.is_csv() {
            true => csv::usage(&usage),
            false => ok(&usage),
        })
    }

    async fn latency(&self, parameters: &Parameters) -> Answer {
        let (from_us, to_us) = read(parameters.stretch())?;
        let by = read(parameters.by(By::Model, &[By::Model, By::Tool, By::Agent]))?;
        let rows = self
            .ask(move |store, patience| store.latency(by, from_us, to_us, patience))
            .await?;
        Ok(match parameters.is_csv() {
            true => csv::latency(&rows),
            false => ok(&json!({ "rows": rows })),
        })
    }
}

/// A session as one JSON document: what the JSON API says of it, all at once.
pub fn document_json(document: &Document) -> Value {
    json!({
        "session": detail_json(&document.session),
        "spans": document.spans.iter().map(span_json).collect::<Vec<_>>(),
        "messages": document.story,
        "logs": { "items": document.logs },
    })
}

/// Parts with what they are as the key of their name.
fn parts_json(parts: &[Part], key: &str) -> Value {
    let part = |part: &Part| {
        let mut object = json!(part);
        if let Some(object) = object.as_object_mut() {
            let name = object.remove("name").unwrap_or_default();
            object.insert(key.to_owned(), name);
        }
        object
    };
    parts.iter().map(part).collect()
}

/// A session with its totals.
pub(crate) fn detail_json(detail: &Detail) -> Value {
    let mut object = json!(detail);
    object["by_model"] = parts_json(&detail.by_model, "model");
    object["by_tool"] = parts_json(&detail.by_tool, "tool");
    object["by_agent"] = parts_json(&detail.by_agent, "agent");
    object
}

/// A span with everything: its lists take the place of their counts.
pub(crate) fn span_json(whole: &WholeSpan) -> Value {
    let mut object = json!(whole);
    if let Some(object) = object.as_object_mut() {
        for (list, name) in [
            ("event_list", "events"),
            ("link_list", "links"),
            ("span_kind", "kind"),
        ] {
            let list = object.remove(list).unwrap_or_default();
            object.insert(name.to_owned(), list);
        }
    }
    object
}

/// OTLP JSON, a request in each line.
///
/// # Errors
/// A request is no OTLP.
pub fn otlp_json(requests: &[Request]) -> Result<String, StoreError> {
    let damaged = || StoreError::Damaged("it is no OTLP any more");
    let mut lines = String::new();
    for request in requests {
        let bytes = request.to_bytes();
        let line = match request.signal() {
            Signal::Traces => {
                let decoded = ExportTraceServiceRequest::decode(bytes).map_err(|_| damaged())?;
                serde_json::to_string(&decoded)
            }
            Signal::Logs => {
                let decoded = ExportLogsServiceRequest::decode(bytes).map_err(|_| damaged())?;
                serde_json::to_string(&decoded)
            }
            _ => continue,
        };
        lines.push_str(&line.map_err(|_| damaged())?);
        lines.push('\n');
    }
    Ok(lines)
}

fn openapi() -> Response<Body> {
    let mut answer = Response::new(body(OPENAPI));
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
