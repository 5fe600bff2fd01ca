//! Calls of models, from outside: recorded exchanges, hostile answers, clients.

#[path = "../../examples/anthropic_tools.rs"]
mod anthropic_tools;
mod behaviour;
mod clients;
mod exchange;
mod expected;
mod hostile;
mod measured;
#[path = "../../examples/openai_streaming.rs"]
mod openai_streaming;
#[path = "../../examples/own_provider.rs"]
mod own_provider;
mod peers;
mod prices;
mod recordings;
mod rig;

/// The examples do what they say: each asserts the tree of its session.
#[test]
fn the_examples_do_what_they_say() {
    for run in [
        anthropic_tools::main,
        openai_streaming::main,
        own_provider::main,
    ] {
        run().expect("it does");
    }
}
