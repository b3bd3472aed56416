//! `/docs`: the viewer shows every operation, asks no other host for anything,
//! and its policy lets it.

use runnel_testkit::{Db, Request, TestApp};

use super::open;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_viewer_shows_the_document_without_a_network() {
    let app = TestApp::start(Db::Sqlite).await;
    let url = app.url("/docs");
    let seen = tokio::task::spawn_blocking(move || open(&url))
        .await
        .unwrap();
    for shown in [
        "Media assets and model runs on your own machine",
        "Uploads",
        "Whether the server is up",
    ] {
        assert!(
            seen.dom.contains(shown),
            "{shown}: {}\n{}",
            seen.console,
            seen.dom
        );
    }
    // The viewer calls its list of schemas "Models" too; beside the operations
    // on models that would be told twice.
    assert_eq!(seen.dom.matches("#tag/models\"").count(), 1);
    assert!(!seen.dom.contains("\"/docs#models\""), "{}", seen.dom);
    for complaint in ["Content Security Policy", "Refused", "https://", "Uncaught"] {
        assert!(!seen.console.contains(complaint), "{}", seen.console);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_viewer_is_fetched_once() {
    let app = TestApp::start(Db::Sqlite).await;
    let url = app.url("/docs/viewer.js");
    let first = Request::new("GET", &url).send().await.assert(200);
    assert!(first.body.len() > 500_000);
    let tag = first.header("etag").unwrap().to_owned();
    let again = Request::new("GET", &url)
        .header("if-none-match", &tag)
        .send()
        .await
        .assert(304);
    assert!(again.body.is_empty());
    app.stop().await;
}
