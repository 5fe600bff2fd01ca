//! Who may ask: this machine, or whoever has the token; never a page of another site.

use std::sync::{PoisonError, RwLock};

use http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::parameters::Parameters;
use super::{Body, body, problem};

/// The cookie of a page that was logged in.
const COOKIE_NAME: &str = "spanreel_login";

/// Checks requests.
pub(super) struct Guard {
    token: Option<RwLock<Known>>,
    is_local: bool,
}

/// What those know who are let in.
#[derive(Clone)]
struct Known {
    /// The digest of the token.
    token: [u8; 32],
    /// The cookie that stands for it. It is no token: who reads it cannot send telemetry with it.
    cookie: String,
}

impl Known {
    fn new(token: &str) -> Self {
        let of_cookie = digest(format!("spanreel page {token}").as_bytes());
        Self {
            token: digest(token.as_bytes()),
            cookie: of_cookie.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Compares in a time that does not depend on where two texts differ.
fn is_same(given: &[u8], expected: &[u8; 32]) -> bool {
    digest(given).ct_eq(expected).into()
}

impl Guard {
    pub(super) fn new(token: Option<&str>, is_local: bool) -> Self {
        let token = token.map(|token| RwLock::new(Known::new(token)));
        Self { token, is_local }
    }

    /// Puts another token in the place of the one that is needed: browsers that were let in before are not
    /// any more. Does nothing where none is needed.
    pub(super) fn renew(&self, token: &str) {
        if let Some(known) = &self.token {
            *known.write().unwrap_or_else(PoisonError::into_inner) = Known::new(token);
        }
    }

    fn known(&self) -> Option<Known> {
        let known = self.token.as_ref()?.read();
        Some(known.unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Refuses what a page of another site sends, and everybody where others can reach an open server.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Response<Body>> {
        if self.token.is_none() && !self.is_local {
            let advice =
                "others can reach this address: start with --token-file, or listen on 127.0.0.1";
            return Err(problem(StatusCode::FORBIDDEN, "needs_token", advice));
        }
        let is_foreign = |origin: &HeaderValue| {
            let host = headers
                .get(HOST)
                .map(HeaderValue::as_bytes)
                .unwrap_or_default();
            let origin = origin.as_bytes();
            let origin = origin
                .strip_prefix(b"http://")
                .or_else(|| origin.strip_prefix(b"https://"));
            origin != Some(host)
        };
        let crosses = headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "cross-site");
        let navigates = headers
            .get("sec-fetch-mode")
            .is_some_and(|mode| mode == "navigate");
        if headers.get(ORIGIN).is_some_and(is_foreign) || (crosses && !navigates) {
            let advice = "pages of other sites are not let in";
            return Err(problem(StatusCode::FORBIDDEN, "cross_site", advice));
        }
        Ok(())
    }

    /// Whether who asks has the token, where one is needed.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(Known { token, cookie }) = self.known() else {
            return true;
        };
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|given| given.split_at_checked(7));
        let by_header = given.is_some_and(|(scheme, given)| {
            scheme.eq_ignore_ascii_case(b"bearer ") && is_same(given, &token)
        });
        let expected = digest(cookie.as_bytes());
        let by_cookie = headers.get_all(COOKIE).iter().any(|cookies| {
            let cookies = cookies.to_str().unwrap_or_default();
            cookies.split(';').any(|cookie| {
                let given = cookie.trim().strip_prefix(COOKIE_NAME);
                let given = given.and_then(|rest| rest.strip_prefix('='));
                given.is_some_and(|given| is_same(given.as_bytes(), &expected))
            })
        });
        by_header || by_cookie
    }

    /// Sets the cookie for who gives the token, and leads to the page.
    pub(super) fn login(&self, query: &str) -> Response<Body> {
        let parameters = Parameters::new(query);
        let given = parameters.get("token").unwrap_or_default();
        let known = self
            .known()
            .filter(|known| is_same(given.as_bytes(), &known.token));
        if self.token.is_some() && known.is_none() {
            return self.refuse(false);
        }
        let mut answer = Response::new(body(""));
        *answer.status_mut() = StatusCode::SEE_OTHER;
        answer
            .headers_mut()
            .insert(LOCATION, HeaderValue::from_static("/"));
        if let Some(Known { cookie, .. }) = known {
            let cookie = format!("{COOKIE_NAME}={cookie}; Path=/; HttpOnly; SameSite=Strict");
            let cookie = HeaderValue::try_from(cookie).expect("digits are no control characters");
            answer.headers_mut().insert(SET_COOKIE, cookie);
        }
        answer
    }

    /// What those get who have no token.
    pub(super) fn refuse(&self, is_api: bool) -> Response<Body> {
        let advice = match is_api {
            true => "give the token: authorization: Bearer TOKEN",
            false => "open /login?token=TOKEN once; the browser remembers it",
        };
        let mut answer = problem(StatusCode::UNAUTHORIZED, "needs_token", advice);
        let scheme = HeaderValue::from_static("Bearer");
        answer
            .headers_mut()
            .insert(http::header::WWW_AUTHENTICATE, scheme);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    /// A page of another site is refused, whatever it knows; the own page and programs are let in.
    #[test]
    fn pages_of_other_sites_are_refused() {
        let guard = Guard::new(None, true);
        let allows = |given: &[_]| guard.check(&headers(given)).is_ok();
        assert!(allows(&[("host", "127.0.0.1:4320")]));
        assert!(allows(&[
            ("host", "localhost:4320"),
            ("origin", "http://localhost:4320")
        ]));
        assert!(!allows(&[
            ("host", "localhost:4320"),
            ("origin", "http://evil.example")
        ]));
        assert!(!allows(&[("host", "localhost:4320"), ("origin", "null")]));
        assert!(!allows(&[
            ("host", "localhost:4320"),
            ("sec-fetch-site", "cross-site")
        ]));
        let link = [
            ("host", "localhost"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ];
        assert!(allows(&link), "a link to the page leads to it");
    }

    /// Where others can reach the server, nobody is let in without a token.
    #[test]
    fn an_open_server_needs_a_token() {
        assert!(Guard::new(None, false).check(&HeaderMap::new()).is_err());
        let guard = Guard::new(Some("abc"), false);
        assert!(guard.check(&HeaderMap::new()).is_ok());
        assert!(!guard.knows(&HeaderMap::new()));
        assert!(!guard.knows(&headers(&[("authorization", "Bearer abd")])));
        assert!(!guard.knows(&headers(&[("cookie", "spanreel_login=abc")])));
        assert!(guard.knows(&headers(&[("authorization", "bearer abc")])));
        assert_eq!(guard.login("token=abd").status(), 401);
        let login = guard.login("token=abc");
        assert_eq!(login.status(), 303);
        let cookie = login.headers()[SET_COOKIE].to_str().expect("text");
        assert!(cookie.ends_with("HttpOnly; SameSite=Strict") && !cookie.contains("abc"));
        let mut with_cookie = HeaderMap::new();
        let sent = cookie.split(';').next().expect("a cookie").to_owned();
        with_cookie.insert(
            COOKIE,
            HeaderValue::try_from(format!("a=b; {sent}")).expect("text"),
        );
        assert!(guard.knows(&with_cookie));
        guard.renew("abd");
        assert!(guard.knows(&headers(&[("authorization", "Bearer abd")])));
        assert!(!guard.knows(&headers(&[("authorization", "Bearer abc")])));
        assert!(
            !guard.knows(&with_cookie),
            "the old cookie went with the old token"
        );
    }
}
