//! The statements that must use an index do, on both engines.

use runnel_types::list::{
    Field, FieldKind, ListRequest, Listed, Place, Value, parse_filter, parse_sort,
};
use runnel_types::{
    Asset, AssetType, Batch, BatchId, BatchItem, BatchPlace, Delivery, DeliverySubject, Folder,
    FolderId, LogLevel, OrgId, Queue, Run, RunStatus,
};

use super::fixtures::{PLACE, asset, at, delivery, queued_batch, queued_run, stored_jobs};
use super::{Db, NOW};
use crate::column::Args;
use crate::dialect::Dialect;
use crate::reader::{Statement, all, changed};
use crate::{assets, batches, deliveries, folders, jobs, query, run_logs, runs};

/// The list of a batch's items.
const ITEMS: &str = "items of a batch";

/// The plan of a statement, as text.
pub(super) async fn plan(db: &Db, statement: Statement) -> String {
    let explain = match db.store.dialect() {
        Dialect::Sqlite => "EXPLAIN QUERY PLAN",
        Dialect::Postgres => "EXPLAIN",
    };
    let column = match db.store.dialect() {
        Dialect::Sqlite => "detail",
        Dialect::Postgres => "QUERY PLAN",
    };
    let statement = statement.explained(explain, column);
    let lines = match column {
        "detail" => all(&mut &db.store.read(), statement, |row| row.text("detail")).await,
        _ => {
            all(&mut &db.store.read(), statement, |row| {
                row.text("QUERY PLAN")
            })
            .await
        }
    };
    lines.unwrap().join("\n")
}

/// Two thousand of everything, one in fifty of the assets in `folder` and one at
/// the top, one in fifty of the runs in a batch; the last run, which is in the last
/// batch.
async fn fill(db: &Db, org: OrgId, folder: FolderId) -> Run {
    let other = db.ids.next();
    let mut tx = db.store.begin().await.unwrap();
    let mut last = None;
    for n in 0..2000 {
        let batch = Batch {
            created_at: at(n),
            ..queued_batch(db, org, 1)
        };
        tx.batches().insert(&batch).await.unwrap();
        let place = BatchPlace {
            id: batch.id,
            index: 0,
        };
        let run = Run {
            batch: (n % 50 == 49).then_some(place),
            created_at: at(n),
            status: RunStatus::ALL[usize::from(n % 50 == 0)],
            ..queued_run(db, org)
        };
        tx.runs().insert(&run).await.unwrap();
        let subject = match run.batch {
            Some(place) => DeliverySubject::Batch(place.id),
            None => DeliverySubject::Run(run.id),
        };
        let told = Delivery {
            subject,
            ..delivery(db, &run)
        };
        tx.deliveries().insert(&told).await.unwrap();
        let line = db.ids.next();
        tx.run_logs()
            .append(org, run.id, line, LogLevel::Info, "line", at(n))
            .await
            .unwrap();
        last = Some(run);
        let asset = Asset {
            name: format!("photo {n}"),
            folder_id: match n % 50 {
                0 => Some(folder),
                1 => None,
                _ => Some(other),
            },
            asset_type: AssetType::ALL[n as usize % 2],
            size_bytes: n as u64,
            created_at: at(n),
            updated_at: at(n),
            ..asset(db, org)
        };
        tx.assets().insert(&asset).await.unwrap();
    }
    tx.commit().await.unwrap();
    stored_jobs(db, 2000).await;
    analyze(db).await;
    last.unwrap()
}

