//! What both stores promise.

use serde_json::json;
use spanreel::{Request, Signal};
use spanreel_store::{
    Buckets, By, ErrorFilter, Filter, Seen, SessionQuery, Sort, State, Store, StoreError,
};

use super::telemetry::{double, failed, int, log, span, spans, text, usual_span, with};
use super::{T, json, patience, with_each, write};

/// One session: an agent that asks a model and calls a tool, which fails.
fn session(trace: u128, id: &str) -> Request {
    let of = |mut span: opentelemetry_proto::tonic::trace::v1::Span| {
        span.attributes.push(text("session.id", id));
        span
    };
    spans(
        "planner-host",
        vec![
            of(with(
                span(trace, 2, 1, "chat m-1", T + 100, T + 600),
                vec![
                    text("gen_ai.operation.name", "chat"),
                    text("gen_ai.request.model", "m-1"),
                    int("gen_ai.usage.input_tokens", 100),
                    int("gen_ai.usage.output_tokens", 20),
                    double("gen_ai.usage.cost", 0.25),
                    text(
                        "gen_ai.input.messages",
                        r#"[{"role":"user","parts":[{"type":"text","content":"where is the giraffe?"}]}]"#,
                    ),
                    text(
                        "gen_ai.output.messages",
                        r#"[{"role":"assistant","parts":[{"type":"text","content":"asking the zoo"}]}]"#,
                    ),
                ],
            )),
            of(failed(
                with(
                    span(trace, 3, 1, "execute_tool zoo", T + 700, T + 900),
                    vec![
                        text("gen_ai.operation.name", "execute_tool"),
                        text("gen_ai.tool.name", "zoo"),
                    ],
                ),
                "timeout",
                "the zoo is closed",
            )),
            of(with(
                span(trace, 1, 0, "session", T, T + 1_000),
                vec![
                    text("gen_ai.operation.name", "invoke_agent"),
                    text("gen_ai.agent.name", "keeper"),
                    text("user.id", "u-1"),
                    text("spanreel.session.end_state", "success"),
                    text("tenant", "blue"),
                ],
            )),
        ],
    )
}

fn ids(store: &dyn Store, query: &SessionQuery) -> Vec<String> {
    let page = store.sessions(query, &patience()).expect("an answer");
    page.items.into_iter().map(|summary| summary.id).collect()
}

fn filtered(store: &dyn Store, set: impl FnOnce(&mut Filter)) -> Vec<String> {
    let mut query = SessionQuery::default();
    set(&mut query.filter);
    ids(store, &query)
}

/// A list tells of each session what it did, who did it, what it cost and why it failed.
#[test]
fn a_list_tells_what_sessions_did() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        let page = store
            .sessions(&SessionQuery::default(), &patience())
            .expect("an answer");
        let mut found = json(&page.items[0]);
        let last_us = found.as_object_mut().and_then(|it| it.remove("last_us"));
        assert!(last_us.is_some());
        let expected = json!({
            "id": "conv-1", "trace_id": "00000000000000000000000000000007", "state": "done",
            "service": "planner-host", "agent": "keeper", "agents": ["keeper"], "user": "u-1",
            "models": ["m-1"], "tags": [], "start_us": T, "end_us": T + 1_000, "duration_us": 1_000,
            "spans": 3, "logs": 0, "llm_calls": 1, "tool_calls": 1, "errors": 1, "input_tokens": 100,
            "output_tokens": 20, "cost": 0.25, "currency": "USD",
            "error": { "type": "timeout", "message": "the zoo is closed", "span_id": "0000000000000003" },
        });
        assert_eq!(found, expected);
        assert_eq!((page.total, page.next), (Some(1), None));
    });
}

