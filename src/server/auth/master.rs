//! The master key, and what is decided about a request.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{ApiKey, ApiKeyInfo, AuthError, Store};
use crate::api::{ErrorCode, Secret};
use crate::telemetry::chain;

/// What log events go by.
const LOG: &str = "isol8::server::auth";

/// The key that a server was started with. Only its digest is kept, and compared in a time that tells nothing (W117).
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// A master key that nobody could present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMasterKey {
    /// None at all.
    #[error("the API key is empty")]
    Empty,
    /// HTTP headers carry printable ASCII, and lose spaces at their ends.
    #[error("the API key has characters that no HTTP header can carry")]
    Unsendable,
}

impl MasterKey {
    /// Whoever presents this is let in.
    pub fn new(key: &Secret) -> Result<Self, InvalidMasterKey> {
        let key = key.expose();
        if key.is_empty() {
            return Err(InvalidMasterKey::Empty);
        }
        if key.trim() != key || !key.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(InvalidMasterKey::Unsendable);
        }
        Ok(Self(Sha256::digest(key).into()))
    }

    fn is(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        presented.ct_eq(&self.0).into()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a request presents.
#[derive(Debug, Clone)]
pub enum Presented {
    /// The master key.
    Master,
    /// What may be a key of the database.
    Key(ApiKey),
}

/// Why a request goes no further.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthRejection {
    /// It does not say who it is from.
    #[error("Missing Authorization header")]
    Missing,
    /// Nobody has that key, or no longer.
    #[error("Invalid API key")]
    Invalid,
    /// It is about keys in a database, and there is none.
    #[error("DB-backed auth is not enabled")]
    NoDatabase,
    /// Nobody knows. What the database says is in the log, and none of the business of whoever asks.
    #[error("API keys cannot be checked at the moment")]
    Unavailable(#[source] AuthError),
}

impl AuthRejection {
    /// The status of the response.
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing => 401,
            Self::Invalid => 403,
            Self::NoDatabase => 400,
            Self::Unavailable(_) => 503,
        }
    }

    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing | Self::Invalid => ErrorCode::Unauthorized,
            Self::NoDatabase => ErrorCode::InvalidRequest,
            Self::Unavailable(error) => error.code(),
        }
    }
}

/// Decides who requests are from.
#[derive(Debug, Clone)]
pub struct Authenticator {
    master: MasterKey,
    store: Option<Store>,
}

impl Authenticator {
    /// Lets in whoever has the master key, or a key of the store.
    pub fn new(master: MasterKey, store: Option<Store>) -> Self {
        Self { master, store }
    }

    /// What a request with this `Authorization` header presents. Asks nobody.
    pub fn recognise(&self, header: Option<&[u8]>) -> Result<Presented, AuthRejection> {
        let token = token(header.ok_or(AuthRejection::Missing)?);
        if self.master.is(token) {
            return Ok(Presented::Master);
        }
        match (&self.store, ApiKey::parse(token)) {
            (Some(_), Some(key)) => Ok(Presented::Key(key)),
            _ => Err(AuthRejection::Invalid),
        }
    }

    /// Whose a key is. Asks the database.
    pub async fn look_up(&self, key: &ApiKey) -> Result<ApiKeyInfo, AuthRejection> {
        let Some(store) = &self.store else { return Err(AuthRejection::Invalid) };
        match store.validate_key(key).await {
            Ok(Some(info)) => Ok(info),
            Ok(None) => Err(AuthRejection::Invalid),
            Err(error) => {
                tracing::error!(target: LOG, "{}", chain(&error));
                Err(AuthRejection::Unavailable(error))
            }
        }
    }

    /// The store, if there is one.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }
}

/// The key in a header: all of it but the word `Bearer`, however that is spelt and however much space is around it.
fn token(header: &[u8]) -> &[u8] {
    const SCHEME: &[u8] = b"bearer";
    let header = header.trim_ascii();
    match header.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) && rest.starts_with(b" ") => rest.trim_ascii(),
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn authenticator() -> Authenticator {
        Authenticator::new(MasterKey::new(&Secret::new("open sesame".into())).expect("a key"), None)
    }

    fn recognise(header: Option<&[u8]>) -> Result<Presented, AuthRejection> {
        authenticator().recognise(header)
    }

    #[test]
    fn the_master_key_is_taken_with_and_without_bearer() {
        for header in ["Bearer open sesame", "bearer open sesame", "BEARER   open sesame  ", "open sesame"] {
            assert!(matches!(recognise(Some(header.as_bytes())), Ok(Presented::Master)), "{header}");
        }
    }

    #[test]
    fn everything_else_is_refused_in_the_documented_words() {
        let missing = recognise(None).expect_err("no header");
        assert_eq!((missing.status(), missing.to_string().as_str()), (401, "Missing Authorization header"));
        for header in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Bearer open",
            b"Bearer open sesame!",
            b"Beareropen sesame",
            b"Basic open sesame",
            b"Bearer Bearer open sesame",
            b"\xff\xfe",
        ] {
            let invalid = recognise(Some(header)).expect_err("no key");
            assert_eq!((invalid.status(), invalid.to_string().as_str()), (403, "Invalid API key"), "{header:?}");
        }
        let key = ApiKey::generate().expect("random");
        let header = format!("Bearer {}", key.expose());
        let invalid = recognise(Some(header.as_bytes())).expect_err("there is no database");
        assert_eq!(invalid.status(), 403);
    }

    #[test]
    fn a_master_key_that_nobody_could_present_is_refused() {
        let refused = |key: &str| MasterKey::new(&Secret::new(key.to_owned())).expect_err("refused");
        assert_eq!(refused(""), InvalidMasterKey::Empty);
        for key in [" ", " x", "x ", "a\nb", "a\tb", "a\0b", "ümläut"] {
            assert_eq!(refused(key), InvalidMasterKey::Unsendable, "{key:?}");
        }
    }

    #[test]
    fn a_master_key_does_not_show_itself() {
        assert!(!format!("{:?}", authenticator()).contains("sesame"));
    }

    proptest! {
        #[test]
        fn a_header_never_gives_more_than_it_has(header in prop::collection::vec(any::<u8>(), 0..50)) {
            let token = token(&header);
            prop_assert!(token.is_empty() || header.windows(token.len()).any(|part| part == token));
            prop_assert_eq!(token, token.trim_ascii());
        }

        #[test]
        fn a_key_is_found_however_it_is_wrapped(
            key in "[!-~]([ -~]{0,20}[!-~])?", scheme in "[Bb][Ee][Aa][Rr][Ee][Rr] {1,3}", after in " {0,3}",
        ) {
            let header = format!("{scheme}{key}{after}");
            prop_assert_eq!(token(header.as_bytes()), key.as_bytes());
        }

        #[test]
        fn only_the_master_key_is_the_master_key(presented in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert!(!authenticator().master.is(&presented) || presented == b"open sesame");
        }
    }
}
