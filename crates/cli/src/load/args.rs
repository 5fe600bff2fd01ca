//! The options of `spanreel load`, and the plan that follows from them.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;

use super::workload::WorkloadConfig;
use crate::sink::SinkConfig;

/// Send generated agent sessions to an OTLP receiver and measure what it costs
///
/// Plays sessions of agents that call models and tools, sends their spans and log records through
/// the whole pipeline, and reports throughput, latencies, CPU, memory, and what became of every
/// span. Exits with 3 when any was lost.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LoadArgs {
    /// Where to send: grpc://HOST:PORT, http://HOST:PORT or https://HOST:PORT
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub endpoint: Option<Endpoint>,

    /// Start a receiver that counts and forgets, and send there [default ADDR: a free port]
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:0",
        help_heading = "Target"
    )]
    pub sink: Option<SocketAddr>,

    /// Let the sink wait this long before each answer, such as 50ms
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Target")]
    pub sink_latency: Option<Duration>,

    /// Let the sink refuse this part of the requests, from 0 to 1
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = "Target")]
    pub sink_fail_rate: Option<f64>,

    /// How to speak OTLP [default: grpc for grpc:// and --sink, otherwise http]
    #[arg(long, value_enum, help_heading = "Target")]
    pub protocol: Option<Protocol>,

    /// How to compress requests
    #[arg(long, value_enum, default_value_t, help_heading = "Target")]
    pub compression: Compression,

    /// How many sessions to play [default: 1000, or no limit with --duration]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub sessions: Option<NonZeroU64>,

    /// How many sessions to play at once
    #[arg(long, value_name = "N", default_value = "16", help_heading = "Load")]
    pub concurrency: NonZeroUsize,

    /// How many spans a session has, its root included
    #[arg(long, value_name = "N", default_value = "100", help_heading = "Load")]
    pub spans_per_session: NonZeroU64,

    /// How many spans to emit per second, all sessions together [default: as many as possible]
    #[arg(long, value_name = "SPANS", help_heading = "Load")]
    pub rate: Option<NonZeroU64>,

    /// Stop after this time, such as 30s, even when sessions are left
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Load")]
    pub duration: Option<Duration>,

    /// How many bytes of text each model and tool call carries on top
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = payload,
        help_heading = "Load")]
    pub payload_bytes: usize,

    /// Another seed gives other sessions; the same gives the same ones
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Load")]
    pub seed: u64,

    /// Print the report as one JSON object
    #[arg(long, help_heading = "Report")]
    pub json: bool,

    /// Draw throughput and latency over time into this file
    #[arg(long, value_name = "FILE.svg", help_heading = "Report")]
    pub plot: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  spanreel load --sink
      Measures the pipeline alone: everything goes to a built-in receiver.
  spanreel load --endpoint grpc://127.0.0.1:4317 --rate 50000 --duration 30s --plot run.svg
      Sends 50,000 spans per second to a collector for half a minute and draws what happened.
  spanreel load --sink --sink-latency 50ms --sink-fail-rate 0.2 --json
      Measures how it copes with a slow receiver that refuses every fifth request.";

/// How to speak OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// OTLP/gRPC
    Grpc,
    /// OTLP/HTTP, protobuf
    Http,
    /// OTLP/HTTP, JSON
    HttpJson,
}

/// How to compress requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all
    #[default]
    None,
    /// Taken by every OTLP receiver
    Gzip,
    /// Faster than gzip, where the receiver takes it
    Zstd,
}

/// An address of an OTLP receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Grpc,
    Http,
    Https,
}

impl Endpoint {
    /// The address as the user wrote it. Its query may hold a key: not for reports.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// The address without its query.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.url.split(['?', '#']).next();
        f.write_str(shown.unwrap_or_default())
    }
}

/// The address without its query.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(url: &str) -> Result<Self, InvalidEndpoint> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidEndpoint::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "grpc" => Scheme::Grpc,
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidEndpoint::Scheme),
        };
        let uri: http::Uri = format!("http://{rest}")
            .parse()
            .map_err(|_| InvalidEndpoint::Url)?;
        let authority = uri.authority().ok_or(InvalidEndpoint::Url)?;
        if authority.as_str().contains('@') {
            return Err(InvalidEndpoint::Credentials);
        }
        if authority.host().is_empty() {
            return Err(InvalidEndpoint::Url);
        }
        let url = url.to_owned();
        Ok(Self { url, scheme })
    }
}

/// The address of an endpoint cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidEndpoint {
    #[error("begin it with grpc://, http:// or https://")]
    Scheme,
    #[error("not a URL; write one like grpc://127.0.0.1:4317")]
    Url,
    #[error("it holds credentials, which would not be sent")]
    Credentials,
}

/// What a load test is to do, free of contradictions.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named like the options")]
pub struct LoadPlan {
    pub target: Target,
    pub protocol: Protocol,
    pub compression: Compression,
    pub workload: WorkloadConfig,
    /// `None`: until the time is up.
    pub sessions: Option<NonZeroU64>,
    pub concurrency: NonZeroUsize,
    /// Spans per second; `None`: as many as possible.
    pub rate: Option<NonZeroU64>,
    pub duration: Option<Duration>,
    pub json: bool,
    pub plot: Option<PathBuf>,
}

/// Where a load test sends to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A receiver that is there.
    Endpoint(Endpoint),
    /// The built-in one, to be started.
    Sink(SinkConfig),
}

