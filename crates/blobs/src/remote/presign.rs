//! Signature version 4 in a URL's query, as S3 and those who speak like it
//! want it: what a client without credentials may do with one object.
//!
//! Written out here because the headers of an upload are part of what is
//! signed: `content-type` and `content-length`, so that the store itself
//! refuses another type and another size. The signer of `object_store` does
//! not take the latter, and asks the system for the time.

use std::fmt::Write;
use std::time::Duration;

use hmac::{Hmac, Mac};
use object_store::aws::AwsCredential;
use runnel_types::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

/// The longest that such a URL may live: seven days.
pub(super) const LONGEST: Duration = Duration::from_hours(7 * 24);

/// A request that is to be allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// `GET` or `PUT`.
    pub(super) method: &'a str,
    /// The object's whole name in the bucket.
    pub(super) name: &'a str,
    /// Parameters that the request has besides the signature.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Headers that the request must have, in lower case, without `host`.
    pub(super) headers: &'a [(&'a str, &'a str)],
}

/// Where a bucket is, and as whom requests to it are signed.
#[derive(Debug)]
pub(super) struct Presigner {
    /// The bucket's own URL, without a slash at its end.
    pub(super) base: Url,
    pub(super) region: String,
}

impl Presigner {
    /// A URL for `request`, from `now` on for the time given.
    pub(super) fn sign(
        &self,
        credential: &AwsCredential,
        request: &Request<'_>,
        now: Timestamp,
        valid_for: Duration,
    ) -> String {
        let moment = moment(now);
        let day = &moment[..8];
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let host = &self.base[url::Position::BeforeHost..url::Position::AfterPort];
        let path = format!(
            "{}/{}",
            self.base.path().trim_end_matches('/'),
            encoded(request.name, "/")
        );
        let mut headers = request.headers.to_vec();
        headers.push(("host", host));
        headers.sort_unstable();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");

        let id = format!("{}/{scope}", credential.key_id);
        let seconds = valid_for.min(LONGEST).as_secs().max(1).to_string();
        let mut query = request.query.to_vec();
        query.extend([
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &id),
            ("X-Amz-Date", &moment),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", &names),
        ]);
        if let Some(token) = &credential.token {
            query.push(("X-Amz-Security-Token", token));
        }
        let mut query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name, ""), encoded(value, "")))
            .collect();
        query.sort_unstable();
        let query = query.join("&");

        let mut canonical = format!("{}\n{path}\n{query}\n", request.method);
        for (name, value) in &headers {
            // SPEC: Signature Version 4, "Create a canonical request": spaces in a
            // row count as one. The store signs what it gets in the same way.
            let value: Vec<&str> = value.split_ascii_whitespace().collect();
            let _ = writeln!(canonical, "{name}:{}", value.join(" "));
        }
        let _ = write!(canonical, "\n{names}\nUNSIGNED-PAYLOAD");
        let hash = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hash}");
        let mut key = format!("AWS4{}", credential.secret_key).into_bytes();
        for part in [day, &self.region, "s3", "aws4_request"] {
            key = keyed(&key, part);
        }
        let signature = hex::encode(keyed(&key, &text));
        let scheme = self.base.scheme();
        format!("{scheme}://{host}{path}?{query}&X-Amz-Signature={signature}")
    }

    /// The name of the object that `url` allows to be fetched, when it was signed
    /// here and with `credential`. Whether its time has passed is not judged.
    pub(super) fn read(&self, credential: &AwsCredential, url: &str) -> Option<String> {
        let url = Url::parse(url).ok()?;
        if url.origin() != self.base.origin() {
            return None;
        }
        let base = self.base.path().trim_end_matches('/');
        let name = url.path().strip_prefix(base)?.strip_prefix('/')?;
        let (mut now, mut valid_for, mut signature) = (None, None, None);
        let mut rest = Vec::new();
        for (key, value) in url.query_pairs() {
            match &*key {
                "X-Amz-Date" => now = read_moment(&value),
                "X-Amz-Expires" => valid_for = value.parse().ok().map(Duration::from_secs),
                "X-Amz-Signature" => signature = Some(value.into_owned()),
                "X-Amz-Algorithm"
                | "X-Amz-Credential"
                | "X-Amz-SignedHeaders"
                | "X-Amz-Security-Token" => {}
                _ => rest.push((key.into_owned(), value.into_owned())),
            }
        }
        let query: Vec<(&str, &str)> = rest
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let request = Request {
            method: "GET",
            name,
            query: &query,
            headers: &[],
        };
        // Whatever else was changed in the URL, this is what it should have.
        let ours = self.sign(credential, &request, now?, valid_for?);
        let (_, expected) = ours.rsplit_once("&X-Amz-Signature=")?;
        let is_ours = expected.as_bytes().ct_eq(signature?.as_bytes());
        bool::from(is_ours).then(|| name.to_owned())
    }
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // INVARIANT: HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes every key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `20130524T000000Z`.
fn moment(at: Timestamp) -> String {
    to_the_second(at).replace(['-', ':'], "")
}

