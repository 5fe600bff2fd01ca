//! What a `[redaction]` takes out leaves `spanreel` nowhere: secrets are planted wherever there can be text,
//! and looked for in everything that comes out of the command.

#![cfg(unix)]

mod agent;
#[path = "../command/collector.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod collector;
mod convert;
#[path = "../../../../tests/pipeline/redaction/foreign.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod foreign;
mod gateway;
mod messages;
#[path = "../../../../tests/pipeline/redaction/planter.rs"]
mod planter;
mod run;
mod serve;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod server;
#[path = "../../../../tests/pipeline/redaction/spoken.rs"]
mod spoken;

use collector::Collector;

/// What a collector got, as text.
fn got(collector: &Collector) -> String {
    format!("{:?}{:?}", collector.groups(), collector.logs())
}
