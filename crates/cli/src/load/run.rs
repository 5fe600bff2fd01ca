//! `spanreel load` from beginning to end: sets up, drives, watches, reports.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spanreel::{
    Exporter, Otlp, OtlpExporter, Pipeline, Resource, Sampling, SamplingStats, ShutdownReport,
    WhenFull,
};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};

use super::args::{Compression, Protocol};
use super::drive::Load;
use super::histogram::Latencies;
use super::meter::Meter;
use super::plan::{LoadPlan, Target};
use super::progress::{Moment, Progress};
use super::receiver::Receiver;
use super::report::{Measured, PolicyCounts, Report};
use super::series::Series;
use super::{plot, usage};
use crate::config::ConfigFile;
use crate::drain::drain;
use crate::ledger::{self, BySignal};
use crate::outcome::Outcome;
use crate::term::Terminal;
use crate::units;

/// How often it is looked at how things go.
const TICK: Duration = Duration::from_millis(500);

/// How many points the plot has at most.
const POINTS: usize = 600;

/// How long to wait for a first connection to the receiver.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the load test that `plan` describes.
///
/// # Errors
/// The receiver cannot be started or reached, or a file cannot be written.
pub async fn run(plan: LoadPlan, stdout: &Terminal, stderr: &Terminal) -> anyhow::Result<Outcome> {
    // Opened before the run, so that a name that cannot be is not found out after it; what is there stays until
    // there is something else.
    let picture = match &plan.plot {
        Some(path) => Some(at_hand(path).map_err(|error| {
            anyhow::Error::from(error).context(format!("cannot write {}", path.display()))
        })?),
        None => None,
    };
    let (receiver, url, shown) = match &plan.target {
        Target::Endpoint(endpoint) => {
            endpoint.reach(CONNECT_TIMEOUT).await?;
            (None, endpoint.url().to_owned(), endpoint.to_string())
        }
        Target::Sink(config) => {
            let receiver = Receiver::start(config)?;
            let url = url_of(&receiver, plan.protocol);
            (Some(receiver), url.clone(), url)
        }
    };
    let sampling = match &plan.sampling {
        Some(path) => ConfigFile::read(path)?.sampling()?.sampling,
        None => Sampling::always_on(),
    };
    let run = Run::start(&plan, &url, sampling, stderr)?;
    let watched = run.watch(&plan).await;
    let sink = receiver.map(Receiver::stop).transpose()?;

    let report = Report::new(Measured {
        endpoint: shown,
        protocol: name_of(plan.protocol),
        compression: name_of(plan.compression),
        sink,
        ..watched.measured
    });
    let text = if plan.json {
        report.json() + "\n"
    } else {
        report.table(stdout.palette)
    };
    if let Some(mut picture) = picture {
        let (title, subtitle) = captions(&plan, &report);
        let svg = plot::svg(&title, &subtitle, &watched.series.points());
        picture.set_len(0)?;
        picture.write_all(svg.as_bytes())?;
    }
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if report.is_lossless() {
        Outcome::Fine
    } else {
        Outcome::Lost
    })
}

