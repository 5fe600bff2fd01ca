//! Tests of baggage: the cases of the W3C test suite, the limits, and what is hostile.

use proptest::prelude::*;

use super::*;

/// A property: a key, and a value where it has one.
type Property = (&'static str, Option<&'static str>);

/// A member: key, value, properties.
type Row = (&'static str, &'static str, &'static [Property]);

#[track_caller]
fn assert_reads(text: &str, rows: &[Row]) {
    let baggage = Baggage::parse(text);
    assert_eq!(baggage.len(), rows.len(), "{text:?}");
    for (member, (key, value, properties)) in baggage.iter().zip(rows) {
        assert_eq!((member.key(), &*member.value()), (*key, *value), "{text:?}");
        let read: Vec<_> = member.properties().collect();
        assert_eq!(read.len(), properties.len(), "{text:?}");
        for ((key, value), (expected, property)) in read.iter().zip(*properties) {
            assert_eq!((*key, value.as_deref()), (*expected, *property), "{text:?}");
        }
    }
}

/// The cases of the W3C test suite that read a list or a member.
#[test]
fn what_w3c_reads_is_read() {
    const PROP: &[Property] = &[("SomeProp", None)];
    const VALUE_PROP: &[Property] = &[("ValueProp", Some("PropVal"))];
    const KEY_VALUE: &[Property] = &[("SomePropKey", Some("SomePropValue"))];
    const ODD: &str = "\t \"';=asdf!@#$%^&*()";
    const ODD_ENCODED: &str = "%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29";
    // An empty list, a member, several.
    assert_reads("", &[]);
    assert_reads("SomeKey=SomeValue", &[("SomeKey", "SomeValue", &[])]);
    let two: &[Row] = &[
        ("SomeKey", "SomeValue", PROP),
        ("SomeKey2", "SomeValue2", VALUE_PROP),
    ];
    assert_reads(
        "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
        two,
    );
    assert_reads(
        "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t \
         ValueProp \t = \t PropVal",
        two,
    );
    let both: &[Row] = &[
        ("SomeKey", "SomeValue", KEY_VALUE),
        (
            "SomeKey2",
            "SomeValue2",
            &[("SomePropKey2", Some("SomePropValue2"))],
        ),
    ];
    assert_reads(
        "SomeKey=SomeValue;SomePropKey=SomePropValue,SomeKey2=SomeValue2;SomePropKey2=SomePropValue2",
        both,
    );
    assert_reads(
        "SomeKey \t = \t SomeValue \t ; \t SomePropKey=SomePropValue \t , \t SomeKey2 \t = \t \
         SomeValue2 \t ; \t SomePropKey2 \t = \t SomePropValue2",
        both,
    );
    // Members: equals signs, percent-encoding, white space.
    assert_reads(
        "SomeKey=SomeValue=equals",
        &[("SomeKey", "SomeValue=equals", &[])],
    );
    assert_reads(&format!("SomeKey={ODD_ENCODED}"), &[("SomeKey", ODD, &[])]);
    assert_reads(
        "SomeKey \t = \t SomeValue \t ",
        &[("SomeKey", "SomeValue", &[])],
    );
    assert_reads(
        &format!("SomeKey \t = \t {ODD_ENCODED} \t "),
        &[("SomeKey", ODD, &[])],
    );
    // Properties.
    assert_reads(
        "SomeKey=SomeValue;SomeProp",
        &[("SomeKey", "SomeValue", PROP)],
    );
    assert_reads(
        "SomeKey \t = \t SomeValue \t ; \t SomeProp",
        &[("SomeKey", "SomeValue", PROP)],
    );
    let several: &[Property] = &[("SomeProp", None), ("SecondProp", Some("PropValue"))];
    assert_reads(
        "SomeKey=SomeValue;SomeProp;SecondProp=PropValue",
        &[("SomeKey", "SomeValue", several)],
    );
    assert_reads(
        "SomeKey \t = \t SomeValue \t ; \t SomeProp \t ; \t SecondProp \t = \t PropValue",
        &[("SomeKey", "SomeValue", several)],
    );
    let alike: &[Property] = &[
        ("SomeProp", None),
        ("SomeProp", Some("PropValue")),
        ("SomeProp", Some("AnotherPropValue")),
    ];
    assert_reads(
        "SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue",
        &[("SomeKey", "SomeValue", alike)],
    );
    assert_reads(
        "SomeKey=SomeValue;SomePropKey=SomePropValue",
        &[("SomeKey", "SomeValue", KEY_VALUE)],
    );
    assert_reads(
        "SomeKey \t = \t SomeValue \t ; \t SomePropKey \t = \t SomePropValue",
        &[("SomeKey", "SomeValue", KEY_VALUE)],
    );
    assert_reads(
        &format!("SomeKey=SomeValue;SomePropKey={ODD_ENCODED}"),
        &[("SomeKey", "SomeValue", &[("SomePropKey", Some(ODD))])],
    );
    // A property without an equals sign is a key, whatever is encoded in it.
    const ENCODED: &str = "ValueProp%20%09%20%3D%20%09%20PropVal";
    assert_reads(
        &format!("SomeKey=SomeValue;{ENCODED}"),
        &[("SomeKey", "SomeValue", &[(ENCODED, None)])],
    );
}

/// The cases of the W3C test suite about limits: 64 members and 8192 bytes are kept whole.
#[test]
fn what_w3c_asks_to_keep_is_kept() {
    let members: Vec<_> = (0..64).map(|number| format!("key{number}=value")).collect();
    assert_eq!(
        Baggage::parse(&members.join(",")).as_str(),
        members.join(",")
    );
    let long = format!("a={}", "0123456789".repeat(819));
    assert_eq!(long.len(), 8192);
    assert_eq!(Baggage::parse(&long).as_str(), long);
    // The suite's 512 members of 15 bytes show what a platform may drop: those beyond the 64th.
    let many: Vec<_> = (0..512)
        .map(|number| format!("{number:03}=0123456789a"))
        .collect();
    assert_eq!(
        Baggage::parse(&many.join(",")).as_str(),
        many[..64].join(",")
    );
}

/// What has no room is left out as a whole; what does is kept.
#[test]
fn a_member_is_never_cut() {
    let long = format!("a={}", "x".repeat(8190));
    assert_eq!(Baggage::parse(&format!("{long}x,b=1")).as_str(), "b=1");
    assert_eq!(Baggage::parse(&format!("b=1,{long}")).as_str(), "b=1");
    let parts = [
        format!("a={}", "x".repeat(5000)),
        format!("b={}", "x".repeat(5000)),
    ];
    assert_eq!(
        Baggage::parse(&format!("{},c=1", parts.join(","))).as_str(),
        format!("{},c=1", parts[0])
    );
    let properties = format!("a=1;p={}", "x".repeat(8192));
    assert_eq!(Baggage::parse(&properties), Baggage::EMPTY);
    let baggage = Baggage::parse(&parts[0]);
    assert_eq!(
        baggage.with("b", &"x".repeat(4000)),
        Err(InvalidBaggage::Full)
    );
    assert_eq!(
        baggage.with("a", &"\u{e9}".repeat(2000)),
        Err(InvalidBaggage::Full)
    );
    let full = (0..64).fold(Baggage::EMPTY, |baggage, number| {
        baggage.with(&format!("k{number}"), "v").expect("room")
    });
    assert_eq!(full.with("one.more", "v"), Err(InvalidBaggage::Full));
    assert_eq!(full.with("k63", "new").expect("room").len(), 64);
}

/// Members that are not what the standard allows are left out, and noticed; the others stay.
#[test]
fn bad_members_are_left_out() {
    for bad in [
        "novalue",
        "=1",
        "a b=1",
        "a\u{e9}=1",
        "a=\u{e9}",
        "a=b c",
        "a=\"b\"",
        "a=b\\c",
        "a=b\r\nc",
        "a=b;=p",
        "a=b;p q",
        "a=b;",
        "\u{fffd}",
    ] {
        let (baggage, all_right) = Baggage::combine([&*format!("x=1,{bad}"), "y=2"].into_iter());
        assert_eq!(baggage.as_str(), "x=1,y=2", "{bad:?}");
        assert!(!all_right, "{bad:?}");
    }
    let (baggage, all_right) = Baggage::combine(["", " , ", "a=,b=%ff"].into_iter());
    assert!(all_right);
    assert_eq!(baggage.get("a").as_deref(), Some(""));
    assert_eq!(baggage.get("b").as_deref(), Some("\u{fffd}"));
}

/// Changing a member keeps the others as they are, with their properties and in their order.
#[test]
fn a_change_keeps_the_others() {
    let baggage = Baggage::parse("a=1;p,b=2%20;q=r,c=3,b=4");
    assert_eq!(baggage.get("b").as_deref(), Some("4"), "the last counts");
    assert_eq!(
        baggage.with("b", "x,y").expect("room").as_str(),
        "a=1;p,b=x%2Cy,c=3"
    );
    assert_eq!(
        baggage.with("d", "").expect("room").as_str(),
        "a=1;p,b=2%20;q=r,c=3,b=4,d="
    );
    assert_eq!(baggage.without("b").as_str(), "a=1;p,c=3");
    assert_eq!(baggage.with("no key", "x"), Err(InvalidBaggage::Key));
    assert_eq!(baggage.with("", "x"), Err(InvalidBaggage::Key));
    let other = Baggage::parse("b=5;s,z=6");
    assert_eq!(baggage.merged(&other).as_str(), "a=1;p,c=3,b=5;s,z=6");
    assert_eq!(Baggage::EMPTY.merged(&other), other);
    assert_eq!(other.merged(&Baggage::EMPTY), other);
}

/// Values, which may name people, do not show.
#[test]
fn values_do_not_show() {
    let shown = format!("{:?}", Baggage::parse("user.id=u-19;p=secret,b=2"));
    assert_eq!(shown, "Baggage [\"user.id\", \"b\"]");
    let baggage = Baggage::parse("user.id=u-19");
    assert_eq!(
        format!("{:?}", baggage.iter().next().expect("one")),
        "BaggageMember(user.id)"
    );
}

proptest! {
    /// Whatever is read, what is kept is within the limits, printable and reads back as it is.
    #[test]
    fn what_is_kept_reads_back(text in "[ab;=, %e9\t\"\u{e9}]{0,80}|([a-z]{1,3}=[!-~]{0,300},){0,80}") {
        let baggage = Baggage::parse(&text);
        prop_assert!(baggage.as_str().len() <= Baggage::MAX_LEN);
        prop_assert!(baggage.len() <= Baggage::MAX_MEMBERS);
        prop_assert!(baggage.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert_eq!(Baggage::parse(baggage.as_str()), baggage);
    }

    /// Any text survives as a value.
    #[test]
    fn any_value_survives(value in any::<String>()) {
        let baggage = Baggage::EMPTY.with("key", &value).expect("room");
        let read = Baggage::parse(baggage.as_str());
        let read = read.get("key");
        prop_assert_eq!(read.as_deref(), Some(&*value));
    }
}
