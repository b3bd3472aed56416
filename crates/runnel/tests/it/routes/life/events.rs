//! `GET /v1/runs/{id}/events`: each event once, whoever executes the run, and
//! from wherever a reader stopped.

use std::time::{Duration, Instant};

use runnel_engines::EngineError;
use runnel_testkit::{Db, Event, EventStream, Request, TestApp, on_both_databases, wait_until};
use runnel_types::LogLevel;
use serde_json::{Value, json};

use super::{id, read, start, with_puppet};

on_both_databases!(
    what_happens_is_told_as_it_happens,
    a_stream_goes_on_exactly_where_it_stopped,
    a_reader_that_comes_back_misses_nothing,
    a_long_log_is_told_whole_before_the_end,
    a_run_that_never_started_ends_its_stream,
    a_wait_for_room_is_told,
    places_that_are_none_are_refused,
    readers_that_leave_cost_nothing,
    a_server_that_stops_ends_its_streams,
);

fn request(app: &TestApp, id: &str) -> Request {
    app.get(&format!("/v1/runs/{id}/events"))
}

async fn follow(app: &TestApp, id: &str, last: Option<&str>) -> EventStream {
    let request = request(app, id);
    let stream = match last {
        Some(last) => EventStream::open(request.header("last-event-id", last)).await,
        None => EventStream::open(request).await,
    };
    assert_eq!(stream.status, 200);
    stream
}

fn statuses(events: &[Event]) -> Vec<&str> {
    let of_status = events.iter().filter(|event| event.name == "status");
    of_status
        .map(|event| event.data["status_code"].as_str().unwrap())
        .collect()
}

fn is_status(status: &str) -> impl FnMut(&Event) -> bool {
    move |event| event.data["status_code"] == status
}

fn is_line(message: &str) -> impl FnMut(&Event) -> bool {
    move |event| event.data["message"] == message
}

/// A run in another process, from before its start to its end.
async fn what_happens_is_told_as_it_happens(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let other = app.another().await;
    other.add_model(puppet.entry(|_| {}));
    let run = start(&app).await;
    let mut stream = follow(&app, &run, None).await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(stream.header(name), Some(value));
    }
    let first = stream.next().await.unwrap();
    assert_eq!(first.name, "status");
    let queued = json!({
        "run_id": run, "status_code": "queued", "run": null, "at": read(&app, &run).await["created_at"],
    });
    assert_eq!(first.data, queued);
    let steps = async {
        let call = puppet.call().await;
        stream.until(is_status("running")).await;
        let reporter = &call.work.reporter;
        reporter.log(LogLevel::Info, "line one\nof two");
        let told = stream.until(is_line("line one\nof two")).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].name, "log");
        assert_eq!(
            (&told[0].data["sequence"], &told[0].data["level"]),
            (&json!(1), &json!("info"))
        );
        reporter.progress(0.5);
        let told = stream.next().await.unwrap();
        assert_eq!(told.name, "progress");
        assert_eq!(told.data, json!({"run_id": run, "progress": 0.5}));
        call.succeed();
        let last = stream.rest().await;
        let names: Vec<&str> = last.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["progress", "status"]);
        assert_eq!(last[0].data["progress"], 1.0);
        assert_eq!(statuses(&last), ["succeeded"]);
        last[1].data.clone()
    };
    let (_, last) = tokio::join!(other.run_jobs(), steps);
    assert_eq!(last["run"], read(&app, &run).await, "with the whole run");
    other.stop().await;
    app.stop().await;
}

async fn a_stream_goes_on_exactly_where_it_stopped(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        for line in 1..=5 {
            call.work
                .reporter
                .log(LogLevel::Info, format!("line {line}"));
        }
        call.work.reporter.progress(0.25);
        call.answer(Err(EngineError::failed("broken")));
    };
    tokio::join!(app.run_jobs(), steps);
    let all = follow(&app, &run, None).await.rest().await;
    assert_eq!(statuses(&all), ["queued", "running", "failed"]);
    assert_eq!(all.len(), 3 + 6 + 1, "{all:?}");
    let end = &all.last().unwrap().data["run"];
    assert_eq!(end["failure_message"], "broken");
    for stopped in 0..all.len() - 1 {
        let last = Some(all[stopped].id.as_str());
        let rest = follow(&app, &run, last).await.rest().await;
        assert_eq!(rest, all[stopped + 1..], "after {last:?}");
    }
    // Whoever has heard of the end is told not to come again.
    let request = request(&app, &run).header("last-event-id", &all.last().unwrap().id);
    let answer = request.send().await.assert(204);
    assert!(answer.body.is_empty());
    app.stop().await;
}

