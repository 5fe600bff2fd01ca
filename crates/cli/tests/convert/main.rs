//! The conversion of recorded sessions, seen from outside: fixtures in, trees of spans out.

use std::fs::File;
use std::io::BufReader;

use spanreel_cli::convert::{Conversion, Options, SessionTrace, read};

mod privacy;
mod properties;
mod shapes;
mod spans;
mod trees;

/// All fixtures.
const FIXTURES: [&str; 5] = [
    "event-store.jsonl",
    "narrowed.jsonl",
    "multi-agent.json",
    "failures.jsonl",
    "hostile.jsonl",
];

fn path(fixture: &str) -> String {
    format!(
        "{}/../../tests/fixtures/recordings/{fixture}",
        env!("CARGO_MANIFEST_DIR")
    )
}

fn convert(fixture: &str, options: &Options) -> Conversion {
    let path = path(fixture);
    let file = File::open(&path).expect("the fixture is part of the repository");
    read(BufReader::new(file), &path, options).expect("a tolerant conversion fails only on I/O")
}

fn convert_text(text: &str) -> Conversion {
    read(
        text.as_bytes(),
        "dir/night-shift.jsonl",
        &Options::default(),
    )
    .expect("memory cannot fail")
}

fn with_content() -> Options {
    Options {
        content: true,
        ..Options::default()
    }
}

/// The only session of a conversion.
fn only(conversion: Conversion) -> SessionTrace {
    assert_eq!(conversion.sessions.len(), 1);
    conversion
        .sessions
        .into_iter()
        .next()
        .expect("there is one")
}
