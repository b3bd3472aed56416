//! The engine against a server that answers as the tests say; [`real`] has it
//! against servers that others wrote.

mod real;

use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::json;

use crate::engine::{EngineError, EngineErrorKind, InputContent, OutputContent, Product};
use crate::remote::stub::{Answer, Stub, bytes, engine, png, with_file, work};

async fn run(settings: &str, stub: &Stub) -> Result<Product, EngineError> {
    let settings = format!("url = \"{}/predict\"\n{settings}", stub.url);
    let (work, _) = work(&json!({"prompt": "p", "n": 2}));
    engine("http", &settings).execute(work).await
}

#[tokio::test]
async fn the_request_is_what_the_settings_say() {
    let stub = Stub::start(|_| Answer::json(200, &json!({"seed": 3}))).await;
    let settings = r#"
        method = "PUT"
        input = "wrapped"
        headers = { authorization = "Bearer key" }
        request = { text = "input.prompt", steps = 20 }
        response = { number = "seed" }
    "#;
    let product = run(settings, &stub).await.unwrap();
    assert_eq!(product.output["number"], 3);
    let seen = stub.seen().remove(0);
    assert_eq!((&*seen.method, &*seen.path), ("PUT", "/predict"));
    assert_eq!(seen.json(), json!({"input": {"text": "p", "steps": 20}}));
    for header in [
        "authorization: bearer key",
        "content-type: application/json",
        "idempotency-key: 00000000-0000-0000-0000-000000000007-1",
    ] {
        assert!(seen.head.contains(header), "{header}: {}", seen.head);
    }
    run("", &stub).await.unwrap();
    assert_eq!(stub.seen()[1].json(), json!({"prompt": "p", "n": 2}));
}

#[tokio::test]
async fn files_go_in_the_form_that_the_settings_name() {
    let stub = Stub::start(|_| Answer::json(200, &json!({}))).await;
    for (form, content, text) in [
        (
            "url",
            InputContent::Url("http://me/x".to_owned()),
            "http://me/x",
        ),
        (
            "data_uri",
            InputContent::Bytes(b"hi".to_vec()),
            "data:image/png;base64,aGk=",
        ),
        ("base64", InputContent::Bytes(b"hi".to_vec()), "aGk="),
    ] {
        let (work, _) = work(&json!({"image_url": "runflow://assets/1"}));
        let work = with_file(work, "image_url", content);
        let settings = format!("url = \"{}\"\nfiles = \"{form}\"", stub.url);
        engine("http", &settings).execute(work).await.unwrap();
        let sent = stub.seen().pop().unwrap().json();
        assert_eq!(sent, json!({"image_url": text}));
    }
}

#[tokio::test]
async fn an_answer_may_be_json_or_the_bytes_themselves() {
    let png = png();
    let sent = png.clone();
    let stub = Stub::start(move |_| Answer::new(200, "content-type: image/png\r\n", &sent)).await;
    let product = run("", &stub).await.unwrap();
    assert_eq!(json!(product.output), json!({"image_urls": [null]}));
    assert_eq!(product.files[0].name, "image.png");
    assert_eq!(bytes(product).await.unwrap(), [png]);
    let product = run("output = \"picture\"", &stub).await.unwrap();
    assert_eq!(json!(product.output), json!({"picture": [null]}));

    let film = Stub::start(|_| Answer::new(200, "content-type: video/mp4\r\n", b"film")).await;
    let product = run("", &film).await.unwrap();
    assert_eq!(json!(product.output), json!({"video_urls": [null]}));
}

#[tokio::test]
async fn an_answer_of_a_server_that_fails_says_what_and_whether_it_may_pass() {
    use EngineErrorKind::{Busy, Failed, InvalidInput, OutputInvalid, Unavailable};
    let json_type = "content-type: application/json\r\n";
    let page = "<!doctype html><title>Bad gateway</title>";
    for (status, headers, body, kind, passing, words) in [
        (
            422,
            json_type,
            "{\"detail\":\"prompt is too long\"}",
            InvalidInput,
            false,
            "prompt is too long",
        ),
        (401, "", "", Failed, false, "the operator"),
        (404, "", "", Failed, false, "model file"),
        (429, "retry-after: 7\r\n", "", Busy, true, "429"),
        (503, "retry-after: 7\r\n", "", Busy, true, "503"),
        (
            503,
            "",
            "Request dropped due to backpressure",
            Busy,
            true,
            "backpressure",
        ),
        (503, "", "", Unavailable, true, "503"),
        (
            500,
            json_type,
            "{\"error\":\"CUDA out of memory\"}",
            Failed,
            true,
            "CUDA out of memory",
        ),
        (
            502,
            "content-type: text/html\r\n",
            page,
            Unavailable,
            true,
            "a web page, \"Bad gateway\"",
        ),
        (
            200,
            "content-type: text/html\r\n",
            page,
            OutputInvalid,
            false,
            "a web page",
        ),
        (200, json_type, "{\"cut", OutputInvalid, false, "no JSON"),
        (200, json_type, "", OutputInvalid, false, "no JSON"),
        (204, "", "", OutputInvalid, false, "no output"),
        (
            302,
            "location: http://169.254.169.254/\r\n",
            "",
            Failed,
            true,
            "redirects the POST to 169.254.169.254",
        ),
    ] {
        let asks_to_wait = headers.contains("retry-after");
        let (headers, body) = (headers.to_owned(), body.to_owned());
        let stub = Stub::start(move |_| Answer::new(status, &headers, &body)).await;
        let error = run("", &stub).await.unwrap_err();
        assert_eq!(
            (error.kind, error.is_passing),
            (kind, passing),
            "{status}: {error}"
        );
        assert!(error.message.contains(words), "{status}: {error}");
        assert_eq!(error.retry_after.is_some(), asks_to_wait, "{error}");
    }
}

