//! What is told when the database cannot be opened.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tempfile::TempDir;

use super::Db;
use crate::{DatabaseUrl, Store, StoreError};

/// The message and the advice.
async fn refused(url: &DatabaseUrl) -> (String, &'static str) {
    let error = Store::open(url).await.unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    (error.with_causes(), error.advice().unwrap())
}

#[tokio::test]
async fn of_a_file_the_path_and_the_reason_are_told() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs_err::write(path("text"), "this is no database, and long enough").unwrap();
    fs_err::create_dir(path("folder")).unwrap();
    for (name, reason, advice) in [
        ("text", "file is not a database", "from a backup"),
        ("text/runnel.db", "File exists", "--data-dir"),
        ("folder", "Is a directory", "not a folder"),
    ] {
        let (told, hint) = refused(&DatabaseUrl::sqlite(path(name))).await;
        let place = path(name).display().to_string();
        assert!(told.contains(&place) && told.contains(reason), "{told}");
        assert!(hint.contains(advice), "{hint}");
    }
    let text = fs_err::read_to_string(path("text")).unwrap();
    assert!(text.starts_with("this is no database"), "{text}");
}

#[tokio::test]
async fn of_a_server_the_place_and_the_reason_are_told() {
    let db = Db::postgres("of_a_server").await;
    let url = db.url.server().unwrap();
    let options: PgConnectOptions = url.parse().unwrap();
    let name = options.get_database().unwrap();
    let (_, rest) = url.rsplit_once('@').unwrap();
    for (url, reason, advice) in [
        (
            url.replace(name, "nothere"),
            "database \"nothere\" does not exist",
            "CREATE DATABASE",
        ),
        (
            format!("postgres://nobody:secret@{rest}"),
            "nobody",
            "user and password",
        ),
        (
            format!("postgres://nobody:secret@127.0.0.1:1/{name}"),
            "Connection refused",
            "host and port",
        ),
        (
            format!("postgres://nobody:secret@nowhere.invalid/{name}"),
            "lookup",
            "host and port",
        ),
    ] {
        let (told, hint) = refused(&url.parse().unwrap()).await;
        assert!(told.contains("postgres://"), "{told}");
        assert!(told.contains(reason), "{told}");
        assert!(!told.contains("secret"), "{told}");
        assert!(hint.contains(advice), "{hint}");
    }
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let db = Db::postgres("another_encoding").await;
    let options: PgConnectOptions = db.url.server().unwrap().parse().unwrap();
    let name = options.get_database().unwrap();
    let other = format!("{name}_ascii");
    let mut connection = options.connect().await.unwrap();
    let make =
        format!("CREATE DATABASE {other} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    connection.execute(AssertSqlSafe(make)).await.unwrap();
    let url = db.url.server().unwrap().replace(name, &other);
    let (told, hint) = refused(&url.parse().unwrap()).await;
    let drop = format!("DROP DATABASE {other} WITH (FORCE)");
    connection.execute(AssertSqlSafe(drop)).await.unwrap();
    connection.close().await.unwrap();
    assert!(told.contains("its encoding is SQL_ASCII"), "{told}");
    assert!(
        hint.contains("ENCODING 'UTF8' TEMPLATE template0"),
        "{hint}"
    );
}
