//! What becomes of whole texts: JSON, escapes, rules within, a user's own function, a dry run.

use proptest::prelude::*;

use super::*;

fn shown(redaction: &Redaction, text: &str) -> String {
    let redactor = redaction.redactor();
    redactor.shown("k", text).into_owned()
}

fn standard(text: &str) -> String {
    shown(&Redaction::standard(), text)
}

/// What is found is replaced where it stands, in plain text and in JSON, which stays JSON.
#[test]
fn what_is_found_is_replaced_where_it_stands() {
    for (text, expected) in [
        ("mail ada@example.com now", "mail [email] now"),
        (r#"{"to":"ada@example.com"}"#, r#"{"to":"[email]"}"#),
        (
            r#" [ "a" , 4111111111111111 , {} , [] ] "#,
            r#" [ "a" , "[card]" , {} , [] ] "#,
        ),
        (
            r#"{"ada@example.com":[1,2.5e3,true,null]}"#,
            r#"{"[email]":[1,2.5e3,true,null]}"#,
        ),
        // An escape in front of a word is not the word's first letter.
        (
            r#"{"t":"hi\nada@example.com\tx"}"#,
            r#"{"t":"hi\n[email]\tx"}"#,
        ),
        // Escaped letters are letters.
        (r#"{"t":"\u0061da\u0040example.com"}"#, r#"{"t":"[email]"}"#),
        (r"plain \u0061da@example.com", "plain [email]"),
        // JSON in JSON.
        (
            r#"{"arguments":"{\"to\":\"ada@example.com\",\"password\":\"x\"}"}"#,
            r#"{"arguments":"{\"to\":\"[email]\",\"password\":\"[redacted]\"}"}"#,
        ),
        // Lines of JSON are no JSON, but are looked through as text.
        (
            "{\"a\":\"\\nada@example.com\"}\n{}",
            "{\"a\":\"\\n[email]\"}\n{}",
        ),
        // What only begins like JSON.
        ("[030-1234567] call", "[[phone]] call"),
        ("[030-1234567]", "[[phone]]"),
        ("{not json ada@example.com", "{not json [email]"),
        (
            r#"{"a":"ada@example.com"} trailing"#,
            r#"{"a":"[email]"} trailing"#,
        ),
    ] {
        assert_eq!(standard(text), expected, "{text}");
    }
}

/// A secret under many levels of escapes is found, and what has more levels than anybody writes is
/// masked.
#[test]
fn no_number_of_escapes_hides_a_secret() {
    let mut text = "ada@example.com".to_owned();
    for level in 0..10 {
        let redacted = standard(&format!("x {text}"));
        assert!(!redacted.contains("example"), "{level}: {redacted}");
        text = text.replace('\\', r"\\").replace('@', r"\u0040");
        let json = serde_json::to_string(&text).expect("a text");
        text = json.trim_matches('"').to_owned();
        let redacted = standard(&format!(r#"{{"a":"{text}"}}"#));
        serde_json::from_str::<serde_json::Value>(&redacted).expect("still JSON");
        assert!(!redacted.contains("example"), "{level}: {redacted}");
    }
    let hidden = format!(r"\{}0041da@example.com", "u005c".repeat(100));
    assert_eq!(standard(&hidden), "[redacted]");
}

/// Rules hold for members of objects, at any depth and however their names are escaped.
#[test]
fn rules_hold_for_members() {
    let redaction = Redaction::nothing()
        .mask("secret_plan")
        .remove("gone")
        .hash("who", HashKey::new(*b"0123456789abcdef"))
        .pass("open");
    let text =
        r#"{"a":[{"Secret_Plan":{"x":[1]},"gone":1,"who":"ada","open":"y"}],"secr\u0065t_plan":2}"#;
    let value: serde_json::Value =
        serde_json::from_str(&shown(&redaction, text)).expect("still JSON");
    assert_eq!(value["a"][0]["Secret_Plan"], "[redacted]");
    assert_eq!(value["a"][0]["gone"], "[redacted]");
    assert_eq!(value["a"][0]["open"], "y");
    assert_eq!(value["secret_plan"], "[redacted]");
    let hash = value["a"][0]["who"].as_str().expect("a text");
    assert_eq!(hash.len(), 32);
    assert_eq!(hash, redaction.redactor().redact("who", "ada"));
}

/// A function of the user's own is asked first, its answer is looked through, and a panic of it masks.
#[test]
fn the_users_own_function_is_asked_first() {
    let redaction = Redaction::standard().with(|key, text| match text {
        "secret" => Redacted::Remove,
        "who" => Redacted::Replace(format!("{key} ada@example.com")),
        "fails" => panic!("a function that fails"),
        _ => Redacted::Keep,
    });
    let redactor = redaction.redactor();
    assert_eq!(redactor.shown("k", "secret"), "");
    assert_eq!(redactor.shown("k", "who"), "k [email]");
    assert_eq!(redactor.shown("k", "fails"), "[redacted]");
    assert_eq!(redactor.shown("k", "else"), "else");
    let stats = redactor.stats();
    assert_eq!((stats.own, stats.panics, stats.changed), (2, 1, 3));
}

/// A dry run changes nothing and counts the same; its report holds nothing of what was found.
#[test]
fn a_dry_run_counts_and_changes_nothing() {
    let texts = [
        "ada@example.com and 4111111111111111",
        r#"{"password":"hunter2","to":"bob@example.com"}"#,
        r"\u0061da@example.com",
    ];
    let (real, dry) = (Redaction::standard(), Redaction::standard().dry_run(true));
    let (real, dry) = (real.redactor(), dry.redactor());
    for text in texts {
        assert_eq!(dry.shown("k", text), text);
        assert_ne!(real.shown("k", text), text);
    }
    assert_eq!(dry.redact("password", "hunter2"), "hunter2");
    assert_eq!(real.redact("password", "hunter2"), "[redacted]");
    let (real, dry) = (real.stats(), dry.stats());
    assert_eq!(
        RedactionStats {
            dry_run: false,
            ..dry.clone()
        },
        real
    );
    assert_eq!(real.found_by(Detector::Email), 3);
    assert_eq!(real.found_by(Detector::Card), 1);
    assert_eq!(real.masked, 2);
    assert_eq!(
        dry.to_string(),
        "3 texts of 101 bytes: would change 3\n  email 3\n  card 1\n  masked 2"
    );
}

/// Each rule counts what it did, by its key as it was written; what has no key of its own has a name.
#[test]
fn each_rule_counts_what_it_did() {
    let redaction = Redaction::standard()
        .remove_content()
        .remove("Gone.*")
        .mask("plan")
        .pass("open")
        .hash("who", HashKey::new(*b"0123456789abcdef"))
        .only(["note"])
        .with(|_, text| match text {
            "secret" => Redacted::Remove,
            _ => Redacted::Keep,
        });
    let redactor = redaction.redactor();
    for (key, text) in [
        ("gone.now", "x"),
        ("gone.then", "x"),
        ("plan", "x"),
        ("open", "x"),
        ("who", "ada"),
        ("other", "x"),
        ("gen_ai.input.messages", "x"),
        ("gen_ai.prompt.0.content", "x"),
        ("agentops.tool.input", "x"),
        ("traceloop.entity.output", "x"),
        ("ai.prompt.messages", "x"),
        ("note", "secret"),
        ("note", r#"[{"password":1,"plan":2,"gone.x":3}]"#),
        ("note", &"[".repeat(300)),
    ] {
        drop(redactor.redact(key, text));
    }
    let rules = redactor.stats().rules;
    let rules = rules.iter().map(|it| (&*it.name, it.action, it.changed));
    assert_eq!(
        rules.collect::<Vec<_>>(),
        [
            ("content", "remove", 5),
            ("Gone.*", "remove", 3),
            ("plan", "mask", 2),
            ("who", "hash", 1),
            ("secret_names", "mask", 1),
            ("only", "remove", 1),
            ("own", "replace", 1),
            ("unreadable", "mask", 1),
        ]
    );
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,20}".prop_map(Into::into),
        Just("x ada@example.com\n\"\\".into()),
        Just(r#"{"token":"\u0061da@example.com"}"#.into()),
        Just(4_111_111_111_111_111_i64.into()),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec(("[a-z\"\\\\ ]{0,8}|password|ada@example.com", inner), 0..6)
                .prop_map(|it| serde_json::Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Any JSON stays JSON of the same shape, whatever was found in it, and nothing is left to find.
    #[test]
    fn any_json_stays_json(value in json(), pretty: bool) {
        // A number alone is a text like any other.
        let value = serde_json::Value::Array(vec![value]);
        let text = match pretty {
            true => serde_json::to_string_pretty(&value),
            false => serde_json::to_string(&value),
        };
        let text = text.expect("a text");
        let redacted = standard(&text);
        let parsed: serde_json::Value = serde_json::from_str(&redacted).expect("still JSON");
        prop_assert!(parsed.is_array());
        prop_assert_eq!(parsed[0].is_object(), value[0].is_object());
        prop_assert_eq!(parsed[0].is_array(), value[0].is_array());
        prop_assert!(!redacted.contains("example.com"), "{}", redacted);
        prop_assert_eq!(standard(&redacted), redacted, "nothing is left to find");
    }

    /// Whatever the bytes are, nothing panics, and what is text stays text.
    #[test]
    fn whatever_is_text_stays_text(text in r#"[\[\]{}\\",:0-9a-fu@.+ \u{e4}-]{0,100}"#) {
        standard(&text);
        let redactor = Redaction::standard().redactor();
        let mut scratch = Scratch::default();
        if let TextRedaction::Replace(with) = redactor.text(b"k", text.as_bytes(), &mut scratch) {
            prop_assert!(std::str::from_utf8(&with).is_ok());
        }
    }
}

/// JSON that lies deeper than anybody needs is masked, and walked through in no more stack.
#[test]
fn what_lies_too_deep_is_masked() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(standard(&deep(256)), deep(256));
    assert_eq!(standard(&deep(257)), "\"[redacted]\"");
    assert_eq!(standard(&deep(1_000_000)), "\"[redacted]\"");
    let mut nested = r#"{"password":"x"}"#.to_owned();
    for _ in 0..10 {
        nested = format!("[{}]", serde_json::to_string(&nested).expect("a text"));
    }
    let redacted = standard(&nested);
    assert!(redacted.contains("[redacted]") && !redacted.contains("password"));
    serde_json::from_str::<serde_json::Value>(&redacted).expect("still JSON");
}
