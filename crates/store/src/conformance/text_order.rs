//! Text is compared and ordered by its bytes on both engines, whatever the locale
//! of a PostgreSQL database; those of the tests have that of a language.

use std::collections::HashMap;

use runnel_types::list::{ListRequest, Listed, parse_filter, parse_sort};
use runnel_types::{Asset, AssetId, OrgId};

use super::Db;
use super::fixtures::asset;
use super::lists::walk;
use super::schema::empty;
use crate::Store;
use crate::column::Args;
use crate::dialect::Dialect;
use crate::reader::{Statement, all, changed};
use crate::tx::Tx;

/// By their bytes. In English `_x` and `-a` come first, `B` after `ab`, `é` before `Z`.
const NAMES: [&str; 9] = ["-a", "B", "Z", "_x", "a", "a b", "ab", "e\u{301}", "é"];

/// The last migration before the one that makes PostgreSQL compare by bytes.
const BEFORE: i64 = 11;

/// An asset of each name, in no order.
async fn library(db: &Db, org: OrgId) -> HashMap<AssetId, &'static str> {
    let mut tx = db.store.begin().await.unwrap();
    let mut made = HashMap::new();
    for n in 0..NAMES.len() {
        let name = NAMES[n * 4 % NAMES.len()];
        let asset = Asset {
            name: name.to_owned(),
            ..asset(db, org)
        };
        tx.assets().insert(&asset).await.unwrap();
        made.insert(asset.id, name);
    }
    tx.commit().await.unwrap();
    made
}

fn request(filter: &str, sort: &str, limit: u32, backward: bool) -> ListRequest {
    ListRequest {
        limit,
        sort: parse_sort(sort, Asset::FIELDS).unwrap(),
        filter: parse_filter(filter, Asset::FIELDS).unwrap(),
        place: None,
        backward,
    }
}

pub(super) async fn names_are_ordered_by_bytes(db: Db) {
    let org = db.org("a").await.id;
    let library = library(&db, org).await;
    let mut falling = NAMES;
    falling.reverse();
    // The last order is that of no index, and its pages are cut in another way.
    for (sort, wanted) in [
        ("name", NAMES),
        ("name:desc", falling),
        ("mime_type,name:desc", falling),
    ] {
        for (limit, backward) in [(1, false), (2, true), (4, false), (4, true), (50, false)] {
            let found = walk(&db, org, &request("", sort, limit, backward)).await;
            let found: Vec<&str> = found.iter().map(|id| library[id]).collect();
            assert_eq!(found, wanted, "{sort}, {limit} rows, backward: {backward}");
        }
    }
}

pub(super) async fn names_are_compared_by_bytes(db: Db) {
    let org = db.org("a").await.id;
    let library = library(&db, org).await;
    for (filter, wanted) in [
        ("name>Z", &NAMES[3..]),
        ("name>=B", &NAMES[1..]),
        ("name<_x", &NAMES[..3]),
        ("name<='a b'", &NAMES[..6]),
        ("name>'B' AND name<'ab'", &NAMES[2..6]),
        ("name>ab", &NAMES[7..]),
        // What looks alike is not the same, and of two characters.
        ("name:é", &["é"]),
        ("name.LIKE:'_'", &["B", "Z", "a", "é"]),
        ("name:a*", &["a", "a b", "ab"]),
    ] {
        let found = walk(&db, org, &request(filter, "name", 2, false)).await;
        let found: Vec<&str> = found.iter().map(|id| library[id]).collect();
        assert_eq!(found, wanted, "{filter}");
    }
}

async fn change(tx: &mut Tx, sql: String) -> Result<usize, crate::StoreError> {
    changed(&mut &mut *tx, Statement::composed("none", sql, Args::new())).await
}

/// Has PostgreSQL compare every text as the database does, as it was of old.
const OF_OLD: &str = "DO $$
    DECLARE
        named   text;
        changes text;
    BEGIN
        FOR named, changes IN
            SELECT attrelid::regclass, string_agg(format('ALTER COLUMN %I TYPE text COLLATE \"default\"', attname), ', ')
            FROM pg_attribute JOIN pg_class AS tables ON tables.oid = attrelid
            WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
                AND attnum > 0 AND NOT attisdropped AND atttypid = 'text'::regtype
            GROUP BY attrelid
        LOOP
            EXECUTE format('ALTER TABLE %s %s', named, changes);
        END LOOP;
    END $$";

