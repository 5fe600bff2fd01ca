//! The foreign agent: a process of its own, on ports of the loopback that were free.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::PATIENCE;

/// A running agent. Dropped, it is killed.
pub(crate) struct Agent {
    process: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    /// Where it writes.
    folder: TempDir,
}

impl Agent {
    /// Starts one that sends on to this URL by gRPC, and waits until it listens.
    pub(crate) fn start(program: PathBuf, exporter_url: &str) -> Self {
        let mut failures = Vec::new();
        // Somebody else may take a port between its choice and its use.
        while failures.len() < 5 {
            match Self::spawn(&program, exporter_url).listening() {
                Ok(agent) => return agent,
                Err(failure) => failures.push(failure),
            }
        }
        panic!("{} does not start: {failures:#?}", program.display());
    }

    fn spawn(program: &PathBuf, exporter_url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a file");
        let (grpc, http) = free_addresses();
        // Where it cuts a batch in two, this version leaves the resource out of one part.
        let process = Command::new(program)
            .args(["start", "--exporter", "otlp", "--disable-batching"])
            .args(["--otlp-exporter-endpoint", exporter_url])
            .args(["--otlp-exporter-compression", "gzip"])
            .args(["--otlp-grpc-endpoint", &grpc.to_string()])
            .args(["--otlp-http-endpoint", &http.to_string()])
            .arg("--pid-file")
            .arg(folder.path().join("pid"))
            // No variable is to change it, and no proxy to stand in between.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("SPANREEL_ROTEL={}: {error}", program.display()));
        Self {
            process,
            grpc,
            http,
            folder,
        }
    }

    /// Waits until it listens at both addresses. When it ended instead: what it wrote.
    fn listening(mut self) -> Result<Self, String> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("it is a child") {
                return Err(format!("{status}: {}", self.log()));
            }
            if [self.grpc, self.http]
                .map(TcpStream::connect)
                .iter()
                .all(Result::is_ok)
            {
                return Ok(self);
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not listen: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    pub(crate) fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).expect("it runs");
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("it is a child") {
                break status;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not end: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("text")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Fails when it has ended already, which is as well.
        if self.process.kill().is_ok() {
            self.process.wait().expect("it is a child");
        }
    }
}

/// Two addresses at which nobody listens.
fn free_addresses() -> (SocketAddr, SocketAddr) {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [grpc, http] = held.map(|it| it.local_addr().expect("an address"));
    (grpc, http)
}
