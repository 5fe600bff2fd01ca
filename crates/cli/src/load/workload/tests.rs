//! What sessions are made of.

use spanreel::Value;

use super::*;

fn workload(seed: u64, spans_per_session: u64, payload_bytes: usize) -> Workload {
    Workload::new(WorkloadConfig {
        seed,
        spans_per_session,
        payload_bytes,
        failing: 0.0,
    })
}

/// The same seed and number give the same session; another of either gives another.
#[test]
fn sessions_depend_on_seed_and_number_alone() {
    let steps = |seed, index| {
        let workload = workload(seed, 50, 16);
        format!("{:?}", workload.session(index).collect::<Vec<_>>())
    };
    assert_eq!(steps(1, 7), steps(1, 7));
    assert_ne!(steps(1, 7), steps(1, 8));
    assert_ne!(steps(1, 7), steps(2, 7));
    assert_ne!(steps(0, 1), steps(1, 0));
}

/// Whatever the number of spans, the steps make one less (the root is the session's own), and
/// all agents end, never deeper than the bound.
#[test]
fn a_session_has_as_many_spans_as_asked_for_and_closes_its_agents() {
    for spans in [1, 2, 3, 10, 1_000] {
        for index in 0..50 {
            let workload = workload(3, spans, 0);
            let (mut made, mut depth) = (1, 0_u32);
            for step in workload.session(index) {
                made += u64::from(step.is_span());
                match step {
                    Step::StartAgent { .. } => depth += 1,
                    Step::EndAgent => depth = depth.checked_sub(1).expect("open agent"),
                    Step::Chat(_) | Step::Tool(_) => assert!(depth > 0),
                    Step::Log { .. } => {}
                }
                assert!(depth <= MAX_DEPTH);
            }
            assert_eq!((made, depth), (spans, 0));
        }
    }
}

/// The mix that the module promises: two tools to a model call, some failures, some logs,
/// sub-agents.
#[test]
fn the_mix_is_that_of_agents() {
    let workload = workload(1, 10_000, 0);
    let (mut chats, mut tools, mut failed, mut logs, mut deepest) = (0.0, 0.0, 0.0, 0.0, 0);
    let mut depth = 0;
    for step in workload.session(0) {
        match step {
            Step::StartAgent { .. } => depth += 1,
            Step::EndAgent => depth -= 1,
            Step::Chat(chat) => {
                chats += 1.0;
                failed += f64::from(u8::from(chat.error.is_some()));
            }
            Step::Tool(tool) => {
                tools += 1.0;
                failed += f64::from(u8::from(tool.error.is_some()));
            }
            Step::Log { .. } => logs += 1.0,
        }
        deepest = deepest.max(depth);
    }
    assert!((1.7..2.3).contains(&(tools / chats)), "{}", tools / chats);
    assert!((0.02..0.06).contains(&(failed / (chats + tools))));
    assert!((0.05..0.3).contains(&(logs / 10_000.0)));
    assert!(deepest >= 3);
}

/// A model call has twelve attributes of the size that the performance goals are stated for,
/// and each payload has the length asked for.
#[test]
fn spans_have_the_size_that_goals_are_stated_for() {
    let workload = workload(1, 1_000, 300);
    let (mut sizes, mut chats) = (0, 0);
    for step in workload.session(0) {
        if let Step::Chat(chat) = step {
            assert_eq!(chat.payload.len(), 300);
            sizes += encoded(&chat.attributes());
            sizes += encoded(&[
                ("gen_ai.operation.name", "chat".into()),
                ("gen_ai.provider.name", chat.provider.into()),
                ("gen_ai.request.model", chat.request_model.into()),
                ("gen_ai.usage.input_tokens", chat.input_tokens.into()),
                ("gen_ai.usage.output_tokens", chat.output_tokens.into()),
            ]);
            chats += 1;
        }
    }
    // Ids, times, name, kind and flags take about 90 bytes more.
    let mean = 90 + sizes / chats;
    assert!((450..700).contains(&mean), "{mean} bytes");
}

/// The length of attributes as OTLP `KeyValue`s (all lengths fit one byte; numbers are taken
/// as three).
fn encoded(attributes: &[(&str, Value<'_>)]) -> usize {
    let value = |value: &Value<'_>| match value {
        Value::Str(text) => 2 + text.len(),
        Value::Double(_) => 9,
        _ => 4,
    };
    let pairs = attributes.iter();
    pairs
        .map(|(key, it)| 2 + 2 + key.len() + 2 + value(it))
        .sum()
}
