//! Redaction: what is planted anywhere leaves nowhere.

mod foreign;
mod messages;
mod planter;
mod spoken;

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanreel::{
    BaggagePolicy, Content, Detector, Export, ExportError, Exporter, HashKey, Part, Pipeline,
    Redacted, Redaction, Request, Resource, SessionConfig, SessionEvents, SessionSeen, Watch,
};
#[cfg(feature = "spool")]
use spanreel::{ByteSize, Spool, SpoolMode};
use tracing_subscriber::fmt::MakeWriter;

use self::planter::{Planter, files};
use self::spoken::speak;
use crate::rig::{PATIENCE, Rig};

/// Everything that came out somewhere.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    fn add(&self, bytes: &[u8]) {
        let mut seen = self.0.lock().expect("no test panics with it");
        seen.extend_from_slice(bytes);
        seen.push(b'\n');
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no test panics with it").clone()
    }
}

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no test panics with it")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Seen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Keeps what it is given, and refuses it with words that repeat a secret, as servers do.
struct Repeats {
    seen: Seen,
    words: String,
}

impl Export for Repeats {
    fn name(&self) -> &str {
        "repeats"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        self.seen.add(&request.to_bytes());
        Err(ExportError::permanent(self.words.clone()))
    }
}

/// No secret that is planted anywhere is ever found in what is exported, spooled, shown, printed or sent
/// along, and what was JSON is JSON.
#[test]
fn no_secret_leaves_a_pipeline() {
    let printed = Seen::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(printed.clone())
        .finish();
    // The pipeline's own threads print as well.
    let _first = tracing::subscriber::set_global_default(subscriber);
    let mut planter = Planter::new(0x5eed);
    let (seen, refused) = (Seen::default(), Seen::default());
    let directory = tempfile::tempdir().expect("a directory");
    let repeats = Exporter::new(Repeats {
        seen: refused.clone(),
        words: planter.said(),
    });
    let rig = Rig::with(|builder| {
        let builder = builder
            .resource(
                Resource::empty()
                    .service(planter.said())
                    .attribute("process.command_args", &*planter.json()),
            )
            .scope(planter.said(), "1")
            .sessions(SessionConfig {
                events: SessionEvents {
                    session: true,
                    span_start: true,
                },
                ..SessionConfig::default()
            })
            .baggage(
                BaggagePolicy::new()
                    .send_session_id()
                    .send_user()
                    .send_tags()
                    .send_all_members()
                    .to_host("*"),
            )
            .content(Content::Both)
            .export(repeats)
            .redact(Redaction::standard());
        #[cfg(feature = "spool")]
        let builder = builder
            .spool_with(Spool::at(directory.path(), ByteSize::mib(256)).mode(SpoolMode::Always));
        builder
    });
    for _ in 0..120 {
        speak(&rig.pipeline, &mut planter, |shown| {
            seen.add(shown.as_bytes())
        });
    }
    let report = rig.pipeline.shutdown_blocking(PATIENCE);
    seen.add(format!("{report:?} {report} {:?}", rig.pipeline.stats()).as_bytes());
    assert!(planter.planted() > 3000, "{}", planter.planted());

    let spans = rig.memory.spans();
    let exported = format!("{spans:?}{:?}", rig.memory.logs());
    assert!(spans.len() > 360 && rig.memory.logs().len() > 360);
    planter.assert_none_in("memory", exported.as_bytes());
    planter.assert_none_in("a request", &refused.bytes());
    planter.assert_none_in("what is shown", &seen.bytes());
    planter.assert_none_in("what is printed", &printed.bytes());
    let printed = String::from_utf8_lossy(&printed.bytes()).into_owned();
    assert!(
        printed.contains("they say"),
        "the words of the server are shown: {printed}"
    );
    let on_disk = files(directory.path());
    assert!(
        on_disk.len() > 60_000 || cfg!(not(feature = "spool")),
        "what was refused is kept: {}",
        on_disk.len()
    );
    planter.assert_none_in("the spool", &on_disk);
    for span in spans.iter().filter(|it| it.str("json").is_some()) {
        for key in ["json", "gen_ai.input.messages"] {
            let json = span.str(key).expect("it was set");
            serde_json::from_str::<serde_json::Value>(json).expect(json);
        }
    }
    let found = rig.pipeline.stats().redaction;
    for detector in Detector::ALL {
        assert!(found.found_by(detector) > 20, "{detector:?}: {found}");
    }
}

struct Watching(Seen);

impl Watch for Watching {
    fn seen(&self, session: &SessionSeen<'_>) {
        self.0.add(format!("{session:?}").as_bytes());
    }
}

/// No secret in a received request is found in what is exported of it or told to those who watch; every
/// item still arrives.
#[tokio::test]
async fn no_secret_of_others_is_passed_on() {
    let mut planter = Planter::new(0xf0e);
    let (seen, exported) = (Seen::default(), Seen::default());
    let repeats = Repeats {
        seen: exported.clone(),
        words: "no".to_owned(),
    };
    let pipeline = Pipeline::builder()
        .resource(Resource::empty())
        .export(repeats)
        .redact(Redaction::standard())
        .start()
        .expect("a right configuration");
    let intake = pipeline.intake().watch(Watching(seen.clone()));
    for trace in 1..=60 {
        for (signal, request) in foreign::requests(&mut planter, trace) {
            let receipt = intake.accept(signal, request).await.expect("taken");
            assert_eq!(receipt.items(), 1);
        }
    }
    pipeline.shutdown(PATIENCE).await;
    let stats = pipeline.stats();
    let received = [stats.traces, stats.logs, stats.metrics].map(|it| it.received);
    assert_eq!(received, [60; 3]);
    assert!(planter.planted() > 2000, "{}", planter.planted());
    let exported = exported.bytes();
    assert!(
        exported.len() > 60_000,
        "it was exported: {}",
        exported.len()
    );
    planter.assert_none_in("a request", &exported);
    planter.assert_none_in("what is watched", &seen.bytes());
    assert!(String::from_utf8_lossy(&seen.bytes()).contains("they say"));
}

