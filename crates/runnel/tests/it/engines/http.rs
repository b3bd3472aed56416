//! A model server that answers with URLs, `data:` URIs and bytes; all become
//! assets, and a URL that leads inside does not.

use runnel_media::sample;
use runnel_testkit::{Db, Request, on_both_databases};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{run, server_with};

/// A model server: `/json`, `/bytes`, `/private` and `/file.png`.
async fn model_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let own = url.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 65536];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let png = sample::gradient_png(12, 9);
            let (kind, body) = match request.split(' ').nth(1).unwrap_or_default() {
                "/json" => {
                    let uri = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
                    let answer = json!({"made": [format!("{own}/file.png"), uri], "seed": 7});
                    ("application/json", answer.to_string().into_bytes())
                }
                "/private" => {
                    let answer = json!(["http://169.254.169.254/latest/meta-data"]);
                    ("application/json", answer.to_string().into_bytes())
                }
                "/lie" => ("image/png", b"#!/bin/sh\necho no picture\n".to_vec()),
                _ => ("image/png", png),
            };
            let head = format!(
                "HTTP/1.1 200 x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

async fn outputs_in_every_form_become_assets(db: Db) {
    let url = model_server().await;
    let model = |name: &str| {
        format!(
            "[models.\"acme/{name}\"]\nengine = \"http\"\nurl = \"{url}/{name}\"\ninputs = \"any\"\nmax_attempts = 1\n"
        )
    };
    let models = ["json", "bytes", "private", "lie"].map(model).concat();
    let (app, _folder) = server_with(db, &models).await;
    let ended = run(&app, "acme/json", &json!({"prompt": "p"})).await;
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    assert_eq!(ended["output"]["seed"], 7);
    for (index, kind) in [(0, "image/png"), (1, "image/gif")] {
        let url = ended["output"]["made"][index].as_str().unwrap();
        assert!(url.starts_with(&app.url("/storage/")), "{url}");
        let file = Request::new("GET", url).send().await.assert(200);
        assert_eq!(file.header("content-type"), Some(kind));
    }
    let ended = run(&app, "acme/bytes", &json!({})).await;
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    let url = ended["output"]["image_urls"][0].as_str().unwrap();
    let file = Request::new("GET", url).send().await.assert(200);
    assert_eq!(file.body, sample::gradient_png(12, 9));
    // A file without a name of its own is called after what it is.
    assert!(url.contains("/image.png?"), "{url}");

    let ended = run(&app, "acme/private", &json!({})).await;
    assert_eq!(ended["failure_code"], "OUTPUT_INVALID", "{ended}");
    let message = ended["failure_message"].as_str().unwrap();
    assert!(
        message.contains("RUNNEL_EGRESS_ALLOW=169.254.169.254/32"),
        "{message}"
    );
    assert_eq!(ended["failure_stage_code"], "postprocess");

    let ended = run(&app, "acme/lie", &json!({})).await;
    assert_eq!(ended["failure_code"], "OUTPUT_INVALID", "{ended}");
    app.stop().await;
}

on_both_databases!(outputs_in_every_form_become_assets);
