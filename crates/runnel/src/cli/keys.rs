//! `runnel keys`: makes, lists and revokes API keys.

use runnel_types::Scope;

use super::KeysCommand;
use crate::config::Places;
use crate::wire::{Environment, open_services};
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

async fn services(places: &Places) -> Result<std::sync::Arc<runnel_domain::Services>, Failure> {
    open_services(&places.settings(), &Environment::system(), String::new()).await
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
    let services = services(places).await?;
    let key = services.create_key(org, name, &scopes).await?;
    services.store.close().await;
    printer::data(&key.plain);
    printer::note(&format!(
        "made the key {} ({}); it is shown this once",
        key.record.name, key.record.id
    ));
    Ok(())
}

async fn list(places: &Places) -> Result<(), Failure> {
    let services = services(places).await?;
    for (org, key) in services.list_keys().await? {
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
    services.store.close().await;
    Ok(())
}

async fn revoke(name: &str, places: &Places) -> Result<(), Failure> {
    let services = services(places).await?;
    let key = services.revoke_key(name.trim_end_matches('…')).await?;
    services.store.close().await;
    printer::note(&format!("revoked the key {} ({})", key.name, key.id));
    Ok(())
}
