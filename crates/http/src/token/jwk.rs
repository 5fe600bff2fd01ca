//! JSON Web Key Sets (RFC 7517, RFC 8037): how keys are written in files and variables.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use serde_json::json;

use super::key::Key;
use super::set::{KeyError, Set};

/// The longest key set.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// A set; members that are not known here are ignored, as the standard asks.
#[derive(Deserialize)]
struct Jwks<'a> {
    #[serde(borrow)]
    keys: Vec<Jwk<'a>>,
}

#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow)]
    kty: Cow<'a, str>,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "use")]
    usage: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    crv: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    x: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    d: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    k: Option<Cow<'a, str>>,
}

/// Reads a set. Keys of other types (RSA, elliptic curves of NIST) and for encryption are left out; a
/// set may be empty.
pub(super) fn read(text: &str) -> Result<Set, KeyError> {
    if text.len() > MAX_BYTES {
        return Err(KeyError::TooLarge);
    }
    // The message of the parser could quote what it read.
    let set: Jwks<'_> = serde_json::from_str(text).map_err(|error| KeyError::NotKeySet {
        line: error.line(),
        column: error.column(),
    })?;
    let mut keys = Vec::<(Box<str>, Key)>::new();
    for (index, jwk) in set.keys.iter().enumerate() {
        let wrong = |problem| KeyError::Key {
            number: index + 1,
            problem,
        };
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            continue;
        }
        let Some(key) = jwk.key().map_err(wrong)? else {
            continue;
        };
        let kid = jwk.kid.as_deref().filter(|kid| !kid.is_empty());
        let kid = kid.ok_or(wrong("has no `kid`; give each key an id of its own"))?;
        if keys.iter().any(|(taken, _)| **taken == *kid) {
            return Err(wrong(
                "has the `kid` of another; give each key an id of its own",
            ));
        }
        keys.push((kid.into(), key));
    }
    Ok(Set { keys })
}

impl Jwk<'_> {
    /// None where it is of a type that is not used here.
    fn key(&self) -> Result<Option<Key>, &'static str> {
        match (&*self.kty, self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => self.ed25519().map(Some),
            ("oct", _) => self.secret().map(Some),
            _ => Ok(None),
        }
    }

    fn ed25519(&self) -> Result<Key, &'static str> {
        // RFC 9864 calls it by its curve.
        if !matches!(self.alg.as_deref(), None | Some("EdDSA" | "Ed25519")) {
            return Err("is an Ed25519 key for another `alg` than EdDSA");
        }
        let public = bytes_32(self.x.as_deref()).ok_or("has no `x` of 32 bytes in base64url")?;
        if self.d.is_none() {
            return Key::public(&public).ok_or("has an `x` that is no public key of Ed25519");
        }
        let seed = bytes_32(self.d.as_deref()).ok_or("has a `d` that is not 32 bytes")?;
        let key = Key::private(&seed);
        match key.public_bytes() == Some(public) {
            true => Ok(key),
            false => Err("has a `d` and an `x` that do not belong together"),
        }
    }

    fn secret(&self) -> Result<Key, &'static str> {
        if !matches!(self.alg.as_deref(), None | Some("HS256")) {
            return Err("is a shared secret for another `alg` than HS256");
        }
        let secret = self.k.as_deref().and_then(|text| BASE64.decode(text).ok());
        let secret = secret.ok_or("has no `k` in base64url without padding")?;
        Key::shared(&secret).ok_or("has a `k` that is too short; give 32 random bytes at least")
    }
}

fn bytes_32(text: Option<&str>) -> Option<[u8; 32]> {
    BASE64.decode(text?).ok()?.try_into().ok()
}

