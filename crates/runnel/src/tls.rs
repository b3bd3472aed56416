//! TLS: with the operator's certificate, or with one of an authority of our own.
//!
//! The authority is made once and kept in the data folder, so that clients
//! which were told to trust it go on doing so; the server's own certificate is
//! made anew at every start and never touches the disk.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::Failure;
use crate::config::Settings;
use crate::wire::Environment;

/// What is needed to speak TLS.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The certificate that clients are to trust, when it is one of ours.
    pub(crate) ca_path: Option<PathBuf>,
}

/// Makes what the settings ask for; `None` when they ask for no TLS.
pub(crate) fn acceptor(
    settings: &Settings,
    environment: &Environment,
) -> Result<Option<Tls>, Failure> {
    let (chain, private, ca_path) = match (&settings.tls_cert, &settings.tls_key) {
        (Some(cert), Some(key)) => {
            let (chain, key) = read_pair(cert, key)?;
            (chain, key, None)
        }
        _ if settings.tls_self_signed => {
            let (chain, key, path) = self_signed(settings, environment)?;
            (chain, key, Some(path))
        }
        _ => return Ok(None),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map_err(|error| unusable(settings, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Tls {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        ca_path,
    }))
}

/// Why a certificate and a key that could be read cannot be used.
fn unusable(settings: &Settings, error: &rustls::Error) -> Failure {
    let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Failure::new(format!("the TLS certificate cannot be used: {error}"));
    };
    let (cert, key) = (cert.display(), key.display());
    if matches!(error, rustls::Error::InconsistentKeys(_)) {
        return Failure::new(format!(
            "the private key in {key} is not the one of the certificate in {cert}"
        ))
        .hint(format!(
            "give two that belong together; the first certificate in {cert} must be the server's own"
        ));
    }
    Failure::new(format!(
        "the certificate in {cert} cannot be used with the key in {key}: {error}"
    ))
    .hint("give an RSA, ECDSA or Ed25519 key and an X.509 certificate of it, both in PEM")
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_pair(cert: &Path, key: &Path) -> Result<Pair, Failure> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::new(format!("{}: {error}", path.display()))
            .hint("give a certificate chain with --tls-cert and its private key with --tls-key, both in PEM")
    };
    let read = |path: &Path| {
        // The message has the path.
        fs_err::read(path).map_err(|error| Failure::new(error.to_string()))
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(cert)?).collect();
    let chain = certificates.map_err(|error| unreadable(cert, &not_pem(&error)))?;
    if chain.is_empty() {
        return Err(unreadable(cert, &"it holds no certificate in PEM"));
    }
    let text = read(key)?;
    if is_encrypted(&text) {
        return Err(Failure::new(format!(
            "the private key in {} is protected by a passphrase, and nobody is there to type it",
            key.display()
        ))
        .hint("write it without one: openssl pkey -in KEY -out PLAIN, readable by the server's user alone"));
    }
    let private = match PrivateKeyDer::from_pem_slice(&text) {
        Err(pem::Error::NoItemsFound) => Err(unreadable(key, &"it holds no private key in PEM")),
        read => read.map_err(|error| unreadable(key, &not_pem(&error))),
    };
    Ok((chain, private?))
}

fn not_pem(error: &pem::Error) -> String {
    format!("it cannot be read as PEM: {error}")
}

/// Whether a key in PEM says so of itself, in the new way or the old one.
fn is_encrypted(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

fn self_signed(
    settings: &Settings,
    environment: &Environment,
) -> Result<
    (
        Vec<CertificateDer<'static>>,
        PrivateKeyDer<'static>,
        PathBuf,
    ),
    Failure,
> {
    let failed =
        |error: rcgen::Error| Failure::new(format!("a TLS certificate could not be made: {error}"));
    let folder = settings.data_dir.join("tls");
    let (ca_path, ca_key_path) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
    let year = year(environment);
    let ca_params = authority(year);
    let ca_key = match fs_err::read_to_string(&ca_key_path) {
        Ok(pem) if ca_path.exists() => KeyPair::from_pem(&pem).map_err(failed)?,
        _ => {
            let key = KeyPair::generate().map_err(failed)?;
            let certificate = ca_params.self_signed(&key).map_err(failed)?;
            let write = || {
                fs_err::create_dir_all(&folder)?;
                write_private(&ca_key_path, &key.serialize_pem())?;
                fs_err::write(&ca_path, certificate.pem())
            };
            write().map_err(|error| Failure::new(error.to_string()))?;
            key
        }
    };
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names(settings)).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "Runnel");
    params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    params.not_after = rcgen::date_time_ymd(year + 1, 12, 31);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params
        .signed_by(&key, &Issuer::from_params(&ca_params, &ca_key))
        .map_err(failed)?;
    let private = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| Failure::new(format!("a TLS key could not be made: {error}")))?;
    Ok((vec![certificate.der().clone()], private, ca_path))
}

/// The authority's certificate; the same name and constraints at every start.
fn authority(year: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Runnel local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    params.not_after = rcgen::date_time_ymd(year + 10, 12, 31);
    params
}

/// The names under which the server can be reached.
fn names(settings: &Settings) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let listen: IpAddr = settings.listen.ip();
    if !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    let public = settings
        .public_url
        .as_deref()
        .and_then(|url| url::Url::parse(url).ok());
    names.extend(public.and_then(|url| {
        url.host_str()
            .map(|host| host.trim_matches(['[', ']']).to_owned())
    }));
    names.dedup();
    names
}

fn year(environment: &Environment) -> i32 {
    environment
        .clock
        .now()
        .to_rfc3339()
        .get(..4)
        .and_then(|year| year.parse().ok())
        .unwrap_or(2026)
}

/// Writes a file that only its owner may read, from its first byte on.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.options_mut().mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}
