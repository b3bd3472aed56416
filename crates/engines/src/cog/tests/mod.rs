//! The engine against a server that answers as the tests say; [`real`] has it
//! against Cog itself.

mod real;

use runnel_types::LogLevel;
use serde_json::{Value, json};

use crate::engine::{EngineError, EngineErrorKind, Product, Report};
use crate::remote::stub::{Answer, Seen, Stub, bytes, engine, told, work};

fn settings(stub: &Stub) -> String {
    format!("url = \"{}\"", stub.url)
}

async fn run(
    answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> Result<Product, EngineError> {
    let stub = Stub::start(answer).await;
    engine("cog", &settings(&stub))
        .execute(work(&json!({})).0)
        .await
}

fn events(parts: &[(&str, Value)]) -> Answer {
    let parts = parts.iter();
    let parts: Vec<String> = parts
        .map(|(name, data)| format!("event: {name}\ndata: {data}\n\n"))
        .collect();
    let body = parts.concat();
    Answer::new(200, "content-type: text/event-stream\r\n", body)
}

#[tokio::test]
async fn a_model_that_streams_is_followed() {
    let stub = Stub::start(|_| {
        events(&[
            ("start", json!({"status": "processing"})),
            ("log", json!({"source": "stdout", "data": "begin\n"})),
            (
                "metric",
                json!({"name": "progress", "value": 0.5, "mode": "replace"}),
            ),
            ("output", json!({"chunk": "data:,hi", "index": 0})),
            (
                "completed",
                json!({"status": "succeeded", "output": ["data:,hi"]}),
            ),
        ])
    })
    .await;
    let (work, mut reports) = work(&json!({"text": "t"}));
    let product = engine("cog", &settings(&stub)).execute(work).await.unwrap();
    assert_eq!(json!(product.output), json!({"image_urls": [null]}));
    assert_eq!(bytes(product).await.unwrap(), [b"hi"]);
    let log = Report::Log(LogLevel::Info, "begin".to_owned());
    assert_eq!(told(&mut reports), [log, Report::Progress(0.5)]);
    let seen = stub.seen().remove(0);
    let id = "00000000-0000-0000-0000-000000000007-1";
    assert_eq!(
        (&*seen.method, &seen.path),
        ("PUT", &format!("/predictions/{id}"))
    );
    assert_eq!(seen.json(), json!({"id": id, "input": {"text": "t"}}));
}

#[tokio::test]
async fn a_model_that_does_not_stream_is_asked_that_once() {
    let stub = Stub::start(|seen| {
        if seen.head.contains("event-stream") {
            return Answer::json(406, &json!({"error": "no streaming"}));
        }
        Answer::json(
            200,
            &json!({"status": "succeeded", "output": "words", "logs": "one\ntwo"}),
        )
    })
    .await;
    let engine = engine("cog", &settings(&stub));
    for asked in [2, 3] {
        let (work, mut reports) = work(&json!({}));
        let product = engine.execute(work).await.unwrap();
        assert_eq!(json!(product.output), json!({"output": "words"}));
        let log = Report::Log(LogLevel::Info, "one\ntwo".to_owned());
        assert_eq!(told(&mut reports), [log]);
        assert_eq!(stub.seen().len(), asked);
    }
}

#[tokio::test]
async fn a_server_that_answers_before_the_end_is_polled_for_it() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let stub = Stub::start(move |seen| {
        let looks = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let pending = json!({"id": "theirs", "status": "processing", "logs": "a\n 50%|#"});
        match (&*seen.method, looks) {
            ("PUT", _) => Answer::new(405, "", ""),
            ("POST", _) => Answer::json(201, &json!({"id": "theirs", "status": "starting"})),
            (_, 2) => Answer::json(200, &pending),
            _ => Answer::json(
                200,
                &json!({"status": "succeeded", "output": {"n": 1}, "logs": "a\n 50%|#|\nb"}),
            ),
        }
    })
    .await;
    let (work, mut reports) = work(&json!({}));
    let product = engine("cog", &settings(&stub)).execute(work).await.unwrap();
    assert_eq!(json!(product.output), json!({"n": 1}));
    let log = |text: &str| Report::Log(LogLevel::Info, text.to_owned());
    assert_eq!(
        told(&mut reports),
        [log("a"), Report::Progress(0.5), log("b")]
    );
    let last = stub.asked().pop().unwrap();
    assert_eq!(last, "GET /predictions/theirs");
}

