//! Two requests for the same upload, and connections that break or hang.

use runnel_testkit::{Db, TestApp, on_both_databases, wait_until};

use super::{assert_asset, create, offset, offset_of, patch, png};

on_both_databases!(
    of_two_at_once_one_waits,
    who_asks_for_the_offset_ends_what_hangs,
    a_body_cut_off_halfway_is_gone_on_from,
);

async fn of_two_at_once_one_waits(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(200_000);
    let (id, url) = create(&app, whole.len()).await;
    let first = patch(&url, 0, &whole).begin(100_000).await;
    let url_ref = &url;
    wait_until("the first to be at work", || async move {
        let second = patch(url_ref, 0, b"").send().await;
        (second.status == 423).then_some(())
    })
    .await;
    let other = vec![b'z'; whole.len()];
    let refused = patch(&url, 0, &other).send().await;
    refused.assert_error(423, "UPLOAD_LOCKED");
    let done = first.finish().await.assert(204);
    assert_eq!(offset_of(&done), whole.len());
    assert_asset(&app, &id, &whole).await;

    // Many at once from the same place: each byte is of one of them.
    let (id, url) = create(&app, whole.len()).await;
    let sending = (0..8).map(|_| tokio::spawn(patch(&url, 0, &whole).send()));
    let mut done = 0;
    for sent in sending.collect::<Vec<_>>() {
        let status = sent.await.unwrap().status;
        assert!(matches!(status, 204 | 409 | 413 | 423), "{status}");
        done += usize::from(status == 204);
    }
    assert_eq!(done, 1);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn who_asks_for_the_offset_ends_what_hangs(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(900_000);
    let (id, url) = create(&app, whole.len()).await;
    let hanging = patch(&url, 0, &whole).begin(800_000).await;
    let app_ref = &app;
    wait_until("the first bytes to be on the disk", || async move {
        let files = app_ref.objects();
        let lengths = files
            .iter()
            .map(|path| std::fs::metadata(path).unwrap().len());
        lengths.max().filter(|length| *length > 0)
    })
    .await;
    let at = offset(&url).await;
    assert!((1..=800_000).contains(&at), "{at}");
    assert_eq!(hanging.finish().await.status, 400);
    patch(&url, at, &whole[at..]).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn a_body_cut_off_halfway_is_gone_on_from(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(900_000);
    let (id, url) = create(&app, whole.len()).await;
    let mut at = 0;
    for _ in 0..5 {
        drop(patch(&url, at, &whole[at..]).begin(100_000).await);
        let (app, id, before) = (&app, &id, at);
        // Not by asking the server, which would end what is still arriving.
        at = wait_until("what arrived to be kept", || async move {
            let at = recorded(app, id).await;
            (at > before).then_some(at)
        })
        .await;
    }
    assert_eq!(offset(&url).await, at);
    patch(&url, at, &whole[at..]).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

/// The offset in the database.
async fn recorded(app: &TestApp, id: &str) -> usize {
    let store = &app.services().store;
    let org = store.read().orgs().list().await.unwrap()[0].id;
    let id = id.parse().unwrap();
    let row = store.read().resumable_uploads().get(org, id).await;
    usize::try_from(row.unwrap().unwrap().offset_bytes).unwrap()
}
