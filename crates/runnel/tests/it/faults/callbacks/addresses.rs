//! Callback URLs that lead where nobody may be sent: refused when the run is
//! made, or at the connection; a listener that counts shows that none came.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runnel_egress::{Addresses, Resolve};
use runnel_testkit::{Conduct, Db, Storage, TestApp, UnrulyReceiver, on_both_databases};
use serde_json::json;

use super::{assert_given_up, attempted_to_the_end, delivery, echo_with_callback};

on_both_databases!(
    an_address_of_the_inside_is_refused_however_it_is_written,
    a_name_of_the_inside_is_refused_on_the_record,
    a_name_that_changes_between_look_ups_leads_nowhere,
    of_several_addresses_those_that_are_refused_are_not_tried,
);

/// Answers look-ups by their number, whatever the name.
struct Answers<F>(AtomicUsize, F);

impl<F> std::fmt::Debug for Answers<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answers({:?})", self.0)
    }
}

impl<F: Fn(usize) -> Vec<IpAddr> + Send + Sync> Resolve for Answers<F> {
    fn resolve(&self, _: &str) -> Addresses {
        let found = self.1(self.0.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move { Ok(found) })
    }
}

/// A server that allows one range and has a resolver of the test's own.
async fn resolving(
    db: Db,
    allowed: &str,
    answers: impl Fn(usize) -> Vec<IpAddr> + Send + Sync + 'static,
) -> TestApp {
    TestApp::start_in(db, Storage::Disk, |settings, environment| {
        allowed.clone_into(&mut settings.egress_allow);
        environment.resolver = Arc::new(Answers(AtomicUsize::new(0), answers));
    })
    .await
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

async fn an_address_of_the_inside_is_refused_however_it_is_written(db: Db) {
    let app = TestApp::start(db).await;
    let receiver = UnrulyReceiver::start(Conduct::answer(200, "")).await;
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "0177.0.0.01",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
    ] {
        let body = json!({"input": {"text": "hi"}, "callback_url": receiver.url_at(host)});
        let refused = app.post("/v1/models/runnel/echo/runs", &body).send().await;
        let refused = refused.assert_error(422, "VALIDATION_ERROR");
        let fault = &refused["errors"][0];
        assert_eq!(fault["field"], "callback_url", "{host}: {refused}");
        let told = fault["message"].as_str().unwrap();
        assert!(told.contains("RUNNEL_EGRESS_ALLOW="), "{host}: {told}");
    }
    assert_eq!(receiver.connections(), 0);
    app.stop().await;
}

async fn a_name_of_the_inside_is_refused_on_the_record(db: Db) {
    let app = resolving(db, "", |_| vec![LOOPBACK]).await;
    let receiver = UnrulyReceiver::start(Conduct::answer(200, "")).await;
    for host in ["localhost", "localhost.", "LOCALHOST", "inside.example.com"] {
        let failed = attempted_to_the_end(&app, &receiver.url_at(host)).await;
        let range = "RUNNEL_EGRESS_ALLOW=127.0.0.1/32";
        assert_given_up(&failed, "ADDRESS_REFUSED", range);
    }
    assert_eq!(receiver.connections(), 0);
    app.stop().await;
    // The machine's own resolver says the same of the name that it knows.
    let app = TestApp::start(db).await;
    let path = echo_with_callback(&app, &receiver.url_at("localhost")).await;
    app.run_jobs().await;
    let pending = delivery(&app, &path).await;
    let told = pending["attempts"][0]["error_message"].as_str().unwrap();
    assert!(told.contains("a loopback address"), "{told}");
    assert_eq!(receiver.connections(), 0);
    app.stop().await;
}

async fn a_name_that_changes_between_look_ups_leads_nowhere(db: Db) {
    // Public when it is looked at, inside when the connection is made.
    let public = IpAddr::from([93, 184, 215, 14]);
    let app = resolving(db, "", move |number| {
        vec![if number % 2 == 0 { public } else { LOOPBACK }]
    })
    .await;
    let receiver = UnrulyReceiver::start(Conduct::answer(200, "")).await;
    let failed = attempted_to_the_end(&app, &receiver.url_at("rebind.test")).await;
    assert_given_up(
        &failed,
        "ADDRESS_REFUSED",
        "127.0.0.1 is a loopback address",
    );
    assert_eq!(receiver.connections(), 0);
    app.stop().await;
}

async fn of_several_addresses_those_that_are_refused_are_not_tried(db: Db) {
    // One of them may be called and has no such port; the other has.
    let allowed = IpAddr::from([127, 0, 0, 2]);
    let app = resolving(db, "127.0.0.2", move |number| match number % 2 {
        0 => vec![allowed, LOOPBACK],
        _ => vec![LOOPBACK, allowed],
    })
    .await;
    let receiver = UnrulyReceiver::start(Conduct::answer(200, "")).await;
    let failed = attempted_to_the_end(&app, &receiver.url_at("both.test")).await;
    assert_given_up(&failed, "CONNECTION_FAILED", "refused");
    assert_eq!(receiver.connections(), 0);
    app.stop().await;
}
