//! Signed URLs: what a client without an API key may do with one object.
//!
//! The signature is HMAC-SHA256 over the method, the key and every parameter,
//! each on a line of its own, below a line that says what is signed, so that
//! no signature can be taken for another. A PUT's URL fixes type and size.

use hmac::{Hmac, Mac};
use runnel_types::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

use crate::key::Key;

/// What is signed; a later form gets another line.
const DOMAIN: &str = "runnel storage url v1";

/// The longest query that is looked at, in bytes.
const MAX_QUERY: usize = 4096;

/// The method of a request to a storage URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Fetches the object.
    Get,
    /// Asks about the object; allowed by the signature of a GET.
    Head,
    /// Sends the object.
    Put,
}

/// What a URL allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The object.
    pub key: Key,
    /// The declared type, of a PUT.
    pub mime_type: Option<String>,
    /// The declared size in bytes, of a PUT.
    pub size_bytes: Option<u64>,
    /// What is to be made of the picture, of a GET.
    pub transform: TransformParameters,
    /// When it ends.
    pub expires: Timestamp,
}

/// What is to be made of a picture, word for word as a URL says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransformParameters {
    /// The width, `w`.
    pub width: Option<String>,
    /// The height, `h`.
    pub height: Option<String>,
    /// How the picture is fitted in, `fit`.
    pub fit: Option<String>,
    /// The format, `format`.
    pub format: Option<String>,
    /// The quality, `q`.
    pub quality: Option<String>,
}

impl TransformParameters {
    /// Whether nothing is to be made of it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a URL allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Its time has passed.
    #[error("this URL expired at {at}; ask for a new one")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// It is not one that this server signed.
    #[error(
        "this URL is not one that this server signed ({reason}); use it exactly as it was given"
    )]
    Invalid {
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Makes and checks signed URLs.
#[derive(Clone)]
pub struct UrlSigner {
    secret: [u8; 32],
}

impl std::fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UrlSigner").finish_non_exhaustive()
    }
}

/// The parameters of a URL, as they are signed.
#[derive(Debug, Default)]
struct Parameters {
    expires: Option<String>,
    size: Option<String>,
    mime_type: Option<String>,
    transform: TransformParameters,
}

impl UrlSigner {
    /// Makes a signer; every server of a fleet has the same secret.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// A URL by which `size_bytes` bytes of `mime_type` may be sent until `expires`.
    pub fn sign_put(
        &self,
        base_url: &str,
        key: &Key,
        expires: Timestamp,
        mime_type: &str,
        size_bytes: u64,
    ) -> String {
        let parameters = Parameters {
            expires: Some(expires.as_seconds().to_string()),
            size: Some(size_bytes.to_string()),
            mime_type: Some(mime_type.to_owned()),
            ..Parameters::default()
        };
        self.sign(Method::Put, base_url, key, &parameters)
    }

    /// A URL by which the object may be fetched until `expires`.
    pub fn sign_get(&self, base_url: &str, key: &Key, expires: Timestamp) -> String {
        let parameters = Parameters {
            expires: Some(expires.as_seconds().to_string()),
            ..Parameters::default()
        };
        self.sign(Method::Get, base_url, key, &parameters)
    }

    /// A URL by which what `transform` makes of the object may be fetched
    /// until `expires`.
    pub fn sign_transform(
        &self,
        base_url: &str,
        key: &Key,
        expires: Timestamp,
        transform: TransformParameters,
    ) -> String {
        let parameters = Parameters {
            expires: Some(expires.as_seconds().to_string()),
            transform,
            ..Parameters::default()
        };
        self.sign(Method::Get, base_url, key, &parameters)
    }

    /// Checks a request: `path` is what follows `/storage/`, `query` what
    /// follows `?`, both as they were sent.
    ///
    /// # Errors
    /// [`UrlError::Expired`] only for a URL that this server did sign.
    pub fn verify(
        &self,
        method: Method,
        path: &str,
        query: &str,
        now: Timestamp,
    ) -> Result<Grant, UrlError> {
        let (grant, at) = self.read_signed(method, path, query)?;
        if now >= at {
            return Err(UrlError::Expired { at });
        }
        Ok(grant)
    }

