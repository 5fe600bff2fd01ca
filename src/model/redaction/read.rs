//! A redaction as configuration files have it.

use super::{Detector, Redaction};
use crate::model::hash_key::HashKey;
use crate::model::owned_value::OwnedValue;
use crate::model::problem::Problem;

/// The settings of a table, for those who misspell one.
const SETTINGS: &str =
    "detect, ignore, secret_names, content, remove, mask, hash, hash_key, pass, only, dry_run";
/// The fewest bytes of a key for hashes (RFC 2104, 3: no fewer than the hash has is best; 16 keep it from
/// being guessed).
const KEY_BYTES: usize = 16;

impl Redaction {
    /// Reads a table as configuration files have it, in any format that has tables:
    ///
    /// | entry | value | means |
    /// | --- | --- | --- |
    /// | `detect` | list of [names](Detector::name) | these detectors alone |
    /// | `ignore` | list of names | all detectors but these |
    /// | `secret_names` | true or false | [`secret_names`](Self::secret_names) |
    /// | `content` | true or false | false: [`remove_content`](Self::remove_content) |
    /// | `remove`, `mask`, `hash`, `pass`, `only` | list of keys | as the methods of these names |
    /// | `hash_key` | text of 16 bytes or more | the secret of `hash` |
    /// | `dry_run` | true or false | [`dry_run`](Self::dry_run) |
    ///
    /// What is not said is as in [`standard`](Self::standard).
    ///
    /// # Errors
    /// Something is wrong with it; every problem is told.
    pub fn from_value(value: &OwnedValue) -> Result<Self, Vec<Problem>> {
        let OwnedValue::Map(entries) = value else {
            return Err(vec![Problem::new(
                "",
                "is no table; give the settings by name",
            )]);
        };
        let mut read = Read {
            redaction: Self::standard(),
            hashed: Vec::new(),
            problems: Vec::new(),
        };
        for (name, value) in entries {
            read.entry(name, value);
        }
        read.finish()
    }
}

struct Read {
    redaction: Redaction,
    /// Keys whose values are hashed, until the secret is known.
    hashed: Vec<String>,
    problems: Vec<Problem>,
}

impl Read {
    fn entry(&mut self, name: &str, value: &OwnedValue) {
        let redaction = self.redaction.clone();
        let changed = match name {
            "detect" => self.detectors(name, value).map(|these| {
                let all = Detector::ALL.into_iter();
                let others = all.filter(|it| !these.contains(it));
                others.fold(redaction, Redaction::ignore)
            }),
            "ignore" => self
                .detectors(name, value)
                .map(|these| these.into_iter().fold(redaction, Redaction::ignore)),
            "secret_names" => self.truth(name, value).map(|it| redaction.secret_names(it)),
            "content" => self.truth(name, value).map(|wanted| match wanted {
                true => redaction,
                false => redaction.remove_content(),
            }),
            "dry_run" => self.truth(name, value).map(|it| redaction.dry_run(it)),
            "remove" => self
                .keys(name, value)
                .map(|it| it.into_iter().fold(redaction, Redaction::remove)),
            "mask" => self
                .keys(name, value)
                .map(|it| it.into_iter().fold(redaction, Redaction::mask)),
            "pass" => self
                .keys(name, value)
                .map(|it| it.into_iter().fold(redaction, Redaction::pass)),
            "only" => self.keys(name, value).map(|it| redaction.only(it)),
            "hash" => {
                self.hashed = self.keys(name, value).unwrap_or_default();
                None
            }
            "hash_key" => {
                match value {
                    OwnedValue::Str(secret) if secret.len() >= KEY_BYTES => {
                        self.redaction.hash_key = Some(HashKey::new(secret.as_bytes()));
                    }
                    _ => self.wrong(name, format!("is no text of {KEY_BYTES} bytes or more")),
                }
                None
            }
            _ => {
                self.wrong(name, format!("is no setting; known are {SETTINGS}"));
                None
            }
        };
        if let Some(changed) = changed {
            self.redaction = changed;
        }
    }

