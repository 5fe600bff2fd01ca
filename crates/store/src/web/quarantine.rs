//! What destinations refused for good: seen, sent again, dropped. The one thing that the page can change.
//!
//! Who asks for a change must do so knowingly: by `POST`, from the page itself or a program, with the header
//! `x-spanreel-request`, which pages of other sites cannot send without being asked whether they may.

use std::time::SystemTime;

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use spanreel::SpoolError;
use spanreel::spool::Quarantined;

use super::parameters::Parameters;
use super::{Body, Web, json_with, problem, refusal};

/// Says that a change is meant.
const MEANT: &str = "x-spanreel-request";

/// Something in the quarantine, as the API tells it.
#[must_use]
pub fn quarantined_json(it: &Quarantined) -> Value {
    let since = it.time.duration_since(SystemTime::UNIX_EPOCH);
    json!({
        "id": it.id,
        "lane": it.exporter,
        "signal": it.signal.name(),
        "items": it.items,
        "bytes": it.bytes,
        "reason": it.answer,
        "time_us": u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(u64::MAX),
    })
}

/// Whether a change is meant.
pub(super) fn check_meant(headers: &HeaderMap) -> Result<(), Response<Body>> {
    match headers.contains_key(MEANT) {
        true => Ok(()),
        false => Err(problem(
            StatusCode::FORBIDDEN,
            "not_meant",
            "this changes something: send the header x-spanreel-request: 1 with it",
        )),
    }
}

fn answer_of(error: &SpoolError) -> Response<Body> {
    let words = error.to_string();
    match error {
        SpoolError::NoSpool => problem(StatusCode::CONFLICT, "no_spool", &words),
        SpoolError::Unknown { what, .. } => problem(
            StatusCode::NOT_FOUND,
            "not_in_quarantine",
            // Without the path, which is nobody's business who asks over a network.
            &format!("there is no {what}"),
        ),
        _ => {
            tracing::warn!(target: "spanreel", %error, "the quarantine could not be changed");
            let advice =
                "the spool could not do it, its disk is full or fails; the server's log says more";
            problem(StatusCode::SERVICE_UNAVAILABLE, "disk", advice)
        }
    }
}

impl Web {
    /// The newest that was refused.
    pub(super) async fn quarantine(
        &self,
        parameters: &Parameters,
    ) -> Result<Response<Body>, Response<Body>> {
        let limit = parameters.limit(100, 1_000);
        let limit = limit.map_err(|error| refusal(&error))?;
        let none = || answer_of(&SpoolError::NoSpool);
        let pipeline = self.pipeline.clone().ok_or_else(none)?;
        let found = tokio::task::spawn_blocking(move || pipeline.quarantine(limit)).await;
        let found = found.unwrap_or(Err(SpoolError::NoSpool));
        let found = found.map_err(|error| answer_of(&error))?;
        let items: Vec<Value> = found.newest.iter().map(quarantined_json).collect();
        let answer = json!({ "items": items, "total": found.requests });
        Ok(json_with(StatusCode::OK, &answer))
    }

    /// Sends something again, or drops it.
    pub(super) async fn change_refused(
        &self,
        id: &str,
        again: bool,
    ) -> Result<Response<Body>, Response<Body>> {
        let none = || answer_of(&SpoolError::NoSpool);
        let pipeline = self.pipeline.as_ref().ok_or_else(none)?;
        let done = match again {
            true => pipeline.deliver_again(id).await,
            false => pipeline.drop_refused(id).await,
        };
        let done = done.map_err(|error| answer_of(&error))?;
        let what = if again {
            "is sent again"
        } else {
            "was dropped"
        };
        tracing::info!(
            target: "spanreel", id = done.id, exporter = done.exporter, items = done.items,
            "what was in quarantine {what}, by request"
        );
        Ok(json_with(StatusCode::OK, &quarantined_json(&done)))
    }
}
