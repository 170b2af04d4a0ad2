use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use futures::executor::block_on;
use futures::{AsyncReadExt, AsyncWriteExt};
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::sandbox::docker::connect::Certificates;

/// What a daemon sends of `bytes` that were written to an output.
fn frame(output: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
    [&[output, 0, 0, 0], &length[..], bytes].concat()
}

/// A connection that brings bytes in these pieces, and keeps what each write would have sent.
#[derive(Default)]
struct Pieces {
    come: VecDeque<Vec<u8>>,
    written: Vec<Vec<u8>>,
}

impl tokio::io::AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.come.pop_front() {
            let rest = piece.split_off(piece.len().min(into.remaining()));
            into.put_slice(&piece);
            if !rest.is_empty() {
                self.come.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Pieces {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.push(bytes.to_vec());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = pieces.iter().flat_map(|piece| piece.iter().copied()).collect::<Vec<_>>();
        let length = bytes.len();
        self.written.push(bytes);
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn stream(read: &[u8], come: impl IntoIterator<Item = Vec<u8>>) -> AttachStream<Pieces> {
    let pieces = Pieces { come: come.into_iter().collect(), written: Vec::new() };
    AttachStream::new(ContainerId::new("c"), pieces, read)
}

/// Everything until the end, by reads of these lengths in turn.
fn read_all(stream: &mut AttachStream<Pieces>, lengths: &[usize]) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for length in lengths.iter().cycle() {
        let mut buffer = vec![0; *length];
        match block_on(stream.read(&mut buffer))? {
            0 => break,
            read => all.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(all)
}

proptest! {
    #[test]
    fn standard_output_arrives_whole_however_it_is_cut(
        frames in prop::collection::vec((1_u8..=2, 0_usize..40_000), 0..6),
        cuts in prop::collection::vec(1_usize..20_000, 1..6),
        lengths in prop::collection::vec(1_usize..70_000, 1..4),
        early in 0_usize..20_000,
    ) {
        let mut seed = 0_u8;
        let mut bytes = |length| -> Vec<u8> {
            (0..length).map(|_| { seed = seed.wrapping_mul(5).wrapping_add(1); seed }).collect()
        };
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for (output, length) in frames {
            let contents = bytes(length);
            sent.extend(frame(output, &contents));
            if output == 1 {
                expected.extend(contents);
            }
        }
        let mut rest = sent.split_off(early.min(sent.len()));
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let after = rest.split_off(rest.len().min(*cut));
            pieces.push(std::mem::replace(&mut rest, after));
        }
        prop_assert_eq!(read_all(&mut stream(&sent, pieces), &lengths).expect("frames"), expected);
    }
}

#[test]
fn a_frame_of_neither_output_is_an_error() {
    for output in [0, 3, 255] {
        assert!(read_all(&mut stream(&[], [frame(output, b"?")]), &[64]).is_err());
    }
}

#[test]
fn pieces_that_are_written_together_go_out_together() {
    let mut stream = stream(&[], []);
    let pieces = [IoSlice::new(b"head"), IoSlice::new(b"body")];
    assert_eq!(block_on(stream.write_vectored(&pieces)).expect("written"), 8);
    assert_eq!(stream.connection.written, [b"headbody"]);
}

/// Answers one request with `answer`, and sends back whatever comes after it. Returns the request's head.
async fn serve(mut connection: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, answer: &[u8]) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.expect("a head"));
    }
    connection.write_all(answer).await.expect("sent");
    let mut said = [0; 5];
    if connection.read_exact(&mut said).await.is_ok() {
        connection.write_all(&frame(1, &said)).await.expect("sent");
        connection.shutdown().await.expect("ended");
    }
    String::from_utf8(head).expect("text")
}

const UPGRADED: &[u8] = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x01\0\0\0\0\0\0\x03at ";

/// Attaches, says hello, and returns all that comes back.
async fn hello(route: &Route) -> Result<String, DockerError> {
    let mut stream = attach(route, &ContainerId::new("abc")).await?;
    stream.write_all(b"hello").await?;
    stream.flush().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn what_comes_with_the_answer_is_the_beginning_of_the_stream() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("docker.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let served = tokio::spawn(async move { serve(listener.accept().await.expect("a client").0, UPGRADED).await });
    let route = Route::to(&format!("unix://{}", path.display()), None).expect("a route");
    assert_eq!(hello(&route).await.expect("attached"), "at hello");
    let head = served.await.expect("served");
    let first = "POST /containers/abc/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n";
    assert!(head.starts_with(first), "{head}");
}

#[tokio::test]
async fn a_daemon_that_refuses_is_quoted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let route = Route::to(&format!("tcp://{}", listener.local_addr().expect("an address")), None).expect("a route");
    for (answer, status, message) in [
        ("404 Not Found\r\nContent-Length: 23\r\n\r\n{\"message\":\"no such c\"}", 404, "no such c"),
        ("500 Oops\r\nContent-Length: 4\r\n\r\nfour", 500, "the daemon answered 500 Internal Server Error"),
    ] {
        let answered = async {
            serve(listener.accept().await.expect("a client").0, format!("HTTP/1.1 {answer}").as_bytes()).await
        };
        let (error, _) = futures::join!(hello(&route), answered);
        match error.expect_err("a refusal") {
            DockerError::DockerResponseServerError { status_code, message: said } => {
                assert_eq!((status_code, said.as_str()), (status, message));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A daemon that knows its clients by their certificates, and the files with which it can be reached.
fn mutual(directory: &Path) -> (TlsAcceptor, Certificates) {
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new([]).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key()).expect("an authority");
    let signed = |name: &str| {
        let key = key();
        let params = CertificateParams::new([name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &authority).expect("a certificate"), key)
    };
    let (server, server_key) = signed("127.0.0.1");
    let (client, client_key) = signed("client");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions")
        .with_client_cert_verifier(clients.build().expect("a verifier"))
        .with_single_cert(vec![server.der().clone()], server_key.serialize_der().try_into().expect("a key"))
        .expect("a certificate with its key");
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let files = Certificates {
        key: write("key.pem", client_key.serialize_pem()),
        cert: write("cert.pem", client.pem()),
        ca: write("ca.pem", authority.pem()),
    };
    (Arc::new(config).into(), files)
}

#[tokio::test]
async fn over_tls_both_ends_prove_who_they_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let (acceptor, files) = mutual(directory.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("an address"));
    let route = Route::to(&endpoint, Some(files)).expect("a route");
    let served = async {
        let (connection, _) = listener.accept().await.expect("a client");
        serve(acceptor.accept(connection).await.expect("a certificate"), UPGRADED).await
    };
    let (answer, _) = futures::join!(hello(&route), served);
    assert_eq!(answer.expect("attached"), "at hello");

    // Another authority's daemon, and for that one we are nobody's client.
    let other = tempfile::tempdir().expect("a directory");
    let (stranger, _) = mutual(other.path());
    let refused = async {
        let (connection, _) = listener.accept().await.expect("a client");
        assert!(stranger.accept(connection).await.is_err());
    };
    let (answer, ()) = futures::join!(hello(&route), refused);
    assert!(matches!(answer, Err(DockerError::IOError { .. })), "{answer:?}");
}
