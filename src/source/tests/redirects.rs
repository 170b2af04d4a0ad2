//! Redirects and names: every step is a new decision, and the address that was decided on is the one that is asked.

use super::support::*;
use crate::api::RemoteCodePolicy;
use crate::network::dial::fake::Names;

fn blocked(host: impl std::fmt::Display) -> Result<String, String> {
    Err(format!("Blocked code URL host: {host}"))
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_fifth() {
    // `/3` leads to `/2`, and so on to `/0`, where the code is.
    let site = Site::saying(|path| match path.trim_start_matches('/').parse::<u32>() {
        Ok(0) | Err(_) => ok(CODE),
        Ok(n) => redirect(&format!("/{}", n - 1)),
    })
    .await;
    let at = |n: u32| format!("http://{ALLOWED}:{}/{n}", site.port);
    assert_eq!(fetch(&lenient(), &at(5)).await.as_deref(), Ok(CODE));
    let expected = "Failed to fetch remote code: more than 5 redirects";
    assert_eq!(fetch(&lenient(), &at(6)).await, Err(expected.to_owned()));
    assert_eq!(site.heard().len(), 6 + 6);
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed_and_one_to_nowhere_is_a_failure() {
    for line in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let site = Site::saying(move |path| match path {
            "/there" => ok(CODE),
            _ => Reply::Whole(format!("HTTP/1.1 {line}\r\nLocation: there\r\nContent-Length: 0\r\n\r\n").into_bytes()),
        })
        .await;
        assert_eq!(fetch(&lenient(), &site.url()).await.as_deref(), Ok(CODE), "{line}");
    }
    let expected = Err("Failed to fetch remote code: a redirect without a valid location".to_owned());
    for location in ["", "Location: http://[\r\n", "Location: http://\u{fffd}\u{0}/\r\n"] {
        let head = format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n");
        let site = Site::saying(move |_| Reply::Whole(head.clone().into_bytes())).await;
        let outcome = fetch(&lenient(), &site.url()).await;
        assert!(outcome == expected || location.contains('\0'), "{outcome:?}");
        assert!(outcome.is_err());
    }
}

// W125: redirects were followed without another check.
#[tokio::test]
async fn w125_a_redirect_leads_nowhere_that_the_policy_does_not_allow() {
    let secret = Site::open(FORBIDDEN, 0, None, |_| ok("secret")).await;
    let names = Names::new(&[
        ("inside.test", &[&["127.0.0.1"]]),
        ("evil.test", &[&["127.0.0.2"]]),
        ("other.example", &[&["127.0.0.2"]]),
    ]);
    for (to, expected) in [
        (format!("http://127.0.0.1:{}/", secret.port), blocked("127.0.0.1")),
        (format!("//2130706433:{}/", secret.port), blocked("127.0.0.1")),
        (format!("http://[::ffff:127.0.0.1]:{}/", secret.port), blocked("127.0.0.1")),
        (format!("http://inside.test:{}/", secret.port), blocked("inside.test")),
        ("http://evil.test/".to_owned(), blocked("evil.test")),
        ("http://other.example/".to_owned(), blocked("other.example")),
        ("http://nobody.test/".to_owned(), Err("Failed to resolve code URL host: nobody.test".to_owned())),
        ("file:///etc/passwd".to_owned(), Err("URL scheme not allowed: file".to_owned())),
        ("http://user:hunter2@a.test/x".to_owned(), Err("Invalid code URL: a.test/x".to_owned())),
    ] {
        let target = to.clone();
        let site = Site::saying(move |_| redirect(&target)).await;
        let outcome = said(fetcher(&lenient(), &names).fetch(&wanted(&site.url())).await);
        assert_eq!(outcome, expected, "{to}");
        assert_eq!(site.heard().len(), 1);
    }
    assert!(secret.heard().is_empty());
    // What a policy refuses by its name is not even looked up.
    assert_eq!(names.asked(), ["inside.test", "nobody.test"]);

    // With its address allowed, that server is reached: the tests above could have failed.
    let mut open = lenient();
    open.allowed_hosts.push(r"^127\.0\.0\.1$".to_owned());
    let target = format!("http://127.0.0.1:{}/", secret.port);
    let site = Site::saying(move |_| redirect(&target)).await;
    assert_eq!(fetch(&open, &site.url()).await.as_deref(), Ok("secret"));
}

// W126: a name could have one address when it was checked and another when it was dialled.
#[tokio::test]
async fn w126_a_name_is_resolved_once_and_what_was_checked_is_dialled() {
    let allowed = Site::saying(|path| if path == "/again" { redirect("/") } else { ok(CODE) }).await;
    let forbidden = Site::open(FORBIDDEN, allowed.port, None, |_| ok("secret")).await;
    let rebinding: &[(&str, &[&[&str]])] = &[("a.test", &[&["127.0.0.2"], &["127.0.0.1"]])];

    let names = Names::new(rebinding);
    let url = format!("http://a.test:{}/", allowed.port);
    assert_eq!(said(fetcher(&lenient(), &names).fetch(&wanted(&url)).await).as_deref(), Ok(CODE));
    assert_eq!(names.asked(), ["a.test"]);
    assert!(allowed.heard()[0].contains(&format!("host: a.test:{}\r\n", allowed.port)));

    // A redirect to the same name is a new decision.
    let names = Names::new(rebinding);
    let url = format!("http://a.test:{}/again", allowed.port);
    assert_eq!(said(fetcher(&lenient(), &names).fetch(&wanted(&url)).await), blocked("a.test"));
    assert!(forbidden.heard().is_empty());
}

#[tokio::test]
async fn one_address_of_a_name_that_is_not_public_is_one_too_many() {
    let site = Site::saying(|_| ok(CODE)).await;
    for addresses in [&["127.0.0.2", "127.0.0.1"][..], &["10.0.0.1", "127.0.0.2"], &["127.0.0.2", "::ffff:10.0.0.1"]] {
        let names = Names::new(&[("a.test", &[addresses])]);
        let url = format!("http://a.test:{}/", site.port);
        assert_eq!(said(fetcher(&lenient(), &names).fetch(&wanted(&url)).await), blocked("a.test"));
    }
    assert!(site.heard().is_empty());
}

#[tokio::test]
async fn a_name_that_nobody_has_is_said_to_be_that() {
    let expected = Err("Failed to resolve code URL host: nobody.test".to_owned());
    assert_eq!(fetch(&lenient(), "http://nobody.test/").await, expected);
    let names = Names::new(&[("nobody.test", &[&[]])]);
    assert_eq!(said(fetcher(&lenient(), &names).fetch(&wanted("http://nobody.test/")).await), expected);
}

#[tokio::test]
async fn what_is_refused_by_its_url_is_never_looked_up() {
    let names = Names::new(&[]);
    let disabled = RemoteCodePolicy { enabled: false, ..lenient() };
    for (policy, url) in [
        (&disabled, "http://a.test/"),
        (&lenient(), "http://evil.a.test/"),
        (&lenient(), "http://a.example/"),
        (&lenient(), "ftp://a.test/"),
        (&RemoteCodePolicy { allowed_schemes: vec![], ..lenient() }, "http://a.test/"),
    ] {
        assert!(fetcher(policy, &names).fetch(&wanted(url)).await.is_err(), "{url}");
    }
    assert_eq!(names.asked(), [""; 0]);
}

// The two refusals told clients of a server which names its network has.
#[tokio::test]
async fn clients_are_not_told_which_private_names_exist() {
    let names = Names::new(&[("inside.test", &[&["10.0.0.1"]]), ("localhost", &[&["127.0.0.1"]])]);
    let everywhere = RemoteCodePolicy { allowed_hosts: Vec::new(), blocked_hosts: Vec::new(), ..lenient() };
    let unresolved = |host: &str| Err(format!("Failed to resolve code URL host: {host}"));
    let open = fetcher(&everywhere, &names);
    let (client, named) = (open.clone().for_clients(), fetcher(&lenient(), &names).for_clients());
    let narrow = RemoteCodePolicy { within: vec![vec![r"\.test$".to_owned()]], ..everywhere.clone() };
    let narrow = fetcher(&narrow, &names).for_clients();
    for (fetcher, host, expected) in [
        (&open, "inside.test", blocked("inside.test")),
        (&open, "none.test", unresolved("none.test")),
        (&client, "inside.test", unresolved("inside.test")),
        (&client, "none.test", unresolved("none.test")),
        (&client, "localhost", blocked("localhost")),
        (&client, "10.0.0.1", blocked("10.0.0.1")),
        // Who runs the server has named it; that a client does changes nothing.
        (&named, "inside.test", blocked("inside.test")),
        (&narrow, "inside.test", unresolved("inside.test")),
    ] {
        assert_eq!(said(fetcher.fetch(&wanted(&format!("http://{host}/"))).await), expected, "{host}");
    }
}