/// What comes twice is kept and counted once, whichever requests it comes in.
#[test]
fn what_comes_twice_is_kept_once() {
    with_each(|store| {
        let one = log(7, None, T, "a log record");
        write(&*store, &[session(7, "conv-1"), one.clone()]);
        write(&*store, &[session(7, "conv-1"), one.clone(), one]);
        let detail = store
            .session("conv-1", &patience())
            .expect("an answer")
            .expect("it is there");
        assert_eq!((detail.summary.spans, detail.summary.logs), (3, 1));
        assert_eq!(store.stats().duplicates, 5);
        let requests = store
            .export("conv-1", &patience())
            .expect("an answer")
            .expect("it is there");
        let items: Vec<u64> = requests.iter().map(Request::items).collect();
        assert_eq!(items, [3, 1]);
    });
}

/// A session with its totals by model, tool and agent.
#[test]
fn a_session_has_its_totals() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        let detail = store
            .session("conv-1", &patience())
            .expect("an answer")
            .expect("it is there");
        let (model, tool) = (&detail.by_model[0], &detail.by_tool[0]);
        assert_eq!(
            (model.name.as_str(), model.calls, model.cost),
            ("m-1", 1, Some(0.25))
        );
        assert_eq!(
            (tool.name.as_str(), tool.errors, tool.duration_us),
            ("zoo", 1, 200)
        );
        assert_eq!(detail.by_agent[0].name, "keeper");
        assert_eq!(detail.resource["service.name"], "planner-host");
        assert!(
            store
                .session("conv-2", &patience())
                .expect("an answer")
                .is_none()
        );
    });
}

/// Spans come in the order of their start, page by page, and know the agent above them.
#[test]
fn spans_come_in_order_page_by_page() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        let page = |limit, cursor: Option<&str>| {
            let page = store.spans("conv-1", limit, cursor, &patience());
            page.expect("an answer").expect("it is there")
        };
        let all = page(10, None);
        let names: Vec<&str> = all.items.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["session", "chat m-1", "execute_tool zoo"]);
        assert!(
            all.items
                .iter()
                .all(|span| span.agent.as_deref() == Some("keeper"))
        );
        let first = page(2, None);
        let rest = page(2, first.next.as_deref());
        assert_eq!([first.items, rest.items].concat(), all.items);
        assert_eq!(rest.next, None);
    });
}

/// A span has all that was recorded of it.
#[test]
fn a_span_has_all_that_was_recorded() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        let found = |id: &str| store.span("conv-1", id, &patience()).expect("an answer");
        let whole = found("0000000000000003").expect("it is there");
        assert_eq!(whole.span.error_type.as_deref(), Some("timeout"));
        assert_eq!((whole.span.status, whole.span_kind), ("error", "internal"));
        assert!(
            whole
                .attributes
                .iter()
                .any(|it| it.key == "gen_ai.tool.name" && it.value == "zoo")
        );
        assert!(whole.resource.iter().any(|it| it.key == "service.name"));
        assert_eq!(whole.scope.name, "agents");
        assert!(found("00000000000000ff").is_none() && found("no id").is_none());
    });
}

/// The story is told in the order in which it was said.
#[test]
fn the_story_is_told_in_order() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        let story = store
            .messages("conv-1", &patience())
            .expect("an answer")
            .expect("it is there");
        let said: Vec<_> = story
            .items
            .iter()
            .map(|it| (it.role, it.parts[0].text.as_deref()))
            .collect();
        assert_eq!(
            said,
            [
                ("user", Some("where is the giraffe?")),
                ("assistant", Some("asking the zoo"))
            ]
        );
        assert!(story.captured);
    });
}

