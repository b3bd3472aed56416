//! Fetching from servers on this machine that do what they should not.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::policy::Policy;
use crate::resolver::{Addresses, Resolve};
use crate::{EgressConfig, FetchError};

/// What a server sends: bytes, and what comes after them.
#[derive(Debug, Clone)]
enum Then {
    /// The connection is closed.
    Close,
    /// Nothing more, and the connection stays.
    Hang,
    /// The same again, as fast as it is taken.
    Endless,
    /// A byte now and then.
    Trickle(Duration),
}

/// Answers each request for a path with what `answer` says.
async fn server(
    at: &str,
    answer: impl Fn(&str) -> (String, Then) + Send + Sync + 'static,
) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, answer) = (Arc::clone(&count), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            tokio::spawn(async move { serve(stream, &*answer).await });
        }
    });
    (port, count)
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &(impl Fn(&str) -> (String, Then) + Sync),
) {
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).await.unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..read]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (text, then) = answer(path);
    let _ = stream.write_all(text.as_bytes()).await;
    match then {
        Then::Close => drop(stream.shutdown().await),
        Then::Hang => std::future::pending().await,
        Then::Endless => while stream.write_all(&[b'x'; 8192]).await.is_ok() {},
        Then::Trickle(pause) => {
            let mut tick = tokio::time::interval(pause);
            while stream.write_all(b"x").await.is_ok() {
                tick.tick().await;
            }
        }
    }
}

fn ok(head: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}")
}

fn redirect(to: &str) -> (String, Then) {
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    (head, Then::Close)
}

fn door(allow: &str) -> Egress {
    Egress::new(EgressConfig::new(Policy::parse(allow).unwrap())).unwrap()
}

fn quick() -> Pace {
    Pace {
        answer_within: Duration::from_secs(20),
        window: Duration::from_millis(300),
        least_bytes: 1000,
        total: Duration::from_mins(1),
    }
}

/// The whole body, or why not.
async fn body_of(door: &Egress, url: &str, limit: u64, pace: Pace) -> Result<Vec<u8>, FetchError> {
    let mut fetched = door.fetch(url, limit, pace).await?;
    let mut body = Vec::new();
    while let Some(chunk) = fetched.chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn fetch(url: &str) -> Result<Vec<u8>, FetchError> {
    body_of(&door("127.0.0.0/8"), url, 100_000, quick()).await
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    let (port, count) = server("127.0.0.1", |path| match path {
        "/file" => (ok("Content-Length: 4", "file"), Then::Close),
        "/loop" => redirect("/loop"),
        "/1" => redirect("file"),
        "/2?x=1" => redirect("/1"),
        "/3" => redirect("/2?x=1#y"),
        _ => redirect("/3"),
    })
    .await;
    let base = format!("http://127.0.0.1:{port}");
    assert_eq!(fetch(&format!("{base}/3")).await.unwrap(), b"file");
    let before = count.load(Ordering::SeqCst);
    for path in ["/4", "/loop"] {
        let error = fetch(&format!("{base}{path}")).await.unwrap_err();
        assert!(
            matches!(error, FetchError::TooManyRedirects { .. }),
            "{error}"
        );
        assert!(!error.is_passing());
    }
    assert_eq!(count.load(Ordering::SeqCst), before + 8);
}

/// Knows the names of a test.
#[derive(Debug)]
struct Names(&'static [(&'static str, [u8; 4])]);

impl Resolve for Names {
    fn resolve(&self, name: &str) -> Addresses {
        let found = self.0.iter().find(|(known, _)| *known == name);
        let addresses = found.map(|(_, address)| vec![IpAddr::from(*address)]);
        Box::pin(async move { Ok(addresses.unwrap_or_default()) })
    }
}

