//! How an engine is set up, as the caller wrote it. Nothing here has been checked yet.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{AuditConfig, NetworkFilterConfig, RemoteCodeOptions, Secret, SecurityConfig, object, secret};

/// Options of an engine; what is absent takes its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Isol8Options")]
pub struct Options {
    /// Where executions get their sandbox from, and what becomes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What programs can reach on the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkMode>,
    /// Which hosts programs can reach with the network mode `filtered`.
    #[serde(deserialize_with = "object::optional", skip_serializing_if = "Option::is_none")]
    pub network_filter: Option<NetworkFilterConfig>,
    /// Whether results tell what programs asked of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_network: Option<bool>,
    /// Cores; fractions allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<f64>,
    /// Memory of the whole sandbox, files in its tmpfs mounts included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<String>,
    /// Most processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<f64>,
    /// Whether everything outside the writable mounts is read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readonly_root_fs: Option<bool>,
    /// Bytes of standard output, and of standard error, that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_size: Option<f64>,
    /// Time limit of one execution in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<f64>,
    /// Image to use instead of the runtime's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Size of `/sandbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_size: Option<String>,
    /// Size of `/tmp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmp_size: Option<String>,
    /// How warm sandboxes are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_strategy: Option<PoolStrategy>,
    /// How many sandboxes are kept warm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_size: Option<PoolSize>,
    /// Which Docker engine to use; the standard environment variables decide when absent.
    #[serde(skip)]
    pub docker: Option<DockerConnection>,
    /// Environment variables of every execution whose values are masked in its output.
    #[serde(serialize_with = "secret::expose_all", skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
    /// What holds user code.
    #[serde(deserialize_with = "object::optional", skip_serializing_if = "Option::is_none")]
    pub security: Option<SecurityConfig>,
    /// What is recorded of every execution.
    #[serde(deserialize_with = "object::optional", skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditConfig>,
    /// Whether and from where source text may be fetched.
    #[serde(deserialize_with = "object::optional", skip_serializing_if = "Option::is_none")]
    pub remote_code: Option<RemoteCodeOptions>,
    /// Whether the engine logs what it does. Of one on this machine only: what a server logs is its operator's affair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debug: Option<bool>,
    /// Whether containers are left running after use, to be looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persist: Option<bool>,
    /// Most executions at a time.
    #[serde(skip)]
    pub max_concurrent: Option<f64>,
}

/// Where executions get their sandbox from, and what becomes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each has one for itself, as new.
    #[default]
    Ephemeral,
    /// All share one, one after the other.
    Persistent,
}

/// What programs can reach on the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// Nothing.
    #[default]
    None,
    /// All that the host reaches, its loopback services included.
    Host,
    /// The hosts that a filter allows.
    Filtered,
}

/// How warm sandboxes are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PoolStrategy {
    /// Used sandboxes are reset, verified and used again.
    #[default]
    Fast,
    /// Every sandbox serves one execution.
    Secure,
}

/// How many sandboxes are kept warm when idle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "PoolSizeText")]
pub struct PoolSize {
    /// Sandboxes that stand ready ahead of demand.
    pub clean: Option<f64>,
    /// Used ones that are kept in addition once they are clean again.
    pub dirty: Option<f64>,
}

/// A [`PoolSize`] as callers write it: a number stands for both kinds.
#[derive(JsonSchema)]
#[schemars(rename = "PoolSize", untagged)]
enum PoolSizeText {
    Both(f64),
    Each(EachPoolSize),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct EachPoolSize {
    clean: Option<f64>,
    dirty: Option<f64>,
}

/// By what it begins with. To try one form after the other, serde would have to keep all of it, however long it is.
impl<'de> Deserialize<'de> for PoolSizeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = PoolSizeText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or an object with `clean` and `dirty`")
            }

            fn visit_f64<E>(self, both: f64) -> Result<PoolSizeText, E> {
                Ok(PoolSizeText::Both(both))
            }

            fn visit_u64<E>(self, both: u64) -> Result<PoolSizeText, E> {
                Ok(PoolSizeText::Both(both as f64))
            }

            fn visit_i64<E>(self, both: i64) -> Result<PoolSizeText, E> {
                Ok(PoolSizeText::Both(both as f64))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<PoolSizeText, A::Error> {
                EachPoolSize::deserialize(MapAccessDeserializer::new(members)).map(PoolSizeText::Each)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl From<PoolSizeText> for PoolSize {
    fn from(text: PoolSizeText) -> Self {
        match text {
            PoolSizeText::Both(both) => Self { clean: Some(both), dirty: Some(both) },
            PoolSizeText::Each(EachPoolSize { clean, dirty }) => Self { clean, dirty },
        }
    }
}

/// A Docker endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerConnection {
    /// Path of a Unix socket.
    pub socket_path: Option<String>,
    /// Host name of a TCP endpoint.
    pub host: Option<String>,
    /// Port of a TCP endpoint.
    pub port: Option<u16>,
    /// Directory with `ca.pem`, `cert.pem` and `key.pem`; makes the TCP endpoint a TLS one.
    pub cert_path: Option<String>,
}
