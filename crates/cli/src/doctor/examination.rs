//! What the receiver takes: signals, forms, sizes, and how fast it answers.
//!
//! Holds: one connection. Waits: for each answer, with a time limit. Loses: nothing.

use std::time::{Duration, Instant, UNIX_EPOCH};

use http::header::DATE;
use spanreel::Signal;

use super::args::DoctorPlan;
use super::finding::Finding;
use super::way::{Blocked, Way, now};
use crate::config::value::Packing;
use crate::probe::connection::{Answer, Connection};
use crate::probe::question::Question;
use crate::probe::verdict::Verdict;
use crate::units;
use crate::wire::protocol::Wire;

/// How many round trips the median is of.
const ROUNDS: usize = 5;

/// Clocks that differ by less are no concern.
const SKEW: Duration = Duration::from_secs(2);

/// The largest request that is tried.
const LARGEST: usize = 16 * 1024 * 1024;

/// How exactly the largest one is found.
const STEP: usize = 32 * 1024;

/// An examination under way.
pub(crate) struct Examination<'a> {
    plan: &'a DoctorPlan,
    way: Way,
    connection: Option<Connection>,
    notes: &'a mut Vec<Finding>,
}

impl<'a> Examination<'a> {
    pub(crate) fn new(plan: &'a DoctorPlan, way: Way, notes: &'a mut Vec<Finding>) -> Self {
        Self {
            plan,
            way,
            connection: None,
            notes,
        }
    }

    /// Asks everything. What follows from a failure is not asked.
    pub(crate) async fn examine(mut self) {
        let plain = Question::of(self.plan.endpoint.scheme());
        let answer = match self.ask(&plain).await {
            Ok(answer) => answer,
            Err(error) => {
                let note = unheard(&error, plain.wire, self.way.lacks_certificate());
                self.notes.push(note);
                return;
            }
        };
        if !self.first(&plain, &answer) {
            return;
        }
        self.other_signals(plain).await;
        self.forms(plain).await;
        self.pace(plain).await;
        if self.plan.size_limits {
            self.sizes(plain).await;
        }
    }

    /// Asks one question, over the connection that there is or a new one.
    async fn ask(&mut self, question: &Question) -> Result<Answer, Blocked> {
        if let Some(connection) = self.connection.take() {
            match self.ask_over(connection, question).await {
                // It was closed meanwhile: the question is asked again over another one.
                Err(Blocked::Http(_)) => {}
                done => return done,
            }
        }
        let connection = self.way.connect().await?;
        self.ask_over(connection, question).await
    }

    async fn ask_over(
        &mut self,
        mut connection: Connection,
        question: &Question,
    ) -> Result<Answer, Blocked> {
        let request = question.request(&self.plan.endpoint, &self.plan.headers);
        let request = request.map_err(std::io::Error::other)?;
        // Large requests take their time.
        let size = u32::try_from(question.padding / (1024 * 1024)).unwrap_or(u32::MAX);
        let timeout = self.plan.timeout + Duration::from_secs(size.into());
        let asked = tokio::time::timeout(timeout, connection.ask(request)).await;
        let answer = asked.map_err(|_| Blocked::Late(timeout))??;
        self.connection = Some(connection);
        Ok(answer)
    }

    async fn verdict(&mut self, question: &Question) -> Result<Verdict, Blocked> {
        let answer = self.ask(question).await?;
        Ok(Verdict::of(question, &answer, &self.plan.headers))
    }

