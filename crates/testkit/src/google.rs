//! A stand-in for Google's object store, in this process: its XML API in front of
//! `s3s-fs`.
//!
//! No emulator that the package registries have serves what `object_store` asks
//! of Google, a plain PUT, a copy and the parts of a body in XML: those of `PyPI`
//! and `fake-gcs-server` 1.54 know uploads in JSON alone. That API is S3's but for
//! the names of some headers and the signatures. So this takes a request of
//! Google's, checks its signature (a token signed with the account's key, or the
//! fourth version of signed URLs) as Google's documentation says, and hands it on
//! under S3's names. It shows that Runnel's requests are well formed, go to the
//! right objects and are signed with the right key, and what becomes of answers
//! and refusals. It does not show what Google itself answers, nor any limit,
//! delay or rule of CORS of its own.

use std::ops::Deref;
use std::sync::OnceLock;

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use runnel_blobs::Variables;
use s3s::Body;
use serde_json::json;

use crate::google_key::GoogleKey;
use crate::official_client;
use crate::served_folder::{BUCKET, PREFIX, ServedFolder};

const EMAIL: &str = "tests@runnel.iam.gserviceaccount.com";

/// To make a key takes a while, so all tests of a process share two.
static KEYS: OnceLock<[GoogleKey; 2]> = OnceLock::new();

fn keys() -> &'static [GoogleKey; 2] {
    KEYS.get_or_init(|| [GoogleKey::make(), GoogleKey::make()])
}

/// A running stand-in.
#[derive(Debug)]
pub struct GoogleServer(ServedFolder);

impl Deref for GoogleServer {
    type Target = ServedFolder;

    fn deref(&self) -> &ServedFolder {
        &self.0
    }
}

impl GoogleServer {
    /// Starts a server with one empty bucket.
    pub async fn start() -> Self {
        let [key, _] = tokio::task::spawn_blocking(keys).await.unwrap();
        let gate = move |request| translated(key, request);
        // Signatures are checked before, so the service has no key of its own.
        Self(ServedFolder::start(|_| {}, gate).await)
    }

    /// The storage URL of the bucket; the store may be silent for two seconds.
    pub fn storage_url(&self) -> String {
        self.url_of(BUCKET)
    }

    /// The storage URL of some bucket.
    pub fn url_of(&self, bucket: &str) -> String {
        let endpoint = self.endpoint();
        format!("gs://{bucket}/{PREFIX}?endpoint={endpoint}&timeout=2")
    }

    /// The name and value of the credentials.
    pub fn credentials(&self) -> [(String, String); 1] {
        credentials_with(&keys()[0])
    }

    /// The credentials, as an environment has them.
    pub fn variables(&self) -> Variables {
        Variables::of(self.credentials())
    }

    /// Credentials of the same account with a key that it does not have.
    pub fn foreign_credentials() -> [(String, String); 1] {
        credentials_with(&keys()[1])
    }

    /// The signature that `google-cloud-storage`, the official client for Python,
    /// puts into a URL for `method` on the object of `url`, with its time and
    /// lifetime and with `more` of the client's own arguments.
    pub fn signature_by_its_client(&self, url: &str, method: &str, more: &str) -> String {
        let [(_, account)] = self.credentials();
        let script = format!(
            "import json, sys\n\
             from urllib.parse import urlsplit, parse_qs\n\
             from google.oauth2 import service_account\n\
             from google.cloud.storage._signing import generate_signed_url_v4\n\
             who = service_account.Credentials.from_service_account_info(json.load(sys.stdin) | {{'token_uri': 'http://127.0.0.1:1/'}})\n\
             asked = urlsplit('{url}')\n\
             query = parse_qs(asked.query)\n\
             made = generate_signed_url_v4(who, asked.path, int(query['X-Goog-Expires'][0]), method='{method}', _request_timestamp=query['X-Goog-Date'][0], {more})\n\
             print(parse_qs(urlsplit(made).query)['X-Goog-Signature'][0])\n"
        );
        let said = official_client::ask("clouds", &script, &account);
        said.trim().to_owned()
    }
}

fn credentials_with(key: &GoogleKey) -> [(String, String); 1] {
    let account = json!({
        "type": "service_account",
        "client_email": EMAIL,
        "private_key_id": "1",
        "private_key": key.pem(),
    });
    [("GOOGLE_SERVICE_ACCOUNT_KEY".to_owned(), account.to_string())]
}

/// The request under S3's names, when it is signed.
fn translated(
    key: &GoogleKey,
    mut request: Request<Body>,
) -> Result<Request<Body>, Box<Response<Body>>> {
    let token = request.headers_mut().remove(AUTHORIZATION);
    let is_url = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("X-Goog-"));
    if is_url {
        if !key.has_signed(&request) {
            return Err(refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));
        }
    } else if !token.is_some_and(|token| key.has_signed_token(&token)) {
        return Err(refusal(StatusCode::UNAUTHORIZED, "AuthenticationRequired"));
    }
    let source = request.headers_mut().remove("x-goog-copy-source");
    if let Some(source) = source {
        let name = HeaderName::from_static("x-amz-copy-source");
        request.headers_mut().insert(name, with_slash(&source));
    }
    let query = request.uri().query().unwrap_or_default().split('&');
    let kept: Vec<&str> = query.filter(|pair| !pair.starts_with("X-Goog-")).collect();
    let target = format!("{}?{}", request.uri().path(), kept.join("&"));
    *request.uri_mut() = target.trim_end_matches('?').parse::<Uri>().unwrap();
    Ok(request)
}

/// S3 begins the name of what is copied with a slash, which Google leaves out.
fn with_slash(source: &HeaderValue) -> HeaderValue {
    format!("/{}", source.to_str().unwrap()).parse().unwrap()
}

fn refusal(status: StatusCode, code: &str) -> Box<Response<Body>> {
    let body = format!("<Error><Code>{code}</Code><Message>made by a test</Message></Error>");
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    Box::new(answer)
}
