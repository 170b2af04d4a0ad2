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

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::engine::Settings;

    fn policy(config: serde_json::Value) -> Policy {
        Policy::new(&config::complete(config, std::path::Path::new("/"), None).expect("a configuration").config)
    }

    fn key() -> Caller {
        Caller::Key { id: "k".into(), tenant: "t".into() }
    }

    fn decide(policy: &Policy, caller: &Caller, options: serde_json::Value) -> Result<Options, Refusal> {
        let options = serde_json::from_value(options).expect("options");
        let mut request = Request { runtime: "python".to_owned(), ..Request::default() };
        policy.decide(caller, Some(options), &mut request).map(|effective| effective.options)
    }

    fn status(refusal: Refusal) -> u16 {
        refusal.into_response().status().as_u16()
    }

    #[test]
    fn what_nobody_asks_for_is_as_the_configuration_says() {
        // W101.
        let policy = policy(json!({
            "defaults": { "network": "filtered", "memoryLimit": "1g", "cpuLimit": 2, "readonlyRootFs": false },
            "network": { "whitelist": ["^a$"] },
            "security": { "seccomp": "unconfined" },
            "poolStrategy": "secure",
        }));
        let options = decide(&policy, &key(), json!({})).expect("nothing special");
        assert_eq!(options.network, Some(NetworkMode::Filtered));
        assert_eq!(options.network_filter.map(|filter| filter.whitelist), Some(vec!["^a$".to_owned()]));
        assert_eq!((options.memory_limit.as_deref(), options.cpu_limit), (Some("1g"), Some(2.0)));
        assert_eq!(options.readonly_root_fs, Some(false));
        assert_eq!(options.security.and_then(|security| security.seccomp), Some(SeccompMode::Unconfined));
        assert_eq!(options.pool_strategy, Some(crate::api::PoolStrategy::Secure));
    }

    #[test]
    fn what_weakens_a_sandbox_is_for_the_master_key() {
        // W102, W104.
        let policy = policy(json!({}));
        for (options, rule) in [
            (json!({ "network": "host" }), "server.limits.network"),
            (json!({ "readonlyRootFs": false }), "server.limits.writableRoot"),
            (json!({ "persist": true }), "server.limits.persist"),
            (json!({ "image": "postgres:17" }), "server.limits.images"),
            (json!({ "security": { "seccomp": "unconfined" } }), "security.seccomp"),
            (json!({ "security": { "seccomp": "custom", "customProfilePath": "/etc/shadow" } }), "security.seccomp"),
            (json!({ "security": { "customProfilePath": "/etc/shadow" } }), "security.customProfilePath"),
            (json!({ "security": { "runtime": "runc-unsafe" } }), "security.runtime"),
        ] {
            let (code, message) = decide(&policy, &key(), options.clone()).expect_err("forbidden").into_parts();
            assert_eq!(code, ErrorCode::Forbidden, "{options}");
            assert!(message.contains(rule), "{message}");
            decide(&policy, &Caller::Master, options).expect("the master key may");
        }
    }

    #[test]
    fn what_strengthens_it_is_for_everybody() {
        let policy = policy(json!({
            "defaults": { "network": "host", "readonlyRootFs": false },
            "security": { "seccomp": "unconfined" },
        }));
        let asked = json!({ "network": "none", "readonlyRootFs": true, "security": { "seccomp": "strict" } });
        let options = decide(&policy, &key(), asked).expect("stricter");
        assert_eq!((options.network, options.readonly_root_fs), (Some(NetworkMode::None), Some(true)));
        assert_eq!(options.security.and_then(|security| security.seccomp), Some(SeccompMode::Strict));
        // Which of two profiles is the stricter one, nobody can tell.
        let policy = self::policy(json!({ "security": { "seccomp": "custom", "customProfilePath": "/p" } }));
        assert!(decide(&policy, &key(), json!({ "security": { "seccomp": "strict" } })).is_err());
    }

    #[test]
    fn an_operator_can_allow_more() {
        let policy = policy(json!({
            "prebuiltImages": [{ "tag": "company/tools", "runtime": "python", "installPackages": [] }],
            "server": { "limits": { "network": ["host"], "images": ["lab/*:v*"], "writableRoot": true, "persist": true } },
        }));
        for options in [
            json!({ "network": "host" }),
            json!({ "image": "company/tools" }),
            json!({ "image": "lab/a/b:v2" }),
            json!({ "readonlyRootFs": false, "persist": true }),
        ] {
            decide(&policy, &key(), options).expect("allowed");
        }
        for options in
            [json!({ "network": "filtered" }), json!({ "image": "lab/a" }), json!({ "image": "isol8:python" })]
        {
            assert_eq!(status(decide(&policy, &key(), options).expect_err("not among them")), 403);
        }
    }

    #[test]
    fn a_limit_is_one_for_everybody() {
        let policy = policy(json!({ "server": { "limits": {
            "timeoutMs": 1000, "memoryLimit": "64m", "cpuLimit": 0.5, "pidsLimit": 32, "sandboxSize": "16m",
            "tmpSize": "8m", "maxOutputSize": 100,
        } } }));
        for caller in [Caller::Master, key()] {
            for (option, most, more) in [
                ("timeoutMs", json!(1000), json!(1001)),
                ("memoryLimit", json!("64m"), json!("65m")),
                ("cpuLimit", json!(0.5), json!(0.51)),
                ("pidsLimit", json!(32), json!(33)),
                ("sandboxSize", json!("16384k"), json!("1g")),
                ("tmpSize", json!("8m"), json!("9000000000")),
                ("maxOutputSize", json!(100), json!(1e300)),
            ] {
                decide(&policy, &caller, json!({ option: most })).expect("not more than the limit");
                let (code, message) = decide(&policy, &caller, json!({ option: more })).expect_err("more").into_parts();
                assert_eq!(code, ErrorCode::Forbidden);
                assert!(message.contains(&format!("server.limits.{option}")), "{message}");
            }
            // Nor does what nobody asks for go beyond it.
            let options = decide(&policy, &caller, json!({})).expect("nothing special");
            assert_eq!(options.memory_limit.as_deref(), Some("64m"));
            assert_eq!((options.timeout_ms, options.pids_limit), (Some(1000.0), Some(32.0)));
        }
        let mut request = Request { timeout_ms: Some(2000.0), ..Request::default() };
        assert!(policy.decide(&key(), None, &mut request).is_err(), "of a request, too");
    }

    #[test]
    fn how_the_server_works_is_not_the_clients_affair() {
        // W103.
        let policy = policy(json!({ "poolSize": 3 }));
        let asked = json!({
            "mode": "persistent", "poolStrategy": "secure", "poolSize": 100, "debug": true,
            "audit": { "enabled": true, "logDir": "/etc", "postLogScript": "/bin/sh" },
        });
        for caller in [Caller::Master, key()] {
            let options = decide(&policy, &caller, asked.clone()).expect("ignored");
            assert_eq!((options.mode, options.audit, options.debug), (None, None, None));
            assert_eq!(options.pool_strategy, Some(crate::api::PoolStrategy::Fast));
            assert_eq!(options.pool_size, Some(PoolSize { clean: Some(3.0), dirty: Some(3.0) }));
        }
    }

    #[test]
    fn the_policy_for_code_at_urls_can_only_be_tightened() {
        // C34: with the master key as well.
        let asked = json!({ "remoteCode": { "enabled": true, "allowedSchemes": ["http"], "maxCodeSize": 1 } });
        for caller in [Caller::Master, key()] {
            let code =
                decide(&policy(json!({})), &caller, asked.clone()).expect("options").remote_code.expect("a policy");
            assert_eq!(code.enabled, Some(false));
            let policy = policy(json!({ "remoteCode": { "enabled": true } }));
            let code = decide(&policy, &caller, asked.clone()).expect("options").remote_code.expect("a policy");
            assert_eq!((code.enabled, code.allowed_schemes, code.max_code_size), (Some(true), Some(vec![]), Some(1)));
        }
    }

    #[test]
    fn a_filter_of_a_clients_own_is_bounded_by_the_servers() {
        let policy = policy(json!({}));
        let filtered: Options =
            serde_json::from_value(json!({ "networkFilter": { "whitelist": [] } })).expect("options");
        let decide = |caller: &Caller, options| policy.decide(caller, options, &mut Request::default());
        assert!(decide(&key(), Some(filtered.clone())).expect("options").bounded);
        assert!(!decide(&Caller::Master, Some(filtered)).expect("options").bounded);
        assert!(!decide(&key(), None).expect("options").bounded, "it is the server's own");
    }

    #[test]
    fn a_star_is_any_text() {
        for (glob, text, fits) in [
            ("*", "", true),
            ("isol8:*", "isol8:python", true),
            ("isol8:*", "evil/isol8:python", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ax*xa", "axa", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(glob, text), fits, "{glob} {text}");
        }
    }

    fn options() -> impl Strategy<Value = serde_json::Value> {
        let number = || prop_oneof![any::<f64>().prop_filter("JSON", |number| number.is_finite()), 0.0..1e7];
        let size = || prop_oneof![Just("1k"), Just("64m"), Just("1g"), Just("100g"), Just("9t"), Just("-1"), Just("x")];
        let member = prop_oneof![
            number().prop_map(|n| json!({ "timeoutMs": n })),
            number().prop_map(|n| json!({ "cpuLimit": n })),
            number().prop_map(|n| json!({ "pidsLimit": n })),
            number().prop_map(|n| json!({ "maxOutputSize": n })),
            size().prop_map(|s| json!({ "memoryLimit": s })),
            size().prop_map(|s| json!({ "sandboxSize": s })),
            size().prop_map(|s| json!({ "tmpSize": s })),
            prop_oneof![Just("none"), Just("host"), Just("filtered")].prop_map(|mode| json!({ "network": mode })),
            any::<bool>().prop_map(|b| json!({ "readonlyRootFs": b })),
            any::<bool>().prop_map(|b| json!({ "persist": b })),
            prop_oneof![Just("strict"), Just("unconfined")].prop_map(|mode| json!({ "security": { "seccomp": mode } })),
            "[a-z:*]{1,12}".prop_map(|image| json!({ "image": image })),
        ];
        prop::collection::vec(member, 0..6).prop_map(|members| {
            members.into_iter().fold(json!({}), |mut all, member| {
                member.as_object().into_iter().flatten().for_each(|(name, value)| all[name] = value.clone());
                all
            })
        })
    }

    proptest! {
        /// Whatever a key asks for: what it gets is nothing that weakens a sandbox, and no more than the limits.
        #[test]
        fn no_request_widens_anything(asked in options()) {
            let policy = policy(json!({}));
            if let Ok(options) = decide(&policy, &key(), asked)
                && let Ok(settings) = Settings::try_from(options.clone())
            {
                prop_assert!(options.network != Some(NetworkMode::Host));
                prop_assert!(!settings.persist && settings.limits.readonly_root);
                prop_assert_eq!(settings.seccomp, crate::engine::settings::SeccompSetting::Strict);
                prop_assert!(settings.limits.memory <= policy.memory && settings.limits.sandbox_size <= policy.sandbox_size);
                prop_assert!(settings.limits.tmp_size <= policy.tmp_size && settings.limits.pids as u64 <= policy.limits.pids_limit);
                prop_assert!(settings.limits.nano_cpus as f64 <= policy.limits.cpu_limit * 1e9);
                prop_assert!(settings.max_output_size <= policy.limits.max_output_size);
                prop_assert!(settings.timeout_ms <= policy.limits.timeout_ms);
                prop_assert!(settings.image.is_none_or(|image| image.starts_with("isol8:")));
            }
        }
    }
}
