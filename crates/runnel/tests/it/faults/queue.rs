//! The queue under many workers: each attempt is executed once, a model's limit
//! holds everywhere, and nobody waits for what is not his.

use std::sync::Arc;
use std::time::Duration;

use runnel_domain::{Caller, Services};
use runnel_testkit::{CountingEngine, Db, Receiver, TestApp, on_both_databases, wait_until};
use runnel_types::{Job, RunStatus};
use runnel_worker::{Deliverer, Worker};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

on_both_databases!(
    a_thousand_runs_and_eight_workers,
    a_model_is_never_over_its_limit_and_holds_nobody_up,
    a_slow_model_leaves_room_for_others_and_for_callbacks,
    what_keeps_the_cores_busy_is_left_to_others,
    one_organization_does_not_wait_for_the_backlog_of_another,
    a_run_alone_does_not_wait_for_a_batch,
    a_lease_that_ends_while_its_worker_lives_gives_one_end,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn ten_thousand_runs_and_eight_workers_on_sqlite() {
    many_runs(Db::Sqlite, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn ten_thousand_runs_and_eight_workers_on_postgres() {
    many_runs(Db::Postgres, 10_000).await;
}

/// How many requests make runs at once.
const MAKERS: usize = 8;

/// Longer than any lease.
const LEASE_AND_MORE: Duration = Duration::from_secs(11);

/// Workers of a test; they end with it.
struct Workers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Workers {
    /// So many, by turns on each of the processes, and what delivers for each.
    fn start(processes: &[&Arc<Services>], count: usize) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let services = Arc::clone(processes[number % processes.len()]);
            let worker = Worker::new(services, format!("worker-{number}"));
            let stop = stop.clone();
            tasks.spawn(async move {
                let drained = worker.run(stop, Duration::from_mins(1)).await;
                assert!(drained.is_clean, "worker {number} left something");
            });
        }
        for (number, services) in processes.iter().enumerate() {
            let deliverer = Deliverer::new(Arc::clone(services), format!("deliverer-{number}"));
            let stop = stop.clone();
            tasks.spawn(async move {
                let drained = deliverer.run(stop, Duration::from_mins(1)).await;
                assert!(drained.is_clean, "deliverer {number} left something");
            });
        }
        Self { stop, tasks }
    }

    async fn end(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

async fn caller(services: &Services, key: &str) -> Caller {
    let id = services.ids.next();
    services.authenticate(key, None, id).await.unwrap()
}

/// Makes runs of a model, as many requests at once as a busy server has.
async fn make_runs(services: &Arc<Services>, key: &str, model: &'static str, count: usize) {
    let mut makers = JoinSet::new();
    for maker in 0..MAKERS {
        let services = Arc::clone(services);
        let caller = caller(&services, key).await;
        makers.spawn(async move {
            for number in (maker..count).step_by(MAKERS) {
                let body = json!({"input": {"text": number.to_string()}});
                services.create_run(&caller, model, &body).await.unwrap();
            }
        });
    }
    while let Some(made) = makers.join_next().await {
        made.unwrap();
    }
}

/// How many jobs there are, sweeps not counted.
async fn jobs(services: &Services) -> i64 {
    let all = services.store.read().jobs().count_all().await.unwrap();
    all - i64::try_from(Job::RECURRING.len()).unwrap()
}

/// How the runs of the organization ended, or did not.
async fn statuses(app: &TestApp) -> Vec<(RunStatus, i64)> {
    let org = caller(app.services(), app.key()).await.org_id;
    let read = app.services().store.read();
    read.runs().count_by_status(org).await.unwrap()
}

async fn a_thousand_runs_and_eight_workers(db: Db) {
    many_runs(db, 1000).await;
}

async fn many_runs(db: Db, runs: usize) {
    let app = TestApp::start(db).await;
    let engine = CountingEngine::open();
    let processes = [app.beside().await, app.beside().await];
    for services in &processes {
        engine.add_to(services, "test/counted", None);
        engine.add_to(services, "test/limited", Some(2));
    }
    let [one, two] = &processes;
    make_runs(one, app.key(), "test/counted", runs - 100).await;
    // A worker takes some of them and is never heard of again.
    let lost = one.claim_jobs(30, "dead", Duration::from_secs(10)).await;
    assert_eq!(lost.unwrap().len(), 30);
    let workers = Workers::start(&[one, two], 8);
    make_runs(two, app.key(), "test/limited", 100).await;
    wait_for_long("all but the lost ones", async || jobs(two).await <= 30).await;
    assert_eq!(engine.begun(), runs - 30, "nobody has taken the lost ones");
    app.advance(LEASE_AND_MORE);
    wait_for_long("the lost ones", async || jobs(two).await == 0).await;
    workers.end().await;
    assert_eq!(engine.repeated(), []);
    assert_eq!(engine.begun(), runs);
    let all = i64::try_from(runs).unwrap();
    assert_eq!(statuses(&app).await, [(RunStatus::Succeeded, all)]);
    app.stop().await;
}

/// As [`wait_until`], for what takes as long as there is work.
async fn wait_for_long(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        while !holds().await {
            tick.tick().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(10), waiting).await;
    waited.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// Waits until so many executions are at work.
async fn at_work(engine: &CountingEngine, count: usize) {
    wait_until(&format!("{count} at work"), || async {
        (engine.at_work() == count).then_some(())
    })
    .await;
}

async fn all_done(services: &Services) {
    wait_for_long("the end of all jobs", async || jobs(services).await == 0).await;
}

async fn a_model_is_never_over_its_limit_and_holds_nobody_up(db: Db) {
    let app = TestApp::start(db).await;
    let slow = CountingEngine::gated();
    let quick = CountingEngine::open();
    let processes = [app.beside().await, app.beside().await];
    for services in &processes {
        slow.add_to(services, "a/slow", Some(3));
        quick.add_to(services, "b/quick", None);
    }
    let [one, two] = &processes;
    make_runs(one, app.key(), "a/slow", 60).await;
    let workers = Workers::start(&[one, two], 8);
    at_work(&slow, 3).await;
    // It is full, and its backlog is nobody else's.
    make_runs(two, app.key(), "b/quick", 40).await;
    wait_for_long("the others", async || jobs(two).await == 60).await;
    let more = one.claim_jobs(9, "another", LEASE_AND_MORE).await.unwrap();
    assert!(more.is_empty(), "{more:?}");
    assert_eq!((quick.begun(), slow.begun()), (40, 3));
    // The catalogue may change while the server works.
    for services in &processes {
        slow.add_to(services, "a/slow", Some(5));
    }
    at_work(&slow, 5).await;
    slow.let_through(60);
    all_done(two).await;
    workers.end().await;
    assert_eq!((slow.begun(), slow.most_at_work()), (60, 5));
    assert_eq!(slow.repeated(), []);
    app.stop().await;
}

async fn a_slow_model_leaves_room_for_others_and_for_callbacks(db: Db) {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let receiver = Receiver::start(&[]).await;
    let slow = CountingEngine::gated();
    let services = app.beside().await;
    slow.add_to(&services, "a/slow", None);
    make_runs(&services, app.key(), "a/slow", 100).await;
    let workers = Workers::start(&[&services], 1);
    // Less than all that the worker has room for.
    at_work(&slow, 48).await;
    let body = json!({"input": {"text": "hi"}, "callback_url": receiver.url()});
    let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    run.assert(201);
    // On SQLite no notification comes from the other process: the worker looks
    // by itself.
    wait_until("the callback", || async {
        (!receiver.received().is_empty()).then_some(())
    })
    .await;
    assert_eq!((slow.at_work(), slow.begun()), (48, 48));
    slow.let_through(100);
    all_done(&services).await;
    workers.end().await;
    assert_eq!(slow.begun(), 100);
    app.stop().await;
}

async fn what_keeps_the_cores_busy_is_left_to_others(db: Db) {
    let app = TestApp::start(db).await;
    let engine = CountingEngine::gated_on_cores();
    let processes = [app.beside().await, app.beside().await];
    for services in &processes {
        engine.add_to(services, "a/heavy", None);
        engine.add_to(services, "b/heavy", None);
    }
    let [one, two] = &processes;
    make_runs(one, app.key(), "a/heavy", 5).await;
    make_runs(one, app.key(), "b/heavy", 5).await;
    let first = Workers::start(&[one], 1);
    // One is worked on, one gets its inputs; more would only be kept from others.
    at_work(&engine, 2).await;
    let second = Workers::start(&[two], 1);
    at_work(&engine, 4).await;
    let free = one.claim_jobs(10, "a third", LEASE_AND_MORE).await.unwrap();
    assert_eq!(free.len(), 6);
    app.advance(LEASE_AND_MORE);
    engine.let_through(20);
    all_done(one).await;
    first.end().await;
    second.end().await;
    assert_eq!(engine.repeated(), []);
    app.stop().await;
}

async fn one_organization_does_not_wait_for_the_backlog_of_another(db: Db) {
    let app = TestApp::start(db).await;
    let services = app.beside().await;
    make_runs(&services, app.key(), "runnel/echo", 50).await;
    let foreign = app.foreign_key().await;
    let other = caller(&services, &foreign).await;
    let body = json!({"input": {"text": "alone"}});
    let run = services.create_run(&other, "runnel/echo", &body).await;
    let alone = Job::ExecuteRun {
        org_id: other.org_id,
        run_id: run.unwrap().id,
    };
    // Requests at the same moment may be given one seat together.
    let first = services.claim_jobs(MAKERS + 1, "w", LEASE_AND_MORE);
    let first = first.await.unwrap();
    assert!(
        first.iter().any(|claimed| claimed.job == alone),
        "{first:?}"
    );
    app.advance(LEASE_AND_MORE);
    assert_eq!(app.run_jobs().await, 51);
    app.stop().await;
}

async fn a_run_alone_does_not_wait_for_a_batch(db: Db) {
    let app = TestApp::start(db).await;
    let items: Vec<_> = (0..100).map(|n| json!({"text": n.to_string()})).collect();
    let path = "/v1/models/runnel/echo/batches";
    let batch = app.post(path, &json!({"input": items})).send().await;
    batch.assert(201);
    let body = json!({"input": {"text": "alone"}});
    let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let run = run.assert(201).json()["id"].clone();
    let first = app.services().claim_jobs(2, "w", LEASE_AND_MORE).await;
    let first: Vec<_> = first.unwrap().iter().map(|job| json!(job.id)).collect();
    // The job of a run has the run's id.
    assert!(first.contains(&run), "{run} is not of {first:?}");
    assert_ne!(first, [run.clone(), run], "the batch goes on beside it");
    app.advance(LEASE_AND_MORE);
    assert_eq!(app.run_jobs().await, 101);
    app.stop().await;
}

async fn a_lease_that_ends_while_its_worker_lives_gives_one_end(db: Db) {
    let app = TestApp::start(db).await;
    let engine = CountingEngine::gated();
    let processes = [app.beside().await, app.beside().await];
    for services in &processes {
        engine.add_to(services, "a/slow", None);
    }
    let [one, two] = &processes;
    make_runs(one, app.key(), "a/slow", 1).await;
    let first = Workers::start(&[one], 1);
    at_work(&engine, 1).await;
    // As when the machine sleeps: its lease is over, and it does not know.
    app.advance(LEASE_AND_MORE);
    let second = Workers::start(&[two], 1);
    wait_until("a second execution", || async {
        (engine.begun() == 2).then_some(())
    })
    .await;
    engine.let_through(2);
    all_done(two).await;
    first.end().await;
    second.end().await;
    assert_eq!(engine.repeated(), [], "each attempt is executed once");
    assert_eq!(statuses(&app).await, [(RunStatus::Succeeded, 1)]);
    app.stop().await;
}
