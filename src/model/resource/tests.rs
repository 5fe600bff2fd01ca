//! Who wins where attributes meet, and what goes onto the wire.

use super::*;

fn surroundings() -> Surroundings {
    let attribute = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    Surroundings {
        service_name: Some("by-name".to_owned()),
        attributes: vec![
            attribute("service.name", "by-attributes"),
            attribute("service.version", "by-attributes"),
            attribute("host.name", "by-attributes"),
            attribute("team", "blue"),
        ],
        detected: vec![
            ("service.name".to_owned(), "unknown_service:me".into()),
            ("host.name".to_owned(), "detected".into()),
            ("process.pid".to_owned(), 7.into()),
        ],
    }
}

fn text(attributes: &Attributes, key: &str) -> String {
    let mut found = attributes.iter().filter(|(known, _)| known == key);
    match (found.next(), found.next()) {
        (Some((_, OwnedValue::Str(text))), None) => text.clone(),
        other => panic!("{key}: {other:?}"),
    }
}

/// Code wins over the service name, that over the attributes, those over the detectors.
#[test]
fn precedence_is_code_name_attributes_detectors() {
    let mut around = surroundings();
    let resource = Resource::from_env()
        .service_version("by-code")
        .attribute("team", "red")
        .attribute("team", "green");
    let resolved = resource.resolve(&around);
    assert_eq!(text(&resolved, "service.name"), "by-name");
    assert_eq!(text(&resolved, "service.version"), "by-code");
    assert_eq!(text(&resolved, "host.name"), "by-attributes");
    assert_eq!(text(&resolved, "team"), "green");
    assert!(resolved.contains(&("process.pid".to_owned(), OwnedValue::Int(7))));

    let by_code = resource.clone().service("by-code").resolve(&around);
    assert_eq!(text(&by_code, "service.name"), "by-code");

    around.service_name = None;
    assert_eq!(
        text(&resource.resolve(&around), "service.name"),
        "by-attributes"
    );
    around.attributes.clear();
    assert_eq!(
        text(&resource.resolve(&around), "service.name"),
        "unknown_service:me"
    );
}

/// An empty resource is what code sets and nothing else.
#[test]
fn an_empty_resource_takes_nothing_from_outside() {
    let resolved = Resource::empty().service("mine").resolve(&surroundings());
    assert_eq!(
        resolved,
        [("service.name".to_owned(), OwnedValue::from("mine"))]
    );
}

/// A key without a name is reported.
#[test]
fn an_empty_key_is_a_problem() {
    let problems = Resource::empty().attribute("", 1).problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].setting, "resource");
    assert!(Resource::from_env().service("mine").problems().is_empty());
}

#[cfg(feature = "proto")]
mod wire {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
    use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
    use prost::Message;

    use super::*;

    fn any(value: Any) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn entry(key: &str, value: Any) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(any(value)),
            ..KeyValue::default()
        }
    }

    /// The reference decoder reads every kind of value, zeros and emptiness included, in traces
    /// and in logs.
    #[test]
    fn the_reference_decoder_reads_an_origin() {
        let long = "long".repeat(100);
        let nested = [
            (
                "list",
                Value::Array(&[Value::Bool(false), Value::Array(&[])]),
            ),
            ("map", Value::Map(&[])),
        ];
        let resource = Resource::empty()
            .service("planner")
            .attribute("empty", "")
            .attribute("nothing", Value::Empty)
            .attribute("zero", 0)
            .attribute("negative", -1)
            .attribute("large", i64::MAX)
            .attribute("double", -0.5)
            .attribute("yes", true)
            .attribute("bytes", &[0_u8, 255][..])
            .attribute("nested", &nested[..])
            .attribute("long", &long);
        let expected = vec![
            entry("service.name", Any::StringValue("planner".to_owned())),
            entry("empty", Any::StringValue(String::new())),
            KeyValue {
                key: "nothing".to_owned(),
                value: Some(AnyValue::default()),
                ..KeyValue::default()
            },
            entry("zero", Any::IntValue(0)),
            entry("negative", Any::IntValue(-1)),
            entry("large", Any::IntValue(i64::MAX)),
            entry("double", Any::DoubleValue(-0.5)),
            entry("yes", Any::BoolValue(true)),
            entry("bytes", Any::BytesValue(vec![0, 255])),
            entry(
                "nested",
                Any::KvlistValue(KeyValueList {
                    values: vec![
                        entry(
                            "list",
                            Any::ArrayValue(ArrayValue {
                                values: vec![
                                    any(Any::BoolValue(false)),
                                    any(Any::ArrayValue(ArrayValue::default())),
                                ],
                            }),
                        ),
                        entry("map", Any::KvlistValue(KeyValueList::default())),
                    ],
                }),
            ),
            entry("long", Any::StringValue(long.clone())),
        ];
        let scope = Scope {
            name: "spanreel".to_owned(),
            version: Some("1.2.3".to_owned()),
            attributes: vec![("kind".to_owned(), "agent".into())],
        };
        let origin = Origin::new(&resource.resolve(&surroundings()), &scope);

        let spans = ResourceSpans::decode(origin.resource.clone()).expect("decodes");
        let logs = ResourceLogs::decode(origin.resource).expect("decodes");
        assert_eq!(spans.resource, logs.resource);
        assert_eq!(spans.resource.expect("set").attributes, expected);

        let spans = ScopeSpans::decode(origin.scope.clone()).expect("decodes");
        let logs = ScopeLogs::decode(origin.scope).expect("decodes");
        assert_eq!(spans.scope, logs.scope);
        let scope = spans.scope.expect("set");
        assert_eq!(
            (scope.name.as_str(), scope.version.as_str()),
            ("spanreel", "1.2.3")
        );
        assert_eq!(
            scope.attributes,
            [entry("kind", Any::StringValue("agent".to_owned()))]
        );
    }
}
