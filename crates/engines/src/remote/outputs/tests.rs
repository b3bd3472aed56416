//! Which values of an answer are files, and how their bytes come.

use serde_json::json;

use super::*;
use crate::engine::EngineErrorKind;
use crate::remote::stub::{Answer, Stub, bytes, door, png};

fn server(url: &str) -> Server {
    Server::new(door().to_origin(url, None).unwrap(), Vec::new())
}

fn product(answer: Value) -> Result<Product, EngineError> {
    Shape::default().product(&server("http://127.0.0.1:1"), answer)
}

/// The places and names of the files in an answer, and the output around them.
fn found(answer: Value) -> (Value, Vec<(String, String)>) {
    let product = product(answer).unwrap();
    let files = product.files.into_iter();
    let files = files.map(|file| (file.pointer, file.name)).collect();
    (Value::Object(product.output), files)
}

fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(pointer, name): &(&str, &str)| ((*pointer).to_owned(), (*name).to_owned());
    files.iter().map(own).collect()
}

#[test]
fn files_are_found_wherever_they_stand() {
    let png = STANDARD.encode(png());
    let uri = format!("data:image/png;base64,{png}");
    let (output, files) = found(json!({
        "image_urls": ["http://h/a/photo.png?sig=1", uri],
        "deep": {"a/b~c": {"mask": png}},
        "seed": 3, "text": "http is a word", "short": "aGk=",
    }));
    assert_eq!(
        output,
        json!({
            "image_urls": [null, null], "deep": {"a/b~c": {"mask": null}},
            "seed": 3, "text": "http is a word", "short": "aGk=",
        })
    );
    let expected = [
        ("/deep/a~1b~0c/mask", "deep-a_b_c-mask.png"),
        ("/image_urls/0", "photo.png"),
        ("/image_urls/1", "image_urls-1.png"),
    ];
    let mut files = files;
    files.sort();
    assert_eq!(files, owned(&expected));
    for (pointer, _) in files {
        assert_eq!(output.pointer(&pointer), Some(&Value::Null), "{pointer}");
    }
}

#[test]
fn an_answer_without_names_gets_them() {
    let (output, files) = found(json!("https://h/x"));
    assert_eq!(output, json!({"image_urls": [null]}));
    assert_eq!(files, owned(&[("/image_urls/0", "image_urls-0")]));
    assert_eq!(
        found(json!(["https://h/x.png", "data:,hi"])).0,
        json!({"image_urls": [null, null]})
    );
    assert_eq!(found(json!("words")).0, json!({"output": "words"}));
    assert_eq!(found(json!([1, 2])).0, json!({"output": [1, 2]}));
    assert_eq!(found(json!(null)).0, json!({"output": null}));
    let shape = Shape {
        output: Some("pictures".to_owned()),
        keep: vec!["page".to_owned(), "meta".to_owned()],
    };
    let server = server("http://h");
    let named = shape.product(&server, json!(["http://h/x"])).unwrap();
    assert_eq!(named.files[0].pointer, "/pictures/0");
    let kept = json!({"page": "http://h/", "meta": {"home": "http://h/"}, "pages": "http://h/"});
    let named = shape.product(&server, kept).unwrap();
    let places: Vec<&str> = named.files.iter().map(|file| &*file.pointer).collect();
    assert_eq!(places, ["/pages"]);
}

#[tokio::test]
async fn data_uris_are_decoded_in_both_forms_and_refused_when_they_cannot_be() {
    let both = product(json!([
        "data:image/png;base64,aGk=",
        "data:text/plain,a%20b%zz%"
    ]))
    .unwrap();
    let decoded = bytes(both).await.unwrap();
    assert_eq!(decoded, [b"hi".to_vec(), b"a b%zz%".to_vec()]);
    for (uri, words) in [
        ("data:image/png;base64,***", "nvalid"),
        ("data:image/png;base64,aGk", "padding"),
    ] {
        let error = product(json!({"a": {"b": uri}})).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::OutputInvalid);
        assert!(
            error.message.contains("a.b") && error.message.contains(words),
            "{error}"
        );
    }
}