#[tokio::test]
async fn each_redirect_is_checked_like_the_first_url() {
    let (inner, reached) =
        server("127.0.0.1", |_| (ok("Content-Length: 1", "x"), Then::Close)).await;
    let targets = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://127.0.0.1:{inner}/"),
        format!("http://inner.test:{inner}/"),
        format!("http://[::ffff:127.0.0.1]:{inner}/"),
        format!("//127.0.0.1:{inner}/"),
        "http://user:secret@example.com/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
        "http://".to_owned(),
        String::new(),
    ];
    let listed = targets.clone();
    let (port, asked) = server("127.0.0.2", move |path| {
        let index: usize = path[1..].parse().unwrap();
        redirect(&listed[index])
    })
    .await;
    let names = Names(&[
        ("outer.test", [127, 0, 0, 2]),
        ("inner.test", [127, 0, 0, 1]),
    ]);
    let config = EgressConfig::new(Policy::parse("127.0.0.2").unwrap());
    let door = Egress::new(config.with_resolver(Arc::new(names))).unwrap();
    for (index, target) in targets.iter().enumerate() {
        let url = format!("http://outer.test:{port}/{index}");
        let error = body_of(&door, &url, 1000, quick()).await.unwrap_err();
        let told = error.to_string();
        assert!(!told.contains("secret"), "{told}");
        if target.is_empty() {
            // A redirect to itself, then.
            assert!(
                matches!(error, FetchError::TooManyRedirects { .. }),
                "{told}"
            );
        } else {
            assert!(!error.is_passing(), "{target}: {told}");
        }
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    assert!(asked.load(Ordering::SeqCst) >= targets.len());
}

