//! A certificate that signs itself, which the proxy is told to trust.

use std::{path::PathBuf, sync::Arc};

use rcgen::generate_simple_self_signed;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use crate::Failure;

/// A stub's certificate, in memory and in a file.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    folder: tempfile::TempDir,
}

impl Identity {
    pub(crate) fn new() -> Result<Self, Failure> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certified = generate_simple_self_signed(names)?;
        let identity = Self {
            certificate: certified.cert.der().clone(),
            key: certified.signing_key.serialize_der().into(),
            folder: tempfile::tempdir()?,
        };
        std::fs::write(identity.path(), certified.cert.pem())?;
        Ok(identity)
    }

    /// The certificate as PEM, for `SSL_CERT_FILE`.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("stub.pem")
    }

    pub(super) fn acceptor(&self, http2: bool) -> Result<TlsAcceptor, Failure> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.clone()],
                PrivateKeyDer::from(self.key.clone_key()),
            )?;
        config.alpn_protocols = if http2 {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        } else {
            vec![b"http/1.1".to_vec()]
        };
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
