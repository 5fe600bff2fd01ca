//! What is believed of a request's caller: everything, or what a signed token proves.
//!
//! Holds: nothing of requests; the verifier holds its nonces. Never waits, but for key files at most once a
//! second. Loses nothing: what is not believed is linked to, or named.

use http::Extensions;
#[cfg(not(feature = "token"))]
use http::Request;
use spanreel::{Delegated, Extracted};

/// What a request says of its caller, as far as it is believed.
#[derive(Debug, Default)]
pub(super) struct Belief {
    pub(super) caller: Extracted,
    /// The delegation that it is, or claims to be.
    pub(super) delegated: Option<Box<Delegated>>,
    /// Why its token counts for nothing.
    pub(super) refused: Option<&'static str>,
    #[cfg(feature = "token")]
    trust: Option<Box<crate::token::Trust>>,
}

impl Belief {
    fn all(caller: Extracted) -> Self {
        Self {
            caller,
            delegated: None,
            refused: None,
            #[cfg(feature = "token")]
            trust: None,
        }
    }

    /// Tells the handler.
    #[cfg(feature = "token")]
    pub(super) fn tell(&mut self, extensions: &mut Extensions) {
        if let Some(trust) = self.trust.take() {
            extensions.insert(*trust);
        }
    }

    #[cfg(not(feature = "token"))]
    pub(super) fn tell(&mut self, _extensions: &mut Extensions) {}
}

/// What callers are asked for before they are believed.
#[derive(Clone, Default)]
pub(super) struct Asked {
    #[cfg(feature = "token")]
    verifier: Option<std::sync::Arc<crate::token::Verifier>>,
}

#[cfg(not(feature = "token"))]
impl Asked {
    pub(super) fn judge<B>(&self, _request: &Request<B>, caller: Extracted) -> Belief {
        Belief::all(caller)
    }
}

#[cfg(feature = "token")]
mod tokens {
    use std::sync::Arc;
    use std::time::SystemTime;

    use http::header::HeaderName;
    use http::{HeaderMap, Request};
    use spanreel::{Delegated, Extracted};

    use super::{Asked, Belief};
    use crate::token::{HEADER, Trust, Verifier};

    static TOKEN: HeaderName = HeaderName::from_static(HEADER);
    static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

    impl Asked {
        pub(in crate::server) fn for_tokens(verifier: Arc<Verifier>) -> Self {
            Self {
                verifier: Some(verifier),
            }
        }

        pub(in crate::server) fn judge<B>(
            &self,
            request: &Request<B>,
            mut caller: Extracted,
        ) -> Belief {
            let Some(verifier) = &self.verifier else {
                return Belief::all(caller);
            };
            let Some(token) = token(request.headers()) else {
                return Belief {
                    delegated: caller.parent.map(Delegated::unverified).map(Box::new),
                    ..Belief::default()
                };
            };
            let trust = verifier.receive(token, mark(request).as_deref(), now());
            let mut refused = None;
            // What a caller passes on is believed with the caller.
            match &trust {
                Trust::Adopt(claims) => caller.parent = Some(claims.context().clone()),
                Trust::Link(_) => caller = Extracted::default(),
                Trust::Refused(reason) => {
                    caller = Extracted::default();
                    refused = Some(reason.name());
                }
            }
            Belief {
                caller,
                delegated: trust.delegated().map(Box::new),
                refused,
                trust: Some(Box::new(trust)),
            }
        }
    }

    /// The token; what can be none, where there are several or it is no text.
    fn token(headers: &HeaderMap) -> Option<&str> {
        let mut values = headers.get_all(&TOKEN).into_iter();
        let first = values.next()?;
        match values.next() {
            None => Some(first.to_str().unwrap_or_default()),
            Some(_) => Some(""),
        }
    }

    /// What a repetition of the request by a transport has in common with it, and no other request has.
    fn mark<B>(request: &Request<B>) -> Option<Vec<u8>> {
        let key = request.headers().get(&IDEMPOTENCY_KEY)?;
        let method = request.method().as_str().as_bytes();
        let path = request.uri().path().as_bytes();
        Some([method, b" ", path, b" ", key.as_bytes()].concat())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "tokens are good by the wall clock; no clock of the pipeline is public"
    )]
    fn now() -> SystemTime {
        SystemTime::now()
    }
}
