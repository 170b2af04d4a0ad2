//! The options of an engine, checked once and unchanged afterwards. Every default stands here.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::api::{
    AuditConfig, DockerConnection, Mode, NetworkFilterConfig, NetworkMode, Options, PoolSize, PoolStrategy,
    RemoteCodeOptions, SeccompMode, Secret, Size, SizeError,
};
use crate::audit::{AuditError, AuditSettings, Surroundings};
use crate::network::proxy::Proxy;
use crate::network::{Policy, PolicyError};
use crate::output::Patterns;
use crate::runtime::Language;
use crate::sandbox::contract::Limits;
use crate::sandbox::pool::PoolSettings;
use crate::source::{self, Cache, Fetcher};

/// Executions at a time when the caller does not say.
pub const DEFAULT_MAX_CONCURRENT: usize = 10;

/// Time limit of an execution when neither it nor the engine says.
pub const DEFAULT_TIMEOUT_MS: u64 = 30_000;

/// The longest time limit: what a JavaScript timer can hold, almost 25 days.
pub const MAX_TIMEOUT_MS: u64 = i32::MAX as u64;

/// Cores of a sandbox when the caller does not say.
pub const DEFAULT_CPUS: f64 = 1.0;

/// The least share of a core that makes sense.
pub const MIN_CPUS: f64 = 0.01;

/// More than any host has, and far from what Docker's counter can hold.
pub const MAX_CPUS: f64 = 1000.0;

/// Memory of a sandbox when the caller does not say.
pub const DEFAULT_MEMORY: &str = "512m";

/// The least memory that a sandbox can start in; Docker's own bound is the same.
pub const MIN_MEMORY: Size = Size::mebibytes(6);

/// Size of `/sandbox` when the caller does not say.
pub const DEFAULT_SANDBOX_SIZE: &str = "512m";

/// Size of `/tmp` when the caller does not say.
pub const DEFAULT_TMP_SIZE: &str = "256m";

/// Most processes of a sandbox when the caller does not say.
pub const DEFAULT_PIDS: u64 = 64;

/// The same of the agent's, which starts the tools of whatever it works on.
pub const AGENT_PIDS: u64 = 200;

/// Size of `/sandbox` for the agent when the caller does not say: a project and what it is built with.
pub const AGENT_SANDBOX_SIZE: &str = "2g";

/// Whether the root is read-only when the caller does not say.
pub const DEFAULT_READONLY_ROOT_FS: bool = true;

/// Bytes of each output stream that are kept when the caller does not say.
pub const DEFAULT_MAX_OUTPUT_SIZE: u64 = 1 << 20;

/// Warm sandboxes of each kind when the caller does not say.
pub const DEFAULT_POOL_SIZE: u64 = 1;

/// Most warm sandboxes of each kind.
pub const MAX_POOL_SIZE: u64 = 1000;

/// Options of an engine, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where executions get their sandbox from. `ephemeral` by default.
    pub mode: Mode,
    /// Which system calls user code may make. `strict` by default.
    pub seccomp: SeccompSetting,
    /// What is recorded of every execution. Nothing by default.
    pub audit: Option<AuditSettings>,
    /// What decides and forwards what programs ask for, with the network mode `filtered`.
    pub proxy: Option<Proxy>,
    /// What fetches code that is given by its URL. It refuses to by default.
    pub code: Fetcher,
    /// Whether results tell what programs asked of the network. They do not by default.
    pub log_network: bool,
    /// Whether containers are left running. They are not by default.
    pub persist: bool,
    /// What every container of this engine looks like, but for those of the agent.
    pub limits: Limits,
    /// What those look like: the same, with more room where the caller does not say.
    pub agent_limits: Limits,
    /// Time limit of an execution that does not bring its own. 30 s by default.
    pub timeout_ms: u64,
    /// Bytes of each output stream that are kept. 1 MiB by default.
    pub max_output_size: u64,
    /// Image to use whatever the runtime.
    pub image: Option<String>,
    /// Warm sandboxes: `fast`, one clean and one dirty by default.
    pub pool: PoolSettings,
    /// Environment variables of every execution.
    pub secrets: BTreeMap<String, Secret>,
    /// What is masked in output.
    pub patterns: Option<Patterns>,
    /// Which Docker engine.
    pub docker: Option<DockerConnection>,
    /// Executions at a time.
    pub max_concurrent: usize,
}

