//! What a policy allows, for every spelling of a URL; and that tightening never allows more.

use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use url::Url;

use crate::api::{RemoteCodeOptions, RemoteCodePolicy};
use crate::network::address::{AddressKind, kind};
use crate::network::{Authority, Host};
use crate::source::SourceError;
use crate::source::hop::request;
use crate::source::policy::Policy;

fn open() -> RemoteCodePolicy {
    RemoteCodePolicy { enabled: true, ..RemoteCodePolicy::default() }
}

/// All checks that need no network, in their order, for a name with this address.
fn decide(policy: &RemoteCodePolicy, url: &str, insecure: bool, at: IpAddr) -> Result<Authority, String> {
    let decide = || {
        let policy = Policy::compile("remoteCode", policy).expect("a policy");
        let to = policy.decide(&policy.read(url)?, insecure)?;
        policy.decide_address(&to.host, to.host.ip().unwrap_or(at))?;
        policy.decide_hash(None)?;
        Ok(to)
    };
    decide().map_err(|error: SourceError| error.to_string())
}

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));

fn refusal(policy: &RemoteCodePolicy, url: &str, insecure: bool) -> String {
    decide(policy, url, insecure, PUBLIC).expect_err(url)
}

#[test]
fn the_first_check_that_fails_says_why() {
    let closed = RemoteCodePolicy::default();
    let disabled = "Remote code fetching is disabled. Set remoteCode.enabled=true to allow it.";
    assert_eq!(refusal(&closed, "", false), disabled);
    assert_eq!(refusal(&closed, "http://localhost/", false), disabled);
    assert_eq!(refusal(&open(), " ", false), "codeUrl is required for remote code fetching");
    for url in ["nonsense", "//example.com/", "https://", "https://[::1", "https://256.1.1.1/", "https://a b/"] {
        assert_eq!(refusal(&open(), url, false), format!("Invalid code URL: {url}"));
    }
    let insecure = "Insecure code URL blocked. Use allowInsecureCodeUrl=true to allow HTTP.";
    assert_eq!(refusal(&open(), "http://localhost/", false), insecure);
    assert_eq!(refusal(&open(), "http://localhost/", true), "URL scheme not allowed: http");
    assert_eq!(refusal(&open(), "FTP://localhost/", true), "URL scheme not allowed: ftp");
    assert_eq!(refusal(&open(), "https://localhost/", false), "Blocked code URL host: localhost");
    assert_eq!(refusal(&open(), "https://100.64.0.1/", false), "Blocked code URL host: 100.64.0.1");
    let hashed = RemoteCodePolicy { require_hash: true, ..open() };
    assert_eq!(refusal(&hashed, "https://100.64.0.1/", false), "Blocked code URL host: 100.64.0.1");
    let required = "Hash verification required: provide codeHash for remote code execution.";
    assert_eq!(refusal(&hashed, "https://example.com/", false), required);
    assert!(decide(&open(), "https://example.com/", false, PUBLIC).is_ok());
}

// C33.
#[test]
fn http_needs_the_request_and_the_policy() {
    let both = RemoteCodePolicy { allowed_schemes: vec!["HTTP".to_owned(), "https".to_owned()], ..open() };
    assert!(decide(&both, "http://example.com/", true, PUBLIC).is_ok());
    for (policy, insecure) in [(&both, false), (&open(), true), (&open(), false)] {
        assert!(decide(policy, "http://example.com/", insecure, PUBLIC).is_err());
        assert!(decide(policy, "https://example.com/", insecure, PUBLIC).is_ok());
    }
    // Listing a scheme does not make us able to speak it.
    let odd =
        RemoteCodePolicy { allowed_schemes: vec!["file".to_owned(), "data".to_owned(), "ws".to_owned()], ..open() };
    for url in ["file:///etc/passwd", "data:,print(1)", "ws://example.com/", "https://example.com/"] {
        let scheme = url.split(':').next().unwrap_or_default();
        assert_eq!(refusal(&odd, url, true), format!("URL scheme not allowed: {scheme}"));
    }
}

