//! Code over TLS: from whom it is said to be, or not at all.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::support::*;
use crate::network::dial::fake::Names;
use crate::source::Wanted;
use crate::tls::trusting;

/// A server that proves to be `name`, and a client that believes it.
fn certified(name: &str) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let key = signing_key.serialize_der().try_into().expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate with its key");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    (Arc::new(server), Arc::new(trusting(roots)))
}

#[tokio::test]
async fn code_comes_over_tls_from_whoever_proves_to_be_its_host() {
    for (name, host) in [("a.test", "a.test"), ("127.0.0.2", "127.0.0.2"), ("a.test", "A.Test.")] {
        let (server, client) = certified(name);
        let site = Site::open(ALLOWED, 0, Some(server), |_| ok(CODE)).await;
        let names = Names::new(&[("a.test", &[&["127.0.0.2"]])]);
        let secure = Wanted { allow_insecure: false, ..wanted(&format!("https://{host}:{}/", site.port)) };
        let fetched = fetcher(&lenient(), &names).with(names.clone(), Some(client)).fetch(&secure).await;
        assert_eq!(said(fetched).as_deref(), Ok(CODE), "{host}");
    }
}

#[tokio::test]
async fn nobody_else_is_believed_or_asked_for_anything() {
    let (server, client) = certified("a.test");
    let (_, stranger) = certified("a.test");
    let site = Site::open(ALLOWED, 0, Some(server), |_| ok(CODE)).await;
    let names = Names::new(&[("a.test", &[&["127.0.0.2"]]), ("b.test", &[&["127.0.0.2"]])]);
    for (host, client) in
        [("b.test", Some(client.clone())), ("127.0.0.2", Some(client)), ("a.test", Some(stranger)), ("a.test", None)]
    {
        let url = format!("https://{host}:{}/", site.port);
        let error = said(fetcher(&lenient(), &names).with(names.clone(), client).fetch(&wanted(&url)).await);
        let error = error.expect_err("somebody else");
        assert!(
            error.starts_with(&format!("Failed to fetch remote code: could not agree on TLS with {host}: ")),
            "{error}"
        );
    }
    assert!(site.heard().iter().all(|head| head == "no TLS"), "{:?}", site.heard());
}

#[tokio::test]
async fn nothing_leads_from_tls_to_none() {
    let plain = Site::saying(|_| ok(CODE)).await;
    let (server, client) = certified("a.test");
    let names = Names::new(&[("a.test", &[&["127.0.0.2"]])]);
    let to = plain.url();
    let site = Site::open(ALLOWED, 0, Some(server.clone()), move |path| match path {
        "/up" => ok(CODE),
        _ => redirect(&to),
    })
    .await;
    let (port, fetcher) = (site.port, fetcher(&lenient(), &names).with(names.clone(), Some(client)));
    let outcome = said(fetcher.fetch(&wanted(&format!("https://a.test:{port}/"))).await);
    assert_eq!(outcome, Err("Failed to fetch remote code: a redirect from https to http".to_owned()));
    assert!(plain.heard().is_empty());

    // The other way is fine.
    let up = Site::saying(move |_| redirect(&format!("https://a.test:{port}/up"))).await;
    assert_eq!(said(fetcher.fetch(&wanted(&up.url())).await).as_deref(), Ok(CODE));
}
