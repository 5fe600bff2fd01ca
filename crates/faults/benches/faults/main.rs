//! What is lost, and who says so: spanreel and opentelemetry-rust side by side, in the same bad weather.
//!
//! `cargo bench -p spanreel-faults --bench faults`, with a word of a fault to run that alone. Every
//! contestant runs in a process of its own with its defaults (but that all send after 200 ms), ends two
//! thousand spans over four seconds and shuts down; then it is started again, for what it may have left. The backend counts by number what has
//! arrived. It prints a table in Markdown, and takes about a minute and a half.

#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads its own command line, and waits"
)]

mod contestant;
mod fault;
mod round;

use std::error::Error;
use std::process::ExitCode;

use contestant::Contestant;
use fault::FAULTS;
use round::Outcome;

/// Whatever went wrong in the bench itself.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some(contestant::COMMAND) => contestant::run(&arguments[1..]),
        _ => compare(arguments.iter().find(|word| !word.starts_with("--"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all faults, or those with a word in their names, and prints the table.
fn compare(word: Option<&String>) -> Result<(), Failure> {
    println!(
        "| fault | library | ended | delivered | twice | lost, named | lost silently | the shutdown said |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for fault in &FAULTS {
        if word.is_some_and(|word| !fault.name.contains(word.as_str())) {
            continue;
        }
        let outcomes: Vec<Result<Outcome, Failure>> = std::thread::scope(|scope| {
            let rounds = Contestant::ALL.map(|it| scope.spawn(move || round::run(it, fault)));
            rounds
                .into_iter()
                .map(|round| round.join().map_err(|_| "a round panicked")?)
                .collect()
        });
        for (contestant, outcome) in Contestant::ALL.into_iter().zip(outcomes) {
            let it = outcome?;
            println!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                fault.name,
                contestant.name(),
                it.ended,
                it.delivered,
                it.twice,
                it.named,
                it.silently(),
                it.said,
            );
        }
    }
    Ok(())
}