    /// What a URL of this server allows, and until when; for a caller that
    /// judges the time by itself.
    ///
    /// # Errors
    /// [`UrlError::Invalid`] alone.
    pub fn read_signed(
        &self,
        method: Method,
        path: &str,
        query: &str,
    ) -> Result<(Grant, Timestamp), UrlError> {
        let invalid = |reason| UrlError::Invalid { reason };
        if query.len() > MAX_QUERY {
            return Err(invalid("its query is too long"));
        }
        let (parameters, signature) = read(query)?;
        let expected = self.signature(method, path, &parameters);
        if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(invalid("its signature does not fit"));
        }
        let seconds: i64 = parameters
            .expires
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid("it has no expiry"))?;
        let at = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        let key = path.parse().map_err(|_| invalid("it names no object"))?;
        let size_bytes = parameters
            .size
            .as_deref()
            .and_then(|text| text.parse().ok());
        let grant = Grant {
            key,
            mime_type: parameters.mime_type,
            size_bytes,
            transform: parameters.transform,
            expires: at,
        };
        Ok((grant, at))
    }

    fn sign(&self, method: Method, base_url: &str, key: &Key, parameters: &Parameters) -> String {
        let path = key.to_string();
        let signature = self.signature(method, &path, parameters);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in parameters.pairs() {
            query.append_pair(name, value);
        }
        query.append_pair("signature", &signature);
        format!(
            "{}/storage/{path}?{}",
            base_url.trim_end_matches('/'),
            query.finish()
        )
    }

    fn signature(&self, method: Method, path: &str, parameters: &Parameters) -> String {
        let method = match method {
            Method::Get | Method::Head => "GET",
            Method::Put => "PUT",
        };
        // INVARIANT: HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes every key");
        mac.update(format!("{DOMAIN}\n{method}\n{path}").as_bytes());
        for (name, value) in parameters.pairs() {
            // The length first, so that no value can run on into the next line.
            mac.update(format!("\n{name} {} {value}", value.len()).as_bytes());
        }
        hex::encode(mac.finalize().into_bytes())
    }
}

