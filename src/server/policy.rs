//! What a request may have: the server's configuration, the client's options and who the client is, made into the
//! options of an engine; or a refusal that names the rule. Pure, and the only place that decides it.
//!
//! What always holds: no request gets more than `server.limits` allow, whoever sends it. What a limit cannot express
//! (host networking, the root file system, seccomp, images, containers that stay) only holders of the master key may
//! choose freely; a client with another key can be stricter than the configuration, and never less so.

use super::caller::Caller;
use super::refusal::Refusal;
use crate::api::{
    ErrorCode, NetworkMode, Options, PoolSize, RemoteCodePolicy, Request, SeccompMode, SecurityConfig, Size,
};
use crate::config::{self, Isol8Config, ServerLimits};
use crate::engine::settings::{
    AGENT_PIDS, AGENT_SANDBOX_SIZE, DEFAULT_MAX_OUTPUT_SIZE, DEFAULT_PIDS, DEFAULT_SANDBOX_SIZE,
};
use crate::runtime::agent;

/// The operator's rules.
#[derive(Debug)]
pub(super) struct Policy {
    /// What an engine has of which a request says nothing.
    defaults: Options,
    limits: ServerLimits,
    memory: Size,
    sandbox_size: Size,
    tmp_size: Size,
    remote_code: RemoteCodePolicy,
    /// Images that may be named besides those that `limits` allow.
    prebuilt: Vec<String>,
}

/// What an execution gets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effective {
    /// Options of its engine.
    pub options: Options,
    /// Whether programs must not reach what the operator's filter refuses, whatever the options say.
    pub bounded: bool,
}

impl Policy {
    /// The rules of a configuration, which has been checked.
    pub(super) fn new(config: &Isol8Config) -> Self {
        let limits = config.server.limits.clone();
        let (memory, sandbox_size, tmp_size) =
            (size(&limits.memory_limit), size(&limits.sandbox_size), size(&limits.tmp_size));
        let defaults = &config.defaults;
        // A default that is beyond the limit is one for the command line.
        let defaults = Options {
            network: Some(defaults.network),
            network_filter: Some(config.network.clone()),
            cpu_limit: Some(defaults.cpu_limit.min(limits.cpu_limit)),
            memory_limit: Some(smaller(&defaults.memory_limit, &limits.memory_limit)),
            max_output_size: Some(DEFAULT_MAX_OUTPUT_SIZE.min(limits.max_output_size) as f64),
            readonly_root_fs: Some(defaults.readonly_root_fs),
            timeout_ms: Some(defaults.timeout_ms.min(limits.timeout_ms) as f64),
            sandbox_size: Some(smaller(&defaults.sandbox_size, &limits.sandbox_size)),
            tmp_size: Some(smaller(&defaults.tmp_size, &limits.tmp_size)),
            security: Some(config.security.clone()),
            pool_strategy: Some(config.pool_strategy),
            pool_size: Some(match config.pool_size {
                config::PoolSize::Both(both) => PoolSize { clean: Some(both as f64), dirty: Some(both as f64) },
                config::PoolSize::Each { clean, dirty } => {
                    PoolSize { clean: Some(clean as f64), dirty: Some(dirty as f64) }
                }
            }),
            ..Options::default()
        };
        let prebuilt = config.prebuilt_images.iter().map(|image| image.tag.clone()).collect();
        let remote_code = config.remote_code.clone();
        Self { defaults, limits, memory, sandbox_size, tmp_size, remote_code, prebuilt }
    }

