//! The door against real servers on this machine.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::resolver::Addresses;

/// A server that answers each connection with `answer` and counts them.
async fn server(answer: &'static [u8]) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (port, count)
}

fn door(allow: &str) -> Egress {
    Egress::new(EgressConfig::new(Policy::parse(allow).unwrap())).unwrap()
}

fn post(url: String) -> Post {
    Post {
        url,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::from_static(b"{}"),
        timeout: Duration::from_secs(5),
        max_response_bytes: 16,
        purpose: "callback",
    }
}

#[tokio::test]
async fn an_allowed_receiver_is_reached_and_its_answer_cut() {
    let (port, _) =
        server(b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz").await;
    let answer = door("127.0.0.0/8")
        .post(post(format!("http://127.0.0.1:{port}/x")))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, &*answer.body),
        (200, &b"abcdefghijklmnop"[..])
    );
}

#[tokio::test]
async fn private_addresses_and_names_are_refused_without_a_connection() {
    let (port, count) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        let error = door("")
            .post(post(format!("http://{host}:{port}/")))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "ADDRESS_REFUSED", "{host}: {error}");
        assert!(error.to_string().contains("RUNNEL_EGRESS_ALLOW"), "{error}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_are_answers() {
    let (port, count) =
        server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
            .await;
    let answer = door("127.0.0.0/8")
        .post(post(format!("http://127.0.0.1:{port}/")))
        .await
        .unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// Answers with a public address first and with the loopback ever after.
#[derive(Debug, Default)]
struct Rebinding(AtomicUsize);

impl Resolve for Rebinding {
    fn resolve(&self, _: &str) -> Addresses {
        let address: IpAddr = match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => IpAddr::from([8, 8, 8, 8]),
            _ => IpAddr::from([127, 0, 0, 1]),
        };
        Box::pin(async move { Ok(vec![address]) })
    }
}

#[tokio::test]
async fn a_name_that_changes_between_look_ups_is_refused_at_the_connection() {
    let (port, count) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let config = EgressConfig::new(Policy::default()).with_resolver(Arc::new(Rebinding::default()));
    let error = Egress::new(config)
        .unwrap()
        .post(post(format!("http://rebind.test:{port}/")))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ADDRESS_REFUSED", "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn urls_that_cannot_be_used_are_named() {
    let long = format!("http://example.com/{}", "x".repeat(3000));
    for url in [
        "ftp://example.com/",
        "http://user:pass@example.com/",
        "nonsense",
        "http://",
        "file:///etc/passwd",
        &long,
    ] {
        assert_eq!(
            door("").check_url(url, "callback").unwrap_err().code(),
            "INVALID_URL",
            "{url}"
        );
    }
    assert_eq!(
        door("")
            .check_url("http://169.254.169.254/latest", "callback")
            .unwrap_err()
            .code(),
        "ADDRESS_REFUSED"
    );
    assert_eq!(
        door("").check_url("https://example.com/hook", "callback"),
        Ok(())
    );
}

#[tokio::test]
async fn silence_ends_at_the_time_limit_and_a_closed_port_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = Post {
        timeout: Duration::from_millis(50),
        ..post(format!("http://127.0.0.1:{port}/"))
    };
    assert_eq!(
        door("127.0.0.0/8").post(silent).await.unwrap_err().code(),
        "TIMEOUT"
    );
    drop(listener);
    let closed = door("127.0.0.0/8")
        .post(post(format!("http://127.0.0.1:{port}/")))
        .await
        .unwrap_err();
    assert_eq!(closed.code(), "CONNECTION_FAILED", "{closed}");
}
