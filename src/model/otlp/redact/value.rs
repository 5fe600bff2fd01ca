//! `AnyValue`: texts, numbers that may be cards, arrays, maps, bytes.

use super::{Change, Rewriter, put};
use crate::model::otlp::fields as f;
use crate::model::otlp::scan::{self, Field};
use crate::model::otlp::writer::Writer;
use crate::model::redaction::{Action, Detector, MASK, Ruling, Spot, TextRedaction};

/// How deep arrays and maps may lie in each other; what is deeper is masked. As deep as readers go.
const NESTING: usize = 64;

/// The smallest number that a card can have.
const CARD: i64 = 1_000_000_000_000;

impl Rewriter<'_> {
    /// The value behind `key`; `None` where it stays as it is.
    pub(super) fn value(&mut self, key: &[u8], value: &[u8], depth: usize) -> Option<Vec<u8>> {
        if depth > NESTING {
            return Some(self.masked(None, Spot::of(key, b"")));
        }
        let mut out = None;
        let mut read = 0;
        for field in scan::fields(value) {
            read = field.range.end;
            let body = &value[field.body.clone()];
            let change = if field.is(f::value::STRING) || field.is(f::value::BYTES) {
                match self.redactor.text(key, body, &mut self.scratch) {
                    TextRedaction::Keep => Change::None,
                    TextRedaction::Replace(with) => Change::Body(with),
                    TextRedaction::Remove => Change::Drop,
                }
            } else if field.is(f::value::ARRAY) {
                self.list(body, |it, body| it.value(key, body, depth + 1))
            } else if field.is(f::value::MAP) {
                self.list(body, |it, body| it.member(body, depth + 1))
            } else if field.number_of_delimited().is_some() {
                self.whole("", body)
            } else if let Some(number) = number(&field, body).filter(|it| *it >= CARD)
                && self.redactor.is_card(key, number.to_string().as_bytes())
            {
                // Another kind of value from here on.
                return Some(text(Detector::Card.label().as_bytes()));
            } else {
                Change::None
            };
            put(&mut out, value, &field, change);
        }
        if read < value.len() {
            out.get_or_insert_with(|| value[..read].to_vec());
        }
        out
    }

    /// An `ArrayValue` or a `KeyValueList`, whose entries have the same number.
    fn list(
        &mut self,
        list: &[u8],
        mut entry: impl FnMut(&mut Self, &[u8]) -> Option<Vec<u8>>,
    ) -> Change {
        let mut out = None;
        let mut read = 0;
        for field in scan::fields(list) {
            read = field.range.end;
            let body = &list[field.body.clone()];
            let change = if field.is(f::list::VALUES) {
                entry(self, body).map_or(Change::None, Change::Body)
            } else if field.number_of_delimited().is_some() {
                self.whole("", body)
            } else {
                Change::None
            };
            put(&mut out, list, &field, change);
        }
        if read < list.len() {
            out.get_or_insert_with(|| list[..read].to_vec());
        }
        out.map_or(Change::None, Change::Body)
    }

    /// An entry of a map.
    fn member(&mut self, key_value: &[u8], depth: usize) -> Option<Vec<u8>> {
        let key = scan::key_of(key_value).unwrap_or_default();
        let rule = self.redactor.rules().of_member(key);
        match rule.map(|it| it.action) {
            Some(Action::Pass) => None,
            _ => self.key_value(key_value, key, rule, depth),
        }
    }

    /// What a rule makes of a value.
    pub(super) fn ruled(&self, rule: Ruling, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        match rule.action {
            Action::Pass => None,
            Action::Hash => Some(self.hashed(rule, key, value)),
            Action::Mask | Action::Remove => {
                Some(self.masked(Some(rule), Spot::of(key, shown(value))))
            }
        }
    }

    /// The text of a `KeyValue` where somebody is told of it.
    pub(super) fn shown_of<'v>(&self, key_value: &'v [u8]) -> &'v [u8] {
        if !self.redactor.is_told() {
            return b"";
        }
        let value = scan::fields(key_value).find(|it| it.is(f::key_value::VALUE));
        value.map_or(b"", |it| shown(&key_value[it.body]))
    }

    /// A masked value: by a rule, or because it cannot be looked through.
    fn masked(&self, by: Option<Ruling>, spot: Spot<'_>) -> Vec<u8> {
        self.redactor.masked(by, spot);
        text(MASK.as_bytes())
    }

    /// A hashed value: of a text or an integer, or of each in an array. What else there is is masked.
    fn hashed(&self, rule: Ruling, key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut fields = scan::fields(value);
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return self.masked(Some(rule), Spot::of(key, b""));
        };
        let body = &value[field.body.clone()];
        if field.is(f::value::STRING) {
            return text(self.redactor.hashed(rule, Spot::of(key, body)).as_bytes());
        }
        if field.is_uint(f::value::INT) {
            let number = number(&field, body).unwrap_or_default().to_string();
            return text(
                self.redactor
                    .hashed(rule, Spot::of(key, number.as_bytes()))
                    .as_bytes(),
            );
        }
        if !field.is(f::value::ARRAY) {
            return self.masked(Some(rule), Spot::of(key, b""));
        }
        let mut list = Writer::with_capacity(64);
        for element in scan::fields(body).filter(|it| it.is(f::list::VALUES)) {
            let element = &body[element.body];
            let is_list = scan::fields(element).any(|it| it.is(f::value::ARRAY));
            let hashed = if is_list {
                self.masked(Some(rule), Spot::of(key, b""))
            } else {
                self.hashed(rule, key, element)
            };
            list.bytes(f::list::VALUES, &hashed);
        }
        let mut value = Writer::with_capacity(list.len() + 8);
        value.bytes(f::value::ARRAY, list.written());
        value.to_vec()
    }
}

/// A whole number, however it is written.
fn number(field: &Field, body: &[u8]) -> Option<i64> {
    if field.is_uint(f::value::INT) {
        return scan::varint(body).map(|(number, _)| number as i64);
    }
    let double = f64::from_le_bytes(body.try_into().ok()?);
    let is_whole = double.fract() == 0.0 && double.abs() < 1e19;
    is_whole.then_some(double as i64)
}

/// The text of a value; of other kinds nothing is shown.
pub(super) fn shown(value: &[u8]) -> &[u8] {
    let text = scan::fields(value).find(|it| it.is(f::value::STRING));
    text.map_or(b"", |it| &value[it.body])
}

fn text(text: &[u8]) -> Vec<u8> {
    let mut value = Writer::with_capacity(text.len() + 8);
    value.bytes(f::value::STRING, text);
    value.to_vec()
}
