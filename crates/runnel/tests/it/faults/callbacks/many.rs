//! Many receivers at once, some of them away: those cost the others nothing, and
//! what waits for them neither loses its schedule nor waits for ever.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use runnel_domain::Services;
use runnel_egress::{Addresses, Resolve};
use runnel_testkit::{
    Conduct, Db, Receiver, TestApp, UnrulyReceiver, on_both_databases, wait_until,
};
use runnel_worker::{Deliverer, Drained};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{allowing, allowing_in, delivery, echo_with_callback, owe};

on_both_databases!(
    an_outage_ends_with_each_delivered_once,
    a_receiver_that_hangs_delays_nobody,
    many_receivers_that_hang_leave_room_for_others,
    after_five_failures_in_a_row_the_rest_is_not_tried,
    what_waits_a_day_for_one_that_is_away_ends_with_a_reason,
    more_receivers_than_one_claim_looks_at_are_all_served,
    what_waits_for_its_turn_is_given_back_at_the_end,
);

/// A deliverer at work, as a server has one.
struct Delivering {
    stop: CancellationToken,
    task: JoinHandle<Drained>,
}

impl Delivering {
    fn start(services: &Arc<Services>) -> Self {
        let stop = CancellationToken::new();
        let deliverer = Deliverer::new(Arc::clone(services), "deliverer".to_owned());
        let task = tokio::spawn(deliverer.run(stop.clone(), Duration::from_mins(1)));
        Self { stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        assert!(self.task.await.unwrap().is_clean);
    }
}

async fn jobs(app: &TestApp) -> i64 {
    app.services()
        .store
        .read()
        .jobs()
        .count_all()
        .await
        .unwrap()
}

/// The jobs that come again for ever.
const SWEEPS: i64 = 3;

/// The ids in the headers of what has arrived.
fn ids(receiver: &Receiver) -> Vec<String> {
    let heads = receiver.received().into_iter().map(|(head, _)| head);
    heads
        .map(|head| {
            let line = head.lines().find(|line| line.starts_with("webhook-id:"));
            line.unwrap().to_owned()
        })
        .collect()
}

async fn an_outage_ends_with_each_delivered_once(db: Db) {
    let app = allowing(db).await;
    let receiver = Receiver::start(&[]).await;
    let mut paths = Vec::new();
    for _ in 0..300 {
        paths.push(owe(&app, receiver.url()).await);
    }
    let services = app.beside().await;
    let delivering = Delivering::start(&services);
    wait_until("all deliveries", || async {
        (jobs(&app).await == SWEEPS).then_some(())
    })
    .await;
    delivering.end().await;
    let ids = ids(&receiver);
    assert_eq!(ids.len(), 300);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 300, "each once");
    for path in paths {
        let ended = delivery(&app, &path).await;
        assert_eq!(ended["status_code"], "succeeded", "{ended}");
        assert_eq!(ended["attempt_count"], 1);
        assert_eq!(ended["attempts"].as_array().unwrap().len(), 1);
        assert_eq!(ended["attempts"][0]["attempt_number"], 1);
    }
    app.stop().await;
}

async fn a_receiver_that_hangs_delays_nobody(db: Db) {
    let app = allowing(db).await;
    let dead = UnrulyReceiver::start(Conduct::Hold).await;
    let live = Receiver::start(&[]).await;
    for _ in 0..60 {
        owe(&app, &dead.url()).await;
    }
    let services = app.beside().await;
    let delivering = Delivering::start(&services);
    wait_until("as many requests as one receiver gets at once", || async {
        (dead.received().len() == 32).then_some(())
    })
    .await;
    let path = owe(&app, live.url()).await;
    wait_until("the other one's callback", || async {
        (delivery(&app, &path).await["status_code"] == "succeeded").then_some(())
    })
    .await;
    assert_eq!((dead.received().len(), dead.open()), (32, 32));
    dead.conduct(Conduct::answer(200, "at last"));
    wait_until("the rest", || async {
        (jobs(&app).await == SWEEPS).then_some(())
    })
    .await;
    assert_eq!(dead.received().len(), 60);
    delivering.end().await;
    app.stop().await;
}

async fn many_receivers_that_hang_leave_room_for_others(db: Db) {
    // No circuit opens while this is looked at.
    let app = allowing_in(db, |environment| {
        environment.callback_timeout = Duration::from_mins(5);
    })
    .await;
    let live = Receiver::start(&[]).await;
    let mut dead = Vec::new();
    // More than the hand holds, would each be given its limit.
    for _ in 0..9 {
        let receiver = UnrulyReceiver::start(Conduct::Hold).await;
        for _ in 0..130 {
            owe(&app, &receiver.url()).await;
        }
        dead.push(receiver);
    }
    let services = app.beside().await;
    let delivering = Delivering::start(&services);
    wait_until("requests to all of them", || async {
        dead.iter()
            .all(|dead| dead.received().len() == 32)
            .then_some(())
    })
    .await;
    let path = owe(&app, live.url()).await;
    wait_until("the other one's callback", || async {
        (delivery(&app, &path).await["status_code"] == "succeeded").then_some(())
    })
    .await;
    for receiver in &dead {
        assert_eq!(receiver.open(), 32);
        receiver.conduct(Conduct::answer(200, ""));
    }
    delivering.end().await;
    app.stop().await;
}

