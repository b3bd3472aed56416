//! `Idempotency-Key`: which answers are given again, how they are kept, and whose
//! a key is while its request is at work. That every POST takes one is in
//! `coverage/replays.rs`.

mod answers;
mod kept;
mod leases;

use runnel_domain::{Caller, Services};
use runnel_testkit::{Response, TestApp};
use runnel_types::{RequestId, Used};

const KEY: &str = "idempotency-key";

fn is_replayed(response: &Response) -> bool {
    response.header("idempotent-replayed") == Some("true")
}

/// Who a request with the app's key is.
async fn caller(app: &TestApp, request: RequestId) -> Caller {
    let found = app.services().authenticate(app.key(), None, request).await;
    found.unwrap()
}

/// The row of a key.
async fn used(services: &Services, caller: &Caller, key: &str) -> Option<Used> {
    let read = services.store.read();
    let used = read.idempotency_keys().get(caller.org_id, key).await;
    used.unwrap()
}
