use super::advice::advice;
use super::*;
use crate::api::NetworkAction;
use crate::network::client_hello::ClientHello;

/// Whitelist, blacklist, networks.
fn policy(whitelist: &[&str], blacklist: &[&str], allow_private: &[&str]) -> Policy {
    compile(&config(whitelist, blacklist, allow_private)).expect("a policy")
}

fn config(whitelist: &[&str], blacklist: &[&str], allow_private: &[&str]) -> NetworkFilterConfig {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    NetworkFilterConfig {
        whitelist: owned(whitelist),
        blacklist: owned(blacklist),
        ports: None,
        allow_private: Some(owned(allow_private)),
    }
}

fn compile(config: &NetworkFilterConfig) -> Result<Policy, PolicyError> {
    Policy::compile("networkFilter", config, vec!["0.0.0.0:8080".parse().expect("an address")])
}

fn authority(text: &str) -> Authority {
    Authority::parse(text, Authority::TUNNEL_PORT).expect(text)
}

fn reason(policy: &Policy, text: &str) -> Reason {
    policy.decide(&authority(text)).reason()
}

fn address_reason(policy: &Policy, address: &str) -> Reason {
    policy.decide_address(address.parse().expect(address), 443).reason()
}

#[test]
fn without_a_filter_every_public_host_can_be_reached() {
    let policy = Policy::compile("network", &NetworkFilterConfig::default(), Vec::new()).expect("the default");
    assert_eq!(reason(&policy, "example.com"), Reason::NoWhitelist);
    assert_eq!(reason(&policy, "1.1.1.1:80"), Reason::NoWhitelist);
    assert_eq!(reason(&policy, "127.0.0.1"), Reason::PrivateAddress);
}

#[test]
fn a_whitelist_lets_only_its_own_matches_pass_and_the_blacklist_comes_before_it() {
    let policy = policy(&[r"^example\.com$", r"\.example\.org$"], &["^evil"], &[]);
    let decision = policy.decide(&authority("example.com"));
    assert_eq!((decision.action(), decision.reason()), (NetworkAction::Allow, Reason::Whitelist));
    assert_eq!(decision.rule(), Some(&Rule::Pattern(r"^example\.com$".to_owned())));
    assert_eq!(reason(&policy, "www.example.org"), Reason::Whitelist);
    assert_eq!(reason(&policy, "example.com.test"), Reason::NotWhitelisted);
    assert_eq!(reason(&policy, "1.1.1.1"), Reason::NotWhitelisted);

    let decision = policy.decide(&authority("evil.example.org"));
    assert_eq!((decision.action(), decision.reason()), (NetworkAction::Block, Reason::Blacklist));
    assert_eq!(decision.rule(), Some(&Rule::Pattern("^evil".to_owned())));
}

// W62: matching was case-sensitive, and a trailing dot bypassed it.
#[test]
fn w62_no_spelling_gets_around_a_pattern() {
    let policy = policy(&[], &[r"^EVIL\.test$", r"^1\.2\.3\.4$", r"^\[2606:4700::1\]$", "^2606:4700::2$"], &[]);
    for spelling in
        ["evil.test", "EVIL.TEST.", "ｅｖｉｌ。test", "evil\u{ad}.test", "1.2.3.4", "0x1020304", "01.0x2.772"]
    {
        assert_eq!(reason(&policy, spelling), Reason::Blacklist, "{spelling}");
    }
    for spelling in ["[2606:4700::1]", "[2606:4700:0::0:1]", "[2606:4700::2]", "[::ffff:1.2.3.4]"] {
        assert_eq!(reason(&policy, spelling), Reason::Blacklist, "{spelling}");
    }
}

// W62, W63: an invalid blacklist failed open, and patterns with commas or quotes were torn apart.
#[test]
fn w62_what_does_not_compile_is_an_error_that_names_the_option() {
    let error = |config: NetworkFilterConfig| compile(&config).expect_err("no policy").to_string();
    let syntax = "not a valid regular expression";
    assert_eq!(error(config(&["a", "(a"], &[], &[])), format!("networkFilter.whitelist[1]: {syntax}: unclosed group"));
    assert_eq!(
        error(config(&[], &["a(?!b)"], &[])),
        format!(
            "networkFilter.blacklist[0]: {syntax}: look-around, including look-ahead and look-behind, is not supported"
        )
    );
    assert_eq!(
        error(config(&[], &[], &["10.0.0.0/8", "10.0.0.1/8"])),
        "networkFilter.allowPrivate[1]: 10.0.0.1/8 has bits set beyond its prefix: did you mean 10.0.0.0/8?"
    );
    assert_eq!(
        error(config(&["a"; MAX_RULES + 1], &[], &[])),
        "networkFilter.whitelist: expected at most 1000 entries, found 1001"
    );
    for (ports, expected) in [
        (vec![], "networkFilter.ports: expected at least one port"),
        (vec![80, 0], "networkFilter.ports[1]: expected a port from 1 to 65535, found 0"),
    ] {
        assert_eq!(error(NetworkFilterConfig { ports: Some(ports), ..NetworkFilterConfig::default() }), expected);
    }
}