    /// What `caller` gets who asks for `options`. What of them concerns single requests moves to `request`.
    pub(super) fn decide(
        &self,
        caller: &Caller,
        options: Option<Options>,
        request: &mut Request,
    ) -> Result<Effective, Refusal> {
        let asked = options.unwrap_or_default();
        // Engines differ by their options, and this would be one more.
        request.timeout_ms = request.timeout_ms.or(asked.timeout_ms);
        self.check_limits(&asked, request)?;
        let is_free = caller.is_master();
        if !is_free {
            self.check_rights(&asked)?;
        }
        let given = &self.defaults;
        let is_agent = request.runtime == agent::NAME;
        let bounded = !is_free && asked.network_filter.is_some();
        let options = Options {
            network: asked.network.or(given.network),
            network_filter: asked.network_filter.or_else(|| given.network_filter.clone()),
            log_network: asked.log_network,
            cpu_limit: asked.cpu_limit.or(given.cpu_limit),
            memory_limit: asked.memory_limit.or_else(|| given.memory_limit.clone()),
            pids_limit: asked.pids_limit.or_else(|| self.usual_pids(is_agent)),
            readonly_root_fs: asked.readonly_root_fs.or(given.readonly_root_fs),
            max_output_size: asked.max_output_size.or(given.max_output_size),
            image: asked.image,
            sandbox_size: asked.sandbox_size.or_else(|| self.usual_sandbox_size(is_agent)),
            tmp_size: asked.tmp_size.or_else(|| given.tmp_size.clone()),
            secrets: asked.secrets,
            security: security(given.security.clone().unwrap_or_default(), asked.security),
            persist: asked.persist,
            // Whoever asks: it is the server that fetches, from where it stands.
            remote_code: Some(self.remote_code.tightened(&asked.remote_code.unwrap_or_default()).into()),
            // Whatever the client says: how the server works is not its affair.
            mode: None,
            pool_strategy: given.pool_strategy,
            pool_size: given.pool_size,
            timeout_ms: given.timeout_ms,
            audit: None,
            debug: None,
            docker: None,
            max_concurrent: None,
        };
        Ok(Effective { options, bounded })
    }

    fn usual_pids(&self, is_agent: bool) -> Option<f64> {
        let usual = if is_agent { AGENT_PIDS } else { DEFAULT_PIDS };
        Some(usual.min(self.limits.pids_limit) as f64)
    }

    /// An agent has more room than others, where the configuration leaves it at what is usual.
    fn usual_sandbox_size(&self, is_agent: bool) -> Option<String> {
        let given = self.defaults.sandbox_size.clone();
        if is_agent && given.as_deref() == Some(DEFAULT_SANDBOX_SIZE) {
            return Some(smaller(AGENT_SANDBOX_SIZE, &self.limits.sandbox_size));
        }
        given
    }

    /// The maxima, which hold for everybody.
    fn check_limits(&self, asked: &Options, request: &Request) -> Result<(), Refusal> {
        let Self { limits, .. } = self;
        at_most("timeoutMs", request.timeout_ms, limits.timeout_ms as f64)?;
        at_most("cpuLimit", asked.cpu_limit, limits.cpu_limit)?;
        at_most("pidsLimit", asked.pids_limit, limits.pids_limit as f64)?;
        at_most("maxOutputSize", asked.max_output_size, limits.max_output_size as f64)?;
        fits("memoryLimit", asked.memory_limit.as_deref(), self.memory, &limits.memory_limit)?;
        fits("sandboxSize", asked.sandbox_size.as_deref(), self.sandbox_size, &limits.sandbox_size)?;
        fits("tmpSize", asked.tmp_size.as_deref(), self.tmp_size, &limits.tmp_size)
    }

    /// What only holders of the master key may choose freely.
    fn check_rights(&self, asked: &Options) -> Result<(), Refusal> {
        let Self { limits, defaults: given, .. } = self;
        if let Some(network) = asked.network.filter(|network| !self.allows_network(*network)) {
            return Err(denied(format!("network \"{}\"", name(network)), "server.limits.network"));
        }
        if asked.readonly_root_fs == Some(false) && given.readonly_root_fs != Some(false) && !limits.writable_root {
            return Err(denied("readonlyRootFs: false", "server.limits.writableRoot"));
        }
        if asked.persist == Some(true) && !limits.persist {
            return Err(denied("persist", "server.limits.persist"));
        }
        if let Some(image) = asked.image.as_deref().filter(|image| !self.allows_image(image)) {
            return Err(denied(format!("image \"{}\"", image.escape_debug()), "server.limits.images"));
        }
        match &asked.security {
            Some(security) => self.check_security(security),
            None => Ok(()),
        }
    }

