//! What is found, where it begins and ends, and what looks like it and is left alone.

use proptest::prelude::*;

use super::*;

/// The text with each finding replaced by its label.
fn shown(text: &str) -> String {
    let mut found = Vec::new();
    find(text.as_bytes(), Detectors::ALL, &mut found);
    let mut out = String::new();
    let mut copied = 0;
    for it in &found {
        out.push_str(&text[copied..it.start]);
        out.push_str(it.detector.label());
        copied = it.end;
    }
    out + &text[copied..]
}

fn all_are(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(shown(text), *expected, "{text}");
    }
}

fn all_stay(cases: &[&str]) {
    for text in cases {
        assert_eq!(shown(text), *text);
    }
}

/// The anchors of a text, byte by byte.
fn anchors_one_by_one(text: &[u8]) -> Vec<(usize, u16)> {
    let byte = |at: Option<usize>| at.and_then(|at| text.get(at)).copied().unwrap_or(0);
    let all = (0..text.len()).map(|at| {
        let may_be = TABLES.behind[usize::from(byte(at.checked_sub(1)))]
            & TABLES.here[usize::from(text[at])]
            & TABLES.before[usize::from(byte(Some(at + 1)))];
        (at, may_be)
    });
    all.filter(|(_, may_be)| *may_be != 0).collect()
}

proptest! {
    /// However long a text is, and wherever one begins to look, the same anchors are found as byte by byte.
    #[test]
    fn blocks_miss_no_anchor(text in "[a-zA-Z0-9@:._ I-]{0,40}", from in 0..40usize) {
        let text = text.as_bytes();
        let from = from.min(text.len());
        let mut expected = anchors_one_by_one(text);
        expected.retain(|(at, _)| *at >= from);
        let mut found = Vec::new();
        let mut at = from;
        while let Some(anchor) = anchor(text, at) {
            found.push(anchor);
            at = anchor.0 + 1;
        }
        prop_assert_eq!(found, expected);
    }
}

/// Keys are found by their beginnings, whatever stands around them.
#[test]
fn keys_are_found_by_their_beginnings() {
    all_are(&[
        ("sk-ant-api03-AbCdEfGhIjKlMnOpQrStUv", "[api-key]"),
        ("key: sk-proj-abcdefghijklmnopqrst.", "key: [api-key]."),
        ("(ghp_0123456789abcdefghijABCDEFGHIJ012345)", "([api-key])"),
        ("x=github_pat_11ABCDEFG0123456789_abcdef", "x=[api-key]"),
        ("AKIAIOSFODNN7EXAMPLE,", "[api-key],"),
        ("ASIAIOSFODNN7EXAMPLE", "[api-key]"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "[api-key]"),
        ("xoxb-123456789012-abcdefABCDEF", "[api-key]"),
        ("SG.abcdefghijklmnop.qrstuvwxyz0123456789", "[api-key]"),
        ("hvs.CAESIJabcdefghijklmnop, then", "[api-key], then"),
        ("ya29.a0AfH6SMBabcdefghijklmnop", "[api-key]"),
        ("\"hf_abcdefghijklmnopqrstuvwx\"", "\"[api-key]\""),
        ("a-sk-abcdefghijklmnopqrst", "a-[api-key]"),
    ]);
    all_stay(&[
        "sk-learn",
        "task-force-of-twenty-four-people",
        "ghp_short",
        "gen_ai.usage.input_tokens",
        "AKIA",
        "MARKIAN was here",
        "key-value store",
        "hvs.x",
        "SG.",
        "desk-abcdefghijklmnopqrst",
    ]);
}

/// Tokens are found behind their schemes and by their form; prose about them stays.
#[test]
fn tokens_are_found_and_prose_about_them_stays() {
    all_are(&[
        (
            "Authorization: Bearer abc123def456",
            "Authorization: Bearer [token]",
        ),
        ("bearer  AbCdEfGhIj/+==", "bearer  [token]"),
        ("Basic dXNlcjpwYXNz", "Basic [token]"),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P end",
            "[jwt] end",
        ),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.", "[jwt]"),
        ("eyJhbGciOiJSU0EifQ.aa.bb.cc.dd!", "[jwt]!"),
    ]);
    all_stay(&[
        "the bearer of good news",
        "Bearer authentication",
        "Basic Authentication",
        "basically",
        "a basic understanding",
        "eyJ is how they begin",
        "forbearer 12345678",
    ]);
}

/// A private key is found as a whole, also where its end was cut off; what is public stays.
#[test]
fn a_private_key_is_found_as_a_whole() {
    all_are(&[
        (
            "a -----BEGIN PRIVATE KEY-----\nMIIE\nvQ==\n-----END PRIVATE KEY----- b",
            "a [private-key] b",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "[private-key]"),
        ("k------BEGIN RSA PRIVATE KEY-----\nx", "k-[private-key]"),
    ]);
    all_stay(&[
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN ",
    ]);
}

/// Addresses end where they end; what has an `@` and is none stays.
#[test]
fn addresses_end_where_they_end() {
    all_are(&[
        (
            "write to ada.lovelace+x@mail.example.co.uk.",
            "write to [email].",
        ),
        ("<ada@example.com>", "<[email]>"),
        ("m\u{fc}ller@b\u{fc}cher.de!", "[email]!"),
        (
            "postgres://app:s3cr3t@db.internal/x",
            "postgres://[password]@db.internal/x",
        ),
        (
            "https://a:b@1.example.com",
            "https://[password]@1.example.com",
        ),
    ]);
    all_stay(&[
        "@types/node",
        "left-pad@1.3.0",
        "@app.route",
        "a @ b.c",
        "user@localhost",
        "git@github.com:org/repo",
        "https://example.com:8080/a@b",
    ]);
}

