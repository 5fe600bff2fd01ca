//! What is measured: the collector, the receiver behind it, and what the collector costs.
//!
//! Holds: the processes that were started for it. Waits: for connections, and for the collector to
//! come to rest. Loses: nothing.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::args::{Against, AgainstPlan};
use super::connection::Connection;
use super::host::Host;
use crate::load::receiver::{Receiver, ReceiverError};
use crate::load::usage;
use crate::sink::SinkCounts;

/// How long to wait for a first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether the collector still works.
const LOOK: Duration = Duration::from_millis(200);

/// A process that used no more CPU time between two looks is at rest; half of `/proc`'s resolution more
/// is what timers cost.
const AT_REST: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Target {
    name: String,
    host: String,
    port: u16,
    pid: Option<u32>,
    sink: Option<Receiver>,
    /// Kept until the end, which ends it.
    _serve: Option<Host>,
}

impl Target {
    /// Starts what is to be started, and sees whether the collector is there.
    pub(super) async fn reach(plan: &AgainstPlan) -> anyhow::Result<Self> {
        let sink = plan.sink.as_ref().map(Receiver::start).transpose()?;
        match &plan.against {
            Against::Collector(endpoint) => {
                endpoint.reach(CONNECT_TIMEOUT).await?;
                Ok(Self {
                    name: endpoint.to_string(),
                    host: endpoint.host().to_owned(),
                    port: endpoint.port(),
                    pid: plan.pid,
                    sink,
                    _serve: None,
                })
            }
            Against::Serve => {
                let behind = sink.as_ref().map(Receiver::addr);
                let behind = behind.expect("a plan against serve has a sink");
                let serve = Host::start(behind, plan.compression)?;
                Ok(Self {
                    name: format!("spanreel serve, at grpc://{}", serve.addr()),
                    host: serve.addr().ip().to_string(),
                    port: serve.addr().port(),
                    pid: Some(serve.pid()),
                    sink,
                    _serve: Some(serve),
                })
            }
        }
    }

    /// Opens all connections.
    pub(super) async fn connect(&self, plan: &AgainstPlan) -> anyhow::Result<Vec<Connection>> {
        let mut connections = Vec::new();
        for _ in 0..plan.connections.get() {
            let opening = Connection::open(&self.host, self.port, plan.compression);
            let opened = tokio::time::timeout(CONNECT_TIMEOUT, opening).await;
            let connection = opened.map_err(anyhow::Error::from).and_then(|it| it);
            let context = || format!("cannot connect to {}", self.name);
            connections.push(connection.with_context(context)?);
        }
        Ok(connections)
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    pub(super) fn cpu_time(&self) -> Option<Duration> {
        usage::cpu_time_of(self.pid?)
    }

    pub(super) fn peak_rss(&self) -> Option<u64> {
        usage::peak_rss_of(self.pid?)
    }

    /// Waits until the collector has passed on what it has acknowledged, as far as its use of the CPU
    /// shows, at most for `patience`.
    pub(super) async fn settle(&self, patience: Duration) {
        let begun = Instant::now();
        let mut before = self.cpu_time();
        while begun.elapsed() < patience {
            tokio::time::sleep(LOOK).await;
            let now = self.cpu_time();
            match before.zip(now) {
                Some((before, now)) if now > before + AT_REST => {}
                _ => return,
            }
            before = now;
        }
    }

    /// Ends what was started, and tells what the receiver counted.
    pub(super) fn stop(self) -> Result<Option<SinkCounts>, ReceiverError> {
        self.sink.map(Receiver::stop).transpose()
    }
}
