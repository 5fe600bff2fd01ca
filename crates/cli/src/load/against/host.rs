//! `spanreel serve` of this executable, as a process to be measured.
//!
//! Holds: the process, which is killed when this is dropped. Waits: for what it says first, and for its
//! end. Loses: nothing.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::load::args::Compression;

/// Why it is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum HostError {
    #[error("cannot start 'spanreel serve' in a process of its own")]
    Process(#[source] io::Error),
    #[error("'spanreel serve' has ended before it listened")]
    Died,
}

/// `spanreel serve` that is running.
#[derive(Debug)]
pub(super) struct Host {
    process: Child,
    stdout: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl Host {
    /// Starts one that forwards to `sink` and answers when that has answered.
    pub(super) fn start(sink: SocketAddr, compression: Compression) -> Result<Self, HostError> {
        let program = std::env::current_exe().map_err(HostError::Process)?;
        let compression = match compression {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        };
        let mut process = Command::new(program)
            .arg("serve")
            .args([
                "--otlp-grpc",
                "127.0.0.1:0",
                "--otlp-http",
                "off",
                "--http",
                "off",
            ])
            .args(["--export", &format!("grpc://{sink}")])
            .args(["--export-compression", compression])
            .args([
                "--ack",
                "delivered",
                "--data-dir",
                "off",
                "--log-level",
                "warn",
                "--status-every",
                "24h",
            ])
            // No variable is to change it.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(HostError::Process)?;
        let stdout = process.stdout.take().ok_or(HostError::Died)?;
        let mut host = Self {
            process,
            stdout: BufReader::new(stdout),
            addr: SocketAddr::from(([0; 4], 0)),
        };
        host.addr = host.listening()?;
        Ok(host)
    }

    /// Reads where it listens from what it says at the start.
    fn listening(&mut self) -> Result<SocketAddr, HostError> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.stdout.read_line(&mut line);
            if read.map_err(HostError::Process)? == 0 {
                return Err(HostError::Died);
            }
            let addr = line.trim().strip_prefix("OTLP/gRPC");
            if let Some(addr) = addr.and_then(|addr| addr.trim().parse().ok()) {
                return Ok(addr);
            }
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// Whatever it acknowledged is delivered: nothing is lost with it.
impl Drop for Host {
    fn drop(&mut self) {
        // Fails when it has ended already, which is as well.
        if self.process.kill().is_ok() && self.process.wait().is_err() {
            tracing::debug!(target: "spanreel", "'spanreel serve' could not be waited for");
        }
    }
}
