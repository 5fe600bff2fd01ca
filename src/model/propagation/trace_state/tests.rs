//! Tests of trace states.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Option<String> {
    let state = TraceState::parse(text).ok()?;
    Some(state.as_str().to_owned())
}

/// Each character that may stand in a key, and in a value.
fn all_characters() -> (String, String) {
    let key = ('a'..='z').chain('0'..='9').chain("_-*/@".chars());
    let value = (' '..='~').filter(|c| !",=".contains(*c));
    (key.collect(), value.collect())
}

/// What the standard allows is kept in its order, without white space and empty members.
#[test]
fn what_is_allowed_is_kept() {
    let (key, value) = all_characters();
    let longest = format!("{}={}", "z".repeat(256), "v".repeat(255));
    for (text, kept) in [
        ("", ""),
        (" \t ", ""),
        (",", ""),
        ("foo=1", "foo=1"),
        ("foo=1,bar=2", "foo=1,bar=2"),
        ("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"),
        ("\t foo=1 \t", "foo=1"),
        ("foo=1,,bar=2,", "foo=1,bar=2"),
        ("foo@=1,bar=2", "foo@=1,bar=2"),
        ("foo@bar@baz=1,bar=2", "foo@bar@baz=1,bar=2"),
        ("1a=2", "1a=2"),
        ("foo= 1", "foo= 1"),
        ("foo=1,foo=2,bar=3", "foo=1,bar=3"),
        (&longest, &longest),
        (&format!("{key}={value}"), &format!("{key}={value}")),
    ] {
        assert_eq!(parsed(text).as_deref(), Some(kept), "{text:?}");
    }
}

/// What the standard forbids discards all of it.
#[test]
fn what_is_forbidden_discards_all() {
    let long_key = format!("bar=2,{}=1", "z".repeat(257));
    let long_value = format!("bar=2,a={}", "z".repeat(257));
    let many: Vec<_> = (1..=33).map(|number| format!("bar{number}=1")).collect();
    let many_alike = vec!["a=1"; 33].join(",");
    for text in [
        "foo",
        "foo=",
        "=1",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "@foo=1,bar=2",
        "_foo=1",
        "foo=bar=baz",
        "foo=,bar=3",
        "foo=\u{e9}",
        "foo=a\rb",
        "foo=a\nb",
        "foo=a\u{0}b",
        "foo=a\tb",
        "\u{fffd}",
        &long_key,
        &long_value,
        &many.join(","),
        &many_alike,
    ] {
        assert_eq!(TraceState::parse(text), Err(InvalidTraceState), "{text:?}");
    }
}

/// Several values are one list, and 32 members are not too many for it.
#[test]
fn several_values_are_one_list() {
    let combine = |values: &[&str]| TraceState::combine(values.iter().copied());
    let state = combine(&["foo=1,bar=2", "", "rojo=1,foo=9", "baz=3"]).expect("valid");
    assert_eq!(state.as_str(), "foo=1,bar=2,rojo=1,baz=3");
    assert_eq!(combine(&["foo=1", "x"]), Err(InvalidTraceState));
    assert_eq!(combine(&[]), Ok(TraceState::EMPTY));
    let members: Vec<_> = (1..=32)
        .map(|number| format!("b{number:02}={number}"))
        .collect();
    let (left, right) = (members[..20].join(","), members[20..].join(","));
    let state = combine(&[&left, &right]).expect("valid");
    assert_eq!(state.as_str(), members.join(","));
    assert_eq!(
        combine(&[&left, &right, "one=more"]),
        Err(InvalidTraceState)
    );
}