#[test]
fn w63_patterns_with_commas_and_quotes_are_whole() {
    let policy = policy(&[r#"^a{1,2}\.test$|","|'"#], &[], &[]);
    assert_eq!(reason(&policy, "aa.test"), Reason::Whitelist);
    assert_eq!(reason(&policy, "aaa.test"), Reason::NotWhitelisted);
}

// W66: CONNECT to any port was possible.
#[test]
fn w66_ports_other_than_those_of_the_web_have_to_be_listed() {
    let default = policy(&[], &[], &[]);
    assert_eq!(reason(&default, "example.com:80"), Reason::NoWhitelist);
    for port in [1, 22, 25, 442, 8443, 65535] {
        assert_eq!(reason(&default, &format!("example.com:{port}")), Reason::Port);
    }
    let own = compile(&NetworkFilterConfig { ports: Some(vec![8443]), ..config(&[], &[], &[]) }).expect("a policy");
    assert_eq!(reason(&own, "example.com:8443"), Reason::NoWhitelist);
    assert_eq!(reason(&own, "example.com:443"), Reason::Port);
}

// W65: allowed names resolving to private addresses were connected to.
#[test]
fn w65_private_addresses_have_to_be_allowed_by_their_network() {
    let default = policy(&[".*"], &[], &[]);
    assert_eq!(address_reason(&default, "1.1.1.1"), Reason::PublicAddress);
    for address in ["10.1.2.3", "127.0.0.1", "::1", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00::1"] {
        assert_eq!(address_reason(&default, address), Reason::PrivateAddress, "{address}");
    }
    let inner = policy(&[], &[], &["10.0.0.0/8", "fd00::/8"]);
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"] {
        assert_eq!(address_reason(&inner, address), Reason::AllowPrivate, "{address}");
    }
    for address in ["127.0.0.1", "192.168.0.1", "64:ff9b::10.1.2.3", "::10.1.2.3"] {
        assert_eq!(address_reason(&inner, address), Reason::PrivateAddress, "{address}");
    }
    assert_eq!(reason(&inner, "10.1.2.3"), Reason::NoWhitelist);
    assert_eq!(reason(&policy(&["^example"], &[], &["10.0.0.0/8"]), "10.1.2.3"), Reason::NotWhitelisted);
    assert_eq!(reason(&policy(&[], &["^10"], &["10.0.0.0/8"]), "10.1.2.3"), Reason::Blacklist);
}

#[test]
fn metadata_services_cannot_be_allowed() {
    let everything = policy(&[], &[], &["0.0.0.0/0", "::/0"]);
    assert_eq!(address_reason(&everything, "10.0.0.1"), Reason::AllowPrivate);
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "168.63.129.16"]
    {
        assert_eq!(address_reason(&everything, address), Reason::MetadataAddress, "{address}");
    }
    assert_eq!(reason(&everything, "0xa9fea9fe"), Reason::MetadataAddress);
}

#[test]
fn the_listeners_of_this_process_cannot_be_allowed() {
    let everything = policy(&[], &[], &["0.0.0.0/0", "::/0"]);
    let at = |address: &str, port| everything.decide_address(address.parse().expect(address), port).reason();
    for address in ["127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(at(address, 8080), Reason::OwnListener, "{address}");
    }
    assert_eq!(at("127.0.0.1", 8081), Reason::AllowPrivate);
    assert_eq!(at("1.1.1.1", 8080), Reason::PublicAddress);

    let listener = "[::ffff:1.2.3.4]:443".parse().expect("an address");
    let policy = Policy::compile("network", &NetworkFilterConfig::default(), vec![listener]).expect("a policy");
    assert_eq!(address_reason(&policy, "1.2.3.4"), Reason::OwnListener);
    assert_eq!(address_reason(&policy, "1.2.3.5"), Reason::PublicAddress);
}

#[test]
fn a_registry_needs_no_whitelist_and_all_else_holds_for_it() {
    let policy = policy(&["^a$"], &["^evil"], &[]);
    let decide = |policy: &Policy, text: &str| policy.decide_as(&authority(text), true).reason();
    assert_eq!(decide(&policy, "registry.test"), Reason::Registry);
    assert_eq!(decide(&policy, "a"), Reason::Whitelist);
    assert_eq!(decide(&policy, "evil.test"), Reason::Blacklist);
    assert_eq!(decide(&policy, "registry.test:8443"), Reason::Port);
    assert_eq!(decide(&policy, "10.0.0.1"), Reason::Registry);
    assert_eq!(decide(&policy, "127.0.0.1"), Reason::PrivateAddress);
    let at =
        |policy: &Policy, address: &str| policy.decide_address_as(address.parse().expect(address), 443, true).reason();
    assert_eq!(at(&policy, "10.0.0.1"), Reason::Registry);
    assert_eq!(at(&policy, "1.1.1.1"), Reason::PublicAddress);
    assert_eq!(at(&policy, "169.254.169.254"), Reason::MetadataAddress);

    // What either of two lets through as a registry only is one, whatever the other says of it.
    let bounds = Arc::new(policy);
    let open = compile(&config(&[".*"], &["^bad"], &["0.0.0.0/0"])).expect("a policy").within(bounds);
    assert_eq!(decide(&open, "registry.test"), Reason::Registry);
    assert_eq!(decide(&open, "bad.test"), Reason::Blacklist);
    assert_eq!(at(&open, "10.0.0.1"), Reason::Registry);
    assert_eq!(open.decide(&authority("registry.test")).reason(), Reason::NotWhitelisted);
}

