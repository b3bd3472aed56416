//! `runnel run`.

use std::process::{Child, Command, Stdio};

use runnel_media::sample;
use runnel_testkit::{Process, Relay, Request, wait_until};
use serde_json::{Value, json};

use super::{runnel, stderr, stdout};

const KEY: &str = "rf_live_0123456789abcdefghijRUNS";
const COLOUR: &str = "runflow/background-color";

fn serve(folder: &std::path::Path, workers: &str) -> Process {
    serve_with(folder, workers, &[])
}

fn serve_with(folder: &std::path::Path, workers: &str, more: &[(&str, &str)]) -> Process {
    let own = [
        ("RUNNEL_BOOTSTRAP_API_KEY", KEY),
        ("RUNNEL_LOG", "error"),
        ("RUNNEL_WORKERS", workers),
    ];
    let variables = [&own, more].concat();
    Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        &folder.join("data"),
        &variables,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_in_and_the_output_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), "1");
    let run = |arguments: &[&str]| {
        let to = ["run", "--base-url", &server.base_url, "--api-key", KEY];
        runnel(&[&to, arguments].concat())
    };
    let path = folder.path().join("a.png");
    std::fs::write(&path, sample::gradient_png(40, 30)).unwrap();
    let file = path.to_str().unwrap();
    let colour = [
        "-i",
        "color_red=51",
        "-i",
        "color_green=102",
        "-i",
        "color_blue=255",
    ];
    for name in ["image_url", "asset_id"] {
        let picture = format!("{name}=@{file}");
        let arguments = [&[COLOUR, "--wait", "-i", &picture], &colour[..]].concat();
        let ended = run(&arguments);
        assert!(ended.status.success(), "{}", stderr(&ended));
        let output: Value = serde_json::from_str(&stdout(&ended)).unwrap();
        let made = output["image_urls"][0].as_str().unwrap();
        let bytes = Request::new("GET", made).send().await.assert(200).body;
        assert!(bytes.starts_with(b"\x89PNG"), "{made}");
    }

    // A text stays one, whatever it looks like.
    let echo = run(&["runnel/echo", "--wait", "--json", "--input", "text=42"]);
    let ended: Value = serde_json::from_str(&stdout(&echo)).unwrap();
    assert_eq!(
        (&ended["status_code"], &ended["input"]),
        (&json!("succeeded"), &json!({"text": "42"}))
    );
    let id = stdout(&run(&["runnel/echo", "-i", "text=a=b"]));
    let url = server.url(&format!("/v1/runs/{}", id.trim()));
    let made = Request::new("GET", &url).key(KEY).send().await.assert(200);
    assert_eq!(made.json()["input"]["text"], "a=b");

    for (arguments, told) in [
        (
            ["-i", "color_red=red"],
            "the input color_red takes a whole number, not \"red\"",
        ),
        (["-i", "color_red"], "-i image_url=@photo.jpg"),
        (["-i", "image_url=@absent.png"], "absent.png"),
        (["-i", "color=1"], "did you mean"),
    ] {
        let refused = run(&[&[COLOUR], &arguments[..]].concat());
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            stderr(&refused).contains(told),
            "{told}: {}",
            stderr(&refused)
        );
        assert_eq!(stdout(&refused), "");
    }
    let twice = run(&["runnel/echo", "-i", "text=a", "-i", "text=b"]);
    assert!(stderr(&twice).contains("given twice"), "{}", stderr(&twice));
    let absent = run(&["nobody/nothing"]);
    assert!(
        stderr(&absent).contains("nobody/nothing"),
        "{}",
        stderr(&absent)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_read_by_the_types_of_the_inputs() {
    const MODEL: &str = r#"
        [models."acme/all"]
        engine = "http"
        url = "http://127.0.0.1:9/"
        [models."acme/all".inputs]
        pictures = "image_list"
        share = "number"
        count = "integer"
        flag = "boolean"
        more = "json"
        colour = "color"
        words = "string"
    "#;
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models.toml");
    std::fs::write(&models, MODEL).unwrap();
    let path = folder.path().join("a.png");
    std::fs::write(&path, sample::gradient_png(40, 30)).unwrap();
    // Nobody works: what is asked is the input that the server has.
    let more = [
        ("RUNNEL_MODELS", models.to_str().unwrap()),
        ("RUNNEL_EGRESS_ALLOW", "127.0.0.0/8"),
    ];
    let server = serve_with(folder.path(), "0", &more);
    let run = |inputs: &[&str]| {
        let mut all = vec!["run", "acme/all", "--json"];
        all.extend(["--base-url", &server.base_url, "--api-key", KEY]);
        all.extend(["--callback-url", "http://127.0.0.1:9/hook"]);
        all.extend(inputs.iter().flat_map(|input| ["-i", input]));
        runnel(&all)
    };
    let picture = format!("pictures=@{}", path.display());
    let made = run(&[
        &picture,
        "share=0.5",
        &picture,
        "count=3",
        "flag=true",
        "more={\"a\":[1]}",
        "colour=#1f6feb",
        "words=@home=7",
    ]);
    assert!(made.status.success(), "{}", stderr(&made));
    let made: Value = serde_json::from_str(&stdout(&made)).unwrap();
    assert_eq!(made["callback_url"], "http://127.0.0.1:9/hook");
    let mut input = made["input"].clone();
    let pictures = input.as_object_mut().unwrap().remove("pictures").unwrap();
    let mut ids = Vec::new();
    for shown in pictures.as_array().unwrap() {
        let bytes = Request::new("GET", shown.as_str().unwrap()).send().await;
        assert!(bytes.assert(200).body.starts_with(b"\x89PNG"), "{shown}");
        ids.push(shown);
    }
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    let typed = json!({
        "share": 0.5, "count": 3, "flag": true, "more": {"a": [1]},
        "colour": "#1f6feb", "words": "@home=7",
    });
    assert_eq!(input, typed);
    for (wrong, what) in [
        ("share=half", "a number"),
        ("count=1.5", "a whole number"),
        ("flag=yes", "true or false"),
        ("more={", "JSON"),
    ] {
        let refused = run(&[wrong]);
        let told = format!("takes {what}, not");
        assert!(
            stderr(&refused).contains(&told),
            "{wrong}: {}",
            stderr(&refused)
        );
    }
}

/// Runs the echo and waits, in the background.
fn waiting(base_url: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_runnel"))
        .args(["run", "runnel/echo", "--wait", "-i", "text=hi"])
        .args(["--base-url", base_url, "--api-key", KEY])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The id of the only run, when it is there.
async fn only_run(server: &Process) -> String {
    wait_until("the run", || async {
        let runs = Request::new("GET", &server.url("/v1/runs"))
            .key(KEY)
            .send()
            .await;
        runs.assert(200).json()["items"][0]["id"]
            .as_str()
            .map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_does_not_succeed_is_a_failure_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody works, so it waits until it is cancelled.
    let server = serve(folder.path(), "0");
    let waiting = waiting(&server.base_url);
    let id = only_run(&server).await;
    let url = server.url(&format!("/v1/runs/{id}/cancellation"));
    let cancellation = Request::new("POST", &url).key(KEY).json(&json!({}));
    cancellation.send().await.assert(201);
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(stdout(&ended), "");
    let told = format!("the run {id} ended as canceled");
    assert!(stderr(&ended).contains(&told), "{}", stderr(&ended));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_again_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start();
    let mut server = serve(folder.path(), "0");
    relay.lead_to(Some(&server.base_url));
    let waiting = waiting(&relay.url());
    only_run(&server).await;
    relay.lead_to(None);
    server.kill();
    wait_until("a look that finds nobody", || async {
        (relay.in_vain() > 0).then_some(())
    })
    .await;
    let server = serve(folder.path(), "1");
    relay.lead_to(Some(&server.base_url));
    let ended = waiting.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", stderr(&ended));
    assert!(stdout(&ended).contains("hi"), "{}", stdout(&ended));
}
