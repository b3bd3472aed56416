//! Lists asked with bad intentions: cursors of others or of nobody, filters of
//! every size and depth, each operator on each kind of field.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runnel_media::sample;
use runnel_testkit::{Db, Request, Response, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    a_cursor_is_a_place_in_one_list_and_one_order,
    cursors_that_nobody_made_are_refused_or_lead_to_a_page,
    every_operator_fits_the_kinds_it_is_for,
    filters_of_every_size_are_answered,
);

async fn library(app: &TestApp, count: u32) -> Vec<Value> {
    let mut assets = Vec::new();
    for n in 0..count {
        let png = sample::gradient_png(8 + n, 8);
        let asset = Request::new("POST", &app.url("/v1/assets"))
            .key(app.key())
            .file(&format!("photo {n}"), "image/png", &png);
        assets.push(asset.send().await.assert(201).json());
        app.advance(std::time::Duration::from_secs(1));
    }
    assets
}

fn text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn names(app: &TestApp, path: &str) -> Vec<String> {
    let page = app.get(path).send().await.assert(200).json();
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    page["items"].as_array().unwrap().iter().map(name).collect()
}

async fn cursor(app: &TestApp, path: &str) -> String {
    let page = app.get(path).send().await.assert(200).json();
    page["next"].as_str().unwrap().to_owned()
}

async fn a_cursor_is_a_place_in_one_list_and_one_order(db: Db) {
    let app = TestApp::start(db).await;
    let assets = library(&app, 6).await;
    for name in ["a", "b"] {
        app.folder(name, None).await;
    }
    let of_assets = cursor(&app, "/v1/assets?limit=2").await;
    let of_names = cursor(&app, "/v1/assets?limit=2&sort_by=name").await;
    let of_folders = cursor(&app, "/v1/asset-folders?limit=1").await;
    for (path, word) in [
        (format!("/v1/asset-folders?pq={of_assets}"), "another list"),
        (format!("/v1/assets?pq={of_folders}"), "another list"),
        (format!("/v1/runs?pq={of_folders}"), "another list"),
        (format!("/v1/assets?pq={of_names}"), "belongs to the order"),
        (
            format!("/v1/assets?sort_by=name:desc&pq={of_names}"),
            "belongs to the order",
        ),
        (
            format!("/v1/assets?sort_by=name,created_at&pq={of_names}"),
            "belongs to the order",
        ),
    ] {
        let error = app.get(&path).send().await.assert_error(400, "BAD_REQUEST");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(word), "{path}: {message}");
    }

    // The row that it names goes, and so does the next: the rest stays in place.
    for gone in [&assets[4], &assets[3]] {
        let path = format!("/v1/assets/{}", gone["id"].as_str().unwrap());
        app.delete(&path).send().await.assert(204);
    }
    let on = format!("/v1/assets?limit=2&pq={of_assets}");
    assert_eq!(names(&app, &on).await, ["photo 2", "photo 1"]);
    let back = format!("/v1/assets?limit=2&from_prev=true&pq={of_assets}");
    assert_eq!(names(&app, &back).await, ["photo 5"]);

    // Another filter: a place in the order, whatever is looked for from there on.
    let filtered = format!("{on}&q={}", encoded("width<10 OR name:'photo 5'"));
    assert_eq!(names(&app, &filtered).await, ["photo 1", "photo 0"]);

    // Another organization: the place is nothing that it may not know.
    let stranger = Request::new("GET", &app.url(&on)).key(&app.foreign_key().await);
    let page = stranger.send().await.assert(200).json();
    assert_eq!(page["items"], json!([]));
    app.stop().await;
}