/// Filters find the sessions that they say, and no others.
#[test]
fn filters_find_what_they_say() {
    with_each(|store| {
        let other = with(
            span(8, 1, 0, "quiet", T + 5_000, T + 6_000),
            vec![text("tenant", "green")],
        );
        write(
            &*store,
            &[session(7, "conv-1"), spans("other", vec![other])],
        );
        let trace = "00000000000000000000000000000008";
        let one = ["conv-1"];
        assert_eq!(
            filtered(&*store, |_| {}),
            [trace, "conv-1"],
            "the latest first"
        );
        assert_eq!(
            filtered(&*store, |it| it.agent = Some("keeper".into())),
            one
        );
        assert_eq!(filtered(&*store, |it| it.model = Some("m-1".into())), one);
        assert_eq!(filtered(&*store, |it| it.user = Some("u-1".into())), one);
        assert_eq!(
            filtered(&*store, |it| it.error = Some(ErrorFilter::Any)),
            one
        );
        assert_eq!(
            filtered(&*store, |it| it.error =
                Some(ErrorFilter::Type("timeout".into()))),
            one
        );
        assert!(
            filtered(&*store, |it| it.error =
                Some(ErrorFilter::Type("other".into())))
            .is_empty()
        );
        assert_eq!(filtered(&*store, |it| it.min_cost = Some(0.2)), one);
        assert_eq!(filtered(&*store, |it| it.max_cost = Some(0.2)), [trace]);
        assert_eq!(
            filtered(&*store, |it| it.from_us = Some(T as i64 + 1)),
            [trace]
        );
        assert_eq!(filtered(&*store, |it| it.to_us = Some(T as i64 + 1)), one);
        assert_eq!(
            filtered(&*store, |it| it.state = Some(State::Done)).len(),
            2
        );
        assert!(filtered(&*store, |it| it.state = Some(State::Running)).is_empty());
        let attribute = |key: &str, value: &str| {
            filtered(&*store, |it| {
                it.attributes = vec![(key.into(), value.into())]
            })
        };
        assert_eq!(attribute("tenant", "green"), [trace]);
        assert_eq!(attribute("tenant", "").len(), 2);
        assert_eq!(attribute("service.name", "planner-host"), one);
        assert!(attribute("tenant", "red").is_empty());
    });
}

/// Text is found in what was said, in any case, by the beginning of the last word; and by the ids.
#[test]
fn text_is_found_in_what_was_said() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        write(
            &*store,
            &[spans("other", vec![span(8, 1, 0, "quiet", T, T)])],
        );
        let finds = |text: &str| filtered(&*store, |it| it.text = Some(text.to_owned()));
        for text in [
            "giraffe",
            "GIRAFFE",
            "zoo gira",
            "closed",
            "keeper",
            "conv-1",
            "\"giraffe\" * (",
            "7",
        ] {
            let found = finds(text);
            match text {
                "7" => assert!(found.is_empty(), "{text}"),
                _ => assert_eq!(found, ["conv-1"], "{text}"),
            }
        }
        assert_eq!(finds("00000000000000000000000000000007"), ["conv-1"]);
        assert!(finds("elephant").is_empty() && finds("giraffe elephant").is_empty());
    });
}

