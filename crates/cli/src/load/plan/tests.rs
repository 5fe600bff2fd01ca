//! From the words of a command line to a plan.

use clap::{CommandFactory, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    load: LoadArgs,
}

fn plan(line: &str) -> Result<LoadPlan, String> {
    let words = ["load"].into_iter().chain(line.split_whitespace());
    let args = Alone::try_parse_from(words).map_err(|error| error.to_string())?;
    args.load.plan().map_err(|error| error.to_string())
}

/// The definitions of all options agree with each other.
#[test]
fn the_options_are_well_formed() {
    Alone::command().debug_assert();
}

/// The two shortest useful calls work and mean what people expect.
#[test]
fn a_target_alone_is_enough() {
    let sink = plan("--sink").expect("enough");
    assert_eq!(sink.target, Target::Sink(SinkConfig::default()));
    assert_eq!(sink.protocol, Protocol::Grpc);
    assert_eq!(sink.sessions.map(NonZeroU64::get), Some(1_000));
    assert_eq!((sink.rate, sink.duration), (None, None));

    let collector = plan("--endpoint grpc://127.0.0.1:4317").expect("enough");
    assert!(
        matches!(&collector.target, Target::Endpoint(it) if it.url() == "grpc://127.0.0.1:4317")
    );
    assert_eq!(collector.protocol, Protocol::Grpc);
    let http = plan("--endpoint https://otlp.example.com/base").expect("enough");
    assert_eq!(http.protocol, Protocol::Http);
    let grpc = plan("--endpoint http://localhost:4317 --protocol grpc").expect("enough");
    assert_eq!(grpc.protocol, Protocol::Grpc);
}

/// Each option arrives in the plan.
#[test]
fn every_option_arrives() {
    let plan = plan(
        "--sink 127.0.0.1:9999 --sink-latency 50ms --sink-fail-rate 0.2 --protocol http-json \
         --compression zstd --sessions 7 --concurrency 3 --spans-per-session 11 --rate 5000 \
         --duration 2m --payload-bytes 64 --failing 0.01 --sampling a.toml --seed 5 --patience 1s --json --plot a/run.SVG",
    );
    let expected = LoadPlan {
        target: Target::Sink(SinkConfig {
            addr: "127.0.0.1:9999".parse().unwrap(),
            latency: Duration::from_millis(50),
            fail_rate: 0.2,
            seed: 5,
        }),
        protocol: Protocol::HttpJson,
        compression: Compression::Zstd,
        workload: WorkloadConfig {
            seed: 5,
            spans_per_session: 11,
            payload_bytes: 64,
            failing: 0.01,
        },
        sampling: Some("a.toml".into()),
        sessions: NonZeroU64::new(7),
        concurrency: NonZeroUsize::new(3).unwrap(),
        rate: NonZeroU64::new(5_000),
        duration: Some(Duration::from_secs(120)),
        patience: Duration::from_secs(1),
        json: true,
        plot: Some("a/run.SVG".into()),
    };
    assert_eq!(plan, Ok(expected));
}

/// With a duration alone the number of sessions has no limit.
#[test]
fn a_duration_lifts_the_limit_on_sessions() {
    assert_eq!(plan("--sink --duration 30s").unwrap().sessions, None);
    let both = plan("--sink --duration 30s --sessions 5").unwrap();
    assert_eq!(both.sessions, NonZeroU64::new(5));
}

/// What cannot be right is refused with a word of advice.
#[test]
fn contradictions_are_explained() {
    for (line, advice) in [
        ("", "give --endpoint URL, or --sink"),
        ("--sink --endpoint grpc://a:1", "leave one of them out"),
        (
            "--endpoint grpc://a:1 --sink-latency 1s",
            "--sink-latency changes",
        ),
        ("--sink-fail-rate 0.5", "--sink-fail-rate changes"),
        ("--endpoint grpc://a:1 --protocol http", "write http://"),
        ("--sink --plot run.png", "ends in .svg"),
        ("--sink --duration 0s", "longer"),
        ("--sink --duration 10", "500ms, 30s or 2m"),
        ("--sink --duration=-10s", "500ms, 30s or 2m"),
        ("--sink --sink-fail-rate 1.5", "from 0 (none) to 1 (all)"),
        ("--sink --sink-fail-rate NaN", "from 0 (none) to 1 (all)"),
        ("--sink --payload-bytes 17000000", "16 MiB"),
        ("--sink --sessions 0", "--sessions"),
        ("--sink 127.0.0.1", "--sink"),
        (
            "--endpoint 127.0.0.1:4317",
            "grpc://, grpcs://, http:// or https://",
        ),
        (
            "--endpoint ftp://a:1",
            "grpc://, grpcs://, http:// or https://",
        ),
        ("--endpoint http://", "not a URL"),
        ("--endpoint http://user:secret@a:1", "credentials"),
    ] {
        let message = plan(line).expect_err(line);
        assert!(message.contains(advice), "{line}: {message}");
    }
}
