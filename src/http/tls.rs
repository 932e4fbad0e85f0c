//! Which certificates of the server are trusted, and what is said of one that is not.
//!
//! Plex servers have certificates for names below `plex.direct` while people write their IP address. "Unknown issuer" helps
//! nobody then: the name in the certificate tells whose it is, and what to put into `PLEX_URL`.

use super::error::HttpError;
use crate::config::TlsTrust;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier;
use std::{error::Error, fmt, io, sync::Arc};

/// Names of a certificate that are shown; some have hundreds.
const MAX_NAMES: usize = 5;
/// A name that no certificate has, to be told those that it has.
const NOBODY: &str = "nobody.invalid";

/// How TLS is to be spoken, or none where any certificate will do.
pub(super) fn client_config(trust: &TlsTrust) -> Result<Option<ClientConfig>, HttpError> {
    let authority = match trust {
        TlsTrust::Anything => return Ok(None),
        TlsTrust::System => Vec::new(),
        TlsTrust::Authority(pem) => read_authority(pem)?,
    };
    let setup = |error: rustls::Error| HttpError::Setup(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = if authority.is_empty() {
        Verifier::new(Arc::clone(&provider)).map_err(setup)?
    } else {
        Verifier::new_with_extra_roots(authority, Arc::clone(&provider))
            .map_err(|error| HttpError::Setup(format!("PLEX_CA_FILE can't be used: {error}")))?
    };
    let mut config = with_verifier(provider, Naming(verifier)).map_err(setup)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(config))
}

fn with_verifier(provider: Arc<CryptoProvider>, verifier: Naming) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn read_authority(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(HttpError::Setup("PLEX_CA_FILE holds no certificate in PEM form".into())),
        Err(error) => Err(HttpError::Setup(format!("PLEX_CA_FILE holds no usable certificate: {error}"))),
    }
}

/// What is wrong with the server's certificate, if that is why `error` happened.
pub(super) fn refused_certificate(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        match error.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(refused)))) => {
                return Some(refused.to_string());
            }
            Some(rustls::Error::InvalidCertificate(error)) => return Some(error.to_string()),
            _ => {}
        }
        // What an I/O error wraps is not its source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// The system's verifier, with the certificate's names added to its errors.
#[derive(Debug)]
struct Naming(Verifier);

/// A certificate that was refused.
#[derive(Debug)]
struct Refused {
    why: CertificateError,
    names: Vec<String>,
}

impl Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match &self.why {
            CertificateError::UnknownIssuer => "nobody that is trusted has signed it".to_owned(),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for another name".to_owned()
            }
            other => other.to_string(),
        };
        if self.names.is_empty() {
            return write!(f, "{why}; it names no host");
        }
        write!(f, "{why}; it is the certificate of {}", self.names.join(", "))
    }
}

/// The host names and addresses that a certificate is for.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let presented = ParsedCertificate::try_from(certificate).and_then(|certificate| {
        let nobody = ServerName::try_from(NOBODY).map_err(|error| rustls::Error::General(error.to_string()))?;
        rustls::client::verify_server_name(&certificate, &nobody)
    });
    let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) = presented
    else {
        return Vec::new();
    };
    // They come as `DnsName("*.example.org")` and `IpAddress(192.168.1.2)`.
    let plain = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.chars().filter(|c| c.is_ascii_alphanumeric() || "*.:-_".contains(*c)).take(100).collect()
    };
    presented.iter().take(MAX_NAMES).map(plain).collect()
}

impl ServerCertVerifier for Naming {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map_err(|error| {
            match error {
                rustls::Error::InvalidCertificate(why) => {
                    let refused = Refused { why, names: names(end_entity) };
                    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
                }
                other => other,
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
