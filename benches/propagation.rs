//! What context costs at a border: reading it from a request and writing it to one, with what the
//! carrier itself takes to find a key and to keep a value. The sink shows what writing takes alone,
//! `carrier_*` what the carrier takes alone, `opentelemetry_*` what the SDK's propagator takes for the
//! same. How often memory is asked for, `tests/alloc.rs` says: to count it here would slow it down.

use std::collections::HashMap;

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use spanreel::{Baggage, CarrierMut, Propagator, Propagators, SpanContext};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
const TRACESTATE: &str = "ot=th:8;rv:0123456789abcd,congo=t61rcWkgMzE";
const BAGGAGE: &str = "session.id=conv-8f2e,tenant=acme;ttl=30,plan=pro%20plus";

fn main() {
    // Few enough headers at once for the nearest caches, and enough for the clock.
    let bench = divan::Divan::from_args();
    bench.sample_count(2_000).sample_size(64).main();
}

/// Headers as a server sees them, with more than what is asked for.
fn headers(with_state: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "orders.internal"),
        ("user-agent", "agent/1.0"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("traceparent", TRACEPARENT),
        ("baggage", BAGGAGE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if with_state {
        headers.insert("tracestate", HeaderValue::from_static(TRACESTATE));
    }
    headers
}

#[divan::bench(args = [false, true])]
fn extract_w3c_from_headers(bencher: Bencher<'_, '_>, with_state: bool) {
    let headers = headers(with_state);
    bencher.bench_local(|| SpanContext::extract(black_box(&headers)));
}

/// Of a request with as many headers, whose names are as long as those that are looked for, so that each is compared.
#[divan::bench(args = [8, 12, 16])]
fn extract_w3c_from_many_headers(bencher: Bencher<'_, '_>, count: usize) {
    let headers = many_headers(count);
    bencher.bench_local(|| SpanContext::extract(black_box(&headers)));
}

#[divan::bench(args = [8, 12, 16])]
fn inject_w3c_to_many_headers(bencher: Bencher<'_, '_>, count: usize) {
    let context = context(false);
    let mut headers = many_headers(count);
    bencher.bench_local(|| black_box(&context).inject(&mut headers));
}

fn many_headers(count: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for number in 0..count {
        if number == count / 2 {
            headers.insert("traceparent", HeaderValue::from_static(TRACEPARENT));
        } else {
            let name = HeaderName::try_from(format!("x-header-{number}")).expect("a name");
            headers.insert(name, HeaderValue::from_static("value"));
        }
    }
    headers
}

#[divan::bench(args = [false, true])]
fn extract_w3c_from_pairs(bencher: Bencher<'_, '_>, with_state: bool) {
    let headers = headers(with_state);
    let pairs: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
        .collect();
    bencher.bench_local(|| SpanContext::extract(black_box(&pairs)));
}

#[divan::bench(args = [false, true])]
fn extract_w3c_from_map(bencher: Bencher<'_, '_>, with_state: bool) {
    let headers = headers(with_state);
    let map: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
        .collect();
    bencher.bench_local(|| SpanContext::extract(black_box(&map)));
}

/// A carrier that costs nothing itself: what is left is what writing costs.
struct Sink {
    written: [u8; 64],
    len: usize,
}

impl CarrierMut for Sink {
    fn set(&mut self, _: &'static str, value: &str) {
        self.len = value.len().min(self.written.len());
        self.written[..self.len].copy_from_slice(&value.as_bytes()[..self.len]);
    }

    fn remove(&mut self, _: &'static str) {
        self.len = 0;
    }
}

fn context(with_state: bool) -> SpanContext {
    SpanContext::extract(&headers(with_state)).expect("valid")
}

#[divan::bench(args = [false, true])]
fn inject_w3c_to_sink(bencher: Bencher<'_, '_>, with_state: bool) {
    let context = context(with_state);
    let mut sink = Sink {
        written: [0; 64],
        len: 0,
    };
    bencher.bench_local(|| {
        black_box(&context).inject(&mut sink);
        black_box(sink.len)
    });
}

#[divan::bench(args = [false, true])]
fn inject_w3c_to_headers(bencher: Bencher<'_, '_>, with_state: bool) {
    let context = context(with_state);
    let mut headers = headers(with_state);
    bencher.bench_local(|| black_box(&context).inject(&mut headers));
}

/// As into a request that is about to be sent: the header is not there yet. What making the request takes is
/// not measured.
#[divan::bench(args = [false, true])]
fn inject_w3c_to_fresh_headers(bencher: Bencher<'_, '_>, with_state: bool) {
    let context = context(with_state);
    bencher
        .with_inputs(fresh)
        .bench_local_refs(|headers| black_box(&context).inject(headers));
}

/// Headers of a request that is about to be sent, with room for a few more.
fn fresh() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert("host", HeaderValue::from_static("orders.internal"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers
}

static NAME: HeaderName = HeaderName::from_static("traceparent");

/// What `HeaderMap::insert` takes of a name and a value that are there already.
#[divan::bench(args = [false, true])]
fn carrier_insert(bencher: Bencher<'_, '_>, has_room: bool) {
    let value = HeaderValue::from_static(TRACEPARENT);
    bencher
        .with_inputs(|| if has_room { fresh() } else { HeaderMap::new() })
        .bench_local_refs(|headers| headers.insert(NAME.clone(), value.clone()));
}

/// What the value of a header takes: its memory, a check of each byte and a copy.
#[divan::bench]
fn carrier_value(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| HeaderValue::from_str(black_box(TRACEPARENT)));
}

#[divan::bench(args = [false, true])]
fn opentelemetry_extract(bencher: Bencher<'_, '_>, with_state: bool) {
    let (propagator, headers) = (TraceContextPropagator::new(), headers(with_state));
    let none = Context::new();
    bencher.bench_local(|| {
        propagator.extract_with_context(&none, &HeaderExtractor(black_box(&headers)))
    });
}

/// `true`: into headers that have them already.
#[divan::bench(args = [false, true])]
fn opentelemetry_inject(bencher: Bencher<'_, '_>, have_them: bool) {
    let propagator = TraceContextPropagator::new();
    let none = Context::new();
    let parent = propagator.extract_with_context(&none, &HeaderExtractor(&headers(false)));
    assert!(parent.has_active_span());
    bencher
        .with_inputs(|| if have_them { headers(false) } else { fresh() })
        .bench_local_refs(|headers| {
            propagator.inject_context(black_box(&parent), &mut HeaderInjector(headers));
        });
}

#[divan::bench(args = [false, true])]
fn inject_w3c_to_map(bencher: Bencher<'_, '_>, with_state: bool) {
    let context = context(with_state);
    let mut map: HashMap<String, String> = HashMap::new();
    bencher.bench_local(|| black_box(&context).inject(&mut map));
}

fn propagators(name: &str) -> Propagators {
    let named = Propagator::ALL.into_iter().filter(|it| it.name() == name);
    Propagators::new(named)
}

#[divan::bench(args = ["tracecontext", "baggage", "b3", "b3multi", "xray"])]
fn extract_each(bencher: Bencher<'_, '_>, name: &str) {
    let propagators = propagators(name);
    let mut headers = HeaderMap::new();
    propagators.inject(&context(true), &Baggage::parse(BAGGAGE), &mut headers);
    bencher.bench_local(|| propagators.extract(black_box(&headers)));
}

#[divan::bench(args = ["tracecontext", "baggage", "b3", "b3multi", "xray"])]
fn inject_each(bencher: Bencher<'_, '_>, name: &str) {
    let propagators = propagators(name);
    let (context, baggage) = (context(true), Baggage::parse(BAGGAGE));
    let mut headers = HeaderMap::new();
    bencher.bench_local(|| propagators.inject(black_box(&context), &baggage, &mut headers));
}
