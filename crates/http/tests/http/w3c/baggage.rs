//! W3C Baggage: what the standard's own tests say of a list, asked of a service that passes it on.

use super::harness::{joined, with_service};

/// Members, values and properties go on as they came, without white space; percent-encoding stays.
#[test]
fn members_and_properties_are_passed_on() {
    let special = "SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29";
    let property = format!(
        "SomeKey=SomeValue;{}",
        special.replacen("SomeKey", "SomePropKey", 1)
    );
    let cases = [
        ("SomeKey=SomeValue", "SomeKey=SomeValue"),
        (
            "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
            "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
        ),
        (
            "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = \t PropVal",
            "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
        ),
        ("SomeKey=SomeValue=equals", "SomeKey=SomeValue=equals"),
        (
            "SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue",
            "SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue",
        ),
        (
            "SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal",
            "SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal",
        ),
        (special, special),
        (&property, &property),
        // A member that is none takes nobody along.
        ("a=1,no member,b=2", "a=1,b=2"),
    ];
    with_service(async |harness| {
        for (sent, expected) in cases {
            let calls = harness.ask(&[("baggage", sent)], 1).await;
            assert_eq!(joined(&calls[0], "baggage"), expected, "{sent}");
        }
        let calls = harness
            .ask(&[("baggage", "a=1"), ("Baggage", "b=2")], 1)
            .await;
        assert_eq!(joined(&calls[0], "baggage"), "a=1,b=2");
    });
}

/// At least 64 members and 8192 bytes go on; beyond that, whole members are left out.
#[test]
fn limits_are_those_of_the_standard() {
    let list = |count: usize| {
        let members = (0..count).map(|number| format!("key{number}=value"));
        members.collect::<Vec<_>>().join(",")
    };
    let long = format!("a={}", "0123456789".repeat(819));
    assert_eq!(long.len(), 8192);
    with_service(async |harness| {
        for (sent, expected) in [
            (list(64), list(64)),
            (list(180), list(64)),
            (long.clone(), long),
        ] {
            let calls = harness.ask(&[("baggage", &sent)], 1).await;
            assert_eq!(joined(&calls[0], "baggage"), expected);
        }
        let two = format!("a=1,b={}", "0123456789".repeat(819));
        let calls = harness.ask(&[("baggage", &two)], 1).await;
        assert_eq!(joined(&calls[0], "baggage"), "a=1");
    });
}
