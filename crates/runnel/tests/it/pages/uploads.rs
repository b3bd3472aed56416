//! A page of another origin, in a real browser: it draws a picture, uploads it in
//! three steps and in pieces, and shows what came of it.

use runnel_testkit::{Db, FileServer, Sent, TestApp, on_both_databases};
use serde_json::Value;

use super::{Seen, open};

on_both_databases!(
    a_page_that_is_named_uploads_and_shows,
    a_page_that_is_not_named_gets_nothing,
);

/// The page; the server and the key stand behind `#` in its URL.
const PAGE: &str = r#"<!doctype html><p id="told">nothing</p><script>
const [server, key] = location.hash.slice(1).split("|");
const api = async (path, body, more) => {
  const headers = {authorization: `Bearer ${key}`, "content-type": "application/json", ...more};
  const answer = await fetch(server + path, {method: "POST", headers, body: JSON.stringify(body)});
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return {id: answer.headers.get("runflow-request-id"), ...(await answer.json())};
};
const shown = async (url) => {
  const image = new Image();
  image.crossOrigin = "anonymous";
  await new Promise((loaded, failed) => {
    image.onload = loaded;
    image.onerror = () => failed(new Error(`no picture: ${url}`));
    image.src = url;
  });
  return [image.naturalWidth, image.naturalHeight];
};
const confirmed = async (session) => {
  const asset = await api(`/v1/asset-uploads/${session.asset_id}/confirmations`, {});
  return {
    size: asset.size_bytes,
    picture: await shown(asset.url),
    thumbnail: await shown(asset.thumbnail_url),
  };
};
const upload = async () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  canvas.getContext("2d").fillRect(10, 10, 300, 200);
  const text = atob(canvas.toDataURL("image/png").split(",")[1]);
  const file = new Blob([Uint8Array.from(text, (letter) => letter.charCodeAt(0))], {type: "image/png"});
  const wish = {filename: "drawn.png", mime_type: file.type, size_bytes: file.size};
  const session = await api("/v1/asset-uploads", wish, {"idempotency-key": "page"});
  const put = await fetch(session.upload_url, {method: "PUT", headers: {"content-type": file.type}, body: file});
  if (!put.ok) throw new Error(await put.text());
  const whole = await confirmed(session);

  const other = await api("/v1/asset-uploads", {...wish, resumable: true});
  const tus = (method, headers, body) =>
    fetch(other.upload_url, {method, headers: {"tus-resumable": "1.0.0", ...headers}, body});
  await tus("POST", {"upload-length": `${file.size}`});
  const offsets = [];
  for (const [from, to] of [[0, 1000], [1000, file.size]]) {
    const headers = {"upload-offset": `${from}`, "content-type": "application/offset+octet-stream"};
    const sent = await tus("PATCH", headers, file.slice(from, to));
    offsets.push(Number(sent.headers.get("upload-offset")));
  }
  const pieces = await confirmed(other);
  return {drawn: file.size, tag: put.headers.get("etag"), request: session.id, offsets, whole, pieces};
};
const tell = (told) => { document.getElementById("told").textContent = JSON.stringify(told) + "."; };
upload().then(tell, (error) => tell({error: `${error}`}));
</script>"#;

/// What the page told, opened beside a server that lets pages of `named` call.
async fn told(db: Db, named: impl FnOnce(&FileServer) -> String) -> (Value, String) {
    let site = FileServer::start(|_, _| Sent::File("text/html", PAGE.into())).await;
    let origins = named(&site);
    let app = TestApp::start_with(db, |settings| settings.cors = origins.parse().unwrap()).await;
    let url = format!("{}#{}|{}", site.url("/"), app.url(""), app.key());
    let opened = tokio::task::spawn_blocking(move || open(&url));
    let Seen { dom, console } = opened.await.unwrap();
    app.stop().await;
    let told = dom.split_once("<p id=\"told\">").unwrap().1;
    let told = told.split_once(".</p>");
    let told = told.unwrap_or_else(|| panic!("the page came to no end: {dom}\n{console}"));
    (serde_json::from_str(told.0).unwrap(), console)
}

async fn a_page_that_is_named_uploads_and_shows(db: Db) {
    let (told, console) = told(db, |site| format!("http://localhost:1,{}", site.url(""))).await;
    assert_eq!(told["error"], Value::Null, "{console}");
    let size = told["drawn"].as_u64().unwrap();
    assert!(size > 1000, "{told}");
    assert!(told["tag"].as_str().unwrap().starts_with('"'), "{told}");
    assert_eq!(told["request"].as_str().unwrap().len(), 36, "{told}");
    assert_eq!(told["offsets"], serde_json::json!([1000, size]));
    for way in ["whole", "pieces"] {
        let asset = &told[way];
        assert_eq!(asset["size"], size, "{told}");
        assert_eq!(asset["picture"], serde_json::json!([640, 480]), "{told}");
        assert_eq!(asset["thumbnail"], serde_json::json!([512, 384]), "{told}");
    }
    assert!(!console.contains("CORS"), "{console}");
}

async fn a_page_that_is_not_named_gets_nothing(db: Db) {
    let (told, console) = told(db, |_| "https://app.example.com".to_owned()).await;
    assert_eq!(told["error"], "TypeError: Failed to fetch", "{console}");
    assert!(console.contains("blocked by CORS policy"), "{console}");
}
