//! Whose certificates are believed: those of the system (`SSL_CERT_FILE` names others), and those of a file
//! of the operator's.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::Trouble;

/// The text of the operator's file; empty without one.
pub(in crate::alarm) fn pem(file: Option<&str>, home: &Path) -> Result<Vec<u8>, Trouble> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let path = home.join(file);
    std::fs::read(&path)
        .map_err(|err| Trouble::Unreachable(format!("no TLS: {}: {err}", path.display())))
}

/// All certificates that are believed.
pub(super) fn roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let mut roots = rustls_native_certs::load_native_certs().certs;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let unfit = |why| Trouble::Unreachable(format!("no TLS: {why:?}"));
        roots.push(certificate.map_err(unfit)?);
    }
    Ok(roots)
}

/// What a client of TLS needs.
pub(super) fn client(file: Option<&str>, home: &Path) -> Result<Arc<ClientConfig>, Trouble> {
    let mut store = RootCertStore::empty();
    // Of the system's some may be of a kind that rustls does not know.
    store.add_parsable_certificates(roots(&pem(file, home)?)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|err| Trouble::Unreachable(format!("no TLS: {err}")))?;
    let config = config.with_root_certificates(store);
    Ok(Arc::new(config.with_no_client_auth()))
}
