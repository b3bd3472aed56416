//! The statements that must use an index do, on both engines.

use runnel_types::{LogLevel, Run};

use super::fixtures::{at, queued_run, stored_jobs};
use super::{Db, NOW};
use crate::column::Args;
use crate::dialect::Dialect;
use crate::reader::{Statement, all, changed};
use crate::{jobs, run_logs, runs};

/// The plan of `sql`, as text.
async fn plan(db: &Db, sql: &str, args: Args) -> String {
    let explain = match db.store.dialect() {
        Dialect::Sqlite => "EXPLAIN QUERY PLAN",
        Dialect::Postgres => "EXPLAIN",
    };
    let column = match db.store.dialect() {
        Dialect::Sqlite => "detail",
        Dialect::Postgres => "QUERY PLAN",
    };
    let statement = Statement::composed(column, format!("{explain} {sql}"), args);
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

pub(super) async fn lists_and_claims_use_their_index(db: Db) {
    let org = db.org("a").await.id;
    let mut tx = db.store.begin().await.unwrap();
    let mut last = None;
    for n in 0..2000 {
        let run = Run {
            created_at: at(n),
            ..queued_run(&db, org)
        };
        tx.runs().insert(&run).await.unwrap();
        let line = db.ids.next();
        tx.run_logs()
            .append(org, run.id, line, LogLevel::Info, "line", at(n))
            .await
            .unwrap();
        last = Some(run);
    }
    tx.commit().await.unwrap();
    stored_jobs(&db, 2000).await;
    if db.store.dialect() == Dialect::Postgres {
        // PostgreSQL guesses from its statistics, which the test server does not
        // gather by itself.
        let mut tx = db.store.begin().await.unwrap();
        changed(&mut &mut tx, Statement::new("none", "ANALYZE", Args::new()))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let last = last.unwrap();
    let page = || {
        Args::new()
            .word(org)
            .time(last.created_at)
            .word(last.id)
            .int(51)
    };
    let log = || Args::new().word(org).word(last.id).word(last.id).int(51);
    // Not the whole claim: its plan needs a connection that writes.
    let due = jobs::due_statement(db.store.dialect().for_update_skip_locked());
    let due_args = Args::new().time(NOW).int(10);
    for (name, sql, args, index) in [
        ("runs, older", runs::OLDER, page(), "runs_by_org"),
        ("runs, newer", runs::NEWER, page(), "runs_by_org"),
        (
            "log, later",
            run_logs::LATER,
            log(),
            "run_logs_run_id_sequence",
        ),
        (
            "log, earlier",
            run_logs::EARLIER,
            log(),
            "run_logs_run_id_sequence",
        ),
        ("claim", due.as_str(), due_args, "jobs_by_due"),
    ] {
        let plan = plan(&db, sql, args).await;
        // SQLite names the index of a UNIQUE by number.
        let used = plan.contains(index) || plan.contains("sqlite_autoindex_run_logs_2");
        assert!(used, "{name} does not use {index}:\n{plan}");
        assert!(
            !plan.contains("SCAN runs") && !plan.contains("Seq Scan"),
            "{name}:\n{plan}"
        );
        if name.starts_with("runs") {
            assert!(
                !plan.contains("TEMP B-TREE") && !plan.contains("Sort"),
                "{name} sorts:\n{plan}"
            );
        }
    }
}
