//! Counts the items of an OTLP request while its bytes go by.
//!
//! Holds: three lengths and half a number, never a byte of the request. Waits: nowhere. Loses:
//! nothing; what is inside an item is skipped unread.

/// The bytes are not an OTLP export request in protobuf form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an OTLP request in protobuf form, wrong near byte {at}")]
pub(crate) struct Malformed {
    /// How many bytes were read when it showed.
    pub(crate) at: u64,
}

/// How deep the messages are nested that hold items: request, resource, scope.
const LEVELS: usize = 3;

/// Which field leads one level down. Traces, logs and metrics share these numbers
/// (`opentelemetry/proto/*/v1/*.proto`, OTLP 1.11):
/// `ExportTraceServiceRequest.resource_spans`, `ResourceSpans.scope_spans`, `ScopeSpans.spans`.
const PATH: [u64; LEVELS] = [1, 2, 2];

/// Reads a request in pieces of any size and counts the entries at the end of [`PATH`].
#[derive(Debug)]
pub(crate) struct Scanner {
    /// Where each open message ends; the request itself ends when the caller says so.
    ends: [u64; LEVELS],
    /// The index of the innermost open message in `ends`.
    depth: usize,
    position: u64,
    /// How many of the next bytes belong to a value that nobody reads.
    skip: u64,
    expect: Expect,
    varint: Varint,
    items: u64,
}

/// What the next unskipped byte is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Tag,
    Number,
    Length { field: u64 },
}

/// The part of a varint that has been read.
#[derive(Debug, Default)]
struct Varint {
    value: u64,
    bits: u32,
}

impl Varint {
    /// Takes in one byte; gives the number when it was the last one, `Err` when a `u64` cannot
    /// hold it.
    fn push(&mut self, byte: u8) -> Result<Option<u64>, ()> {
        let part = u64::from(byte & 0x7f);
        if self.bits == 63 && byte > 1 {
            return Err(());
        }
        self.value |= part << self.bits;
        if byte & 0x80 != 0 {
            self.bits += 7;
            return Ok(None);
        }
        let value = self.value;
        *self = Self::default();
        Ok(Some(value))
    }

