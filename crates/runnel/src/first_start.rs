//! What a newcomer is told at the very first start: a key and what to do with it.

use runnel_domain::keys::NewKey;

use crate::wire::App;
use crate::{Failure, printer};

/// Logs what a reader of JSON needs. No key is made: a log is kept, and read by
/// many.
pub(crate) async fn log(app: &App) -> Result<(), Failure> {
    let keys = app.services().store.read();
    if keys.api_keys().count_all().await? == 0 {
        tracing::warn!(
            "this server has no API key yet: make one with `runnel keys create`, or name one in RUNNEL_BOOTSTRAP_API_KEY"
        );
    }
    if let Some(ca) = app.ca_path() {
        tracing::info!(path = %ca.display(), "clients must trust this certificate");
    }
    Ok(())
}

/// Prints the first key, once, with three commands to try.
pub(crate) fn greet(base_url: &str, ca: Option<&std::path::Path>, key: &NewKey) {
    let curl = ca.map_or("curl".to_owned(), |ca| {
        format!("curl --cacert {}", ca.display())
    });
    let plain = &key.plain;
    printer::note(&format!(
        r#"
This server has no API key yet, so it made one. It is shown this once:

    {plain}

Try it (any JPEG as photo.jpg; for another type, name that in steps 1 and 2):

  1. Create an upload; the answer has an asset_id and an upload_url
     {curl} {base_url}/v1/asset-uploads -H 'Authorization: Bearer {plain}' -H 'Content-Type: application/json' \
       -d "{{\"filename\":\"photo.jpg\",\"mime_type\":\"image/jpeg\",\"size_bytes\":$(wc -c < photo.jpg)}}"

  2. Send the bytes to the upload_url, and confirm
     {curl} -T photo.jpg -H 'Content-Type: image/jpeg' "$UPLOAD_URL"
     {curl} -X POST {base_url}/v1/asset-uploads/$ASSET_ID/confirmations -H 'Authorization: Bearer {plain}'

  3. Run a model on it; GET /v1/runs/{{id}} tells how it goes
     {curl} {base_url}/v1/models/runflow/background-replace/runs -H 'Authorization: Bearer {plain}' -H 'Content-Type: application/json' \
       -d "{{\"input\":{{\"asset_id\":\"$ASSET_ID\",\"prompt\":\"white studio\"}}}}"

More keys: runnel keys create. The API: {base_url}/docs
"#
    ));
}
