//! One request: read, decided, forwarded, answered.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, UPGRADE};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::answer::{self, Body};
use super::connection::{Next, NextSlot};
use super::dial::NoConnection;
use super::registries::Term;
use super::rewrite::{check_framing, rewrite, strip_hop_by_hop, wanted_upgrade};
use super::upload::{self, Over, Upload};
use super::{Outlet, Secrecy};
use crate::network::guard::{Guard, stands};
use crate::network::{Authority, Decision, Reason, policy};

/// How long a server may take to begin its answer, once it has all of the request. How long that takes is bounded only
/// by how long nothing may move.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// The requests of one connection.
pub(super) struct Requests {
    outlet: Arc<Outlet>,
    /// Within a tunnel, where it leads to.
    tunnel: Option<Authority>,
    /// The connection to the server of the last request: the next one is often for the same.
    upstream: Mutex<Option<Upstream>>,
    term: Term,
    next: NextSlot,
}

/// A connection to a server.
struct Upstream {
    to: Authority,
    sender: SendRequest<Upload>,
    /// Moves its bytes.
    _driver: AbortOnDropHandle<()>,
}

/// Why a request is not forwarded.
enum Refusal {
    Malformed(&'static str),
    Denied(Decision),
    Unreachable,
}

impl From<NoConnection> for Refusal {
    fn from(none: NoConnection) -> Self {
        match none {
            NoConnection::Denied(decision) => Self::Denied(decision),
            NoConnection::Failed => Self::Unreachable,
        }
    }
}

impl Requests {
    pub(super) fn new(outlet: Arc<Outlet>, tunnel: Option<Authority>, term: Term, next: NextSlot) -> Self {
        Self { outlet, tunnel, upstream: Mutex::new(None), term, next }
    }

    /// Answers a request.
    pub(super) async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let (began, method) = (Instant::now(), request.method().clone());
        let path = self.path(&request);
        let to = match self.destination(&request) {
            Ok(to) => to,
            Err(why) => return Ok(answer::malformed(why)),
        };
        let outcome = match &to {
            Ok(to) if method == Method::CONNECT => self.connect(to, request).await,
            Ok(to) => self.forward(to, request).await,
            Err((_, decision)) => Err(Refusal::Denied(decision.clone())),
        };
        let (host, to) = match to {
            Ok(to) => (to.host.to_string(), Some(to)),
            Err((asked, _)) => (asked, None),
        };
        let passed = || self.outlet.traffic.passed(&method, &host, path.as_deref(), began.elapsed());
        Ok(match (outcome, &to) {
            (Ok(answer), _) => {
                passed();
                answer
            }
            (Err(Refusal::Unreachable), Some(to)) => {
                passed();
                answer::unreachable(to)
            }
            (Err(Refusal::Denied(decision)), to) => {
                let why = policy::explain(&decision, to.as_ref());
                let secrecy = to.as_ref().map_or(Secrecy::Open, |to| self.outlet.secrecy(to, &decision));
                let answer = match to {
                    Some(to) if secrecy != Secrecy::Open => answer::unreachable(to),
                    _ => answer::blocked(&method, &host, &why),
                };
                let traffic = &self.outlet.traffic;
                match secrecy {
                    Secrecy::Open | Secrecy::FromPrograms => traffic.blocked(&method, &host, path.as_deref(), why),
                    Secrecy::FromClients => {
                        traffic.blocked_secretly(&method, &host, path.as_deref(), why, began.elapsed());
                    }
                }
                answer
            }
            (Err(Refusal::Malformed(why)), _) => answer::malformed(why),
            (Err(Refusal::Unreachable), None) => answer::malformed("no host"),
        })
    }

    /// The path, as logs show it: none for tunnels.
    fn path(&self, request: &Request<Incoming>) -> Option<String> {
        (request.method() != Method::CONNECT)
            .then(|| request.uri().path_and_query().map_or("/", PathAndQuery::as_str).to_owned())
    }