#[test]
fn a_text_that_begins_like_a_data_uri_stays_one() {
    let lines = json!([
        "data: hello, world",
        "data: {\"a\":1,\"b\":2}",
        "data:image/png"
    ]);
    let made = product(json!({"text": "data:hello, you", "lines": lines})).unwrap();
    assert!(made.files.is_empty(), "{:?}", made.files);
    assert_eq!(made.output["lines"], lines);
    let shape = Shape {
        output: None,
        keep: vec!["page".to_owned()],
    };
    let kept = json!({"page": "data:image/png;base64,aGk="});
    let made = shape.product(&server("http://h"), kept).unwrap();
    assert_eq!(made.output["page"], "data:image/png;base64,aGk=");
}

#[test]
fn an_output_is_nested_no_deeper_than_can_be_read_again() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    assert!(product(nested(DEEPEST)).is_ok());
    let error = product(nested(DEEPEST + 1)).unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::OutputInvalid);
    assert!(error.message.contains("100 levels"), "{error}");
}

#[tokio::test]
async fn nothing_is_fetched_before_it_is_read_and_then_it_streams() {
    let stub = Stub::start(|seen| match seen.path.as_str() {
        "/a.png" => Answer::new(200, "content-type: image/png\r\n", b"bytes"),
        _ => Answer::new(404, "", b""),
    })
    .await;
    let answer = json!([format!("{}/a.png", stub.url)]);
    let product = Shape::default()
        .product(&server(&stub.url), answer)
        .unwrap();
    assert!(stub.asked().is_empty());
    assert_eq!(bytes(product).await.unwrap(), [b"bytes"]);
}

#[tokio::test]
async fn a_url_that_cannot_be_fetched_says_why() {
    let other = Stub::start(|_| Answer::new(200, "", b"private")).await;
    let private = other.url.clone();
    let stub = Stub::start(move |seen| match seen.path.as_str() {
        "/gone" => Answer::new(
            404,
            "content-type: application/json\r\n",
            b"{\"detail\":\"no such file\"}",
        ),
        "/later" => Answer::new(503, "", b""),
        "/page" => Answer::new(200, "content-type: text/html; charset=utf-8\r\n", b"<html>"),
        "/away" => Answer::new(302, &format!("location: {private}/x\r\n"), b""),
        "/meta" => Answer::new(302, "location: http://169.254.169.254/latest\r\n", b""),
        "/cut" => Answer::raw(&b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\nabc"[..]),
        _ => Answer::raw(&b""[..]),
    })
    .await;
    let local = |path: &str| format!("{}{path}", stub.url);
    for (url, words, passing) in [
        (local("/gone"), "404: no such file", false),
        (local("/later"), "503", true),
        (local("/page"), "web page", false),
        (local("/away"), "RUNNEL_EGRESS_ALLOW=127.0.0.1/32", false),
        (
            local("/meta"),
            "RUNNEL_EGRESS_ALLOW=169.254.169.254/32",
            false,
        ),
        (local("/cut"), "broke off", true),
        (local("/nothing"), "cannot be fetched", true),
        (other.url.clone(), "RUNNEL_EGRESS_ALLOW=127.0.0.1/32", false),
        ("http://169.254.169.254/".to_owned(), "link-local", false),
        ("http://127.0.0.1:1/".to_owned(), "loopback", false),
        ("http://u:p@example.com/".to_owned(), "password", false),
    ] {
        let product = Shape::default()
            .product(&server(&stub.url), json!([url]))
            .unwrap();
        let error = bytes(product).await.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::OutputInvalid, "{url}");
        assert!(error.message.contains(words), "{url}: {error}");
        assert_eq!(error.is_passing, passing, "{url}: {error}");
    }
    assert!(other.asked().is_empty());
}