async fn a_reader_that_comes_back_misses_nothing(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        let mut heard: Vec<Event> = Vec::new();
        for line in 1..=6 {
            let message = format!("line {line}");
            call.work.reporter.log(LogLevel::Info, message.clone());
            if line % 2 == 0 {
                // This one came while nobody listened, and the next is waited for.
                let last = heard.last().map(|event| event.id.clone());
                let mut stream = follow(&app, &run, last.as_deref()).await;
                heard.extend(stream.until(is_line(&message)).await);
            }
        }
        call.succeed();
        heard
    };
    let (_, mut heard) = tokio::join!(app.run_jobs(), steps);
    let last = heard.last().unwrap().id.clone();
    heard.extend(follow(&app, &run, Some(&last)).await.rest().await);
    let all = follow(&app, &run, None).await.rest().await;
    let told = |events: &[Event]| -> Vec<Value> {
        events.iter().map(|event| event.data.clone()).collect()
    };
    assert_eq!(told(&heard), told(&all));
    assert_eq!(statuses(&heard), ["queued", "running", "succeeded"]);
    app.stop().await;
}

async fn a_long_log_is_told_whole_before_the_end(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let steps = async {
        let call = puppet.call().await;
        let mut stream = follow(&app, &run, None).await;
        for round in 1..=4 {
            for line in 1..=60 {
                let line = format!("{round}.{line}");
                call.work.reporter.log(LogLevel::Info, line);
            }
            stream.until(is_line(&format!("{round}.60"))).await;
        }
        call.succeed();
    };
    tokio::join!(app.run_jobs(), steps);
    let all = follow(&app, &run, None).await.rest().await;
    let sequences: Vec<i64> = all
        .iter()
        .filter_map(|event| event.data["sequence"].as_i64())
        .collect();
    assert_eq!(sequences, (1..=240).collect::<Vec<_>>());
    assert_eq!(statuses(&all[242..]), ["succeeded"]);
    app.stop().await;
}

async fn a_run_that_never_started_ends_its_stream(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let mut stream = follow(&app, &run, None).await;
    stream.until(is_status("queued")).await;
    let path = format!("/v1/runs/{run}/cancellation");
    let reason = json!({"reason": "not needed"});
    app.post(&path, &reason).send().await.assert(201);
    let rest = stream.rest().await;
    assert_eq!(rest[0].data["message"], "cancelled: not needed");
    assert_eq!(statuses(&rest), ["canceled"]);
    assert_eq!(rest.len(), 2);
    app.stop().await;
}

async fn a_wait_for_room_is_told(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let mut stream = follow(&app, &run, None).await;
    let steps = async {
        let call = puppet.call().await;
        let mut heard = stream.until(is_status("running")).await;
        call.answer(Err(EngineError::busy("no room")));
        heard.extend(stream.until(is_line("waiting: no room")).await);
        heard
    };
    let (_, mut heard) = tokio::join!(app.run_jobs(), steps);
    app.advance(Duration::from_secs(1));
    tokio::join!(app.run_jobs(), async { puppet.call().await.succeed() });
    heard.extend(stream.rest().await);
    let statuses = statuses(&heard);
    assert_eq!(statuses.first(), Some(&"queued"));
    assert_eq!(statuses.last(), Some(&"succeeded"));
    assert!(
        statuses.windows(2).all(|pair| pair[0] != pair[1]),
        "{statuses:?}"
    );
    app.stop().await;
}

async fn places_that_are_none_are_refused(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let run = start(&app).await;
    // The last one is the end of another run.
    for wrong in [
        "7",
        "x",
        "running.1",
        "a.b.c",
        "running.1.2.3",
        "\u{e9}",
        "failed.0.-",
    ] {
        let request = request(&app, &run).header("last-event-id", wrong);
        let error = request.send().await.assert_error(400, "BAD_REQUEST");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("Last-Event-ID"), "{message}");
    }
    assert_eq!(app.services().streams.count(), 0);
    app.stop().await;
}

async fn readers_that_leave_cost_nothing(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let services = app.services();
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(follow(&app, &run, None).await);
    }
    assert_eq!(services.streams.count(), 20);
    assert_eq!(services.store.count_watched_runs(), 1);
    drop(open);
    wait_until("the streams to be closed", || async {
        (services.streams.count() == 0).then_some(())
    })
    .await;
    assert_eq!(services.store.count_watched_runs(), 0);
    app.stop().await;
}

async fn a_server_that_stops_ends_its_streams(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let mut stream = follow(&app, &run, None).await;
    let begun = Instant::now();
    let (heard, ()) = tokio::join!(stream.rest(), app.stop());
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(statuses(&heard), ["queued"], "it ends, and says no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_beyond_an_organizations_share_are_refused() {
    let app = TestApp::start(Db::Sqlite).await;
    let body = json!({"input": {}});
    let made = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let run = id(&made.assert(201).json());
    let mut open = Vec::new();
    for _ in 0..500 {
        open.push(follow(&app, &run, None).await);
    }
    let refused = request(&app, &run).send().await;
    let error = refused.assert_error(503, "SERVICE_UNAVAILABLE");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("too many streams"), "{message}");
    open.pop();
    wait_until("a place", || async {
        (app.services().streams.count() == 499).then_some(())
    })
    .await;
    follow(&app, &run, None).await;
    drop(open);
    app.stop().await;
}