    /// Protocol, authentication and spans. Whether to go on.
    fn first(&mut self, question: &Question, answer: &Answer) -> bool {
        let verdict = Verdict::of(question, answer, &self.plan.headers);
        let said = verdict.said().to_owned();
        let name = question.wire.name();
        if let Verdict::NoReceiver(_) = verdict {
            let advice = match question.wire {
                Wire::Grpc => {
                    "this is no gRPC server: check the port (mostly 4317), or use http://"
                }
                _ => {
                    "this is no OTLP receiver: check the port (mostly 4318) and the path before /v1/traces"
                }
            };
            self.notes.push(Finding::failed("protocol", said, advice));
            return false;
        }
        self.notes
            .push(Finding::ok("protocol", format!("answers to {name}")));
        let given = self.plan.headers.len();
        if let Verdict::NotLetIn(_) = verdict {
            let advice = match given {
                0 => {
                    "give it a key: --header authorization=Bearer%20KEY, or OTEL_EXPORTER_OTLP_HEADERS"
                }
                _ => {
                    "the headers are sent, and are not the right ones: check names, key and its rights"
                }
            };
            self.notes.push(Finding::failed("access", said, advice));
            return false;
        }
        let access = match given {
            0 => "let in without headers".to_owned(),
            1 => "let in with 1 header".to_owned(),
            _ => format!("let in with {given} headers"),
        };
        self.notes.push(Finding::ok("access", access));
        let advice = match &verdict {
            Verdict::Taken => {
                self.notes.push(Finding::ok("traces", "accepted"));
                return true;
            }
            Verdict::Unknown(_) => {
                "nothing there takes spans: check the path of the address (it goes before /v1/traces), or what the receiver is configured for"
            }
            Verdict::Busy(_) => "it takes nothing now: look at the receiver and what is behind it",
            _ if !self.plan.endpoint.scheme().is_secure() => {
                "look at what the receiver says in its own log; if this port speaks TLS, use https:// or grpcs://"
            }
            _ => "look at what the receiver says in its own log",
        };
        self.notes.push(Finding::failed("traces", said, advice));
        false
    }

    async fn other_signals(&mut self, plain: Question) {
        for (check, signal) in [("logs", Signal::Logs), ("metrics", Signal::Metrics)] {
            let question = Question { signal, ..plain };
            let advice = "programs that send these will report errors: configure the receiver for them, or set the exporter to none";
            self.accepts(check, &question, advice).await;
        }
    }

    async fn forms(&mut self, plain: Question) {
        if plain.wire == Wire::Grpc {
            self.notes.push(Finding::skipped("json", "gRPC has none"));
        } else {
            let question = Question {
                wire: Wire::HttpJson,
                ..plain
            };
            let advice = "use http/protobuf, which is the default of exporters";
            self.accepts("json", &question, advice).await;
        }
        for (check, packing) in [("gzip", Packing::Gzip), ("zstd", Packing::Zstd)] {
            let question = Question { packing, ..plain };
            let advice = "export without this compression";
            self.accepts(check, &question, advice).await;
        }
    }

    /// Notes whether something that is not vital is accepted.
    async fn accepts(&mut self, check: &'static str, question: &Question, advice: &str) {
        let note = match self.verdict(question).await {
            Ok(Verdict::Taken) => Finding::ok(check, "accepted"),
            Ok(verdict) => Finding::warning(check, verdict.said(), advice),
            Err(error) => Finding::warning(check, told(&error), advice),
        };
        self.notes.push(note);
    }

    /// The median of some round trips over one connection, and the clock of the receiver.
    async fn pace(&mut self, plain: Question) {
        let mut took = Vec::with_capacity(ROUNDS);
        let mut skew = None;
        for _ in 0..ROUNDS {
            let (begun, sent) = (Instant::now(), now());
            match self.ask(&plain).await {
                Ok(answer) => {
                    let round = begun.elapsed();
                    took.push(round);
                    let date = answer.headers.get(DATE).and_then(|it| it.to_str().ok());
                    let date = date.and_then(|it| httpdate::parse_http_date(it).ok());
                    let date = date.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
                    skew = date
                        .map(|date| difference(date, sent, sent + round))
                        .or(skew);
                }
                Err(error) => {
                    let advice = "connections break: look at the receiver and at proxies before it";
                    self.notes
                        .push(Finding::warning("round trip", told(&error), advice));
                    return;
                }
            }
        }
        took.sort_unstable();
        let seen = format!(
            "{} (median of {ROUNDS}; {} to {})",
            units::duration(took[ROUNDS / 2]),
            units::duration(took[0]),
            units::duration(took[ROUNDS - 1])
        );
        self.notes.push(Finding::ok("round trip", seen));
        self.notes.push(clock(skew));
    }

