//! Reaches a bucket: from its URL and the variables of the environment to a
//! client whose every request has an end.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use super::failure::Failures;
use super::presign::Presigner;
use super::sas::SasSigner;
use super::urls::{Urls, signs_alone};
use super::{Remote, credential_names};
use crate::error::BlobError;
use crate::storage_url::{BucketUrl, Protocol};
use crate::variables::Variables;

/// How long the other side may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a request is sent again after a 5xx or a broken connection.
const RETRIES: usize = 3;

/// The region of a server that does not ask for one.
const ANY_REGION: &str = "us-east-1";

impl Remote {
    /// Opens the bucket and sees that it can be written.
    pub(crate) async fn open(url: &BucketUrl, variables: &Variables) -> Result<Self, BlobError> {
        // Two libraries with one process-wide choice: whoever comes second
        // finds it made, and it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let remote = match url.protocol {
            Protocol::S3 => s3(url, variables)?,
            Protocol::Google => google(url, variables)?,
            Protocol::Azure => azure(url, variables)?,
        };
        remote.probe().await?;
        Ok(remote)
    }
}

fn s3(url: &BucketUrl, variables: &Variables) -> Result<Remote, BlobError> {
    let mut builder = AmazonS3Builder::new();
    for (name, value) in variables.below("AWS_") {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(region) = &url.region {
        builder = builder.with_region(region);
    }
    let region = builder
        .get_config_value(&AmazonS3ConfigKey::Region)
        .unwrap_or_else(|| ANY_REGION.to_owned());
    let endpoint = match &url.endpoint {
        Some(endpoint) => Some(endpoint.clone()),
        None => [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| builder.get_config_value(key))
            .map(|text| text.parse().map_err(|_| {
                unusable(url, format!("AWS_ENDPOINT_URL is {text:?}, which is no URL; give something like https://s3.example.com"))
            }))
            .transpose()?,
    };
    let base = bucket_url(url, endpoint.as_ref(), &region)?;
    let options = client_options(url, base.scheme() == "http");
    let store = builder
        .with_region(&region)
        .with_bucket_name(&url.bucket)
        // Both at once say: this is the bucket's own address, use it as it is.
        .with_config(
            AmazonS3ConfigKey::S3Endpoint,
            base.as_str().trim_end_matches('/'),
        )
        .with_virtual_hosted_style_request(true)
        .with_client_options(options)
        .with_retry(retries(url))
        .build()
        .map_err(|error| incomplete(url, &error))?;
    let urls = Urls::S3 {
        presigner: Presigner { base, region },
        credentials: Arc::clone(store.credentials()),
    };
    Ok(connected(url, Arc::new(store), urls))
}

/// The bucket's own address. Other servers than Amazon's are asked with the
/// bucket in the path, since few of them have a name for each bucket.
fn bucket_url(url: &BucketUrl, endpoint: Option<&Url>, region: &str) -> Result<Url, BlobError> {
    let bucket = &url.bucket;
    let text = match endpoint {
        Some(endpoint) if url.path_style == Some(false) => {
            let host = &endpoint[url::Position::BeforeHost..url::Position::AfterPath];
            format!("{}://{bucket}.{host}", endpoint.scheme())
        }
        Some(endpoint) => format!("{}/{bucket}", endpoint.as_str().trim_end_matches('/')),
        // A dot in a name does not fit Amazon's certificate.
        None if url.path_style == Some(true) || bucket.contains('.') => {
            format!("https://s3.{region}.amazonaws.com/{bucket}")
        }
        None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
    };
    text.parse()
        .map_err(|error| unusable(url, format!("{text} is no address: {error}")))
}

fn google(url: &BucketUrl, variables: &Variables) -> Result<Remote, BlobError> {
    let mut builder = GoogleCloudStorageBuilder::new();
    for (name, value) in variables.below("GOOGLE_") {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = &url.endpoint {
        builder = builder.with_base_url(endpoint.as_str().trim_end_matches('/'));
    }
    let store = builder
        .with_bucket_name(&url.bucket)
        .with_client_options(client_options(url, is_plain(url)))
        .with_retry(retries(url))
        .build()
        .map_err(|error| incomplete(url, &error))?;
    let store = Arc::new(store);
    let urls = if signs_alone(store.as_ref()) {
        Urls::Google(Arc::clone(&store) as _)
    } else {
        Urls::Nobody
    };
    Ok(connected(url, store, urls))
}

fn azure(url: &BucketUrl, variables: &Variables) -> Result<Remote, BlobError> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (name, value) in variables.below("AZURE_") {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = &url.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    let urls = sas_signer(url, &builder).map_or(Urls::Nobody, Urls::Azure);
    let store = builder
        .with_container_name(&url.bucket)
        .with_client_options(client_options(url, is_plain(url)))
        .with_retry(retries(url))
        .build()
        .map_err(|error| incomplete(url, &error))?;
    Ok(connected(url, Arc::new(store), urls))
}

/// Who signs URLs: the account's key, where it was given. With a customer's own
/// key of encryption, which goes into headers, and where the builder makes up an
/// address of its own, nobody does.
fn sas_signer(url: &BucketUrl, builder: &MicrosoftAzureBuilder) -> Option<SasSigner> {
    let get = |key| builder.get_config_value(&key);
    let has_own_ways = [
        AzureConfigKey::UseEmulator,
        AzureConfigKey::UseFabricEndpoint,
    ]
    .into_iter()
    .any(|key| get(key).as_deref() != Some("false"));
    if has_own_ways || get(AzureConfigKey::EncryptionKey).is_some() {
        return None;
    }
    let account = get(AzureConfigKey::AccountName)?;
    let endpoint = get(AzureConfigKey::Endpoint)
        .unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    SasSigner::new(
        &endpoint,
        &account,
        &url.bucket,
        &get(AzureConfigKey::AccessKey)?,
    )
}

fn connected<S: ObjectStore + MultipartStore>(
    url: &BucketUrl,
    store: Arc<S>,
    urls: Urls,
) -> Remote {
    let failures = Failures::new(url.protocol, &url.bucket);
    Remote::new(store, &url.prefix, urls, url.downloads, failures)
}

/// Whether the endpoint asked for speaks without TLS.
fn is_plain(url: &BucketUrl) -> bool {
    url.endpoint
        .as_ref()
        .is_some_and(|endpoint| endpoint.scheme() == "http")
}

/// Silence ends a request, its length does not: a large object takes its time.
fn client_options(url: &BucketUrl, allow_http: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(allow_http)
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT.min(url.timeout))
        .with_read_timeout(url.timeout)
}

/// No request is begun again after the time of one: two at most for a store
/// that is silent, a few for one that answers 5xx at once.
fn retries(url: &BucketUrl) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            max_backoff: Duration::from_secs(2),
            ..BackoffConfig::default()
        },
        max_retries: RETRIES,
        retry_timeout: url.timeout,
    }
}