/// A file to be written later, with what it has until then.
fn at_hand(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// A load test under way.
struct Run {
    load: Arc<Load>,
    pipeline: Pipeline,
    meter: Arc<Meter>,
    series: Series,
    progress: Progress,
    ticks: Interval,
    last: (Instant, u64),
    /// Sessions are being played, so there is a rate to keep to.
    is_playing: bool,
    cpu_before: Option<Duration>,
}

/// What was seen of a load test.
struct Watched {
    /// Everything but the names of things, and what the receiver counted.
    measured: Measured,
    series: Series,
}

impl Run {
    fn start(
        plan: &LoadPlan,
        url: &str,
        sampling: Sampling,
        stderr: &Terminal,
    ) -> anyhow::Result<Self> {
        let meter = Arc::new(Meter::default());
        let exporter = exporter(plan, url)?;
        let pipeline = Pipeline::builder()
            .disabled(false)
            .resource(Resource::from_env().service("spanreel-load"))
            .sampling(sampling)
            .when_full(WhenFull::Block)
            .export(Exporter::new(meter.watch(exporter)))
            .start()?;
        let first = tokio::time::Instant::now() + TICK;
        let mut ticks = tokio::time::interval_at(first, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let cpu_before = usage::cpu_time();
        let load = Load::new(plan, pipeline.clone());
        Ok(Self {
            last: (load.begun(), 0),
            is_playing: true,
            load,
            pipeline,
            meter,
            series: Series::new(POINTS),
            progress: Progress::new(plan, stderr),
            ticks,
            cpu_before,
        })
    }

    /// Plays all sessions and waits until they are delivered.
    async fn watch(mut self, plan: &LoadPlan) -> Watched {
        let emit_latency = self.play(plan.duration).await;
        self.is_playing = false;
        let report = self.deliver(plan.patience).await;
        let elapsed = self.load.begun().elapsed();
        let (emitted, exported) = (self.load.emitted(), self.meter.exported_spans());
        self.series
            .finish(elapsed, emitted, exported, &self.meter.next_interval());
        self.progress.finish();

        let ledger = ledger::of(&report);
        let cpu = usage::cpu_time();
        let measured = Measured {
            endpoint: String::new(),
            protocol: String::new(),
            compression: String::new(),
            sink: None,
            sessions: self.load.sessions(),
            policies: policies(&self.pipeline.stats().sampling),
            elapsed,
            ended: BySignal {
                traces: report.traces.ended,
                logs: report.logs.ended,
            },
            exported_spans: ledger::exported(&ledger).traces,
            requests: report.lanes.iter().map(|lane| lane.requests).sum(),
            retries: report.lanes.iter().map(|lane| lane.retries).sum(),
            bytes: self.meter.bytes(),
            emit_latency: emit_latency.percentiles(),
            export_latency: self.meter.all().percentiles(),
            ledger,
            cpu: cpu.zip(self.cpu_before).map(|(now, before)| now - before),
            peak_rss_bytes: usage::peak_rss(),
        };
        Watched {
            measured,
            series: self.series,
        }
    }

    /// Plays until no session is left, the time is up or Ctrl-C is pressed.
    #[expect(clippy::disallowed_methods, reason = "a load test owns its tasks")]
    async fn play(&mut self, duration: Option<Duration>) -> Latencies {
        let mut tasks = JoinSet::new();
        for task in 0..self.load.tasks() {
            tasks.spawn(Arc::clone(&self.load).play(task));
        }
        let mut latencies = Latencies::new();
        let time_is_up = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(time_is_up);
        let interrupted = interrupted();
        tokio::pin!(interrupted);
        let mut is_stopping = false;
        loop {
            tokio::select! {
                played = tasks.join_next() => match played {
                    None => return latencies,
                    Some(Ok(played)) => latencies.merge(&played),
                    Some(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
                },
                _ = self.ticks.tick() => self.observe(),
                () = &mut time_is_up, if !is_stopping => {
                    self.load.stop();
                    is_stopping = true;
                }
                () = &mut interrupted, if !is_stopping => {
                    self.load.stop();
                    is_stopping = true;
                }
            }
        }
    }

    /// Waits for delivery; Ctrl-C gives up what is not delivered by then.
    async fn deliver(&mut self, patience: Duration) -> ShutdownReport {
        let pipeline = self.pipeline.clone();
        let delivery = drain(&pipeline, patience);
        tokio::pin!(delivery);
        let interrupted = interrupted();
        tokio::pin!(interrupted);
        loop {
            tokio::select! {
                report = &mut delivery => return report,
                _ = self.ticks.tick() => self.observe(),
                () = &mut interrupted => return self.pipeline.shutdown(Duration::ZERO).await,
            }
        }
    }

    /// Notes what happened since the last time.
    fn observe(&mut self) {
        let (emitted, exported) = (self.load.emitted(), self.meter.exported_spans());
        let now = Instant::now();
        let (then, exported_then) = std::mem::replace(&mut self.last, (now, exported));
        let interval = self.meter.next_interval();
        let since_begin = now - self.load.begun();
        self.series
            .observe(since_begin, emitted, exported, &interval);
        let seconds = (now - then).as_secs_f64().max(1e-9);
        self.progress.show(&Moment {
            emitted,
            exported,
            per_second: exported.saturating_sub(exported_then) as f64 / seconds,
            behind: self.load.behind().filter(|_| self.is_playing),
            failed: self.meter.failed(),
        });
    }
}

fn policies(stats: &SamplingStats) -> Vec<PolicyCounts> {
    let policies = stats.policies.iter().map(|policy| PolicyCounts {
        name: policy.name.clone(),
        kept: policy.kept,
        dropped: policy.dropped,
    });
    policies.collect()
}

/// Waits for Ctrl-C; for ever where it cannot be waited for. Hears what comes from the first poll on, so it is
/// kept, not made anew.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

fn exporter(plan: &LoadPlan, url: &str) -> anyhow::Result<OtlpExporter> {
    let otlp = match plan.protocol {
        Protocol::Grpc => Otlp::grpc(url),
        Protocol::Http => Otlp::http(url),
        Protocol::HttpJson => Otlp::http_json(url),
    };
    let otlp = otlp.compression(match plan.compression {
        Compression::None => spanreel::Compression::None,
        Compression::Gzip => spanreel::Compression::Gzip,
        Compression::Zstd => spanreel::Compression::Zstd,
    });
    otlp.build().map_err(|problems| {
        let advice: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", advice.join("; "))
    })
}

fn url_of(receiver: &Receiver, protocol: Protocol) -> String {
    let scheme = match protocol {
        Protocol::Grpc => "grpc",
        Protocol::Http | Protocol::HttpJson => "http",
    };
    format!("{scheme}://{}", receiver.addr())
}

/// The name of a choice on the command line.
pub(super) fn name_of(choice: impl clap::ValueEnum) -> String {
    choice
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The title and the subtitle of the plot.
fn captions(plan: &LoadPlan, report: &Report) -> (String, String) {
    let per_second = units::count(report.spans_per_second);
    let title = format!("spanreel load: {per_second} spans per second");
    let rate = match plan.rate {
        Some(rate) => format!("{} spans/s asked for", units::count(rate.get() as f64)),
        None => "as fast as possible".to_owned(),
    };
    let subtitle = format!(
        "{}, {} (compression {}), {} sessions at once, {rate}",
        report.endpoint, report.protocol, report.compression, plan.concurrency
    );
    (title, subtitle)
}
