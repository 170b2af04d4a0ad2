//! What is known of keys, and asked for when one is made.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::tenant::TenantError;
use super::{ApiKey, Tenant};
use crate::api::{ErrorCode, KeyLifetime, LifetimeError};

/// Longest name of a key, in characters. The databases have room for no more.
const MAX_NAME_LENGTH: usize = 256;

/// By which a key is known without being shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(Uuid);

impl KeyId {
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl FromStr for KeyId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A key that is to be made, checked.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub(super) name: String,
    pub(super) tenant: Tenant,
    pub(super) lifetime: KeyLifetime,
}

/// What makes no sense about a key that is to be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidKey {
    /// A key without a name.
    #[error("name is required")]
    NameMissing,
    /// No name that can be kept.
    #[error("name must be at most {MAX_NAME_LENGTH} characters, without control characters")]
    Name,
    /// No tenant's name.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// No time for which a key can be valid.
    #[error(transparent)]
    Lifetime(#[from] LifetimeError),
}

impl InvalidKey {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NameMissing | Self::Name | Self::Tenant(_) | Self::Lifetime(_) => ErrorCode::InvalidRequest,
        }
    }
}

impl NewKey {
    /// Checks what was asked for. Without a tenant, the key is that of the default one.
    pub fn new(name: &str, tenant: Option<&str>, lifetime: KeyLifetime) -> Result<Self, InvalidKey> {
        let name = name.trim();
        if name.is_empty() {
            return Err(InvalidKey::NameMissing);
        }
        if name.chars().count() > MAX_NAME_LENGTH || name.contains(char::is_control) {
            return Err(InvalidKey::Name);
        }
        let tenant = tenant.map(str::parse).transpose()?.unwrap_or_default();
        Ok(Self { name: name.to_owned(), tenant, lifetime })
    }
}

/// A key that was just made: the only time that it is seen.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// The key itself.
    pub key: ApiKey,
    /// What is known of it from now on.
    pub info: ApiKeyInfo,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyInfo {
    /// By which it is revoked.
    #[serde(serialize_with = "text")]
    #[schemars(with = "String", extend("format" = "uuid"))]
    pub id: KeyId,
    /// What it was called when it was made.
    pub name: String,
    /// How it begins.
    pub key_prefix: String,
    /// Whose it is.
    #[serde(rename = "tenantId", serialize_with = "text")]
    #[schemars(with = "String")]
    pub tenant: Tenant,
    /// When it was made.
    #[serde(serialize_with = "iso")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When it stops being valid.
    #[serde(serialize_with = "iso")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires_at: Timestamp,
    /// When it was last used, to the minute; `null` if it never was.
    #[serde(serialize_with = "iso_or_null")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_used_at: Option<Timestamp>,
    /// Whether it was revoked before its time.
    pub revoked: bool,
}

impl ApiKeyInfo {
    /// Whether somebody who presents it at that time is let in.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at > now
    }
}

fn text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// ISO 8601 in UTC, to the millisecond.
fn iso<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

fn iso_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => iso(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn day() -> KeyLifetime {
        KeyLifetime::from_millis(86_400_000.0).expect("possible")
    }

    #[test]
    fn what_is_known_of_a_key_has_the_documented_form_and_nothing_more() {
        let info = ApiKeyInfo {
            id: "6F1C3A52-8F4E-4B0E-9A53-0D8A4B1F2C3D".parse().expect("an id"),
            name: "ci".into(),
            key_prefix: "isol8_4f3c...".into(),
            tenant: "team".parse().expect("a tenant"),
            created_at: Timestamp::from_millisecond(0).expect("a time"),
            expires_at: Timestamp::from_millisecond(4_102_444_800_001).expect("a time"),
            last_used_at: None,
            revoked: false,
        };
        let expected = json!({
            "id": "6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d",
            "name": "ci",
            "keyPrefix": "isol8_4f3c...",
            "tenantId": "team",
            "createdAt": "1970-01-01T00:00:00.000Z",
            "expiresAt": "2100-01-01T00:00:00.001Z",
            "lastUsedAt": null,
            "revoked": false,
        });
        assert_eq!(serde_json::to_value(&info).expect("JSON"), expected);
        let used = ApiKeyInfo { last_used_at: Some(info.created_at), ..info };
        assert_eq!(serde_json::to_value(&used).expect("JSON")["lastUsedAt"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_key_needs_a_name() {
        for name in ["", " ", "\n"] {
            assert_eq!(NewKey::new(name, None, day()).expect_err("nameless").to_string(), "name is required");
        }
        for name in ["a\0b", "a\u{1b}[2J", &"x".repeat(257)] {
            assert!(matches!(NewKey::new(name, None, day()), Err(InvalidKey::Name)), "{name:?}");
        }
        assert_eq!(NewKey::new(" ci ", None, day()).expect("a name").name, "ci");
    }

    #[test]
    fn a_key_is_the_default_tenants_unless_somebody_else_is_named() {
        assert_eq!(NewKey::new("ci", None, day()).expect("valid").tenant.as_str(), "default");
        assert_eq!(NewKey::new("ci", Some("team"), day()).expect("valid").tenant.as_str(), "team");
        assert!(matches!(NewKey::new("ci", Some(""), day()), Err(InvalidKey::Tenant(_))));
    }
}
