//! `runnel upload`: files become assets of a server.

mod file;
mod pieces;

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use runnel_egress::Method;
use serde_json::{Value, json};

use self::file::File;
use super::client::{Answer, Client, ServerFlags, bar, text};
use crate::config::LogFormat;
use crate::{Failure, printer};

/// The longest file that is sent in one piece, in bytes: what the API takes that
/// way unless a server says otherwise. A longer one is sent in pieces.
const MOST_AT_ONCE: u64 = 52_428_800;

/// The flags of `runnel upload`.
#[derive(Debug, Args)]
pub(super) struct UploadFlags {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print each asset as JSON, a line each, instead of its id
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Why a file did not become an asset.
#[derive(Debug)]
pub(super) enum Refused {
    /// It is the file: others may well become some.
    File(Failure),
    /// No other one would either.
    Server(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Server(failure)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let (Refused::File(failure) | Refused::Server(failure)) = refused;
        failure
    }
}

/// Uploads all files, one after the other. One that is refused does not keep the
/// others from it.
pub(super) async fn run(flags: UploadFlags, format: LogFormat) -> Result<(), Failure> {
    let client = flags.server.client()?;
    let (count, mut refused) = (flags.files.len(), 0);
    for path in &flags.files {
        match upload(&client, path).await {
            Ok(asset) if flags.json => printer::data(&asset.to_string()),
            Ok(asset) => printer::data(text(&asset, "id")?),
            Err(Refused::File(failure)) if count > 1 => {
                printer::failure(&failure, format);
                refused += 1;
            }
            Err(refused) => return Err(refused.into()),
        }
    }
    if refused > 0 {
        let message = format!("{refused} of {count} files did not become assets");
        return Err(Failure::new(message));
    }
    Ok(())
}

/// Makes an asset of a file.
pub(super) async fn upload(client: &Client, path: &Path) -> Result<Value, Refused> {
    let named = |failure: Failure| failure.of(&path.display().to_string());
    let file = File::open(path).map_err(Refused::File)?;
    send(client, file).await.map_err(|refused| match refused {
        Refused::File(failure) => Refused::File(named(failure)),
        Refused::Server(failure) => Refused::Server(named(failure)),
    })
}

async fn send(client: &Client, mut file: File) -> Result<Value, Refused> {
    let mut body = json!({
        "filename": file.name,
        "mime_type": file.mime_type,
        "size_bytes": file.length,
    });
    let is_long = file.length > MOST_AT_ONCE;
    if is_long {
        body["resumable"] = Value::Bool(true);
    }
    let created = client.ask(Method::POST, "/v1/asset-uploads", Some(&body));
    let session = of_file(&created.await?, 201)?;
    let url = text(&session, "upload_url")?;
    let bar = bar(&file.name, file.length);
    let sent = if is_long {
        pieces::send(client, url, &mut file, &bar).await
    } else {
        send_whole(client, url, &mut file, &bar).await
    };
    bar.finish_and_clear();
    sent?;
    let path = format!(
        "/v1/asset-uploads/{}/confirmations",
        text(&session, "asset_id")?
    );
    of_file(&client.ask(Method::POST, &path, None).await?, 201)
}

async fn send_whole(
    client: &Client,
    url: &str,
    file: &mut File,
    bar: &ProgressBar,
) -> Result<(), Refused> {
    let bytes = file.read_at(0, file.length).map_err(Refused::File)?;
    let put = client.put(url, file.mime_type, bytes, bar).await?;
    judged(&put, 200)
}

/// The answer's JSON, or whose fault it is that it is another one.
fn of_file(answer: &Answer, status: u16) -> Result<Value, Refused> {
    judged(answer, status)?;
    Ok(answer.json(status)?)
}

/// Whose fault it is that the answer is another one.
pub(super) fn judged(answer: &Answer, status: u16) -> Result<(), Refused> {
    answer
        .expect(status)
        .map_err(|failure| match answer.status {
            400 | 409 | 413 | 415 | 422 => Refused::File(failure),
            401 => Refused::Server(failure.hint(
                "give a key with --api-key or RUNFLOW_API_KEY; runnel keys create makes one",
            )),
            _ => Refused::Server(failure),
        })
}
