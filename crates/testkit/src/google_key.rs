//! A key of a service account of Google's, and what was signed with it.

use std::fmt::Write;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::Request;
use hyper::header::HeaderValue;
use ring::digest::{SHA256, digest};
use ring::rsa::KeyPair;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use runnel_types::{Clock, SystemClock, Timestamp};
use s3s::Body;

/// The host that signatures are for, whatever the server under test is called.
const HOST: &str = "storage.googleapis.com";

/// An RSA key.
#[derive(Debug)]
pub(crate) struct GoogleKey {
    pem: String,
    public: Vec<u8>,
}

impl GoogleKey {
    /// Makes a key with `openssl`, which takes a tenth of a second or so.
    pub(crate) fn make() -> Self {
        let mut openssl = Command::new("openssl");
        openssl.args(["genpkey", "-algorithm", "RSA"]);
        let output = openssl.args(["-pkeyopt", "rsa_keygen_bits:2048"]).output();
        let output = output.unwrap_or_else(|error| panic!("openssl: {error}; install it"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl fails: {said}");
        let pem = String::from_utf8(output.stdout).unwrap();
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.collect::<String>()).unwrap();
        let pair = KeyPair::from_pkcs8(&der).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        Self { pem, public }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Whether `Bearer …` is a token that was signed with this key.
    pub(crate) fn has_signed_token(&self, token: &HeaderValue) -> bool {
        let token = token.to_str().unwrap_or_default();
        let signed = token.strip_prefix("Bearer ").and_then(|token| {
            let (text, signature) = token.rsplit_once('.')?;
            Some((text, URL_SAFE_NO_PAD.decode(signature).ok()?))
        });
        signed.is_some_and(|(text, signature)| self.is_of(text, &signature))
    }

    /// Whether the URL of `request` was signed with this key for this request,
    /// and its time is not over.
    pub(crate) fn has_signed(&self, request: &Request<Body>) -> bool {
        self.read_signed(request).unwrap_or(false)
    }

    fn read_signed(&self, request: &Request<Body>) -> Option<bool> {
        let mut query: Vec<&str> = request.uri().query()?.split('&').collect();
        let field = |query: &[&str], name: &str| {
            let value = query.iter().find_map(|pair| pair.strip_prefix(name))?;
            Some(
                value
                    .strip_prefix('=')?
                    .replace("%2F", "/")
                    .replace("%3B", ";"),
            )
        };
        let signature = hex::decode(field(&query, "X-Goog-Signature")?).ok()?;
        query.retain(|pair| !pair.starts_with("X-Goog-Signature="));
        query.sort_unstable();
        let names = field(&query, "X-Goog-SignedHeaders")?;
        let mut headers = String::new();
        for name in names.split(';') {
            let value = match name {
                "host" => HOST,
                other => request.headers().get(other)?.to_str().ok()?,
            };
            let _ = writeln!(headers, "{name}:{value}");
        }
        let (method, path) = (request.method(), request.uri().path());
        let query_text = query.join("&");
        let canonical =
            format!("{method}\n{path}\n{query_text}\n{headers}\n{names}\nUNSIGNED-PAYLOAD");
        let moment = field(&query, "X-Goog-Date")?;
        let credential = field(&query, "X-Goog-Credential")?;
        let (_, scope) = credential.split_once('/')?;
        let hash = hex::encode(digest(&SHA256, canonical.as_bytes()));
        let text = format!("GOOG4-RSA-SHA256\n{moment}\n{scope}\n{hash}");
        let lifetime: i64 = field(&query, "X-Goog-Expires")?.parse().ok()?;
        let age = SystemClock.now().as_seconds() - seconds(&moment)?;
        Some(age <= lifetime && self.is_of(&text, &signature))
    }

    fn is_of(&self, text: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

/// The time of `20261128T102030Z`.
fn seconds(moment: &str) -> Option<i64> {
    let part = |range| moment.get(range);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(9..11)?,
        part(11..13)?,
        part(13..15)?
    );
    Some(text.parse::<Timestamp>().ok()?.as_seconds())
}
