//! What a program in a sandbox says to the proxy, up to what a server reads of it.
//!
//! The input is all that comes over one connection. One name is allowed, at one port. Whatever is said, the server there
//! must read requests for itself only, as many as were decided on at most, and each of them in one way only.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use isol8_fuzz::api::{NetworkAction, NetworkFilterConfig};
use isol8_fuzz::network::dial::Lookup;
use isol8_fuzz::network::proxy::{Outlet, Proxy, serve};
use isol8_fuzz::network::{ClientHello, ClientHelloReader, Host, Policy};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// Of the loopback network, and unlikely to be anybody else's.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 55, 0, 1);
const PORT: u16 = 8080;
const HOST: &str = "allowed.test";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Nothing here takes as long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
}

/// One name, which is there.
#[derive(Debug)]
struct OneName;

impl Lookup for OneName {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        assert_eq!(name, HOST, "a name was looked up that is not allowed");
        async { Ok(vec![ADDRESS.into()]) }.boxed()
    }
}

fuzz_target!(|said: &[u8]| {
    RUNTIME.with(|runtime| {
        let exchange = async { tokio::time::timeout(PATIENCE, exchange(said)).await.expect("an end") };
        let (heard, passed) = runtime.block_on(exchange);
        let mut requests = 0;
        for bytes in &heard {
            // A tunnel carries TLS for its host as it is, and only that.
            match ClientHelloReader::default().feed(bytes) {
                Some(ClientHello::Named(name)) => assert_eq!(Host::parse(name), Host::parse(HOST)),
                _ => requests += read_all(bytes),
            }
        }
        assert!(requests <= passed, "{requests} requests arrived, {passed} were let through");
    });
});

/// What the server heard over each connection when this was said, and how many requests were let through.
async fn exchange(said: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let listener = TcpListener::bind(SocketAddr::from((ADDRESS, PORT))).await.expect("a port");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let origin = tokio::spawn(accept(listener, heard.clone()));

    let config = NetworkFilterConfig {
        whitelist: vec!["^allowed\\.test$".to_owned()],
        ports: Some(vec![PORT]),
        allow_private: Some(vec!["127.55.0.0/16".to_owned()]),
        ..NetworkFilterConfig::default()
    };
    let policy = Policy::compile("networkFilter", &config, Vec::new()).expect("a policy");
    let outlet = Arc::new(Outlet::new(Proxy::with_lookup(policy, Arc::new(OneName))));
    let (mut program, proxy) = tokio::io::duplex(1 << 20);
    let connections = stream::iter([(proxy, CancellationToken::new())]);
    let serving = tokio::spawn(serve(outlet.clone(), connections));
    // The other end may have had enough before all was said.
    let _ = program.write_all(said).await;
    let _ = program.shutdown().await;
    let _ = program.read_to_end(&mut Vec::new()).await;
    serving.await.expect("it does not panic");

    // Whatever was dialled has been accepted, and read to its end.
    let mut last = tokio::net::TcpStream::connect((ADDRESS, PORT)).await.expect("a server");
    last.write_all(b"last").await.expect("it is read");
    last.read_exact(&mut [0; ANSWER.len()]).await.expect("an answer");
    drop(last);
    origin.await.expect("it does not panic");
    let mut heard = std::mem::take(&mut *heard.lock().expect("nobody panics"));
    heard.retain(|bytes| bytes != b"last");
    let entries = outlet.traffic().take().requests.entries;
    (heard, entries.iter().filter(|entry| entry.action == NetworkAction::Allow).count())
}

/// Answers whatever is said, until somebody says `last`.
async fn accept(listener: TcpListener, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut first = [0; 4096];
        let length = connection.read(&mut first).await.unwrap_or_default();
        let mut bytes = first[..length].to_vec();
        let is_last = bytes == b"last";
        let heard = heard.clone();
        connections.spawn(async move {
            let mut open = !bytes.is_empty();
            while open {
                let _ = connection.write_all(ANSWER).await;
                open = matches!(connection.read_buf(&mut bytes).await, Ok(1..));
            }
            heard.lock().expect("nobody panics").push(bytes);
        });
        if is_last {
            while connections.join_next().await.is_some() {}
            return;
        }
    }
}

/// Reads requests, one after the other, as a strict server does. Fails if one could be read in another way, or is for
/// somebody else. The last may be cut off.
fn read_all(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some(end) = find(bytes, b"\r\n\r\n") {
        let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
        count += 1;
        let lines: Vec<&[u8]> = split(head);
        for line in &lines {
            assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{:?}", show(head));
        }
        let (request, headers) = lines.split_first().expect("at least one");
        let words: Vec<&[u8]> = request.split(|byte| *byte == b' ').collect();
        assert!(words.len() == 3 && words[2] == b"HTTP/1.1" && is_origin_form(words[1]), "{:?}", show(request));
        let named = |name: &str| -> Vec<String> {
            headers
                .iter()
                .filter_map(|line| {
                    let colon = line.iter().position(|byte| *byte == b':').expect("a name");
                    let is_it = line[..colon].eq_ignore_ascii_case(name.as_bytes());
                    is_it.then(|| String::from_utf8_lossy(&line[colon + 1..]).trim().to_owned())
                })
                .collect()
        };
        assert_eq!(named("host"), [format!("{HOST}:{PORT}")], "{:?}", show(head));
        let (lengths, encodings) = (named("content-length"), named("transfer-encoding"));
        assert!(lengths.len() + encodings.len() <= 1, "{:?}", show(head));
        let body = match (lengths.first(), encodings.first()) {
            (Some(length), _) => Some(length.parse::<usize>().expect("a number")),
            (None, Some(encoding)) => {
                assert_eq!(encoding, "chunked");
                chunks(rest)
            }
            (None, None) => Some(0),
        };
        match body.and_then(|length| rest.get(length..)) {
            Some(next) => bytes = next,
            None => return count,
        }
    }
    // What is left is the beginning of a head, or nothing.
    count
}

/// The path of a request to a server, or `*`.
fn is_origin_form(target: &[u8]) -> bool {
    target == b"*" || target.first() == Some(&b'/')
}

/// How long chunks are, trailers included, if they are complete.
fn chunks(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let digits = std::str::from_utf8(&bytes[at..at + line]).expect("digits");
        let length = usize::from_str_radix(digits, 16).expect("a number, and nothing behind it");
        at += line + 2;
        if length == 0 {
            loop {
                let line = find(bytes.get(at..)?, b"\r\n")?;
                at += line + 2;
                if line == 0 {
                    return Some(at);
                }
            }
        }
        let end = at.checked_add(length)?;
        let after = bytes.get(end..end + 2)?;
        assert_eq!(after, b"\r\n");
        at = end + 2;
    }
}

fn split(head: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut rest) = (Vec::new(), head);
    while let Some(end) = find(rest, b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    lines
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