/// `2013-05-24T00:00:00Z`.
pub(super) fn to_the_second(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    let whole = text.split(['.', 'Z']).next().unwrap_or_default();
    format!("{whole}Z")
}

/// The time that [`moment`] wrote.
fn read_moment(text: &str) -> Option<Timestamp> {
    let is_plain = text.len() == 16 && text.is_ascii();
    let (date, time) = text.split_once('T').filter(|_| is_plain)?;
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}")
        .parse()
        .ok()
}

/// Percent-encodes all but what RFC 3986 leaves alone, and `kept`.
pub(super) fn encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let letter = char::from(byte);
        if letter.is_ascii_alphanumeric() || "-._~".contains(letter) || kept.contains(letter) {
            encoded.push(letter);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(token: Option<&str>) -> AwsCredential {
        AwsCredential {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: token.map(str::to_owned),
        }
    }

    fn presigner(base: &str) -> Presigner {
        Presigner {
            base: base.parse().unwrap(),
            region: "us-east-1".to_owned(),
        }
    }

    fn may_24() -> Timestamp {
        "2013-05-24T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_example_of_the_documentation_has_the_signature_that_it_says() {
        // Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters".
        let request = Request {
            method: "GET",
            name: "test.txt",
            query: &[],
            headers: &[],
        };
        let url = presigner("https://examplebucket.s3.amazonaws.com").sign(
            &credential(None),
            &request,
            may_24(),
            Duration::from_hours(24),
        );
        assert_eq!(
            url,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn type_size_and_token_are_part_of_what_is_signed() {
        let sign = |kind: &str, size: &str, token| {
            let request = Request {
                method: "PUT",
                name: "a/b.png",
                query: &[],
                headers: &[("content-type", kind), ("content-length", size)],
            };
            let presigner = presigner("http://127.0.0.1:9000/media");
            presigner.sign(
                &credential(token),
                &request,
                may_24(),
                Duration::from_mins(1),
            )
        };
        let url = sign("image/png", "10", None);
        assert!(
            url.starts_with("http://127.0.0.1:9000/media/a/b.png?"),
            "{url}"
        );
        assert!(
            url.contains("content-length%3Bcontent-type%3Bhost"),
            "{url}"
        );
        assert!(sign("image/png", "10", Some("a+b")).contains("X-Amz-Security-Token=a%2Bb"));
        let signature = |url: &str| url.rsplit_once('=').unwrap().1.to_owned();
        for other in [
            sign("image/gif", "10", None),
            sign("image/png", "11", None),
            sign("image/png", "10", Some("token")),
        ] {
            assert_ne!(signature(&url), signature(&other));
        }
        let spaced = ["image/png; a=\"b c\"", "image/png;   a=\"b  c\""];
        let [one, several] = spaced.map(|kind| signature(&sign(kind, "10", None)));
        assert_eq!(one, several, "spaces in a row are signed as one");
    }

    #[test]
    fn a_url_is_known_again_and_a_changed_one_is_not() {
        let request = Request {
            method: "GET",
            name: "media/a/b.png",
            query: &[("response-content-disposition", "inline; filename=\"a+b ä\"")],
            headers: &[],
        };
        let lived = Duration::from_hours(1);
        for base in ["http://127.0.0.1:9000/bucket", "https://b.s3.amazonaws.com"] {
            let presigner = presigner(base);
            let us = credential(Some("to/ken"));
            let url = presigner.sign(&us, &request, may_24(), lived);
            let name = presigner.read(&us, &url);
            assert_eq!(name.as_deref(), Some("media/a/b.png"), "{url}");
            for changed in [
                url.replace("b.png", "c.png"),
                url.replace("3600", "7200"),
                url.replace("T000000Z", "T000001Z"),
                url.replace("inline", "attachment"),
                url.replace("://", "://x."),
                url.replace("X-Amz-Signature=", "X-Amz-Signature=0"),
                url.split('?').next().unwrap().to_owned(),
                format!("{url}&more=1"),
            ] {
                assert_eq!(presigner.read(&us, &changed), None, "{changed}");
            }
            assert_eq!(presigner.read(&credential(None), &url), None);
            let put = Request {
                method: "PUT",
                ..request
            };
            let put = presigner.sign(&us, &put, may_24(), lived);
            assert_eq!(presigner.read(&us, &put), None);
        }
    }

    #[test]
    fn no_url_lives_longer_than_a_store_allows() {
        let request = Request {
            method: "GET",
            name: "a",
            query: &[("response-content-disposition", "attachment; filename=\"ä\"")],
            headers: &[],
        };
        let url = presigner("https://b.s3.amazonaws.com").sign(
            &credential(None),
            &request,
            may_24(),
            Duration::from_secs(u64::MAX),
        );
        assert!(url.contains("X-Amz-Expires=604800"), "{url}");
        assert!(
            url.contains("attachment%3B%20filename%3D%22%C3%A4%22"),
            "{url}"
        );
    }
}
