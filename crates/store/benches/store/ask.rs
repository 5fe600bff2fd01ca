//! What people ask, many times.

use std::time::{Duration, Instant};

use spanreel_store::{
    Buckets, By, ErrorFilter, Filter, Patience, SessionQuery, Sort, SqliteStore, State, Store,
};

use super::fill::{self, BEGIN, Plan};
use super::telemetry::mix;

fn patience() -> Patience {
    Patience::of(Duration::from_secs(60))
}

/// The median, the 95th percentile and the worst of how long it takes, and the median of what it computes.
fn time(name: &str, times: u64, mut ask: impl FnMut(u64)) {
    let (mut took, mut busy): (Vec<f64>, Vec<f64>) = Default::default();
    for number in 0..times {
        let (begun, before) = (Instant::now(), super::computed());
        ask(number);
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        busy.push((super::computed() - before).as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    busy.sort_by(f64::total_cmp);
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
    println!(
        "{name:44} p50 {:8.2}  p95 {:8.2}  most {:8.2} ms   computed {:8.2} ms",
        at(50),
        at(95),
        at(100),
        busy[busy.len() / 2]
    );
}

/// A question of a list.
type Change = Box<dyn Fn(&mut SessionQuery, u64)>;

/// The same of a filter.
fn filter(change: impl Fn(&mut Filter, u64) + 'static) -> Change {
    Box::new(move |query, number| change(&mut query.filter, number))
}

/// Lists by every filter.
fn lists(plan: &Plan) -> Vec<(&'static str, Change)> {
    let of_state =
        |state: &'static str| filter(move |it: &mut Filter, _| it.state = State::from_name(state));
    let attribute = |it: &mut Filter, key: &str, value: &str| {
        it.attributes.push((key.to_owned(), value.to_owned()));
    };
    let all_us = (plan.end() - BEGIN) as i64;
    vec![
        ("list, latest first", Box::new(|_, _| {})),
        ("list, state=done", of_state("done")),
        ("list, state=failed", of_state("failed")),
        ("list, state=stalled", of_state("stalled")),
        (
            "list, agent=coder (a quarter)",
            filter(|it, _| it.agent = Some("coder".to_owned())),
        ),
        (
            "list, model=gpt-5-mini (all)",
            filter(|it, _| it.model = Some("gpt-5-mini".to_owned())),
        ),
        (
            "list, user=u-N",
            filter(|it, number| it.user = Some(format!("u-{number}"))),
        ),
        (
            "list, cost above 0.2",
            filter(|it, _| it.min_cost = Some(0.2)),
        ),
        (
            "list, any error",
            filter(|it, _| it.error = Some(ErrorFilter::Any)),
        ),
        (
            "list, error=timeout",
            filter(|it, _| it.error = Some(ErrorFilter::Type("timeout".to_owned()))),
        ),
        (
            "list, tenant=blue (a third)",
            filter(move |it, _| attribute(it, "tenant", "blue")),
        ),
        (
            "list, a tenth of the time",
            filter(move |it, number| {
                let from = BEGIN as i64 + all_us / 100 * (number as i64 % 90);
                it.from_us = Some(from);
                it.to_us = Some(from + all_us / 10);
            }),
        ),
        (
            "list, tenant=blue, cost above 0.2, done",
            filter(move |it, _| {
                attribute(it, "tenant", "blue");
                it.min_cost = Some(0.2);
                it.state = Some(State::Done);
            }),
        ),
        (
            "list, agent, model, by cost",
            Box::new(|query, _| {
                query.sort = Sort::from_word("-cost").expect("a sort");
                query.filter.agent = Some("coder".to_owned());
                query.filter.model = Some("gpt-5-mini".to_owned());
            }),
        ),
        (
            "text: a word in every session",
            filter(|it, _| it.text = Some("search".to_owned())),
        ),
        (
            "text: two frequent words",
            filter(|it, _| it.text = Some("timeout search".to_owned())),
        ),
        (
            "text: two words of sentences",
            filter(|it, number| {
                it.text = Some(format!("{} {}", fill::word(number), fill::word(number + 1)));
            }),
        ),
        (
            "text: a rare word",
            filter(|it, number| it.text = Some(fill::word(19_000 + number))),
        ),
        (
            "text: the beginning of words",
            filter(|it, number| it.text = Some(fill::word(number)[..3].to_owned())),
        ),
        (
            "text: the id of a session",
            filter(|it, number| it.text = Some(fill::id(number))),
        ),
    ]
}

/// Asks all of it.
pub(crate) fn ask(store: &SqliteStore, plan: &Plan) {
    let list = |query: &SessionQuery| store.sessions(query, &patience()).expect("an answer");
    for (name, change) in lists(plan) {
        time(name, 40, |number| {
            let mut query = SessionQuery::default();
            change(&mut query, number);
            drop(list(&query));
        });
    }
    for sort in ["-cost", "-duration", "-tokens", "-errors", "start"] {
        time(&format!("list, sort={sort}"), 40, |_| {
            let mut query = SessionQuery::default();
            query.sort = Sort::from_word(sort).expect("a sort");
            drop(list(&query));
        });
    }
    sessions(store, plan);
    over_time(store, plan);
    time("fields", 10, |_| {
        drop(store.fields(&patience()).expect("an answer"));
    });
    time("values of a field", 10, |_| {
        drop(store.values("user", "u-1", &patience()).expect("an answer"));
    });
    time("what it holds", 10, |_| assert!(store.stats().spans > 0));
}

fn sessions(store: &SqliteStore, plan: &Plan) {
    let some = |number: u64| fill::id(mix(number) % plan.sessions);
    time("a session with its totals", 100, |number| {
        let session = store.session(&some(number), &patience());
        assert!(session.expect("an answer").is_some());
    });
    let spans = |id: &str, cursor: Option<&str>| {
        let page = store.spans(id, 10_000, cursor, &patience());
        page.expect("an answer").expect("it is there")
    };
    time("spans of a session of 50", 100, |number| {
        assert!(spans(&some(number), None).items.len() as u64 >= fill::USUAL - 1);
    });
    time("spans of a session of 1,000", 100, |number| {
        let page = spans(&fill::id(plan.long(number)), None);
        assert!(page.items.len() as u64 >= fill::LONG - 1);
    });
    if !plan.has_largest {
        return;
    }
    let largest = fill::id(plan.largest());
    time("a page of a session of 100,000", 5, |_| {
        assert_eq!(spans(&largest, None).items.len(), 10_000);
    });
    time("all pages of it", 3, |_| {
        let (mut cursor, mut count) = (None, 0);
        loop {
            let page = spans(&largest, cursor.as_deref());
            count += page.items.len() as u64;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(count >= fill::LARGEST - 1);
    });
    let last = spans(&largest, None).items[9_000].span_id.clone();
    time("one span of it", 5, |_| {
        let span = store.span(&largest, &last, &patience());
        assert!(span.expect("an answer").is_some());
    });
    time("what was said in it", 3, |_| {
        drop(store.messages(&largest, &patience()).expect("an answer"));
    });
}

fn over_time(store: &SqliteStore, plan: &Plan) {
    let buckets = Buckets {
        from_us: BEGIN as i64,
        to_us: plan.end() as i64,
        count: 60,
    };
    time("activity of all time", 10, |_| {
        let activity = store.activity(&Filter::default(), Some(&buckets), 60, &patience());
        drop(activity.expect("an answer"));
    });
    for (name, by) in [
        ("model", By::Model),
        ("agent", By::Agent),
        ("user", By::User),
    ] {
        time(&format!("usage by {name}, all time"), 10, |_| {
            drop(store.usage(by, &buckets, &patience()).expect("an answer"));
        });
    }
    time("latency by model, all time", 10, |_| {
        let latency = store.latency(By::Model, buckets.from_us, buckets.to_us, &patience());
        drop(latency.expect("an answer"));
    });
}
