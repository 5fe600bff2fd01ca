use super::*;

const LIMIT: usize = 64;

type Told = Vec<(String, String)>;

/// Feeds a stream piece by piece; what it tells, and how much of it was too long.
fn told<'a>(mut framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Told, u64) {
    let mut told = Vec::new();
    let mut each = |event: &Event<'_>| {
        let name = event.name.unwrap_or_default().to_owned();
        told.push((name, String::from_utf8_lossy(event.data).into_owned()));
    };
    for piece in pieces {
        framing.feed(piece, &mut each);
    }
    framing.finish(&mut each);
    let too_long = framing.too_long();
    (told, too_long)
}

fn sse() -> Framing {
    Framing::Sse(Sse::new(LIMIT))
}

fn lines() -> Framing {
    Framing::Lines(Lines::new(LIMIT))
}

fn elements() -> Framing {
    Framing::Elements(Elements::new(LIMIT))
}

fn data(told: &Told) -> Vec<&str> {
    told.iter().map(|(_, data)| data.as_str()).collect()
}

type Make = fn() -> Framing;

const STREAMS: [(Make, &str); 7] = [
    (
        sse,
        "\u{feff}event: a\ndata: {\"x\":1}\n\n: ping\n\ndata:2\ndata: 3\n\n",
    ),
    (
        sse,
        "event: a\r\ndata: 1\r\n\r\ndata: 2\r\rdata: 3\r\n\rid: 4\nretry: 5\n\n",
    ),
    (
        sse,
        "data: \u{e9}\u{1f600}\n\ndata\n\nevent: b\n\ndata: cut off",
    ),
    (lines, "{\"a\":1}\n\n{\"b\":\"\u{e9}\"}\r\n{\"cut\":"),
    (
        elements,
        "[{\"a\":\"]}\\\"{\"}\n,\r\n{\"b\":[{},[1]]} , {\"c\":\"\\\\\"}]",
    ),
    (elements, "{\"error\":{\"code\":4}}"),
    (elements, " [ {\"a\":{\"b\":\"cut"),
];

/// What a stream tells does not depend on how its bytes arrive: cut in two anywhere, and byte by byte.
#[test]
fn events_do_not_depend_on_how_bytes_arrive() {
    for (framing, stream) in STREAMS {
        let stream = stream.as_bytes();
        let whole = told(framing(), [stream]);
        assert!(!whole.0.is_empty() && whole.1 == 0);
        assert_eq!(told(framing(), stream.chunks(1)), whole);
        for at in 0..=stream.len() {
            let (head, tail) = stream.split_at(at);
            assert_eq!(told(framing(), [head, &[], tail]), whole, "cut at {at}");
        }
    }
}

/// Events are cut as the specification says.
#[test]
fn events_are_cut_as_specified() {
    let cut = |index: usize| {
        let (framing, stream) = STREAMS[index];
        told(framing(), [stream.as_bytes()]).0
    };
    assert_eq!(cut(0)[0], ("a".to_owned(), "{\"x\":1}".to_owned()));
    assert_eq!(cut(0)[1], (String::new(), "2\n3".to_owned()));
    assert_eq!(data(&cut(1)), ["1", "2", "3"]);
    assert_eq!(data(&cut(2)), ["\u{e9}\u{1f600}", "cut off"]);
    assert_eq!(
        data(&cut(3)),
        ["{\"a\":1}", "{\"b\":\"\u{e9}\"}", "{\"cut\":"]
    );
    assert_eq!(data(&cut(4))[1..], ["{\"b\":[{},[1]]}", "{\"c\":\"\\\\\"}"]);
    assert_eq!(data(&cut(5)), ["{\"error\":{\"code\":4}}"]);
    assert_eq!(data(&cut(6)), ["{\"a\":{\"b\":\"cut"]);
}

/// An event beyond the bound is left out and counted, and those around it are told; memory stays within
/// the bound.
#[test]
fn long_events_are_left_out() {
    let long = "x".repeat(LIMIT + 1);
    for (framing, stream) in [
        (sse(), format!("data: 1\n\ndata: {long}\n\ndata: 2\n\n")),
        (
            sse(),
            format!("data: 1\n\ndata: 0\ndata: {long}\ndata: 0\n\ndata: 2"),
        ),
        (lines(), format!("1\n{long}\n2\n")),
    ] {
        let (told, too_long) = told(framing, stream.as_bytes().chunks(7));
        assert_eq!((data(&told), too_long), (vec!["1", "2"], 1));
    }
    let stream = format!("[{{}},{{\"a\":\"{long}\"}},{{}}]");
    let (told, too_long) = told(elements(), stream.as_bytes().chunks(7));
    assert_eq!((data(&told), too_long), (vec!["{}", "{}"], 1));
}

/// A long event keeps no room when it is over.
#[test]
fn room_of_long_events_is_given_back() {
    let mut piece = Piece::new(1 << 20);
    piece.push(&vec![0; 1 << 20]);
    piece.clear();
    assert!(piece.bytes.capacity() <= KEPT);
}