async fn circuits(app: &TestApp) -> (i64, i64, i64) {
    let page = app.get("/metrics").send().await.assert(200);
    let text = String::from_utf8(page.body).unwrap();
    let gauge = |circuit: &str| {
        let name = format!("runnel_callback_receivers{{circuit=\"{circuit}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{name}: {text}"))
            .parse()
            .unwrap()
    };
    (gauge("failing"), gauge("open"), gauge("half_open"))
}

async fn after_five_failures_in_a_row_the_rest_is_not_tried(db: Db) {
    let app = allowing(db).await;
    let receiver = Receiver::start(&[503; 6]).await;
    let other = Receiver::start(&[]).await;
    for _ in 0..9 {
        owe(&app, receiver.url()).await;
    }
    assert_eq!(app.run_jobs().await, 5);
    assert_eq!(circuits(&app).await, (0, 1, 0));
    owe(&app, other.url()).await;
    assert_eq!(app.run_jobs().await, 1, "another receiver is served");
    app.advance(Duration::from_secs(5));
    assert_eq!(circuits(&app).await, (0, 0, 1));
    assert_eq!(app.run_jobs().await, 1, "one is tried, and fails");
    app.advance(Duration::from_millis(9999));
    assert_eq!(app.run_jobs().await, 0, "the pause is twice as long");
    app.advance(Duration::from_millis(1));
    // It is back: one, then all the others, those that had failed among them.
    assert_eq!(app.run_jobs().await, 9);
    assert_eq!(circuits(&app).await, (0, 0, 0));
    assert_eq!(receiver.received().len(), 15);
    assert_eq!(ids(&receiver).into_iter().collect::<HashSet<_>>().len(), 9);
    assert_eq!(jobs(&app).await, SWEEPS);
    app.stop().await;
}

async fn what_waits_a_day_for_one_that_is_away_ends_with_a_reason(db: Db) {
    let app = allowing(db).await;
    let receiver = Receiver::start(&[503; 100]).await;
    let mut paths = Vec::new();
    for _ in 0..8 {
        paths.push(owe(&app, receiver.url()).await);
    }
    assert_eq!(app.run_jobs().await, 5);
    app.advance(Duration::from_hours(25));
    // One more is tried, and then the circuit is open again.
    app.run_jobs().await;
    let mut given_up = 0;
    for path in paths {
        let ended = delivery(&app, &path).await;
        if ended["failure_reason_code"] != "RECEIVER_AWAY" {
            continue;
        }
        given_up += 1;
        assert_eq!(ended["status_code"], "failed");
        let attempts = ended["attempts"].as_array().unwrap();
        let last = attempts.last().unwrap();
        assert_eq!(
            last["error_message"],
            "not sent: the receiver has been away for a day"
        );
        assert_eq!(ended["attempt_count"], attempts.len());
    }
    assert_eq!(given_up, 7);
    app.stop().await;
}

/// Leads every name to this machine.
#[derive(Debug)]
struct Home;

impl Resolve for Home {
    fn resolve(&self, _name: &str) -> Addresses {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

async fn more_receivers_than_one_claim_looks_at_are_all_served(db: Db) {
    let app = allowing_in(db, |environment| environment.resolver = Arc::new(Home)).await;
    let receiver = UnrulyReceiver::start(Conduct::answer(200, "")).await;
    for number in 0..300 {
        owe(&app, &receiver.url_at(&format!("r{number}.example"))).await;
    }
    let services = app.beside().await;
    let delivering = Delivering::start(&services);
    wait_until("all deliveries", || async {
        (jobs(&app).await == SWEEPS).then_some(())
    })
    .await;
    delivering.end().await;
    assert_eq!(receiver.received().len(), 300);
    app.stop().await;
}

async fn what_waits_for_its_turn_is_given_back_at_the_end(db: Db) {
    let app = allowing(db).await;
    let dead = UnrulyReceiver::start(Conduct::Hold).await;
    for _ in 0..40 {
        owe(&app, &dead.url()).await;
    }
    let services = app.beside().await;
    let delivering = Delivering::start(&services);
    wait_until("requests under way", || async {
        (dead.received().len() == 32).then_some(())
    })
    .await;
    delivering.stop.cancel();
    dead.conduct(Conduct::answer(200, ""));
    delivering.end().await;
    assert_eq!(jobs(&app).await, SWEEPS + 8);
    // Nobody has to wait for a lease to end.
    assert_eq!(app.run_jobs().await, 8);
    assert_eq!(dead.received().len(), 40);
    let path = echo_with_callback(&app, &dead.url()).await;
    app.run_jobs().await;
    assert_eq!(delivery(&app, &path).await["attempt_count"], 1);
    app.stop().await;
}