/// Every order leads through all sessions once, page by page.
#[test]
fn every_order_leads_through_all_sessions() {
    with_each(|store| {
        for number in 0..25 {
            let all = (0..4).map(|index| usual_span(number, index, 4, T + number * 7));
            write(&*store, &[spans("many", all.collect())]);
        }
        for sort in ["start", "-start", "duration", "-cost", "tokens", "-errors"] {
            let mut query = SessionQuery::default();
            query.sort = Sort::from_word(sort).expect("an order");
            query.limit = 7;
            let mut found = Vec::new();
            loop {
                let page = store.sessions(&query, &patience()).expect("an answer");
                found.extend(page.items);
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            let mut ids: Vec<&str> = found.iter().map(|it| it.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!((ids.len(), found.len()), (25, 25), "{sort}");
            if sort == "-cost" {
                assert!(found.is_sorted_by(|one, other| one.cost >= other.cost));
            }
        }
        let mut query = SessionQuery::default();
        query.cursor = Some("none".to_owned());
        let refused = store.sessions(&query, &patience());
        assert!(matches!(refused, Err(StoreError::BadQuery(_))));
    });
}

/// Spans that name no session are of the one that others in their trace name, whichever come first.
#[test]
fn a_trace_is_of_the_session_that_is_named_in_it() {
    with_each(|store| {
        let unnamed = |id| spans("http", vec![span(7, id, 1, "GET", T + 200, T + 300)]);
        write(&*store, &[unnamed(20)]);
        assert_eq!(
            filtered(&*store, |_| {}),
            ["00000000000000000000000000000007"]
        );
        write(&*store, &[session(7, "conv-1")]);
        write(&*store, &[unnamed(21), log(7, None, T, "of that trace")]);
        assert_eq!(filtered(&*store, |_| {}), ["conv-1"]);
        let detail = store
            .session("conv-1", &patience())
            .expect("an answer")
            .expect("it is there");
        assert_eq!((detail.summary.spans, detail.summary.logs), (5, 1));
        write(&*store, &[unnamed(20)]);
        assert_eq!(store.stats().duplicates, 1, "what was taken over is known");
    });
}

/// A session is running until its root has ended, and again when something begins after that.
#[test]
fn a_session_is_running_until_its_root_has_ended() {
    with_each(|store| {
        let state = || {
            let page = store
                .sessions(&SessionQuery::default(), &patience())
                .expect("an answer");
            page.items[0].state
        };
        write(
            &*store,
            &[spans("a", vec![span(9, 2, 1, "first", T, T + 10)])],
        );
        assert_eq!(state(), State::Running);
        write(
            &*store,
            &[spans("a", vec![span(9, 1, 0, "root", T, T + 20)])],
        );
        assert_eq!(state(), State::Done);
        write(
            &*store,
            &[spans("a", vec![span(9, 3, 1, "late", T + 5, T + 30)])],
        );
        assert_eq!(state(), State::Done, "it began before the end of the root");
        write(
            &*store,
            &[spans("a", vec![span(9, 4, 5, "next turn", T + 40, T + 50)])],
        );
        assert_eq!(state(), State::Running);
        let root = failed(span(9, 5, 0, "root", T + 35, T + 60), "quota", "no more");
        write(&*store, &[spans("a", vec![root])]);
        assert_eq!(state(), State::Failed);
    });
}

/// A session that was handed work ends with its root, whose parent is in the session that handed it over.
#[test]
fn a_session_that_was_handed_work_ends_with_its_root() {
    with_each(|store| {
        let root = with(
            span(7, 50, 3, "session", T, T + 9),
            vec![
                text("session.id", "sub"),
                text("spanreel.session.end_state", "success"),
            ],
        );
        write(&*store, &[session(7, "conv-1"), spans("sub", vec![root])]);
        let detail = store
            .session("sub", &patience())
            .expect("an answer")
            .expect("it is there");
        assert_eq!(detail.summary.state, State::Done);
        let from = detail.summary.delegated_from.expect("who handed it over");
        assert_eq!(
            (from.span_id.as_str(), detail.summary.spans),
            ("0000000000000003", 1)
        );
    });
}

/// What a session is exported as makes the same session elsewhere.
#[test]
fn an_export_makes_the_same_session_elsewhere() {
    with_each(|store| {
        write(
            &*store,
            &[session(7, "conv-1"), log(7, Some("conv-1"), T, "hello")],
        );
        let export = store
            .export("conv-1", &patience())
            .expect("an answer")
            .expect("it is there");
        with_each(|other| {
            write(&*other, &export);
            let document = |store: &dyn Store| {
                let document = store.document("conv-1", &patience()).expect("an answer");
                let mut document = spanreel_store::document_json(&document.expect("it is there"));
                document["session"]["last_us"] = json!(0);
                document
            };
            assert_eq!(document(&*other), document(&*store));
        });
    });
}

/// Sums over time say what was used, by whom, and for what in vain.
#[test]
fn sums_over_time_say_what_was_used() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        let buckets = Buckets {
            from_us: T as i64 - 3_600_000_000,
            to_us: T as i64 + 3_600_000_000,
            count: 2,
        };
        let usage = |by| store.usage(by, &buckets, &patience()).expect("an answer");
        for (by, key) in [
            (By::Model, "m-1"),
            (By::Agent, "keeper"),
            (By::User, "u-1"),
            (By::None, ""),
        ] {
            let usage = usage(by);
            // Also those that only the root names, which came after the call.
            assert_eq!(usage.series[0].key, key);
            assert_eq!(usage.series[0].calls.iter().sum::<u64>(), 1);
            assert_eq!(usage.series[0].input_tokens.iter().sum::<u64>(), 100);
            assert_eq!((usage.totals.calls, usage.totals.cost), (1, 0.25));
        }
        let latency = |by| {
            store
                .latency(by, buckets.from_us, buckets.to_us, &patience())
                .expect("an answer")
        };
        assert_eq!(
            (latency(By::Model)[0].count, latency(By::Tool)[0].errors),
            (1, 1)
        );
        assert!((500..=563).contains(&latency(By::Model)[0].p50_us));
        let activity = store
            .activity(&Filter::default(), Some(&buckets), 2, &patience())
            .expect("an answer");
        assert_eq!(
            (activity.sessions, activity.spans, activity.errors),
            (vec![0, 1], vec![0, 3], vec![0, 1])
        );
    });
}

