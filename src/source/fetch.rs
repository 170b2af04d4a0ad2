//! One fetch, from the URL to the text.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::LOCATION;
use hyper::{Response, StatusCode};
use rustls::ClientConfig;
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use url::{Position, Url};

use super::cache::{Cache, Key};
use super::error::FetchFailure;
use super::hop::{self, Answer};
use super::{Policy, SourceError, body};
use crate::network::dial::{Resolver, SystemLookup};
use crate::network::{Authority, Host};
use crate::tls;

/// How often a server may send us elsewhere.
const MAX_REDIRECTS: usize = 5;

/// What is to be fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Where from.
    pub url: String,
    /// SHA-256 of the code in hexadecimal, if the caller knows it.
    pub hash: Option<String>,
    /// Whether it may come without TLS, if the policy allows for that.
    pub allow_insecure: bool,
}

/// Fetches code under one policy.
#[derive(Debug, Clone)]
pub struct Fetcher {
    policy: Arc<Policy>,
    resolver: Resolver,
    /// Whether those who choose URLs are not those who run this process.
    for_clients: bool,
    /// Whom to trust instead of those whom this machine trusts.
    trust: Option<Arc<ClientConfig>>,
    cache: Option<Cache>,
}

/// A URL that may be fetched, and the addresses that may be asked.
struct Checked {
    to: Authority,
    addresses: Vec<IpAddr>,
}

impl Fetcher {
    /// One that resolves names and trusts others as this machine does. What it remembers is in `cache`.
    pub fn new(policy: Policy, cache: Option<Cache>) -> Self {
        let resolver = Resolver::for_code(Arc::new(SystemLookup));
        Self { policy: Arc::new(policy), resolver, for_clients: false, trust: None, cache }
    }

    /// The same for URLs of others, who must not learn which names the network around this machine has.
    pub fn for_clients(self) -> Self {
        Self { for_clients: true, ..self }
    }

    /// The same with another way to resolve names, and trust in others.
    #[cfg(test)]
    pub(super) fn with(
        mut self,
        lookup: Arc<dyn crate::network::dial::Lookup>,
        trust: Option<Arc<ClientConfig>>,
    ) -> Self {
        (self.resolver, self.trust) = (Resolver::for_code(lookup), trust);
        self
    }

    /// The code at a URL, which is what the caller expects if that is known. Takes as long as the policy says at most.
    pub async fn fetch(&self, wanted: &Wanted) -> Result<String, SourceError> {
        let url = self.policy.read(&wanted.url)?;
        let limit = self.policy.time_limit;
        timeout(limit, self.checked(url, wanted)).await.map_err(|_| SourceError::TimedOut(limit.as_millis()))?
    }

    async fn checked(&self, url: Url, wanted: &Wanted) -> Result<String, SourceError> {
        let checked = self.check(&url, wanted.allow_insecure).await?;
        self.policy.decide_hash(wanted.hash.as_deref())?;
        let expected = wanted.hash.as_deref().map(parse_hash).transpose()?;
        let is_expected = |hash: &[u8; 32]| expected.is_none_or(|expected| expected == *hash);
        let memory = self.cache.as_ref().zip(self.policy.remember);
        let key = Key::new(&url, &self.policy.rules, wanted.allow_insecure);
        if let Some((cache, age)) = memory
            && let Some(entry) = cache.get(key, age, self.policy.max_size).await
            && is_expected(&entry.hash)
        {
            tracing::debug!(url = shown(&url), "code was fetched before");
            return text(entry.content);
        }
        let content = self.download(url, checked, wanted.allow_insecure).await?;
        let hash = Sha256::digest(&content).into();
        let text = text(content)?;
        if !is_expected(&hash) {
            return Err(SourceError::Mismatch);
        }
        if let Some((cache, age)) = memory {
            cache.put(key, age, hash, text.clone().into_bytes()).await;
        }
        Ok(text)
    }

