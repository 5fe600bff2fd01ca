//! A program in Python that sends spans and prints what it knows of them.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the host: it reads a variable"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A script and what runs it.
pub(crate) struct Client {
    interpreter: PathBuf,
    script: PathBuf,
}

/// What a client knows of its spans, by trace and span id.
pub(crate) struct Sent {
    pub(crate) spans: BTreeMap<String, Value>,
}

impl Client {
    /// The script of that name with the interpreter that a variable names; says so when there is none for
    /// this test.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn new(test: &str, variable: &str, script: &str) -> Option<Self> {
        let named = std::env::var_os(variable).filter(|path| !path.is_empty());
        let Some(interpreter) = named.map(PathBuf::from) else {
            eprintln!("SKIPPED {test}: {variable} names no Python interpreter (docs/serve.md)");
            return None;
        };
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        Some(Self {
            interpreter,
            script: scripts.join(script),
        })
    }

    /// Runs it to its end. It finds no variables but these, and no proxy.
    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Sent {
        let home = tempfile::tempdir().expect("a folder");
        let output = Command::new(&self.interpreter)
            .arg(&self.script)
            .args(arguments)
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1")
            .env("HOME", home.path())
            .envs(variables.iter().copied())
            // Some write logs where they are.
            .current_dir(home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", self.interpreter.display()));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let last = printed.trim_end().lines().next_back();
        let last = last.unwrap_or_else(|| panic!("it printed nothing: {said}"));
        let spans: Vec<Value> = serde_json::from_str(last).expect("its spans");
        let mut sent = Sent {
            spans: BTreeMap::new(),
        };
        for span in spans {
            let id = format!("{} {}", span["trace_id"], span["span_id"]);
            let twice = sent.spans.insert(id, span);
            assert!(twice.is_none(), "two spans with one id: {twice:#?}");
        }
        sent
    }
}
