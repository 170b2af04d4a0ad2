//! What a file says, and what becomes of it.

mod files;
mod properties;

use serde_json::json;

use super::*;
use crate::api::{NetworkMode, PoolStrategy, SeccompMode};

/// `content` as if it stood in `/project/isol8.config.json`.
fn merged(content: Value) -> Result<(Isol8Config, Vec<String>), Fault> {
    let places = Places { base: Path::new("/project"), home: Some(Path::new("/home/ada")) };
    merge(content, places).map(|Merged { config, warnings, .. }| (config, warnings))
}

fn config(content: Value) -> Isol8Config {
    let (config, warnings) = merged(content).expect("a configuration");
    assert_eq!(warnings, [""; 0]);
    config
}

fn fault(content: Value) -> String {
    merged(content.clone()).expect_err(&content.to_string()).to_string()
}

fn warnings(content: Value) -> Vec<String> {
    merged(content).expect("only warnings").1
}

#[test]
fn nothing_given_means_the_documented_defaults() {
    let config = config(json!({}));
    assert_eq!(config, Isol8Config::default());
    assert_eq!(config.defaults.timeout_ms, 30_000);
    assert_eq!(config.max_concurrent, 10);
    assert_eq!(config.defaults.memory_limit, "512m");
    assert_eq!(config.defaults.network, NetworkMode::None);
    assert_eq!(config.pool_size, PoolSize::Each { clean: 1, dirty: 1 });
    assert_eq!(config.network.ports.as_deref(), Some(&[80, 443][..]));
    assert_eq!(config.security.seccomp, Some(SeccompMode::Strict));
    assert_eq!(config.audit.retention_days, Some(90.0));
}

#[test]
fn members_of_a_section_are_merged_one_by_one() {
    let config = config(json!({
        "defaults": { "timeoutMs": 5000 },
        "remoteCode": { "enabled": true },
        "audit": { "enabled": true, "logDir": "/var/log/isol8" },
        "poolStrategy": "secure",
    }));
    let mut expected = Isol8Config { pool_strategy: PoolStrategy::Secure, ..Isol8Config::default() };
    expected.defaults.timeout_ms = 5000;
    expected.remote_code.enabled = true;
    expected.audit.enabled = Some(true);
    expected.audit.log_dir = Some("/var/log/isol8".to_owned());
    assert_eq!(config, expected);
}

#[test]
fn lists_and_scalars_replace() {
    let config = config(json!({ "remoteCode": { "blockedHosts": ["^evil$"] }, "poolSize": 3 }));
    assert_eq!(config.remote_code.blocked_hosts, ["^evil$"]);
    assert_eq!(config.pool_size, PoolSize::Both(3));
}

#[test]
fn the_schema_may_be_named_and_means_nothing() {
    assert_eq!(config(json!({ "$schema": "./isol8.config.schema.json" })), Isol8Config::default());
}

