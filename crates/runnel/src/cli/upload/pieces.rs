//! A long file in pieces, by tus 1.0: what broke off goes on where it stopped.

use std::time::Duration;

use indicatif::ProgressBar;
use runnel_egress::{Body, Method};

use super::file::File;
use super::{Refused, judged};
use crate::Failure;
use crate::cli::client::{Client, watched};

/// How much is sent with one request, in bytes. It is held in memory.
const PIECE: u64 = 16 * 1024 * 1024;

/// How often in a row a piece may fail before the file is given up.
const TRIES: u32 = 6;

/// The pause after a first failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// Sends the file to the URL of its upload.
pub(super) async fn send(
    client: &Client,
    url: &str,
    file: &mut File,
    bar: &ProgressBar,
) -> Result<(), Refused> {
    let mut failures = 0;
    let mut offset = 0;
    while offset < file.length {
        bar.set_position(offset);
        let failed = match send_piece(client, url, file, offset, bar).await {
            Ok(next) => {
                (offset, failures) = (next, 0);
                continue;
            }
            Err(Refused::File(failure)) => return Err(Refused::File(failure)),
            Err(Refused::Server(failure)) => failure,
        };
        failures += 1;
        if failures == TRIES {
            return Err(Refused::Server(failed));
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(failures - 1)).await;
        // Where that fails too, the next piece does as well, and is counted.
        offset = stored(client, url).await.unwrap_or(offset);
    }
    Ok(())
}

/// Sends one piece; answers with how much is stored then.
async fn send_piece(
    client: &Client,
    url: &str,
    file: &mut File,
    offset: u64,
    bar: &ProgressBar,
) -> Result<u64, Refused> {
    let length = PIECE.min(file.length - offset);
    let piece = file.read_at(offset, length).map_err(Refused::File)?;
    let headers = [
        ("content-type", "application/offset+octet-stream".to_owned()),
        ("content-length", length.to_string()),
        ("upload-offset", offset.to_string()),
    ];
    let body = watched(piece, bar);
    let answer = client
        .exchange(Method::PATCH, url, spoken(headers), body)
        .await?;
    // Another place than it is at, after an answer that was lost: that can be asked.
    if answer.status == 409 {
        answer.expect(204)?;
    }
    judged(&answer, 204)?;
    Ok(offset + length)
}

/// How much of the file is stored.
async fn stored(client: &Client, url: &str) -> Result<u64, Failure> {
    let asked = client.begin(Method::HEAD, url, spoken([]), Body::Empty);
    let answer = asked.await?;
    let offset = answer
        .header("upload-offset")
        .and_then(|text| text.parse().ok());
    offset.ok_or_else(|| Failure::new("the server does not say how much of the file it has"))
}

fn spoken<const N: usize>(headers: [(&str, String); N]) -> Vec<(String, String)> {
    let version = ("tus-resumable", "1.0.0".to_owned());
    let all = headers.into_iter().chain([version]);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}