async fn cursors_that_nobody_made_are_refused_or_lead_to_a_page(db: Db) {
    let app = TestApp::start(db).await;
    library(&app, 2).await;
    let id = "018f4e1a000070008000000000000001";
    let by_name = "name:asc,width:desc";
    for (sort, inside, status) in [
        (
            "name",
            json!(["assets", "name:asc", ["a\0'\u{fffe}"], id]),
            200,
        ),
        (
            "name",
            json!(["assets", "name:asc", ["x".repeat(30_000)], id]),
            200,
        ),
        ("name", json!(["assets", "name:asc", [""], id]), 200),
        (
            by_name,
            json!(["assets", by_name, ["a", i64::MAX], id]),
            200,
        ),
        (
            by_name,
            json!(["assets", by_name, ["a", i64::MIN], id]),
            200,
        ),
        (by_name, json!(["assets", by_name, ["a"], id]), 400),
        (by_name, json!(["assets", by_name, ["a", 1, 2], id]), 400),
        (
            by_name,
            json!(["assets", by_name, ["a", u64::MAX], id]),
            400,
        ),
        (by_name, json!(["assets", by_name, ["a", 1.5], id]), 400),
        (by_name, json!(["assets", by_name, ["a", null], id]), 400),
        (by_name, json!(["assets", by_name, [7, 7], id]), 400),
        ("name", json!(["assets", "name:asc", [["a"]], id]), 400),
        ("name", json!(["assets", "name:asc", ["a"], "x"]), 400),
        ("name", json!(["assets", "name:asc", ["a"]]), 400),
        ("name", json!(["assets", "name:asc", ["a"], id, 1]), 400),
        ("name", json!({"list": "assets"}), 400),
        ("name", json!(null), 400),
    ] {
        let cursor = URL_SAFE_NO_PAD.encode(inside.to_string());
        for way in ["", "&from_prev=true"] {
            let path = format!("/v1/assets?sort_by={sort}&pq={cursor}{way}");
            let answer = app.get(&path).send().await;
            let shown: String = inside.to_string().chars().take(100).collect();
            assert_eq!(answer.status, status, "{shown}{way}");
            if status == 400 {
                answer.assert_error(400, "BAD_REQUEST");
            }
        }
    }
    let nested = URL_SAFE_NO_PAD.encode("[".repeat(20_000));
    for text in [
        "%00",
        "c1",
        "AAAA",
        "a+b",
        "%F0%9F%91%9F",
        &nested,
        "=",
        ".",
    ] {
        for list in ["assets", "asset-folders", "runs"] {
            let answer = app.get(&format!("/v1/{list}?pq={text}")).send().await;
            answer.assert_error(400, "BAD_REQUEST");
        }
    }
    app.stop().await;
}

/// A field of each kind, a value that it may have, and one that it may not.
const KINDS: &[(&str, &str, Option<&str>)] = &[
    ("name", "photo 0", None),
    ("id", "018f4e1a-0000-7000-8000-000000000001", Some("7")),
    (
        "folder_id",
        "018F4E1A-0000-7000-8000-000000000001",
        Some("x"),
    ),
    ("asset_type", "image", Some("picture")),
    ("size_bytes", "-9223372036854775808", Some("1e3")),
    ("width", "8", Some("99999999999999999999")),
    ("created_at", "2026-09-21", Some("2026-02-30")),
    (
        "updated_at",
        "2026-09-21T14:13:20.000001+05:30",
        Some("soon"),
    ),
    ("sha256", "00", None),
];

