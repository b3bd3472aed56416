//! The URL that says where objects lie, with its options.
//!
//! Credentials never stand in it: the command line and the log show it. They
//! come from the environment, under the names that each store's own clients use.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::error::BlobError;

/// The forms that are taken, for messages.
const FORMS: &str =
    "give file:///absolute/folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix";

/// How long a store may be silent before a request counts as failed.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Where objects lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorageUrl {
    /// In a folder of this machine.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Whether what is answered is on the disk.
        is_synced: bool,
    },
    /// In a bucket.
    Bucket(BucketUrl),
}

/// Which protocol a bucket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    S3,
    Google,
    Azure,
}

/// A bucket and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketUrl {
    pub(crate) protocol: Protocol,
    pub(crate) bucket: String,
    /// What the names of all objects begin with: empty, or without slashes at its ends.
    pub(crate) prefix: String,
    /// The server, when it is not the provider's own.
    pub(crate) endpoint: Option<Url>,
    pub(crate) region: Option<String>,
    /// Whether the bucket's name stands in the path instead of the host's name.
    pub(crate) path_style: Option<bool>,
    /// How long the store may be silent.
    pub(crate) timeout: Duration,
    /// Who sends files to those who may fetch them.
    pub(crate) downloads: Downloads,
}

/// Who sends files to those who may fetch them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Downloads {
    /// The store, where it signs URLs: it does so until they expire, whatever
    /// becomes of the file.
    Store,
    /// The server, which looks at the row each time.
    Server,
}

impl BucketUrl {
    /// The URL as it may be shown.
    pub(crate) fn shown(&self) -> String {
        let scheme = match self.protocol {
            Protocol::S3 => "s3",
            Protocol::Google => "gs",
            Protocol::Azure => "az",
        };
        format!("{scheme}://{}/{}", self.bucket, self.prefix)
            .trim_end_matches('/')
            .to_owned()
    }
}

impl FromStr for StorageUrl {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        let url = Url::parse(text).map_err(|error| BlobError::Unsupported {
            url: format!("{:?}", text.split(['?', '@']).next().unwrap_or_default()),
            reason: format!("{error}; {FORMS}"),
        })?;
        let protocol = match url.scheme() {
            "file" => return read_folder(&url),
            "s3" => Protocol::S3,
            "gs" => Protocol::Google,
            "az" => Protocol::Azure,
            other => {
                return Err(unusable(
                    &url,
                    format!("nothing is known of {other}://; {FORMS}"),
                ));
            }
        };
        read_bucket(&url, protocol).map(Self::Bucket)
    }
}

fn read_folder(url: &Url) -> Result<StorageUrl, BlobError> {
    let mut is_synced = true;
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sync" => is_synced = read_switch(url, &name, &value)?,
            _ => return Err(unknown_option(url, &name, "sync")),
        }
    }
    let path = url.to_file_path().map_err(|()| {
        unusable(
            url,
            format!("it does not name a folder of this machine; {FORMS}"),
        )
    })?;
    Ok(StorageUrl::Folder { path, is_synced })
}

fn read_bucket(url: &Url, protocol: Protocol) -> Result<BucketUrl, BlobError> {
    if !url.username().is_empty() || url.password().is_some() {
        let names = crate::remote::credential_names(protocol);
        return Err(unusable(
            url,
            format!("credentials do not belong into it; set {names} instead"),
        ));
    }
    let bucket = url.host_str().unwrap_or_default().to_owned();
    if bucket.is_empty() || url.port().is_some() {
        let reason = "it names no bucket; the bucket comes first, a server goes into ?endpoint=";
        return Err(unusable(url, reason.to_owned()));
    }
    let prefix = url.path().trim_matches('/').to_owned();
    let is_plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/');
    let has_odd_part = !prefix.is_empty()
        && prefix
            .split('/')
            .any(|part| part.is_empty() || part.starts_with('.'));
    if has_odd_part || !prefix.chars().all(is_plain) {
        let reason = format!(
            "the prefix {prefix:?} has something else than letters, digits, '-', '_' and '.' between its slashes"
        );
        return Err(unusable(url, reason));
    }
    let mut found = BucketUrl {
        protocol,
        bucket,
        prefix,
        endpoint: None,
        region: None,
        path_style: None,
        timeout: TIMEOUT,
        downloads: Downloads::Store,
    };
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), protocol) {
            ("endpoint", _) => found.endpoint = Some(read_endpoint(url, &value)?),
            ("region", Protocol::S3) => found.region = Some(value.into_owned()),
            ("path_style", Protocol::S3) => {
                found.path_style = Some(read_switch(url, &name, &value)?);
            }
            ("timeout", _) => found.timeout = read_seconds(url, &value)?,
            ("downloads", _) => found.downloads = read_downloads(url, &value)?,
            (_, Protocol::S3) => {
                return Err(unknown_option(
                    url,
                    &name,
                    "endpoint, region, path_style, timeout and downloads",
                ));
            }
            _ => {
                return Err(unknown_option(
                    url,
                    &name,
                    "endpoint, timeout and downloads",
                ));
            }
        }
    }
    Ok(found)
}

