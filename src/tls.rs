//! Whom isol8 trusts when it connects to others: the certificate authorities of this machine (`SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name others), checked by the one implementation of cryptography that is in this library.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

/// How connections are made safe. Reading the certificates takes some milliseconds, so it is done once, when it is first
/// needed. A machine without any can connect to nobody; a certificate that is not understood is passed over.
pub fn client_config() -> ClientConfig {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    CONFIG.get_or_init(|| config(native_roots())).clone()
}

/// The same for connections that are not made over TLS, and trusts nobody.
pub fn trusting_nobody() -> ClientConfig {
    config(RootCertStore::empty())
}

fn config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions of TLS that rustls does")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn native_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "could not read certificate authorities");
    }
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, ignored, "read certificate authorities");
    roots
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_client_of_http_accepts_the_configuration() {
        for config in [super::client_config(), super::trusting_nobody()] {
            reqwest::Client::builder().tls_backend_preconfigured(config).build().expect("what it takes");
        }
    }
}