/// IP addresses are found; versions, times, paths of code and the machine's own are not.
#[test]
fn ip_addresses_are_found() {
    all_are(&[
        ("from 192.168.2.17:8080", "from [ip]:8080"),
        ("10.0.0.1, 8.8.8.8.", "[ip], [ip]."),
        ("[2001:db8::7]:443", "[[ip]]:443"),
        ("fe80::1ff:fe23:4567:890a.", "[ip]."),
        ("::ffff:192.0.2.128 x", "[ip] x"),
    ]);
    all_stay(&[
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "1.2.3",
        "256.1.1.1",
        "1.2.3.4.5",
        "at 12:30:45",
        "std::io",
        "dead::beef",
        "{\"a\":1}",
        "::",
    ]);
}

/// Cards are found by their check digit, in one piece and in groups; other long numbers stay.
#[test]
fn cards_are_found_by_their_check_digit() {
    all_are(&[
        ("4111111111111111", "[card]"),
        ("pay 4111 1111 1111 1111 12/27", "pay [card] 12/27"),
        ("5500-0000-0000-0004;", "[card];"),
        ("3782 822463 10005", "[card]"),
        ("no 12 4111 1111 1111 1111", "no 12 [card]"),
    ]);
    all_stay(&[
        "4111111111111112",
        "1700000000000",
        "1700000000000000000",
        "0.4111111111111111",
        "550e8400-e29b-41d4-a716-446655440000",
        "a4111111111111111",
    ]);
}

/// Telephone numbers are found as people write them; dates, ids and amounts stay.
#[test]
fn telephone_numbers_are_found() {
    all_are(&[
        ("call +49 30 1234567 now", "call [phone] now"),
        ("+14155552671", "[phone]"),
        ("+1 (415) 555-2671", "[phone]"),
        ("(415) 555-2671", "[phone]"),
        ("415-555-2671.", "[phone]."),
        ("1-800-555-0199", "[phone]"),
        ("030 1234567", "[phone]"),
        ("001 23 45 67 89", "[phone]"),
        ("01 23 45 67 89", "[phone]"),
        ("0151/23456789", "[phone]"),
        ("01 23 45 67 89", "[phone]"),
        ("004930123456", "[phone]"),
    ]);
    all_stay(&[
        "2024-01-15",
        "2024-01-15 10:20:30",
        "01.02.2024 12:30",
        "1 234 567",
        "12345678",
        "1,234,567.89",
        "0.0012",
        "3.14159 26535",
        "1 2 3 4 5 6 7 8 9",
    ]);
}

/// Account numbers are found by their check digits, in one piece and in groups of four.
#[test]
fn account_numbers_are_found_by_their_check_digits() {
    all_are(&[
        ("DE89370400440532013000", "[iban]"),
        (
            "to GB82 WEST 1234 5698 7654 32, please",
            "to [iban], please",
        ),
        ("FR1420041010050500013M02606.", "[iban]."),
    ]);
    all_stay(&["DE89370400440532013001", "GB82", "xDE89370400440532013000"]);
}

/// Each detector finds what it is for and nothing else.
#[test]
fn a_detector_that_is_off_finds_nothing() {
    let text = b"ada@example.com +49 30 1234567 4111111111111111";
    let mut found = Vec::new();
    find(text, Detectors::NONE.with(Detector::Email), &mut found);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].detector, Detector::Email);
    found.clear();
    find(text, Detectors::NONE, &mut found);
    assert_eq!(found, []);
}

proptest! {
    /// Whatever the bytes are, findings stand in order, do not overlap and lie inside.
    #[test]
    fn findings_stand_in_order(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    /// The same of texts that are full of anchors, whose characters are never cut.
    #[test]
    fn characters_are_never_cut(text in "[sk@:.0-9+ ()A-IeyJb_\u{e4}\u{4e16}-]{0,120}") {
        check(text.as_bytes())?;
        let mut found = Vec::new();
        find(text.as_bytes(), Detectors::ALL, &mut found);
        for it in found {
            prop_assert!(text.is_char_boundary(it.start) && text.is_char_boundary(it.end));
        }
    }
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut found = Vec::new();
    find(bytes, Detectors::ALL, &mut found);
    let mut last = 0;
    for it in found {
        prop_assert!(it.start >= last && it.end > it.start && it.end <= bytes.len());
        last = it.end;
    }
    Ok(())
}

/// Texts that are nothing but anchors take time that grows with their length alone.
#[test]
fn nothing_but_anchors_takes_no_longer() {
    for piece in [
        "@",
        "a@",
        "-",
        "sk-",
        "1",
        "1 ",
        "1.",
        "+1",
        "a:",
        "::",
        "eyJ",
        "eyJaaaaaaaaaa.",
        "b",
        "bearer ",
        "AKIA",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY",
        "DE89",
        "://a:",
        "0",
        "a.",
        "_",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        let begun = std::time::Instant::now();
        let mut found = Vec::new();
        find(text.as_bytes(), Detectors::ALL, &mut found);
        assert!(
            begun.elapsed().as_secs() < 10,
            "{piece:?} took {:?}",
            begun.elapsed()
        );
    }
}
