//! The compact serialization of a JWS (RFC 7515, section 3.1), as strictly as it can be read.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::MAX_TOKEN;
use super::claims::Wire;
use super::key::{Algorithm, Key};
use super::refused::TokenRefused;

/// The explicit type of a token (RFC 8725, section 3.11): no other JWT of an issuer is one.
const TYPE: &str = "spanreel-delegation+jwt";

/// Nothing else may be said: neither `crit` nor a key or its address.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header<'a> {
    alg: Cow<'a, str>,
    typ: Cow<'a, str>,
    pub(super) kid: Cow<'a, str>,
}

/// A token that was taken apart and is not believed yet.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// What is signed.
    message: &'a str,
    pub(super) kid: String,
    algorithm: Algorithm,
    pub(super) claims: Wire,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// Takes a token apart.
    pub(super) fn of(token: &'a str) -> Result<Self, TokenRefused> {
        if token.len() > MAX_TOKEN {
            return Err(TokenRefused::TooLarge);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenRefused::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenRefused::Malformed)?;
        let header: Header<'static> = object(header)?;
        if header.typ != TYPE {
            return Err(TokenRefused::WrongType);
        }
        let algorithm = Algorithm::from_name(&header.alg).ok_or(TokenRefused::Algorithm)?;
        Ok(Self {
            message,
            kid: header.kid.into_owned(),
            algorithm,
            claims: object(payload)?,
            signature: decode(signature)?,
        })
    }

    /// Whether this key signed it, by the key's own algorithm.
    pub(super) fn check(&self, key: &Key) -> Result<(), TokenRefused> {
        if self.algorithm != key.algorithm() {
            return Err(TokenRefused::Algorithm);
        }
        match key.verifies(self.message.as_bytes(), &self.signature) {
            true => Ok(()),
            false => Err(TokenRefused::BadSignature),
        }
    }
}

/// Signs claims; `None` when the key cannot sign.
pub(super) fn sign(kid: &str, key: &Key, claims: &Wire) -> Option<String> {
    let header = Header {
        alg: key.algorithm().name().into(),
        typ: TYPE.into(),
        kid: kid.into(),
    };
    let mut token = encode(&header);
    token.push('.');
    token.push_str(&encode(claims));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    BASE64.encode_string(signature, &mut token);
    Some(token)
}

fn encode(part: &impl Serialize) -> String {
    let json = serde_json::to_vec(part).expect("structures of texts and numbers are JSON");
    BASE64.encode(json)
}

/// A JSON object in base64url; members that are unknown or told twice are refused.
fn object<T: DeserializeOwned>(text: &str) -> Result<T, TokenRefused> {
    let json = decode(text)?;
    // A structure would be read from an array, too.
    if json.first() != Some(&b'{') {
        return Err(TokenRefused::Malformed);
    }
    serde_json::from_slice(&json).map_err(|_| TokenRefused::Malformed)
}

/// Padding, bits that mean nothing and other alphabets are refused: a token has one spelling.
fn decode(text: &str) -> Result<Vec<u8>, TokenRefused> {
    BASE64.decode(text).map_err(|_| TokenRefused::Malformed)
}
