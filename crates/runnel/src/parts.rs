//! What a process stands on and leaves behind: the database, the storage, and
//! the key of the secrets.
//!
//! A server makes what is missing. A worker and a command go by what is there: a
//! wrong folder must not become a second, empty server. What is wrong is told with
//! the place and the reason, since whoever starts the program can mend both.

use std::path::{Path, PathBuf};

use runnel_blobs::{BlobError, Blobs};
use runnel_domain::Sealer;
use runnel_store::{DatabaseUrl, Store};
use runnel_types::IdSource;

use crate::Failure;
use crate::config::Settings;
use crate::secret_key;

/// What the process is to the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Makes what is not there.
    Server,
    /// Goes by what a server has made.
    Worker,
    /// The same, and reads no secrets.
    Command,
}

/// The parts, open.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) sealer: Sealer,
    /// The key that signs storage URLs.
    pub(crate) signing_key: [u8; 32],
}

/// Opens the parts that the settings name; of those that are no server's, see
/// [`database_is_there`] first, which the opening would make.
///
/// # Errors
/// What is in the way; nothing stays open.
pub(crate) async fn open(
    settings: &Settings,
    ids: &IdSource,
    role: Role,
) -> Result<Parts, Failure> {
    let url: DatabaseUrl = settings.database_url().parse()?;
    let store = Store::open(&url).await?;
    match open_rest(settings, ids, role, &store).await {
        Ok(parts) => Ok(parts),
        Err(failure) => {
            // So that SQLite's log is folded into its file.
            store.close().await;
            Err(failure)
        }
    }
}

/// Looks whether the file of the database is there, if it is one.
///
/// # Errors
/// That it is not.
pub(crate) fn database_is_there(settings: &Settings) -> Result<(), Failure> {
    let url: DatabaseUrl = settings.database_url().parse()?;
    let Some(file) = url.file().filter(|file| !file.exists()) else {
        return Ok(());
    };
    let message = format!("there is no database at {}", file.display());
    Err(Failure::new(message)
        .hint("name the server's with --data-dir or --database-url; runnel serve makes a new one"))
}

async fn open_rest(
    settings: &Settings,
    ids: &IdSource,
    role: Role,
    store: &Store,
) -> Result<Parts, Failure> {
    Ok(Parts {
        store: store.clone(),
        sealer: match role {
            Role::Server | Role::Worker => secret_key::sealer(settings, ids, role, store).await?,
            // It seals and opens nothing, so any key will do.
            Role::Command => Sealer::new(&fresh_key(ids)),
        },
        blobs: open_blobs(settings, role).await?,
        signing_key: signing_key(store, ids).await?,
    })
}

async fn open_blobs(settings: &Settings, role: Role) -> Result<Blobs, Failure> {
    let url = settings.storage_url()?;
    let folder = folder(&url);
    if let Some(folder) = &folder
        && role != Role::Server
        && !folder.exists()
    {
        let message = format!("there is no folder of objects at {}", folder.display());
        return Err(
            Failure::new(message).hint("name the server's with --data-dir or --storage-url")
        );
    }
    let opened = Blobs::open(&url, &settings.storage_variables).await;
    opened.map_err(|error| match (&folder, &error) {
        // The paths in these are those of files that are made in the folder.
        (Some(folder), BlobError::Io { source } | BlobError::ReadOnly { source }) => {
            unusable(folder, source)
        }
        _ => Failure::new(error.to_string()),
    })
}

fn unusable(folder: &Path, error: &std::io::Error) -> Failure {
    let message = format!(
        "the folder of objects {} cannot be used: {}",
        folder.display(),
        error.kind()
    );
    Failure::new(message).hint(
        "name a folder that the user that runs runnel may write, with --data-dir or --storage-url file:///absolute/folder",
    )
}

/// The folder that a storage URL names, if it names one.
fn folder(url: &str) -> Option<PathBuf> {
    let url = url::Url::parse(url).ok()?;
    (url.scheme() == "file").then(|| url.to_file_path().ok())?
}

/// The key that signs storage URLs: made once, kept in the database, so that
/// every process on it takes the URLs of every other.
async fn signing_key(store: &Store, ids: &IdSource) -> Result<[u8; 32], Failure> {
    let fresh = hex::encode(fresh_key(ids));
    let mut tx = store.begin().await?;
    let kept = tx
        .settings()
        .get_or_insert("url_signing_key", &fresh)
        .await?;
    tx.commit().await?;
    let decoded = hex::decode(kept).ok();
    decoded.and_then(|key| key.try_into().ok()).ok_or_else(|| {
        Failure::new("the setting url_signing_key in the database is not 64 hex digits")
            .hint("delete that row of the table settings: a new key is made, and URLs signed before stop working")
    })
}

fn fresh_key(ids: &IdSource) -> [u8; 32] {
    let mut key = [0_u8; 32];
    ids.fill(&mut key);
    key
}
