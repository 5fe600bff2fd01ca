//! A processor of one's own: hides what tools were given, marks where a span came from, and leaves
//! out what nobody wants to see. It runs before anything is held, batched or exported.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Flow, Item, Pipeline, Process};

struct Tidy {
    region: &'static str,
}

impl Process for Tidy {
    fn process(&mut self, item: &mut Item<'_>) -> Flow {
        if item.name() == "execute_tool ping" {
            return Flow::Drop;
        }
        item.remove("gen_ai.tool.call.arguments");
        item.set("cloud.region", self.region);
        Flow::Pass
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .process(Tidy {
            region: "eu-west-3",
        })
        .export(memory.clone())
        .start()?;
    let session = pipeline.session("conv-1")?;
    session.tool("ping").start().end();
    let mut tool = session.tool("send_mail").start();
    tool.set("gen_ai.tool.call.arguments", r#"{"to": "ada@example.com"}"#);
    tool.end();
    session.end();
    println!("{}", pipeline.shutdown_blocking(Duration::from_secs(5)));
    println!(
        "{}",
        memory.tree_with(&["cloud.region", "gen_ai.tool.call.arguments"])
    );
    Ok(())
}
