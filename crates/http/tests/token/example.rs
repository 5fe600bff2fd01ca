//! The example: agents in processes of their own.

use std::path::PathBuf;
use std::process::Command;

/// What the example prints: B's session is a child of A's delegation, C's is a trace of its own, linked
/// as unverified, and what nobody answered was abandoned after the session had succeeded.
const EXPECTED: &str = "\
in flight: agent-d

agent-a
-------
invoke_agent agent-a
  turn
    invoke_agent agent-b spanreel.delegation.outcome=answered
    invoke_agent agent-c spanreel.delegation.outcome=answered
    invoke_agent agent-d spanreel.delegation.outcome=abandoned ! no answer came before the deadline

agent-b
-------
POST spanreel.trust=verified
  invoke_agent agent-b
    execute_tool timetable

agent-c
-------
POST
  invoke_agent agent-c
    execute_tool timetable
POST is linked to the delegation: unverified
";

/// The example as Cargo builds it along with all tests; where this test alone was asked for, it is
/// built now.
fn example() -> Command {
    let mut path: PathBuf = std::env::current_exe().expect("known");
    path.pop();
    path.pop();
    let name = format!("delegation{}", std::env::consts::EXE_SUFFIX);
    path.extend(["examples", &name]);
    if path.exists() {
        return Command::new(path);
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--package", "spanreel-http"]);
    cargo.args(["--features", "token", "--example", "delegation"]);
    cargo
}

/// Both receivers do with the same kind of token what their trust lists say.
#[test]
fn one_receiver_trusts_and_another_does_not() {
    let output = example().output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8(output.stdout).expect("text");
    // Where it was built with the feature `axum`, the names of requests have their route.
    assert_eq!(printed.replace("POST /", "POST"), EXPECTED, "{errors}");
}