#[test]
fn a_url_does_not_show_its_password() {
    for url in
        ["https://user:hunter2@example.com/", "https://hunter2@example.com/", "https://user:hunter2@[/", "hunter2@x"]
    {
        let error = refusal(&open(), url, false);
        assert!(error.starts_with("Invalid code URL: ") && !error.contains("hunter2"), "{error}");
    }
    let error = refusal(&open(), &format!("\u{1b}[2J{}", "x".repeat(100_000)), false);
    assert!(error.len() < 400 && !error.contains('\u{1b}'), "{error}");
    assert!(refusal(&open(), &format!("https://example.com/{}", "x".repeat(100_000)), false).len() < 400);
}

// W127: IPv4-mapped IPv6 and several special ranges passed.
#[test]
fn w127_only_public_addresses_are_asked() {
    for host in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::7f00:1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:7f00:1::]",
        "[2001:db8::1]",
    ] {
        for blocked_hosts in [open().blocked_hosts, vec![]] {
            let policy = RemoteCodePolicy { blocked_hosts, ..open() };
            let error = refusal(&policy, &format!("https://{host}/"), false);
            assert!(error.starts_with("Blocked code URL host: "), "{host}: {error}");
            let address: IpAddr = host.trim_matches(['[', ']']).parse().expect("an address");
            let error = decide(&policy, "https://example.com/", false, address).expect_err(host);
            assert_eq!(error, "Blocked code URL host: example.com");
        }
    }
    for host in ["1.1.1.1", "172.32.0.1", "[2606:4700:4700::1111]", "[64:ff9b::1.1.1.1]"] {
        assert!(decide(&open(), &format!("https://{host}/"), false, PUBLIC).is_ok(), "{host}");
    }
}

// W131: private hosts could never be allowed deliberately.
#[test]
fn w131_a_list_of_hosts_can_allow_one_private_address() {
    let policy = |allowed: &[&str], blocked: &[&str]| RemoteCodePolicy {
        allowed_hosts: allowed.iter().map(|&text| text.to_owned()).collect(),
        blocked_hosts: blocked.iter().map(|&text| text.to_owned()).collect(),
        ..open()
    };
    let one = policy(&[r"^10\.0\.0\.5$", r"^code\.internal$"], &[]);
    let at = |text: &str| text.parse().expect("an address");
    for url in ["https://10.0.0.5/", "https://167772165/", "https://0xa.5/", "https://[::ffff:10.0.0.5]/"] {
        assert!(decide(&one, url, false, PUBLIC).is_ok(), "{url}");
    }
    assert!(decide(&one, "https://code.internal/", false, at("10.0.0.5")).is_ok());
    assert!(decide(&one, "https://code.internal/", false, at("10.0.0.6")).is_err());
    assert!(decide(&one, "https://10.0.0.6/", false, PUBLIC).is_err());
    assert!(decide(&one, "https://example.com/", false, at("10.0.0.5")).is_err());
    // A pattern that only happens to match does not say so.
    assert!(decide(&policy(&[r"^10\."], &[]), "https://10.0.0.5/", false, PUBLIC).is_err());
    assert!(decide(&policy(&[".*"], &[]), "https://10.0.0.5/", false, PUBLIC).is_err());
    // The list of blocked hosts still comes first, and metadata addresses are never asked.
    assert!(decide(&policy(&[r"^10\.0\.0\.5$"], &["^10"]), "https://10.0.0.5/", false, PUBLIC).is_err());
    let defaults = RemoteCodePolicy { allowed_hosts: vec![r"^10\.0\.0\.5$".to_owned()], ..open() };
    assert!(decide(&defaults, "https://10.0.0.5/", false, PUBLIC).is_err());
    for metadata in ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"] {
        let pattern = format!("^{}$", metadata.replace('.', r"\.").replace('[', r"\[").replace(']', r"\]"));
        assert!(
            decide(&policy(&[&pattern], &[]), &format!("https://{metadata}/"), false, PUBLIC).is_err(),
            "{metadata}"
        );
    }
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_by_name() {
    let error = |policy: RemoteCodePolicy| Policy::compile("remoteCode", &policy).expect_err("nonsense").to_string();
    let bad = || vec!["fine".to_owned(), "(".to_owned()];
    assert!(error(RemoteCodePolicy { allowed_hosts: bad(), ..open() }).starts_with("remoteCode.allowedHosts[1]: "));
    assert!(error(RemoteCodePolicy { blocked_hosts: bad(), ..open() }).starts_with("remoteCode.blockedHosts[1]: "));
    assert!(error(RemoteCodePolicy { within: vec![bad()], ..open() }).starts_with("remoteCode.allowedHosts[1]: "));
    for (policy, expected) in [
        (RemoteCodePolicy { max_code_size: 0, ..open() }, "remoteCode.maxCodeSize: expected a whole number from 1 to"),
        (RemoteCodePolicy { max_code_size: 1 << 32, ..open() }, "remoteCode.maxCodeSize: "),
        (RemoteCodePolicy { fetch_timeout_ms: 0, ..open() }, "remoteCode.fetchTimeoutMs: "),
        (RemoteCodePolicy { fetch_timeout_ms: 1 << 31, ..open() }, "remoteCode.fetchTimeoutMs: "),
        (RemoteCodePolicy { cache_ttl: 1 << 32, ..open() }, "remoteCode.cacheTtl: expected a whole number from 0 to"),
    ] {
        let error = error(policy);
        assert!(error.starts_with(expected), "{error}");
    }
}