pub(super) async fn a_database_of_before_comes_to_order_by_bytes(db: Db) {
    let org: OrgId = db.ids.next();
    let parent: AssetId = db.ids.next();
    empty(&db.store).await;
    db.store.close().await;
    let old = Store::open_at(&db.url, BEFORE).await.unwrap();
    if old.dialect() == Dialect::Postgres {
        // One that is made today is so from the beginning.
        assert_eq!(other_collations(&old).await, [""; 0]);
    }
    let mut tx = old.begin().await.unwrap();
    if old.dialect() == Dialect::Postgres {
        change(&mut tx, OF_OLD.to_owned()).await.unwrap();
    }
    let sql =
        format!("INSERT INTO orgs (id, name, slug, created_at) VALUES ('{org}', 'a', 'a', 1)");
    change(&mut tx, sql).await.unwrap();
    for n in 0..NAMES.len() {
        let (id, name): (AssetId, _) = (db.ids.next(), NAMES[n * 4 % NAMES.len()]);
        let sql = format!(
            "INSERT INTO assets (id, org_id, name, storage_key, mime_type, size_bytes, asset_type,
                source_type, created_at, updated_at)
            VALUES ('{id}', '{org}', '{name}', 'key', 'image/png', 1, 'image', 'upload', 1, 1)"
        );
        change(&mut tx, sql).await.unwrap();
    }
    let folder = |id: AssetId| {
        format!(
            "INSERT INTO folders (id, org_id, parent_id, name, created_at, updated_at)
            VALUES ('{id}', '{org}', '{parent}', 'é', 1, 1)"
        )
    };
    change(&mut tx, folder(db.ids.next())).await.unwrap();
    tx.commit().await.unwrap();
    if old.dialect() == Dialect::Postgres {
        let others = other_collations(&old).await;
        assert!(others.contains(&"assets.name".to_owned()), "{others:?}");
    }
    old.close().await;

    let store = db.another().await;
    let page = store
        .read()
        .assets()
        .list(org, &request("name>B", "name", 50, false))
        .await
        .unwrap();
    let found: Vec<&str> = page.items.iter().map(|asset| asset.name.as_str()).collect();
    assert_eq!(found, NAMES[2..]);
    if store.dialect() == Dialect::Postgres {
        assert_eq!(other_collations(&store).await, [""; 0]);
        // With the old order went what was known of the values.
        let known = "SELECT attname::text AS found FROM pg_stats
            WHERE tablename = 'assets' AND attname = 'name' AND schemaname = current_schema()";
        assert_eq!(texts(&store, known).await, ["name"]);
    }
    // What was refused before still is.
    for refused in [
        folder(db.ids.next()),
        format!("INSERT INTO orgs (id, name, slug, created_at) VALUES ('{org}', 'b', 'b', 1)"),
        format!(
            "INSERT INTO api_keys (id, org_id, name, prefix, hash, scopes, created_at)
            VALUES ('{parent}', '{parent}', 'a', 'a', 'a', 'a', 1)"
        ),
    ] {
        let mut tx = store.begin().await.unwrap();
        let told = change(&mut tx, refused.clone()).await;
        assert!(
            matches!(told, Err(crate::StoreError::Conflict { .. })),
            "{refused}: {told:?}"
        );
    }
}

async fn texts(store: &Store, sql: &'static str) -> Vec<String> {
    let statement = Statement::new("none", sql, Args::new());
    let found = all(&mut &store.read(), statement, |row| row.text("found")).await;
    found.unwrap()
}

/// Columns of tables and of indexes that PostgreSQL would compare by a locale.
async fn other_collations(store: &Store) -> Vec<String> {
    let sql = "SELECT CAST(relname || '.' || attname AS TEXT) AS found
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'i', 'I')
            AND attnum > 0 AND NOT attisdropped AND attcollation NOT IN (0, 'pg_catalog.\"C\"'::regcollation)
        ORDER BY found";
    texts(store, sql).await
}

#[tokio::test]
async fn no_text_is_compared_by_a_locale() {
    let db = Db::postgres("collations").await;
    assert_eq!(other_collations(&db.store).await, [""; 0]);
}
