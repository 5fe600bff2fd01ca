//! What a session added up to, and how it ended.

use super::building::Building;
use super::draft::{Attribute, Status, Totals};
use super::event::{Family, Usage};

/// Adds up the spans of a session. Where no model call reported tokens or cost, the sums of its
/// pipelines stand in.
pub(crate) fn of(spans: &[Building]) -> Totals {
    let mut totals = Totals::default();
    let (mut calls, mut pipelines) = (Usage::default(), Usage::default());
    for span in spans {
        totals.errors += u64::from(span.failure.is_some());
        match span.family {
            Family::Provider => {
                totals.llm_calls += 1;
                add(&mut calls, &span.usage);
            }
            Family::Embedding
            | Family::ImageGeneration
            | Family::Speech
            | Family::Transcription => {
                add(
                    &mut calls,
                    &Usage {
                        cost: span.usage.cost,
                        ..Usage::default()
                    },
                );
            }
            Family::Pipeline => add(&mut pipelines, &span.usage),
            // A client's part of a tool call is a call of its own only where it stands alone.
            Family::Tool | Family::ClientTool if !span.is_part => totals.tool_calls += 1,
            _ => {}
        }
    }
    totals.input_tokens = calls.input.or(pipelines.input);
    totals.output_tokens = calls.output.or(pipelines.output);
    totals.cached_tokens = calls.cached.or(pipelines.cached);
    totals.reasoning_tokens = calls.reasoning.or(pipelines.reasoning);
    totals.cost = calls.cost.or(pipelines.cost);
    totals
}

fn add(sum: &mut Usage, usage: &Usage) {
    let tokens = [
        (&mut sum.input, usage.input),
        (&mut sum.output, usage.output),
        (&mut sum.cached, usage.cached),
        (&mut sum.reasoning, usage.reasoning),
    ];
    for (sum, tokens) in tokens {
        if let Some(tokens) = tokens {
            *sum = Some(sum.unwrap_or_default().saturating_add(tokens));
        }
    }
    if let Some(cost) = usage.cost {
        sum.cost = Some(sum.cost.unwrap_or_default() + cost);
    }
}

impl Totals {
    /// The totals as attributes of the root.
    pub(crate) fn attributes(&self) -> Vec<Attribute> {
        let count = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
        let counts = [
            ("spanreel.session.llm_calls", count(self.llm_calls)),
            ("spanreel.session.tool_calls", count(self.tool_calls)),
            ("spanreel.session.errors", count(self.errors)),
            ("spanreel.session.input_tokens", self.input_tokens),
            ("spanreel.session.output_tokens", self.output_tokens),
            ("spanreel.session.cached_tokens", self.cached_tokens),
            ("spanreel.session.reasoning_tokens", self.reasoning_tokens),
        ];
        let counts = counts
            .into_iter()
            .filter_map(|(key, it)| Some((key.into(), it?.into())));
        let cost = self
            .cost
            .map(|cost| ("spanreel.session.cost".into(), cost.into()));
        counts.chain(cost).collect()
    }
}

/// How a session ended, as `spanreel.session.end_state` says it, and as a status. Told by its last
/// pipeline; by the completion of its workflow where it has no pipeline; else unknown.
pub(crate) fn end_state(spans: &[Building]) -> (Option<&'static str>, Status) {
    let last = spans
        .iter()
        .filter(|span| span.family == Family::Pipeline)
        .max_by_key(|span| span.start);
    let Some(last) = last else {
        let completed = spans
            .iter()
            .any(|span| span.family == Family::WorkflowCompleted);
        return if completed {
            (Some("success"), Status::Ok)
        } else {
            (None, Status::Unset)
        };
    };
    match &last.failure {
        Some(failure) => (Some("error"), Status::Error(failure.message.clone())),
        None if last.is_open => (Some("incomplete"), Status::Unset),
        None => (Some("success"), Status::Ok),
    }
}