    /// The largest request that is accepted, by halving what is unknown.
    async fn sizes(&mut self, plain: Question) {
        const CHECK: &str = "size";
        let (mut good, mut bad) = (0, LARGEST + STEP);
        let mut try_next = LARGEST;
        let mut why = String::new();
        while bad - good > STEP {
            let question = Question {
                padding: try_next,
                ..plain
            };
            match self.verdict(&question).await {
                Ok(Verdict::Taken) => good = try_next,
                Ok(Verdict::Busy(said)) => {
                    let advice = "try again when the receiver has less to do";
                    let known = units::bytes(good as f64);
                    let seen = format!("unknown, at least {known}: {said}");
                    self.notes.push(Finding::warning(CHECK, seen, advice));
                    return;
                }
                Ok(verdict) => {
                    verdict.said().clone_into(&mut why);
                    bad = try_next;
                }
                // Some hang up on what is too large.
                Err(error) => {
                    why = told(&error);
                    bad = try_next;
                }
            }
            try_next = good + (bad - good) / 2;
        }
        let shown = units::bytes(good as f64);
        self.notes.push(match good {
            LARGEST => Finding::ok(CHECK, format!("{shown} and perhaps more")),
            good if good >= 1024 * 1024 => {
                Finding::ok(CHECK, format!("about {shown}, uncompressed; beyond: {why}"))
            }
            _ => {
                let advice =
                    "that is little: raise the limit of the receiver, or export smaller batches";
                Finding::warning(
                    CHECK,
                    format!("about {shown}, uncompressed; beyond: {why}"),
                    advice,
                )
            }
        });
    }
}

/// How far a clock that shows `date` (in whole seconds, cut) at some moment between two of ours is
/// from ours, at least; and whether it is ahead.
fn difference(date: Duration, from: Duration, to: Duration) -> (Duration, bool) {
    let second = Duration::from_secs(1);
    if date > to {
        return (date - to, true);
    }
    (from.saturating_sub(date + second), false)
}

fn clock(skew: Option<(Duration, bool)>) -> Finding {
    const CHECK: &str = "clock";
    match skew {
        None => Finding::skipped(CHECK, "the receiver does not tell its time"),
        Some((skew, _)) if skew < SKEW => Finding::ok(CHECK, "the same as here, within 2 s"),
        Some((skew, ahead)) => {
            let direction = if ahead { "ahead of" } else { "behind" };
            let seen = format!(
                "the receiver is {} {direction} this machine",
                units::duration(skew)
            );
            let advice = "set the clock that is wrong (NTP): spans of different machines would not fit together";
            Finding::warning(CHECK, seen, advice)
        }
    }
}

/// Nothing was understood of what was asked first.
fn unheard(error: &Blocked, wire: Wire, lacks_certificate: bool) -> Finding {
    let advice = match (error, wire) {
        _ if lacks_certificate => {
            "the receiver asks its clients for a certificate: give --client-certificate and --client-key"
        }
        (Blocked::Late(_), _) => "it takes connections and does not answer: look at the receiver",
        (_, Wire::Grpc) => {
            "this is no gRPC server: check the port (mostly 4317) and the scheme; use http:// for OTLP/HTTP"
        }
        (_, _) => {
            "this is no HTTP server: check the port (mostly 4318) and the scheme; use grpc:// for OTLP/gRPC, https:// for TLS"
        }
    };
    Finding::failed("protocol", told(error), advice)
}

fn told(error: &Blocked) -> String {
    match error {
        Blocked::Http(error) => {
            let source = std::error::Error::source(error);
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    /// A date is cut to seconds, and was written between sending and receiving: only what that does not
    /// explain is a difference.
    #[test]
    fn only_what_nothing_explains_is_a_difference() {
        let millis = Duration::from_millis;
        let skew = |date, from, to| difference(millis(date), millis(from), millis(to));
        assert_eq!(skew(10_000, 10_900, 11_900).0, Duration::ZERO);
        assert_eq!(skew(11_000, 10_900, 11_100).0, Duration::ZERO);
        assert_eq!(skew(20_000, 10_000, 10_500), (millis(9_500), true));
        assert_eq!(skew(5_000, 10_000, 10_500), (millis(4_000), false));
    }

    /// A clock that is off is a warning that says in which direction.
    #[test]
    fn a_clock_that_is_off_is_a_warning() {
        assert_eq!(clock(None).state, State::Skipped);
        assert_eq!(clock(Some((Duration::from_secs(1), true))).state, State::Ok);
        let off = clock(Some((Duration::from_secs(90), false)));
        assert_eq!(off.state, State::Warning);
        assert!(off.seen.contains("1 m 30 s behind"), "{}", off.seen);
    }
}
