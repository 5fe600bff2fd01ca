//! Calls of protocols inside others: MCP and A2A.

use http::HeaderMap;
use serde_json::{Map, Value, json};
use spanreel::{SpanKind, SpanRef};
use spanreel_http::{Inbound, MetadataMut, Via, a2a, mcp};

use crate::rig::{PARENT, Rig, TRACE};

const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01";

fn weather<'a>() -> mcp::Request<'a> {
    mcp::Request::new("tools/call")
        .tool("get_weather")
        .id(7)
        .protocol_version("2025-06-18")
        .session_id("s-1")
        .transport(mcp::Transport::Pipe)
}

fn meta(traceparent: &str) -> Map<String, Value> {
    Map::from_iter([("traceparent".to_owned(), json!(traceparent))])
}

/// Both sides of an MCP call are described alike, and the server's span is below the client's.
#[test]
fn the_servers_span_is_below_the_clients() {
    let rig = Rig::new();
    let session = rig.pipeline.session(TRACE).expect("open");
    let span = weather().start(&session);
    let mut meta = Map::new();
    span.inject(&mut MetadataMut(&mut meta));
    // As it would be in another process.
    let inbound = Inbound::new(&rig.pipeline);
    let mut served = weather()
        .serve(&inbound, Some(&meta), Via::Nothing)
        .expect("open");
    mcp::tool_failed(&mut served, "no such town");
    served.end();
    let mut span = span;
    mcp::rpc_failed(&mut span, -32602, "invalid params");
    span.end();
    session.end();
    let totals = session.totals();
    assert_eq!(totals.tool_calls, 1);
    let memory = rig.finish();
    let attributes = [
        "mcp.method.name",
        "gen_ai.operation.name",
        "gen_ai.tool.name",
        "jsonrpc.request.id",
        "mcp.protocol.version",
        "mcp.session.id",
        "network.transport",
        "error.type",
        "rpc.response.status_code",
    ];
    insta::assert_snapshot!(memory.tree_with(&attributes), @r"
    session
      tools/call get_weather mcp.method.name=tools/call gen_ai.operation.name=execute_tool gen_ai.tool.name=get_weather jsonrpc.request.id=7 mcp.protocol.version=2025-06-18 mcp.session.id=s-1 network.transport=pipe error.type=-32602 rpc.response.status_code=-32602 ! invalid params
        tools/call get_weather mcp.method.name=tools/call gen_ai.operation.name=execute_tool gen_ai.tool.name=get_weather jsonrpc.request.id=7 mcp.protocol.version=2025-06-18 mcp.session.id=s-1 network.transport=pipe error.type=tool_error ! no such town
    ");
    let spans = memory.spans();
    let kinds: Vec<_> = [SpanKind::Client, SpanKind::Server]
        .map(|kind| spans.iter().filter(|span| span.kind == kind).count())
        .into();
    assert_eq!(kinds, [1, 1]);
}

/// A span that covers the call already is described, and no second one is made.
#[test]
fn a_span_that_covers_the_call_is_described() {
    let rig = Rig::new();
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut tool = session.tool("get_weather").start();
    weather().describe(&mut tool);
    tool.end();
    session.end();
    rig.finish().assert_tree_with(
        &["mcp.method.name"],
        "
        session
          execute_tool get_weather mcp.method.name=tools/call
        ",
    );
}

/// What `_meta` says wins over headers, which are linked then; headers alone are the parent.
#[test]
fn metadata_wins_over_headers() {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", OTHER.parse().expect("a value"));
    let from_meta = Some("b7ad6b7169203331");
    let from_headers = Some("00000000000000aa");
    for (meta, parent, link) in [
        (Some(meta(PARENT)), from_meta, from_headers),
        (Some(meta("nonsense")), from_headers, None),
        (Some(meta(OTHER)), from_headers, None),
        (None, from_headers, None),
    ] {
        let rig = Rig::new();
        let inbound = Inbound::new(&rig.pipeline);
        let request = mcp::Request::new("prompts/get").prompt("greet");
        let via = Via::Headers(&headers);
        request
            .serve(&inbound, meta.as_ref(), via)
            .expect("open")
            .end();
        let span = rig.finish().span("prompts/get greet");
        let id = |id: Option<spanreel::SpanId>| id.map(|id| id.to_string());
        assert_eq!(id(span.parent_span_id).as_deref(), parent);
        let linked = span.links.first().and_then(|link| id(link.span_id));
        assert_eq!(linked.as_deref(), link);
    }
}

/// Under a server's layer the call is in the session of its request: below what `_meta` says and
/// linked to the request, or below the request where `_meta` says nothing.
#[test]
fn a_call_is_in_the_session_of_its_request() {
    for (meta, parent_is_request) in [(Some(meta(PARENT)), false), (None, true)] {
        let rig = Rig::new();
        let inbound = Inbound::new(&rig.pipeline);
        let caller = inbound.extract(&[("traceparent", OTHER)]);
        let http = inbound
            .arrival("POST /mcp")
            .caller(&caller)
            .start()
            .expect("open");
        let place: SpanRef = http.place().clone();
        let call =
            mcp::Request::new("tools/list").serve(&inbound, meta.as_ref(), Via::Span(&place));
        call.expect("open").end();
        http.end();
        let memory = rig.finish();
        let span = memory.span("tools/list");
        assert_eq!(span.str("session.id"), Some(TRACE));
        assert_eq!(span.parent_span_id == Some(place.id()), parent_is_request);
        let linked = span.links.first().and_then(|link| link.span_id);
        assert_eq!(linked, (!parent_is_request).then_some(place.id()));
    }
}

/// A call of another trace than its request's is in that other trace, and linked to the request.
#[test]
fn a_call_of_another_trace_is_linked_to_its_request() {
    let rig = Rig::new();
    let inbound = Inbound::new(&rig.pipeline);
    let http = inbound.arrival("POST /mcp").start().expect("open");
    let place = http.place().clone();
    let meta = meta(PARENT);
    let call = mcp::Request::new("tools/list").serve(&inbound, Some(&meta), Via::Span(&place));
    call.expect("open").end();
    http.end();
    let span = rig.finish().span("tools/list");
    assert_eq!(span.trace_id.to_string(), TRACE);
    assert_eq!(span.links[0].span_id, Some(place.id()));
}

/// A call of A2A carries its context in the message; the side that is called takes over the
/// conversation.
#[test]
fn an_agents_message_carries_its_context() {
    let sender = Rig::new();
    let session = sender.pipeline.session(TRACE).expect("open");
    let tasks = ["t-0"];
    let request = a2a::Request::new("SendMessage")
        .message_id("m-1")
        .task_id("t-1")
        .context_id("c-7")
        .tenant("acme")
        .protocol_version("1.0")
        .references(&tasks);
    let mut span = request.start(&session);
    let mut metadata = Map::new();
    span.inject(&mut MetadataMut(&mut metadata));

    let receiver = Rig::new();
    let inbound = Inbound::new(&receiver.pipeline);
    let mut served = request
        .serve(&inbound, Some(&metadata), Via::Nothing)
        .expect("open");
    served.place().agent("writer").start().end();
    a2a::task(&mut served, "t-1", a2a::TaskState::Failed);
    served.end();
    a2a::task(&mut span, "t-1", a2a::TaskState::Completed);
    let id = span.id();
    span.end();
    session.end();

    let memory = receiver.finish();
    let root = memory.span("SendMessage");
    assert_eq!(
        (root.trace_id, root.parent_span_id),
        (session.trace_id(), Some(id))
    );
    assert_eq!(root.str("gen_ai.conversation.id"), Some("c-7"));
    assert_eq!(
        memory
            .span("invoke_agent writer")
            .str("gen_ai.conversation.id"),
        Some("c-7")
    );
    assert_eq!(root.str("error.type"), Some("TASK_STATE_FAILED"));
    let attributes = [
        "a2a.method.name",
        "a2a.message.id",
        "a2a.task.id",
        "a2a.task.state",
        "a2a.tenant",
        "a2a.protocol.version",
        "a2a.message.reference_task_ids",
    ];
    insta::assert_snapshot!(sender.finish().tree_with(&attributes), @r"
    session
      SendMessage a2a.method.name=SendMessage a2a.message.id=m-1 a2a.task.id=t-1 a2a.task.state=TASK_STATE_COMPLETED a2a.tenant=acme a2a.protocol.version=1.0 a2a.message.reference_task_ids=[t-0]
    ");
}