#[test]
fn whole_numbers_may_be_written_with_a_fraction_or_an_exponent() {
    let content = serde_json::from_str(r#"{ "defaults": { "timeoutMs": 3e4 }, "maxConcurrent": 4.0 }"#).expect("JSON");
    assert_eq!(config(content), Isol8Config { max_concurrent: 4, ..Isol8Config::default() });
}

// W97: nothing was validated, and what the parser said reached the user as it was.
#[test]
fn values_of_the_wrong_type_or_range_are_refused_by_the_path_of_their_key() {
    for (content, expected) in [
        (json!([]), "expected an object, found a list"),
        (json!({ "debug": "yes" }), "debug: expected true or false, found a string"),
        (json!({ "maxConcurrent": 0 }), "maxConcurrent: expected a whole number from 1 to 4294967295, found 0"),
        (json!({ "defaults": null }), "defaults: expected an object, found null"),
        (
            json!({ "defaults": { "timeoutMs": 1.5 } }),
            "defaults.timeoutMs: expected a whole number from 1 to 2147483647, found 1.5",
        ),
        (json!({ "defaults": { "cpuLimit": 0 } }), "defaults.cpuLimit: expected a number from 0.01 to 1000, found 0"),
        (
            json!({ "defaults": { "network": "bridge" } }),
            "defaults.network: expected one of \"none\", \"host\", \"filtered\", found \"bridge\"",
        ),
        (json!({ "network": { "whitelist": "a" } }), "network.whitelist: expected a list, found a string"),
        (json!({ "network": { "blacklist": ["a", 1] } }), "network.blacklist[1]: expected a string, found 1"),
        (
            json!({ "poolSize": "big" }),
            "poolSize: expected a whole number from 0 to 1000 or an object with \"clean\" and \"dirty\", found a string",
        ),
        (json!({ "poolSize": { "clean": 2 } }), "poolSize.dirty: is missing"),
        (
            json!({ "prebuiltImages": [{ "tag": "", "runtime": "python", "installPackages": [] }] }),
            "prebuiltImages[0].tag: expected a string that is not empty, found an empty string",
        ),
        (
            json!({ "prebuiltImages": [{ "tag": "a", "runtime": "ruby", "installPackages": [] }] }),
            "prebuiltImages[0].runtime: expected one of \"python\", \"node\", \"bun\", \"bash\", \"deno\", \"agent\", found \"ruby\"",
        ),
        (
            json!({ "prebuiltImages": [{ "tag": "a", "runtime": "bun" }] }),
            "prebuiltImages[0].installPackages: is missing",
        ),
        (json!({ "dependencies": { "python": "numpy" } }), "dependencies.python: expected a list, found a string"),
        (
            json!({ "auth": { "defaultTtlMs": 0 } }),
            "auth.defaultTtlMs: expected a whole number from 1 to 3153600000000, found 0",
        ),
        // C28: a path goes in `customProfilePath`.
        (
            json!({ "security": { "seccomp": "./profile.json" } }),
            "security.seccomp: expected one of \"strict\", \"unconfined\", \"custom\", found \"./profile.json\"",
        ),
    ] {
        assert_eq!(fault(content), expected);
    }
}

#[test]
fn sizes_patterns_and_networks_are_checked_as_the_engine_reads_them() {
    for (content, expected) in [
        (
            json!({ "defaults": { "memoryLimit": "lots" } }),
            "defaults.memoryLimit: expected a size such as \"512m\" or \"1g\", found \"lots\"",
        ),
        (json!({ "defaults": { "memoryLimit": "1m" } }), "defaults.memoryLimit: expected at least 6291456 bytes"),
        (
            json!({ "defaults": { "tmpSize": "" } }),
            "defaults.tmpSize: expected a size such as \"512m\" or \"1g\", found \"\"",
        ),
        (
            json!({ "network": { "whitelist": ["ok", "(a"] } }),
            "network.whitelist[1]: not a valid regular expression: unclosed group",
        ),
        (json!({ "network": { "ports": [] } }), "network.ports: expected at least one port"),
        (
            json!({ "network": { "ports": [443, 0] } }),
            "network.ports[1]: expected a whole number from 1 to 65535, found 0",
        ),
        (
            json!({ "network": { "allowPrivate": ["10.0.0.0/8", "intranet"] } }),
            "network.allowPrivate[1]: expected a network such as \"10.0.0.0/8\" or \"fd00::/8\", found \"intranet\"",
        ),
        (
            json!({ "network": { "allowPrivate": ["10.0.0.1/8"] } }),
            "network.allowPrivate[0]: 10.0.0.1/8 has bits set beyond its prefix: did you mean 10.0.0.0/8?",
        ),
        (
            json!({ "remoteCode": { "blockedHosts": ["[z-a]"] } }),
            "remoteCode.blockedHosts[0]: not a valid regular expression: invalid character class range, \
             the start must be <= the end",
        ),
    ] {
        assert_eq!(fault(content), expected);
    }
}

#[test]
fn a_custom_profile_needs_a_path() {
    let expected = "security.customProfilePath: is needed when security.seccomp is \"custom\"";
    assert_eq!(fault(json!({ "security": { "seccomp": "custom" } })), expected);
    assert_eq!(fault(json!({ "security": { "seccomp": "custom", "customProfilePath": "" } })), expected);
}

#[test]
fn faults_do_not_quote_what_may_be_a_secret() {
    for content in [
        json!({ "auth": "postgres://isol8:hunter2@db/keys" }),
        json!({ "auth": { "connectionString": ["postgres://isol8:hunter2@db/keys"] } }),
        json!({ "auth": { "connectionString": { "hunter2": 1 } } }),
        json!({ "auth": { "enabled": "hunter2" } }),
    ] {
        let fault = fault(content);
        assert!(fault.starts_with("auth") && !fault.contains("hunter2"), "{fault}");
    }
}

#[test]
fn unknown_keys_are_a_warning_with_the_nearest_known_one() {
    let content = json!({
        "defaults": { "timeoutMS": 1, "memroyLimit": 2 },
        "timeout": 3,
        "colour": { "red": 4 },
        "dependencies": { "pyton": [] },
        "poolSize": { "clean": 1, "dirty": 1, "drity": 1 },
        "prebuiltImages": [{ "tag": "a", "runtime": "bun", "installPackages": [], "packages": [] }],
    });
    let (config, warnings) = merged(content).expect("only warnings");
    assert_eq!(
        warnings,
        [
            "unknown key \"colour\"",
            "unknown key \"timeout\"",
            "unknown key \"defaults.memroyLimit\" (did you mean \"memoryLimit\"?)",
            "unknown key \"defaults.timeoutMS\" (did you mean \"timeoutMs\"?)",
            "unknown key \"dependencies.pyton\" (did you mean \"python\"?)",
            "unknown key \"poolSize.drity\" (did you mean \"dirty\"?)",
            "unknown key \"prebuiltImages[0].packages\"",
        ]
    );
    assert_eq!(config.defaults, Defaults::default());
}

#[test]
fn warnings_are_bounded_in_number_and_length_and_cannot_move_the_cursor() {
    let keys = (0..100).map(|index| (format!("key{index:02}"), json!(1)));
    let warnings_of_many = warnings(Value::Object(keys.collect()));
    assert_eq!(warnings_of_many.len(), 21);
    assert_eq!(warnings_of_many[20], "and 80 more unknown keys");

    let long = "x".repeat(100_000);
    assert_eq!(warnings(json!({ long: 1 })), [format!("unknown key \"{}…\"", "x".repeat(64))]);
    assert_eq!(warnings(json!({ "\u{1b}[2J\n": 1 })), ["unknown key \"\\u{1b}[2J\\n\""]);
}

#[test]
fn faults_are_bounded_in_length_and_cannot_move_the_cursor() {
    let hostile = "\u{1b}[2J".to_owned() + &"x".repeat(100_000);
    for content in [
        json!({ "defaults": { "memoryLimit": hostile } }),
        json!({ "defaults": { "network": hostile } }),
        json!({ "network": { "whitelist": [format!("({hostile}")] } }),
        json!({ "network": { "whitelist": [format!(r"\p{{{hostile}}}")] } }),
        json!({ "defaults": hostile }),
    ] {
        let fault = fault(content);
        assert!(fault.len() < 300 && !fault.contains('\u{1b}'), "{fault}");
    }
}

// W98: `~` in configured paths was taken literally.
#[test]
fn w98_a_leading_tilde_stands_for_the_home_directory() {
    let config = config(json!({
        "security": { "customProfilePath": "~/profile.json" },
        "audit": { "logDir": "~/logs", "postLogScript": "~/bin/ship" },
        "auth": { "connectionString": "~/keys.db" },
    }));
    assert_eq!(config.security.custom_profile_path.as_deref(), Some("/home/ada/profile.json"));
    assert_eq!(config.audit.log_dir.as_deref(), Some("/home/ada/logs"));
    assert_eq!(config.audit.post_log_script.as_deref(), Some("/home/ada/bin/ship"));
    assert_eq!(config.auth.connection_string.as_deref(), Some("/home/ada/keys.db"));
}

#[test]
fn a_tilde_elsewhere_is_a_tilde_and_without_a_home_an_error() {
    let path = |path: &str| config(json!({ "audit": { "logDir": path } })).audit.log_dir;
    assert_eq!(path("~ada/logs").as_deref(), Some("~ada/logs"));
    assert_eq!(path("logs/~/a").as_deref(), Some("logs/~/a"));

    let homeless = Places { base: Path::new("/project"), home: None };
    let fault = merge(json!({ "audit": { "logDir": "~/logs" } }), homeless).expect_err("no home");
    assert_eq!(fault.to_string(), "audit.logDir: begins with \"~/\", but there is no home directory");
}

#[test]
fn a_relative_profile_is_found_beside_the_file() {
    let path = |path: &str| {
        let security = json!({ "seccomp": "custom", "customProfilePath": path });
        config(json!({ "security": security })).security.custom_profile_path
    };
    assert_eq!(path("./seccomp/p.json").as_deref(), Some("/project/seccomp/p.json"));
    assert_eq!(path("/etc/p.json").as_deref(), Some("/etc/p.json"));
}
