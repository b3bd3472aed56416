//! `runnel orgs`: makes and lists organizations.

use super::{OrgsCommand, keys};
use crate::{Failure, printer};

/// Runs one of the commands.
pub(super) async fn run(command: OrgsCommand) -> Result<(), Failure> {
    match command {
        OrgsCommand::Create { name, places } => {
            let org = keys::on_keys(&places, async |services| services.create_org(&name).await);
            let org = org.await?;
            printer::data(&org.id.to_string());
            printer::note(&format!(
                "made the organization {} ({}); runnel keys create --org {} makes a key of it",
                org.name, org.slug, org.slug
            ));
        }
        OrgsCommand::List { places } => {
            let all = keys::on_keys(&places, async |services| services.list_orgs().await);
            for org in all.await? {
                printer::data(&format!(
                    "{}\t{}\t{}\t{}",
                    org.id, org.slug, org.name, org.created_at
                ));
            }
        }
    }
    Ok(())
}
