//! Context and baggage across the borders of a running pipeline.

mod baggage;
mod sessions;
mod w3c;

/// Headers as a client sends them.
type Pairs = Vec<(String, String)>;

/// The value of a header.
fn get<'a>(headers: &'a Pairs, name: &str) -> Option<&'a str> {
    let mut values = headers.iter().filter(|(held, _)| held == name);
    let value = values.next().map(|(_, value)| value.as_str());
    assert_eq!(values.next(), None, "{name} once at most");
    value
}
