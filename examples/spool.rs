//! A spool: the backend is away, the process ends, and the next start delivers what waited on disk.
//!
//! Run it twice to see that nothing is delivered twice.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use spanreel::{ByteSize, Export, ExportError, Pipeline, Request, Spool, SpoolMode};

/// A backend that is away until it is told otherwise.
#[derive(Clone, Default)]
struct Backend {
    is_there: Arc<AtomicBool>,
}

impl Export for Backend {
    fn name(&self) -> &str {
        "backend"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        if !self.is_there.load(Ordering::Relaxed) {
            return Err(ExportError::retryable("nobody listens"));
        }
        println!(
            "  delivered: {} {}",
            request.items(),
            request.signal().name()
        );
        Ok(())
    }
}

fn start(backend: &Backend) -> Result<Pipeline, spanreel::BuildError> {
    let path = std::env::temp_dir().join("spanreel-example.spool");
    // What is recorded is on disk before the backend is given it: a killed process loses milliseconds.
    let spool = Spool::at(path, ByteSize::mib(64)).mode(SpoolMode::Always);
    Pipeline::builder()
        .spool_with(spool)
        .export(backend.clone())
        .start()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let backend = Backend::default();

    println!("the backend is away:");
    let pipeline = start(&backend)?;
    let session = pipeline.session("conv-1")?;
    session.chat("openai", "gpt-4o").start().tokens(900, 40);
    session.tool("search").start().end();
    session.end();
    println!("{}", pipeline.shutdown_blocking(Duration::from_secs(5)));

    println!("\nit is back, and a new process starts:");
    backend.is_there.store(true, Ordering::Relaxed);
    let pipeline = start(&backend)?;
    println!("  on disk: {} items", pipeline.stats().lanes[0].recovered);
    println!("{}", pipeline.shutdown_blocking(Duration::from_secs(5)));
    Ok(())
}
