//! Receivers with certificates that do not hold: nothing is sent, and the
//! record says what is wrong with them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use runnel_egress::{Addresses, Resolve};
use runnel_testkit::{Db, on_both_databases};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{allowing_in, assert_given_up, attempted_to_the_end};

on_both_databases!(a_certificate_that_does_not_hold_is_told_and_nothing_sent);

/// The name by which the receivers are called.
const NAME: &str = "receiver.test";

/// Leads every name to this machine.
#[derive(Debug)]
struct Home;

impl Resolve for Home {
    fn resolve(&self, _: &str) -> Addresses {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

/// An authority that the server trusts.
struct Authority {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn certify(&self, name: &str, years: (i32, i32)) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = valid_for(name, years);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), key)
    }
}

fn valid_for(name: &str, (from, to): (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

/// A receiver behind TLS that takes whatever it gets to see.
struct Secure {
    url: String,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Secure {
    async fn start((certificate, key): (CertificateDer<'static>, KeyPair)) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{NAME}:{}/", listener.local_addr().unwrap().port());
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = [0; 8192];
                if matches!(stream.read(&mut request).await, Ok(1..)) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let answer = b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        Self { url, taken, task }
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The URL of a receiver that takes TLS for a request that it cannot read.
async fn without_tls() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 x\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    format!("https://{NAME}:{port}/")
}

async fn a_certificate_that_does_not_hold_is_told_and_nothing_sent(db: Db) {
    let (trusted, foreign) = (Authority::new("one"), Authority::new("another"));
    let app = allowing_in(db, |environment| {
        environment.resolver = Arc::new(Home);
        environment.authorities = Some(trusted.pem.clone());
    })
    .await;
    let good = Secure::start(trusted.certify(NAME, (2020, 2090))).await;
    let taken = attempted_to_the_end(&app, &good.url).await;
    assert_eq!(taken["attempts"][0]["status_code"], 204, "{taken}");
    assert_eq!(good.taken.load(Ordering::SeqCst), 1);

    let own = KeyPair::generate().unwrap();
    let self_signed = valid_for(NAME, (2020, 2090)).self_signed(&own).unwrap();
    for (certified, words) in [
        (trusted.certify(NAME, (2000, 2001)), "expired"),
        (trusted.certify(NAME, (2080, 2081)), "not valid yet"),
        (
            trusted.certify("other.test", (2020, 2090)),
            "not valid for name",
        ),
        ((self_signed.der().clone(), own), "UnknownIssuer"),
        (foreign.certify(NAME, (2020, 2090)), "UnknownIssuer"),
    ] {
        let receiver = Secure::start(certified).await;
        let failed = attempted_to_the_end(&app, &receiver.url).await;
        assert_given_up(&failed, "TLS_FAILED", words);
        assert_eq!(receiver.taken.load(Ordering::SeqCst), 0, "{words}");
    }

    let failed = attempted_to_the_end(&app, &without_tls().await).await;
    assert_given_up(&failed, "TLS_FAILED", "no secure connection");
    app.stop().await;
}