/// A list that is too long loses its long members first, then those on the right, each as a whole.
#[test]
fn a_list_that_is_too_long_is_cut_by_members() {
    let member = |key: &str, len: usize| format!("{key}={}", "x".repeat(len - key.len() - 1));
    let keys = |members: &[String]| {
        let state = TraceState::parse(&members.join(",")).expect("valid");
        assert!(state.as_str().len() <= TraceState::MAX_LEN);
        state
            .iter()
            .map(|(key, _)| key.to_owned())
            .collect::<Vec<_>>()
            .concat()
    };
    let exact = [
        member("a", 128),
        member("b", 128),
        member("c", 128),
        member("d", 125),
    ];
    assert_eq!(exact.join(",").len(), TraceState::MAX_LEN);
    assert_eq!(keys(&exact), "abcd");
    let over = [
        member("a", 128),
        member("b", 128),
        member("c", 128),
        member("d", 126),
    ];
    assert_eq!(keys(&over), "abc");
    let long_first = [
        member("a", 129),
        member("b", 128),
        member("c", 128),
        member("d", 128),
    ];
    assert_eq!(keys(&long_first), "bcd");
    let one_is_enough = [member("a", 200), member("b", 200), member("c", 128)];
    assert_eq!(keys(&one_is_enough), "ac");
    let key = "k".repeat(256);
    assert_eq!(
        keys(&[member(&key, 513)]),
        "",
        "the longest member is too long"
    );
    assert_eq!(keys(&[member(&key, 512)]), key);
}

/// A member that is set goes to the left and replaces the one of its key; a full list loses the one
/// on the right.
#[test]
fn what_is_set_goes_to_the_left() {
    let state = TraceState::parse("foo=1,bar=2").expect("valid");
    assert_eq!(
        state.with("bar", "3").expect("valid").as_str(),
        "bar=3,foo=1"
    );
    assert_eq!(
        state.with("new", "3").expect("valid").as_str(),
        "new=3,foo=1,bar=2"
    );
    assert_eq!(state.without("foo").as_str(), "bar=2");
    assert_eq!(state.without("foo").without("bar"), TraceState::EMPTY);
    assert_eq!(state.without("none"), state);
    for (key, value) in [
        ("", "1"),
        ("A", "1"),
        ("a", ""),
        ("a", "b,c"),
        ("a", "b "),
        ("a", "b\n"),
    ] {
        assert_eq!(
            state.with(key, value),
            Err(InvalidTraceState),
            "{key}={value}"
        );
    }
    let members: Vec<_> = (1..=32).map(|number| format!("b{number}=1")).collect();
    let full = TraceState::parse(&members.join(",")).expect("valid");
    let set = full.with("new", "1").expect("valid");
    assert_eq!(set.iter().count(), TraceState::MAX_MEMBERS);
    assert_eq!((set.get("new"), set.get("b32")), (Some("1"), None));
    assert_eq!(full.with("b32", "2").expect("valid").iter().count(), 32);
}

/// An empty state takes no memory, a clone none of its own.
#[test]
fn a_clone_is_shared() {
    assert_eq!(TraceState::parse(" , ").expect("valid"), TraceState::EMPTY);
    let state = TraceState::parse("foo=1").expect("valid");
    assert!(std::ptr::eq(state.as_str(), state.clone().as_str()));
    assert_eq!(size_of::<TraceState>(), 2 * size_of::<usize>());
}

proptest! {
    /// A list says the same whether it is looked at once or taken apart, as it is where another value follows.
    #[test]
    fn a_list_looked_at_once_says_the_same(
        text in "([ab@]{0,2}=?[ab@~ ]{0,3},){0,6}[ab]=[ab]|([a-z]{1,3}=[a-z]{1,40},){0,40}[a-z]=x"
    ) {
        let apart = TraceState::combine([text.as_str(), ""].into_iter());
        prop_assert_eq!(TraceState::parse(&text), apart);
    }

    /// Whatever is read, what is kept is within the limits and reads back as it is.
    #[test]
    fn what_is_kept_reads_back(text in "[a-c@= ,;x\t\u{e9}]{0,64}|(.{1,4}=.{1,200},){0,40}") {
        if let Ok(state) = TraceState::parse(&text) {
            prop_assert!(state.as_str().len() <= TraceState::MAX_LEN);
            prop_assert!(state.iter().count() <= TraceState::MAX_MEMBERS);
            prop_assert_eq!(TraceState::parse(state.as_str()), Ok(state));
        }
    }
}
