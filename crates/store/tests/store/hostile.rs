//! What nobody sends in earnest costs no more than it weighs, and harms no session but its own.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message as _;
use spanreel::{Request, Signal};
use spanreel_store::{
    Buckets, By, Filter, MemoryStore, Retention, SessionQuery, Sort, SqliteStore, Store, StoreError,
};

use super::telemetry::{double, int, span, spans, text, with};
use super::{T, patience, with_each, write};

/// A request of one resource with an attribute of so many bytes, and these scopes.
fn of_resource(bytes: usize, scopes: Vec<ScopeSpans>) -> Request {
    let items = scopes.iter().map(|scope| scope.spans.len() as u64).sum();
    let resource = Resource {
        attributes: vec![text("padding", &"x".repeat(bytes))],
        ..Resource::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: scopes,
            ..ResourceSpans::default()
        }],
    };
    Request::from_bytes(Signal::Traces, items, request.encode_to_vec().into())
}

/// A scope of its own with one span of a trace of its own.
fn scope(number: u64) -> ScopeSpans {
    ScopeSpans {
        scope: Some(InstrumentationScope {
            name: format!("scope-{number}"),
            ..InstrumentationScope::default()
        }),
        spans: vec![span(u128::from(number) + 1, 1, 0, "step", T, T + 1)],
        ..ScopeSpans::default()
    }
}

fn count(store: &dyn Store) -> u64 {
    let page = store.sessions(&SessionQuery::default(), &patience());
    page.expect("an answer").total.expect("few")
}

/// Empty scopes of a large resource take nothing; scopes that would repeat it for far more bytes than the request
/// has are refused, with nothing left behind.
#[test]
fn a_large_resource_is_not_multiplied_by_its_scopes() {
    with_each(|store| {
        let mut scopes = vec![ScopeSpans::default(); 100_000];
        scopes.push(scope(0));
        write(&*store, &[of_resource(256 << 10, scopes)]);
        assert_eq!(count(&*store), 1);
        let many = of_resource(256 << 10, (0..80).map(scope).collect());
        let refused = store.write(&[many]);
        assert!(matches!(refused, Err(StoreError::Repeated { .. })));
        assert_eq!(count(&*store), 1);
        let few = of_resource(256 << 10, (0..20).map(scope).collect());
        write(&*store, &[few]);
        assert_eq!(count(&*store), 20);
    });
}

/// A model's call that says such a cost and so many tokens.
fn call(trace: u128, id: u64, cost: f64, tokens: i64) -> Request {
    let says = vec![
        text("session.id", &format!("conv-{trace}")),
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.request.model", "m-1"),
        double("gen_ai.usage.cost", cost),
        int("gen_ai.usage.input_tokens", tokens),
    ];
    spans(
        "host",
        vec![with(span(trace, id, 9, "chat", T, T + 1), says)],
    )
}

/// Amounts that nothing costs are not believed: they hide neither their session nor others, also where it is read
/// again.
#[test]
fn amounts_that_nothing_costs_are_not_believed() {
    let hostile = || {
        let calls = (1..9).map(|id| call(7, id, 1e308, i64::MAX));
        let calls: Vec<Request> = calls.collect();
        [calls, vec![call(7, 10, 0.5, 100), call(8, 1, 1e12, 7)]].concat()
    };
    let check = |store: &dyn Store| {
        let page = store.sessions(&SessionQuery::default(), &patience());
        let page = page.expect("an answer").items;
        let found = page
            .iter()
            .map(|it| (it.id.as_str(), it.cost, it.input_tokens));
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|it| it.0);
        assert_eq!(found[0], ("conv-7", Some(0.5), Some(100)));
        assert_eq!(found[1], ("conv-8", Some(1e12), Some(7)));
    };
    with_each(|store| {
        write(&*store, &hostile());
        check(&*store);
    });
    let directory = tempfile::tempdir().expect("a directory");
    let open = || SqliteStore::open(directory.path(), Retention::default()).expect("a store");
    write(&open(), &hostile());
    let store = open();
    write(&store, &[call(7, 11, f64::INFINITY, -1)]);
    check(&store);
}