/// Ways to write an IPv4 address as the host of a URL.
fn spelled(address: Ipv4Addr) -> impl Strategy<Value = String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    select(vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{bits}"),
        format!("0x{bits:x}"),
        format!("0{bits:o}"),
        format!("{a}.{}", bits & 0xff_ffff),
        format!("0x{a:X}.0{b:o}.{}", bits & 0xffff),
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!("[0:0:0:0:0:FFFF:{:x}:{:x}]", bits >> 16, bits & 0xffff),
        format!("{a}。{b}．{c}｡{d}"),
    ])
}

fn policies() -> impl Strategy<Value = RemoteCodePolicy> {
    let schemes = vec(select(vec!["http", "https", "HTTPS", "ftp"]), 0..3);
    let hosts = || vec(select(vec!["example", r"^a\.test$", r"^10\.0\.0\.5$", ".*", r"\.test$", "10", "^b"]), 0..4);
    let numbers = (1_u64..100, 1_u64..100, 0_u64..100);
    (any::<[bool; 3]>(), schemes, hosts(), hosts(), numbers).prop_map(|(flags, schemes, allowed, blocked, numbers)| {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        RemoteCodePolicy {
            enabled: flags[0],
            require_hash: flags[1],
            enable_cache: flags[2],
            allowed_schemes: owned(schemes),
            allowed_hosts: owned(allowed),
            blocked_hosts: owned(blocked),
            max_code_size: numbers.0,
            fetch_timeout_ms: numbers.1,
            cache_ttl: numbers.2,
            within: Vec::new(),
        }
    })
}

/// What a client may ask for: any part of any policy.
fn options() -> impl Strategy<Value = RemoteCodeOptions> {
    (policies(), any::<[bool; 9]>()).prop_map(|(policy, has)| RemoteCodeOptions {
        enabled: has[0].then_some(policy.enabled),
        allowed_schemes: has[1].then_some(policy.allowed_schemes),
        allowed_hosts: has[2].then_some(policy.allowed_hosts),
        blocked_hosts: has[3].then_some(policy.blocked_hosts),
        max_code_size: has[4].then_some(policy.max_code_size),
        fetch_timeout_ms: has[5].then_some(policy.fetch_timeout_ms),
        require_hash: has[6].then_some(policy.require_hash),
        enable_cache: has[7].then_some(policy.enable_cache),
        cache_ttl: has[8].then_some(policy.cache_ttl),
        within: Vec::new(),
    })
}

const URLS: [&str; 8] = [
    "https://a.test/",
    "http://b.test/",
    "https://example.com/",
    "https://10.0.0.5/",
    "http://167772165/",
    "https://10.0.0.6/",
    "ftp://a.test/",
    "https://1.1.1.1/",
];

