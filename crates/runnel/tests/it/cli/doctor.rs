//! `runnel doctor`.

use runnel_media::sample;
use runnel_testkit::TestApp;
use serde_json::Value;

use super::{runnel, stderr, stdout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_is_there_and_fails_when_something_is_lost() {
    let app = TestApp::start(runnel_testkit::Db::Sqlite).await;
    let asset = app.asset("image/png", &sample::gradient_png(30, 20)).await;
    let data_dir = app.data_dir().to_str().unwrap().to_owned();
    let well = runnel(&["doctor", "--data-dir", &data_dir]);
    assert!(well.status.success(), "{}", stderr(&well));
    let told = stdout(&well);
    for line in [
        "ok        database",
        "ok        storage",
        "ok        ffmpeg",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(
        told.contains("looked at 2 objects, 2 of them too young to be judged, and 1 row: 0 stray, 0 foreign, 0 missing"),
        "{told}"
    );

    let key = asset["r2_key"].as_str().unwrap();
    std::fs::remove_file(app.object(key)).unwrap();
    let ill = runnel(&["doctor", "--json", "--data-dir", &data_dir]);
    assert!(!ill.status.success());
    assert!(
        stderr(&ill).contains("restore them from a backup"),
        "{}",
        stderr(&ill)
    );
    let lines: Vec<Value> = stdout(&ill)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let missing = lines
        .iter()
        .find(|line| line["finding"] == "missing")
        .unwrap();
    assert_eq!(
        (&missing["asset_id"], &missing["name"]),
        (&asset["id"], &asset["r2_key"])
    );
    assert_eq!(lines.last().unwrap()["summary"]["missing"], 1);
    let ill = runnel(&["doctor", "--data-dir", &data_dir]);
    let told = stdout(&ill);
    assert!(
        told.contains("missing   bytes") && told.contains("1 missing"),
        "{told}"
    );
    assert!(!told.contains("lost"), "one word for it: {told}");
    assert!(
        stderr(&ill).contains("an object that a row names"),
        "{}",
        stderr(&ill)
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_row_names_is_told_and_removed_when_asked() {
    let app = TestApp::start(runnel_testkit::Db::Sqlite).await;
    app.asset("image/png", &sample::gradient_png(30, 20)).await;
    let id = "018f4e1a-0000-7000-8000-000000000001";
    let objects = app.data_dir().join("objects");
    let stray = objects.join(format!("{id}/assets/{id}/{id}/lost.png"));
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    let file = std::fs::File::create(&stray).unwrap();
    // Of 2020: too old to be an upload that is just arriving.
    let years = std::time::Duration::from_hours(24 * 365 * 50);
    file.set_modified(std::time::UNIX_EPOCH + years).unwrap();
    let data_dir = app.data_dir().to_str().unwrap().to_owned();
    let told = runnel(&["doctor", "--data-dir", &data_dir]);
    assert!(stdout(&told).contains("lost.png"), "{}", stdout(&told));
    let hint = "names 1 object (0 B); the same command with --repair";
    assert!(stderr(&told).contains(hint), "{}", stderr(&told));
    assert!(stray.exists());
    let foreign = objects.join("notes.txt");
    std::fs::write(&foreign, "a person's own").unwrap();
    let told = runnel(&["doctor", "--json", "--data-dir", &data_dir]);
    let summary: Value = serde_json::from_str(stdout(&told).lines().last().unwrap()).unwrap();
    assert_eq!(
        (&summary["summary"]["foreign"], &summary["summary"]["stray"]),
        (&1.into(), &1.into())
    );
    std::fs::remove_file(foreign).unwrap();
    let repaired = runnel(&["doctor", "--repair", "--data-dir", &data_dir]);
    assert!(repaired.status.success(), "{}", stderr(&repaired));
    assert!(
        stdout(&repaired).contains("lost.png"),
        "{}",
        stdout(&repaired)
    );
    assert!(!stray.exists());
    assert_eq!(app.objects().len(), 2);
    app.stop().await;
}