/// Options that do not go together, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Conflict {
    #[error("nowhere to send to: give --endpoint URL, or --sink for the built-in receiver")]
    NoTarget,
    #[error("both --endpoint and --sink say where to send to: leave one of them out")]
    TwoTargets,
    #[error("{0} changes how the built-in receiver behaves: add --sink, or leave it out")]
    WithoutSink(&'static str),
    #[error("grpc:// is for gRPC: write http:// before the address, or leave --protocol out")]
    GrpcOverHttp,
    #[error("--duration 0s leaves no time to send anything: give a longer one")]
    NoTime,
    #[error("--plot writes SVG: give it a file name that ends in .svg")]
    NotSvg,
}

impl LoadArgs {
    /// Works out what the options mean together.
    ///
    /// # Errors
    /// Options contradict each other or leave out what is needed.
    pub fn plan(self) -> Result<LoadPlan, Conflict> {
        if self.duration.is_some_and(|it| it.is_zero()) {
            return Err(Conflict::NoTime);
        }
        let svg = |path: &PathBuf| {
            path.extension()
                .is_some_and(|it| it.eq_ignore_ascii_case("svg"))
        };
        if self.plot.as_ref().is_some_and(|path| !svg(path)) {
            return Err(Conflict::NotSvg);
        }
        let target = self.target()?;
        let protocol = protocol(&target, self.protocol)?;
        let unlimited = self.sessions.is_none() && self.duration.is_some();
        let default_sessions = const { NonZeroU64::new(1_000).unwrap() };
        Ok(LoadPlan {
            target,
            protocol,
            compression: self.compression,
            workload: WorkloadConfig {
                seed: self.seed,
                spans_per_session: self.spans_per_session.get(),
                payload_bytes: self.payload_bytes,
            },
            sessions: (!unlimited).then(|| self.sessions.unwrap_or(default_sessions)),
            concurrency: self.concurrency,
            rate: self.rate,
            duration: self.duration,
            json: self.json,
            plot: self.plot,
        })
    }

    fn target(&self) -> Result<Target, Conflict> {
        match (&self.endpoint, self.sink) {
            (Some(_), Some(_)) => Err(Conflict::TwoTargets),
            (None, Some(addr)) => Ok(Target::Sink(SinkConfig {
                addr,
                latency: self.sink_latency.unwrap_or_default(),
                fail_rate: self.sink_fail_rate.unwrap_or_default(),
                seed: self.seed,
            })),
            _ if self.sink_latency.is_some() => Err(Conflict::WithoutSink("--sink-latency")),
            _ if self.sink_fail_rate.is_some() => Err(Conflict::WithoutSink("--sink-fail-rate")),
            (Some(endpoint), None) => Ok(Target::Endpoint(endpoint.clone())),
            (None, None) => Err(Conflict::NoTarget),
        }
    }
}

fn protocol(target: &Target, chosen: Option<Protocol>) -> Result<Protocol, Conflict> {
    let Target::Endpoint(endpoint) = target else {
        return Ok(chosen.unwrap_or(Protocol::Grpc));
    };
    match (endpoint.scheme, chosen) {
        (Scheme::Grpc, None | Some(Protocol::Grpc)) => Ok(Protocol::Grpc),
        (Scheme::Grpc, Some(_)) => Err(Conflict::GrpcOverHttp),
        (Scheme::Http | Scheme::Https, chosen) => Ok(chosen.unwrap_or(Protocol::Http)),
    }
}

/// Reads a time with its unit.
fn time(text: &str) -> Result<Duration, &'static str> {
    const ADVICE: &str = "write a time with its unit, such as 500ms, 30s or 2m";
    let signed: SignedDuration = text.parse().map_err(|_| ADVICE)?;
    signed.try_into().map_err(|_| ADVICE)
}

/// Reads a part of the whole.
fn rate(text: &str) -> Result<f64, &'static str> {
    const ADVICE: &str = "write a number from 0 (none) to 1 (all)";
    let rate: f64 = text.parse().map_err(|_| ADVICE)?;
    if !(0.0..=1.0).contains(&rate) {
        return Err(ADVICE);
    }
    Ok(rate)
}

/// Reads the length of a payload, which must leave a request below what receivers take.
fn payload(text: &str) -> Result<usize, &'static str> {
    const MAX: usize = 16 * 1024 * 1024;
    const ADVICE: &str = "write a number of bytes from 0 to 16777216 (16 MiB)";
    text.parse()
        .ok()
        .filter(|bytes| *bytes <= MAX)
        .ok_or(ADVICE)
}

#[cfg(test)]
mod tests {
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
             --duration 2m --payload-bytes 64 --seed 5 --json --plot a/run.SVG",
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
            },
            sessions: NonZeroU64::new(7),
            concurrency: NonZeroUsize::new(3).unwrap(),
            rate: NonZeroU64::new(5_000),
            duration: Some(Duration::from_secs(120)),
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
            ("--endpoint 127.0.0.1:4317", "grpc://, http:// or https://"),
            ("--endpoint ftp://a:1", "grpc://, http:// or https://"),
            ("--endpoint http://", "not a URL"),
            ("--endpoint http://user:secret@a:1", "credentials"),
        ] {
            let message = plan(line).expect_err(line);
            assert!(message.contains(advice), "{line}: {message}");
        }
    }

    /// A key in the query of an address is neither shown nor printed for debugging.
    #[test]
    fn the_query_of_an_address_is_kept_and_not_shown() {
        let endpoint: Endpoint = "https://a:1/base?key=secret".parse().unwrap();
        assert!(endpoint.url().ends_with("secret"));
        assert_eq!(
            format!("{endpoint} {endpoint:?}"),
            "https://a:1/base Endpoint(https://a:1/base)"
        );
    }
}