#[tokio::test]
async fn what_goes_wrong_is_told_by_what_can_be_done() {
    use EngineErrorKind::{Busy, Failed, InvalidInput, OutputInvalid, Unavailable};
    let failed = |error: &str| Answer::json(200, &json!({"status": "failed", "error": error}));
    for (answer, kind, passing, words) in [
        (Answer::json(409, &json!({"error": "busy"})), Busy, true, "slot"),
        (Answer::new(503, "", ""), Unavailable, true, "503"),
        (Answer::json(422, &json!({"detail": [{"loc": ["body", "input", "size"], "msg": "too big"}]})), InvalidInput, false, "input.size: too big"),
        (failed("Input validation error: no such file"), InvalidInput, false, "no such file"),
        (failed("Prediction failed: Prediction failed: ValueError: too dark"), Failed, false, ": ValueError: too dark"),
        (Answer::json(200, &json!({"status": "canceled"})), Failed, false, "called off"),
        (Answer::json(200, &json!({"status": "odd"})), OutputInvalid, false, "odd"),
        (Answer::json(200, &json!({"output": 1})), OutputInvalid, false, "no status"),
        (Answer::new(200, "content-type: text/html\r\n", "<html>"), OutputInvalid, false, "web page"),
        (events(&[("start", json!({}))]), Failed, true, "ended its stream"),
        (events(&[("error", json!({"error": "history lost"}))]), Failed, true, "history lost"),
        (Answer::raw(&b"HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\ncontent-length: 50\r\n\r\nevent"[..]), Failed, true, "cannot be worked with"),
        (Answer::json(200, &json!({"status": "succeeded", "output": "data:image/png;base64,*"})), OutputInvalid, false, "data: URI"),
    ] {
        let shown = format!("{answer:?}");
        let error = run(move |_| answer.clone()).await.unwrap_err();
        assert_eq!((error.kind, error.is_passing), (kind, passing), "{shown}: {error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_loads_its_model_is_busy_and_one_that_cannot_is_away() {
    for (status, kind) in [
        ("STARTING", EngineErrorKind::Busy),
        ("BUSY", EngineErrorKind::Busy),
        ("SETUP_FAILED", EngineErrorKind::Unavailable),
        ("DEFUNCT", EngineErrorKind::Unavailable),
    ] {
        let error = run(move |seen| match seen.path.as_str() {
            "/health-check" => Answer::json(200, &json!({"status": status})),
            _ => Answer::json(503, &json!({"error": "not yet"})),
        })
        .await
        .unwrap_err();
        assert_eq!(error.kind, kind, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_run_that_is_called_off_is_called_off_there() {
    let stub = Stub::start(|seen| match &*seen.method {
        "PUT" => Answer::raw(&b""[..]).then_silence(),
        _ => Answer::json(200, &json!({})),
    })
    .await;
    stub.call_off(engine("cog", &settings(&stub)), "PUT").await;
    assert!(
        stub.asked()[1].ends_with("7-1/cancel"),
        "{:?}",
        stub.asked()
    );
}

#[tokio::test]
async fn a_second_execution_calls_the_first_one_off() {
    let stub = Stub::start(|seen| match &*seen.method {
        "PUT" => Answer::json(200, &json!({"status": "succeeded", "output": 1})),
        _ => Answer::json(404, &json!({})),
    })
    .await;
    let (mut work, _) = work(&json!({}));
    work.attempt = 2;
    engine("cog", &settings(&stub)).execute(work).await.unwrap();
    let asked = stub.asked();
    assert!(
        asked[0].ends_with("7-1/cancel") && asked[1].ends_with("7-2"),
        "{asked:?}"
    );
}