    fn is_partial(&self) -> bool {
        self.bits > 0
    }
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self {
            ends: [u64::MAX; LEVELS],
            depth: 0,
            position: 0,
            skip: 0,
            expect: Expect::Tag,
            varint: Varint::default(),
            items: 0,
        }
    }

    /// Reads the next bytes of the request.
    ///
    /// # Errors
    /// A tag, a number or a length that no well-formed request can have.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let step = usize::try_from(self.skip).map_or(bytes.len(), |n| n.min(bytes.len()));
                bytes = &bytes[step..];
                self.skip -= step as u64;
                self.position += step as u64;
            } else {
                self.step(bytes[0])?;
                bytes = &bytes[1..];
            }
            self.leave_finished()?;
        }
        Ok(())
    }

    /// Ends the request and gives the number of its items.
    ///
    /// # Errors
    /// The request stops in the middle of a message.
    pub(crate) fn finish(self) -> Result<u64, Malformed> {
        let whole = self.depth == 0
            && self.skip == 0
            && self.expect == Expect::Tag
            && !self.varint.is_partial();
        if !whole {
            return Err(self.malformed());
        }
        Ok(self.items)
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        self.position += 1;
        let Some(number) = self.varint.push(byte).map_err(|()| self.malformed())? else {
            return Ok(());
        };
        match self.expect {
            Expect::Tag => self.tag(number),
            Expect::Number => {
                self.expect = Expect::Tag;
                Ok(())
            }
            Expect::Length { field } => self.length(field, number),
        }
    }

    fn tag(&mut self, tag: u64) -> Result<(), Malformed> {
        let (field, wire_type) = (tag >> 3, tag & 7);
        let leads_down = field == PATH[self.depth];
        if field == 0 || tag > u64::from(u32::MAX) || (leads_down && wire_type != 2) {
            return Err(self.malformed());
        }
        match wire_type {
            0 => self.expect = Expect::Number,
            1 => self.skip_value(8)?,
            2 => self.expect = Expect::Length { field },
            5 => self.skip_value(4)?,
            // Groups (3, 4) have no place in OTLP; 6 and 7 do not exist.
            _ => return Err(self.malformed()),
        }
        Ok(())
    }

    fn length(&mut self, field: u64, length: u64) -> Result<(), Malformed> {
        self.expect = Expect::Tag;
        if field != PATH[self.depth] {
            return self.skip_value(length);
        }
        if self.depth + 1 == LEVELS {
            self.items += 1;
            return self.skip_value(length);
        }
        let end = self.end_of(length)?;
        self.depth += 1;
        self.ends[self.depth] = end;
        Ok(())
    }

    fn skip_value(&mut self, length: u64) -> Result<(), Malformed> {
        self.end_of(length)?;
        self.skip = length;
        Ok(())
    }

    /// Where a value of this length ends, which must be inside the message that holds it.
    fn end_of(&self, length: u64) -> Result<u64, Malformed> {
        self.position
            .checked_add(length)
            .filter(|end| *end <= self.ends[self.depth])
            .ok_or(self.malformed())
    }

    /// Leaves every message that ends here. A field that is cut off by the end of its message is
    /// an error.
    fn leave_finished(&mut self) -> Result<(), Malformed> {
        if self.skip > 0 {
            return Ok(());
        }
        while self.depth > 0 && self.position == self.ends[self.depth] {
            if self.expect != Expect::Tag || self.varint.is_partial() {
                return Err(self.malformed());
            }
            self.depth -= 1;
        }
        Ok(())
    }

    fn malformed(&self) -> Malformed {
        Malformed { at: self.position }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;

    use super::*;

    fn count(parts: &[&[u8]]) -> Result<u64, Malformed> {
        let mut scanner = Scanner::new();
        for part in parts {
            scanner.push(part)?;
        }
        scanner.finish()
    }

    fn text(key: &str, value: &str) -> KeyValue {
        KeyValue {
            key: key.into(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue(value.into())),
            }),
            ..KeyValue::default()
        }
    }

    /// Two resources, three scopes (one empty), five spans (one empty), lengths of one and two
    /// bytes, and every field before and after the ones that count.
    fn spans() -> Vec<u8> {
        let span = |name: &str| Span {
            trace_id: vec![1; 16],
            name: name.into(),
            start_time_unix_nano: 7,
            attributes: vec![text("k", &"v".repeat(150))],
            flags: 1,
            ..Span::default()
        };
        let scope = |spans| ScopeSpans {
            spans,
            schema_url: "https://opentelemetry.io/schemas/1.41.0".into(),
            ..ScopeSpans::default()
        };
        let resource = |scope_spans| ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "test")],
                ..Resource::default()
            }),
            scope_spans,
            schema_url: "s".into(),
        };
        let first = vec![
            scope(vec![span("a"), span("b"), Span::default()]),
            scope(vec![]),
        ];
        let second = vec![scope(vec![span("c"), span("d")])];
        ExportTraceServiceRequest {
            resource_spans: vec![resource(first), resource(second), ResourceSpans::default()],
        }
        .encode_to_vec()
    }

    /// Chunk borders may fall anywhere, inside tags and lengths too.
    #[test]
    fn every_split_of_a_request_gives_the_same_count() {
        let request = spans();
        for cut in 0..=request.len() {
            let (head, tail) = request.split_at(cut);
            assert_eq!(count(&[head, tail]), Ok(5), "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = request.chunks(1).collect();
        assert_eq!(count(&bytes), Ok(5));
    }

    /// The path to log records has the numbers of the path to spans; no bytes are an empty request.
    #[test]
    fn log_records_are_counted_like_spans() {
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                scope_logs: vec![ScopeLogs {
                    log_records: vec![LogRecord::default(); 3],
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        assert_eq!(count(&[&request.encode_to_vec()]), Ok(3));
        assert_eq!(count(&[]), Ok(0));
    }

    /// Cut between top-level fields a request is a shorter request; cut anywhere else it is none.
    #[test]
    fn a_cut_off_request_is_refused_exactly_where_the_reference_decoder_refuses_it() {
        let request = spans();
        for cut in 0..request.len() {
            let ours = count(&[&request[..cut]]).ok();
            let reference = ExportTraceServiceRequest::decode(&request[..cut])
                .ok()
                .map(|request| items(&request));
            assert_eq!(ours, reference, "cut at {cut}");
        }
    }

    fn items(request: &ExportTraceServiceRequest) -> u64 {
        let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
        scopes.map(|scope| scope.spans.len() as u64).sum()
    }

    /// Whatever the bytes are: no panic, and where both the reference decoder and the scanner
    /// accept them, the counts agree. (The scanner accepts more, as it does not look into items,
    /// and less in one thing: groups, which OTLP does not have.)
    #[test]
    fn a_damaged_request_never_panics_and_never_counts_differently_from_the_reference() {
        let request = spans();
        let mut random = fastrand::Rng::with_seed(3);
        let mut accepted = 0;
        for _ in 0..20_000 {
            let mut damaged = request.clone();
            for _ in 0..random.usize(1..3) {
                let at = random.usize(..damaged.len());
                damaged[at] = random.u8(..);
            }
            let ours = count(&[&damaged]);
            if let Ok(decoded) = ExportTraceServiceRequest::decode(&damaged[..])
                && ours.is_ok()
            {
                accepted += 1;
                assert_eq!(ours, Ok(items(&decoded)), "{damaged:02x?}");
            }
        }
        assert!(accepted > 1_000, "only {accepted} were still requests");
    }

    /// Everything that no well-formed request can begin with is an error, not a panic.
    #[test]
    fn hostile_bytes_are_refused() {
        let wrong: [(&str, &[u8]); 9] = [
            ("field number 0", &[0x02, 0x00]),
            ("group", &[0x1b, 0x1c]),
            ("wire type 7", &[0x17]),
            ("resource_spans as a number", &[0x08, 0x01]),
            ("endless varint", &[0xff; 11]),
            (
                "varint above 64 bits",
                &[
                    0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
                ],
            ),
            ("tag above 32 bits", &[0x82, 0x80, 0x80, 0x80, 0x10, 0x00]),
            ("length past the parent", &[0x0a, 0x02, 0x12, 0x05]),
            (
                "length of 2^64 - 1",
                &[
                    0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
                ],
            ),
        ];
        for (what, bytes) in wrong {
            assert!(count(&[bytes]).is_err(), "{what}");
        }
    }
}
