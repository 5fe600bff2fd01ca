//! Why a token is refused: one table of reasons, names and messages.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $text:literal $message:literal,)*) => {
        /// Why a token is refused. Says nothing of the token itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
        #[non_exhaustive]
        pub enum TokenRefused { $($(#[$doc])* #[error($message)] $name,)* }

        impl TokenRefused {
            /// Every reason, in the order in which they are looked for.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// The name in metrics and attributes: `bad_signature`, say.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// Longer than [`MAX_TOKEN`](super::MAX_TOKEN).
    TooLarge "too_large" "the token is too large",
    /// Not a compact JWS of exactly the members that a token has: wrong base64, wrong JSON, a member
    /// that is missing, unknown or told twice, an id of zeros.
    Malformed "malformed" "the token is malformed",
    /// A JWT of the issuer's for another purpose.
    WrongType "wrong_type" "the token is not a delegation token",
    /// `none`, an algorithm that is not used here, or another than that of the key.
    Algorithm "algorithm" "the algorithm of the token is not that of the key",
    /// Not in the trust list: [`Verifier::receive`](super::Verifier::receive) makes it a link.
    UnknownIssuer "unknown_issuer" "the issuer of the token is not in the trust list",
    /// The issuer has no key of this id (any more).
    UnknownKey "unknown_key" "the issuer of the token has no such key",
    /// The key did not sign this.
    BadSignature "bad_signature" "the signature of the token is wrong",
    /// For somebody else.
    WrongAudience "wrong_audience" "the token is for somebody else",
    /// Issued later than now and the leeway.
    FromTheFuture "from_the_future" "the token is from the future; compare the clocks",
    /// Good no more, the leeway included.
    Expired "expired" "the token has expired",
    /// Good for longer than the verifier allows.
    TooLongLived "too_long_lived" "the token is good for too long",
    /// Seen before, with another request.
    Replayed "replayed" "the token was used before",
    /// Too many tokens are good at the same time to remember this one, too.
    TooMany "too_many" "too many tokens are good at the same time",
}
