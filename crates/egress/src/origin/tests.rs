//! The way to a named server, against real ones on this machine.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::client::EgressConfig;
use crate::policy::Policy;

/// A server that answers each request by its path; what came is kept.
async fn server(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads = Heads::default();
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 65536];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&request[..read]).to_lowercase();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            kept.lock().unwrap().push(head);
            let _ = stream.write_all(answer(&path).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, heads)
}

type Heads = Arc<Mutex<Vec<String>>>;

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn to(status: u16, location: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn door(allow: &str) -> Egress {
    Egress::new(EgressConfig::new(Policy::parse(allow).unwrap())).unwrap()
}

fn ask(method: Method, url: Url, body: Body) -> Ask {
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    Ask {
        method,
        url,
        secrets: header("authorization", "Bearer secret"),
        headers: header("x-open", "1"),
        body,
        within: Some(Duration::from_secs(5)),
    }
}

async fn get(origin: &Origin, url: &str) -> Result<Bytes, EgressError> {
    let url = origin.url(url).unwrap();
    let reply = origin.send(ask(Method::GET, url, Body::Empty)).await?;
    reply.read(1000).await
}

#[tokio::test]
async fn the_named_server_may_be_private_and_nothing_else_may() {
    let (other, others) = server(|_| ok("other")).await;
    let elsewhere = other.clone();
    let (named, heads) = server(move |path| match path {
        "/away" => to(302, &elsewhere),
        "/loop" => to(302, "/loop"),
        "/near" => to(302, "/here"),
        _ => ok("here"),
    })
    .await;
    let guarded = door("").to_origin(&named, None).unwrap();
    assert_eq!(get(&guarded, "here").await.unwrap(), "here");
    assert_eq!(get(&guarded, "near").await.unwrap(), "here");
    let error = get(&guarded, "away").await.unwrap_err();
    assert_eq!(error.code(), "ADDRESS_REFUSED", "{error}");
    let error = get(&guarded, &other).await.unwrap_err();
    assert_eq!(error.code(), "ADDRESS_REFUSED", "{error}");
    assert!(others.lock().unwrap().is_empty());
    let error = get(&guarded, "loop").await.unwrap_err();
    assert!(error.to_string().contains("more than 3 times"), "{error}");
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.contains("authorization: bearer secret") && head.contains("x-open: 1"));

    // Where the policy lets the request through, the secrets stay behind.
    let allowed = door("127.0.0.0/8").to_origin(&named, None).unwrap();
    assert_eq!(get(&allowed, "away").await.unwrap(), "other");
    let head = others.lock().unwrap()[0].clone();
    assert!(
        !head.contains("secret") && head.contains("x-open: 1"),
        "{head}"
    );
}

#[tokio::test]
async fn a_body_is_sent_again_only_within_the_origin_and_where_the_status_says_so() {
    let (other, others) = server(|_| ok("other")).await;
    let elsewhere = other.clone();
    let (named, heads) = server(move |path| match path {
        "/slash" => to(307, "/slash/"),
        "/away" => to(308, &elsewhere),
        "/see" => to(303, "/slash/"),
        _ => ok("here"),
    })
    .await;
    let origin = door("127.0.0.0/8").to_origin(&named, None).unwrap();
    let post = |path: &str| {
        let body = Body::Bytes(Bytes::from_static(b"the body"));
        origin.send(ask(Method::POST, origin.url(path).unwrap(), body))
    };
    assert_eq!(post("slash").await.unwrap().status(), 200);
    assert!(heads.lock().unwrap()[1].ends_with("the body"));
    for path in ["away", "see"] {
        let error = post(path).await.unwrap_err().to_string();
        assert!(error.contains("redirects the POST"), "{path}: {error}");
    }
    assert!(others.lock().unwrap().is_empty());
}

#[tokio::test]
async fn slowness_is_borne_up_to_the_patience() {
    let (named, _) = server(|path| match path {
        "/cut" => "HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\nfew".to_owned(),
        _ => ok("many bytes"),
    })
    .await;
    let patience = Patience {
        window: Duration::from_millis(50),
        ..Patience::default()
    };
    let origin = door("").to_origin(&named, None).unwrap();
    let error = get(&origin, "cut").await.unwrap_err();
    assert_eq!(error.code(), "PROTOCOL_ERROR", "{error}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let quiet = door("").to_origin(&url, None).unwrap();
    let quick = Ask {
        within: Some(Duration::from_millis(50)),
        ..ask(Method::GET, quiet.base().clone(), Body::Empty)
    };
    assert_eq!(quick.url.as_str(), url);
    assert_eq!(quiet.send(quick).await.unwrap_err().code(), "TIMEOUT");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let trickling = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let head = b"HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\nabc";
        stream.write_all(head).await.unwrap();
        // Open, and silent, until the other side has had enough.
        let _ = stream.read(&mut [0; 16]).await;
    });
    let slow = door("")
        .to_origin(&url, None)
        .unwrap()
        .with_patience(patience);
    let error = get(&slow, "").await.unwrap_err().to_string();
    assert!(error.contains("too slow: 3 bytes"), "{error}");
    trickling.await.unwrap();
}

#[tokio::test]
async fn a_body_has_a_limit_whether_it_is_announced_or_not() {
    let (named, _) = server(|path| match path {
        "/announced" => ok(&"x".repeat(2000)),
        _ => format!(
            "HTTP/1.1 200 x\r\nconnection: close\r\n\r\n{}",
            "x".repeat(2000)
        ),
    })
    .await;
    let origin = door("").to_origin(&named, None).unwrap();
    for path in ["announced", "open"] {
        let error = get(&origin, path).await.unwrap_err().to_string();
        assert!(error.contains("more than 1000 bytes"), "{path}: {error}");
    }
}

#[test]
fn paths_lie_below_the_url_that_was_given() {
    let url = |base: &str, path: &str| {
        let origin = door("").to_origin(base, None).unwrap();
        origin.url(path).unwrap().to_string()
    };
    assert_eq!(url("http://h:1", "v1/runs?q=a"), "http://h:1/v1/runs?q=a");
    assert_eq!(url("http://h/deep", "/predict"), "http://h/deep/predict");
    assert_eq!(url("http://h/deep/?k=v", ""), "http://h/deep/");
    assert_eq!(url("http://h/deep", "https://o/x"), "https://o/x");
    let origin = door("").to_origin("http://h:8000/x", None).unwrap();
    assert_eq!(origin.name(), "h:8000");
    for (other, owned) in [
        ("http://h:8000/y", true),
        ("http://h/y", false),
        ("https://h:8000/y", false),
        ("http://h.evil:8000/", false),
        ("http://u@h:8000/", true),
    ] {
        assert_eq!(origin.owns(&Url::parse(other).unwrap()), owned, "{other}");
    }
}