fn incomplete(url: &BucketUrl, error: &object_store::Error) -> BlobError {
    let names = credential_names(url.protocol);
    unusable(url, format!("{error}; credentials come from {names}"))
}

fn unusable(url: &BucketUrl, reason: String) -> BlobError {
    BlobError::Unsupported {
        url: url.shown(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_url::StorageUrl;

    #[test]
    fn the_address_of_a_bucket_follows_endpoint_and_style() {
        let cases = [
            (
                "s3://media?region=eu-west-1",
                "https://media.s3.eu-west-1.amazonaws.com/",
            ),
            (
                "s3://my.media?region=eu-west-1",
                "https://s3.eu-west-1.amazonaws.com/my.media",
            ),
            (
                "s3://media?path_style=true",
                "https://s3.us-east-1.amazonaws.com/media",
            ),
            (
                "s3://media?endpoint=http://127.0.0.1:9000",
                "http://127.0.0.1:9000/media",
            ),
            (
                "s3://media?endpoint=https://s3.example.com&path_style=false",
                "https://media.s3.example.com/",
            ),
        ];
        for (text, expected) in cases {
            let Ok(StorageUrl::Bucket(url)) = text.parse() else {
                panic!("{text} is a bucket");
            };
            let region = url.region.clone().unwrap_or_else(|| ANY_REGION.to_owned());
            let found = bucket_url(&url, url.endpoint.as_ref(), &region).unwrap();
            assert_eq!(found.as_str(), expected, "{text}");
        }
    }
}
