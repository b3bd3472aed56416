//! The key that encrypts the secrets in the database, which is not in the database.
//!
//! It comes from `RUNNEL_SECRET_KEY`, or from a file in the data folder that the
//! first start makes. The database remembers which key it is, so that a process
//! with another one says so at its start and not at the first callback.

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runnel_domain::Sealer;
use runnel_store::Store;
use runnel_types::IdSource;

use crate::Failure;
use crate::config::Settings;
use crate::parts::Role;

/// The file's name in the data folder.
const FILE: &str = "secret.key";

/// What the database calls the mark of its key.
const SETTING: &str = "secret_key_fingerprint";

/// Makes what encrypts, from the setting or from the file, which a server makes
/// when nothing was encrypted yet.
pub(crate) async fn sealer(
    settings: &Settings,
    ids: &IdSource,
    role: Role,
    store: &Store,
) -> Result<Sealer, Failure> {
    let key = if let Some(text) = &settings.secret_key {
        decode(text).ok_or_else(|| {
            Failure::new("RUNNEL_SECRET_KEY is not a key of 32 bytes")
                .hint("give 64 hex digits or base64, such as `openssl rand -hex 32` prints")
        })?
    } else {
        let path = settings.data_dir.join(FILE);
        let found = match fs_err::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // ORDER: before the file is made, which would stay.
                if store.read().settings().get(SETTING).await?.is_some() {
                    return Err(missing(&path));
                }
                if role != Role::Server {
                    return Err(Failure::new(format!(
                        "there is no {}, and no server has used this database yet",
                        path.display()
                    ))
                    .hint(format!("start runnel serve first; then give its {FILE} in the data folder, or the same RUNNEL_SECRET_KEY")));
                }
                make(&path, ids)
            }
            found => found,
        };
        let text = found.map_err(|error| Failure::new(format!("the secret key: {error}")))?;
        decode(&text).ok_or_else(|| {
            Failure::new(format!("{} does not hold a key of 32 bytes", path.display()))
                .hint("put back the file as it was; without it the callback secrets in the database are lost")
        })?
    };
    Ok(Sealer::new(&key))
}

/// Sees that the database was sealed with this key.
pub(crate) async fn check(store: &Store, sealer: &Sealer) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    let kept = tx
        .settings()
        .get_or_insert(SETTING, sealer.fingerprint())
        .await?;
    tx.commit().await?;
    if kept == sealer.fingerprint() {
        return Ok(());
    }
    Err(Failure::new(
        "the callback secrets in the database were encrypted with another key than this server has",
    )
    .hint(format!(
        "give every server of a database the same RUNNEL_SECRET_KEY, or the {FILE} from the data folder of the first one"
    )))
}

fn missing(path: &Path) -> Failure {
    Failure::new(format!(
        "{} is missing, and the secrets in the database are encrypted with the key in it",
        path.display()
    ))
    .hint(format!(
        "put the file back, or give its text as RUNNEL_SECRET_KEY; every server of a database needs the same RUNNEL_SECRET_KEY, or the {FILE} from the data folder of the first one"
    ))
}

fn make(path: &Path, ids: &IdSource) -> std::io::Result<String> {
    let mut key = [0_u8; 32];
    ids.fill(&mut key);
    let text = format!("{}\n", hex::encode(key));
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs_err::create_dir_all(folder)?;
    // Written whole under another name, for its owner's eyes alone, and then
    // named: of two servers that start at once one makes the key, and nobody
    // reads half of it.
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        Err(lost) if lost.error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(lost.error);
        }
        _ => {}
    }
    fs_err::File::open(folder)?.sync_all()?;
    fs_err::read_to_string(path)
}

fn decode(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
    bytes.try_into().ok()
}