    /// The server's own default is what it gives to everybody.
    fn allows_network(&self, network: NetworkMode) -> bool {
        network == NetworkMode::None || self.defaults.network == Some(network) || self.limits.network.contains(&network)
    }

    fn allows_image(&self, image: &str) -> bool {
        self.prebuilt.iter().any(|tag| tag == image) || self.limits.images.iter().any(|glob| matches(glob, image))
    }

    /// A client can be stricter than the server. Which of two profiles is, nobody can tell.
    fn check_security(&self, asked: &SecurityConfig) -> Result<(), Refusal> {
        let given = self.defaults.security.clone().unwrap_or_default();
        let own = given.seccomp.unwrap_or_default();
        let is_stricter = |mode| mode == SeccompMode::Strict && own == SeccompMode::Unconfined;
        let seccomp = asked.seccomp.filter(|mode| *mode != own && !is_stricter(*mode));
        let path = asked.custom_profile_path.as_ref().filter(|path| Some(*path) != given.custom_profile_path.as_ref());
        let runtime = asked.runtime.as_ref().filter(|runtime| Some(*runtime) != given.runtime.as_ref());
        let option = match (seccomp, path, runtime) {
            (Some(_), ..) => "security.seccomp",
            (_, Some(_), _) => "security.customProfilePath",
            (.., Some(_)) => "security.runtime",
            _ => return Ok(()),
        };
        Err(Refusal::forbidden(format!("{option} is the server's to choose: only the master key may loosen it")))
    }
}

/// A size of a configuration, which has been checked.
fn size(text: &str) -> Size {
    text.parse().unwrap_or(Size::mebibytes(0))
}

/// The smaller of two of them.
fn smaller(a: &str, b: &str) -> String {
    if size(a) > size(b) { b.to_owned() } else { a.to_owned() }
}

/// The server's choice with what the client says over it.
fn security(given: SecurityConfig, asked: Option<SecurityConfig>) -> Option<SecurityConfig> {
    let asked = asked.unwrap_or_default();
    Some(SecurityConfig {
        seccomp: asked.seccomp.or(given.seccomp),
        custom_profile_path: asked.custom_profile_path.or(given.custom_profile_path),
        runtime: asked.runtime.or(given.runtime),
    })
}

fn denied(what: impl std::fmt::Display, rule: &str) -> Refusal {
    Refusal::forbidden(format!("{what} is not allowed on this server ({rule})"))
}

fn exceeds(option: &str, value: impl std::fmt::Display, limit: impl std::fmt::Display) -> Refusal {
    Refusal::forbidden(format!("{option} {value} exceeds the limit of this server, {limit} (server.limits.{option})"))
}

/// Whatever is not a sensible number at all, the engine refuses by name.
fn at_most(option: &str, value: Option<f64>, limit: f64) -> Result<(), Refusal> {
    match value {
        Some(value) if value > limit => Err(exceeds(option, value, limit)),
        _ => Ok(()),
    }
}

fn fits(option: &str, value: Option<&str>, limit: Size, limit_text: &str) -> Result<(), Refusal> {
    let Some(text) = value else { return Ok(()) };
    match text.parse::<Size>() {
        Ok(size) if size > limit => Err(exceeds(option, format!("\"{text}\""), format!("\"{limit_text}\""))),
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::new(ErrorCode::InvalidOptions, error.to_string())),
    }
}

fn name(network: NetworkMode) -> &'static str {
    match network {
        NetworkMode::None => "none",
        NetworkMode::Host => "host",
        NetworkMode::Filtered => "filtered",
    }
}

/// Whether `text` is what `glob` says, in which `*` stands for any text.
fn matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
