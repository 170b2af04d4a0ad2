//! Why there is no code. The messages are part of what callers rely on.

use std::sync::Arc;

use crate::api::ErrorCode;
use crate::tls::ExtraCaError;

/// Why code could not be had from its URL.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// The policy is that nothing is fetched.
    #[error("Remote code fetching is disabled. Set remoteCode.enabled=true to allow it.")]
    Disabled,
    /// There is no URL.
    #[error("codeUrl is required for remote code fetching")]
    NoUrl,
    /// What there is, is none, or one with a user name or a password.
    #[error("Invalid code URL: {0}")]
    InvalidUrl(String),
    /// HTTP without TLS, and the request does not allow for it.
    #[error("Insecure code URL blocked. Use allowInsecureCodeUrl=true to allow HTTP.")]
    Insecure,
    /// A scheme that the policy does not list, or that is not one of HTTP.
    #[error("URL scheme not allowed: {0}")]
    Scheme(String),
    /// A host that the policy is against, or one that is not public.
    #[error("Blocked code URL host: {0}")]
    Host(String),
    /// The policy wants a hash, and there is none.
    #[error("Hash verification required: provide codeHash for remote code execution.")]
    HashRequired,
    /// Nobody knows the host.
    #[error("Failed to resolve code URL host: {0}")]
    Unresolved(String),
    /// It took too long, from the first name to the last byte.
    #[error("Remote code fetch timed out after {0}ms")]
    TimedOut(u128),
    /// There was no usable answer.
    #[error("Failed to fetch remote code")]
    Failed(#[from] FetchFailure),
    /// Too much, as the server itself says.
    #[error("Remote code exceeds maxCodeSize ({max} bytes): {length} bytes")]
    DeclaredTooLarge {
        /// How much there may be.
        max: u64,
        /// How much there is.
        length: u64,
    },
    /// Too much came.
    #[error("Remote code exceeds maxCodeSize ({max} bytes)")]
    TooLarge {
        /// How much there may be.
        max: u64,
    },
    /// Nothing came, or nothing but blanks.
    #[error("Remote code response body is empty")]
    Empty,
    /// What came is not text.
    #[error("Fetched code appears to be binary content")]
    Binary,
    /// What came is not what the caller expects.
    #[error("Remote code hash mismatch")]
    Mismatch,
    /// Nobody could be trusted.
    #[error(transparent)]
    ExtraCa(#[from] ExtraCaError),
}

/// Why there was no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchFailure {
    /// Nobody answers there.
    #[error("could not connect to {0}")]
    Connect(String),
    /// Whoever answers is not, or does not prove to be, who was asked for.
    #[error("could not agree on TLS with {host}")]
    Tls {
        /// Who was asked for.
        host: String,
        /// What is in the way.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The answer broke off, or is none of HTTP.
    #[error("the exchange with {host} broke")]
    Http {
        /// Who was asked.
        host: String,
        /// What went wrong.
        #[source]
        source: Arc<hyper::Error>,
    },
    /// An answer that is no success.
    #[error("HTTP {0}")]
    Status(u16),
    /// From one URL to the next, and on.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// To where, it does not say.
    #[error("a redirect without a valid location")]
    Location,
    /// What was safe would have become unsafe.
    #[error("a redirect from https to http")]
    Downgrade,
    /// In an encoding that was not asked for.
    #[error("the content encoding \"{0}\" is not supported")]
    Encoding(String),
    /// Not what the encoding makes of anything.
    #[error("the gzip content is damaged")]
    Damaged,
}

impl SourceError {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoUrl | Self::InvalidUrl(_) => ErrorCode::InvalidRequest,
            Self::Disabled | Self::Insecure | Self::Scheme(_) | Self::Host(_) | Self::HashRequired => {
                ErrorCode::RemoteCodeBlocked
            }
            Self::Unresolved(_) | Self::TimedOut(_) | Self::Failed(_) => ErrorCode::RemoteCodeFailed,
            Self::DeclaredTooLarge { .. } | Self::TooLarge { .. } | Self::Empty | Self::Binary => {
                ErrorCode::RemoteCodeUnusable
            }
            Self::Mismatch => ErrorCode::RemoteCodeMismatch,
            Self::ExtraCa(_) => ErrorCode::InvalidExtraCa,
        }
    }
}