/// Which system calls user code may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeccompSetting {
    /// Those of isol8's own profile.
    Strict,
    /// All of them.
    Unconfined,
    /// Those of the profile in this file.
    Custom(PathBuf),
}

/// An option that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// Out of range.
    #[error("invalid {option}: {value} (expected {expected})")]
    Number {
        /// The option.
        option: &'static str,
        /// What was given.
        value: f64,
        /// What makes sense.
        expected: &'static str,
    },
    /// No size.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// A size under the minimum.
    #[error("invalid {option}: \"{value}\" (expected at least {minimum} bytes)")]
    TooSmall {
        /// The option.
        option: &'static str,
        /// What was given.
        value: String,
        /// The least that works.
        minimum: u64,
    },
    /// An audit option that makes no sense.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A custom profile that nobody named.
    #[error("security.seccomp \"custom\" needs security.customProfilePath")]
    NoProfile,
    /// An OCI runtime that cannot be one.
    #[error("invalid security.runtime: \"{}\"", .0.escape_debug())]
    OciRuntime(String),
    /// An image reference that cannot be one.
    #[error("invalid image: \"{0}\"")]
    Image(String),
    /// Not even of the right type.
    #[error("{0}")]
    Malformed(String),
    /// A secret that no program could receive; its name tells which.
    #[error("invalid secret \"{}\": {reason}", name.escape_debug())]
    Secret {
        /// The variable.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A network filter that makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// More to look for than can be.
    #[error("the secrets are too many or too long to be masked")]
    Patterns,
    /// As in the documented API.
    #[error("Semaphore max must be >= 1")]
    MaxConcurrent,
}

impl Settings {
    /// What the containers of `runtime` look like.
    pub fn limits_of(&self, runtime: &Language) -> &Limits {
        if runtime.is_agent() { &self.agent_limits } else { &self.limits }
    }
}

impl TryFrom<Options> for Settings {
    type Error = SettingsError;

    fn try_from(options: Options) -> Result<Self, SettingsError> {
        let cpus = options.cpu_limit.unwrap_or(DEFAULT_CPUS);
        if !(cpus.is_finite() && (MIN_CPUS..=MAX_CPUS).contains(&cpus)) {
            return Err(SettingsError::Number { option: "cpuLimit", value: cpus, expected: "0.01 to 1000 cores" });
        }
        if let Some(image) =
            options.image.as_ref().filter(|image| image.trim().is_empty() || image.contains(char::is_whitespace))
        {
            return Err(SettingsError::Image(image.clone()));
        }
        check_secrets(&options.secrets)?;
        let (mode, network) = (options.mode.unwrap_or_default(), options.network.unwrap_or_default());
        let pool_size = options.pool_size.unwrap_or(PoolSize { clean: None, dirty: None });
        let (clean, dirty) =
            (pool_bound("poolSize.clean", pool_size.clean)?, pool_bound("poolSize.dirty", pool_size.dirty)?);
        let (clean, dirty) = match mode {
            Mode::Ephemeral => (clean, dirty),
            // There is nobody whom a second sandbox could serve.
            Mode::Persistent => (0, 0),
        };
        let security = options.security.unwrap_or_default();
        let pids = |default| integer("pidsLimit", options.pids_limit, default, PIDS, "an integer from 2 to 4194304");
        let sandbox_size = |default| size("sandboxSize", options.sandbox_size.clone(), default, Size::mebibytes(0));
        let limits = Limits {
            network,
            memory: size("memoryLimit", options.memory_limit, DEFAULT_MEMORY, MIN_MEMORY)?,
            nano_cpus: (cpus * 1e9) as i64,
            pids: pids(DEFAULT_PIDS)? as i64,
            readonly_root: options.readonly_root_fs.unwrap_or(DEFAULT_READONLY_ROOT_FS),
            sandbox_size: sandbox_size(DEFAULT_SANDBOX_SIZE)?,
            tmp_size: size("tmpSize", options.tmp_size, DEFAULT_TMP_SIZE, Size::mebibytes(0))?,
            oci_runtime: oci_runtime(security.runtime)?,
        };
        let patterns = Patterns::new(options.secrets.values());
        let logged = patterns.clone().into_iter().chain(patterns_in_hosts(&options.secrets));
        Ok(Self {
            mode,
            seccomp: seccomp(security.seccomp.unwrap_or_default(), security.custom_profile_path)?,
            audit: options.audit.map(audit).transpose()?.flatten(),
            proxy: proxy(network, options.network_filter.unwrap_or_default())?.map(|proxy| proxy.masking(logged)),
            code: fetcher(options.remote_code.unwrap_or_default())?,
            log_network: options.log_network.unwrap_or(false),
            persist: options.persist.unwrap_or(false),
            agent_limits: Limits {
                pids: pids(AGENT_PIDS)? as i64,
                sandbox_size: sandbox_size(AGENT_SANDBOX_SIZE)?,
                ..limits.clone()
            },
            limits,
            timeout_ms: timeout_ms("timeoutMs", options.timeout_ms)?.unwrap_or(DEFAULT_TIMEOUT_MS),
            max_output_size: integer(
                "maxOutputSize",
                options.max_output_size,
                DEFAULT_MAX_OUTPUT_SIZE,
                1..=(1 << 40),
                "a whole number of bytes up to 1 TiB",
            )?,
            image: options.image,
            pool: PoolSettings { strategy: options.pool_strategy.unwrap_or(PoolStrategy::Fast), clean, dirty },
            patterns,
            secrets: options.secrets,
            docker: options.docker,
            max_concurrent: match options.max_concurrent {
                None => DEFAULT_MAX_CONCURRENT,
                Some(max) if max >= 1.0 && max.is_finite() => max as usize,
                Some(_) => return Err(SettingsError::MaxConcurrent),
            },
        })
    }
}

