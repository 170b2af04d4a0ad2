//! Who a request is from, and which part of the server is theirs.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, HeaderValue};

use super::auth::{AuthRejection, Authenticator, Presented, Store};
use super::guesses::Guesses;
use super::rate::Rate;
use super::refusal::Refusal;
use crate::api::KeyLifetime;

/// Whose something is: of everybody who has the master key, or of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Tenant {
    /// Of the holders of the master key.
    Master,
    /// Of a tenant that keys belong to.
    Named(Arc<str>),
}

impl Tenant {
    /// The tenant's name, if it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Master => None,
            Self::Named(name) => Some(name),
        }
    }
}

/// Who a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// A holder of the master key.
    Master,
    /// A holder of another key.
    Key {
        /// Which key.
        id: Arc<str>,
        /// Whose it is.
        tenant: Arc<str>,
    },
}

impl Caller {
    pub(super) fn is_master(&self) -> bool {
        matches!(self, Self::Master)
    }

    /// Refuses everybody else.
    pub(super) fn require_master(&self) -> Result<(), Refusal> {
        match self {
            Self::Master => Ok(()),
            Self::Key { .. } => Err(Refusal::forbidden("Master key required for this operation")),
        }
    }

    pub(super) fn tenant(&self) -> Tenant {
        match self {
            Self::Master => Tenant::Master,
            Self::Key { tenant, .. } => Tenant::Named(tenant.clone()),
        }
    }

    pub(super) fn key(&self) -> Option<Arc<str>> {
        match self {
            Self::Master => None,
            Self::Key { id, .. } => Some(id.clone()),
        }
    }
}

/// Decides who requests are from.
#[derive(Debug)]
pub(super) struct Access {
    authenticator: Authenticator,
    guesses: Guesses,
    /// How many requests a key may make, by its hash.
    rate: Option<Rate<String>>,
    /// For how long a key is valid for which nothing else is said.
    pub(super) lifetime: KeyLifetime,
}

impl Access {
    pub(super) fn new(authenticator: Authenticator, lifetime: KeyLifetime, per_minute: Option<u64>) -> Self {
        Self { authenticator, guesses: Guesses::new(), rate: per_minute.map(Rate::new), lifetime }
    }

    /// Who has sent these headers, from that address. The database is asked last: whatever can be refused without it is.
    pub(super) async fn authenticate(&self, headers: &HeaderMap, from: IpAddr) -> Result<Caller, Refusal> {
        let key = match self.presented(headers)? {
            Presented::Master => return Ok(Caller::Master),
            Presented::Key(key) => key,
        };
        let hash = key.hash();
        let guess = self.guesses.admit(from, &hash);
        let guess = guess.map_err(|wait| Refusal::busy("too many wrong keys from this address", wait))?;
        if let Some(rate) = &self.rate {
            let taken = rate.take(hash.clone());
            taken.map_err(|wait| {
                Refusal::busy("too many requests with this key (server.limits.perKey.perMinute)", wait)
            })?;
        }
        match self.authenticator.look_up(&key).await {
            Ok(info) => {
                guess.right();
                Ok(Caller::Key { id: info.id.to_string().into(), tenant: info.tenant.as_str().into() })
            }
            Err(rejection @ AuthRejection::Unavailable(_)) => {
                guess.unknown();
                Err(rejection.into())
            }
            Err(rejection) => {
                guess.wrong();
                Err(rejection.into())
            }
        }
    }

    /// Whether whoever has sent these headers, some time ago, may still ask for something: a key may have been revoked
    /// since. It is no further request, and counts as none.
    pub(super) async fn confirm(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Presented::Key(key) = self.presented(headers)? {
            self.authenticator.look_up(&key).await?;
        }
        Ok(())
    }

    /// What these headers show, in one of the two ways.
    fn presented(&self, headers: &HeaderMap) -> Result<Presented, Refusal> {
        let in_header = headers.get_all(AUTHORIZATION).iter().map(|header| Cow::Borrowed(header.as_bytes()));
        let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let mut presented = in_header.chain(protocols.filter_map(shown_in_protocols).map(Cow::Owned));
        let header = presented.next();
        if presented.next().is_some() {
            // Somebody on the way may have gone by the other one.
            return Err(AuthRejection::Invalid.into());
        }
        Ok(self.authenticator.recognise(header.as_deref())?)
    }

    /// The database of keys, if there is one.
    pub(super) fn store(&self) -> Option<&Store> {
        self.authenticator.store()
    }

    /// The same for holders of the master key.
    pub(super) fn keys(&self, caller: &Caller) -> Result<&Store, Refusal> {
        caller.require_master()?;
        Ok(self.store().ok_or(AuthRejection::NoDatabase)?)
    }
}

/// The protocol that WebSockets of browsers speak. They cannot set the header, so they ask for a second protocol besides,
/// whose name is this, `.bearer.` and the key in the URL's form of base64. It is not in the answer.
pub(super) const PROTOCOL: &str = "isol8";

/// The header that would show the key which is in the protocols that a WebSocket asks for.
fn shown_in_protocols(header: &HeaderValue) -> Option<Vec<u8>> {
    let mut protocols = header.to_str().ok()?.split(',').map(str::trim);
    let key = protocols.find_map(|protocol| protocol.strip_prefix(PROTOCOL)?.strip_prefix(".bearer."))?;
    let key = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(key).ok()?;
    Some([b"Bearer ", key.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;
    use crate::api::Secret;
    use crate::server::auth::MasterKey;

    #[test]
    fn keys_are_for_the_operator_and_need_a_database() {
        let master = MasterKey::new(&Secret::new("open sesame".to_owned())).expect("a key");
        let lifetime = KeyLifetime::from_millis(1000.0).expect("a second");
        let access = Access::new(Authenticator::new(master, None), lifetime, None);
        let somebody = Caller::Key { id: "a".into(), tenant: "b".into() };
        for (caller, status, message) in [
            (somebody, 403, "Master key required for this operation"),
            (Caller::Master, 400, "DB-backed auth is not enabled"),
        ] {
            let refusal = access.keys(&caller).expect_err("refused");
            assert_eq!(refusal.clone().into_parts().1, message);
            assert_eq!(refusal.into_response().status(), status);
        }
    }

    #[test]
    fn a_browser_shows_its_key_in_a_protocol_and_nothing_else_counts() {
        let shown = |protocols: &'static str| shown_in_protocols(&HeaderValue::from_static(protocols));
        assert_eq!(shown("isol8, isol8.bearer.c2VjcmV0"), Some(b"Bearer secret".to_vec()));
        for protocols in ["isol8", "isol8.bearer.?", "other.bearer.c2VjcmV0", "bearer.c2VjcmV0", ""] {
            assert_eq!(shown(protocols), None, "{protocols}");
        }
    }
}
