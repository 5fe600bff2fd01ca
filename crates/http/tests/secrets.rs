//! Keys show nowhere: neither in `Debug`, nor in errors, logs or telemetry. In a process of its own,
//! because what is logged is decided for all threads of one.

#![expect(
    clippy::disallowed_methods,
    reason = "files are looked at once a second, which is waited for"
)]

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use spanreel::testing::InMemory;
use spanreel::{Pipeline, Resource};
use spanreel_http::token::{Issuer, Keys, Verifier};
use tracing_subscriber::fmt::MakeWriter;

const A: &str = "https://a.example";
const B: &str = "https://b.example";
const MINUTE: Duration = Duration::from_secs(60);

fn encode(part: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part)
}

/// Bytes that nothing else here has, and that are text, too.
const PLANTED: &[u8; 32] = b"planted-key-4711-must-not-show-0";

/// Every spelling in which the planted key could show.
fn spellings() -> Vec<String> {
    let hex: String = PLANTED.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", &PLANTED[..8]);
    let padded = encode(PLANTED);
    vec![
        "planted-key".into(),
        hex[..16].into(),
        hex[..16].to_uppercase(),
        list.trim_matches(['[', ']']).into(),
        padded[..12].into(),
    ]
}

#[track_caller]
fn assert_clean(shown: &str) {
    for spelling in spellings() {
        assert!(!shown.contains(&spelling), "{spelling:?} shows in {shown}");
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("not poisoned")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The key sets with the planted key that can be read, and those that cannot.
fn sets() -> Vec<String> {
    let d = encode(PLANTED);
    let jwks = Keys::ed25519("k1", PLANTED).public_jwks();
    let private = jwks.replace("\"kid\"", &format!("\"d\":\"{d}\",\"kid\""));
    assert!(Issuer::new(A, Keys::from_jwks(&private).expect("a set")).is_ok());
    let shared = format!(r#"{{"keys":[{{"kty":"oct","kid":"h1","k":"{d}"}}]}}"#);
    let wrong = [
        private.replace("\"x\":\"", "\"x\":\"A"),
        private.replace(
            "\"kty\":\"OKP\"",
            &format!("\"kty\":\"OKP\",\"use\":[\"{d}\"]"),
        ),
        shared.replace("}]}", "}"),
        shared.replace("\"kid\":\"h1\",", ""),
        format!(r#"{{"keys":"{d}"}}"#),
        d.clone(),
        String::from_utf8_lossy(PLANTED).into_owned(),
    ];
    let mut sets = vec![private, shared];
    sets.extend(wrong);
    sets
}

/// A planted key shows in no debug output, no error, no log line and no telemetry, whatever is done with
/// it and whatever goes wrong.
#[test]
fn a_planted_key_shows_nowhere() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    let mut shown = String::new();
    let memory = InMemory::new();
    let (mut read, mut failed) = (0, 0);
    tracing::subscriber::with_default(subscriber, || {
        let pipeline = Pipeline::builder().resource(Resource::empty());
        let pipeline = pipeline.export(memory.clone()).start().expect("right");
        let session = pipeline.session("conv-1").expect("open");
        for set in sets() {
            fs::write(&path, &set).expect("writable");
            let keys = match Keys::from_file(&path) {
                Ok(keys) => keys,
                Err(error) => {
                    failed += 1;
                    shown += &format!("{error} {error:?} {:?}", std::error::Error::source(&error));
                    continue;
                }
            };
            read += 1;
            let issuer = Issuer::new(A, keys.clone()).expect("it can sign");
            let builder = Verifier::builder(B).trust(A, keys.clone());
            shown += &format!("{keys:?} {issuer:#?} {builder:?}");
            let verifier = builder.build().expect("right");
            let delegation = session.delegate("agent-b").start();
            let token = issuer.token(&delegation, B, MINUTE).expect("issued");
            let now = delegation.deadline() - Duration::from_secs(30 * 60);
            let trust = verifier.receive(token.as_str(), None, now);
            assert!(trust.is_adopted());
            let again = verifier.receive(token.as_str(), None, now);
            let sub_session = again.apply(pipeline.open_session("sub")).open();
            sub_session.expect("open").end();
            shown += &format!("{token:?} {delegation:?} {trust:?} {again:?} {verifier:#?}");
            shown += &keys.public_jwks();
            delegation.answered(None);
            // It becomes wrong while it is used.
            fs::write(&path, set.replace("keys", "kyes")).expect("writable");
            std::thread::sleep(Duration::from_millis(1100));
            shown += &format!("{:?}", verifier.check(token.as_str(), now));
            shown += &format!("{:?}", verifier.reload().expect_err("wrong"));
        }
        session.end();
        pipeline.shutdown_blocking(Duration::from_secs(5));
    });
    assert_eq!((read, failed), (2, 7));
    assert_clean(&shown);
    let logged = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("text");
    assert!(logged.contains("delegation tokens refused"), "{logged}");
    assert!(logged.contains("the keys stay as they were"), "{logged}");
    assert_clean(&logged);
    assert_clean(&format!("{:?} {:?}", memory.spans(), memory.logs()));
}
