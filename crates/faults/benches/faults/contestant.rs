//! The programs that are compared. Each ends spans at the same pace and tells of each that it has ended;
//! then it shuts down, and tells what the shutdown said.

use std::io::{Write, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use spanreel::{BatchConfig, ByteSize, Otlp, Pipeline, Spool, SpoolMode};
use spanreel_faults::producer::{self, NUMBER, TEXT};

use crate::Failure;

/// The first argument of a program that is a contestant.
pub(crate) const COMMAND: &str = "contestant";
pub(crate) const SPANS: u64 = 2000;
const OVER: Duration = Duration::from_secs(4);
/// How long spans wait for company before they are sent, for all alike. The defaults are so long that most
/// spans would leave when all is well again.
const DELAY: Duration = Duration::from_millis(200);
/// What the shutdown may take: the default of OpenTelemetry.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    SpanreelAlways,
    SpanreelOverflow,
    Spanreel,
    OpenTelemetry,
}

impl Contestant {
    pub(crate) const ALL: [Self; 4] = [
        Self::SpanreelAlways,
        Self::SpanreelOverflow,
        Self::Spanreel,
        Self::OpenTelemetry,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SpanreelAlways => "spanreel, spool `Always`",
            Self::SpanreelOverflow => "spanreel, spool `Overflow`",
            Self::Spanreel => "spanreel, no spool",
            Self::OpenTelemetry => "opentelemetry_sdk",
        }
    }
}

/// Runs as a contestant: its name, where the backend is, a directory, how many spans.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let [name, url, directory, spans] = arguments else {
        return Err("a contestant has four arguments".into());
    };
    let contestant = Contestant::ALL.into_iter().find(|it| it.name() == name);
    let contestant = contestant.ok_or("there is no such contestant")?;
    let spans = spans.parse()?;
    match contestant {
        Contestant::OpenTelemetry => opentelemetry(url, spans),
        _ => spanreel(contestant, url, Path::new(directory), spans),
    }
}

/// Ends the spans at their pace.
fn pace(spans: u64, mut end: impl FnMut(u64)) -> Result<(), Failure> {
    let begun = Instant::now();
    for number in 1..=spans {
        let due = OVER.mul_f64(number as f64 / SPANS as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        end(number);
        tell("ended", &number.to_string())?;
    }
    Ok(())
}

fn tell(what: &str, words: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "{what} {words}")?;
    Ok(out.flush()?)
}

fn spanreel(it: Contestant, url: &str, directory: &Path, spans: u64) -> Result<(), Failure> {
    let batch = BatchConfig {
        schedule_delay: DELAY,
        ..BatchConfig::default()
    };
    let mut builder = Pipeline::builder().batch(batch).export(Otlp::grpc(url));
    let mode = match it {
        Contestant::SpanreelAlways => Some(SpoolMode::Always),
        Contestant::SpanreelOverflow => Some(SpoolMode::Overflow),
        Contestant::Spanreel | Contestant::OpenTelemetry => None,
    };
    if let Some(mode) = mode {
        builder = builder.spool_with(Spool::at(directory, ByteSize::mib(64)).mode(mode));
    }
    let pipeline = builder.start()?;
    let session = pipeline.session("conv-1")?;
    pace(spans, |number| producer::record(&session, number))?;
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    tell("named", &report.lost().to_string())?;
    let words = match (report.lost(), report.spooled.as_u64()) {
        (0, 0) => "nothing was lost".to_owned(),
        (0, _) => "on disk, nothing was lost".to_owned(),
        (lost, _) => format!("{lost} lost"),
    };
    let took = report.took.as_secs_f64();
    tell("said", &format!("{words}, {took:.1} s"))
}

fn opentelemetry(url: &str, spans: u64) -> Result<(), Failure> {
    // Its exporter wants a runtime of tokio with threads to be there.
    let runtime = tokio::runtime::Runtime::new()?;
    let _entered = runtime.enter();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(url)
        .build()?;
    let batch = BatchConfigBuilder::default().with_scheduled_delay(DELAY);
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batch.build());
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor.build())
        .with_resource(
            Resource::builder_empty()
                .with_service_name("faults")
                .build(),
        )
        .build();
    let tracer = provider.tracer("faults");
    pace(spans, |number| {
        let attributes = [
            KeyValue::new(NUMBER, number.cast_signed()),
            KeyValue::new(TEXT, producer::text(number)),
        ];
        let span = tracer.span_builder("recorded").with_attributes(attributes);
        // Dropped, it ends.
        drop(span.start(&tracer));
    })?;
    let begun = Instant::now();
    let outcome = provider.shutdown_with_timeout(GRACE);
    let took = begun.elapsed().as_secs_f64();
    let words = match outcome {
        Ok(()) => "`Ok`".to_owned(),
        Err(error) => format!("`Err`: {error}"),
    };
    tell("said", &format!("{words}, {took:.1} s"))
}
