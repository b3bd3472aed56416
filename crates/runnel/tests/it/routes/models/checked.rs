//! Inputs are checked as the served schema says, by the word of a validator
//! that others wrote: Python's jsonschema.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use runnel_media::sample;
use runnel_testkit::{Db, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::start;

on_both_databases!(
    an_input_is_taken_exactly_when_it_fits_the_schema,
    bodies_that_try_the_reader_are_answered,
);

const FILE: &str = r#"
[models."acme/all"]
engine = "http"
one_of = ["image_url", "image_asset_id"]
[models."acme/all".inputs]
image_url = "image"
image_asset_id = "string"
images = { type = "image_list", min = 1, max = 2 }
text = { type = "string", min = 2, max = 4 }
mode = { type = "string", options = ["fast", "fine"] }
count = { type = "integer", min = -3, max = 255 }
steps = { type = "integer", options = [1, 2, 4] }
strength = { type = "number", min = 0, max = 1.5 }
is_fast = { type = "boolean", required = true }
tint = "color"
deep = "json"
"#;

/// Asks the validator: the schemas must be schemas, and each case is judged.
fn judged(asked: &Value) -> Vec<bool> {
    let python =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools/python/bin/python");
    let script = "import json, sys\n\
        from jsonschema import Draft202012Validator as V\n\
        asked = json.load(sys.stdin)\n\
        for schema in asked['schemas']: V.check_schema(schema)\n\
        v = V(asked['schemas'][0])\n\
        print(json.dumps([v.is_valid(case) for case in asked['cases']]))";
    let mut child = Command::new(&python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; scripts/setup.sh test installs it",
                python.display()
            )
        });
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(asked.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "the validator's words are on stderr"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Inputs just inside and just outside, all with what is needed besides.
fn cases(asset: &str) -> Vec<Value> {
    let reference = format!("runflow://assets/{asset}");
    let with = |more: Value| {
        let mut case = json!({"image_asset_id": asset, "is_fast": true});
        let more = more.as_object().unwrap().clone();
        case.as_object_mut().unwrap().extend(more);
        case
    };
    let mut cases = vec![
        json!({}),
        json!({"is_fast": true}),
        json!({"image_asset_id": asset}),
        json!({"image_url": reference, "is_fast": false}),
        json!({"image_url": reference, "image_asset_id": asset, "is_fast": false}),
        with(json!({"unknown": 1})),
    ];
    let values = [
        ("image_url", json!([reference, 7, [reference], true])),
        (
            "images",
            json!([
                [reference],
                [reference, reference],
                [],
                [reference, reference, reference],
                [1],
                reference,
                {}
            ]),
        ),
        (
            "text",
            json!(["ab", "abcd", "äöü🍰", "a", "🍰", "", "abcde", 12, ["ab"]]),
        ),
        ("mode", json!(["fast", "fine", "Fast", "", 1])),
        (
            "count",
            json!([-3, 255, 0, 255.0, 1e2, -4, 256, 0.5, 1e300, "7", true, [1]]),
        ),
        ("steps", json!([1, 2, 4, 2.0, 3, 0, "1"])),
        (
            "strength",
            json!([0, 1.5, 1, 0.001, -0.001, 1.501, 1e308, "1", false]),
        ),
        ("is_fast", json!([true, false, 0, 1, "true", {}])),
        (
            "tint",
            json!([
                "#1F6feb", "#000000", "#1f6fe", "#1f6feb0", "1f6feb", "#1f6feg", "red", 255
            ]),
        ),
        (
            "deep",
            json!([0, "x", [1, {"a": [false]}], {"a": {"b": null}}, true]),
        ),
    ];
    for (name, values) in values {
        let values = values.as_array().unwrap().iter();
        cases.extend(values.map(|value| with(json!({name: value}))));
    }
    cases
}

async fn schemas(app: &TestApp) -> Vec<Value> {
    let page = app.get("/v1/models?sort_by=model&limit=500").send().await;
    let page = page.assert(200).json();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["input_schema"].clone()).collect()
}

async fn an_input_is_taken_exactly_when_it_fits_the_schema(db: Db) {
    let app = start(db, FILE).await;
    let asset = app.asset("image/png", &sample::gradient_png(8, 8)).await;
    let cases = cases(asset["id"].as_str().unwrap());
    let asked = json!({"schemas": schemas(&app).await, "cases": cases});
    let verdicts = tokio::task::spawn_blocking(move || judged(&asked))
        .await
        .unwrap();
    assert_eq!(verdicts.len(), cases.len());
    assert!(verdicts.iter().filter(|fits| **fits).count() > 25);
    let mut taken = 0;
    for (case, fits) in cases.iter().zip(verdicts) {
        let answer = app.post("/v1/models/acme/all/runs", &json!({"input": case}));
        let answer = answer.send().await;
        let expected = if fits { 201 } else { 422 };
        assert_eq!(
            answer.status,
            expected,
            "{case}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        taken += usize::from(fits);
    }
    assert_eq!(app.run_jobs().await, taken, "and nothing else was stored");
    app.stop().await;
}

async fn bodies_that_try_the_reader_are_answered(db: Db) {
    let file = "[models.\"a/open\"]\nengine = \"http\"\ninputs = \"any\"\n";
    let app = start(db, file).await;
    let nested = |depth: usize| {
        format!(
            "{{\"input\": {{\"x\": {}1{}}}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let strange: Vec<String> = (0..20_000).map(|n| format!("\"field-{n}\": 1")).collect();
    let strange = format!("{{\"input\": {{{}}}}}", strange.join(","));
    let of = |value: &str| format!("{{\"input\": {{\"text\": {value}}}}}");
    for (model, body, status) in [
        ("a/open", nested(100), 201),
        ("a/open", nested(200), 400),
        ("a/open", nested(100_000), 400),
        ("runnel/echo", strange, 422),
        ("runnel/echo", of("1e400"), 400),
        ("runnel/echo", of("NaN"), 400),
        ("runnel/echo", of("123456789012345678901234567890"), 422),
        ("runnel/echo", of("\"\\u0000\""), 201),
        ("runnel/echo", of(&format!("{:?}", "x".repeat(10_000))), 201),
        ("runnel/echo", of(&format!("{:?}", "x".repeat(10_001))), 422),
        (
            "runnel/echo",
            "{\"input\": {\"text\": 1, \"text\": \"a\"}}".to_owned(),
            201,
        ),
    ] {
        let path = format!("/v1/models/{model}/runs");
        let request = app.post(&path, &Value::Null).body(body.clone());
        let answer = request.send().await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.status, status, "{shown}");
        assert!(
            status == 201 || answer.body.len() < 60_000,
            "{}",
            answer.body.len()
        );
    }
    app.run_jobs().await;
    app.stop().await;
}
