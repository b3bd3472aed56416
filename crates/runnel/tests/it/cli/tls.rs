//! `--tls-cert` and `--tls-key`: which of two files is wrong, and what to do.

use std::path::Path;

use super::{runnel, stderr};

fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn told(folder: &Path, cert: &str, key: &str) -> String {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let output = runnel(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &path("data"),
        "--tls-cert",
        &path(cert),
        "--tls-key",
        &path(key),
    ]);
    assert_eq!(output.status.code(), Some(1));
    stderr(&output)
}

#[test]
fn a_certificate_or_key_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ((cert, key), (_, other)) = (pair(), pair());
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked_long_ago = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for (name, text) in [
        ("cert.pem", cert.as_str()),
        ("key.pem", &key),
        ("other.pem", &other),
        ("locked.pem", locked),
        ("old.pem", locked_long_ago),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for (cert, key, words) in [
        (
            "cert.pem",
            "other.pem",
            ["other.pem is not the one", "belong together"],
        ),
        (
            "cert.pem",
            "locked.pem",
            ["locked.pem is protected by a passphrase", "openssl pkey"],
        ),
        (
            "cert.pem",
            "old.pem",
            ["old.pem is protected by a passphrase", "openssl pkey"],
        ),
        (
            "cert.pem",
            "cert.pem",
            ["cert.pem: it holds no private key", "--tls-key"],
        ),
        (
            "key.pem",
            "key.pem",
            ["key.pem: it holds no certificate", "--tls-cert"],
        ),
        ("cert.pem", "none.pem", ["none.pem", "No such file"]),
    ] {
        let told = told(folder.path(), cert, key);
        for word in words {
            assert!(told.contains(word), "{word} is not in {told}");
        }
    }
}