/// What a processor adds is redacted, too, and what redaction leaves alone is exported byte for byte.
#[test]
fn redaction_stands_behind_processors() {
    let rig = Rig::with(|builder| builder.redact(Redaction::standard()).process(Adds));
    let session = rig.pipeline.session("conv-1").expect("open");
    session.child("plain").attribute("n", 7_i64).start().end();
    session.end();
    let memory = rig.stop();
    let plain = memory.span("plain");
    assert_eq!(plain.str("added"), Some("[email]"));
    assert_eq!(plain.int("n"), Some(7));
}

struct Adds;

impl spanreel::Process for Adds {
    fn process(&mut self, item: &mut spanreel::Item<'_>) -> spanreel::Flow {
        item.set("added", "ada@example.com");
        spanreel::Flow::Pass
    }
}

/// Ids that are hashed are the same wherever they are: on spans, in the baggage, in the live view.
#[test]
fn a_hashed_id_is_the_same_everywhere() {
    let rig = Rig::with(|builder| {
        builder
            .baggage(BaggagePolicy::new().send_user().to_host("*"))
            .redact(Redaction::nothing().hash("user.id", HashKey::new(*b"0123456789abcdef")))
    });
    let session = rig
        .pipeline
        .open_session("conv-1")
        .user("ada")
        .open()
        .expect("open");
    let live = rig.pipeline.sessions().remove(0).user.expect("a user");
    let mut carrier: HashMap<String, String> = HashMap::new();
    session.inject_to("localhost", &mut carrier);
    session.end();
    let memory = rig.stop();
    let root = memory.span("session");
    assert_eq!(root.str("user.id"), Some(&*live));
    assert_eq!(carrier["baggage"], format!("user.id={live}"));
    assert_ne!(live, "ada");
}

/// A dry run exports everything as it is and says what it would have changed.
#[test]
fn a_dry_run_exports_everything_as_it_is() {
    let rig = Rig::with(|builder| builder.redact(Redaction::standard().dry_run(true)));
    let session = rig.pipeline.session("conv-1").expect("open");
    session
        .child("x")
        .attribute("to", "ada@example.com")
        .start()
        .end();
    session.end();
    let pipeline = rig.pipeline.clone();
    let memory = rig.stop();
    assert_eq!(memory.span("x").str("to"), Some("ada@example.com"));
    let stats = pipeline.stats().redaction;
    assert!(stats.dry_run);
    assert_eq!((stats.found_by(Detector::Email), stats.changed), (1, 1));
}

/// A user's own function may change and remove, and sees what the text belongs to.
#[test]
fn a_function_of_ones_own_sees_keys_and_texts() {
    let rig = Rig::with(|builder| {
        builder.redact(Redaction::nothing().with(|key, text| match key {
            "customer" => Redacted::Replace(text.to_uppercase()),
            "span.name" if text == "hidden" => Redacted::Remove,
            "gone" => Redacted::Remove,
            _ => Redacted::Keep,
        }))
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    let span = session
        .child("hidden")
        .attribute("customer", "acme")
        .attribute("gone", "x");
    span.start().end();
    session.end();
    let memory = rig.stop();
    let span = memory.span("");
    assert_eq!(span.str("customer"), Some("ACME"));
    assert_eq!(span.str("gone"), None);
}

/// Wrong rules are told when the pipeline starts.
#[test]
fn wrong_rules_are_told() {
    let started = Pipeline::builder()
        .redact(Redaction::nothing().mask("a*b"))
        .start();
    let error = started.expect_err("wrong").to_string();
    assert!(error.contains("redact") && error.contains("a*b"), "{error}");
}

/// Content is recorded where the session says so, and each destination gets what it may have.
#[test]
fn content_goes_where_it_may() {
    let (all, none) = (
        spanreel::testing::InMemory::new(),
        spanreel::testing::InMemory::new(),
    );
    let pipeline = Pipeline::builder()
        .resource(Resource::empty())
        .content(Content::Both)
        .export(all.clone())
        .export(Exporter::new(none.clone()).content(Content::Off))
        .start()
        .expect("a right configuration");
    let record = |id: &str, content: Option<Content>| {
        let mut builder = pipeline.open_session(id);
        if let Some(content) = content {
            builder = builder.content(content);
        }
        let session = builder.open().expect("open");
        let mut span = session.child(id).start();
        assert_eq!(span.content(), session.content());
        span.set_content(Part::InputMessages, "[]");
        span.log("x")
            .event_name(id)
            .content(Part::InputMessages, "[]")
            .emit();
        span.end();
        session.end();
    };
    record("both", None);
    record("off", Some(Content::Off));
    record("spans", Some(Content::Spans));
    record("events", Some(Content::Events));
    let report = pipeline.shutdown_blocking(Duration::from_secs(20));
    assert!(report.is_lossless(), "{report}");
    let key = Part::InputMessages.key();
    for (name, span, event) in [
        ("both", true, true),
        ("off", false, false),
        ("spans", true, false),
        ("events", false, true),
    ] {
        let has = |memory: &spanreel::testing::InMemory| {
            let logs = memory.logs();
            let log = logs
                .iter()
                .find(|it| it.event_name == name)
                .expect("recorded");
            (memory.span(name).str(key).is_some(), log.str(key).is_some())
        };
        assert_eq!(has(&all), (span, event), "{name}");
        assert_eq!(has(&none), (false, false), "{name}");
    }
}
