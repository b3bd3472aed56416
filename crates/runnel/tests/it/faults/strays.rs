//! Objects without rows, and rows without objects: what the doctor finds.

use std::path::PathBuf;
use std::time::Duration;

use runnel_domain::assets::Key;
use runnel_domain::audit::Finding;
use runnel_media::sample;
use runnel_testkit::{Db, Storage, TestApp, on_both_databases};

on_both_databases!(
    strays_are_told_then_removed_and_nothing_else_is,
    what_is_lost_is_told,
    a_lost_thumbnail_is_drawn_again_by_repair,
);

async fn look(app: &TestApp, repair: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let audited = app
        .services()
        .audit_objects(repair, &mut |finding| found.push(finding))
        .await;
    audited.unwrap();
    found
}

/// The clock of the test begins before today, by which the files are dated.
fn let_everything_grow_old(app: &TestApp) {
    app.advance(Duration::from_hours(24 * 3650));
}

/// An app with an asset and a body that is not confirmed; and beside them two objects that no row names, and a file of somebody's.
async fn untidy(db: Db, storage: Storage) -> (TestApp, usize) {
    let app = TestApp::start_on(db, storage, |_| {}).await;
    let png = sample::gradient_png(30, 20);
    app.asset("image/png", &png).await;
    app.upload("image/png", &png).await;
    let named = app.objects().len();
    let folder = if storage == Storage::S3 {
        app.s3().folder()
    } else {
        app.data_dir().join("objects")
    };
    let id = "018f4e1a-0000-7000-8000-000000000001";
    for name in [
        format!("{id}/assets/{id}/{id}/lost.png"),
        format!("{id}/uploads/{id}/late.png"),
        "notes.txt".to_owned(),
    ] {
        // As a folder has it that was written to by this version.
        let key = (storage == Storage::Disk).then(|| name.parse::<Key>().ok());
        let name = match key.flatten() {
            Some(Key::Asset { .. }) => format!("{id}/assets/018f4e1a/{id}+{id}+lost.png"),
            _ => name,
        };
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"12345").unwrap();
    }
    (app, named)
}

async fn strays_are_told_then_removed_and_nothing_else_is(db: Db) {
    for storage in [Storage::Disk, Storage::S3] {
        let (app, named) = untidy(db, storage).await;
        let foreign = Finding::Foreign {
            name: "notes.txt".to_owned(),
            size_bytes: 5,
        };
        if storage == Storage::S3 {
            // Here the clock of the test is that of the store.
            assert_eq!(
                look(&app, true).await,
                std::slice::from_ref(&foreign),
                "all are young"
            );
        }
        let_everything_grow_old(&app);
        let mut found = look(&app, false).await;
        found.sort_by_key(|finding| format!("{finding:?}"));
        let id = "018f4e1a-0000-7000-8000-000000000001";
        let stray = |name: &str, is_removed| Finding::Stray {
            name: name.replace("ID", id),
            size_bytes: 5,
            is_removed,
        };
        let strays = ["ID/assets/ID/ID/lost.png", "ID/uploads/ID/late.png"];
        let expected = strays.map(|name| stray(name, false));
        assert_eq!(found[0], foreign);
        assert_eq!(found[1..], expected);
        assert_eq!(app.objects().len(), named + 3);
        let mut removed = look(&app, true).await;
        removed.sort_by_key(|finding| format!("{finding:?}"));
        assert_eq!(removed[1..], strays.map(|name| stray(name, true)));
        assert_eq!(look(&app, true).await, [foreign]);
        assert_eq!(app.objects().len(), named + 1);
        app.stop().await;
    }
}

async fn what_is_lost_is_told(db: Db) {
    let app = TestApp::start(db).await;
    let png = sample::gradient_png(30, 20);
    let asset = app.asset("image/png", &png).await;
    let upload = app.upload("image/png", &png).await;
    assert_eq!(look(&app, false).await, []);
    for object in app.objects() {
        std::fs::remove_file(object).unwrap();
    }
    let found = look(&app, true).await;
    let lost: Vec<(String, &str)> = found
        .iter()
        .map(|finding| match finding {
            Finding::Missing { asset_id, part, .. } => (asset_id.to_string(), *part),
            other => panic!("{other:?}"),
        })
        .collect();
    let asset = asset["id"].as_str().unwrap().to_owned();
    assert_eq!(
        lost,
        [
            (asset.clone(), "bytes"),
            (asset, "thumbnail"),
            (upload, "upload")
        ]
    );
    app.stop().await;
}

async fn a_lost_thumbnail_is_drawn_again_by_repair(db: Db) {
    for storage in [Storage::Disk, Storage::S3] {
        let app = TestApp::start_on(db, storage, |_| {}).await;
        let asset = app.asset("image/png", &sample::gradient_png(30, 20)).await;
        let is_thumbnail = |path: &PathBuf| path.to_string_lossy().ends_with("thumbnail.webp");
        let path = app.objects().into_iter().find(is_thumbnail).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let told = look(&app, false).await;
        let [
            Finding::Missing {
                part: "thumbnail", ..
            },
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        assert!(!path.exists(), "looking changes nothing");
        let told = look(&app, true).await;
        let [Finding::Redrawn { asset_id, .. }] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(Some(asset_id.to_string().as_str()), asset["id"].as_str());
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        assert_eq!(look(&app, true).await, []);
        app.stop().await;
    }
}