#[test]
fn the_host_header_names_the_host_of_the_request() {
    let request = Authority::parse("example.com", Authority::HTTP_PORT).expect("a host");
    for header in ["example.com", "EXAMPLE.com.", "example.com:80"] {
        assert_eq!(check_http(&request, header.as_bytes()).reason(), Reason::SameHost, "{header}");
    }
    for header in ["evil.test", "example.com:443", "example.com:", "user@example.com", "", "example.com,evil.test"] {
        assert_eq!(check_http(&request, header.as_bytes()).reason(), Reason::HostMismatch, "{header}");
    }
    assert_eq!(check_http(&request, b"example.com\xff").reason(), Reason::HostMismatch);
    let request = Authority::parse("[::1]:8080", Authority::HTTP_PORT).expect("a host");
    assert!(check_http(&request, b"[0::1]:8080").is_allowed());
    assert!(!check_http(&request, b"[::1]").is_allowed());
}

#[test]
fn a_tls_client_asks_for_the_host_of_its_tunnel() {
    let named = |name: &str| ClientHello::Named(name.to_owned());
    let (name, address) = (authority("example.com").host, authority("1.1.1.1").host);
    for (host, hello, expected) in [
        (&name, named("example.com"), Reason::SameHost),
        (&name, named("EXAMPLE.COM"), Reason::SameHost),
        (&name, named("evil.test"), Reason::SniMismatch),
        (&name, named("www.example.com"), Reason::SniMismatch),
        (&name, named("example.com\0.evil.test"), Reason::SniMismatch),
        (&name, named("1.1.1.1"), Reason::SniMismatch),
        (&name, ClientHello::Unnamed, Reason::NoSni),
        (&name, ClientHello::Encrypted, Reason::EncryptedClientHello),
        (&name, ClientHello::NotTls, Reason::NotTls),
        (&name, ClientHello::Malformed, Reason::InvalidClientHello),
        (&name, ClientHello::TooLong, Reason::InvalidClientHello),
        (&address, ClientHello::Unnamed, Reason::HostIsAddress),
        (&address, ClientHello::Encrypted, Reason::HostIsAddress),
        (&address, named("1.1.1.1"), Reason::SameHost),
        (&address, named("example.com"), Reason::SniMismatch),
        (&address, ClientHello::NotTls, Reason::NotTls),
        (&address, ClientHello::Malformed, Reason::InvalidClientHello),
    ] {
        assert_eq!(check_tls(host, &hello).reason(), expected, "{host} {hello:?}");
    }
}

#[test]
fn a_refusal_says_what_would_allow_it() {
    let policy = policy(&["^a$"], &["^evil$"], &[]);
    let advised = |text: &str| advice(&policy.decide(&authority(text)), &authority(text));
    assert_eq!(advised("Example.com").as_deref(), Some(r"to allow it: --allow '^example\.com$'"));
    assert_eq!(
        advised("evil").as_deref(),
        Some("to allow it: take the pattern that matches it out of --deny or network.blacklist")
    );
    assert_eq!(advised("a:8443").as_deref(), Some("to allow it: add 8443 to network.ports"));
    assert_eq!(advised("a"), None);

    let private = policy.decide_address([10, 1, 2, 3].into(), 443);
    let of_name = "a is in 10.0.0.0/8; to allow it: add the network of its address to network.allowPrivate";
    assert_eq!(advice(&private, &authority("a")).as_deref(), Some(of_name));
    let of_address = "10.1.2.3 is in 10.0.0.0/8; to allow it: add 10.1.2.3 to network.allowPrivate";
    assert_eq!(advice(&private, &authority("10.1.2.3")).as_deref(), Some(of_address));
    let metadata = policy.decide_address([169, 254, 169, 254].into(), 443);
    assert_eq!(advice(&metadata, &authority("a")), None);
}

#[test]
fn following_the_advice_allows_that_host_and_no_other() {
    let advised = advice(&policy(&["^$"], &[], &[]).decide(&authority("a-b.example")), &authority("a-b.example"));
    let advised = advised.expect("advice");
    let pattern = advised.split('\'').nth(1).expect("a pattern in quotes");
    let policy = policy(&[pattern], &[], &[]);
    assert_eq!(reason(&policy, "a-b.example"), Reason::Whitelist);
    assert_eq!(reason(&policy, "a-bxexample"), Reason::NotWhitelisted);
}
