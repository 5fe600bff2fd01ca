//! `pipeline_health`: what `/api/v1/pipeline` says, behind a verdict in plain words.

use serde_json::{Map, Value, json};
use spanreel::Fate;

use super::bounds::cut;

/// Requests in quarantine that are shown.
const MOST_REFUSED: usize = 20;

/// The pipeline's document with its verdict.
pub(super) fn of(mut pulse: Value) -> Value {
    let mut verdict = Vec::new();
    losses(&pulse, &mut verdict);
    if verdict.is_empty() {
        verdict.push("Nothing has been lost since the start.".to_owned());
    }
    lanes(&pulse, &mut verdict);
    if pulse.pointer("/spool/stuck") == Some(&json!(true)) {
        verdict.push(
            "The spool takes nothing more (it is full, or its disk is or fails): senders are told to wait."
                .to_owned(),
        );
    }
    // The list ends somewhere; the number does not.
    let in_all = pulse.pointer("/spool/quarantine_requests");
    let in_all = in_all.and_then(Value::as_u64);
    if let Some(Value::Array(refused)) = pulse.pointer_mut("/spool/quarantined")
        && !refused.is_empty()
    {
        let count = in_all.unwrap_or(refused.len() as u64);
        let (requests, are_kept) = match count {
            1 => ("request", "it is kept"),
            _ => ("requests", "they are kept"),
        };
        verdict.push(format!(
            "Destinations have refused {count} {requests} for good; {are_kept} in quarantine, with the \
             destination's words. Mend what they say, then replay them on the page of the pipeline or with \
             spanreel spool replay."
        ));
        refused.truncate(MOST_REFUSED);
    }
    let mut answer = Map::new();
    answer.insert("verdict".to_owned(), json!(verdict));
    if let Value::Object(pulse) = pulse {
        answer.extend(pulse);
    }
    Value::Object(answer)
}

fn losses(pulse: &Value, verdict: &mut Vec<String>) {
    let books = pulse["ledger"].as_object().into_iter().flatten();
    let books = books.map(|(signal, book)| (format!("{signal} in the pipeline"), book));
    let lanes = pulse["lanes"].as_array().into_iter().flatten();
    let lanes = lanes.map(|lane| (format!("items of destination {}", name(lane)), lane));
    for (what, book) in books.chain(lanes) {
        let fates = book["fates"].as_object().into_iter().flatten();
        for (fate, count) in fates {
            let count = count.as_u64().unwrap_or_default();
            // One that is not known here, of a newer version, is taken for a loss.
            let known = Fate::ALL.into_iter().find(|known| known.name() == fate);
            if count > 0 && known.is_none_or(Fate::is_loss) {
                verdict.push(format!("Lost: {count} {what} ({fate})."));
            }
        }
    }
}

fn name(lane: &Value) -> String {
    cut(lane["name"].as_str().unwrap_or_default(), 100).into_owned()
}

fn lanes(pulse: &Value, verdict: &mut Vec<String>) {
    for lane in pulse["lanes"].as_array().into_iter().flatten() {
        let state = lane["state"].as_str().unwrap_or_default();
        let what = match state {
            "ok" | "" => continue,
            "retrying" => "does not take what it is sent; it is tried again",
            "denied" => {
                "refuses the credentials (401 or 403); what is for it waits until they are right"
            }
            "away" => "is away; one request at a time asks whether it is back",
            "full" => "is behind, and its queue is full",
            other => other,
        };
        let mut words = format!("Destination {} {what}", name(lane));
        if let Some(message) = lane.pointer("/last_error/message").and_then(Value::as_str) {
            words.push_str(": ");
            words.push_str(&cut(message, 300));
        }
        verdict.push(words + ".");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict names every loss and every destination in trouble, and says so where there is neither.
    #[test]
    fn the_verdict_names_losses_and_trouble() {
        let well = json!({
            "ledger": { "spans": { "fates": { "handed": 5, "sampled_out": 2 } } },
            "lanes": [{ "name": "otlp", "state": "ok", "fates": { "exported": 5 } }],
        });
        let verdict = of(well);
        assert_eq!(
            verdict["verdict"],
            json!(["Nothing has been lost since the start."])
        );
        assert_eq!(verdict["ledger"]["spans"]["fates"]["handed"], 5);
        let ill = json!({
            "ledger": { "spans": { "fates": { "queue_full": 3 } } },
            "lanes": [{
                "name": "otlp", "state": "denied", "fates": { "expired": 1 },
                "last_error": { "message": "401" },
            }, { "name": "other", "state": "away" }],
            "spool": { "stuck": true, "quarantined": [{ "id": "1" }], "quarantine_requests": 250 },
        });
        let verdict = of(ill)["verdict"].to_string();
        for word in [
            "3 spans",
            "expired",
            "credentials",
            "401",
            "takes nothing",
            "asks whether it is back",
            "refused 250 requests",
        ] {
            assert!(verdict.contains(word), "{word}: {verdict}");
        }
        let one = of(json!({ "spool": { "quarantined": [{ "id": "1" }] } }));
        let one = one["verdict"].to_string();
        assert!(one.contains("refused 1 request for good; it is"), "{one}");
    }
}