#[tokio::test]
async fn no_file_is_longer_than_the_limit_whatever_its_server_says() {
    let (port, _) = server("127.0.0.1", |path| match path {
        "/announced" => (ok("Content-Length: 10000000000", "x"), Then::Hang),
        "/endless" => (ok("Connection: close", ""), Then::Endless),
        "/short" => (ok("Content-Length: 10", "abc"), Then::Close),
        "/long" => (ok("Content-Length: 3", "abcdef"), Then::Close),
        "/chunked" => (
            ok("Transfer-Encoding: chunked", "3\r\nabc\r\n"),
            Then::Close,
        ),
        "/exact" => (
            ok("Content-Length: 100000", &"x".repeat(100_000)),
            Then::Close,
        ),
        "/over" => (ok("Connection: close", &"x".repeat(100_001)), Then::Close),
        _ => (ok("Content-Length: 0", ""), Then::Close),
    })
    .await;
    let get = |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        async move { fetch(&url).await }
    };
    let error = get("/announced").await.unwrap_err().to_string();
    assert!(
        error.contains("10000000000") && error.contains("100000"),
        "{error}"
    );
    for path in ["/endless", "/over"] {
        let error = get(path).await.unwrap_err();
        assert!(
            matches!(
                error,
                FetchError::TooLarge {
                    announced: None,
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(get("/exact").await.unwrap().len(), 100_000);
    let error = get("/short").await.unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Truncated {
                announced: 10,
                received: 3,
                ..
            }
        ) && error.is_passing(),
        "{error}"
    );
    // What follows the announced length is no part of the file.
    assert_eq!(get("/long").await.unwrap(), b"abc");
    let error = get("/chunked").await.unwrap_err();
    assert!(
        matches!(error, FetchError::Exchange(_)) && error.is_passing(),
        "{error}"
    );
    assert_eq!(get("/").await.unwrap(), b"");
}

#[tokio::test]
async fn a_trickle_and_silence_come_to_an_end() {
    let (port, _) = server("127.0.0.1", |path| match path {
        "/trickle" => (
            ok("Content-Length: 90000", ""),
            Then::Trickle(Duration::from_millis(20)),
        ),
        "/stuck" => (ok("Content-Length: 90000", &"x".repeat(2000)), Then::Hang),
        _ => (String::new(), Then::Hang),
    })
    .await;
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    for path in ["/trickle", "/stuck"] {
        let error = fetch(&url(path)).await.unwrap_err();
        assert!(
            matches!(error, FetchError::TooSlow { .. }),
            "{path}: {error}"
        );
        assert!(error.is_passing());
    }
    let door = door("127.0.0.0/8");
    let soon = Duration::from_millis(100);
    let impatient = Pace {
        answer_within: soon,
        ..quick()
    };
    let error = body_of(&door, &url("/silent"), 10, impatient)
        .await
        .unwrap_err();
    assert!(
        matches!(error, FetchError::Exchange(EgressError::Timeout { .. })),
        "{error}"
    );
    let short = Pace {
        total: soon,
        least_bytes: 0,
        ..quick()
    };
    for path in ["/silent", "/trickle"] {
        let error = body_of(&door, &url(path), 100_000, short)
            .await
            .unwrap_err();
        assert!(
            matches!(error, FetchError::TooLong { .. }),
            "{path}: {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_the_file_says_what_to_do() {
    let (port, _) = server("127.0.0.1", |path| {
        let status = &path[1..];
        let head =
            format!("HTTP/1.1 {status} x\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nnone");
        (head, Then::Close)
    })
    .await;
    let cases = [
        (401, "password", false),
        (403, "signed", false),
        (404, "nothing at this URL", false),
        (410, "nothing at this URL", false),
        (204, "does not send", false),
        (206, "does not send", false),
        (304, "does not send", false),
        (418, "does not send", false),
        (408, "no room", true),
        (429, "no room", true),
        (500, "failed", true),
        (503, "failed", true),
    ];
    for (status, words, is_passing) in cases {
        let url = format!("http://127.0.0.1:{port}/{status}");
        let error = fetch(&url).await.unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains(&status.to_string()) && told.contains(words),
            "{told}"
        );
        assert_eq!(error.is_passing(), is_passing, "{told}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let (port, _) = server("127.0.0.1", |_| {
        let head = "Content-Encoding: gzip\r\nContent-Length: 3";
        (ok(head, "\u{1f}x."), Then::Close)
    })
    .await;
    let error = fetch(&format!("http://127.0.0.1:{port}/"))
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Encoded { .. }), "{error}");
    assert!(error.to_string().contains("gzip"));
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = fetch(&format!("http://127.0.0.1:{port}/"))
        .await
        .unwrap_err();
    assert!(error.is_passing(), "{error}");
    let config = EgressConfig::new(Policy::default()).with_resolver(Arc::new(Names(&[])));
    let door = Egress::new(config).unwrap();
    let error = body_of(&door, "http://gone.test/", 10, quick())
        .await
        .unwrap_err();
    assert!(
        matches!(error, FetchError::Exchange(EgressError::Resolve { .. })) && error.is_passing(),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_may_lead_to_tls_and_never_away_from_it() {
    let certified = rcgen::generate_simple_self_signed(vec!["secure.test".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = listener.local_addr().unwrap().port();
    let back = Arc::new(Mutex::new(String::new()));
    let to = Arc::clone(&back);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.lock().unwrap().clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                serve(stream, &|path: &str| match path {
                    "/file" => (ok("Content-Length: 4", "file"), Then::Close),
                    _ => redirect(&to),
                })
                .await;
            });
        }
    });
    let (plain, count) = server("127.0.0.1", move |_| {
        redirect(&format!("https://secure.test:{secure}/file"))
    })
    .await;
    *back.lock().unwrap() = format!("http://secure.test:{plain}/");
    let names = Names(&[("secure.test", [127, 0, 0, 1])]);
    let config = EgressConfig::new(Policy::parse("127.0.0.0/8").unwrap())
        .with_resolver(Arc::new(names))
        .with_ca(certified.cert.pem().into_bytes());
    let door = Egress::new(config).unwrap();
    let up = format!("http://secure.test:{plain}/");
    assert_eq!(body_of(&door, &up, 10, quick()).await.unwrap(), b"file");
    let down = format!("https://secure.test:{secure}/down");
    let error = body_of(&door, &down, 10, quick()).await.unwrap_err();
    assert!(
        error.to_string().contains("from https:// to http://"),
        "{error}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn what_a_url_says_of_itself_is_judged_at_once() {
    let door = door("");
    let cases = [
        ("http://169.254.169.254/", "RUNNEL_EGRESS_ALLOW"),
        ("http://[::1]/", "RUNNEL_EGRESS_ALLOW"),
        ("http://0x7f.1/", "RUNNEL_EGRESS_ALLOW"),
        ("https://user:pass@example.com/", "user name or a password"),
        ("ftp://example.com/", "not http"),
        ("http://", "empty host"),
    ];
    for (url, words) in cases {
        let told = door.check_file_url(url).unwrap_err().to_string();
        assert!(
            told.contains(words) && !told.contains("user:pass"),
            "{told}"
        );
    }
    let long = |length: usize| format!("https://example.com/{}", "x".repeat(length));
    assert_eq!(door.check_file_url(&long(8000)), Ok(()));
    assert!(door.check_file_url(&long(9000)).is_err());
}
