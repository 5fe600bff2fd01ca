//! What the events of validations and evaluations say.

use super::super::event::{Detail, Phase};
use super::super::payload::{self, Payload};
use super::{Context, key_of, put};

pub(super) fn validation(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let validator_type = payload.text("validatortype");
    detail.title = payload.text_of(&["validatorname", "name"]);
    let name = detail.title.clone().unwrap_or_default();
    detail.key = key_of(&[
        event.run,
        &name,
        validator_type.as_deref().unwrap_or_default(),
    ]);
    detail.loose_key = key_of(&[event.run, &name]);
    put(detail, "gen_ai.evaluation.name", detail.title.clone());
    put(detail, "promptkit.eval.type", validator_type);
    put(detail, "promptkit.guardrail", Some(true));
    put(
        detail,
        "promptkit.validation.direction",
        payload.text("direction"),
    );
    if event.phase == Phase::Start {
        return;
    }
    let passed = detail.failure.is_none();
    let score = payload.number("score").filter(|score| *score != 0.0);
    put(
        detail,
        "gen_ai.evaluation.score.value",
        Some(score.unwrap_or(f64::from(u8::from(passed)))),
    );
    put(
        detail,
        "gen_ai.evaluation.score.label",
        Some(if passed { "pass" } else { "fail" }),
    );
    put(
        detail,
        "promptkit.validation.enforced",
        payload.flag("enforced"),
    );
    let violations = payload.array("violations");
    if event.content && !violations.is_empty() {
        let texts: Vec<String> = violations
            .iter()
            .filter_map(|raw| payload::text(raw))
            .collect();
        put(
            detail,
            "gen_ai.evaluation.explanation",
            Some(texts.join("; ")),
        );
    }
}

pub(super) fn eval(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    detail.title = payload.text_of(&["evalid", "name"]);
    detail.key = key_of(&[event.run, detail.title.as_deref().unwrap_or_default()]);
    put(detail, "gen_ai.evaluation.name", detail.title.clone());
    put(detail, "promptkit.eval.type", payload.text("evaltype"));
    put(detail, "promptkit.guardrail", Some(false));
    put(
        detail,
        "gen_ai.evaluation.score.value",
        payload.number("score"),
    );
    let label = payload
        .flag("passed")
        .map(|passed| if passed { "pass" } else { "fail" });
    let skipped = payload.flag("skipped") == Some(true);
    put(
        detail,
        "gen_ai.evaluation.score.label",
        label.filter(|_| !skipped),
    );
    put(detail, "promptkit.eval.trigger", payload.text("trigger"));
    put(
        detail,
        "promptkit.eval.duration_ms",
        payload.known_count("durationms"),
    );
    put(detail, "promptkit.eval.skipped", skipped.then_some(true));
    if event.content {
        let explanation = payload.text_of(&["explanation", "message", "skipreason"]);
        put(detail, "gen_ai.evaluation.explanation", explanation);
    }
    detail.duration = None;
}
