//! What follows `CONNECT`: TLS for the host that was asked for, or requests for it in the clear. Nothing else.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::registries::Term;
use super::rewound::Rewound;
use super::{Outlet, connection};
use crate::network::client_hello::{ClientHello, ClientHelloReader};
use crate::network::{Authority, Reason, policy};

/// How long a client may take to say for whom its connection is.
const HELLO_LIMIT: Duration = Duration::from_secs(30);

/// Bytes that are read at a time while it does.
const HELLO_CHUNK: usize = 4096;

/// Bytes that are moved at a time, in each direction.
const CHUNK: usize = 64 * 1024;

/// Serves a tunnel to `to`, at whose other end is `server`.
pub(super) async fn serve<C>(outlet: &Arc<Outlet>, to: Authority, mut program: C, mut server: TcpStream, term: &Term)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some((hello, first)) = greeting(&mut program).await else { return };
    let decision = policy::check_tls(&to.host, &hello);
    if decision.reason() == Reason::NotTls {
        // Requests in the clear are decided and dialled one by one, as outside.
        drop(server);
        let program = Rewound::new(first, program);
        if let Some(next) = connection::http(outlet, program, Some(to), term).await {
            next.relay().await;
        }
        return;
    }
    let host = to.host.to_string();
    if !decision.is_allowed() {
        outlet.traffic.blocked(&Method::CONNECT, &host, None, policy::explain(&decision, Some(&to)));
        return;
    }
    if server.write_all(&first).await.is_ok() {
        copy(program, server).await;
    }
}

/// What the program says first, as far as it tells for whom it is, and how it says it.
async fn greeting(program: &mut (impl AsyncRead + Unpin)) -> Option<(ClientHello, Bytes)> {
    let (mut reader, mut said) = (ClientHelloReader::default(), BytesMut::new());
    let limit = Instant::now() + HELLO_LIMIT;
    loop {
        let before = said.len();
        said.reserve(HELLO_CHUNK);
        if timeout_at(limit, program.read_buf(&mut said)).await.ok()?.ok()? == 0 {
            return None;
        }
        if let Some(hello) = reader.feed(&said[before..]) {
            return Some((hello.clone(), said.freeze()));
        }
    }
}

/// Copies both ways until both have ended, or one has failed, which ends the other.
pub(super) async fn copy(mut one: impl AsyncRead + AsyncWrite + Unpin, mut other: impl AsyncRead + AsyncWrite + Unpin) {
    // Whoever of the two is still there notices.
    let _ = copy_bidirectional_with_sizes(&mut one, &mut other, CHUNK, CHUNK).await;
}
