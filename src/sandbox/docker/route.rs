//! A connection to a Docker engine for the one request after which it stops being HTTP. The API client would hand such
//! a connection out in pieces, each of them copied several times; this is the connection itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bollard::errors::Error as DockerError;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::connect::{Certificates, UNIX};
use crate::tls;

/// How an engine is reached. Cheap to clone.
#[derive(Clone)]
pub(super) enum Route {
    /// Over a socket of this machine.
    Unix(Arc<PathBuf>),
    /// Over the network.
    Tcp { host: Arc<str>, port: u16, tls: Option<TlsConnector> },
}

/// Both directions of a connection.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

impl Route {
    /// The way to `endpoint`; over TLS if there are certificates.
    pub(super) fn to(endpoint: &str, certificates: Option<Certificates>) -> Result<Self, DockerError> {
        if let Some(path) = endpoint.strip_prefix(UNIX) {
            return Ok(Self::Unix(Arc::new(path.into())));
        }
        let url =
            Url::parse(&endpoint.replacen("tcp://", if certificates.is_some() { "https://" } else { "http://" }, 1))?;
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(DockerError::UnsupportedURISchemeError { uri: endpoint.to_owned() }),
        };
        let tls = certificates.as_ref().map(connector).transpose()?;
        Ok(Self::Tcp { host: host.into(), port: url.port_or_known_default().unwrap_or_default(), tls })
    }

    /// What requests name as their host.
    pub(super) fn authority(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Tcp { host, .. } => host,
        }
    }

    /// A new connection.
    pub(super) async fn dial(&self) -> io::Result<Box<dyn Socket>> {
        let (host, port, tls) = match self {
            Self::Unix(path) => return Ok(Box::new(UnixStream::connect(path.as_path()).await?)),
            Self::Tcp { host, port, tls } => (host, *port, tls),
        };
        let connection = TcpStream::connect((&**host, port)).await?;
        connection.set_nodelay(true)?;
        let Some(tls) = tls else { return Ok(Box::new(connection)) };
        let name = ServerName::try_from(host.to_string())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Box::new(tls.connect(name, connection).await?))
    }
}

fn connector(files: &Certificates) -> io::Result<TlsConnector> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    };
    let config = tls::mutual(&read(&files.ca)?, &read(&files.cert)?, &read(&files.key)?).map_err(io::Error::other)?;
    Ok(Arc::new(config).into())
}
