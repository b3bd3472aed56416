//! Servers that do not go on with the files they send: the runs that wait for them
//! keep nobody else waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runnel_domain::jobs::{Claim, Cursor, Pool, Rooms};
use runnel_media::sample;
use runnel_store::jobs::{Place, Stretch};
use runnel_testkit::{Db, EventStream, Puppet, Request, TestApp, on_both_databases, wait_until};
use runnel_types::{Job, OrgId, Queue, Scope};
use runnel_worker::Worker;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

on_both_databases!(
    slow_servers_keep_no_core_busy,
    slow_servers_keep_no_place_of_a_model,
    slow_servers_of_some_organizations_leave_room_for_the_files_of_another,
    files_of_many_organizations_take_turns_and_hide_no_model,
);

const UPSCALE: &str = "/v1/models/runflow/upscale/runs";

/// Sends the picture at `/quick` at once; of any other the beginning alone, until
/// the test lets the rest come.
struct Drip {
    port: u16,
    begun: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl Drip {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (begun, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (count, opened) = (Arc::clone(&begun), Arc::clone(&gate));
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, Arc::clone(&count), Arc::clone(&opened)));
            }
        });
        Self {
            port,
            begun,
            gate,
            task,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// How many files have begun to come and do not go on.
    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    async fn wait_for(&self, count: usize) {
        let all = || async { (self.begun() == count).then_some(()) };
        wait_until("the slow files to be asked for", all).await;
    }
}

impl Drop for Drip {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, begun: Arc<AtomicUsize>, gate: Arc<Semaphore>) {
    let png = sample::gradient_png(40, 30);
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.unwrap_or(0);
    let is_quick = request[..read].starts_with(b"GET /quick");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        png.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&png[..50]).await;
    if !is_quick {
        begun.fetch_add(1, Ordering::SeqCst);
        let _opened = gate.acquire().await;
        let _ = stream.write_all(&png[50..]).await;
        return;
    }
    let _ = stream.write_all(&png[50..]).await;
}

/// A server that may fetch from this machine.
async fn start(db: Db) -> TestApp {
    TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await
}

