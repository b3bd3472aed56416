//! Models of a file: run, reloaded, passed on.

use runnel::models::Changes;
use runnel_testkit::{Db, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{rewrite, start};

on_both_databases!(
    a_model_of_the_file_is_run_with_its_defaults,
    a_reload_takes_a_good_file_and_leaves_a_bad_one,
    runs_of_a_model_that_went_away_end_with_the_reason,
    unknown_models_are_passed_on_where_a_fallback_says_so,
);

const FILE: &str = r#"
[models."acme/up/scale"]
engine = "http"
[models."acme/up/scale".inputs]
scale = { type = "integer", min = 1, max = 4, default = 2 }
prompt = "string"
"#;

async fn run(app: &TestApp, model: &str, input: Value) -> Value {
    let path = format!("/v1/models/{model}/runs");
    let run = app.post(&path, &json!({"input": input})).send().await;
    run.assert(201).json()
}

async fn ended(app: &TestApp, run: &Value) -> Value {
    app.run_jobs().await;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    app.get(&path).send().await.assert(200).json()
}

async fn a_model_of_the_file_is_run_with_its_defaults(db: Db) {
    let app = start(db, FILE).await;
    let first = run(&app, "acme/up/scale", json!({"prompt": "a"})).await;
    assert_eq!(first["model"], "acme/up/scale");
    assert_eq!(first["input"], json!({"prompt": "a", "scale": 2}));
    let model = app.get("/v1/models/acme/up/scale").send().await.json();
    assert_eq!(first["model_id"], model["id"]);
    let done = ended(&app, &first).await;
    assert_eq!(done["status_code"], "succeeded", "{done}");
    assert_eq!(
        done["output"],
        json!({"model": "acme/up/scale", "prompt": "a", "scale": 2})
    );
    let whole = run(&app, "acme/up/scale", json!({"scale": 3.0})).await;
    assert_eq!(whole["input"].to_string(), r#"{"scale":3}"#);
    let error = app
        .post(
            "/v1/models/acme/up/scale/runs",
            &json!({"input": {"promt": "x", "scale": 5}}),
        )
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    let told: Vec<&Value> = error["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(told, ["input.promt", "input.scale"]);
    let message = error["errors"][0]["msg"].as_str().unwrap();
    assert!(message.contains("did you mean \"prompt\""), "{message}");
    app.run_jobs().await;
    app.stop().await;
}

async fn a_reload_takes_a_good_file_and_leaves_a_bad_one(db: Db) {
    let app = start(db, FILE).await;
    let names = async |app: &TestApp| {
        let page = app.get("/v1/models?engine=http&sort_by=model").send().await;
        let page = page.assert(200).json();
        let items = page["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| item["model"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for bad in [
        "[models.\"acme/new\"]\nengine = \"http\"\ninputs = \"any\"\nbroken = 1",
        "[models.\"acme/new",
        "[models.\"runnel/echo\"]\nengine = \"http\"\ninputs = \"any\"",
    ] {
        rewrite(&app, bad);
        let failure = app.reload_models().await.unwrap_err().to_string();
        assert!(failure.contains("models.toml:"), "{failure}");
        assert_eq!(names(&app).await, ["acme/up/scale"]);
    }
    let id = app.get("/v1/models/acme/up/scale").send().await.json()["id"].clone();
    let more = "name = \"Scaler\"\n[models.\"acme/new\"]\nengine = \"http\"\ninputs = \"any\"\n";
    rewrite(
        &app,
        &FILE.replace(
            "engine = \"http\"\n",
            "engine = \"http\"\nname = \"Scaler\"\n",
        ),
    );
    let changes = app.reload_models().await.unwrap();
    assert_eq!(
        (changes.added.len(), changes.changed, changes.removed.len()),
        (0, vec!["acme/up/scale".to_owned()], 0)
    );
    let model = app.get("/v1/models/acme/up/scale").send().await.json();
    assert_eq!((&model["id"], &model["name"]), (&id, &json!("Scaler")));
    rewrite(&app, &more.replace("name = \"Scaler\"\n", ""));
    let changes = app.reload_models().await.unwrap();
    assert_eq!(changes.added, ["acme/new"]);
    assert_eq!(changes.removed, ["acme/up/scale"]);
    assert_eq!(names(&app).await, ["acme/new"]);
    assert_eq!(app.reload_models().await.unwrap(), Changes::default());
    app.stop().await;
}

async fn runs_of_a_model_that_went_away_end_with_the_reason(db: Db) {
    let app = start(db, FILE).await;
    let waiting = run(&app, "acme/up/scale", json!({})).await;
    rewrite(&app, "");
    app.reload_models().await.unwrap();
    let path = "/v1/models/acme/up/scale/runs";
    let answer = app.post(path, &json!({"input": {}})).send().await;
    answer.assert_error(404, "MODEL_NOT_FOUND");
    let done = ended(&app, &waiting).await;
    assert_eq!(done["failure_code"], "ENGINE_UNAVAILABLE", "{done}");
    let message = done["failure_message"].as_str().unwrap();
    assert!(message.contains("acme/up/scale"), "{message}");
    app.stop().await;
}

async fn unknown_models_are_passed_on_where_a_fallback_says_so(db: Db) {
    let fallback = "\n[fallback]\nengine = \"runflow\"\nowners = [\"topaz\"]\n";
    let app = start(db, &format!("{FILE}{fallback}")).await;
    let input = json!({"anything": {"deep": [1, null]}});
    let passed = run(&app, "topaz/upscale/image", input.clone()).await;
    assert_eq!(
        (&passed["model"], &passed["input"]),
        (&json!("topaz/upscale/image"), &input)
    );
    let done = ended(&app, &passed).await;
    assert_eq!(done["output"]["model"], "topaz/upscale/image", "{done}");
    for path in [
        "/v1/models/acme/unknown/runs",
        "/v1/models/topaz/../x/runs",
        "/v1/models/topaz//runs",
    ] {
        app.post(path, &json!({"input": {}}))
            .send()
            .await
            .assert(404);
    }
    let error = app.get("/v1/models/topaz/upscale/image").send().await;
    let error = error.assert_error(404, "MODEL_NOT_FOUND");
    assert!(
        error["message"].as_str().unwrap().contains("passed on"),
        "{error}"
    );
    app.stop().await;
}
