use super::*;

#[derive(Debug, Default, PartialEq)]
struct Sample {
    name: Option<String>,
    count: Option<u64>,
    number: Option<f64>,
    flag: Option<bool>,
    names: Vec<String>,
    inner: Option<Box<Sample>>,
    items: Vec<Sample>,
    told: bool,
}

impl Fill for Sample {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "name" => self.name = value.name()?,
            "count" => self.count = value.count()?,
            "number" => self.number = value.number()?,
            "flag" => self.flag = value.flag()?,
            "names" => self.names = value.names()?,
            "inner" => return value.object(&mut **self.inner.get_or_insert_default()),
            "items" => return value.objects(|item| self.items.push(item)),
            "told" => self.told = value.presence()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

fn sample(document: &str) -> (Sample, bool) {
    let mut sample = Sample::default();
    let is_whole = read(document.as_bytes(), &mut sample);
    (sample, is_whole)
}

/// Every kind of value is read, and what nobody asked for is skipped, however it is nested.
#[test]
fn every_kind_of_value_is_read() {
    let (sample, is_whole) = sample(
        r#" {"x":[[{"y":{}}]],"na\u006de":"a\"b","count":12.0,"number":3,"flag":true,
            "names":["a",5,"b"],"inner":{"count":1},"items":[{"count":2},7,{"name":"c"}],"told":[1,{},[]]} "#,
    );
    assert!(is_whole);
    assert_eq!(sample.name.as_deref(), Some("a\"b"));
    assert_eq!((sample.count, sample.number), (Some(12), Some(3.0)));
    assert_eq!(sample.names, ["a", "b"]);
    assert_eq!(sample.inner.expect("told").count, Some(1));
    assert_eq!((sample.items.len(), sample.told), (2, true));
}

/// A value of another type than the wanted one is as absent, and what follows it is read.
#[test]
fn values_of_wrong_types_are_absent() {
    for wrong in [
        "null",
        "true",
        "-1",
        "1.5",
        "\"1\"",
        "[1]",
        "{\"a\":1}",
        "-1e300",
    ] {
        let (sample, is_whole) = sample(&format!("{{\"count\":{wrong},\"name\":\"n\"}}"));
        assert!(is_whole, "{wrong}");
        assert_eq!(
            (sample.count, sample.name.as_deref()),
            (None, Some("n")),
            "{wrong}"
        );
    }
    for wrong in ["null", "true", "1", "1.5", "[\"a\"]", "{}"] {
        let (sample, _) = sample(&format!(
            "{{\"name\":{wrong},\"items\":{wrong},\"count\":1}}"
        ));
        assert_eq!((sample.name, sample.count), (None, Some(1)), "{wrong}");
    }
}

/// Half a document tells its first half: what is known of it is never wrong, wherever it breaks.
#[test]
fn half_a_document_tells_its_first_half() {
    let whole = r#"{"name":"n","items":[{"count":1234,"flag":true}],"count":567}"#;
    for end in 0..whole.len() {
        let (half, is_whole) = sample(&whole[..end]);
        assert!(!is_whole, "{end}");
        assert!([None, Some("n")].contains(&half.name.as_deref()), "{end}");
        assert!(half.items.len() <= 1 && half.count.is_none(), "{end}");
        let told = half.items.first().and_then(|item| item.count);
        assert!([None, Some(1234)].contains(&told), "{end}: {told:?}");
    }
    let (half, _) = sample(&whole[..40]);
    assert_eq!(half.items[0].count, Some(1234));
}

/// What is no object is said to be none; nothing makes it panic or recurse without end.
#[test]
fn what_is_no_object_is_refused() {
    let deep = "[".repeat(1 << 16);
    let nested = format!("{{\"a\":{}", "{\"a\":".repeat(1 << 16));
    let inner = "{\"inner\":".repeat(1 << 16);
    for document in [
        "",
        " ",
        "5",
        "[]",
        "null",
        "\u{feff}{}",
        "<html>",
        "{} {}",
        &deep,
        &nested,
        &inner,
    ] {
        assert!(!sample(document).1);
    }
}

/// Names are cut where they are too long, between characters; lists of names end.
#[test]
fn names_are_short() {
    let (told, _) = sample(&format!(
        "{{\"name\":\"{}\"}}",
        "\u{e9}".repeat(LONGEST_NAME)
    ));
    assert_eq!(told.name.expect("told").len(), LONGEST_NAME);
    let many = vec!["\"n\""; MOST_NAMES + 9].join(",");
    assert_eq!(
        sample(&format!("{{\"names\":[{many}]}}")).0.names.len(),
        MOST_NAMES
    );
}
