//! An S3-compatible server in this process, over a temporary folder.
//!
//! It is `s3s-fs`: it checks every signature, of headers and of URLs, against
//! one test key, and by its own clock, so an app that signs for it begins with
//! the time of the machine.

use std::ops::Deref;
use std::sync::Arc;

use runnel_blobs::Variables;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};

use crate::official_client;
use crate::served_folder::{BUCKET, PREFIX, ServedFolder};

const KEY_ID: &str = "TESTKEY";
const SECRET: &str = "a-secret-of-the-tests";

/// A running S3-compatible server.
#[derive(Debug)]
pub struct S3Server(ServedFolder);

impl Deref for S3Server {
    type Target = ServedFolder;

    fn deref(&self) -> &ServedFolder {
        &self.0
    }
}

impl S3Server {
    /// Starts a server with one empty bucket.
    pub async fn start() -> Self {
        let set_up = |builder: &mut s3s::service::S3ServiceBuilder| {
            builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
            // A test moves the app's clock on; URLs signed then are of the future.
            let mut config = S3Config::default();
            config.presigned_url_max_skew_time_secs = u32::MAX;
            builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        };
        Self(ServedFolder::start(set_up, Ok).await)
    }

    /// The storage URL of the bucket; the store may be silent for two seconds.
    pub fn storage_url(&self) -> String {
        self.url_of(BUCKET)
    }

    /// The storage URL of some bucket.
    pub fn url_of(&self, bucket: &str) -> String {
        format!(
            "s3://{bucket}/{PREFIX}?endpoint={}&timeout=2",
            self.endpoint()
        )
    }

    /// The names and values of the credentials.
    pub fn credentials(&self) -> [(String, String); 2] {
        credentials_with(SECRET)
    }

    /// The credentials, as an environment has them.
    pub fn variables(&self) -> Variables {
        Variables::of(self.credentials())
    }

    /// Credentials with another secret.
    pub fn variables_with(secret: &str) -> Variables {
        Variables::of(credentials_with(secret))
    }

    /// What `boto3`, the official client for Python, answers to `script`, which
    /// has a client `s3`, the `bucket` and the `prefix`, and prints.
    pub async fn ask_boto3(&self, script: &str) -> String {
        let whole = format!(
            "import boto3\nfrom botocore.config import Config\n\
             s3 = boto3.client('s3', endpoint_url='{}', aws_access_key_id='{KEY_ID}', aws_secret_access_key='{SECRET}', region_name='us-east-1', config=Config(s3={{'addressing_style': 'path'}}))\n\
             bucket, prefix = '{BUCKET}', '{PREFIX}/'\n{script}\n",
            self.endpoint()
        );
        let asked = move || official_client::ask("python", &whole, "");
        tokio::task::spawn_blocking(asked).await.unwrap()
    }
}

fn credentials_with(secret: &str) -> [(String, String); 2] {
    let pairs = [
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
}
