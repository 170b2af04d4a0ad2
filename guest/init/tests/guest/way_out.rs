//! The way out of a filtered sandbox, where it cannot be opened.

use isol8_protocol::{Ack, FailureKind, PROXY_PORT, Request};
use tokio::net::TcpListener;

use crate::support::{Guest, contract};

#[tokio::test]
async fn the_engine_is_told_that_nobody_listens() {
    // Also where another program has it already, it is taken.
    let _taken = TcpListener::bind(("127.0.0.1", PROXY_PORT)).await;
    let mut contract = contract(&[]);
    contract.proxy = true;
    let guest = Guest::with(contract).await;
    let Ack::Failed(failure) = guest.ask(&Request::Tunnels).await else { panic!("the port is taken") };
    assert_eq!((failure.kind, failure.errno), (FailureKind::Listen, nix::libc::EADDRINUSE));
    assert_eq!(guest.sh("echo served").await.stdout(), "served\n");
}