/// PostgreSQL guesses from its statistics, which the test server does not gather
/// by itself.
pub(super) async fn analyze(db: &Db) {
    if db.store.dialect() == Dialect::Postgres {
        let mut tx = db.store.begin().await.unwrap();
        changed(&mut &mut tx, Statement::new("none", "ANALYZE", Args::new()))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

pub(super) async fn lists_of_runs_and_batches_use_their_index(db: Db) {
    let org = db.org("a").await.id;
    let last = fill(&db, org, db.ids.next()).await;
    let dialect = db.store.dialect();
    let runs = |filter, sort, backward| {
        query::statement(
            dialect,
            runs::rows(org),
            &deep(Run::FIELDS, filter, sort, backward),
        )
    };
    let batches = |backward| {
        let request = deep(Batch::FIELDS, "", "created_at:desc", backward);
        query::statement(dialect, batches::rows(org), &request)
    };
    let last_batch: BatchId = last.batch.unwrap().id;
    let items = {
        let request = deep(BatchItem::FIELDS, "", BatchItem::DEFAULT_SORT, false);
        query::statement(dialect, runs::items(org, last_batch), &request)
    };
    let of_batch = format!("batch_id:{last_batch}");
    for (name, statement, index) in [
        (
            "runs, older",
            runs("", "created_at:desc", false),
            "runs_by_org",
        ),
        (
            "runs, newer",
            runs("", "created_at:desc", true),
            "runs_by_org",
        ),
        (
            "runs of a batch",
            runs(&of_batch, "created_at:desc", false),
            "runs_by_batch",
        ),
        (
            "runs of a status",
            runs("status_code:running", "created_at:desc", false),
            "runs_by_status_age",
        ),
        (ITEMS, items, "runs_by_batch"),
        ("batches, older", batches(false), "batches_by_org"),
        ("batches, newer", batches(true), "batches_by_org"),
        (
            "deliveries of a batch",
            deliveries::list_statement(org, DeliverySubject::Batch(last_batch)),
            "deliveries_by_batch",
        ),
    ] {
        uses(&db, name, statement, index).await;
    }
}

pub(super) async fn lists_of_assets_use_their_index(db: Db) {
    let org = db.org("a").await.id;
    let folder: FolderId = db.ids.next();
    fill(&db, org, folder).await;
    let dialect = db.store.dialect();
    let assets = |filter, sort, backward| {
        query::statement(
            dialect,
            assets::rows(org),
            &deep(Asset::FIELDS, filter, sort, backward),
        )
    };
    let folder = format!("folder_id:{}", uuid::Uuid::from(folder));
    let both = format!("{folder} AND asset_type:video");
    for (name, statement, index) in [
        (
            "assets, older",
            assets("", "created_at:desc", false),
            "assets_by_org",
        ),
        (
            "assets, newer",
            assets("", "created_at:desc", true),
            "assets_by_org",
        ),
        (
            "assets by name",
            assets("", "name", false),
            "assets_by_name",
        ),
        (
            "assets by size",
            assets("", "size_bytes:desc", false),
            "assets_by_size",
        ),
        (
            "assets by update",
            assets("", "updated_at:desc", false),
            "assets_by_update",
        ),
        (
            "assets of a folder",
            assets(&folder, "created_at:desc", false),
            "assets_by_folder",
        ),
        (
            "assets at the top",
            assets("folder_id:null", "created_at:desc", false),
            "assets_at_top ",
        ),
        (
            "assets of a type at the top",
            assets(
                "folder_id:null AND asset_type:video",
                "created_at:desc",
                true,
            ),
            "assets_at_top_by_type",
        ),
        (
            "assets of a type of file",
            assets("mime_type:image/heic", "created_at:desc", false),
            "assets_by_mime_type",
        ),
        (
            "assets of a type",
            assets("asset_type:video", "created_at:desc", false),
            "assets_by_type",
        ),
        (
            "assets of a folder and a type",
            assets(&both, "created_at:desc", false),
            // SQLite takes the index of both; with statistics of few rows
            // PostgreSQL may think that of the folder as good.
            "assets_by_folder",
        ),
    ] {
        uses(&db, name, statement, index).await;
    }
}

pub(super) async fn lists_of_folders_use_their_index(db: Db) {
    let org = db.org("a").await.id;
    let folder: FolderId = db.ids.next();
    let mut tx = db.store.begin().await.unwrap();
    for n in 0..2000 {
        // One in fifty lies at the top and one in `folder`.
        let parent_id = match n % 50 {
            0 => None,
            1 => Some(folder),
            _ => Some(db.ids.next()),
        };
        let one = Folder {
            id: db.ids.next(),
            org_id: org,
            parent_id,
            name: format!("folder {n}"),
            asset_count: 0,
            created_at: at(n),
            updated_at: at(n),
        };
        tx.folders().insert(&one).await.unwrap();
    }
    tx.commit().await.unwrap();
    analyze(&db).await;
    let inside = format!("parent_id:{}", uuid::Uuid::from(folder));
    for (name, filter, index) in [
        ("folders", "", "folders_by_org"),
        ("folders in a folder", &*inside, "folders_by_parent"),
        ("folders at the top", "parent_id:null", "folders_at_top"),
    ] {
        let request = deep(Folder::FIELDS, filter, "created_at:desc", false);
        let statement = query::statement(db.store.dialect(), folders::rows(org), &request);
        let plan = plan(&db, statement).await;
        assert!(plan.contains(index), "{name} do not use {index}:\n{plan}");
        // The assets of each are counted, which is another matter.
        for wrong in ["SCAN folders", "Seq Scan on folders", "TEMP B-TREE", "Sort"] {
            assert!(!plan.contains(wrong), "{name}:\n{plan}");
        }
    }
}

pub(super) async fn logs_and_claims_use_their_index(db: Db) {
    let org = db.org("a").await.id;
    let last = fill(&db, org, db.ids.next()).await;
    let log = || Args::new().word(org).word(last.id).word(last.id).int(51);
    // Not the whole statements of a claim: their plans need a connection that writes.
    let lock = db.store.dialect().for_update_skip_locked();
    let due = jobs::due_statement(lock);
    let due_args = Args::new().time(NOW).int(10);
    let ready = jobs::ready_statement(Queue::Work, lock);
    let deliverable = jobs::ready_statement(Queue::Deliveries, lock);
    let ready_args = || Args::new().text(PLACE.lane).time(NOW).int(10);
    let lanes = jobs::lanes_statement(Queue::Work);
    let receivers = jobs::lanes_statement(Queue::Deliveries);
    let lanes_args = || Args::new().text("").text("~").int(256);
    let in_hand_args = Args::new().text(PLACE.lane).time(NOW);
    let written = |sql: &str, args| Statement::composed("plan", sql.to_owned(), args);
    for (name, statement, index) in [
        (
            "log, later",
            written(run_logs::LATER, log()),
            "run_logs_run_id_sequence",
        ),
        (
            "log, earlier",
            written(run_logs::EARLIER, log()),
            "run_logs_run_id_sequence",
        ),
        (
            "log, last",
            written(run_logs::LAST, Args::new().word(org).word(last.id)),
            "run_logs_run_id_sequence",
        ),
        ("jobs, due", written(&due, due_args), "jobs_waiting"),
        ("jobs, ready", written(&ready, ready_args()), "jobs_ready"),
        (
            "jobs, deliverable",
            written(&deliverable, ready_args()),
            "jobs_deliverable",
        ),
        (
            "jobs, in hand",
            written(jobs::IN_HAND, in_hand_args),
            "jobs_in_hand",
        ),
        ("lanes", written(&lanes, lanes_args()), "jobs_"),
        (
            "receivers",
            written(&receivers, lanes_args()),
            "jobs_deliverable",
        ),
    ] {
        uses(&db, name, statement, index).await;
    }
}

/// Asserts that a statement uses an index, and neither scans nor sorts.
pub(super) async fn uses(db: &Db, name: &str, statement: Statement, index: &str) {
    let plan = plan(db, statement).await;
    // SQLite names the index of a UNIQUE by number.
    let used = plan.contains(index) || plan.contains("sqlite_autoindex_run_logs_2");
    assert!(used, "{name} does not use {index}:\n{plan}");
    assert!(
        ![
            "SCAN runs",
            "SCAN assets",
            "SCAN jobs",
            "SCAN batches",
            "SCAN deliveries",
            "SCAN webhooks",
            "Seq Scan"
        ]
        .iter()
        .any(|scan| plan.contains(scan)),
        "{name}:\n{plan}"
    );
    // A hundred items at most may be sorted.
    if name != "lanes" && name != "receivers" && name != ITEMS {
        assert!(
            !plan.contains("TEMP B-TREE") && !plan.contains("Sort"),
            "{name} sorts:\n{plan}"
        );
    }
}

/// A request for a page from the middle of a list.
pub(super) fn deep(
    fields: &'static [Field],
    filter: &str,
    sort: &str,
    backward: bool,
) -> ListRequest {
    let sort = parse_sort(sort, fields).unwrap();
    let values = sort
        .iter()
        .map(|sort| match sort.field.kind {
            FieldKind::Integer => Value::Integer(1000),
            FieldKind::Time => Value::Integer(at(1000).as_micros()),
            _ => Value::Text("photo 1000".to_owned()),
        })
        .collect();
    ListRequest {
        limit: 50,
        filter: parse_filter(filter, fields).unwrap(),
        place: Some(Place {
            values,
            id: uuid::Uuid::max(),
        }),
        sort,
        backward,
    }
}
