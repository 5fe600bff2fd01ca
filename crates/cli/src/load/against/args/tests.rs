//! From the words of a command line to a plan.

use clap::{CommandFactory, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    load: LoadArgs,
}

pub(in crate::load::against) fn plan(line: &str) -> Result<AgainstPlan, String> {
    let words = ["load"].into_iter().chain(line.split_whitespace());
    let args = Alone::try_parse_from(words).map_err(|error| error.to_string())?;
    let plan = args.load.plan_against().expect("it has --against");
    plan.map_err(|error| error.to_string())
}

/// The definitions of all options agree with each other.
#[test]
fn the_options_are_well_formed() {
    Alone::command().debug_assert();
}

/// Without the option there is no such plan.
#[test]
fn without_the_option_there_is_no_plan() {
    let alone = Alone::try_parse_from(["load", "--sink"]).expect("a command line");
    assert_eq!(alone.load.plan_against(), None);
}

/// The shortest calls mean two connections of four requests for ten seconds; `serve` has a sink behind it.
#[test]
fn a_target_alone_is_enough() {
    let serve = plan("--against serve").expect("enough");
    assert_eq!(serve.against, Against::Serve);
    assert_eq!(serve.sink, Some(SinkConfig::default()));
    let shape = (
        serve.connections.get(),
        serve.in_flight.get(),
        serve.batch.get(),
    );
    assert_eq!(shape, (2, 4, 512));
    assert_eq!((serve.duration, serve.requests), (Some(DURATION), None));
    assert_eq!(serve.sessions.get(), 1_000);
    let other = plan("--against grpc://127.0.0.1:4317 --requests 5").expect("enough");
    assert!(matches!(&other.against, Against::Collector(it) if it.port() == 4317));
    assert_eq!((other.sink, other.duration), (None, None));
}

/// Each option arrives in the plan.
#[test]
fn every_option_arrives() {
    let plan = plan(
        "--against grpc://[::1]:4317 --sink 127.0.0.1:9 --sink-latency 5ms --connections 3 --in-flight 7 \
         --batch 64 --requests 11 --duration 2s --pid 5 --compression zstd --sessions 13 --concurrency 17 \
         --spans-per-session 19 --payload-bytes 23 --seed 29 --patience 1s --json",
    )
    .expect("a plan");
    let number = |it: usize| NonZeroUsize::new(it).unwrap();
    let expected = AgainstPlan {
        against: Against::Collector("grpc://[::1]:4317".parse().unwrap()),
        sink: Some(SinkConfig {
            addr: "127.0.0.1:9".parse().unwrap(),
            latency: Duration::from_millis(5),
            fail_rate: 0.0,
            seed: 29,
        }),
        connections: number(3),
        in_flight: number(7),
        batch: number(64),
        requests: NonZeroU64::new(11),
        duration: Some(Duration::from_secs(2)),
        pid: Some(5),
        compression: Compression::Zstd,
        workload: WorkloadConfig {
            seed: 29,
            spans_per_session: u64::MAX,
            payload_bytes: 23,
            failing: 0.0,
        },
        sessions: NonZeroU64::new(13).unwrap(),
        spans_per_session: NonZeroU64::new(19).unwrap(),
        concurrency: number(17),
        patience: Duration::from_secs(1),
        json: true,
    };
    assert_eq!(plan, expected);
}

/// What cannot be right is refused with a word of advice.
#[test]
fn contradictions_are_explained() {
    for (line, advice) in [
        ("--against https://a:1", "write grpc://HOST:PORT"),
        ("--against grpcs://a:1", "write grpc://HOST:PORT"),
        ("--against nothing", "grpc://"),
        ("--against serve --pid 5", "leave --pid out"),
        ("--against serve --duration 0s", "longer"),
        ("--against serve --sessions 10000000", "fewer --sessions"),
        ("--against serve --rate 5", "cannot be used with"),
        (
            "--against serve --endpoint grpc://a:1",
            "cannot be used with",
        ),
        ("--against serve --batch 0", "--batch"),
        (
            "--against grpc://a:1 --sink-latency 1s",
            "--sink-latency changes",
        ),
    ] {
        let message = plan(line).expect_err(line);
        assert!(message.contains(advice), "{line}: {message}");
    }
    let alone = Alone::try_parse_from(["load", "--sink", "--connections", "2"]);
    assert!(
        alone
            .expect_err("of --against alone")
            .to_string()
            .contains("--against")
    );
}
