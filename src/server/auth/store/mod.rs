//! The database of keys. Several servers can have the same one.
//!
//! Each validation asks the database, by the hash of the key, and nothing of the answer is kept: so a key that one server
//! revokes is refused by all from then on. When a key was last used is written behind the caller's back, and at most once
//! a minute for each key ([`usage`]).
//!
//! A store can be cloned, and all clones are one. It ends with [`Store::close`]; a database that goes away meanwhile is an
//! error of each call until it is back.

mod connections;
mod file;
mod migrations;
mod statements;
#[cfg(test)]
mod tests;
mod usage;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use self::connections::{ANSWER_LIMIT, Connections, Fault, ask};
use self::statements::Statements;
use self::usage::Usage;
use super::{ApiKey, ApiKeyInfo, AuthError, CreatedKey, KeyId, Location, NewKey, Tenant};

/// A row: id, name, prefix, tenant, creation, expiry, last use, revoked.
type Row = (String, String, String, String, i64, i64, Option<i64>, bool);

/// The database of keys.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    location: Location,
    connections: Arc<Connections>,
    usage: Usage,
    /// When the last key was made. The next is made later, so that lists have an order.
    newest: AtomicI64,
}

impl Store {
    /// Opens the database; what is missing in it is made.
    pub async fn open(location: Location) -> Result<Self, AuthError> {
        let connections = Arc::new(Connections::open(&location).await?);
        let usage = Usage::start(connections.clone());
        Ok(Self(Arc::new(Inner { location, connections, usage, newest: AtomicI64::new(i64::MIN) })))
    }

    /// Which database it is, without the password.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// Makes a key. This is the only time that it is seen.
    pub async fn create_key(&self, new: NewKey) -> Result<CreatedKey, AuthError> {
        let key = ApiKey::generate()?;
        let created_at = self.0.next_creation(Timestamp::now());
        let info = ApiKeyInfo {
            id: KeyId::random(),
            name: new.name,
            key_prefix: key.shown(),
            tenant: new.tenant,
            created_at,
            // Bounded so that no clock of our days comes near the end of the calendar.
            expires_at: created_at.saturating_add(new.lifetime.duration()).unwrap_or(Timestamp::MAX),
            last_used_at: None,
            revoked: false,
        };
        let (id, hash) = (info.id.to_string(), key.hash());
        let made = ask!(&*self.0.connections, connection => async {
            let query = sqlx::query(self.statements().insert)
                .bind(&id)
                .bind(&info.name)
                .bind(&hash)
                .bind(&info.key_prefix)
                .bind(info.tenant.as_str())
                .bind(info.created_at.as_millisecond())
                .bind(info.expires_at.as_millisecond());
            match query.execute(connection).await {
                // No other key is like it, so this is the second time that it is kept.
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(()),
                other => other.map(drop),
            }
        });
        made.map_err(failed_to("keep a new key"))?;
        Ok(CreatedKey { key, info })
    }

    /// What is known of a key, if whoever presents it is to be let in.
    pub async fn validate_key(&self, key: &ApiKey) -> Result<Option<ApiKeyInfo>, AuthError> {
        self.validate_at(key, Timestamp::now()).await
    }

    async fn validate_at(&self, key: &ApiKey, now: Timestamp) -> Result<Option<ApiKeyInfo>, AuthError> {
        let hash = key.hash();
        let row = ask!(&*self.0.connections, connection => sqlx::query_as::<_, Row>(self.statements().find)
            .bind(&hash)
            .fetch_optional(connection));
        let info = row.and_then(|row| row.map(info).transpose()).map_err(failed_to("look up a key"))?;
        let valid = info.filter(|info| info.is_valid(now));
        if let Some(info) = &valid {
            self.0.usage.note(info, now);
        }
        Ok(valid)
    }

    /// Whether keys can be looked up.
    pub async fn check(&self) -> Result<(), AuthError> {
        let found = ask!(&*self.0.connections, connection => sqlx::query_as::<_, Row>(self.statements().find)
            .bind("the hash of no key")
            .fetch_optional(connection));
        found.map(drop).map_err(failed_to("look up a key"))
    }

    /// Takes a key back, for ever and from this moment. Whether there is one of that id.
    pub async fn revoke_key(&self, id: KeyId) -> Result<bool, AuthError> {
        let id = id.to_string();
        let rows = ask!(&*self.0.connections, connection => async {
            let query = sqlx::query(self.statements().revoke).bind(&id);
            query.execute(connection).await.map(|done| done.rows_affected())
        });
        Ok(rows.map_err(failed_to("revoke a key"))? > 0)
    }

    /// What is known of all keys, or those of one tenant: newest first.
    pub async fn list_keys(&self, tenant: Option<&Tenant>) -> Result<Vec<ApiKeyInfo>, AuthError> {
        let Statements { list, list_of_tenant, .. } = self.statements();
        let rows = match tenant {
            None => ask!(&*self.0.connections, connection => sqlx::query_as::<_, Row>(*list).fetch_all(connection)),
            Some(tenant) => ask!(&*self.0.connections, connection => sqlx::query_as::<_, Row>(*list_of_tenant)
                .bind(tenant.as_str())
                .fetch_all(connection)),
        };
        rows.and_then(|rows| rows.into_iter().map(info).collect()).map_err(failed_to("list keys"))
    }

    /// Deletes keys that have expired or were revoked. How many it were.
    pub async fn cleanup(&self) -> Result<u64, AuthError> {
        self.cleanup_at(Timestamp::now()).await
    }

    async fn cleanup_at(&self, now: Timestamp) -> Result<u64, AuthError> {
        let rows = ask!(&*self.0.connections, connection => async {
            let query = sqlx::query(self.statements().sweep).bind(now.as_millisecond());
            query.execute(connection).await.map(|done| done.rows_affected())
        });
        rows.map_err(failed_to("delete old keys"))
    }

    /// Writes what is still to be written, and ends all connections. Calls that come later fail.
    pub async fn close(&self) {
        self.0.usage.close().await;
        self.0.connections.close().await;
    }

    fn statements(&self) -> &'static Statements {
        self.0.connections.statements()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.location).finish()
    }
}

impl Inner {
    /// Now, to the millisecond, which is as long as databases remember it; or the next at which no key was made yet.
    fn next_creation(&self, now: Timestamp) -> Timestamp {
        let now = now.as_millisecond();
        let next = |last: i64| now.max(last.saturating_add(1));
        let last = self.newest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let made = next(last.unwrap_or_else(|last| last));
        Timestamp::from_millisecond(made).unwrap_or(Timestamp::MAX)
    }
}

/// What a row says, if we wrote it.
fn info(row: Row) -> Result<ApiKeyInfo, Fault> {
    let (id, name, key_prefix, tenant, created_at, expires_at, last_used_at, revoked) = row;
    let time = |milliseconds| Timestamp::from_millisecond(milliseconds).map_err(undecodable);
    Ok(ApiKeyInfo {
        id: id.parse().map_err(undecodable)?,
        name,
        key_prefix,
        tenant: tenant.parse().map_err(undecodable)?,
        created_at: time(created_at)?,
        expires_at: time(expires_at)?,
        last_used_at: last_used_at.map(time).transpose()?,
        revoked,
    })
}

fn undecodable(error: impl Error + Send + Sync + 'static) -> Fault {
    Fault::Refused(sqlx::Error::Decode(Box::new(error)))
}

fn failed_to(doing: &'static str) -> impl FnOnce(Fault) -> AuthError {
    move |fault| AuthError::Query { doing, source: Arc::new(fault) }
}
