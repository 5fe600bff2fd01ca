//! The gateway: `spanreel serve --gateway` and `spanreel run --gateway` in front of a provider that answers
//! from a script, with the SDKs of OpenAI and Anthropic in Python as clients, and with plain ones.
//!
//! The interpreter is the one that `SPANREEL_PYTHON_MODELS` names, with what `models.txt` lists; without it
//! its tests say that they were skipped.

#![cfg(unix)]

#[path = "../command/collector.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod collector;
mod delay;
mod measured;
mod passing;
mod provider;
mod python;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod server;
mod shown;
mod spans;
