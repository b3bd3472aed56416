//! `GET /v1/models` and `GET /v1/models/{owner}/{slug…}`.

use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::start;

on_both_databases!(
    the_catalogue_is_listed_like_every_list,
    a_model_tells_what_it_takes_and_makes,
    names_that_are_none_are_told_with_the_nearest,
    every_key_reads_the_catalogue,
);

const FILE: &str = r#"
[models."acme/upscale/image"]
engine = "http"
url = "http://127.0.0.1:9/"
name = "Upscale"
description = "Makes pictures larger."
category = "upscaling"
license = "MIT"
version = "3"
one_of = ["image_url", "image_asset_id"]
[models."acme/upscale/image".inputs]
image_url = "image"
image_asset_id = "string"
scale = { type = "integer", min = 2, max = 4, default = 2, name = "Scale", description = "How much." }
mode = { type = "string", required = true, options = ["fast", "fine"] }
[models."acme/upscale/image".outputs]
image_urls = { type = "image_list", name = "Pictures" }

[models."acme/sharpen"]
engine = "http"
inputs = "any"
"#;

async fn get(app: &TestApp, path: &str) -> Value {
    app.get(path).send().await.assert(200).json()
}

fn models(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["model"].as_str().unwrap()).collect()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn the_catalogue_is_listed_like_every_list(db: Db) {
    let app = start(db, FILE).await;
    let all = get(&app, "/v1/models?sort_by=model").await;
    let names = models(&all);
    assert!(names.len() >= 6 && names.is_sorted(), "{names:?}");
    assert_eq!(&names[..2], ["acme/sharpen", "acme/upscale/image"]);
    assert_eq!((&all["first"], &all["next"]), (&json!(""), &Value::Null));

    let mut walked: Vec<String> = Vec::new();
    let mut page = get(&app, "/v1/models?sort_by=model&limit=2").await;
    loop {
        walked.extend(models(&page).iter().map(|name| (*name).to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        assert_eq!(page["next_pq"], next);
        let path = format!("/v1/models?sort_by=model&limit=2&pq={next}");
        page = get(&app, &path).await;
    }
    assert_eq!(walked, names);
    let back = page["previous"].as_str().unwrap();
    let path = format!("/v1/models?sort_by=model&limit=2&from_prev=true&pq={back}");
    let before = get(&app, &path).await;
    let last = names.len() - models(&page).len();
    assert_eq!(models(&before), &names[last - 2..last]);

    for (q, expected) in [
        ("slug.eq:'upscale/image'", &["acme/upscale/image"][..]),
        ("model:acme/*", &["acme/sharpen", "acme/upscale/image"]),
        (
            "engine:http AND NOT category_code:upscaling",
            &["acme/sharpen"],
        ),
        ("category_code:null", &["acme/sharpen"]),
        (
            "name:Echo OR license_code:MIT",
            &["acme/upscale/image", "runnel/echo"],
        ),
        ("created_at>2126-01-01", &[]),
        ("status_code:active AND version:3", &["acme/upscale/image"]),
    ] {
        let path = format!("/v1/models?sort_by=model&q={}", encoded(q));
        assert_eq!(models(&get(&app, &path).await), expected, "{q}");
    }
    let short = get(
        &app,
        "/v1/models?engine=http&sort_by=model:desc&fields=model,name",
    )
    .await;
    assert_eq!(
        short["items"],
        json!([{"model": "acme/upscale/image", "name": "Upscale"}, {"model": "acme/sharpen", "name": "sharpen"}])
    );
    let of_runs =
        "WyJydW5zIiwiY3JlYXRlZF9hdDpkZXNjIixbMV0sIjAxOGY0ZTFhMDAwMDcwMDA4MDAwMDAwMDAwMDAwMDAxIl0";
    for (query, word) in [
        ("q=colour:red", "there is no field"),
        ("q=status_code:gone", "is never"),
        ("sort_by=description", "cannot be ordered"),
        ("fields=id,price", "there is no field"),
        ("pq=nonsense", "not one that this server made"),
        (&format!("pq={of_runs}"), "another list"),
    ] {
        let answer = app.get(&format!("/v1/models?{query}")).send().await;
        let error = answer.assert_error(400, "BAD_REQUEST");
        assert!(error["message"].as_str().unwrap().contains(word), "{error}");
    }
    let answer = app.get("/v1/models?limit=501").send().await;
    answer.assert_error(422, "VALIDATION_ERROR");
    app.stop().await;
}

async fn a_model_tells_what_it_takes_and_makes(db: Db) {
    let app = start(db, FILE).await;
    let mut model = get(&app, "/v1/models/acme/upscale/image").await;
    let (created, id) = (model["created_at"].clone(), model["id"].clone());
    assert_eq!(created, model["updated_at"]);
    let ids: Vec<Value> = model["inputs"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|input| input["id"].take())
        .collect();
    assert_eq!(ids.iter().filter(|other| **other == ids[0]).count(), 1);
    let input = |order: u32, name: &str, kind: &str| {
        json!({
            "id": null, "model_id": id, "name": name, "display_name": name, "description": "",
            "variable_type_code": kind, "validator_code": null, "validator_attrs": null,
            "is_required": false, "default_value": null, "sort_order": order, "is_featured": false,
        })
    };
    let with = |mut input: Value, more: Value| {
        let more = more.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(more);
        input
    };
    let scale = json!({
        "display_name": "Scale", "description": "How much.", "validator_code": "range",
        "validator_attrs": {"min": 2, "max": 4}, "default_value": 2,
    });
    let mode = json!({
        "validator_code": "options", "validator_attrs": {"options": ["fast", "fine"]},
        "is_required": true, "is_featured": true,
    });
    assert_eq!(
        model,
        json!({
            "id": id, "org_id": null, "model": "acme/upscale/image", "slug": "upscale/image",
            "name": "Upscale", "description": "Makes pictures larger.", "version": "3",
            "is_public": true, "category_code": "upscaling", "status_code": "active",
            "availability_status": "available", "license_code": "MIT", "max_resolution": null,
            "supports_streaming": false, "pricing_note": null, "icon_url": null, "cover_url": null,
            "engine": "http", "created_at": created, "updated_at": created,
            "inputs": [
                input(0, "image_url", "image"),
                input(1, "image_asset_id", "string"),
                with(input(2, "scale", "integer"), scale),
                with(input(3, "mode", "string"), mode),
            ],
            "outputs": [{
                "name": "image_urls", "display_name": "Pictures", "description": "",
                "variable_type_code": "image_list", "sort_order": 0,
            }],
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "Upscale",
                "type": "object",
                "properties": {
                    "image_url": {"title": "image_url", "type": "string"},
                    "image_asset_id": {"title": "image_asset_id", "type": "string"},
                    "scale": {
                        "title": "Scale", "description": "How much.", "type": "integer",
                        "minimum": 2, "maximum": 4, "default": 2,
                    },
                    "mode": {"title": "mode", "type": "string", "enum": ["fast", "fine"]},
                },
                "required": ["mode"],
                "additionalProperties": false,
                "allOf": [{"anyOf": [{"required": ["image_url"]}, {"required": ["image_asset_id"]}]}],
            },
        })
    );
    let listed = get(&app, "/v1/models?q=slug:sharpen").await;
    assert_eq!(
        listed["items"][0],
        get(&app, "/v1/models/acme/sharpen").await
    );
    // The same model by another spelling of its URL, and after a restart.
    let folded = get(&app, "/v1/models/acme/upscale%2Fimage").await;
    assert_eq!(folded["id"], id);
    let app = app.restart().await;
    assert_eq!(get(&app, "/v1/models/acme/upscale/image").await["id"], id);
    app.stop().await;
}

async fn names_that_are_none_are_told_with_the_nearest(db: Db) {
    let app = start(db, FILE).await;
    for path in [
        "/v1/models/acme/sharpn",
        "/v1/models/acme/upscale",
        "/v1/models/acme/upscale/image/",
        "/v1/models/acme//upscale/image",
        "/v1/models/acme/./sharpen",
        "/v1/models/acme/../acme/sharpen",
        "/v1/models/../sharpen",
        "/v1/models/acme/runs",
        "/v1/models/acme/%2E%2E",
        "/v1/models/acme/%00",
        "/v1/models/acme/ACME",
        &format!("/v1/models/acme/{}", "x".repeat(5000)),
        &format!("/v1/models/acme{}", "/x".repeat(2000)),
    ] {
        let answer = app.get(path).send().await;
        assert!(answer.body.len() < 1500, "{} bytes", answer.body.len());
        answer.assert_error(404, "MODEL_NOT_FOUND");
    }
    for path in [
        "/v1/models/acme",
        "/v1/models/acme/",
        "/v1/models/",
        "/v1/models//x",
    ] {
        app.get(path).send().await.assert(404);
    }
    let error = app.get("/v1/models/acme/sharpn").send().await.json();
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("did you mean \"acme/sharpen\""),
        "{message}"
    );

    for (method, path, allowed) in [
        ("POST", "/v1/models/acme/upscale/image", "GET"),
        ("DELETE", "/v1/models/acme/sharpen", "GET"),
        ("GET", "/v1/models/acme/upscale/image/runs", "POST"),
        ("GET", "/v1/models/acme/sharpen/runs", "POST"),
        ("POST", "/v1/models", "GET"),
    ] {
        let request = Request::new(method, &app.url(path)).key(app.key());
        let answer = request.json(&json!({})).send().await;
        assert!(answer.header("allow").unwrap().contains(allowed), "{path}");
        answer.assert_error(405, "METHOD_NOT_ALLOWED");
    }
    app.stop().await;
}

async fn every_key_reads_the_catalogue(db: Db) {
    let app = start(db, FILE).await;
    let mine = get(&app, "/v1/models?sort_by=model").await;
    for key in [app.key_with(&[]).await, app.foreign_key().await] {
        for path in ["/v1/models?sort_by=model", "/v1/models/acme/sharpen"] {
            let answer = Request::new("GET", &app.url(path)).key(&key).send().await;
            let answer = answer.assert(200).json();
            assert!(answer == mine || answer["model"] == "acme/sharpen");
        }
    }
    for path in [
        "/v1/models",
        "/v1/models/acme/sharpen",
        "/v1/models/acme/no",
    ] {
        let answer = Request::new("GET", &app.url(path)).send().await;
        answer.assert_error(401, "UNAUTHORIZED");
    }
    app.stop().await;
}
