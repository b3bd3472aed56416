//! URLs whose servers do what they should not: the run ends with a message that
//! helps, and nothing is left behind.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use runnel_egress::{Addresses, Pace, Resolve};
use runnel_engines::InputForm;
use runnel_media::sample;
use runnel_testkit::{Db, FileServer, Sent, Storage, TestApp, on_both_databases};
use serde_json::json;

use super::{assets, create, failed, start_in};

on_both_databases!(
    a_file_that_cannot_be_had_fails_the_run_with_a_reason,
    files_that_take_too_long_together_fail_the_run,
);

const LIMIT: usize = 100_000;

/// Knows one name for each thing that a name may lead to.
#[derive(Debug)]
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: &str) -> Addresses {
        let address: Option<IpAddr> = match name {
            "files.test" => Some([127, 0, 0, 1].into()),
            "inner.test" => Some([127, 0, 0, 2].into()),
            "metadata.test" => Some([169, 254, 169, 254].into()),
            _ => None,
        };
        let found = Vec::from_iter(address);
        Box::pin(async move { Ok(found) })
    }
}

fn what_no_server_should_do(path: &str) -> Sent {
    let png = sample::gradient_png(40, 30);
    let raw = |head: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n{head}\r\n\r\n");
        Sent::Raw([head.as_bytes(), body].concat())
    };
    match path {
        "/metadata" => Sent::Redirect("http://169.254.169.254/latest/meta-data/".to_owned()),
        "/inside" => Sent::Redirect("http://inner.test/".to_owned()),
        "/loop" => Sent::Redirect("/loop".to_owned()),
        "/huge" => raw("Content-Length: 10000000000", &png),
        "/endless" => Sent::Endless("image/png", png),
        "/trickle" => Sent::Trickle("image/png", png),
        "/silence" => Sent::Silence,
        "/short" => raw("Content-Length: 90000", &png),
        "/half" => raw("Connection: close", &png[..png.len() / 2]),
        "/empty" => raw("Content-Length: 0", b""),
        "/gzip" => raw(
            "Content-Encoding: gzip\r\nContent-Length: 4",
            b"\x1f\x8b\x08\0",
        ),
        "/page" => Sent::File("image/png", b"<!DOCTYPE html><html><p>Sign in".to_vec()),
        "/script" => Sent::File("image/png", b"#!/bin/sh\nrm -rf /\n".to_vec()),
        "/noise" => Sent::File("image/png", vec![7; 5000]),
        "/bomb" => Sent::File("image/png", sample::huge_header_png(60_000, 60_000)),
        "/pdf" => Sent::File("image/png", runnel_testkit::samples::pdf(false)),
        "/nonsense" => Sent::Raw(b"220 mail.example.com ESMTP\r\n".to_vec()),
        status => Sent::Status(status[1..].parse().unwrap()),
    }
}

async fn start(db: Db) -> (TestApp, runnel_testkit::Puppet) {
    start_in(
        db,
        Storage::Disk,
        InputForm::Bytes,
        |settings, environment| {
            settings.max_fetch_bytes = LIMIT as u64;
            environment.resolver = Arc::new(Names);
            environment.fetch_pace = Pace {
                answer_within: Duration::from_secs(2),
                window: Duration::from_millis(300),
                least_bytes: 4000,
                total: Duration::from_mins(1),
            };
        },
    )
    .await
}

async fn a_file_that_cannot_be_had_fails_the_run_with_a_reason(db: Db) {
    let server = FileServer::start(|path, _| what_no_server_should_do(path)).await;
    let (app, puppet) = start(db).await;
    let here = |path: &str| server.url_of("files.test", path);
    let once = [
        (here("/metadata"), "RUNNEL_EGRESS_ALLOW=169.254.169.254"),
        (here("/inside"), "RUNNEL_EGRESS_ALLOW=127.0.0.2"),
        (
            server.url_of("inner.test", "/x"),
            "RUNNEL_EGRESS_ALLOW=127.0.0.2",
        ),
        (server.url_of("metadata.test", "/x"), "a link-local address"),
        (here("/loop"), "more than 3 redirects"),
        (here("/huge"), "10000000000"),
        (here("/endless"), "the limit is 100000"),
        (here("/empty"), "an empty file"),
        (here("/gzip"), "compressed (gzip)"),
        (here("/page"), "a web page"),
        (here("/script"), "not supported"),
        (here("/noise"), "not supported"),
        (here("/half"), "cannot be used"),
        (here("/bomb"), "cannot be used"),
        (here("/pdf"), "takes a picture"),
        (here("/401"), "a password"),
        (here("/403"), "signed"),
        (here("/404"), "nothing at this URL"),
        (here("/410"), "nothing at this URL"),
    ];
    for (url, words) in once {
        let before = server.asked().len();
        expect(&app, &puppet, &url, words).await;
        let asked = server.asked().len() - before;
        assert!(asked <= 4, "{url} was tried again: {asked}");
    }
    let again = [
        (here("/trickle"), "too slow"),
        (here("/silence"), "no answer"),
        (here("/short"), "announced 90000 bytes"),
        (here("/nonsense"), "failed"),
        (here("/500"), "500"),
        (here("/503"), "503"),
        (server.url_of("nowhere.test", "/"), "cannot be resolved"),
    ];
    for (url, words) in again {
        expect(&app, &puppet, &url, words).await;
    }
    for path in ["/trickle", "/silence", "/503"] {
        let asked = server.asked();
        let times = asked.iter().filter(|known| *known == path).count();
        assert_eq!(times, 3, "{path} is worth another try");
    }
    app.stop().await;
}

async fn files_that_take_too_long_together_fail_the_run(db: Db) {
    let server = FileServer::start(|_, _| Sent::Silence).await;
    let (app, puppet) = start_in(db, Storage::Disk, InputForm::Bytes, |_, environment| {
        // Each alone has more time than any test waits.
        let patient = Duration::from_hours(1);
        environment.fetch_pace = Pace {
            answer_within: patient,
            window: patient,
            least_bytes: 1,
            total: patient,
        };
        environment.inputs_within = Duration::from_millis(200);
    })
    .await;
    expect(&app, &puppet, &server.url("/x"), "within 0.2 s").await;
    assert_eq!(server.asked().len(), 3, "it is worth another try");
    app.stop().await;
}

async fn expect(app: &TestApp, puppet: &runnel_testkit::Puppet, url: &str, words: &str) {
    let id = create(app, &json!({"images": [url]})).await;
    let run = failed(app, puppet, &id).await;
    assert_eq!(run["failure_code"], "INPUT_FETCH_FAILED", "{url}");
    assert_eq!(run["failure_stage_code"], "preprocess", "{url}");
    let message = run["failure_message"].as_str().unwrap();
    assert!(
        message.contains(words) && (message.contains("images.0") || message.contains("files")),
        "{url}: {message}"
    );
    assert_eq!(assets(app).await.len(), 0, "{url}");
    assert_eq!(app.objects(), Vec::<std::path::PathBuf>::new(), "{url}");
}
