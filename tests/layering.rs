//! Who may import whom: model below actors below pipeline, stages beside each other, and each large
//! library behind the files that are written for it.
//!
//! The sources are read as text. Tests and comments in them do not count.

use std::path::{Path, PathBuf};

/// Rooms, with the paths of our own that may occur in them.
const ROOMS: [(&str, &[&str]); 3] = [
    ("model", &["crate::model"]),
    ("actors", &["crate::model", "crate::actors"]),
    (
        "pipeline",
        &["crate::model", "crate::actors", "crate::pipeline"],
    ),
];

/// The stages of the road. Each may name what the next one is sent or judges by, and no other.
const STAGES: [&str; 5] = ["session", "processor", "sampler", "batcher", "exporter"];
const NEIGHBOURS: [(&str, &str); 2] = [
    ("session", "crate::actors::sampler::policy"),
    ("batcher", "crate::actors::exporter::lane"),
];

/// Libraries that one place knows, so that to replace one is to change that place.
const QUARANTINE: [(&str, &str); 7] = [
    ("flume::", "actors/mailbox.rs"),
    ("quanta::", "actors/clock.rs"),
    ("dashmap::", "actors/session/registry.rs"),
    ("hyper::", "actors/exporter/"),
    ("hyper_util::", "actors/exporter/"),
    ("rustls::", "actors/exporter/"),
    ("tonic::", "actors/exporter/"),
];

/// What pure data and bytes have no use for.
const NOT_IN_THE_MODEL: [&str; 10] = [
    "tokio::",
    "tracing::",
    "std::env::",
    "std::fs::",
    "std::net::",
    "std::process::",
    "std::sync::Mutex",
    "std::thread::spawn",
    "Instant::now",
    "SystemTime::now",
];

/// A source file of the library, by its path below `src`.
struct Source {
    path: String,
    code: Vec<(usize, String)>,
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a source file is text");
        let path = file.strip_prefix(root).expect("below the root");
        let code = text
            .lines()
            .enumerate()
            // Tests of a file come last in it.
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
            .map(|(index, line)| (index + 1, line.trim_start()))
            .filter(|(_, line)| !line.starts_with("//"))
            .map(|(number, line)| (number, line.to_owned()))
            .collect();
        Self {
            path: path.to_string_lossy().replace('\\', "/"),
            code,
        }
    }

    fn is_in(&self, room: &str) -> bool {
        let rest = self.path.strip_prefix(room);
        rest.is_some_and(|rest| rest.starts_with(['/', '.']))
    }

    /// Complains of each line with `path` in it that is not one of the `allowed`.
    fn forbid(&self, path: &str, allowed: &[&str], complaints: &mut Vec<String>) {
        for (number, line) in &self.code {
            for (at, _) in line.match_indices(path) {
                let is_whole = !line[..at].ends_with(|before: char| {
                    before.is_alphanumeric() || before == '_' || before == ':'
                });
                let rest = &line[at..];
                if is_whole && !allowed.iter().any(|allowed| rest.starts_with(allowed)) {
                    complaints.push(format!("src/{}:{number}: {}", self.path, line.trim()));
                }
            }
        }
    }
}

/// All sources of the library but those of tests.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path: PathBuf = entry.expect("an entry").path();
            let is_of_tests = path.file_stem().is_some_and(|name| name == "tests");
            if is_of_tests {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(Source::read(&root, &path));
            }
        }
    }
    assert!(found.len() > 50, "the sources are found");
    found
}

#[track_caller]
fn check(judge: impl Fn(&Source, &mut Vec<String>)) {
    let mut complaints = Vec::new();
    for source in sources() {
        judge(&source, &mut complaints);
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// A room imports from itself and from the rooms below it alone.
#[test]
fn rooms_import_downwards() {
    check(|source, complaints| {
        for (room, allowed) in ROOMS {
            if source.is_in(room) {
                source.forbid("crate::", allowed, complaints);
            }
        }
    });
}

/// A stage knows its own files, what all stages share, and of the next stage what it is told here.
#[test]
fn stages_do_not_know_each_other() {
    check(|source, complaints| {
        for stage in STAGES {
            if !source.is_in(&format!("actors/{stage}")) {
                continue;
            }
            let neighbours: Vec<&str> = NEIGHBOURS
                .iter()
                .filter(|(of, _)| *of == stage)
                .map(|(_, path)| *path)
                .collect();
            for other in STAGES.iter().filter(|other| **other != stage) {
                let path = format!("crate::actors::{other}::");
                source.forbid(&path, &neighbours, complaints);
            }
        }
    });
}

/// The model is data and bytes: it runs nothing, opens nothing and reads no clock.
#[test]
fn the_model_is_pure() {
    check(|source, complaints| {
        if source.is_in("model") {
            for path in NOT_IN_THE_MODEL {
                source.forbid(path, &[], complaints);
            }
        }
    });
}

/// Large libraries are named only where they are wrapped.
#[test]
fn libraries_stay_in_their_place() {
    check(|source, complaints| {
        for (library, place) in QUARANTINE {
            if !source.path.starts_with(place) {
                source.forbid(library, &[], complaints);
            }
        }
    });
}
