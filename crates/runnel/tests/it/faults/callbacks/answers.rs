//! Answers that no receiver should give. The status counts as soon as it is
//! there; of the rest a little is kept, and nothing is waited for.

use runnel_testkit::{Conduct, Db, UnrulyReceiver, on_both_databases, wait_until};
use serde_json::{Value, json};

use super::{allowing, assert_given_up, attempted_to_the_end, delivery, echo_with_callback};

on_both_databases!(
    what_is_no_answer_is_told_and_tried_again,
    a_status_counts_whatever_becomes_of_the_body,
    an_answer_without_end_is_cut_and_its_connection_dropped,
    what_is_kept_is_text,
    a_redirect_is_an_answer_and_leads_nowhere,
);

/// The beginning of an answer that is taken.
const OK: &str = "HTTP/1.1 200 OK\r\n";

fn raw(head: &str, body: &[u8]) -> Conduct {
    Conduct::Raw([OK.as_bytes(), head.as_bytes(), b"\r\n\r\n", body].concat())
}

async fn what_is_no_answer_is_told_and_tried_again(db: Db) {
    let app = allowing(db).await;
    let huge = format!("{OK}X-Long: {}\r\n\r\n", "x".repeat(10_000_000));
    let many = format!("{OK}{}\r\n", "X-Many: 1\r\n".repeat(100_000));
    let cases = [
        ("closed", Conduct::Raw(Vec::new()), "closed"),
        ("reset", Conduct::Reset(Vec::new()), "reset"),
        (
            "reset in the head",
            Conduct::Reset(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
            "reset",
        ),
        (
            "closed in the head",
            Conduct::Raw(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
            "closed",
        ),
        ("HTTP/0.9", Conduct::Raw(b"<html>hello".to_vec()), "version"),
        (
            "another protocol",
            Conduct::Raw(b"220 mail.example.com ESMTP\r\n".to_vec()),
            "version",
        ),
        (
            "no status",
            Conduct::Raw(b"HTTP/1.1 ok\r\n\r\n".to_vec()),
            "status",
        ),
        (
            "10 MB of head",
            Conduct::Raw(huge.into_bytes()),
            "too large",
        ),
        ("many headers", Conduct::Raw(many.into_bytes()), "too large"),
    ];
    for (name, conduct, words) in cases {
        let receiver = UnrulyReceiver::start(conduct).await;
        let failed = attempted_to_the_end(&app, &receiver.url()).await;
        assert_given_up(&failed, "PROTOCOL_ERROR", words);
        let attempt = &failed["attempts"][7];
        assert_eq!(
            [&attempt["status_code"], &attempt["response_body"]],
            [&Value::Null; 2],
            "{name}: {attempt}"
        );
        assert_eq!(receiver.received().len(), 8, "{name}");
    }
    app.stop().await;
}

async fn a_status_counts_whatever_becomes_of_the_body(db: Db) {
    let app = allowing(db).await;
    let cut = format!("{OK}Content-Length: 9000\r\n\r\nseen");
    let chunks = format!("{OK}Transfer-Encoding: chunked\r\n\r\n4\r\nseen\r\n4\r\nmo");
    let garbled = format!("{OK}Transfer-Encoding: chunked\r\n\r\n4\r\nseen\r\nzz\r\n");
    let cases = [
        (Conduct::Reset(cut.clone().into_bytes()), "seen", "reset"),
        (Conduct::Raw(cut.into_bytes()), "seen", "end of file"),
        (Conduct::Reset(chunks.into_bytes()), "seenmo", "reset"),
        (Conduct::Raw(garbled.into_bytes()), "seen", "chunk"),
    ];
    for (conduct, body, words) in cases {
        let receiver = UnrulyReceiver::start(conduct).await;
        let taken = attempted_to_the_end(&app, &receiver.url()).await;
        assert_eq!(
            (&taken["status_code"], &taken["attempt_count"]),
            (&json!("succeeded"), &json!(1)),
            "{taken}"
        );
        let attempt = &taken["attempts"][0];
        assert_eq!(
            (&attempt["status_code"], &attempt["response_body"]),
            (&json!(200), &json!(body)),
            "{attempt}"
        );
        let told = attempt["error_message"].as_str().unwrap();
        assert!(told.to_lowercase().contains(words), "{words}: {told}");
    }
    // A failure counts just as well.
    let failing = b"HTTP/1.1 500 x\r\nContent-Length: 9000\r\n\r\nno".to_vec();
    let receiver = UnrulyReceiver::start(Conduct::Raw(failing)).await;
    let failed = attempted_to_the_end(&app, &receiver.url()).await;
    assert_eq!(
        (&failed["failure_reason_code"], &failed["attempt_count"]),
        (&json!("HTTP_STATUS"), &json!(8)),
        "{failed}"
    );
    let attempt = &failed["attempts"][0];
    assert_eq!(
        (&attempt["status_code"], &attempt["response_body"]),
        (&json!(500), &json!("no")),
        "{attempt}"
    );
    app.stop().await;
}

/// What the system keeps on its way of one connection is a few megabytes.
const ON_ITS_WAY: u64 = 64 * 1024 * 1024;

async fn an_answer_without_end_is_cut_and_its_connection_dropped(db: Db) {
    let app = allowing(db).await;
    let announced = format!("{OK}Content-Length: 10000000000\r\n\r\n");
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"10000\r\n", "x".repeat(65536).as_bytes(), b"\r\n"].concat();
    let closing = format!("{OK}Connection: close\r\n\r\n");
    // All that is kept comes at once, the rest at no pace.
    let slow = format!("{announced}{}", "x".repeat(4096));
    let many = || "x".repeat(65536).into_bytes();
    for (head, conduct) in [
        (
            &announced,
            Conduct::Endless(announced.clone().into(), many()),
        ),
        (&chunked, Conduct::Endless(chunked.clone().into(), chunk)),
        (&closing, Conduct::Endless(closing.clone().into(), many())),
        (&slow, Conduct::Trickle(slow.clone().into(), b"x".to_vec())),
    ] {
        let receiver = UnrulyReceiver::start(conduct).await;
        let path = echo_with_callback(&app, &receiver.url()).await;
        app.run_jobs().await;
        let taken = delivery(&app, &path).await;
        let attempt = &taken["attempts"][0];
        assert_eq!(taken["status_code"], "succeeded", "{head}{taken}");
        assert_eq!(attempt["response_body"], "x".repeat(4096), "{head}");
        assert!(attempt["error_message"].is_null(), "{attempt}");
        wait_until("the end of the connection", || async {
            (receiver.open() == 0).then_some(())
        })
        .await;
        assert!(receiver.sent() < ON_ITS_WAY, "{}", receiver.sent());
    }
    app.stop().await;
}

async fn what_is_kept_is_text(db: Db) {
    let app = allowing(db).await;
    let length = |body: &[u8]| format!("Content-Length: {}", body.len());
    // A megabyte of nothing, packed: a few bytes, which stay what they are.
    let bomb = {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut packer, &vec![b'a'; 1 << 20]).unwrap();
        packer.finish().unwrap()
    };
    let packed = format!("Content-Encoding: gzip\r\n{}", length(&bomb));
    let invalid = b"a\0b\xff\xfec\xe2\x82".as_slice();
    let long = "€".repeat(3000);
    let noise = [0xff; 9000];
    let cases = [
        (
            raw(&packed, &bomb),
            String::from_utf8_lossy(&bomb).into_owned(),
        ),
        (
            raw(&length(invalid), invalid),
            "a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}".to_owned(),
        ),
        (
            raw(&length(long.as_bytes()), long.as_bytes()),
            "€".repeat(1365),
        ),
        (raw(&length(&noise), &noise), "\u{fffd}".repeat(1365)),
    ];
    for (conduct, text) in cases {
        let receiver = UnrulyReceiver::start(conduct).await;
        let taken = attempted_to_the_end(&app, &receiver.url()).await;
        assert_eq!(taken["status_code"], "succeeded", "{taken}");
        let kept = taken["attempts"][0]["response_body"].as_str().unwrap();
        let text = text.replace('\0', "\u{fffd}");
        assert_eq!(kept, &text[..text.floor_char_boundary(4096)]);
    }
    app.stop().await;
}

async fn a_redirect_is_an_answer_and_leads_nowhere(db: Db) {
    let app = allowing(db).await;
    // Where it leads may be called, by this server's policy, and is not.
    let inside = UnrulyReceiver::start(Conduct::answer(200, "inside")).await;
    for status in [301, 302, 303, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} x\r\nLocation: {}\r\nContent-Length: 4\r\n\r\naway",
            inside.url()
        );
        let receiver = UnrulyReceiver::start(Conduct::Raw(head.into_bytes())).await;
        let path = echo_with_callback(&app, &receiver.url()).await;
        app.run_jobs().await;
        let pending = delivery(&app, &path).await;
        let attempt = &pending["attempts"][0];
        assert_eq!(
            (&attempt["status_code"], &attempt["response_body"]),
            (&json!(status), &json!("away")),
            "{pending}"
        );
        assert!(pending["next_attempt_at"].is_string(), "{pending}");
        receiver.conduct(Conduct::answer(200, ""));
        app.advance(std::time::Duration::from_secs(6));
        app.run_jobs().await;
        let taken = delivery(&app, &path).await;
        assert_eq!(taken["status_code"], "succeeded", "{taken}");
    }
    assert_eq!(inside.connections(), 0);
    app.stop().await;
}
