//! `spanreel run`: runs a command as one session.
//!
//! Holds: the receiver and the pipeline, for as long as the command runs. Waits: for the command; then for
//! its last telemetry and for what is forwarded, which a signal cuts short. Loses: what the report tells.

pub mod args;
mod child;
mod environment;
mod forward;
mod gather;
mod held;
mod passed;
mod report;
mod seen;
#[cfg(unix)]
mod signals;
#[cfg(not(unix))]
#[path = "elsewhere.rs"]
mod signals;
mod station;

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use spanreel::{
    EndState, EnvironmentCarrier, Propagator, Propagators, Session, ShutdownReport, Value,
};
use spanreel_http::llm::{Llm, Prices};

use crate::config;
use crate::gateway::{Gateway, Place, Proxy, Started, Upstreams, variables};
use crate::outcome::Outcome;
use crate::term::Terminal;
use args::RunArgs;
use child::End;
use environment::{Variables, Wanted};
use held::Held;
use passed::Passed;
use report::{Account, Ours};
use signals::Signals;
use station::Station;

/// How long calls of models may go on whose command has ended.
const GATEWAY_GRACE: Duration = Duration::from_millis(200);

/// The command was not started.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NotStarted {
    #[error("there is no command {0:?}; check its name, or give its path")]
    NotFound(String),
    #[error("{0:?} cannot be executed")]
    NotExecutable(String, #[source] io::Error),
    #[error("the command was not started")]
    Own(#[source] anyhow::Error),
}

impl NotStarted {
    /// What shells and `env` exit with then.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound(_) => 127,
            Self::NotExecutable(..) => 126,
            Self::Own(_) => 125,
        }
    }
}

/// Runs a command until it ends.
///
/// # Errors
/// It was not started ([`NotStarted`]), or options cannot be right ([`Conflict`](args::Conflict)).
pub fn run(args: RunArgs, stderr: &Terminal) -> anyhow::Result<Outcome> {
    let held = Held::start(args.quiet, stderr);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| NotStarted::Own(error.into()))?;
    let account = runtime.block_on(conduct(&args));
    // Whoever is still connected has had the time.
    runtime.shutdown_background();
    let said = held.take();
    let account = match account {
        Ok(account) => account,
        Err(error) => {
            tell(&said);
            return Err(error);
        }
    };
    let code = account.end.code;
    tell(&said);
    if args.json {
        tell(&account.json());
    } else if !args.quiet {
        tell(&account.text(stderr));
    }
    Ok(Outcome::AsCommand(code))
}

async fn conduct(args: &RunArgs) -> anyhow::Result<Account> {
    let redaction = match &args.config {
        Some(path) => Some(config::redaction::of(path)?),
        None => None,
    };
    let exports = forward::choose(args, read).await?;
    let mut signals = Signals::new().map_err(|error| NotStarted::Own(error.into()))?;
    let program = args.program();
    let service = read("OTEL_SERVICE_NAME").filter(|name| !name.is_empty());
    let service = service.unwrap_or_else(|| program.clone());
    let mut station =
        Station::start(&exports, &service, redaction.as_ref()).map_err(NotStarted::Own)?;
    let session = open(args, &station, &program).map_err(NotStarted::Own)?;
    let redactor = redaction.map(|it| it.redactor());
    let ours = Ours {
        session: match redactor {
            Some(redactor) => redactor.redact("session.id", &session.id()).into_owned(),
            None => session.id().into_owned(),
        },
        trace: session.trace_id(),
        root: session.context().span_id(),
    };
    station.gather.keep(ours.root);
    let passed = args.gateway.then(Passed::default);
    let gateway = passed.as_ref().map(|passed| passing_on(&session, passed));
    let gateway = gateway.transpose();
    let gateway = gateway.map_err(NotStarted::Own)?;

    let mut command = command(args, &station, &session);
    if let Some(gateway) = &gateway {
        command.envs(variables::variables(&gateway.url(), read));
    }
    let begun = Instant::now();
    let ran = child::run(command, &mut signals, |id| {
        session.set("process.pid", i64::from(id));
    });
    let end = match ran.await {
        Ok(end) => end,
        Err(error) => {
            let failure = not_started(args, error);
            session.set("process.exit.code", i64::from(failure.exit_code()));
            session.set("error.type", "not_started");
            session.fail(&failure.to_string());
            station.close(args.patience).await;
            return Err(failure.into());
        }
    };
    let took = begun.elapsed();
    // Calls end before their session.
    if let Some(gateway) = gateway {
        gateway.stop().await;
    }
    finish(&session, &end);

    let cut_off = async {
        if end.owes_signal {
            signals.next().await;
        }
        signals.next().await
    };
    let shutdown = tokio::select! {
        report = settle(&mut station, args.linger, args.patience) => Some(report),
        _ = cut_off => None,
    };
    Ok(Account {
        ours,
        program,
        end,
        took,
        sums: station.seen.sums(),
        passed: passed.map(|passed| passed.sums()),
        data_points: station.data_points(),
        forwards: exports.iter().map(|it| it.target.to_string()).collect(),
        shutdown,
        kept: station.gather.take(),
    })
}

