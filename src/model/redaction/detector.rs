//! What is looked for in texts.

/// A kind of secret or personal datum that is recognised by its form, wherever it stands in a text.
///
/// Each is replaced by its [`label`](Self::label), so that a reader sees what stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Detector {
    /// Keys of services by their well-known beginnings: OpenAI, Anthropic, Google, AWS, GitHub, GitLab,
    /// Slack, Stripe, Hugging Face and some forty others.
    ApiKey,
    /// What follows `Bearer` or `Basic`, in capitals or not (RFC 6750, RFC 7617).
    BearerToken,
    /// JSON Web Tokens (RFC 7519), signed or encrypted.
    Jwt,
    /// Private keys in PEM (RFC 7468), up to the end of the text where the block has none.
    PrivateKey,
    /// User and password in a URL: `://user:password@`.
    UrlPassword,
    /// E-mail addresses.
    Email,
    /// Telephone numbers: international ones (`+` or `00`), and national ones as they are written in
    /// Europe and North America.
    Phone,
    /// Numbers of payment cards: 13 to 19 digits whose check digit is right (Luhn, ISO/IEC 7812).
    Card,
    /// International bank account numbers whose check digits are right (ISO 13616).
    Iban,
    /// IPv4 and IPv6 addresses, but for those of the machine itself (`127.0.0.1`, `::1`) and of nobody.
    IpAddress,
}

impl Detector {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 10] = [
        Self::ApiKey,
        Self::BearerToken,
        Self::Jwt,
        Self::PrivateKey,
        Self::UrlPassword,
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::IpAddress,
    ];

    /// The name in configurations and metrics: `api-key`, `bearer-token`, `ip-address`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::BearerToken => "bearer-token",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private-key",
            Self::UrlPassword => "url-password",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::IpAddress => "ip-address",
        }
    }

    /// What stands in the place of what was found. It is text that JSON needs no escapes for.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ApiKey => "[api-key]",
            Self::BearerToken => "[token]",
            Self::Jwt => "[jwt]",
            Self::PrivateKey => "[private-key]",
            Self::UrlPassword => "[password]",
            Self::Email => "[email]",
            Self::Phone => "[phone]",
            Self::Card => "[card]",
            Self::Iban => "[iban]",
            Self::IpAddress => "[ip]",
        }
    }
}

/// A set of detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detectors(u16);

impl Detectors {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self((1 << Detector::ALL.len()) - 1);

    pub(crate) const fn with(self, detector: Detector) -> Self {
        Self(self.0 | 1 << detector as u16)
    }

    pub(crate) const fn without(self, detector: Detector) -> Self {
        Self(self.0 & !(1 << detector as u16))
    }

    #[inline]
    pub(crate) const fn has(self, detector: Detector) -> bool {
        self.0 & 1 << detector as u16 != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set holds what was put in, and no more; labels need no escapes in JSON.
    #[test]
    fn a_set_holds_what_was_put_in() {
        for (index, detector) in Detector::ALL.into_iter().enumerate() {
            assert_eq!(detector as usize, index);
            let alone = Detectors::NONE.with(detector);
            let found = Detector::ALL.into_iter().filter(|it| alone.has(*it));
            assert_eq!(found.collect::<Vec<_>>(), [detector]);
            assert!(!Detectors::ALL.without(detector).has(detector));
            assert!(Detectors::ALL.has(detector));
            let label = detector.label().as_bytes();
            assert!(
                label
                    .iter()
                    .all(|it| it.is_ascii_graphic() && !b"\"\\".contains(it))
            );
        }
        assert!(Detectors::NONE.is_empty() && !Detectors::ALL.is_empty());
    }
}