/// Calls are counted for the agent and the user of their session whenever those become known: also after other
/// writes, after a restart, and where another agent was taken for the session's meanwhile.
#[test]
fn calls_are_counted_for_who_becomes_known_later() {
    with_each(|store| {
        let call = |id: u64| {
            let call = span(7, id, 1, "chat m-1", T, T + 500);
            let said = vec![
                text("session.id", "conv-1"),
                text("gen_ai.operation.name", "chat"),
                text("gen_ai.request.model", "m-1"),
                int("gen_ai.usage.input_tokens", 100),
            ];
            with(call, said)
        };
        let agent = |id: u64, parent: u64, name: &str, more: Vec<_>| {
            let agent = span(7, id, parent, "invoke_agent", T, T + 900);
            let said = vec![
                text("session.id", "conv-1"),
                text("gen_ai.operation.name", "invoke_agent"),
                text("gen_ai.agent.name", name),
            ];
            with(with(agent, said), more)
        };
        let buckets = Buckets {
            from_us: T as i64 - 3_600_000_000,
            to_us: T as i64 + 3_600_000_000,
            count: 2,
        };
        let counted = |by| -> Vec<(String, u64, u64)> {
            let usage = store.usage(by, &buckets, &patience()).expect("an answer");
            let series = usage.series.into_iter();
            let sum = |series: spanreel_store::Series| {
                let input = series.input_tokens.iter().sum();
                (series.key, series.calls.iter().sum(), input)
            };
            series.map(sum).collect()
        };
        write(&*store, &[spans("host", vec![call(2), call(3)])]);
        assert!(counted(By::Agent).is_empty() && counted(By::User).is_empty());
        write(
            &*store,
            &[spans("host", vec![agent(4, 1, "helper", vec![])])],
        );
        let of = |name: &str, calls: u64| vec![(name.to_owned(), calls, calls * 100)];
        assert_eq!(counted(By::Agent), of("helper", 2));
        write(&*store, &[spans("host", vec![call(5)])]);
        assert_eq!(counted(By::Agent), of("helper", 3));
        let user = vec![text("user.id", "u-1")];
        write(&*store, &[spans("host", vec![agent(1, 0, "keeper", user)])]);
        assert_eq!(
            counted(By::Agent),
            of("keeper", 3),
            "the root's is the session's"
        );
        assert_eq!(counted(By::User), of("u-1", 3));
        write(&*store, &[spans("host", vec![call(6), call(2)])]);
        assert_eq!(counted(By::Agent), of("keeper", 4));
        assert_eq!(counted(By::User), of("u-1", 4));
        assert_eq!(counted(By::Model), of("m-1", 4));
    });
}

