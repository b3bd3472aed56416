//! The engine against a stand-in of ComfyUI's HTTP and WebSocket protocol: its
//! own server wants `PyTorch`, 2.9 GB of downloads. What the stand-in answers is
//! what that server answered when the engine was tried with it; no workflow is run.
//! [`real`] runs some on that server, when it is asked to.

mod real;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::engine::{EngineErrorKind, InputContent, InputFile, Report};
use crate::remote::stub::{Answer, Seen, Stub, bytes, door, engine, told, work};
use crate::settings::build;

/// The prompt of the first execution of run 7.
const PROMPT: &str = "00000000-0000-0000-0000-000000000006";

/// A folder with a workflow, and the settings that name it.
fn workflow(url: &str, more: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workflow.json");
    let graph = json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "as saved"}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
        "10": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    });
    std::fs::write(&path, graph.to_string()).unwrap();
    let settings = format!(
        "url = \"{url}\"\nworkflow = {:?}\n{more}\n[nodes]\nprompt = \"6.inputs.text\"\nimage_url = \"10.inputs.image\"\nseed = \"3.inputs.seed\"",
        path.display()
    );
    (folder, settings)
}

fn socket(messages: &[Value]) -> Answer {
    let mut raw = b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n".to_vec();
    for message in messages {
        let text = message.to_string();
        raw.extend([0x81, 126]);
        raw.extend((text.len() as u16).to_be_bytes());
        raw.extend(text.as_bytes());
    }
    Answer::raw(raw).then_silence()
}

fn news(kind: &str, data: Value) -> Value {
    let mut data = data;
    data["prompt_id"] = PROMPT.into();
    json!({"type": kind, "data": data})
}

fn history(status: &str, messages: &Value, outputs: &Value) -> Answer {
    let status =
        json!({"status_str": status, "completed": status == "success", "messages": messages});
    Answer::json(
        200,
        &json!({PROMPT: {"outputs": outputs, "status": status}}),
    )
}

fn queued() -> Answer {
    let entry = json!([0, PROMPT, {}, {}, []]);
    Answer::json(200, &json!({"queue_running": [entry], "queue_pending": []}))
}

/// What ComfyUI answers to all but the history.
fn comfy(seen: &Seen) -> Answer {
    match seen.path.split('?').next().unwrap() {
        "/ws" => socket(&[
            json!({"type": "status", "data": {"status": {}}}),
            news("execution_cached", json!({"nodes": ["10"]})),
            news("executing", json!({"node": "6"})),
            news("executing", json!({"node": "3"})),
            news("progress", json!({"value": 10, "max": 20, "node": "3"})),
            json!({"type": "progress", "data": {"value": 1, "max": 1, "prompt_id": "another"}}),
            news("execution_success", json!({})),
        ]),
        "/prompt" => Answer::json(
            200,
            &json!({"prompt_id": PROMPT, "number": 1, "node_errors": {}}),
        ),
        "/upload/image" => Answer::json(
            200,
            &json!({"name": "stored.png", "subfolder": "", "type": "input"}),
        ),
        "/queue" => queued(),
        "/view" => Answer::new(200, "content-type: image/png\r\n", b"picture"),
        _ => Answer::json(200, &json!({})),
    }
}

#[tokio::test]
async fn a_workflow_is_filled_queued_followed_and_its_files_collected() {
    let looks = AtomicUsize::new(0);
    let stub = Stub::start(move |seen| {
        if !seen.path.starts_with("/history/") {
            return comfy(seen);
        }
        match looks.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::json(200, &json!({})),
            _ => history("success", &json!([]), &json!({
                "5": {"images": [{"filename": "p.png", "subfolder": "", "type": "temp"}]},
                "9": {"images": [{"filename": "a b.png", "subfolder": "deep", "type": "output"}], "text": ["x"]},
            })),
        }
    })
    .await;
    let (_folder, settings) = workflow(&stub.url, "");
    let (mut work, mut reports) =
        work(&json!({"prompt": "p", "image_url": "runflow://assets/1", "seed": null}));
    let file = InputFile {
        mime_type: "image/png".to_owned(),
        name: "my\r\n \"photo\".png".to_owned(),
        size_bytes: 2,
        content: InputContent::Bytes(b"hi".to_vec()),
    };
    work.files.insert("image_url".to_owned(), file);
    let product = engine("comfyui", &settings).execute(work).await.unwrap();
    assert_eq!(json!(product.output), json!({"image_urls": [null]}));
    assert_eq!(product.files[0].name, "a_b.png");
    assert_eq!(bytes(product).await.unwrap(), [b"picture"]);
    let fractions: Vec<Report> = told(&mut reports);
    assert!(
        fractions.contains(&Report::Progress(0.625)),
        "{fractions:?}"
    );

    let seen = stub.seen();
    let of = |path: &str| {
        seen.iter()
            .find(|seen| seen.path.starts_with(path))
            .unwrap()
    };
    let upload = String::from_utf8_lossy(&of("/upload").body).into_owned();
    assert!(
        upload.contains(&format!(
            "filename=\"runnel-{PROMPT}-image_url-myphoto.png\""
        )),
        "{upload}"
    );
    assert!(upload.contains("\r\n\r\nhi\r\n--"), "{upload}");
    let prompt = of("/prompt").json();
    assert_eq!(prompt["prompt"]["6"]["inputs"]["text"], "p");
    assert_eq!(prompt["prompt"]["10"]["inputs"]["image"], "stored.png");
    assert_eq!(
        prompt["prompt"]["3"]["inputs"]["seed"], 1,
        "what was not given stays"
    );
    assert_eq!(
        (&prompt["client_id"], &prompt["prompt_id"]),
        (&json!(PROMPT), &json!(PROMPT))
    );
    assert!(
        of("/view")
            .path
            .contains("filename=a+b.png&subfolder=deep&type=output")
    );
}

