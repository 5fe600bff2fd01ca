//! Diagnostics on standard error: text for people, JSON for machines, from a level on that can change.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::value::LogLevel;
use crate::live;
use crate::term::Terminal;

/// The level, to be changed while diagnostics are written.
#[derive(Clone, Debug)]
pub(crate) struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// Writes diagnostics of this level and above from now on.
    pub(crate) fn set(&self, level: LogLevel) {
        if self.0.reload(filter(level)).is_err() {
            tracing::error!(target: "spanreel", "the level of diagnostics cannot be changed any more");
        }
    }
}

/// Begins to write them. Of libraries below, warnings and errors alone are of interest.
pub(crate) fn start(level: LogLevel, json: bool, stderr: &Terminal) -> Level {
    let (filter, handle) = reload::Layer::new(filter(level));
    let layer = fmt::layer().with_writer(|| live::Stderr).with_target(false);
    let layer = if json {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed()
    } else if stderr.is_terminal {
        layer
            .without_time()
            .with_ansi(stderr.palette.is_coloured())
            .boxed()
    } else {
        layer.with_ansi(stderr.palette.is_coloured()).boxed()
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .init();
    Level(handle)
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_target("spanreel", level)
        .with_default(level.min(LevelFilter::WARN))
}
