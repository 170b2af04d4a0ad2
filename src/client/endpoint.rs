//! Which server a client talks to, and how it says who it is.

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::Error;
use crate::api::{ErrorCode, Secret};

/// Which server a client talks to, as the caller wrote it.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// Its base URL, such as `http://localhost:3000`. A path is kept: a proxy may have put the server there.
    pub host: String,
    /// The key that the client shows.
    pub api_key: Secret,
    /// The session whose sandbox all executions share; each has one of its own when absent.
    pub session_id: Option<String>,
}

/// What is wrong with how a client was made, or with a session that it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// No URL, or none of a web server. Never quoted when it holds a password.
    #[error("invalid host{}: expected the URL of a server, such as http://localhost:3000", quoted(.0))]
    Host(String),
    /// A URL with more than a server and a path.
    #[error("invalid host: the URL of a server has no user name, password, query or fragment")]
    HostParts,
    /// Nothing to show.
    #[error("apiKey must not be empty")]
    NoKey,
    /// A key that no HTTP header can carry. It is not quoted.
    #[error("apiKey holds characters that a key cannot have")]
    Key,
    /// No session, which would be taken for an execution without one.
    #[error("sessionId must not be empty")]
    NoSessionId,
    /// A session that no URL can name: such a part of a path means another directory.
    #[error("invalid session id: \"{0}\"")]
    SessionId(String),
    /// A choice that has no meaning on another machine.
    #[error("invalid options: docker is of engines on this machine only")]
    Docker,
    /// A mode that would silently not be kept.
    #[error("mode \"persistent\" needs a sessionId: a server keeps sandboxes by session")]
    PersistentWithoutSession,
    /// Not even of the right type.
    #[error("{0}")]
    Malformed(String),
}

impl EndpointError {
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::SessionId(_) => ErrorCode::InvalidRequest,
            Self::Host(_)
            | Self::HostParts
            | Self::NoKey
            | Self::Key
            | Self::NoSessionId
            | Self::Docker
            | Self::PersistentWithoutSession
            | Self::Malformed(_) => ErrorCode::InvalidOptions,
        }
    }
}

fn quoted(host: &str) -> String {
    if host.contains('@') { String::new() } else { format!(" \"{}\"", host.escape_debug()) }
}

/// A server's base URL, and the header that lets the client in. `Debug` does not show the key.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    base: Url,
    pub(super) authorization: HeaderValue,
}

impl Endpoint {
    pub(super) fn parse(options: RemoteOptions) -> Result<(Self, Option<String>), EndpointError> {
        let RemoteOptions { host, api_key, session_id } = options;
        let invalid = || EndpointError::Host(host.clone());
        let base = Url::parse(&host).map_err(|_| invalid())?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(invalid());
        }
        let is_plain = base.username().is_empty() && base.password().is_none();
        if !is_plain || base.query().is_some() || base.fragment().is_some() {
            return Err(EndpointError::HostParts);
        }
        if api_key.expose().is_empty() {
            return Err(EndpointError::NoKey);
        }
        let authorization = format!("Bearer {}", api_key.expose());
        let mut authorization = HeaderValue::from_bytes(authorization.as_bytes()).map_err(|_| EndpointError::Key)?;
        authorization.set_sensitive(true);
        if session_id.as_deref() == Some("") {
            return Err(EndpointError::NoSessionId);
        }
        let endpoint = Self { base, authorization };
        if let Some(id) = &session_id {
            endpoint.path(&["session", id])?;
        }
        Ok((endpoint, session_id))
    }

    pub(super) fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The server as messages name it.
    pub(super) fn name(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Where a route of the server is. `segments` are ours.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Where a session is.
    pub(super) fn session_url(&self, id: &str) -> Result<Url, Error> {
        Ok(self.path(&["session", id])?)
    }

    /// Where a file of a session is.
    pub(super) fn file_url(&self, session: &str, path: &str) -> Url {
        let mut url = self.url(&["file"]);
        url.query_pairs_mut().append_pair("sessionId", session).append_pair("path", path);
        url
    }

    fn path(&self, segments: &[&str]) -> Result<Url, EndpointError> {
        match segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            Some(segment) => Err(EndpointError::SessionId((*segment).to_owned())),
            None => Ok(self.url(segments)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(host: &str) -> Result<Endpoint, EndpointError> {
        let api_key = Secret::new("hunter2".to_owned());
        Endpoint::parse(RemoteOptions { host: host.to_owned(), api_key, session_id: None })
            .map(|(endpoint, _)| endpoint)
    }

    #[test]
    fn one_trailing_slash_is_dropped_and_a_path_is_kept() {
        for (host, url) in [
            ("http://localhost:3000", "http://localhost:3000/health"),
            ("http://localhost:3000/", "http://localhost:3000/health"),
            ("https://Example.com/tools/isol8", "https://example.com/tools/isol8/health"),
            ("https://example.com/tools/isol8/", "https://example.com/tools/isol8/health"),
            ("http://[::1]:80/", "http://[::1]/health"),
        ] {
            assert_eq!(parse(host).expect("a host").url(&["health"]).as_str(), url);
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for host in ["", "localhost:3000", "localhost", "ftp://localhost", "http://", "unix:///run/isol8.sock", "//x"] {
            assert_eq!(parse(host).expect_err(host), EndpointError::Host(host.to_owned()));
        }
        for host in
            ["http://localhost/?a=1", "http://localhost/#a", "http://me@localhost", "http://me:hunter2@localhost"]
        {
            assert_eq!(parse(host).expect_err(host), EndpointError::HostParts);
        }
    }

    #[test]
    fn keys_and_passwords_never_show() {
        let endpoint = parse("http://localhost").expect("a host");
        assert!(!format!("{endpoint:?}").contains("hunter2"));
        let error = parse("localhost:3000:hunter2@").expect_err("no URL");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn keys_that_no_header_can_carry_are_refused() {
        for key in ["", "a\nb", "a\r\nX-Evil: 1", "\u{0}"] {
            let options = RemoteOptions {
                host: "http://localhost".to_owned(),
                api_key: Secret::new(key.to_owned()),
                session_id: None,
            };
            let error = Endpoint::parse(options).expect_err("no key");
            assert_eq!(error.code(), ErrorCode::InvalidOptions);
        }
    }

    /// W124
    #[test]
    fn ids_are_percent_encoded_and_stay_one_part_of_the_path() {
        let endpoint = parse("http://localhost/base").expect("a host");
        for (id, encoded) in [
            ("plain-1_a", "plain-1_a"),
            ("a/b", "a%2Fb"),
            ("../../auth/keys", "..%2F..%2Fauth%2Fkeys"),
            ("a b?c#d", "a%20b%3Fc%23d"),
            ("50%", "50%25"),
            ("%2e%2e", "%252e%252e"),
            ("ü", "%C3%BC"),
        ] {
            let url = endpoint.session_url(id).expect("an id");
            assert_eq!(url.as_str(), format!("http://localhost/base/session/{encoded}"));
        }
        for id in ["", ".", ".."] {
            assert_eq!(endpoint.session_url(id).expect_err(id).code(), ErrorCode::InvalidRequest);
        }
        let url = endpoint.file_url("a&b=c d", "/sandbox/ä+b.txt");
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("sessionId", "a&b=c d"), pair("path", "/sandbox/ä+b.txt")]);
    }
}