impl Parameters {
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("expires", &self.expires),
            ("size", &self.size),
            ("type", &self.mime_type),
            ("w", &self.transform.width),
            ("h", &self.transform.height),
            ("fit", &self.transform.fit),
            ("format", &self.transform.format),
            ("q", &self.transform.quality),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// Reads a query; every parameter at most once, and no others.
fn read(query: &str) -> Result<(Parameters, String), UrlError> {
    let mut parameters = Parameters::default();
    let mut signature = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let slot = match &*name {
            "expires" => &mut parameters.expires,
            "size" => &mut parameters.size,
            "type" => &mut parameters.mime_type,
            "w" => &mut parameters.transform.width,
            "h" => &mut parameters.transform.height,
            "fit" => &mut parameters.transform.fit,
            "format" => &mut parameters.transform.format,
            "q" => &mut parameters.transform.quality,
            "signature" => &mut signature,
            _ => {
                return Err(UrlError::Invalid {
                    reason: "it has a parameter that was not signed",
                });
            }
        };
        if slot.replace(value.into_owned()).is_some() {
            return Err(UrlError::Invalid {
                reason: "it has a parameter twice",
            });
        }
    }
    let signature = signature.ok_or(UrlError::Invalid {
        reason: "it has no signature",
    })?;
    Ok((parameters, signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_micros(1_778_061_600_000_000);

    fn signer() -> UrlSigner {
        UrlSigner::new([7; 32])
    }

    fn put_url() -> (String, String) {
        let id = Uuid::from_u128(9);
        let key = Key::upload(id.into(), id.into(), "a.png");
        split(&signer().sign_put("http://h", &key, later(60), "image/png", 12))
    }

    fn later(seconds: u64) -> Timestamp {
        NOW.plus(std::time::Duration::from_secs(seconds))
    }

    fn split(url: &str) -> (String, String) {
        let (path, query) = url
            .strip_prefix("http://h/storage/")
            .unwrap()
            .split_once('?')
            .unwrap();
        (path.to_owned(), query.to_owned())
    }

    #[test]
    fn a_signed_url_grants_what_was_signed() {
        let (path, query) = put_url();
        let grant = signer().verify(Method::Put, &path, &query, NOW).unwrap();
        assert_eq!(grant.mime_type.as_deref(), Some("image/png"));
        assert_eq!(grant.size_bytes, Some(12));
    }

    #[test]
    fn time_method_and_secret_matter() {
        let (path, query) = put_url();
        assert_eq!(
            signer().verify(Method::Put, &path, &query, later(60)),
            Err(UrlError::Expired { at: later(60) })
        );
        let wrong = Err(UrlError::Invalid {
            reason: "its signature does not fit",
        });
        assert_eq!(signer().verify(Method::Get, &path, &query, NOW), wrong);
        assert_eq!(
            UrlSigner::new([8; 32]).verify(Method::Put, &path, &query, NOW),
            wrong
        );
        assert!(matches!(
            signer().verify(Method::Put, &path, &format!("{query}&x=1"), NOW),
            Err(UrlError::Invalid { .. })
        ));
        assert!(matches!(
            signer().verify(Method::Put, &path, &format!("{query}&size=12"), NOW),
            Err(UrlError::Invalid { .. })
        ));
        assert!(matches!(
            signer().verify(Method::Put, &path, "", NOW),
            Err(UrlError::Invalid { .. })
        ));
    }

    #[test]
    fn a_download_url_serves_head_and_nothing_else() {
        let id = Uuid::from_u128(9);
        let key = Key::asset(id.into(), id.into(), id, "a.png");
        let (path, query) = split(&signer().sign_get("http://h/", &key, later(60)));
        assert_eq!(
            signer()
                .verify(Method::Get, &path, &query, NOW)
                .unwrap()
                .key,
            key
        );
        assert_eq!(
            signer()
                .verify(Method::Head, &path, &query, NOW)
                .unwrap()
                .key,
            key
        );
        assert!(signer().verify(Method::Put, &path, &query, NOW).is_err());
    }

    #[test]
    fn a_transform_is_part_of_what_is_signed() {
        let id = Uuid::from_u128(9);
        let key = Key::asset(id.into(), id.into(), id, "a.png");
        let text = |text: &str| Some(text.to_owned());
        let transform = TransformParameters {
            width: text("800"),
            fit: text("cover"),
            quality: text("80"),
            ..TransformParameters::default()
        };
        let url = signer().sign_transform("http://h", &key, later(60), transform.clone());
        let (path, query) = split(&url);
        let verify = |query: &str| signer().verify(Method::Get, &path, query, NOW);
        let grant = verify(&query).unwrap();
        assert_eq!((grant.transform, grant.expires), (transform, later(60)));
        for changed in [
            query.replace("w=800", "w=801"),
            query.replace("w=800", "h=800"),
            query.replace("w=800&", ""),
            query.replace("fit=cover", "fit=crop"),
            query.replace("q=80", "q=80&h=600"),
            query.replace("q=80", "q=80&format=png"),
        ] {
            assert_ne!(changed, query);
            assert!(verify(&changed).is_err(), "{changed}");
        }
        // A URL without a transform is none with an empty one.
        let (_, plain) = split(&signer().sign_get("http://h", &key, later(60)));
        assert!(verify(&plain).unwrap().transform.is_empty());
        assert!(verify(&format!("{plain}&w=800")).is_err());
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_refused(index in 0_usize..400, byte in b'!'..=b'~') {
            let (path, query) = put_url();
            let whole = format!("{path}?{query}");
            let mut changed = whole.clone().into_bytes();
            let index = index % changed.len();
            changed[index] = byte;
            let changed = String::from_utf8(changed).unwrap();
            prop_assume!(changed != whole);
            let (path, changed_query) = changed.split_once('?').unwrap_or((&changed, ""));
            // Another spelling of the same parameters is the same URL.
            let same: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            let read: Vec<_> = form_urlencoded::parse(changed_query.as_bytes()).collect();
            prop_assume!(read != same || path != put_url().0);
            prop_assert!(signer().verify(Method::Put, path, changed_query, NOW).is_err());
        }
    }
}