    /// Checks 3 to 6 of a URL, of the first as of those that it is redirected to.
    async fn check(&self, url: &Url, allow_insecure: bool) -> Result<Checked, SourceError> {
        let to = self.policy.decide(url, allow_insecure)?;
        let addresses = self.resolver.resolve(&to.host).await.unwrap_or_default();
        if addresses.is_empty() {
            return Err(SourceError::Unresolved(to.host.to_string()));
        }
        let decided = addresses.iter().try_for_each(|address| self.policy.decide_address(&to.host, *address));
        decided.map_err(|refusal| self.told(&to.host, refusal))?;
        Ok(Checked { to, addresses })
    }

    /// What is said of `host`, of which an address was refused. Where nobody has named the hosts that may be asked, every
    /// name is resolved, those of the network around this machine too: if names that exist were refused, and those that
    /// do not could not be found, a client could list what there is. The address of `localhost` is known to everybody.
    fn told(&self, host: &Host, refusal: SourceError) -> SourceError {
        match host {
            Host::Name(name) if self.for_clients && !self.policy.is_named(host) && !name.is_localhost() => {
                tracing::debug!(host = name.as_str(), "code is not fetched: the host is not public");
                SourceError::Unresolved(host.to_string())
            }
            _ => refusal,
        }
    }

    /// What there is at `url`, or where it sends us.
    async fn download(&self, mut url: Url, mut checked: Checked, insecure: bool) -> Result<Vec<u8>, SourceError> {
        for _ in 0..=MAX_REDIRECTS {
            tracing::debug!(url = shown(&url), "fetching code");
            let tls = if url.scheme() == "https" { Some(self.trust()?) } else { None };
            let Answer { response, driver } = hop::get(&url, &checked.to, &checked.addresses, tls).await?;
            let Some(next) = redirect(&url, &response)? else {
                let status = response.status();
                if !status.is_success() {
                    return Err(FetchFailure::Status(status.as_u16()).into());
                }
                return body::read(response, &checked.to.host.to_string(), self.policy.max_size).await;
            };
            drop(driver);
            checked = self.check(&next, insecure).await?;
            url = next;
        }
        Err(FetchFailure::Redirects(MAX_REDIRECTS).into())
    }

    fn trust(&self) -> Result<Arc<ClientConfig>, SourceError> {
        if let Some(trust) = &self.trust {
            return Ok(trust.clone());
        }
        let mut trust = tls::client_config()?;
        trust.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(trust))
    }
}

/// Where an answer to `url` sends us, if it is a redirect.
fn redirect<B>(url: &Url, answer: &Response<B>) -> Result<Option<Url>, SourceError> {
    let is_redirect = matches!(
        answer.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_redirect {
        return Ok(None);
    }
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| url.join(location).ok()).ok_or(FetchFailure::Location)?;
    match (url.scheme(), next.scheme()) {
        ("https", "http") => Err(FetchFailure::Downgrade.into()),
        _ => Ok(Some(next)),
    }
}

/// What nobody could mean is expected by nobody.
fn parse_hash(text: &str) -> Result<[u8; 32], SourceError> {
    let mut hash = [0; 32];
    let digits: Option<Vec<u8>> = text.trim().chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * hash.len()).ok_or(SourceError::Mismatch)?;
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(hash)
}

/// What was fetched, as it is: what runs is what was hashed.
fn text(content: Vec<u8>) -> Result<String, SourceError> {
    match String::from_utf8(content) {
        Ok(text) if text.contains('\0') => Err(SourceError::Binary),
        Ok(text) if text.trim().is_empty() => Err(SourceError::Empty),
        Ok(text) => Ok(text),
        Err(_) => Err(SourceError::Binary),
    }
}

/// A URL as logs show it: a query may hold a secret.
fn shown(url: &Url) -> &str {
    &url[..Position::AfterPath]
}
