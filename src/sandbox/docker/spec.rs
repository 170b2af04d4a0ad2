//! A [`ContainerSpec`] in the daemon's terms. Which limits, mounts and rights a container has is decided
//! there; what is the same for every container, whatever its spec, stands here.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, ResourcesUlimits};

use crate::sandbox::contract::{ContainerSpec, GUEST_PATH};

/// The body of the create call.
pub(super) fn body(spec: &ContainerSpec) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        // An image cannot decide who is PID 1, as whom it runs, or what runs beside it.
        entrypoint: Some(vec![GUEST_PATH.to_owned()]),
        cmd: Some(Vec::new()),
        user: Some("0:0".to_owned()),
        working_dir: Some("/".to_owned()),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() }),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        tty: Some(false),
        labels: Some(owned(&spec.labels)),
        network_disabled: Some(spec.bare_namespace),
        host_config: Some(host_config(spec)),
        ..Default::default()
    }
}

fn host_config(spec: &ContainerSpec) -> HostConfig {
    HostConfig {
        auto_remove: Some(true),
        sysctls: Some(spec.sysctls.iter().map(|(&name, &value)| (name.to_owned(), value.to_owned())).collect()),
        runtime: spec.oci_runtime.clone(),
        network_mode: Some(spec.network.to_owned()),
        ipc_mode: Some("private".to_owned()),
        // The daemon's default driver would write the stream, secrets included, to the host's disk.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        readonly_rootfs: Some(spec.readonly_root),
        tmpfs: Some(owned(&spec.tmpfs)),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(spec.capabilities.map(str::to_owned).into()),
        security_opt: Some(vec!["no-new-privileges".to_owned(), format!("seccomp={}", spec.seccomp.profile())]),
        memory: Some(spec.memory),
        memory_swap: Some(spec.memory),
        nano_cpus: Some(spec.nano_cpus),
        pids_limit: Some(spec.pids),
        ulimits: Some(spec.ulimits.map(ulimit).into()),
        ..Default::default()
    }
}

fn owned(map: &std::collections::BTreeMap<&'static str, String>) -> HashMap<String, String> {
    map.iter().map(|(&key, value)| (key.to_owned(), value.clone())).collect()
}

fn ulimit((name, value): (&'static str, i64)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(value), hard: Some(value) }
}
