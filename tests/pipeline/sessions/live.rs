//! What is open now.

use spanreel::{Operation, Sampling};

use crate::rig::Rig;

/// The live view shows open sessions with who they are, what they did and what is open in them.
#[test]
fn the_live_view_shows_what_is_open() {
    let rig = Rig::start();
    assert!(rig.pipeline.sessions().is_empty());
    let session = rig
        .pipeline
        .open_session("conv-1")
        .agent("planner")
        .user("u-1")
        .tag("beta")
        .open()
        .expect("open");
    session.chat("openai", "gpt").start().tokens(10, 5);
    let work = session.child("work").start();
    let tool = work.tool("search").start();

    let live = rig.pipeline.sessions().remove(0);
    assert_eq!(live.id, "conv-1");
    assert_eq!(live.trace_id, session.trace_id());
    assert_eq!(live.agent.as_deref(), Some("planner"));
    assert_eq!(live.user.as_deref(), Some("u-1"));
    assert_eq!(live.tags, ["beta"]);
    assert!(live.sampled);
    assert!(live.started <= live.last_active);
    assert_eq!(live.totals, session.totals());
    assert_eq!(live.totals.usage.input, Some(10));
    let mut open = live.open_spans;
    open.sort_by_key(|span| span.started);
    let open: Vec<_> = open
        .iter()
        .map(|span| (span.id, span.parent, &*span.name, span.operation))
        .collect();
    let root = session.context().span_id();
    assert_eq!(
        open,
        [
            (work.id(), Some(root), "work", Operation::Other),
            (
                tool.id(),
                Some(work.id()),
                "execute_tool search",
                Operation::ExecuteTool
            ),
        ]
    );

    tool.end();
    let live = rig.pipeline.sessions().remove(0);
    assert_eq!(live.open_spans.len(), 1);
    assert_eq!(live.totals.tool_calls, 1);
    let stats = rig.pipeline.stats();
    assert_eq!((stats.sessions, stats.traces.open), (1, 2));
    work.end();
    session.end();
    assert!(rig.pipeline.sessions().is_empty());
    rig.stop();
}

/// A session that is not recorded is shown as such; it counts what it does.
#[test]
fn an_unsampled_session_is_shown() {
    let rig = Rig::with(|builder| builder.sampling(Sampling::always_off()));
    let session = rig.pipeline.session("conv-1").expect("open");
    session.chat("openai", "gpt").start().tokens(10, 5);
    let live = rig.pipeline.sessions().remove(0);
    assert!(!live.sampled);
    assert_eq!(
        (live.totals.llm_calls, live.totals.usage.output),
        (1, Some(5))
    );
    session.end();
    assert!(rig.stop().spans().is_empty());
}