/// One worker, as a server has.
struct AtWork {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl AtWork {
    /// On the server's own process when it can be had as another one: it looks at
    /// the same data by the same clock.
    async fn beside(app: &TestApp, puppet: Option<&Puppet>) -> Self {
        let services = app.beside().await;
        if let Some(puppet) = puppet {
            let others: Vec<_> = services.models.models().values().cloned().collect();
            let limited = puppet.entry(|spec| spec.concurrency = Some(1));
            services
                .models
                .replace(others.into_iter().chain(std::iter::once(limited)));
        }
        let stop = CancellationToken::new();
        let worker = Worker::new(services, "one".to_owned());
        let until = stop.clone();
        let task = tokio::spawn(async move {
            let grace = Duration::from_mins(1);
            assert!(worker.run(until, grace).await.is_clean);
        });
        Self { stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Creates a run; answers with the path of its record.
async fn create(app: &TestApp, key: &str, path: &str, input: Value) -> String {
    let request = Request::new("POST", &app.url(path)).key(key);
    let run = request.json(&json!({"input": input})).send().await;
    let run = run.assert(201).json();
    format!("/v1/runs/{}", run["id"].as_str().unwrap())
}

async fn status(app: &TestApp, key: &str, run: &str) -> Value {
    let read = Request::new("GET", &app.url(run)).key(key).send().await;
    read.assert(200).json()["status_code"].clone()
}

async fn succeeded(app: &TestApp, key: &str, run: &str) {
    let ended = || async { (status(app, key, run).await == "succeeded").then_some(()) };
    wait_until(&format!("the end of {run}"), ended).await;
}

/// How the statuses of a run followed each other.
async fn statuses(stream: EventStream) -> Vec<Value> {
    let mut stream = stream;
    let events = stream.rest().await;
    let of_status = events.iter().filter(|event| event.name == "status");
    of_status
        .map(|event| event.data["status_code"].clone())
        .collect()
}

async fn slow_servers_keep_no_core_busy(db: Db) {
    let (app, drip) = (start(db).await, Drip::start().await);
    let key = app.key();
    let mut slow = Vec::new();
    // More than a worker has in hand of what keeps the cores busy.
    for number in 0..3 {
        let input = json!({"image_url": drip.url(&format!("/{number}")), "scale": 2});
        slow.push(create(&app, key, UPSCALE, input).await);
    }
    let worker = AtWork::beside(&app, None).await;
    drip.wait_for(3).await;
    let asset = app.asset("image/png", &sample::gradient_png(40, 30)).await;
    let input = json!({"asset_id": asset["id"], "scale": 2});
    let quick = create(&app, key, UPSCALE, input).await;
    succeeded(&app, key, &quick).await;
    for run in &slow {
        // Their engine has not begun.
        assert_eq!(status(&app, key, run).await, "queued");
    }
    let request = Request::new("GET", &app.url(&format!("{}/events", slow[0])));
    let stream = EventStream::open(request.key(key)).await;
    drip.gate.add_permits(3);
    for run in &slow {
        succeeded(&app, key, run).await;
    }
    assert_eq!(statuses(stream).await, ["queued", "running", "succeeded"]);
    worker.end().await;
    app.stop().await;
}

async fn slow_servers_keep_no_place_of_a_model(db: Db) {
    let (app, drip) = (start(db).await, Drip::start().await);
    let puppet = Puppet::new();
    app.add_model(puppet.entry(|spec| spec.concurrency = Some(1)));
    let key = app.key();
    let input = json!({"image_url": drip.url("/slow")});
    let slow = create(&app, key, Puppet::RUNS, input).await;
    let worker = AtWork::beside(&app, Some(&puppet)).await;
    drip.wait_for(1).await;
    let quick = create(&app, key, Puppet::RUNS, json!({"text": "hi"})).await;
    // The file comes while the only place is taken: its run waits for the engine.
    let call = puppet.call().await;
    drip.gate.add_permits(1);
    let services = app.services();
    let waiting = || async {
        let read = services.store.read();
        let all = Stretch::all(Queue::Work);
        let lanes = read.jobs().lanes(all, "", usize::MAX).await.unwrap();
        lanes.iter().any(|lane| lane == Puppet::MODEL).then_some(())
    };
    wait_until("the run to wait for its engine", waiting).await;
    assert_eq!(status(&app, key, &slow).await, "queued");
    call.succeed();
    succeeded(&app, key, &quick).await;
    puppet.call().await.succeed();
    succeeded(&app, key, &slow).await;
    worker.end().await;
    app.stop().await;
}

async fn slow_servers_of_some_organizations_leave_room_for_the_files_of_another(db: Db) {
    let (app, drip) = (start(db).await, Drip::start().await);
    let worker = AtWork::beside(&app, None).await;
    let mut slow = Vec::new();
    // Of 24 places nobody has more than a third of what the others have left.
    for begun in [8, 8 + 5, 8 + 5 + 3] {
        let org = format!("With {begun} begun");
        let created = app
            .services()
            .create_key(Some(&org), "key", Scope::ALL)
            .await;
        let key = created.unwrap().plain;
        for number in 0..14 {
            let input = json!({"image_url": drip.url(&format!("/{number}")), "scale": 2});
            slow.push((key.clone(), create(&app, &key, UPSCALE, input).await));
        }
        drip.wait_for(begun).await;
    }
    let input = json!({"image_url": drip.url("/quick"), "scale": 2});
    let quick = create(&app, app.key(), UPSCALE, input).await;
    succeeded(&app, app.key(), &quick).await;
    assert_eq!(drip.begun(), 16, "there was a place for another");
    drip.gate.add_permits(slow.len());
    for (key, run) in &slow {
        succeeded(&app, key, run).await;
    }
    worker.end().await;
    app.stop().await;
}

async fn files_of_many_organizations_take_turns_and_hide_no_model(db: Db) {
    const ORGS: usize = 600;
    let app = start(db).await;
    let key = app.key();
    let services = app.services();
    let lease = Duration::from_secs(30);
    let image = json!({"image_url": "http://127.0.0.1:9/a.png", "scale": 2});
    create(&app, key, UPSCALE, image).await;
    let fetched = services.claim_jobs(1, "one", lease).await.unwrap();
    let prefix = fetched[0].lane.rsplit_once('/').unwrap().0;
    let mut tx = services.store.begin().await.unwrap();
    for _ in 0..ORGS {
        let org_id: OrgId = services.ids.next();
        let job = Job::ExecuteRun {
            org_id,
            run_id: services.ids.next(),
        };
        let lane = format!("{prefix}/{org_id}");
        let place = Place {
            lane: &lane,
            flow: "",
        };
        let (id, now) = (services.ids.next(), services.now());
        let mut jobs = tx.jobs();
        jobs.enqueue(id, &job, place, now, now).await.unwrap();
    }
    tx.commit().await.unwrap();
    let asset = app.asset("image/png", &sample::gradient_png(40, 30)).await;
    let input = json!({"asset_id": asset["id"], "scale": 2});
    create(&app, key, UPSCALE, input).await;

    let pools = [(Pool::Cores, 2), (Pool::Engines, 2), (Pool::Fetches, 7)];
    let (mut rooms, mut cursor) = (Rooms::of(pools, 48), Cursor::default());
    let mut lanes = Vec::new();
    for turn in 0.. {
        let claim = Claim {
            worker: "two",
            lease,
            turn,
        };
        let claims = services.claim_within(&mut rooms, claim, &mut cursor, Vec::new);
        let mut claims = claims.await.unwrap();
        if turn == 0 {
            let of_model = claims.jobs.iter().filter(|job| job.pool == Pool::Cores);
            assert_eq!(of_model.count(), 1, "the model's is found at once");
        }
        claims.jobs.retain(|job| job.pool == Pool::Fetches);
        if claims.jobs.is_empty() {
            break;
        }
        // Without room there is nothing to look for.
        let is_full = claims.jobs.len() == 7;
        assert!(!is_full || claims.is_limited && !claims.is_cut);
        for job in claims.jobs {
            rooms.give_back(job.pool, &job.lane);
            lanes.push(job.lane);
        }
    }
    assert_eq!(lanes.len(), ORGS);
    assert!(
        lanes.is_sorted(),
        "they have their turn one after the other"
    );
    app.stop().await;
}
