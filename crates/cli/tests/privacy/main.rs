//! What a `[redaction]` takes out leaves `spanreel` nowhere: secrets are planted wherever there can be text,
//! and looked for in everything that comes out of the command.

#![cfg(unix)]

mod agent;
#[path = "../command/collector.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod collector;
mod convert;
mod gateway;
#[path = "../../../../tests/pipeline/redaction/planter.rs"]
mod planter;
mod run;
mod serve;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod server;

use std::path::Path;

use collector::Collector;

/// All that files hold, in and below a directory.
fn files(directory: &Path) -> Vec<u8> {
    let mut held = Vec::new();
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => held.extend(files(&path)),
            false => held.extend(std::fs::read(&path).expect("a file")),
        }
    }
    held
}

/// What a collector got, as text.
fn got(collector: &Collector) -> String {
    format!("{:?}{:?}", collector.groups(), collector.logs())
}