/// Pages lead to an end, each thing once, however late spans say that they start and however many tokens sessions
/// say that they had.
#[test]
fn pages_of_numbers_beyond_those_of_json_end() {
    with_each(|store| {
        let late = 18_446_744_073_709_549;
        let of_one = (1..=7).map(|id| span(7, id, 0, "late", late, late));
        write(&*store, &[spans("host", of_one.collect())]);
        // Together an odd number above 2^53.
        for trace in 11..=12 {
            let calls = (1..=4_507).map(|id| {
                let says = vec![
                    text("gen_ai.operation.name", "chat"),
                    int("gen_ai.usage.input_tokens", 999_999_999_999),
                    int("gen_ai.usage.output_tokens", 1_000_000_000_000),
                ];
                with(span(trace, id, 0, "chat", T, T), says)
            });
            write(&*store, &[spans("host", calls.collect())]);
        }
        let mut cursor = None;
        let mut found = Vec::new();
        for _page in 0..10 {
            let id = "00000000000000000000000000000007";
            let page = store.spans(id, 3, cursor.as_deref(), &patience());
            let page = page.expect("an answer").expect("it is there");
            found.extend(page.items.into_iter().map(|it| it.span_id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        found.dedup();
        assert_eq!((found.len(), cursor), (7, None));
        for sort in ["-tokens", "tokens", "-start"] {
            let mut query = SessionQuery::default();
            query.sort = Sort::from_word(sort).expect("an order");
            query.limit = 1;
            let mut found = Vec::new();
            for _page in 0..10 {
                let page = store.sessions(&query, &patience()).expect("an answer");
                found.extend(page.items.into_iter().map(|it| it.id));
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            found.sort_unstable();
            found.dedup();
            assert_eq!((found.len(), query.cursor), (3, None), "{sort}");
        }
    });
}

/// However many models are made up, usage tells the largest apart and has all others in one.
#[test]
fn usage_has_a_few_series_of_many_names() {
    with_each(|store| {
        let calls = (1..=500_u64).map(|id| {
            let says = vec![
                text("gen_ai.operation.name", "chat"),
                text("gen_ai.request.model", &format!("made-up-{id}")),
                double("gen_ai.usage.cost", id as f64),
            ];
            with(span(7, id, 0, "chat", T, T + 1), says)
        });
        write(&*store, &[spans("host", calls.collect())]);
        let buckets = Buckets {
            from_us: T as i64 - 3_600_000_000,
            to_us: T as i64 + 3_600_000_000,
            count: 1_000,
        };
        let usage = store.usage(By::Model, &buckets, &patience());
        let series = usage.expect("an answer").series;
        let keys: Vec<&str> = series.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(
            (keys.len(), keys[0], keys[18], keys[19]),
            (20, "made-up-500", "made-up-482", "(others)")
        );
        let rest: f64 = series[19].cost.iter().sum();
        assert_eq!(rest, (1..=481).sum::<u64>() as f64);
        assert_eq!(series[19].calls.iter().sum::<u64>(), 481);
    });
}

/// Sessions are found by agent and model whatever attributes they have, and fields that were made up by others make
/// room when those are forgotten.
#[test]
fn made_up_attributes_do_not_switch_off_filters() {
    let made_up = |session: u64| {
        let says = (0..100).map(|number| text(&format!("key-{session}-{number}"), "x"));
        let root = with(
            span(u128::from(session) + 1, 1, 0, "root", T, T + 9),
            says.collect(),
        );
        let known = vec![
            text("gen_ai.operation.name", "invoke_agent"),
            text("gen_ai.agent.name", &format!("agent-{session}")),
        ];
        let call = with(
            span(u128::from(session) + 1, 2, 1, "chat", T, T + 8),
            vec![
                text("gen_ai.operation.name", "chat"),
                text("gen_ai.request.model", &format!("model-{session}")),
            ],
        );
        spans("host", vec![with(root, known), call])
    };
    let finds = |store: &dyn Store, set: &dyn Fn(&mut Filter)| {
        let mut query = SessionQuery::default();
        set(&mut query.filter);
        let page = store.sessions(&query, &patience()).expect("an answer");
        page.items.len()
    };
    with_each(|store| {
        let all: Vec<Request> = (0..10).map(made_up).collect();
        write(&*store, &all);
        for session in 0..10 {
            let of_agent = |it: &mut Filter| it.agent = Some(format!("agent-{session}"));
            let of_model = |it: &mut Filter| it.model = Some(format!("model-{session}"));
            assert_eq!(finds(&*store, &of_agent), 1, "{session}");
            assert_eq!(finds(&*store, &of_model), 1, "{session}");
        }
    });
    let directory = tempfile::tempdir().expect("a directory");
    let mut retention = Retention::default();
    retention.max_age = std::time::Duration::ZERO;
    let store = SqliteStore::open(directory.path(), retention).expect("a store");
    let all: Vec<Request> = (0..10).map(made_up).collect();
    write(&store, &all);
    while store.tidy().expect("it can be done") {}
    assert_eq!(count(&store), 0);
    write(&store, &[made_up(99)]);
    let attribute = |it: &mut Filter| it.attributes = vec![("key-99-0".into(), "x".into())];
    assert_eq!(finds(&store, &attribute), 1);
}

/// The store in memory counts what resources and attributes take, once for all sessions that have them, so that it
/// holds as much as it may and no more.
#[test]
fn memory_holds_as_much_as_it_may() {
    let mut retention = Retention::default();
    retention.max_bytes = 4 << 20;
    let store = MemoryStore::new(retention);
    for number in 0..40 {
        let mut scope = scope(number);
        let says = (0..200).map(|key| text(&format!("key-{key}"), &"x".repeat(120)));
        let one = scope.spans.remove(0);
        scope.spans.push(with(one, says.collect()));
        // Twice the same: the second costs next to nothing.
        write(&store, &[of_resource(256 << 10, vec![scope.clone()])]);
        scope.spans[0].trace_id = u128::from(number + 1_000).to_be_bytes().to_vec();
        write(&store, &[of_resource(256 << 10, vec![scope])]);
    }
    assert!(store.stats().bytes > 40 * (256 << 10));
    while store.tidy().expect("it can be done") {}
    let left = count(&store);
    // Two sessions to each resource, which has 256 KiB and what its sessions take beside it.
    assert!((16..32).contains(&left), "{left}");
    assert!(store.stats().bytes <= retention.max_bytes);
    retention.max_bytes = 0;
    let empty = MemoryStore::new(retention);
    write(&empty, &[of_resource(1_000, vec![scope(1), scope(2)])]);
    while empty.tidy().expect("it can be done") {}
    assert_eq!((count(&empty), empty.stats().bytes), (0, 0));
}
