//! A database that cannot be used: the server says that it is not ready, in
//! time, and tells nobody but its log why.

use std::os::unix::fs::PermissionsExt;

use runnel_testkit::{
    Db, Place, Process, Request, TestApp, on_both_databases, rename_table, wait_until,
};
use serde_json::json;

const KEY: &str = "rf_live_0123456789abcdefghijDISK0";

on_both_databases!(a_server_that_cannot_write_is_not_ready_until_it_can,);

async fn a_server_that_cannot_write_is_not_ready_until_it_can(db: Db) {
    let mut database_url = None;
    let app = TestApp::start_with(db, |settings| {
        database_url.clone_from(&settings.database_url);
    })
    .await;
    let rename = async |from: &'static str, to: &'static str| {
        let (file, url) = (app.data_dir().join("runnel.db"), database_url.clone());
        let renamed = tokio::task::spawn_blocking(move || {
            let place = url.as_deref().map_or(Place::Sqlite(&file), Place::Postgres);
            rename_table(place, from, to);
        });
        renamed.await.unwrap();
    };
    let ready = async || app.get("/v1/readiness").send().await;
    rename("settings", "elsewhere").await;
    rename("folders", "nowhere").await;
    assert_eq!(ready().await.status, 200, "nobody has written");
    let made = app
        .post("/v1/asset-folders", &json!({"name": "a"}))
        .send()
        .await;
    assert_eq!(made.status, 500);
    let ill = ready().await.assert(503).json();
    assert_eq!(ill["components"]["database"]["status"], "unavailable");
    assert_eq!(ill["components"]["storage"]["status"], "ok");
    rename("elsewhere", "settings").await;
    rename("nowhere", "folders").await;
    wait_until("the server is ready again", async || {
        (ready().await.status == 200).then_some(())
    })
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_no_ready_server() {
    let folder = tempfile::tempdir().unwrap();
    // A file that may not grow any further is what SQLite sees of a full disk.
    // In blocks of 512 bytes: room for the first start, and little more.
    let script = format!(
        "#!/bin/sh\ntrap '' XFSZ\nulimit -f 3000\nexec '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_runnel")
    );
    let small = folder.path().join("small");
    std::fs::write(&small, script).unwrap();
    std::fs::set_permissions(&small, std::fs::Permissions::from_mode(0o755)).unwrap();
    let variables = [("RUNNEL_BOOTSTRAP_API_KEY", KEY)];
    let data = folder.path().join("data");
    let server = Process::serve(small.to_str().unwrap(), &data, &variables);
    let ready = || Request::new("GET", &server.url("/v1/readiness")).send();
    ready().await.assert(200);
    let mut number = 0;
    let refused = loop {
        number += 1;
        assert!(number < 20_000, "the disk is never full");
        let name = json!({"name": format!("{number}-{}", "n".repeat(200))});
        let request = Request::new("POST", &server.url("/v1/asset-folders")).key(KEY);
        let made = request.json(&name).send().await;
        if made.status != 201 {
            break made;
        }
    };
    let error = refused.assert_error(503, "SERVICE_UNAVAILABLE");
    assert!(
        !error["message"].as_str().unwrap().contains("disk I/O"),
        "{error}"
    );
    let ill = ready().await.assert(503).json();
    assert_eq!(ill["components"]["database"]["status"], "unavailable");
    ready().await.assert(503);
    let told = server.told();
    let reason = "the database cannot be used; the server is not ready until it can";
    assert_eq!(told.matches(reason).count(), 1, "{told}");
}
