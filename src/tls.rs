//! Whom isol8 trusts when it connects to others: the certificate authorities of this machine (`SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name others) and those in `ISOL8_EXTRA_CA_FILE`, checked by the one implementation of cryptography
//! that is in this library.

use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

/// Names a file with additional CA certificates, for machines behind a proxy that signs TLS anew.
const EXTRA_CA: &str = "ISOL8_EXTRA_CA_FILE";

/// The file that `ISOL8_EXTRA_CA_FILE` names cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not use the certificates in {} (ISOL8_EXTRA_CA_FILE): {message}", path.display())]
pub struct ExtraCaError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

/// What is in the file that `ISOL8_EXTRA_CA_FILE` names; nothing where it names none. There is a certificate in it.
pub fn extra_ca() -> Result<Vec<u8>, ExtraCaError> {
    let Some(path) = std::env::var_os(EXTRA_CA).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(Vec::new());
    };
    let content =
        std::fs::read(&path).map_err(|error| ExtraCaError { path: path.clone(), message: error.to_string() })?;
    match certificates(&content) {
        Ok(certificates) if !certificates.is_empty() => Ok(content),
        _ => Err(ExtraCaError { path, message: "it holds no PEM certificate".to_owned() }),
    }
}

/// How connections are made safe. Reading the certificates takes some milliseconds, so it is done once, when it is first
/// needed. A machine without any can connect to nobody; a certificate of its own that is not understood is passed over.
pub fn client_config() -> Result<ClientConfig, ExtraCaError> {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let mut roots = native_roots();
    roots.add_parsable_certificates(certificates(&extra_ca()?).unwrap_or_default());
    Ok(CONFIG.get_or_init(|| trusting(roots)).clone())
}

/// The same for connections that are not made over TLS, and trusts nobody.
pub fn trusting_nobody() -> ClientConfig {
    trusting(RootCertStore::empty())
}

/// The same, trusting these.
pub fn trusting(roots: RootCertStore) -> ClientConfig {
    builder(roots).with_no_client_auth()
}

/// How connections are made safe with a Docker engine: both ends prove who they are. Besides its own `ca`, the
/// authorities of this machine are trusted, as the API client does.
pub fn mutual(ca: &[u8], cert: &[u8], key: &[u8]) -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
    let mut roots = native_roots();
    roots.add_parsable_certificates(certificates(ca)?);
    let key = PrivateKeyDer::from_pem_slice(key)?;
    Ok(builder(roots).with_client_auth_cert(certificates(cert)?, key)?)
}

fn builder(roots: RootCertStore) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions of TLS that rustls does")
        .with_root_certificates(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
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
        for config in [super::client_config().expect("authorities"), super::trusting_nobody()] {
            reqwest::Client::builder().tls_backend_preconfigured(config).build().expect("what it takes");
        }
    }
}
