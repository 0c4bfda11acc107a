//! Whom TLS trusts: the same for all that goes out, whoever sends it.
//!
//! The machine's roots are some hundred files, and to read them takes longer than all else at a start. A start finds out
//! whether there are any, which the first of them tells; all of them are read when a host first shows its certificate.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;

use crate::config::{Roots, Tls};

/// How TLS is spoken. Cloning shares the roots, and what hosts gave to go on with.
#[derive(Debug, Clone)]
pub struct Trust {
    config: ClientConfig,
    pub(super) http2: bool,
}

impl Trust {
    /// Fails where there is nobody to be trusted.
    pub fn new(tls: impl Into<Tls>) -> Result<Self, String> {
        let tls = tls.into();
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let builder = match tls.roots {
            Roots::System => {
                let machine = Machine::new(provider).map_err(|error| {
                    format!("the system's certificate store cannot be used ({error}); `tls: {{ roots: bundled }}` needs none")
                })?;
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(machine))
            }
            Roots::Bundled => builder.with_webpki_roots(),
        };
        Ok(Self {
            config: builder.with_no_client_auth(),
            http2: tls.http2,
        })
    }

    pub(super) fn config(&self) -> ClientConfig {
        self.config.clone()
    }
}

/// Trusts whom the machine trusts.
#[derive(Debug)]
struct Machine {
    provider: Arc<CryptoProvider>,
    roots: OnceLock<Verifier>,
    /// Held by who reads them.
    reads: Mutex<()>,
}

impl Machine {
    fn new(provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let machine = Self {
            provider,
            roots: OnceLock::new(),
            reads: Mutex::default(),
        };
        // Where none is in sight, what the platform says counts: it may have them where we do not look.
        if !Places::of_the_machine().have_a_root() {
            machine.roots()?;
        }
        Ok(machine)
    }

    /// Reads them where that has not been done. It takes a few milliseconds, once, and all who come meanwhile wait for it.
    fn roots(&self) -> Result<&Verifier, Error> {
        if let Some(known) = self.roots.get() {
            return Ok(known);
        }
        // It guards nothing that a panic could have left half done.
        let _reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.roots.get() {
            return Ok(known);
        }
        let read = Verifier::new(Arc::clone(&self.provider))?;
        Ok(self.roots.get_or_init(|| read))
    }
}

impl ServerCertVerifier for Machine {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.roots()?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Where roots are read from.
#[derive(Debug, Default)]
struct Places {
    file: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Places {
    /// As `rustls-native-certs` has them: those that the environment names, and no others then. Where it names an empty
    /// folder the two differ, and what the platform says counts.
    fn of_the_machine() -> Self {
        let file = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let folders = env::var_os("SSL_CERT_DIR");
        if file.is_none() && folders.is_none() {
            let usual = openssl_probe::probe();
            return Self {
                file: usual.cert_file,
                folders: usual.cert_dir,
            };
        }
        Self {
            file,
            folders: env::split_paths(&folders.unwrap_or_default()).collect(),
        }
    }

    /// Whether there is a root in any of them. Reads no more than up to the first.
    fn have_a_root(self) -> bool {
        let folders = self.folders.into_iter();
        let inside = folders.filter_map(|folder| fs::read_dir(folder).ok());
        let inside = inside.flat_map(|entries| entries.flatten().map(|entry| entry.path()));
        let mut files = self.file.into_iter().chain(inside);
        files.any(|file| has_root(&file))
    }
}

fn has_root(file: &Path) -> bool {
    // What is no file, a pipe for one, might never come to an end.
    if !file.is_file() {
        return false;
    }
    let Ok(mut certificates) = CertificateDer::pem_file_iter(file) else {
        return false;
    };
    certificates.any(|read| read.is_ok_and(|root| RootCertStore::empty().add(root).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_found_in_a_file_and_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let in_file = |name: &str| Places {
            file: Some(at(name)),
            folders: vec![at("missing")],
        };
        let in_folder = || Places {
            file: Some(at("missing.pem")),
            folders: vec![at("missing"), at("")],
        };
        fs::write(at("empty.pem"), "").unwrap();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        fs::write(at("broken.pem"), broken).unwrap();
        for name in ["empty.pem", "broken.pem", "missing.pem", ""] {
            assert!(!in_file(name).have_a_root(), "{name}");
        }
        assert!(!in_folder().have_a_root() && !Places::default().have_a_root());
        let root = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(at("root.pem"), format!("{broken}{}", root.cert.pem())).unwrap();
        assert!(in_file("root.pem").have_a_root() && in_folder().have_a_root());
    }
}
