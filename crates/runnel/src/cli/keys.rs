//! `runnel keys`: makes, lists and revokes API keys.

use runnel_domain::Services;
use runnel_types::{Fault, Scope};

use super::KeysCommand;
use crate::config::Places;
use crate::wire::open_for_command;
use crate::{Failure, printer};

/// Runs one of the commands.
pub(super) async fn run(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Create {
            name,
            scopes,
            org,
            places,
        } => create(&name, &scopes, org.as_deref(), &places).await,
        KeysCommand::List { places } => list(&places).await,
        KeysCommand::Revoke { key, places } => revoke(&key, &places).await,
    }
}

/// Does something with the keys or the organizations of the database, which is closed whatever comes
/// of it: a process that ends before leaves work to the next one, and says so.
pub(super) async fn on_keys<T>(
    places: &Places,
    work: impl AsyncFnOnce(&Services) -> Result<T, Fault>,
) -> Result<T, Failure> {
    // Keys have no objects: the storage may be out of reach from here, and no
    // folder is to be made for it.
    let nowhere = tempfile::tempdir()
        .map_err(|error| Failure::new(format!("no temporary folder could be made: {error}")))?;
    let settings = places.settings().with_storage_in(nowhere.path())?;
    let services = open_for_command(&settings).await?;
    let done = work(&services).await;
    services.store.close().await;
    Ok(done?)
}

async fn create(
    name: &str,
    scopes: &[String],
    org: Option<&str>,
    places: &Places,
) -> Result<(), Failure> {
    let scopes: Vec<Scope> = if scopes.is_empty() {
        Scope::ALL.to_vec()
    } else {
        let parsed: Result<_, _> = scopes.iter().map(|scope| scope.trim().parse()).collect();
        parsed
            .map_err(|error: runnel_types::api_key::UnknownScope| Failure::new(error.to_string()))?
    };
    let key = on_keys(places, async |services| {
        services.create_key(org, name, &scopes).await
    })
    .await?;
    printer::data(&key.plain);
    printer::note(&format!(
        "made the key {} ({}); it is shown this once",
        key.record.name, key.record.id
    ));
    Ok(())
}

async fn list(places: &Places) -> Result<(), Failure> {
    for (org, key) in on_keys(places, async |services| services.list_keys().await).await? {
        let state = key
            .revoked_at
            .map_or("active".to_owned(), |at| format!("revoked {at}"));
        let scopes = if key.scopes.len() == Scope::ALL.len() {
            "all".to_owned()
        } else {
            key.scopes
                .iter()
                .map(|scope| scope.as_str())
                .collect::<Vec<_>>()
                .join(",")
        };
        printer::data(&format!(
            "{}\t{}…\t{}\t{}\t{scopes}\t{}\t{state}",
            key.id, key.prefix, org.slug, key.name, key.created_at
        ));
    }
    Ok(())
}

async fn revoke(name: &str, places: &Places) -> Result<(), Failure> {
    let key = on_keys(places, async |services| {
        services.revoke_key(name.trim_end_matches('…')).await
    })
    .await?;
    printer::note(&format!("revoked the key {} ({})", key.name, key.id));
    Ok(())
}
