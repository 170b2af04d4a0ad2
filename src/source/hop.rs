//! One request: from a URL, and the addresses that were decided on, to an answer.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{DnsName, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Position, Url};

use super::SourceError;
use super::error::FetchFailure;
use crate::network::dial::connect;
use crate::network::{Authority, Host};

const AGENT: &str = concat!("isol8/", env!("CARGO_PKG_VERSION"));

/// An answer, and what moves its bytes for as long as this lives.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) driver: AbortOnDropHandle<()>,
}

/// Asks one of `addresses`, which `to` has, for `url`. With `tls`, whoever answers has to prove to be `to`.
pub(super) async fn get(
    url: &Url,
    to: &Authority,
    addresses: &[IpAddr],
    tls: Option<Arc<ClientConfig>>,
) -> Result<Answer, SourceError> {
    let connection = connect(addresses, to.port).await.ok_or_else(|| FetchFailure::Connect(to.to_string()))?;
    let Some(tls) = tls else { return ask(url, to, connection).await };
    let failed = |error| FetchFailure::Tls { host: to.host.to_string(), source: Arc::new(error) };
    let connection = TlsConnector::from(tls).connect(server_name(url, to)?, connection).await.map_err(failed)?;
    ask(url, to, connection).await
}

async fn ask(
    url: &Url,
    to: &Authority,
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Answer, SourceError> {
    let failed = |error| FetchFailure::Http { host: to.host.to_string(), source: Arc::new(error) };
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await.map_err(failed)?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(%error, "a connection to a server of code broke");
        }
    }));
    let response = sender.send_request(request(url, to)?).await.map_err(failed)?;
    Ok(Answer { response, driver })
}

pub(super) fn request(url: &Url, to: &Authority) -> Result<Request<Empty<Bytes>>, SourceError> {
    let authority = to.to_string();
    let default_port = if url.scheme() == "https" { ":443" } else { ":80" };
    Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, authority.strip_suffix(default_port).unwrap_or(&authority))
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        // What else there is takes more to decode, and is seldom there for files of code.
        .header(ACCEPT_ENCODING, "gzip")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| SourceError::InvalidUrl(url.to_string()))
}

fn server_name(url: &Url, to: &Authority) -> Result<ServerName<'static>, SourceError> {
    match &to.host {
        Host::Ip(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => DnsName::try_from(name.as_str().to_owned())
            .map(ServerName::DnsName)
            .map_err(|_| SourceError::InvalidUrl(url.to_string())),
    }
}