/// The session of the run, whose root span is the command (OpenTelemetry semantic conventions, "CLI
/// programs"). It continues the trace that this process was started in, if there is one.
fn open(args: &RunArgs, station: &Station, program: &str) -> anyhow::Result<Session> {
    let propagators = Propagators::new([Propagator::TraceContext, Propagator::Baggage]);
    let inbound = propagators.extract(&EnvironmentCarrier::current());
    let named = read("OTEL_RESOURCE_ATTRIBUTES");
    let named = named.and_then(|resource| environment::session_of(&resource));
    let id = args.session.clone().or(named).unwrap_or_default();
    let mut builder = station
        .pipeline
        .open_session(&id)
        .name(program)
        .extracted(inbound)
        .totals_elsewhere()
        .attribute("process.executable.name", program);
    if args.show_arguments {
        let words: Vec<_> = args.command.iter().map(|it| it.to_string_lossy()).collect();
        let words: Vec<Value<'_>> = words.iter().map(|it| Value::from(&**it)).collect();
        builder = builder.attribute("process.command_args", &words[..]);
    }
    Ok(builder.open()?)
}

/// A gateway on this machine whose calls are all the session's.
fn passing_on(session: &Session, passed: &Passed) -> anyhow::Result<Started> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let upstreams = Upstreams::new(&variables::upstreams(read));
    let passed = passed.clone();
    let llm = Llm::new().prices(Prices::bundled());
    let llm = llm.measure_by(move |call| passed.called(call));
    let gateway = Gateway {
        listener,
        proxy: Proxy::new(upstreams, &llm, &[])?,
        place: Place::Fixed(session.clone()),
    };
    Ok(gateway.start(GATEWAY_GRACE)?)
}

fn command(args: &RunArgs, station: &Station, session: &Session) -> Command {
    let mut words = args.command.iter();
    let mut command = Command::new(words.next().map_or(OsStr::new(""), |word| word));
    command.args(words);
    let wanted = Wanted {
        url: &station.url(),
        protocol: args.protocol,
        session: &session.id(),
        coding_agent: args.coding_agent || ["claude", "gemini"].contains(&&*args.program()),
    };
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let variables = Variables::new(&wanted, names, read);
    for name in variables.remove {
        command.env_remove(name);
    }
    for (name, value) in variables.set {
        command.env(name, value);
    }
    session.inject_to("localhost", &mut command);
    command
}

fn finish(session: &Session, end: &End) {
    session.set("process.exit.code", i64::from(end.code));
    match end.failure() {
        None => session.finish(EndState::Success),
        Some(failure) => {
            let kind = end.signal.as_deref().unwrap_or("exit_code");
            session.set("error.type", kind);
            session.fail(&failure);
        }
    }
}

async fn settle(station: &mut Station, linger: Duration, patience: Duration) -> ShutdownReport {
    station.linger(linger).await;
    station.close(patience).await
}

fn not_started(args: &RunArgs, error: io::Error) -> NotStarted {
    let name = args.command.first().map(|it| it.to_string_lossy());
    let name = name.unwrap_or_default().into_owned();
    match error.kind() {
        io::ErrorKind::NotFound => NotStarted::NotFound(name),
        _ => NotStarted::NotExecutable(name, error),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what the command will see, which no pipeline reads"
)]
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Writes to standard error. That nobody reads it is no reason to fail.
fn tell(text: &str) {
    if let Err(error) = io::stderr().lock().write_all(text.as_bytes()) {
        tracing::debug!(target: "spanreel", %error, "nobody reads standard error");
    }
}
