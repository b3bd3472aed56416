//! A database that cannot take what came of attempts for a while: the receivers have
//! theirs, and get nothing twice.

use runnel_testkit::{
    Conduct, Db, Place, UnrulyReceiver, on_both_databases, rename_table, wait_until,
};

use super::killed::{Data, delivered, run};

on_both_databases!(what_cannot_be_recorded_at_once_is_not_sent_again);

/// Renames the table of attempts.
fn rename(data: &Data, from: &str, to: &str) {
    let file = data.folder.path().join("data/runnel.db");
    let url = data.database_url.as_deref();
    rename_table(url.map_or(Place::Sqlite(&file), Place::Postgres), from, to);
}

async fn what_cannot_be_recorded_at_once_is_not_sent_again(db: Db) {
    let data = Data::new(db).await;
    let receiver = UnrulyReceiver::start(Conduct::Hold).await;
    let server = data.serve("1", "warn");
    let run = run(&server, &receiver).await;
    wait_until("the receiver to have it", || async {
        (receiver.received().len() == 1).then_some(())
    })
    .await;
    rename(&data, "delivery_attempts", "elsewhere");
    receiver.conduct(Conduct::answer(200, ""));
    wait_until("the record to fail", || async {
        let told = server.told();
        told.contains("attempts could not be recorded; trying again")
            .then_some(())
    })
    .await;
    rename(&data, "elsewhere", "delivery_attempts");
    let taken = delivered(&server, &run).await;
    assert_eq!(taken["attempt_count"], 1, "{taken}");
    assert_eq!(receiver.received().len(), 1);
}
