//! What a session is and carries, how it ends, how it goes on.

mod budget;
mod content;
mod ends;
mod events;
mod handles;
mod identity;
mod judged;
mod live;
mod segments;
mod times;
mod visits;

use spanreel::SpanContext;

/// A span of another process.
fn foreign(flags: &str) -> SpanContext {
    let header = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
    SpanContext::from_traceparent(&header).expect("a traceparent")
}