fn seccomp(mode: SeccompMode, path: Option<String>) -> Result<SeccompSetting, SettingsError> {
    match (mode, path.filter(|path| !path.is_empty())) {
        (SeccompMode::Strict, _) => Ok(SeccompSetting::Strict),
        (SeccompMode::Unconfined, _) => Ok(SeccompSetting::Unconfined),
        (SeccompMode::Custom, Some(path)) => Ok(SeccompSetting::Custom(path.into())),
        (SeccompMode::Custom, None) => Err(SettingsError::NoProfile),
    }
}

fn audit(config: AuditConfig) -> Result<Option<AuditSettings>, AuditError> {
    AuditSettings::parse(config, &Surroundings::of_this_process())
}

/// The filter is checked also where it is not used: one that makes no sense is a mistake in any case.
fn proxy(network: NetworkMode, filter: NetworkFilterConfig) -> Result<Option<Proxy>, PolicyError> {
    let policy = Policy::compile("networkFilter", &filter, Vec::new())?;
    Ok((network == NetworkMode::Filtered).then(|| Proxy::new(policy)))
}

fn fetcher(options: RemoteCodeOptions) -> Result<Fetcher, PolicyError> {
    Ok(Fetcher::new(source::Policy::compile("remoteCode", &options.into())?, Cache::of_this_user()))
}

fn oci_runtime(name: Option<String>) -> Result<Option<String>, SettingsError> {
    match name {
        Some(name) if name.trim().is_empty() || name.contains(char::is_whitespace) => {
            Err(SettingsError::OciRuntime(name))
        }
        name => Ok(name),
    }
}

/// How many processes Linux can have.
const PIDS: RangeInclusive<u64> = 2..=4_194_304;

/// All secrets together: more than that, and looking for them would take more memory than is reasonable.
const MAX_SECRETS: usize = 256 * 1024;

fn check_secrets(secrets: &BTreeMap<String, Secret>) -> Result<(), SettingsError> {
    for (name, value) in secrets {
        let invalid = |reason| SettingsError::Secret { name: name.clone(), reason };
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(invalid("not the name of an environment variable"));
        }
        if value.expose().contains('\0') {
            return Err(invalid("its value contains a NUL character"));
        }
    }
    let length: usize = secrets.values().map(|value| value.expose().len()).sum();
    if length > MAX_SECRETS { Err(SettingsError::Patterns) } else { Ok(()) }
}

/// The longest name of a host.
const MAX_HOST: usize = 253;

