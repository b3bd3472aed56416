//! Text that breaks what is careless: in every field that takes text, it comes
//! back as it was given or is refused, on both databases.

use runnel_media::sample;
use runnel_testkit::{Request, Setup, TestApp, on_both_databases, with_a_bucket_too};
use serde_json::{Value, json};

on_both_databases!(
    odd_text_comes_back_as_it_was_given,
    odd_names_are_headers_that_browsers_can_read,
    metadata_comes_back_to_the_last_digit,
);

with_a_bucket_too!(
    odd_text_comes_back_as_it_was_given,
    odd_names_are_headers_that_browsers_can_read,
);

const ODD: &[&str] = &[
    "../../etc/passwd",
    "..\\..\\windows",
    "a\0b",
    "\0",
    "\u{fffe}0",
    "line\r\nset-cookie: a=b",
    "\t",
    "🍰 Kuchen",
    "\u{202e}gnp.exe",
    "e\u{301}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\u{10ffff}",
    "'; DROP TABLE runs; --",
    "$1 %s {} \\x00 \\u0000",
    "<script>alert(1)</script>",
    " surrounded ",
    "null",
];

async fn odd_text_comes_back_as_it_was_given(setup: Setup) {
    let app = TestApp::start(setup).await;
    let gif = sample::gif_two_frames();
    for text in ODD {
        let body = json!({"filename": text, "mime_type": "image/gif", "size_bytes": gif.len()});
        let session = app
            .post("/v1/asset-uploads", &body)
            .send()
            .await
            .assert(201)
            .json();
        let url = session["upload_url"].as_str().unwrap();
        let put = Request::new("PUT", url)
            .header("content-type", "image/gif")
            .body(gif.as_slice());
        put.send().await.assert(200);
        let id = session["asset_id"].as_str().unwrap();
        assert_eq!(app.confirm(id).await.assert(201).json()["name"], *text);
        let read = app
            .get(&format!("/v1/assets/{id}"))
            .send()
            .await
            .assert(200)
            .json();
        assert_eq!(read["name"], *text);

        let run = json!({"input": {"text": text}, "client_ref": text, "metadata": {*text: [text]}});
        let run = app
            .post("/v1/models/runnel/echo/runs", &run)
            .send()
            .await
            .assert(201)
            .json();
        app.run_jobs().await;
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        let run = app.get(&path).send().await.assert(200).json();
        assert_eq!(
            (
                &run["input"]["text"],
                &run["output"]["text"],
                &run["client_ref"],
                &run["metadata"]
            ),
            (
                &json!(text),
                &json!(text),
                &json!(text),
                &json!({*text: [text]})
            ),
        );
    }
    let refused = json!({"filename": "a", "mime_type": "image/\0png", "size_bytes": 1});
    let refused = app.post("/v1/asset-uploads", &refused).send().await;
    refused.assert_error(422, "VALIDATION_ERROR");
    app.stop().await;
}

async fn odd_names_are_headers_that_browsers_can_read(setup: Setup) {
    let app = TestApp::start(setup).await;
    let gif = sample::gif_two_frames();
    for (name, plain, encoded) in [
        ("a b.gif", "a b.gif", "a%20b.gif"),
        ("\"; filename=x.html", "__; filename=x.html", ""),
        ("a\r\nb", "a__b", "a%0D%0Ab"),
        ("Kuchen 🍰.gif", "Kuchen _.gif", "Kuchen%20%F0%9F%8D%B0.gif"),
        ("100%.gif", "100_.gif", "100%25.gif"),
    ] {
        let body = json!({"filename": name, "mime_type": "image/gif", "size_bytes": gif.len()});
        let session = app
            .post("/v1/asset-uploads", &body)
            .send()
            .await
            .assert(201)
            .json();
        let url = session["upload_url"].as_str().unwrap();
        let put = Request::new("PUT", url)
            .header("content-type", "image/gif")
            .body(gif.as_slice());
        put.send().await.assert(200);
        let asset = app
            .confirm(session["asset_id"].as_str().unwrap())
            .await
            .assert(201)
            .json();
        let got = Request::new("GET", asset["url"].as_str().unwrap())
            .send()
            .await
            .assert(200);
        let disposition = got.header("content-disposition").unwrap();
        let start = format!("inline; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
        let fits = if encoded.is_empty() {
            disposition.matches('"').count() == 2
        } else {
            disposition == start
        };
        assert!(fits, "{name:?}: {disposition} is not {start}");
        assert!(got.header("set-cookie").is_none());
    }
    app.stop().await;
}

async fn metadata_comes_back_to_the_last_digit(setup: Setup) {
    let app = TestApp::start(setup).await;
    let metadata = json!({
        "whole": 9_223_372_036_854_775_807_i64,
        "large": 18_446_744_073_709_551_615_u64,
        "negative": i64::MIN,
        "fraction": 0.1,
        "small": 5e-324,
        "empty": {"": null, "list": [], "object": {}},
        "deep": deep(60),
        "text": "x".repeat(60_000),
    });
    let body = json!({"input": {}, "metadata": metadata});
    let run = app
        .post("/v1/models/runnel/echo/runs", &body)
        .send()
        .await
        .assert(201)
        .json();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let read = app.get(&path).send().await.assert(200).json();
    assert_eq!(read["metadata"], metadata);

    // The limit is 64 KiB of JSON: the last byte in, one byte out.
    let of_size = |size: usize| {
        let frame = json!({"k": ""}).to_string().len();
        json!({"input": {}, "metadata": {"k": "x".repeat(size - frame)}})
    };
    let post = |body: &Value| app.post("/v1/models/runnel/echo/runs", body);
    post(&of_size(64 * 1024)).send().await.assert(201);
    let error = post(&of_size(64 * 1024 + 1)).send().await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(
        error["errors"][0]["loc"],
        json!(["body", "metadata"]),
        "{error}"
    );
    let nested = format!(
        "{{\"input\": {{}}, \"metadata\": {}1{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let nested = Request::new("POST", &app.url("/v1/models/runnel/echo/runs"))
        .key(app.key())
        .header("content-type", "application/json")
        .body(nested);
    nested.send().await.assert_error(400, "BAD_REQUEST");
    app.run_jobs().await;
    app.stop().await;
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}