#[tokio::test]
async fn a_failure_is_of_one_request_and_the_next_may_succeed() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let stub =
        Stub::start(
            move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Answer::new(500, "", "once"),
                _ => Answer::json(200, &json!({"fine": true})),
            },
        )
        .await;
    assert!(run("", &stub).await.unwrap_err().is_passing);
    assert_eq!(run("", &stub).await.unwrap().output["fine"], true);
}

#[tokio::test]
async fn a_server_that_is_down_or_dies_is_told_from_one_that_fails() {
    let stub = Stub::start(|_| Answer::raw(&b"HTTP/1.1 200 x\r\ncontent-len"[..])).await;
    let error = run("", &stub).await.unwrap_err();
    assert_eq!(
        (error.kind, error.is_passing),
        (EngineErrorKind::Failed, true),
        "{error}"
    );
    let dying = Stub::start(|_| {
        let head =
            "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
        Answer::raw(head)
    })
    .await;
    let error = run("", &dying).await.unwrap_err();
    assert_eq!(
        (error.kind, error.is_passing),
        (EngineErrorKind::Failed, true),
        "{error}"
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("url = \"http://{}\"", listener.local_addr().unwrap());
    drop(listener);
    let engine = engine("http", &url);
    let error = engine.execute(work(&json!({})).0).await.unwrap_err();
    assert_eq!(
        (error.kind, error.is_passing),
        (EngineErrorKind::Unavailable, true),
        "{error}"
    );
    assert!(engine.probe().await.is_err());
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_until_the_run_is_called_off() {
    let stub = Stub::start(|_| Answer::raw(&b""[..]).then_silence()).await;
    let engine = engine("http", &format!("url = \"{}\"", stub.url));
    // Whatever the server answers after this finds no reader.
    stub.call_off(engine, "POST /").await;
}

#[tokio::test]
async fn an_endless_answer_takes_no_memory() {
    let endless = |kind: &'static str| {
        Stub::start(move |_| {
            let head =
                format!("HTTP/1.1 200 x\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
            Answer::raw(head).then_endless()
        })
    };
    let json = endless("application/json").await;
    let error = run("", &json).await.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::OutputInvalid);
    assert!(
        error.message.contains("64 MiB") && error.message.contains("URLs"),
        "{error}"
    );
    let huge = Stub::start(|_| {
        let head = "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 10737418240\r\n\r\n";
        Answer::raw(head).then_endless()
    })
    .await;
    let error = run("", &huge).await.unwrap_err();
    assert!(error.message.contains("64 MiB"), "{error}");
    // A file streams: whoever stores it stops where the limit is.
    let file = endless("image/png").await;
    let mut product = run("", &file).await.unwrap();
    let OutputContent::Stream(mut chunks) = product.files.remove(0).content else {
        panic!("the bytes of a file are a stream");
    };
    let mut read = 0;
    while read < 1024 * 1024 {
        read += chunks.try_next().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn the_health_that_is_named_counts() {
    let stub = Stub::start(|seen| match seen.path.as_str() {
        "/predict/health" => Answer::new(200, "", ""),
        _ => Answer::new(500, "", ""),
    })
    .await;
    let probe = |settings: &str| {
        let settings = format!("url = \"{}/predict\"\n{settings}", stub.url);
        async move { engine("http", &settings).probe().await }
    };
    assert_eq!(probe("health = \"health\"").await, Ok(()));
    assert!(
        probe("health = \"other\"")
            .await
            .unwrap_err()
            .contains("500")
    );
    // Without one, any answer is a sign of life.
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(20), probe("")).await,
        Ok(Ok(()))
    );
}