proptest! {
    /// C34, W102.
    #[test]
    fn what_a_client_asks_for_never_allows_more(server in policies(), first in options(), second in options(),
        url in select(URLS.to_vec()), insecure: bool, at in select(vec!["1.1.1.1", "10.0.0.5", "10.0.0.6"])) {
        let at = at.parse().expect("an address");
        let once = server.tightened(&first);
        let twice = once.tightened(&second);
        for (wide, narrow) in [(&server, &once), (&once, &twice)] {
            if decide(narrow, url, insecure, at).is_ok() {
                prop_assert!(decide(wide, url, insecure, at).is_ok(), "{url} {wide:?} {narrow:?}");
            }
            prop_assert!(narrow.max_code_size <= wide.max_code_size);
            prop_assert!(narrow.fetch_timeout_ms <= wide.fetch_timeout_ms);
            prop_assert!(narrow.cache_ttl <= wide.cache_ttl);
            prop_assert!(narrow.require_hash >= wide.require_hash);
            prop_assert!(narrow.enable_cache <= wide.enable_cache);
        }
        // And what the client refuses is refused, as far as it is a policy by itself.
        let own = RemoteCodePolicy {
            enabled: first.enabled.unwrap_or(true),
            allowed_schemes: first.allowed_schemes.clone().unwrap_or_else(|| vec!["http".into(), "https".into()]),
            blocked_hosts: first.blocked_hosts.clone().unwrap_or_default(),
            ..first.into()
        };
        let is_name = Url::parse(url).expect("a URL").domain().is_some();
        if is_name && decide(&once, url, insecure, PUBLIC).is_ok() {
            prop_assert!(decide(&own, url, insecure, PUBLIC).is_ok(), "{url} {own:?} {once:?}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_decided_alike(
        (address, spelling) in any::<u32>().prop_map(Ipv4Addr::from_bits).prop_flat_map(|a| (Just(a), spelled(a))),
        prefix in select(vec!["https://", "HTTPS:\\\\", "https:", " https:/", "https:////", "ht\ttps://"]),
        blocked: bool,
    ) {
        let pattern = format!("^{}$", address.to_string().replace('.', r"\."));
        let policy = RemoteCodePolicy { blocked_hosts: if blocked { vec![pattern] } else { vec![] }, ..open() };
        let plain = decide(&policy, &format!("https://{address}/"), false, PUBLIC);
        prop_assert_eq!(plain.is_ok(), !blocked && kind(address.into()) == AddressKind::Public);
        prop_assert_eq!(decide(&policy, &format!("{prefix}{spelling}/"), false, PUBLIC), plain);
    }

    #[test]
    fn every_spelling_of_a_name_is_decided_alike(
        name in "[a-z]{1,8}", upper: bool, dot: bool, wide: bool, port in option::of(Just(443_u16)), blocked: bool,
    ) {
        let mut host = format!("{name}.Example");
        if upper { host = host.to_uppercase(); }
        if wide { host = host.replace('.', "。"); }
        if dot { host.push('.'); }
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let pattern = format!("^{name}\\.example$");
        let policy = if blocked {
            RemoteCodePolicy { blocked_hosts: vec![pattern], ..open() }
        } else {
            RemoteCodePolicy { allowed_hosts: vec![pattern], blocked_hosts: vec![], ..open() }
        };
        let expected = if blocked { Err(format!("Blocked code URL host: {name}.example")) } else {
            Ok(Authority { host: Host::parse(&format!("{name}.example")).expect("a host"), port: 443 })
        };
        prop_assert_eq!(decide(&policy, &format!("https://{host}{port}/x"), false, PUBLIC), expected);
    }

    /// Whatever a text means as a URL, what is asked is what was decided on.
    #[test]
    fn no_text_leads_to_a_host_that_was_not_decided_on(text in "(https?:)?[/\\\\]{0,3}[a-z0-9.@:%\\[\\]\\\\?#\t一。]{0,24}") {
        let policy = RemoteCodePolicy { allowed_schemes: vec!["http".into(), "https".into()], ..open() };
        let compiled = Policy::compile("remoteCode", &policy).expect("a policy");
        if let Ok(url) = compiled.read(&text) && let Ok(to) = compiled.decide(&url, true) {
            // Written again in its one form, it is the same.
            let again = Url::parse(&format!("{}://{to}/", url.scheme())).expect("a URL");
            prop_assert_eq!(compiled.decide(&again, true).ok(), Some(to.clone()));
            prop_assert!(compiled.decide_address(&to.host, [127, 0, 0, 1].into()).is_err());
            // And it can be asked for.
            prop_assert!(request(&url, &to).is_ok(), "{url}");
        }
    }
}