#[tokio::test]
async fn without_a_socket_the_history_is_enough() {
    let stub = Stub::start(|seen| match seen.path.as_str() {
        path if path.starts_with("/ws") => Answer::new(404, "", ""),
        path if path.starts_with("/history/") => history(
            "success",
            &json!([]),
            &json!({
                "9": {"gifs": [{"filename": "a.mp4", "subfolder": "", "type": "output"}]},
            }),
        ),
        _ => comfy(seen),
    })
    .await;
    let (_folder, settings) = workflow(&stub.url, "output = \"films\"\nresults = [\"9\"]");
    let product = engine("comfyui", &settings)
        .execute(work(&json!({})).0)
        .await
        .unwrap();
    assert_eq!(json!(product.output), json!({"films": [null]}));
}

#[tokio::test]
async fn what_goes_wrong_names_the_node() {
    use EngineErrorKind::{Failed, InvalidInput, OutputInvalid};
    let error =
        json!({"node_id": "3", "node_type": "KSampler", "exception_message": "out of memory\n"});
    let not_taken = json!({
        "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"},
        "node_errors": {"3": {"class_type": "KSampler", "errors": [
            {"message": "Value too big", "details": "steps"}]}},
    });
    let unknown = json!({"error": {"message": "Cannot execute because node X does not exist."}, "node_errors": {}});
    let fine = Answer::json(200, &json!({"prompt_id": PROMPT}));
    let none = || history("success", &json!([]), &json!({}));
    for (prompt, history, kind, passing, words) in [
        (
            Answer::json(400, &not_taken),
            none(),
            InvalidInput,
            false,
            "node 3 (KSampler): Value too big steps",
        ),
        (
            Answer::json(400, &unknown),
            none(),
            InvalidInput,
            false,
            "node X does not exist",
        ),
        (Answer::new(500, "", "oops"), none(), Failed, true, "oops"),
        (
            Answer::new(200, "content-type: text/html\r\n", "<html>"),
            none(),
            OutputInvalid,
            false,
            "web page",
        ),
        (
            fine.clone(),
            history(
                "error",
                &json!([["execution_start", {}], ["execution_error", error]]),
                &json!({}),
            ),
            Failed,
            false,
            "node 3 (KSampler) failed",
        ),
        (
            fine.clone(),
            history("error", &json!([["execution_interrupted", {}]]), &json!({})),
            Failed,
            false,
            "interrupted",
        ),
        (
            fine.clone(),
            history("error", &json!([]), &json!({})),
            Failed,
            false,
            "does not say why",
        ),
        (fine.clone(), none(), OutputInvalid, false, "made no file"),
        (
            fine.clone(),
            Answer::json(404, &json!({})),
            Failed,
            false,
            "404",
        ),
    ] {
        let stub = Stub::start(move |seen| match seen.path.as_str() {
            "/prompt" => prompt.clone(),
            path if path.starts_with("/history/") => history.clone(),
            _ => comfy(seen),
        })
        .await;
        let (_folder, settings) = workflow(&stub.url, "");
        let error = engine("comfyui", &settings)
            .execute(work(&json!({})).0)
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.is_passing), (kind, passing), "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_prompt_that_a_restart_has_lost_is_a_failure_that_may_pass() {
    let stub = Stub::start(|seen| match seen.path.as_str() {
        "/queue" => Answer::json(200, &json!({"queue_running": [], "queue_pending": []})),
        path if path.starts_with("/history/") => Answer::json(200, &json!({})),
        _ => comfy(seen),
    })
    .await;
    let (_folder, settings) = workflow(&stub.url, "");
    let error = engine("comfyui", &settings)
        .execute(work(&json!({})).0)
        .await
        .unwrap_err();
    assert!(
        error.is_passing && error.message.contains("lost the prompt"),
        "{error}"
    );
}