async fn every_operator_fits_the_kinds_it_is_for(db: Db) {
    let app = TestApp::start(db).await;
    library(&app, 1).await;
    let ask = async |q: String| {
        let answer = app.get(&format!("/v1/assets?q={}", encoded(&q))).send();
        let answer = answer.await;
        (answer.status, text(&answer), q)
    };
    let good = async |q: String| {
        let (status, body, q) = ask(q).await;
        assert_eq!(status, 200, "{q}: {body}");
    };
    let bad = async |q: String| {
        let (status, body, q) = ask(q).await;
        assert!(
            status == 400 && body.contains("character "),
            "{q}: {status} {body}"
        );
    };
    for &(field, value, wrong) in KINDS {
        let is_text = matches!(field, "name" | "sha256");
        for sign in [":", "=", "!=", ">", ">=", "<", "<="] {
            good(format!("{field}{sign}'{value}'")).await;
            good(format!("NOT {field} {sign} \"{value}\"")).await;
            if let Some(wrong) = wrong {
                bad(format!("{field}{sign}'{wrong}'")).await;
            }
            let compares = matches!(sign, ":" | "=" | "!=");
            let wild = format!("{field}{sign}a*");
            if is_text && compares {
                good(wild).await;
            } else {
                bad(wild).await;
            }
            let null = format!("{field}{sign}null");
            if compares {
                good(null).await;
            } else {
                bad(null).await;
            }
        }
        for operator in ["EQ", "ne", "Gt", "GTE", "LT", "lte", "IN"] {
            good(format!("{field}.{operator}:'{value}'")).await;
            if let Some(wrong) = wrong {
                bad(format!("{field}.{operator}:'{wrong}'")).await;
            }
            bad(format!("{field}.{operator}='{value}'")).await;
            bad(format!("{field}.{operator}:")).await;
        }
        good(format!("{field}.IN:('{value}', '{value}')")).await;
        bad(format!("{field}.IN:()")).await;
        bad(format!("{field}.IN:('{value}',)")).await;
        bad(format!("{field}.HAS:'{value}'")).await;
        if is_text {
            good(format!("{field}.LIKE:'%{value}_'")).await;
        } else {
            bad(format!("{field}.LIKE:'%{value}_'")).await;
        }
    }
    app.stop().await;
}

async fn filters_of_every_size_are_answered(db: Db) {
    let app = TestApp::start(db).await;
    library(&app, 1).await;
    let deep = |levels: usize| format!("{}name:a{}", "(".repeat(levels), ")".repeat(levels));
    let stars = format!("name:{}b", "*a".repeat(2000));
    for (q, status) in [
        (format!("name:'{}'", "x".repeat(4089)), 200),
        (format!("name:'{}'", "x".repeat(4090)), 400),
        (format!("name:'{}'", "👟".repeat(4089)), 200),
        ("name:a OR ".repeat(1000), 400),
        ("x".repeat(10 * 1024), 400),
        (deep(32), 200),
        (deep(33), 400),
        (deep(2000), 400),
        ("NOT ".repeat(1020), 400),
        (vec!["NOT (name:a AND NOT width:1)"; 50].join(" OR "), 200),
        (vec!["name:*a*b*c*d*e*f*g*"; 100].join(" OR "), 200),
        (stars, 200),
        (format!("{}:a", "f".repeat(4000)), 400),
        (format!("name.{}:a", "f".repeat(4000)), 400),
    ] {
        let answer = app.get(&format!("/v1/assets?q={}", encoded(&q))).send();
        let answer = answer.await;
        let shown: String = q.chars().take(60).collect();
        assert_eq!(answer.status, status, "{shown}: {}", text(&answer));
        assert!(
            status == 200 || answer.body.len() < 1000,
            "{shown} is answered with {} bytes",
            answer.body.len()
        );
    }
    let long = "created_at,".repeat(500);
    for path in [
        format!("/v1/assets?sort_by={long}"),
        format!("/v1/assets?sort_by={}", "f".repeat(10_000)),
        format!("/v1/assets?sort_by=name:{}", "f".repeat(10_000)),
        "/v1/assets?sort_by=name,size_bytes,width,height,created_at".to_owned(),
        format!("/v1/assets?asset_type={}", "f".repeat(10_000)),
        format!("/v1/assets?fields={}", "f".repeat(10_000)),
        format!("/v1/assets?embed={}", "f".repeat(10_000)),
    ] {
        let answer = app.get(&path).send().await;
        assert!(answer.body.len() < 1000, "{} bytes", answer.body.len());
        answer.assert_error(400, "BAD_REQUEST");
    }
    app.stop().await;
}
