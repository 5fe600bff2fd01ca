//! The examples run, and show what they say they show.

#[path = "../../examples/otel_program.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod otel_program;
#[path = "../../examples/rig_agent.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod rig_agent;

/// An agent of rig becomes a session with the calls of the model and of the tool in it, and with what
/// the tool adds.
#[tokio::test]
async fn an_agent_of_rig_becomes_a_session() {
    let tree = rig_agent::run().await.expect("the model is scripted");
    insta::assert_snapshot!(tree, @r"
    session
      invoke_agent forecaster gen_ai.usage.input_tokens=200
        chat gpt-5-mini gen_ai.usage.input_tokens=80
        execute_tool weather gen_ai.tool.call.id=call_1
          read station station=Blindern
        chat gpt-5-mini gen_ai.usage.input_tokens=120
    ");
}

/// A program with OpenTelemetry, an agent in it and a library below that are one trace.
#[test]
fn a_program_with_opentelemetry_shares_its_trace() {
    let tree = otel_program::run().expect("nothing is asked of a network");
    insta::assert_snapshot!(tree, @r"
    GET /advice
      invoke_agent adviser
        chat gpt-5-mini
        execute_tool stock
          SELECT stock rows=3
    ");
}
