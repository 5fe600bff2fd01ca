//! Who may import whom, read from the sources.
//!
//! `model` knows nothing of ours above it and no runtime; `actors` know `model`; `pipeline` knows both.
//! Names of other people's crates stay where replacing them is a small change. Comments and unit
//! tests do not count.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its comments and unit tests.
struct Source {
    /// Its path below `src`.
    path: String,
    code: String,
}

impl Source {
    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// The paths in it that begin with `start`, and go on behind it.
    fn names(&self, start: &str) -> impl Iterator<Item = &str> {
        let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
        self.code
            .split(move |character| !is_part(character))
            .filter(move |path| {
                let rest = path.strip_prefix(start);
                rest.is_some_and(|rest| rest.starts_with("::"))
            })
    }
}

/// All sources but those of tests.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder exists") {
            let path: PathBuf = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(&root).expect("it is below");
            let below = below.to_string_lossy().replace('\\', "/");
            if !is_test(&below) {
                let text = fs::read_to_string(&path).expect("sources are text");
                sources.push(Source {
                    path: below,
                    code: code_of(&text),
                });
            }
        }
    }
    assert!(sources.len() > 80, "the sources were found");
    sources
}

/// Whether a file holds nothing but tests and what they need.
fn is_test(path: &str) -> bool {
    let names = ["/tests.rs", "/sample.rs", "/arbitrary.rs", "/seen.rs"];
    path.contains("/tests/") || names.iter().any(|name| path.ends_with(name))
}

/// What is neither a comment nor a unit test: those stand at the end of a file.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let mut code = String::new();
    for line in text[..end].lines() {
        code.push_str(line.split("//").next().unwrap_or(line));
        code.push('\n');
    }
    code
}

/// Asserts that no source names what it must not.
#[track_caller]
fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// `model` imports nothing of ours but `model`, `actors` import no `pipeline`, and nobody imports by way
/// of the public names.
#[test]
fn layers_import_downwards() {
    let mut found = Vec::new();
    for source in sources() {
        let allowed: &[&str] = match source.path.split('/').next() {
            Some("model") => &["crate::model"],
            Some("actors") => &["crate::model", "crate::actors"],
            // It says what is public, by the public names too.
            Some("lib.rs") => continue,
            _ => &["crate::model", "crate::actors", "crate::pipeline"],
        };
        for path in source.names("crate") {
            let is_allowed = allowed.iter().any(|allowed| {
                path.strip_prefix(allowed)
                    .is_some_and(|rest| rest.starts_with("::"))
            });
            if !is_allowed {
                found.push(format!("{} names {path}", source.path));
            }
        }
    }
    assert_none(&found);
}

/// What every actor may know.
const COMMON: [&str; 10] = [
    "apart",
    "baton",
    "clock",
    "deadline",
    "mailbox",
    "notice",
    "own_thread",
    "pool",
    "road",
    "run",
];

/// An actor knows what all actors share, itself, and of the next stage what it is sent.
#[test]
fn actors_know_the_next_stage_alone() {
    let edges = [
        (
            "intake",
            &["session::shared", "session::head", "spool::handle"][..],
        ),
        ("session", &["sampler::policy", "spool::desk"]),
        ("processor", &[]),
        ("sampler", &["spool::desk", "spool::notes"]),
        ("batcher", &["exporter::lane", "spool::desk"]),
        ("exporter", &["spool::desk"]),
        ("spool", &["exporter::lane"]),
    ];
    let mut found = Vec::new();
    for source in sources() {
        let Some(place) = source.path.strip_prefix("actors/") else {
            continue;
        };
        let actor = place.split(['/', '.']).next().unwrap_or(place);
        let known = edges.iter().find(|(name, _)| *name == actor);
        let others = known.map_or(&[][..], |(_, others)| others);
        for path in source.names("crate::actors") {
            let path = path.trim_start_matches("crate::actors::");
            let module = path.split("::").next().unwrap_or(path);
            let is_known = module == actor
                || COMMON.contains(&module)
                || others.iter().any(|other| path.starts_with(other));
            if !is_known && !COMMON.contains(&actor) {
                found.push(format!("{actor} names {path} in {}", source.path));
            }
            if COMMON.contains(&actor) && !COMMON.contains(&module) {
                found.push(format!("{actor}, which all know, names {path}"));
            }
        }
    }
    assert_none(&found);
}

/// Crates of others and parts of the standard library, with the only places that name them.
const QUARANTINE: [(&[&str], &[&str]); 11] = [
    (&["flume"], &["actors/mailbox.rs"]),
    (&["dashmap"], &["actors/session/registry.rs"]),
    (&["quanta"], &["actors/clock.rs"]),
    (
        &["sha2", "hmac"],
        &["model/session_id.rs", "model/batch_id.rs"],
    ),
    (
        &[
            "tonic",
            "tonic_types",
            "hyper",
            "hyper_util",
            "tower_service",
        ],
        &["actors/exporter/"],
    ),
    (
        &["http"],
        &["actors/exporter/", "model/propagation/headers.rs"],
    ),
    (
        &[
            "http_body",
            "http_body_util",
            "rustls",
            "rustls_native_certs",
            "tokio_rustls",
        ],
        &["actors/exporter/"],
    ),
    (
        &[
            "flate2",
            "zstd",
            "std::net",
            "tokio::net",
            "std::fs",
            "tokio::fs",
            "tokio::io",
        ],
        &["actors/exporter/", "actors/spool/", "pipeline/"],
    ),
    (
        &["std::env", "env::consts"],
        &["pipeline/env.rs", "pipeline/env/"],
    ),
    (
        &["opentelemetry_proto", "prost", "serde_json"],
        &["actors/exporter/", "model/otlp/"],
    ),
    (
        &[
            "tokio",
            "tokio_util",
            "futures",
            "tracing",
            "std::sync::mpsc",
        ],
        &["actors/", "pipeline/"],
    ),
];

/// Whatever may have to be replaced is named in one place.
#[test]
fn foreign_names_are_quarantined() {
    let mut found = Vec::new();
    for source in sources() {
        for (names, places) in QUARANTINE {
            if source.is_below(places) {
                continue;
            }
            for name in names {
                for path in source.names(name) {
                    found.push(format!("{} names {path}", source.path));
                }
            }
        }
    }
    assert_none(&found);
}

/// Names of the GenAI conventions stand in one file, because they are still moving; what others mean by
/// theirs stands in another.
#[test]
fn genai_names_stand_in_one_file() {
    let places = ["model/genai.rs", "model/dialect.rs"];
    let found: Vec<_> = sources()
        .iter()
        .filter(|source| !places.contains(&&*source.path) && source.code.contains("\"gen_ai."))
        .map(|source| format!("{} has a name of the GenAI conventions", source.path))
        .collect();
    assert_none(&found);
}

/// The lines that a file may have, but for its unit tests.
const MOST_LINES: usize = 400;

/// A file can be read in one sitting.
#[test]
fn files_are_short() {
    let found: Vec<_> = sources()
        .iter()
        .map(|source| (source.code.lines().count(), &source.path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{path} has {lines} lines; split it by noun"))
        .collect();
    assert_none(&found);
}

/// Every file says at its top what it is for.
#[test]
fn files_say_what_they_are_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found: Vec<_> = sources()
        .iter()
        .filter(|source| {
            let text = fs::read_to_string(root.join(&source.path)).expect("it was read before");
            !text.starts_with("//! ")
        })
        .map(|source| format!("{} has no module documentation", source.path))
        .collect();
    assert_none(&found);
}
