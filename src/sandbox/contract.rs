//! The container contract: the only place that knows limits, mounts, capabilities and the like.
//!
//! User code runs as [`UID`]:[`GID`] without capabilities, in a container without a log, without swap and with no
//! way to gain privileges, writing only to tmpfs mounts that are all named here and all emptied by a reset.

use std::collections::BTreeMap;
use std::sync::Arc;

use isol8_protocol::{Contract, SANDBOX_DIR, Writable};

use crate::api::{NetworkMode, Size};

/// User id of user code (`sandbox` in our images).
pub const UID: u32 = 100;

/// Group id of user code.
pub const GID: u32 = 101;

/// Where user code can write when the root filesystem is read-only, shared memory aside.
pub const WRITABLE: [&str; 2] = [SANDBOX_DIR, TMP_DIR];

const TMP_DIR: &str = "/tmp";

/// Where the guest is in every image.
pub const GUEST_PATH: &str = "/usr/local/bin/isol8-init";

/// Marks every container of ours.
pub const LABEL_MANAGED: &str = "isol8.managed";

/// Names the runtime that a container was made for.
pub const LABEL_RUNTIME: &str = "isol8.runtime";

/// Names the process that a container belongs to; see [`super::docker::Owner`].
pub const LABEL_OWNER: &str = "isol8.owner";

/// Names the server that a container belongs to, where it belongs to one.
pub const LABEL_SERVER: &str = "isol8.server";

/// Names the tenant of that server whose executions it is for.
pub const LABEL_TENANT: &str = "isol8.tenant";

/// The guest needs these three to start user code as another user and to kill it. User code gets none: it runs
/// as an ordinary user and can never gain any.
const CAPABILITIES: [&str; 3] = ["SETUID", "SETGID", "KILL"];

/// Enough for any program we run; far below what a host can spare.
const OPEN_FILES: i64 = 8192;

/// Which system calls user code may make.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seccomp {
    /// Those of the profile that is shipped in `seccomp/`.
    Strict,
    /// All of them but those that the guest itself keeps from everybody.
    Unconfined,
    /// Those of this profile.
    Custom(Arc<str>),
}

impl Seccomp {
    /// The profile, as Docker takes it.
    pub fn profile(&self) -> &str {
        match self {
            Self::Strict => include_str!("../../seccomp/strict.json"),
            Self::Unconfined => "unconfined",
            Self::Custom(profile) => profile,
        }
    }
}

/// An image to start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Id of an image that has the guest.
    pub id: String,
    /// Whether its programs know `localhost` without a file that says so.
    pub knows_localhost: bool,
}

/// What an engine's settings say about its containers.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// What user code can reach.
    pub network: NetworkMode,
    /// Memory of the whole sandbox; swap comes on top of nothing.
    pub memory: Size,
    /// CPU time per second, in billionths of a core.
    pub nano_cpus: i64,
    /// Most processes and threads, the guest included.
    pub pids: i64,
    /// Whether `/` is read-only.
    pub readonly_root: bool,
    /// Size of `/sandbox`.
    pub sandbox_size: Size,
    /// Size of `/tmp`.
    pub tmp_size: Size,
    /// OCI runtime; the daemon's default when absent.
    pub oci_runtime: Option<String>,
}

/// A container to be started, everything decided. Sandboxes with equal specs can stand in for each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerSpec {
    /// Id of an image that has the guest.
    pub image: String,
    /// Docker network mode.
    pub network: &'static str,
    /// Whether the guest carries connections to the proxy.
    pub proxied: bool,
    /// Kernel settings of its network namespace.
    pub sysctls: BTreeMap<&'static str, &'static str>,
    /// Leave Docker's network code out. A new network namespace has loopback and nothing else, which is all that
    /// `none` means, and the start takes less than half the time; but nobody writes a hosts file.
    pub bare_namespace: bool,
    /// Bytes; also the bound of memory and swap together.
    pub memory: i64,
    /// Billionths of a core.
    pub nano_cpus: i64,
    /// Most processes and threads.
    pub pids: i64,
    /// Whether `/` is read-only.
    pub readonly_root: bool,
    /// Mount options by path.
    pub tmpfs: BTreeMap<&'static str, String>,
    /// Added back after all were dropped.
    pub capabilities: [&'static str; 3],
    /// System calls.
    pub seccomp: Seccomp,
    /// OCI runtime; the daemon's default when absent.
    pub oci_runtime: Option<String>,
    /// Name, and value of both the soft and the hard limit.
    pub ulimits: [(&'static str, i64); 2],
    /// Labels.
    pub labels: BTreeMap<&'static str, String>,
}

impl ContainerSpec {
    /// The container for `image` under `limits`.
    pub fn new(image: Image, runtime: &str, owner: &str, limits: &Limits, seccomp: Seccomp) -> Self {
        let tmpfs = BTreeMap::from([
            // Native modules and installed programs live here: exec.
            (SANDBOX_DIR, format!("rw,exec,nosuid,nodev,mode=755,uid={UID},gid={GID},size={}", limits.sandbox_size)),
            (TMP_DIR, format!("rw,noexec,nosuid,nodev,mode=1777,size={}", limits.tmp_size)),
        ]);
        let proxied = limits.network == NetworkMode::Filtered;
        Self {
            image: image.id,
            proxied,
            // A connection that has ended would otherwise show for a minute, also to whoever comes next.
            sysctls: if proxied { BTreeMap::from([("net.ipv4.tcp_max_tw_buckets", "0")]) } else { BTreeMap::new() },
            // Another runtime may bring a network stack of its own, which somebody has to set up.
            bare_namespace: image.knows_localhost
                && limits.network != NetworkMode::Host
                && limits.oci_runtime.is_none(),
            network: match limits.network {
                NetworkMode::None => "none",
                NetworkMode::Host => "host",
                // Nothing gets out but through the channel.
                NetworkMode::Filtered => "none",
            },
            memory: i64::try_from(limits.memory.bytes()).unwrap_or(i64::MAX),
            nano_cpus: limits.nano_cpus,
            pids: limits.pids,
            readonly_root: limits.readonly_root,
            tmpfs,
            capabilities: CAPABILITIES,
            seccomp,
            oci_runtime: limits.oci_runtime.clone(),
            ulimits: [("nofile", OPEN_FILES), ("core", 0)],
            labels: BTreeMap::from([
                (LABEL_MANAGED, "true".to_owned()),
                (LABEL_RUNTIME, runtime.to_owned()),
                (LABEL_OWNER, owner.to_owned()),
            ]),
        }
    }

    /// Whether a used sandbox can be made as new. Not so when user code could write to the root filesystem.
    pub fn is_resettable(&self) -> bool {
        self.readonly_root
    }

    /// What the guest has to know. Besides our own mounts, Docker gives every container `/dev/shm` and, with a
    /// private IPC namespace, `/dev/mqueue`.
    pub fn guest_contract(&self) -> Contract {
        let writable = [(SANDBOX_DIR, 0o755), (TMP_DIR, 0o1777), ("/dev/shm", 0o1777), ("/dev/mqueue", 0o1777)];
        Contract {
            uid: UID,
            gid: GID,
            proxy: self.proxied,
            writable: writable.map(|(path, mode)| Writable { path: path.to_owned(), mode }).into(),
        }
    }
}