/// Who watches a session is told each span and log record once, however they were joined meanwhile.
#[test]
fn what_is_new_is_told_once() {
    with_each(|store| {
        write(&*store, &[spans("host", vec![usual_span(1, 0, 90, T)])]);
        let mut seen = Seen::default();
        let mut news = || {
            let news = store.news("conv-00000001", &mut seen, &patience());
            news.expect("an answer").expect("it is there")
        };
        assert!(news().spans.is_empty(), "what was there is known");
        let mut told = Vec::new();
        for index in 1..80 {
            write(&*store, &[spans("host", vec![usual_span(1, index, 90, T)])]);
            if index % 3 == 0 {
                told.extend(news().spans.into_iter().map(|span| span.span_id));
            }
        }
        write(&*store, &[log(9, Some("conv-00000001"), T, "it rains")]);
        let last = news();
        told.extend(last.spans.into_iter().map(|span| span.span_id));
        assert_eq!((told.len(), last.logs.len()), (79, 1));
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), 79, "each once");
        let after = news();
        assert!(after.spans.is_empty() && after.logs.is_empty());
        let mut nobody = Seen::default();
        let none = store.news("conv-2", &mut nobody, &patience());
        assert!(none.expect("an answer").is_none());
    });
}

/// The pages of a large session have each span once, in order, with everything where that is asked for.
#[test]
fn a_large_session_is_read_page_by_page() {
    with_each(|store| {
        let count = 3_000;
        // They come in no order.
        let mut all: Vec<_> = (0..count)
            .map(|index| usual_span(1, index * 7 % count, count, T))
            .collect();
        let rest = all.split_off(1_000);
        write(&*store, &[spans("host", all)]);
        let id = "conv-00000001";
        let first = store.spans(id, 600, None, &patience());
        assert_eq!(first.expect("an answer").expect("there").total, Some(1_000));
        write(&*store, &[spans("host", rest)]);
        let (mut cursor, mut starts, mut ids) = (None::<String>, Vec::new(), Vec::new());
        loop {
            let page = store.spans(id, 700, cursor.as_deref(), &patience());
            let page = page.expect("an answer").expect("there");
            starts.extend(page.items.iter().map(|span| span.start_us));
            let whole = store.whole_spans(id, 700, cursor.as_deref(), &patience());
            let whole = whole.expect("an answer").expect("there");
            assert_eq!(whole.next, page.next);
            for (span, whole) in page.items.into_iter().zip(whole.items) {
                assert_eq!(json(&whole.span), json(&span));
                assert_eq!(whole.span.agent.as_deref(), Some("researcher"));
                assert!(!whole.attributes.is_empty());
                ids.push(span.span_id);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(starts.is_sorted());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((starts.len(), ids.len()), (3_000, 3_000));
        let one = store.span(id, &ids[1_234], &patience()).expect("an answer");
        assert_eq!(one.expect("there").span.span_id, ids[1_234]);
    });
}

/// The fields and values that exist are suggested.
#[test]
fn fields_and_values_are_suggested() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1"), session(8, "conv-2")]);
        let fields = store.fields(&patience()).expect("an answer");
        let count = |key: &str| fields.iter().find(|it| it.key == key).map(|it| it.count);
        assert_eq!(
            (count("tenant"), count("agent"), count("session.id")),
            (Some(2), Some(2), None)
        );
        let values = store
            .values("tenant", "bl", &patience())
            .expect("an answer");
        assert_eq!((values[0].value.as_str(), values[0].count), ("blue", 2));
        assert!(
            store
                .values("tenant", "x", &patience())
                .expect("an answer")
                .is_empty()
        );
    });
}

/// Requests that are none are refused whole, and leave nothing behind.
#[test]
fn what_is_broken_leaves_nothing_behind() {
    with_each(|store| {
        let broken = Request::from_bytes(Signal::Traces, 1, vec![0x0a, 4, 0x12, 9, 0x12, 0].into());
        let refused = store.write(&[session(7, "conv-1"), broken]);
        assert!(matches!(refused, Err(StoreError::Wire(_))));
        assert!(filtered(&*store, |_| {}).is_empty());
        write(&*store, &[session(7, "conv-1")]);
        assert_eq!(filtered(&*store, |_| {}), ["conv-1"]);
    });
}

/// A query that nobody waits for ends.
#[test]
fn a_query_that_nobody_waits_for_ends() {
    with_each(|store| {
        write(&*store, &[session(7, "conv-1")]);
        let patience = patience();
        drop(patience.waiting());
        let answer = store.spans("conv-1", 10, None, &patience);
        assert!(matches!(answer, Err(StoreError::TooSlow)));
    });
}