    fn finish(mut self) -> Result<Redaction, Vec<Problem>> {
        match self.redaction.hash_key.clone() {
            Some(secret) => {
                for key in std::mem::take(&mut self.hashed) {
                    self.redaction = self.redaction.hash(key, secret.clone());
                }
            }
            None if !self.hashed.is_empty() => {
                self.wrong("hash", "needs a secret; give one as hash_key".to_owned());
            }
            None => {}
        }
        self.problems.extend(self.redaction.problems());
        match self.problems.is_empty() {
            true => Ok(self.redaction),
            false => Err(self.problems),
        }
    }

    fn wrong(&mut self, setting: &str, advice: String) {
        self.problems
            .push(Problem::new(format!("redaction.{setting}"), advice));
    }

    fn truth(&mut self, name: &str, value: &OwnedValue) -> Option<bool> {
        if let OwnedValue::Bool(truth) = value {
            return Some(*truth);
        }
        self.wrong(name, "is neither true nor false".to_owned());
        None
    }

    fn keys(&mut self, name: &str, value: &OwnedValue) -> Option<Vec<String>> {
        let keys = match value {
            OwnedValue::Array(keys) => keys.iter().map(|key| match key {
                OwnedValue::Str(key) => Some(key.clone()),
                _ => None,
            }),
            _ => return self.no_list(name),
        };
        let keys: Option<Vec<_>> = keys.collect();
        match keys {
            Some(keys) => Some(keys),
            None => self.no_list(name),
        }
    }

    fn no_list(&mut self, name: &str) -> Option<Vec<String>> {
        self.wrong(name, "is no list of texts".to_owned());
        None
    }

    fn detectors(&mut self, name: &str, value: &OwnedValue) -> Option<Vec<Detector>> {
        let mut found = Vec::new();
        for word in self.keys(name, value)? {
            match Detector::ALL.into_iter().find(|it| it.name() == word) {
                Some(detector) => found.push(detector),
                None => {
                    let known = Detector::ALL.map(Detector::name).join(", ");
                    self.wrong(name, format!("{word:?} is no detector; known are {known}"));
                }
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, OwnedValue)]) -> OwnedValue {
        let entries = entries
            .iter()
            .map(|(key, value)| (key.to_string(), value.clone()));
        OwnedValue::Map(entries.collect())
    }

    fn list(words: &[&str]) -> OwnedValue {
        OwnedValue::from(words.to_vec())
    }

    /// A table says what the methods say.
    #[test]
    fn a_table_says_what_the_methods_say() {
        let read = Redaction::from_value(&table(&[
            ("detect", list(&["email", "card"])),
            ("secret_names", OwnedValue::Bool(false)),
            ("hash", list(&["user.id"])),
            ("hash_key", OwnedValue::Str("0123456789abcdef".to_owned())),
            ("remove", list(&["http.*"])),
            ("only", list(&["gen_ai.*"])),
            ("dry_run", OwnedValue::Bool(true)),
        ]));
        let same = Redaction::nothing()
            .detect(Detector::Email)
            .detect(Detector::Card)
            .remove("http.*")
            .only(["gen_ai.*"])
            .hash("user.id", HashKey::new(*b"0123456789abcdef"))
            .dry_run(true);
        assert_eq!(format!("{:?}", read.expect("right")), format!("{same:?}"));
        let standard = Redaction::from_value(&table(&[])).expect("right");
        assert_eq!(
            format!("{standard:?}"),
            format!("{:?}", Redaction::standard())
        );
    }

    /// Every problem is told, each with its setting, and no secret with it.
    #[test]
    fn every_problem_is_told() {
        let read = Redaction::from_value(&table(&[
            ("detect", list(&["emial"])),
            ("mask", OwnedValue::Str("password".to_owned())),
            ("hash", list(&["user.id"])),
            ("hash_key", OwnedValue::Str("too short".to_owned())),
            ("only", list(&["a*b"])),
            ("masks", list(&[])),
        ]));
        let problems = read.expect_err("wrong");
        let settings: Vec<_> = problems.iter().map(|it| &*it.setting).collect();
        assert_eq!(
            settings,
            [
                "redaction.detect",
                "redaction.mask",
                "redaction.hash_key",
                "redaction.masks",
                "redaction.hash",
                "redact.only"
            ]
        );
        assert!(
            problems
                .iter()
                .all(|it| !it.to_string().contains("too short"))
        );
        assert!(Redaction::from_value(&OwnedValue::Bool(true)).is_err());
    }
}
