//! The server killed around an attempt: the receiver is told in the end, twice
//! if it must be, with the same `webhook-id` and the same bytes.

use std::path::Path;

use runnel_testkit::{
    Conduct, Db, Process, Request, UnrulyReceiver, database_url, on_both_databases, wait_until,
};
use serde_json::{Value, json};

on_both_databases!(
    killed_before_the_first_attempt_it_makes_it_after_the_restart,
    killed_before_the_record_it_makes_the_attempt_again,
);

const KEY: &str = "rf_live_0123456789abcdefghijKILL";

/// A data folder and perhaps a database beside it, which outlive their servers.
pub(super) struct Data {
    pub(super) folder: tempfile::TempDir,
    pub(super) database_url: Option<String>,
}

impl Data {
    pub(super) async fn new(db: Db) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            database_url: database_url(db).await,
        }
    }

    pub(super) fn serve(&self, workers: &str, log: &str) -> Process {
        let mut variables = vec![
            ("RUNNEL_BOOTSTRAP_API_KEY", KEY),
            ("RUNNEL_LOG", log),
            ("RUNNEL_EGRESS_ALLOW", "127.0.0.0/8"),
            ("RUNNEL_WORKERS", workers),
        ];
        if let Some(url) = &self.database_url {
            variables.push(("RUNNEL_DATABASE_URL", url));
        }
        let data_dir: &Path = &self.folder.path().join("data");
        Process::serve(env!("CARGO_BIN_EXE_runnel"), data_dir, &variables)
    }
}

async fn post(server: &Process, path: &str, body: &Value) -> Value {
    let request = Request::new("POST", &server.url(path)).key(KEY).json(body);
    request.send().await.assert(201).json()
}

/// Makes a run with a callback; answers with its path.
pub(super) async fn run(server: &Process, receiver: &UnrulyReceiver) -> String {
    let body = json!({"input": {"text": "hi"}, "callback_url": receiver.url()});
    let run = post(server, "/v1/models/runnel/echo/runs", &body).await;
    format!("/v1/runs/{}", run["id"].as_str().unwrap())
}

/// Waits until a run's only delivery is recorded as delivered.
pub(super) async fn delivered(server: &Process, run: &str) -> Value {
    wait_until("the delivery's end", || async {
        let url = server.url(&format!("{run}/callback"));
        let shown = Request::new("GET", &url).key(KEY).send().await;
        let shown = shown.assert(200).json();
        assert_eq!(shown.as_array().map(Vec::len), Some(1), "{shown}");
        (shown[0]["status_code"] == "succeeded").then(|| shown[0].clone())
    })
    .await
}

/// The `webhook-id` of each request that has arrived, and its body.
fn told(receiver: &UnrulyReceiver) -> Vec<(String, Vec<u8>)> {
    let id = |head: &str| {
        let mut lines = head.lines();
        let id = lines.find_map(|line| line.strip_prefix("webhook-id: "));
        id.unwrap().to_owned()
    };
    let received = receiver.received().into_iter();
    received.map(|(head, body)| (id(&head), body)).collect()
}

async fn killed_before_the_first_attempt_it_makes_it_after_the_restart(db: Db) {
    let data = Data::new(db).await;
    let receiver = UnrulyReceiver::start(Conduct::answer(200, "")).await;
    // Without workers a run ends by its cancellation, and nobody attempts.
    let mut server = data.serve("0", "error");
    let run = run(&server, &receiver).await;
    post(&server, &format!("{run}/cancellation"), &json!({})).await;
    server.kill();
    assert_eq!(receiver.connections(), 0);

    let server = data.serve("1", "error");
    let taken = delivered(&server, &run).await;
    assert_eq!(taken["attempt_count"], 1, "{taken}");
    let told = told(&receiver);
    assert_eq!(told.len(), 1);
    assert_eq!(taken["id"], told[0].0);
    let body: Value = serde_json::from_slice(&told[0].1).unwrap();
    assert_eq!(body["event"], "run.cancelled", "{body}");
}

async fn killed_before_the_record_it_makes_the_attempt_again(db: Db) {
    let data = Data::new(db).await;
    let receiver = UnrulyReceiver::start(Conduct::Hold).await;
    let mut server = data.serve("1", "error");
    let run = run(&server, &receiver).await;
    wait_until("the receiver to have it", || async {
        (receiver.received().len() == 1).then_some(())
    })
    .await;
    server.kill();

    receiver.conduct(Conduct::answer(200, "again"));
    let server = data.serve("1", "error");
    // The dead server's lease has to end first.
    let taken = delivered(&server, &run).await;
    let told = told(&receiver);
    assert_eq!(told.len(), 2, "twice, and not more often");
    assert_eq!(told[0], told[1], "the same id and the same bytes");
    assert_eq!(taken["id"], told[0].0);
    let attempts = taken["attempts"].as_array().unwrap();
    assert_eq!(
        (attempts.len(), &attempts[0]["response_body"]),
        (1, &json!("again")),
        "{taken}"
    );
}
