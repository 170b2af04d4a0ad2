//! Which Docker engine, and how to reach it.

use std::error::Error;
use std::path::{Path, PathBuf};

use bollard::errors::Error as DockerError;
use bollard::{ClientVersion, Docker};

use crate::api::DockerConnection;

/// Seconds that the daemon may take to begin an answer.
pub(super) const TIMEOUT_SECONDS: u64 = 120;

/// API versions to try: the oldest that the newest engines accept, then the oldest that has all we need. Asking an
/// engine for its version instead takes several times as long, since some run other programs to find out.
///
/// bollard 0.21 leaves the version out of its requests, so that the engine's own counts, and the first of these is never
/// refused. They are for the version of bollard that says it again.
const VERSIONS: [ClientVersion; 2] =
    [ClientVersion { major_version: 1, minor_version: 44 }, ClientVersion { major_version: 1, minor_version: 41 }];

/// What endpoints begin with that are sockets of this machine.
pub(super) const UNIX: &str = "unix://";

const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";

const DEFAULT_PORT: u16 = 2375;

/// The address to connect to: what the caller says, else `DOCKER_HOST`, else the usual socket. A connection that
/// names no endpoint is none: the caller meant something, and it was not the usual one.
pub(super) fn endpoint(connection: Option<&DockerConnection>) -> Option<String> {
    match connection {
        None => Some(variable("DOCKER_HOST").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())),
        Some(DockerConnection { socket_path: Some(path), .. }) => Some(format!("unix://{path}")),
        Some(DockerConnection { host: Some(host), port, .. }) => {
            Some(format!("tcp://{host}:{}", port.unwrap_or(DEFAULT_PORT)))
        }
        Some(_) => None,
    }
}

/// A client for `endpoint` that speaks a version which the engine there accepts.
pub(super) async fn client(connection: Option<&DockerConnection>, endpoint: &str) -> Result<Docker, DockerError> {
    let certificates = certificates(connection, endpoint);
    let [newer, older] = &VERSIONS;
    let docker = client_for(endpoint, certificates.as_ref(), newer)?;
    match docker.ping().await {
        Ok(_) => Ok(docker),
        Err(error) if is_connection_error(&error) => Err(error),
        Err(_) => {
            let docker = client_for(endpoint, certificates.as_ref(), older)?;
            docker.ping().await.map(|_| docker)
        }
    }
}

/// The files that make both ends of a connection over TLS sure of each other.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) key: PathBuf,
    pub(super) cert: PathBuf,
    pub(super) ca: PathBuf,
}

/// Those for `endpoint`, if it is to be reached over TLS.
pub(super) fn certificates(connection: Option<&DockerConnection>, endpoint: &str) -> Option<Certificates> {
    let directory = connection.and_then(|connection| connection.cert_path.as_deref()).map(PathBuf::from);
    let is_tls = directory.is_some() || endpoint.starts_with("https://") || variable("DOCKER_TLS_VERIFY").is_some();
    if !is_tls || endpoint.starts_with(UNIX) {
        return None;
    }
    let directory = directory.or_else(|| variable("DOCKER_CERT_PATH").map(PathBuf::from));
    let directory = directory.unwrap_or_else(|| Path::new(&variable("HOME").unwrap_or_default()).join(".docker"));
    let file = |name| directory.join(name);
    Some(Certificates { key: file("key.pem"), cert: file("cert.pem"), ca: file("ca.pem") })
}

/// A client that speaks `version`. Does no I/O yet.
fn client_for(
    endpoint: &str,
    certificates: Option<&Certificates>,
    version: &ClientVersion,
) -> Result<Docker, DockerError> {
    if endpoint.starts_with(UNIX) {
        return Docker::connect_with_unix(endpoint, TIMEOUT_SECONDS, version);
    }
    if !["tcp://", "http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme)) {
        return Err(DockerError::UnsupportedURISchemeError { uri: endpoint.to_owned() });
    }
    match certificates {
        None => Docker::connect_with_http(endpoint, TIMEOUT_SECONDS, version),
        Some(Certificates { key, cert, ca }) => {
            Docker::connect_with_ssl(endpoint, key, cert, ca, TIMEOUT_SECONDS, version)
        }
    }
}

/// An environment variable; one that is empty counts as unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the engine was not reached at all, or went away, as opposed to answering with an error.
pub(super) fn is_connection_error(error: &DockerError) -> bool {
    !matches!(
        error,
        DockerError::DockerResponseServerError { .. }
            | DockerError::DockerStreamError { .. }
            | DockerError::DockerContainerWaitError { .. }
            | DockerError::JsonDataError { .. }
            | DockerError::JsonSerdeError { .. }
    )
}

/// The part of a client error that says something: the daemon's own words where there are any.
pub(super) fn reason(error: DockerError) -> Box<dyn Error + Send + Sync> {
    match error {
        DockerError::DockerResponseServerError { message, .. } => message.into(),
        DockerError::DockerStreamError { error } => error.into(),
        other => Box::new(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicit_endpoint_wins() {
        let socket = DockerConnection { socket_path: Some("/run/x.sock".into()), ..Default::default() };
        assert_eq!(endpoint(Some(&socket)).as_deref(), Some("unix:///run/x.sock"));
        let tcp = DockerConnection { host: Some("build".into()), ..Default::default() };
        assert_eq!(endpoint(Some(&tcp)).as_deref(), Some("tcp://build:2375"));
        assert_eq!(endpoint(Some(&DockerConnection::default())), None);
    }
}
