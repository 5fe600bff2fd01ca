//! How many spans a second does the store in SQLite take, how fast does it answer with many stored, how much
//! disk does a span take, and how much memory the process?
//!
//! ```text
//! cargo bench -p spanreel-store --bench store -- 1000000              fills a store, asks it, removes it
//! cargo bench -p spanreel-store --bench store -- 10000000 --in DIR    the same, and keeps it in DIR/store
//! cargo bench -p spanreel-store --bench store -- 10000000 --ask DIR   asks one that was kept
//! cargo bench -p spanreel-store --bench store -- 10000000 --forget DIR  lets it forget most of what it has
//! ```
//!
//! 200,000 spans without a number. A store is asked by a process of its own, whose memory is told. `--forget` writes
//! and reads while half of it goes because it is too much, then the rest because it is too old, and says how long
//! writes and reads had to wait; `--hard` writes 50,000 spans a second then, else 10,000.

#![expect(clippy::print_stdout, reason = "a bench shows what it measured")]

#[path = "../../tests/store/telemetry.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod telemetry;

mod ask;
mod fill;
mod forget;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use spanreel_store::{Retention, SqliteStore};

/// What the command line says.
struct Wanted {
    spans: u64,
    /// Where to fill a store that is kept.
    keep: Option<PathBuf>,
    /// Where there is one to be asked.
    ask: Option<PathBuf>,
    /// Where there is one that is to forget.
    forget: Option<PathBuf>,
    /// What comes meanwhile, in spans a second.
    rate: u64,
}

impl Wanted {
    fn of_arguments() -> Self {
        let mut wanted = Self {
            spans: 200_000,
            keep: None,
            ask: None,
            forget: None,
            rate: 10_000,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--in" => wanted.keep = arguments.next().map(Into::into),
                "--forget" => wanted.forget = arguments.next().map(Into::into),
                "--hard" => wanted.rate = 50_000,
                "--ask" => wanted.ask = arguments.next().map(Into::into),
                number => {
                    if let Ok(spans) = number.parse() {
                        wanted.spans = spans;
                    }
                }
            }
        }
        wanted
    }
}

/// Time that this thread has computed: what others on the machine do does not count.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The most memory that this process ever had, where the system says so.
fn print_peak_memory(of: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    if let Some(peak) = peak {
        println!(
            "memory, at the most, of the process that {of}: {}",
            peak.trim()
        );
    }
}

fn main() {
    let wanted = Wanted::of_arguments();
    let retention = Retention::default();
    if let Some(directory) = &wanted.ask {
        let store = SqliteStore::open(&directory.join("store"), retention).expect("a store");
        ask::ask(&store, &fill::Plan::of(wanted.spans));
        print_peak_memory("asked");
        return;
    }
    if let Some(directory) = &wanted.forget {
        forget::forget(
            &directory.join("store"),
            &fill::Plan::of(wanted.spans),
            wanted.rate,
        );
        return;
    }
    let ours = tempfile::tempdir_in(".").expect("a directory");
    let is_kept = wanted.keep.is_some();
    let directory = wanted.keep.unwrap_or_else(|| ours.path().to_owned());
    let store = SqliteStore::open(&directory.join("store"), retention).expect("a store");
    fill::fill(&store, &fill::Plan::of(wanted.spans));
    drop(store);
    print_peak_memory("wrote");
    for step in ["--ask", "--forget"] {
        if step == "--forget" && is_kept {
            return;
        }
        let this = std::env::current_exe().expect("it runs");
        let done = Command::new(this)
            .arg(wanted.spans.to_string())
            .arg(step)
            .arg(&directory)
            .status()
            .expect("it can be started");
        assert!(done.success(), "{step} could not be done");
    }
}