    /// Where a request is to go. A host that cannot be read is a decision, with what was asked for; a request that is
    /// none for a proxy is not.
    #[allow(clippy::type_complexity, reason = "a request that makes no sense is told apart from one that is refused")]
    fn destination(&self, request: &Request<Incoming>) -> Result<Result<Authority, (String, Decision)>, &'static str> {
        check_framing(request)?;
        let uri = request.uri();
        let (asked, default_port) = match (&self.tunnel, *request.method() == Method::CONNECT) {
            (Some(_), true) => return Err("a tunnel within a tunnel"),
            (Some(to), false) if uri.authority().is_none() => (to.to_string(), to.port),
            (None, true) => (uri.authority().map(ToString::to_string).ok_or("no host")?, Authority::TUNNEL_PORT),
            (_, false) => match (uri.scheme_str(), uri.authority()) {
                (Some("http"), Some(authority)) => (authority.to_string(), Authority::HTTP_PORT),
                (Some(_), Some(_)) => return Err("only http in absolute form; use CONNECT for https"),
                _ => return Err("not a request for a proxy: the host is missing"),
            },
        };
        let to = match Authority::parse(&asked, default_port) {
            Ok(to) => to,
            Err(_) => return Ok(Err((asked, Decision::invalid_host()))),
        };
        if self.tunnel.as_ref().is_some_and(|tunnel| *tunnel != to) {
            return Ok(Err((asked, Decision::new(Reason::HostMismatch))));
        }
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (_, Some(_)) if stands(Guard::OneHost) => return Err("more than one Host header"),
            (Some(host), _) => host.as_bytes(),
            (None, _) if request.version() == Version::HTTP_10 => return Ok(Ok(to)),
            (None, _) => return Err("no Host header"),
        };
        let decision = policy::check_http(&to, host);
        Ok(if decision.is_allowed() { Ok(to) } else { Err((asked, decision)) })
    }

    /// Whether it may be asked for.
    fn decide(&self, to: &Authority) -> Result<(), Refusal> {
        let decision = self.outlet.decide(to, &self.term);
        if decision.is_allowed() { Ok(()) } else { Err(Refusal::Denied(decision)) }
    }

    /// Makes a tunnel.
    async fn connect(&self, to: &Authority, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        self.decide(to)?;
        let server = self.outlet.dial(to, &self.term).await?;
        let program = hyper::upgrade::on(&mut request);
        self.leave(Next::Tunnel { to: to.clone(), program, server });
        Ok(answer::established())
    }

    /// Passes a request on, and the answer back.
    async fn forward(&self, to: &Authority, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        self.decide(to)?;
        let upgrade = wanted_upgrade(&request);
        let program = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        rewrite(&mut request, to, upgrade.as_ref()).map_err(Refusal::Malformed)?;

        let mut upstream = self.upstream.lock().await;
        let reusable = upstream.take().filter(|upstream| upstream.to == *to && upstream.sender.is_ready());
        let mut connection = match reusable {
            Some(connection) => connection,
            None => Upstream::connect(to, self.outlet.dial(to, &self.term).await?).await?,
        };
        let (request, sent) = upload::watched(request);
        let answered = tokio::select! {
            answered = connection.sender.send_request(request) => answered,
            () = no_answer(sent) => return Err(Refusal::Unreachable),
        };
        let mut answer = answered.map_err(|error| {
            tracing::debug!(error = %error, "a server did not answer");
            Refusal::Unreachable
        })?;
        // It also carries the rest of the answer.
        *upstream = Some(connection);
        drop(upstream);
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let agreed = answer.headers().get(UPGRADE).map(|agreed| agreed.as_bytes().to_ascii_lowercase());
            let is_wanted = agreed.as_deref() == upgrade.as_ref().map(|wanted| wanted.as_bytes());
            let Some(program) = program.filter(|_| is_wanted) else { return Err(Refusal::Unreachable) };
            let server = hyper::upgrade::on(&mut answer);
            self.leave(Next::Upgraded { program, server });
            return Ok(answer.map(|body| body.boxed()));
        }
        strip_hop_by_hop(answer.headers_mut());
        Ok(answer.map(|body| body.boxed()))
    }

    fn leave(&self, next: Next) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }
}

impl Upstream {
    async fn connect(to: &Authority, connection: TcpStream) -> Result<Self, Refusal> {
        let handshake = http1::handshake(TokioIo::new(connection)).await;
        let (sender, driver) = handshake.map_err(|_| Refusal::Unreachable)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = driver.with_upgrades().await {
                tracing::debug!(error = %error, "a connection to a server broke");
            }
        });
        Ok(Self { to: to.clone(), sender, _driver: AbortOnDropHandle::new(driver) })
    }
}

/// Resolves when a server has had its time to answer.
async fn no_answer(sent: Over) {
    // Nothing is ever said on it.
    let _ = sent.await;
    sleep(ANSWER_LIMIT).await;
}
