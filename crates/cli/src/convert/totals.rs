//! What a session added up to, and how it ended.

use spanreel::Totals;

use super::building::Building;
use super::draft::Status;
use super::event::{Family, Usage};

/// Leaves tokens and cost with the spans that they count at: with model calls of any kind, and where
/// none of them told a number, with the pipelines that did. So nothing is counted twice.
pub(crate) fn count_once(spans: &mut [Building]) {
    let mut told = Usage::default();
    for span in spans.iter().filter(|span| span.family.is_model_call()) {
        let usage = &span.usage;
        told.input = told.input.or(usage.input);
        told.output = told.output.or(usage.output);
        told.cached = told.cached.or(usage.cached);
        told.reasoning = told.reasoning.or(usage.reasoning);
        told.cost = told.cost.or(usage.cost);
    }
    for span in spans.iter_mut().filter(|it| !it.family.is_model_call()) {
        if span.family != Family::Pipeline {
            span.usage = Usage::default();
            continue;
        }
        let usage = &mut span.usage;
        usage.input = usage.input.filter(|_| told.input.is_none());
        usage.output = usage.output.filter(|_| told.output.is_none());
        usage.cached = usage.cached.filter(|_| told.cached.is_none());
        usage.reasoning = usage.reasoning.filter(|_| told.reasoning.is_none());
        usage.cost = usage.cost.filter(|_| told.cost.is_none());
    }
}

/// Adds up the spans of a session, as the session of a pipeline does.
pub(crate) fn of(spans: &[Building]) -> Totals {
    let mut totals = Totals::default();
    for span in spans {
        totals.spans += 1;
        totals.errors += u64::from(span.failure.is_some());
        totals.llm_calls += u64::from(span.family.is_model_call());
        // A client's part of a tool call is a call of its own only where it stands alone.
        let is_tool = matches!(span.family, Family::Tool | Family::ClientTool);
        totals.tool_calls += u64::from(is_tool && !span.is_part);
        let usage = span.usage.tokens();
        let sums = [
            (&mut totals.usage.input, usage.input),
            (&mut totals.usage.output, usage.output),
            (&mut totals.usage.cache_read, usage.cache_read),
            (&mut totals.usage.reasoning, usage.reasoning),
        ];
        for (sum, tokens) in sums {
            if let Some(tokens) = tokens {
                *sum = Some(sum.unwrap_or_default().saturating_add(tokens));
            }
        }
        if let Some(cost) = span.usage.cost {
            *totals.cost.get_or_insert(0.0) += cost;
        }
    }
    totals
}

/// How a session ended, and whether its end was never recorded. Told by its last pipeline; by the
/// completion of its workflow where it has no pipeline; else unknown.
pub(crate) fn ending(spans: &[Building]) -> (Status, bool) {
    let last = spans
        .iter()
        .filter(|span| span.family == Family::Pipeline)
        .max_by_key(|span| span.start);
    let Some(last) = last else {
        let completed = spans
            .iter()
            .any(|span| span.family == Family::WorkflowCompleted);
        let status = if completed { Status::Ok } else { Status::Unset };
        return (status, false);
    };
    match &last.failure {
        Some(failure) => (Status::Error(failure.message.clone()), false),
        None if last.is_open => (Status::Unset, true),
        None => (Status::Ok, false),
    }
}