/// What secrets look like as part of a host: those are logged in small letters.
fn patterns_in_hosts(secrets: &BTreeMap<String, Secret>) -> Option<Patterns> {
    let values = secrets.values().map(Secret::expose).filter(|value| value.len() <= MAX_HOST);
    let others = values.map(|value| (value, value.to_lowercase())).filter(|(value, small)| value != small);
    let small: Vec<Secret> = others.map(|(_, small)| Secret::new(small)).collect();
    Patterns::new(&small)
}

/// A time limit in whole milliseconds, for engines and for single requests.
pub(super) fn timeout_ms(option: &'static str, value: Option<f64>) -> Result<Option<u64>, SettingsError> {
    let expected = "a whole number of milliseconds from 1 to 2147483647";
    value.map(|value| integer(option, Some(value), 0, 1..=MAX_TIMEOUT_MS, expected)).transpose()
}

fn pool_bound(option: &'static str, value: Option<f64>) -> Result<usize, SettingsError> {
    Ok(integer(option, value, DEFAULT_POOL_SIZE, 0..=MAX_POOL_SIZE, "an integer from 0 to 1000")? as usize)
}

fn integer(
    option: &'static str,
    value: Option<f64>,
    default: u64,
    range: RangeInclusive<u64>,
    expected: &'static str,
) -> Result<u64, SettingsError> {
    let Some(value) = value else { return Ok(default) };
    // Beyond this, doubles skip integers.
    let exact = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
    match value as u64 {
        integer if exact && range.contains(&integer) => Ok(integer),
        _ => Err(SettingsError::Number { option, value, expected }),
    }
}

fn size(option: &'static str, value: Option<String>, default: &str, minimum: Size) -> Result<Size, SettingsError> {
    let value = value.unwrap_or_else(|| default.to_owned());
    match value.parse()? {
        size if size >= minimum => Ok(size),
        _ => Err(SettingsError::TooSmall { option, value, minimum: minimum.bytes() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::agent;

    #[test]
    fn nothing_given_means_the_documented_defaults() {
        let settings = Settings::try_from(Options::default()).expect("defaults are valid");
        assert_eq!(settings.timeout_ms, 30_000);
        assert_eq!(settings.max_output_size, 1_048_576);
        assert_eq!(settings.limits.memory, Size::mebibytes(512));
        assert_eq!(settings.limits.nano_cpus, 1_000_000_000);
        assert_eq!(settings.limits.pids, 64);
        assert!(settings.limits.readonly_root);
        assert_eq!(settings.pool, PoolSettings { strategy: PoolStrategy::Fast, clean: 1, dirty: 1 });
    }

    #[test]
    fn the_agent_has_more_room_where_nothing_else_is_said() {
        let limits = |options| {
            let settings = Settings::try_from(options).expect("valid");
            let limits = settings.limits_of(&Language::from(&agent::AGENT)).clone();
            (limits.pids, limits.sandbox_size)
        };
        assert_eq!(limits(Options::default()), (200, Size::mebibytes(2048)));
        let options = Options { pids_limit: Some(64.0), sandbox_size: Some("1m".into()), ..Options::default() };
        assert_eq!(limits(options), (64, Size::mebibytes(1)));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused_by_name() {
        for value in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            for options in [
                Options { timeout_ms: Some(value), ..Options::default() },
                Options { max_output_size: Some(value), ..Options::default() },
                Options { pids_limit: Some(value), ..Options::default() },
                Options { cpu_limit: Some(value), ..Options::default() },
                Options { max_concurrent: Some(value), ..Options::default() },
            ] {
                assert!(Settings::try_from(options.clone()).is_err(), "{options:?}");
            }
        }
        let half = Options { timeout_ms: Some(1.5), ..Options::default() };
        let error = Settings::try_from(half).expect_err("half a millisecond");
        assert!(error.to_string().starts_with("invalid timeoutMs: 1.5"), "{error}");
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        for size in ["lots", "", "-5m"] {
            for options in [
                Options { memory_limit: Some(size.into()), ..Options::default() },
                Options { sandbox_size: Some(size.into()), ..Options::default() },
                Options { tmp_size: Some(size.into()), ..Options::default() },
            ] {
                assert!(matches!(Settings::try_from(options), Err(SettingsError::Size(_))), "{size}");
            }
        }
        let tiny = Options { memory_limit: Some("1m".into()), ..Options::default() };
        assert!(matches!(Settings::try_from(tiny), Err(SettingsError::TooSmall { .. })));
    }
}
