//! `runnel orgs`.

use runnel_testkit::{Db, Process, Request, database_url, on_both_databases};

use super::{runnel_with, stderr, stdout};

on_both_databases!(organizations_of_any_name_are_apart);

async fn organizations_of_any_name_are_apart(db: Db) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = data.to_str().unwrap();
    let database = database_url(db).await;
    let mut variables = vec![("RUNNEL_DATA_DIR", data_dir), ("RUNNEL_LOG", "error")];
    variables.extend(database.as_deref().map(|url| ("RUNNEL_DATABASE_URL", url)));
    let server = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &variables);
    let run = |arguments: &[&str]| runnel_with(arguments, &variables);

    let mut ids = Vec::new();
    // Of two of them a slug keeps no letter, and of two others the same ones.
    for name in ["東京", "大阪", "Ünal", "Nal"] {
        let made = run(&["orgs", "create", name]);
        assert!(made.status.success(), "{}", stderr(&made));
        let id = stdout(&made).trim().to_owned();
        let again = run(&["orgs", "create", &format!(" {name}")]);
        assert!(!again.status.success());
        assert!(stderr(&again).contains(&id), "{}", stderr(&again));
        let key = stdout(&run(&["keys", "create", "--org", name]));
        let me = Request::new("GET", &server.url("/v1/auth/me")).key(key.trim());
        let me = me.send().await.assert(200).json();
        assert_eq!(me["memberships"][0]["org"]["id"], *id, "{name}: {me}");
        ids.push(id);
    }
    let listed = stdout(&run(&["orgs", "list"]));
    let mut slugs = Vec::new();
    for id in &ids {
        let line = listed.lines().find(|line| line.starts_with(id)).unwrap();
        slugs.push(line.split('\t').nth(1).unwrap());
    }
    assert_eq!(slugs, ["org", "org-2", "nal", "nal-2"]);
    // By its slug, and in other letters of the same name.
    for name in ["nal-2", "NAL"] {
        let key = stdout(&run(&["keys", "create", "--org", name]));
        let me = Request::new("GET", &server.url("/v1/auth/me")).key(key.trim());
        let me = me.send().await.assert(200).json();
        assert_eq!(me["memberships"][0]["org"]["id"], *ids[3], "{name}: {me}");
    }
    let lines = run(&["keys", "create", "--org", "a\nb"]);
    assert!(
        stderr(&lines).contains("control characters"),
        "{}",
        stderr(&lines)
    );
    let empty = run(&["orgs", "create", " "]);
    assert!(
        stderr(&empty).contains("1 to 255 characters"),
        "{}",
        stderr(&empty)
    );
}