fn read_endpoint(url: &Url, value: &str) -> Result<Url, BlobError> {
    let endpoint = Url::parse(value).ok().filter(|endpoint| {
        matches!(endpoint.scheme(), "http" | "https")
            && endpoint.host_str().is_some()
            && endpoint.username().is_empty()
            && endpoint.password().is_none()
            && endpoint.query().is_none()
            && endpoint.fragment().is_none()
    });
    endpoint.ok_or_else(|| {
        unusable(
            url,
            "the option endpoint must be a server such as https://s3.example.com or http://127.0.0.1:9000".to_owned(),
        )
    })
}

fn read_switch(url: &Url, name: &str, value: &str) -> Result<bool, BlobError> {
    value.parse().map_err(|_| {
        unusable(
            url,
            format!("the option {name} is true or false, not {value:?}"),
        )
    })
}

fn read_seconds(url: &Url, value: &str) -> Result<Duration, BlobError> {
    let seconds = value
        .parse()
        .ok()
        .filter(|seconds| (1..=600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        unusable(
            url,
            format!("the option timeout is a number of seconds from 1 to 600, not {value:?}"),
        )
    })
}

fn read_downloads(url: &Url, value: &str) -> Result<Downloads, BlobError> {
    match value {
        "store" => Ok(Downloads::Store),
        "server" => Ok(Downloads::Server),
        _ => Err(unusable(
            url,
            format!("the option downloads is store or server, not {value:?}"),
        )),
    }
}

fn unknown_option(url: &Url, name: &str, known: &str) -> BlobError {
    // The value is not repeated: somebody may have put a secret there.
    unusable(
        url,
        format!("there is no option {name:?}; the options are {known}"),
    )
}

fn unusable(url: &Url, reason: String) -> BlobError {
    let mut shown = url.clone();
    shown.set_query(None);
    // These fail for URLs that have no place for a name and a password.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    BlobError::Unsupported {
        url: shown.to_string(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_with_its_options() {
        assert_eq!(
            "file:///srv/objects?sync=false"
                .parse::<StorageUrl>()
                .unwrap(),
            StorageUrl::Folder {
                path: "/srv/objects".into(),
                is_synced: false
            }
        );
        let text = "s3://media/a/b/?endpoint=http://127.0.0.1:9000&region=eu-west-1&path_style=true&timeout=3&downloads=server";
        let StorageUrl::Bucket(bucket) = text.parse().unwrap() else {
            panic!("{text} is a bucket");
        };
        assert_eq!(
            (bucket.bucket.as_str(), bucket.prefix.as_str()),
            ("media", "a/b")
        );
        assert_eq!(bucket.endpoint.unwrap().as_str(), "http://127.0.0.1:9000/");
        assert_eq!(bucket.region.as_deref(), Some("eu-west-1"));
        assert_eq!(bucket.path_style, Some(true));
        assert_eq!(bucket.timeout, Duration::from_secs(3));
        assert_eq!(bucket.downloads, Downloads::Server);
        for text in ["gs://media", "az://media/x", "az://media?downloads=store"] {
            let Ok(StorageUrl::Bucket(bucket)) = text.parse() else {
                panic!("{text} is a bucket");
            };
            assert_eq!(bucket.downloads, Downloads::Store, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_what_to_do_and_without_secrets() {
        let cases = [
            ("nonsense", "file:///absolute/folder"),
            ("ftp://host/x", "nothing is known of ftp://"),
            ("file://host/x", "does not name a folder of this machine"),
            ("file:///x?fsync=false", "no option \"fsync\""),
            ("file:///x?sync=maybe", "true or false"),
            ("s3:///x", "names no bucket"),
            ("s3://127.0.0.1:9000/bucket", "goes into ?endpoint="),
            ("s3://key:SECRET@bucket", "AWS_SECRET_ACCESS_KEY"),
            ("s3://bucket?secret_access_key=SECRET", "no option"),
            (
                "s3://bucket?endpoint=127.0.0.1:9000",
                "http://127.0.0.1:9000",
            ),
            ("s3://bucket?endpoint=http://a:SECRET@b", "must be a server"),
            ("s3://bucket?timeout=0", "from 1 to 600"),
            ("gs://bucket?downloads=no", "store or server"),
            ("s3://bucket/a/../.hidden", "between its slashes"),
            ("s3://bucket/a%20b", "between its slashes"),
            ("gs://bucket?region=x", "no option \"region\""),
            ("az://container?path_style=true", "no option"),
        ];
        for (text, words) in cases {
            let error = text.parse::<StorageUrl>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
            assert!(
                !error.contains("SECRET@")
                    && !error.contains("=SECRET")
                    && !error.contains(":SECRET"),
                "{error}"
            );
        }
    }
}
