//! What comes of answers: bodies that are too long, too slow, not text, or not what was expected.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::support::*;
use crate::api::RemoteCodePolicy;
use crate::network::dial::fake::Names;
use crate::source::Wanted;

const BOM: &str = "\u{feff}print(1)\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    gzip_at(Compression::best(), content)
}

fn gzip_at(level: Compression, content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn gzipped(content: &[u8]) -> Reply {
    with_headers("Content-Encoding: gzip\r\n", content)
}

fn hash(content: impl AsRef<[u8]>) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn with_hash(site: &Site, policy: &RemoteCodePolicy, hash: &str) -> Result<String, String> {
    let wanted = Wanted { hash: Some(hash.to_owned()), ..wanted(&site.url()) };
    said(fetcher(policy, &Names::new(&[])).fetch(&wanted).await)
}

#[tokio::test]
async fn the_text_at_a_url_is_fetched_as_it_is() {
    let site = Site::saying(|_| ok(CODE)).await;
    assert_eq!(fetch(&lenient(), &format!("{}?q=a%20b#fragment", site.url())).await.as_deref(), Ok(CODE));
    let [head] = &site.heard()[..] else { panic!("{:?}", site.heard()) };
    assert!(head.starts_with("GET /a.py?q=a%20b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {ALLOWED}:{}\r\n", site.port)), "{head}");
    assert!(head.contains("\r\nuser-agent: isol8/"), "{head}");
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_a_failure() {
    for line in ["404 Not Found", "500 Oops", "304 Not Modified", "300 Multiple Choices"] {
        let site = Site::saying(move |_| status(line)).await;
        let code = line.split(' ').next().unwrap_or_default();
        assert_eq!(fetch(&lenient(), &site.url()).await, Err(format!("Failed to fetch remote code: HTTP {code}")));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_breaks_off_is_a_failure() {
    let site = Site::saying(|_| Reply::Whole(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nprint(".to_vec())).await;
    let error = fetch(&lenient(), &site.url()).await.expect_err("half an answer");
    assert!(error.starts_with(&format!("Failed to fetch remote code: the exchange with {ALLOWED} broke")), "{error}");
    let site = Site::saying(|_| Reply::Whole(b"SSH-2.0-OpenSSH\r\n".to_vec())).await;
    let error = fetch(&lenient(), &site.url()).await.expect_err("no HTTP");
    assert!(error.starts_with("Failed to fetch remote code: "), "{error}");
    let (url, port) = (site.url(), site.port);
    drop(site);
    let expected = format!("Failed to fetch remote code: could not connect to {ALLOWED}:{port}");
    assert_eq!(fetch(&lenient(), &url).await, Err(expected));
}

// W128: the timer stopped after the headers, so that a slow body could hang.
#[tokio::test]
async fn w128_the_time_limit_is_that_of_the_whole_fetch() {
    let policy = RemoteCodePolicy { fetch_timeout_ms: 300, ..lenient() };
    let expected = Err("Remote code fetch timed out after 300ms".to_owned());
    for stall in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nprint("] {
        let site = Site::saying(move |_| Reply::Stall(stall.as_bytes().to_vec())).await;
        let (outcome, took) = timed(fetch(&policy, &site.url())).await;
        assert_eq!(outcome, expected, "{stall:?}");
        assert!((300..5000).contains(&took.as_millis()), "{took:?}");
    }
    // Ever so little, but always in time.
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let site = Site::saying(move |_| Reply::Endless(head.into(), b"1\r\n#\r\n".to_vec())).await;
    let policy = RemoteCodePolicy { max_code_size: u32::MAX.into(), ..policy };
    assert_eq!(fetch(&policy, &site.url()).await, expected);
}

#[tokio::test]
async fn more_than_the_limit_is_refused_when_it_is_announced_and_while_it_comes() {
    let policy = RemoteCodePolicy { max_code_size: 100, ..lenient() };
    let site = Site::saying(|_| ok([b'#'; 100])).await;
    assert_eq!(fetch(&policy, &site.url()).await.map(|text| text.len()), Ok(100));

    let head = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n";
    let site = Site::saying(move |_| Reply::Stall(head.into())).await;
    let expected = "Remote code exceeds maxCodeSize (100 bytes): 101 bytes";
    assert_eq!(fetch(&policy, &site.url()).await, Err(expected.to_owned()));

    let expected = Err("Remote code exceeds maxCodeSize (100 bytes)".to_owned());
    for head in ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
        let site = Site::saying(move |_| Reply::Endless(head.into(), b"1\r\n#\r\n".to_vec())).await;
        assert_eq!(fetch(&policy, &site.url()).await, expected);
    }
}

#[tokio::test]
async fn gzip_is_decoded_and_its_content_is_what_counts() {
    let site = Site::saying(|_| gzipped(&gzip(CODE.as_bytes()))).await;
    assert_eq!(fetch(&lenient(), &site.url()).await.as_deref(), Ok(CODE));
    assert_eq!(with_hash(&site, &lenient(), &hash(CODE)).await.as_deref(), Ok(CODE));
    let two = [gzip(b"print(1)"), gzip(b"\n")].concat();
    let site = Site::saying(move |_| gzipped(&two)).await;
    assert_eq!(fetch(&lenient(), &site.url()).await.as_deref(), Ok(CODE));

    // As long as it may be, of what cannot be made smaller.
    let random: String = (0..20_000_u64).map(|n| char::from(33 + ((n * n * 2_654_435_761) >> 7) as u8 % 90)).collect();
    let policy = RemoteCodePolicy { max_code_size: random.len() as u64, ..lenient() };
    let stored = gzip_at(Compression::none(), random.as_bytes());
    assert!(stored.len() > random.len());
    let site = Site::saying(move |_| gzipped(&stored)).await;
    assert_eq!(fetch(&policy, &site.url()).await, Ok(random));
}

#[tokio::test]
async fn a_gzip_bomb_is_over_at_the_limit() {
    let bomb = gzip(&vec![b'#'; 32 << 20]);
    assert!(bomb.len() < 1 << 16);
    let policy = RemoteCodePolicy { max_code_size: 1 << 20, ..lenient() };
    let site = Site::saying(move |_| gzipped(&bomb)).await;
    let expected = Err("Remote code exceeds maxCodeSize (1048576 bytes)".to_owned());
    assert_eq!(fetch(&policy, &site.url()).await, expected);

    // And one of nothing, without an end.
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    let site = Site::saying(move |_| Reply::Endless(head.into(), gzip(b""))).await;
    assert_eq!(fetch(&policy, &site.url()).await, expected);
}

#[tokio::test]
async fn damaged_and_unknown_encodings_are_failures() {
    let whole = gzip(CODE.as_bytes());
    let mut changed = whole.clone();
    let checksum = changed.len() - 6;
    changed[checksum] ^= 1;
    for damaged in [&whole[..whole.len() - 3], &whole[..12], &changed, b"plain"] {
        let damaged = damaged.to_vec();
        let site = Site::saying(move |_| gzipped(&damaged)).await;
        let error = fetch(&lenient(), &site.url()).await;
        assert_eq!(error, Err("Failed to fetch remote code: the gzip content is damaged".to_owned()));
    }
    for encoding in ["br", "gzip, gzip", "deflate"] {
        let header = format!("Content-Encoding: {encoding}\r\n");
        let site = Site::saying(move |_| with_headers(&header, gzip(CODE.as_bytes()))).await;
        let error = fetch(&lenient(), &site.url()).await.expect_err(encoding);
        let expected = format!("Failed to fetch remote code: the content encoding \"{encoding}\" is not supported");
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn what_is_not_text_is_refused() {
    for (content, expected) in [
        (&b"\x7fELF\0\0"[..], "Fetched code appears to be binary content"),
        (b"print(1)\0", "Fetched code appears to be binary content"),
        (b"print('\xff')", "Fetched code appears to be binary content"),
        (b"print('\xc3", "Fetched code appears to be binary content"),
        (b"\xed\xa0\x80", "Fetched code appears to be binary content"),
        (b"", "Remote code response body is empty"),
        (b" \r\n\t", "Remote code response body is empty"),
    ] {
        let site = Site::saying(move |_| ok(content)).await;
        assert_eq!(fetch(&lenient(), &site.url()).await, Err(expected.to_owned()), "{content:?}");
    }
    let site = Site::saying(|_| status("204 No Content")).await;
    assert_eq!(fetch(&lenient(), &site.url()).await, Err("Remote code response body is empty".to_owned()));
}

#[tokio::test]
async fn code_that_is_not_what_the_caller_expects_is_refused() {
    let site = Site::saying(|_| ok(CODE)).await;
    let right = hash(CODE);
    for hash in [&right, &right.to_uppercase(), &format!(" {right} ")] {
        assert_eq!(with_hash(&site, &lenient(), hash).await.as_deref(), Ok(CODE));
    }
    let mismatch = Err("Remote code hash mismatch".to_owned());
    assert_eq!(with_hash(&site, &lenient(), &hash("print(2)\n")).await, mismatch);
    let asked = site.heard().len();
    for malformed in
        ["", "deadbeef", &right[1..], &format!("{right}0"), &right.replace(|c: char| c.is_ascii_digit(), "g"), "é"]
    {
        assert_eq!(with_hash(&site, &lenient(), malformed).await, mismatch, "{malformed}");
    }
    assert_eq!(site.heard().len(), asked, "what nothing can match is not fetched");
}

// W129: the hash was computed over decoded text with a byte-order mark stripped.
#[tokio::test]
async fn w129_the_hash_is_of_the_bytes_that_came() {
    let site = Site::saying(|_| ok(BOM)).await;
    assert_eq!(with_hash(&site, &lenient(), &hash(BOM)).await.as_deref(), Ok(BOM));
    let error = with_hash(&site, &lenient(), &hash(CODE)).await;
    assert_eq!(error, Err("Remote code hash mismatch".to_owned()));
}

#[tokio::test]
async fn where_a_hash_is_required_nothing_comes_without() {
    let site = Site::saying(|_| ok(CODE)).await;
    let policy = RemoteCodePolicy { require_hash: true, ..lenient() };
    let expected = Err("Hash verification required: provide codeHash for remote code execution.".to_owned());
    assert_eq!(fetch(&policy, &site.url()).await, expected);
    assert_eq!(with_hash(&site, &policy, " ").await, expected);
    assert!(site.heard().is_empty());
    assert_eq!(with_hash(&site, &policy, &hash(CODE)).await.as_deref(), Ok(CODE));
}