#[tokio::test]
async fn only_a_prompt_of_ours_is_interrupted() {
    for is_ours in [true, false] {
        let stub = Stub::start(move |seen| match seen.path.as_str() {
            path if path.starts_with("/history/") => Answer::json(200, &json!({})),
            "/queue" if seen.method == "GET" && !is_ours => {
                let theirs = json!([0, "another", {}, {}, []]);
                let ours = json!([1, PROMPT, {}, {}, []]);
                Answer::json(
                    200,
                    &json!({"queue_running": [theirs], "queue_pending": [ours]}),
                )
            }
            _ => comfy(seen),
        })
        .await;
        let (_folder, settings) = workflow(&stub.url, "");
        stub.call_off(engine("comfyui", &settings), "GET /queue")
            .await;
        let asked = stub.asked();
        assert!(asked.contains(&"POST /queue".to_owned()), "{asked:?}");
        let interrupted = asked.contains(&"POST /interrupt".to_owned());
        assert_eq!(interrupted, is_ours, "{asked:?}");
    }
}

/// Servers of before 2025 pass over the id that a client wants its prompt to have.
#[tokio::test]
async fn a_prompt_with_an_id_of_the_servers_own_is_called_off_too() {
    let of_client = |id: &str, client: &str| json!([0, id, {}, {"client_id": client}, []]);
    let stub = Stub::start(move |seen| match seen.path.as_str() {
        path if path.starts_with("/history/") => Answer::json(200, &json!({})),
        "/prompt" => Answer::json(200, &json!({"prompt_id": "own-1", "node_errors": {}})),
        "/queue" if seen.method == "GET" => Answer::json(
            200,
            &json!({
                "queue_running": [of_client("own-1", PROMPT)],
                "queue_pending": [of_client("own-2", PROMPT), of_client("own-3", "another")],
            }),
        ),
        _ => comfy(seen),
    })
    .await;
    let (_folder, settings) = workflow(&stub.url, "");
    stub.call_off(engine("comfyui", &settings), "GET /queue")
        .await;
    let seen = stub.seen();
    let sent = |path: &str| {
        let mut posts = seen.iter().filter(|seen| seen.method == "POST");
        posts.find(|seen| seen.path == path).unwrap().json()
    };
    assert_eq!(sent("/queue"), json!({"delete": ["own-2"]}));
    assert_eq!(sent("/interrupt"), json!({"prompt_id": "own-1"}));
}

#[test]
fn a_workflow_that_cannot_work_is_refused_with_its_place() {
    let refused = |settings: &str| {
        let error = build("comfyui", "acme/it", &settings.parse().unwrap(), &door()).unwrap_err();
        (error.key, error.message)
    };
    let (folder, settings) = workflow("http://127.0.0.1:8188", "");
    let mut bad: Vec<(String, &str, &str)> = Vec::new();
    let mut add = |settings: String, key, words| bad.push((settings, key, words));
    add(
        settings.replace("6.inputs.text", "6.text"),
        "nodes.prompt",
        "NODE.inputs.NAME",
    );
    add(
        settings.replace("6.inputs.text", "66.inputs.text"),
        "nodes.prompt",
        "node 66",
    );
    let missing = settings.replace("[nodes]", "results = [\"99\"]\n[nodes]");
    add(missing, "results", "node 99");
    add(
        settings.replace("workflow.json", "none.json"),
        "workflow",
        "none.json",
    );
    for (file, content, words) in [
        ("text.json", "{", "no JSON"),
        ("list.json", "[]", "no workflow"),
        ("empty.json", "{}", "no workflow"),
        (
            "editor.json",
            "{\"nodes\": [], \"links\": []}",
            "API format",
        ),
    ] {
        std::fs::write(folder.path().join(file), content).unwrap();
        add(settings.replace("workflow.json", file), "workflow", words);
    }
    for (settings, key, words) in bad {
        let (named, message) = refused(&settings);
        assert_eq!(named, key, "{message}");
        assert!(message.contains(words), "{message}");
    }
}
