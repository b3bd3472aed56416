//! Shared access signatures, by which Azure lets whoever holds a URL fetch one
//! object: signed with the account's key, for a time, and with the headers that
//! the answer is to have.
//!
//! Written out here because those headers are part of what is signed, and the
//! signer of `object_store` leaves them empty: every file would arrive as
//! `application/octet-stream`, and a browser could not be told to keep one
//! instead of running it. That signer asks the system for the time, too.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use runnel_types::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::Url;

use super::presign::{LONGEST, encoded, to_the_second};
use crate::object::Download;

/// The version of the service whose order of fields is signed.
const VERSION: &str = "2020-12-06";

/// Where a container is, and as whom URLs to it are signed.
pub(super) struct SasSigner {
    /// The container's own URL, without a slash at its end.
    base: Url,
    account: String,
    container: String,
    key: Vec<u8>,
}

impl std::fmt::Debug for SasSigner {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SasSigner")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl SasSigner {
    /// A signer for `container` of the service at `endpoint`; `None` when the
    /// key is not base64 or the two make no URL.
    pub(super) fn new(endpoint: &str, account: &str, container: &str, key: &str) -> Option<Self> {
        let base = format!("{}/{container}", endpoint.trim_end_matches('/'));
        Some(Self {
            base: base.parse().ok()?,
            account: account.to_owned(),
            container: container.to_owned(),
            key: STANDARD.decode(key).ok()?,
        })
    }

    /// A URL to fetch the object `name`, from `now` on for the time given.
    ///
    /// No beginning is named: a store whose clock is a little behind would
    /// refuse the URL at first.
    pub(super) fn sign(
        &self,
        name: &str,
        now: Timestamp,
        valid_for: Duration,
        download: Download<'_>,
    ) -> String {
        let expiry = to_the_second(now.plus(valid_for.min(LONGEST)));
        self.signed(name, &expiry, download.disposition, download.mime_type)
    }

    fn signed(&self, name: &str, expiry: &str, disposition: &str, mime_type: &str) -> String {
        let signature = self.signature(name, expiry, disposition, mime_type);
        let mut url = format!("{}/{}?", self.base, encoded(name, "/"));
        for (field, value) in [
            ("sv", VERSION),
            ("se", expiry),
            ("sr", "b"),
            ("sp", "r"),
            ("rscd", disposition),
            ("rsct", mime_type),
        ] {
            let _ = write!(url, "{field}={}&", encoded(value, ""));
        }
        let _ = write!(url, "sig={}", encoded(&signature, ""));
        url
    }

    fn signature(&self, name: &str, expiry: &str, disposition: &str, mime_type: &str) -> String {
        let resource = format!("/blob/{}/{}/{name}", self.account, self.container);
        let fields = [
            "r",         // permissions: to read
            "",          // start
            expiry,      //
            &resource,   //
            "",          // identifier of a stored policy
            "",          // addresses of clients
            "",          // protocols
            VERSION,     //
            "b",         // kind of resource: one blob
            "",          // snapshot
            "",          // encryption scope
            "",          // Cache-Control of the answer
            disposition, // Content-Disposition of the answer
            "",          // Content-Encoding of the answer
            "",          // Content-Language of the answer
            mime_type,   // Content-Type of the answer
        ];
        // INVARIANT: HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes every key");
        mac.update(fields.join("\n").as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// The name of the object that `url` allows to be fetched, when it was signed
    /// here. Whether its time has passed is not judged.
    pub(super) fn read(&self, url: &str) -> Option<String> {
        let (place, query) = url.split_once('?')?;
        let name = place.strip_prefix(self.base.as_str())?.strip_prefix('/')?;
        let (mut expiry, mut disposition, mut mime_type, mut signature) = Default::default();
        for (field, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*field {
                "se" => expiry = value,
                "rscd" => disposition = value,
                "rsct" => mime_type = value,
                "sig" => signature = value,
                "sv" | "sr" | "sp" => {}
                _ => return None,
            }
        }
        // Whatever else was changed in the URL, this is what it should have.
        let expected = self.signature(name, &expiry, &disposition, &mime_type);
        let is_ours = expected.as_bytes().ct_eq(signature.as_bytes());
        bool::from(is_ours).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(endpoint: &str) -> SasSigner {
        let key = STANDARD.encode("a key of the account");
        SasSigner::new(endpoint, "acme", "media", &key).unwrap()
    }

    fn may_24() -> Timestamp {
        "2013-05-24T00:00:00Z".parse().unwrap()
    }

    const PICTURE: Download<'static> = Download {
        mime_type: "image/png",
        disposition: "inline; filename=\"a+b ä.png\"",
    };

    #[test]
    fn a_url_is_known_again_and_a_changed_one_is_not() {
        for endpoint in ["https://acme.blob.core.windows.net", "http://[::1]:1/acme/"] {
            let signer = signer(endpoint);
            let url = signer.sign("lib/a.png", may_24(), Duration::from_hours(1), PICTURE);
            assert!(url.parse::<Url>().is_ok(), "{url}");
            assert_eq!(signer.read(&url).as_deref(), Some("lib/a.png"), "{url}");
            for changed in [
                url.replace("a.png?", "b.png?"),
                url.replace("01%3A00", "02%3A00"),
                url.replace("inline", "attachment"),
                url.replace("image%2Fpng", "text%2Fhtml"),
                url.replace("://", "://x."),
                url.replace("/media/", "/other/"),
                url.replace("sig=", "sig=A"),
                url.split('?').next().unwrap().to_owned(),
                format!("{url}&snapshot=1"),
            ] {
                assert_ne!(changed, url);
                assert_eq!(signer.read(&changed), None, "{changed}");
            }
        }
    }

    #[test]
    fn no_url_lives_longer_than_seven_days_and_the_key_is_not_shown() {
        let signer = signer("https://acme.blob.core.windows.net");
        let url = signer.sign("a", may_24(), Duration::from_secs(u64::MAX), PICTURE);
        assert!(url.contains("se=2013-05-31T00%3A00%3A00Z&"), "{url}");
        let key = format!("{:?}", signer.key);
        assert!(!format!("{signer:?}").contains(&key));
        assert!(SasSigner::new("https://x", "acme", "media", "no base64!").is_none());
    }
}