/// The public keys of a set; shared secrets are left out.
pub(super) fn write_public(set: &Set) -> String {
    let public = set.keys.iter().filter_map(|(kid, key)| {
        let x = BASE64.encode(key.public_bytes()?);
        Some(json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": &**kid, "x": x}))
    });
    json!({"keys": public.collect::<Vec<_>>()}).to_string()
}

/// A set of one private key.
pub(super) fn write_private(kid: &str, seed: &[u8; 32]) -> String {
    let key = Key::private(seed);
    let x = key.public_bytes().map(|public| BASE64.encode(public));
    let d = BASE64.encode(seed);
    json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x, "d": d}
    ]})
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::super::random;
    use super::*;

    /// The key of RFC 8037, appendix A.
    const RFC_8037: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"rfc",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn problem(text: &str) -> String {
        read(text).expect_err("it is wrong").to_string()
    }

    /// The example of RFC 8037 (appendix A.4) is signed and verified as it says.
    #[test]
    fn the_example_of_the_standard_holds() {
        let set = read(RFC_8037).expect("the example");
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let (_, key) = set.signing().expect("it is private");
        assert_eq!(
            BASE64.encode(key.sign(message).expect("private")),
            signature
        );
        let public = read(&write_public(&set)).expect("what was written");
        assert!(public.signing().is_none());
        let key = public.find("rfc").expect("its id is kept");
        assert!(key.verifies(message, &BASE64.decode(signature).expect("base64")));
    }

    /// What is generated is read back, and no two are alike.
    #[test]
    fn generated_keys_are_read_back() {
        let generate = || write_private("k", &random().expect("randomness"));
        let (one, two) = (generate(), generate());
        assert_ne!(one, two);
        assert!(read(&one).expect("what was written").signing().is_some());
    }

    /// Keys of types that are not used here are left out, as RFC 7517 asks.
    #[test]
    fn other_keys_are_left_out() {
        let text = r#"{"keys":[
            {"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},
            {"kty":"OKP","crv":"X25519","kid":"x","x":"AA"},
            {"kty":"oct","use":"enc","k":"AA"}], "more": 1}"#;
        assert!(read(text).expect("a set").keys.is_empty());
        assert!(read(r#"{"keys":[]}"#).expect("a set").keys.is_empty());
    }

    /// Every problem is named by the number of its key, and no message holds anything of the key.
    #[test]
    fn problems_are_named_without_the_key() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let okp =
            |rest: &str| format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"a"{rest}}}]}}"#);
        for (text, expected) in [
            (okp(""), "`x`"),
            (okp(r#","x":"SECRETSECRET""#), "`x`"),
            (okp(&format!(r#","x":"{x}","d":"SECRET""#)), "`d`"),
            (okp(&format!(r#","x":"{x}","d":"{x}""#)), "together"),
            (okp(&format!(r#","x":"{x}","alg":"HS256""#)), "EdDSA"),
            // No point of the curve, and one under which anybody can sign.
            (
                okp(&format!(r#","x":"Ag{}""#, "A".repeat(41))),
                "no public key",
            ),
            (
                okp(&format!(r#","x":"AQ{}""#, "A".repeat(41))),
                "no public key",
            ),
            (okp(&format!(r#","x":"{x}=""#)), "`x`"),
            (
                r#"{"keys":[{"kty":"oct","kid":"a","k":"SECRET"}]}"#.into(),
                "`k`",
            ),
            (
                r#"{"keys":[{"kty":"oct","kid":"a","k":"c2hvcnQ"}]}"#.into(),
                "too short",
            ),
            (
                format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#),
                "`kid`",
            ),
            (
                RFC_8037.replace(
                    "]}",
                    &format!(r#",{{"kty":"OKP","crv":"Ed25519","kid":"rfc","x":"{x}"}}]}}"#),
                ),
                "key number 2",
            ),
            (r#"{"keys":"SECRET"}"#.into(), "line 1"),
            (r#"{"keys":[],"keys":[]}"#.into(), "line 1"),
            (r#"SECRET"#.into(), "line 1"),
            (okp(r#","x":"a","x":"b""#), "line 1"),
        ] {
            let problem = problem(&text);
            assert!(problem.contains(expected), "{text}: {problem}");
            assert!(
                !problem.contains("SECRET") && !problem.contains(x),
                "{problem}"
            );
        }
        assert!(matches!(
            read(&" ".repeat(MAX_BYTES + 1)),
            Err(KeyError::TooLarge)
        ));
    }
}
