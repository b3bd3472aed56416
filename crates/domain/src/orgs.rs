//! Organizations: made by the operator, found by their names.

use runnel_store::Tx;
use runnel_types::{Fault, Org};

use crate::{Services, faults};

/// The longest name, in characters.
const MAX_NAME: usize = 255;

impl Services {
    /// Makes an organization.
    ///
    /// # Errors
    /// `CONFLICT` when there is one of this name, `VALIDATION_ERROR` for a name that
    /// is none.
    pub async fn create_org(&self, name: &str) -> Result<Org, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let (org, is_new) = self.find_or_make_org(&mut tx, name).await?;
        if !is_new {
            let message = format!("there is an organization {} already: {}", org.name, org.id);
            return Err(Fault::conflict(message));
        }
        tx.commit().await.map_err(faults::store)?;
        Ok(org)
    }

    /// Every organization, oldest first, for the operator.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_orgs(&self) -> Result<Vec<Org>, Fault> {
        self.store.read().orgs().list().await.map_err(faults::store)
    }

    /// The organization of this name or slug; made when there is none, and said so.
    /// Two names in other letters are two organizations, although little may be left
    /// of either in a slug.
    pub(crate) async fn find_or_make_org(
        &self,
        tx: &mut Tx,
        name: &str,
    ) -> Result<(Org, bool), Fault> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            let message = format!("must have 1 to {MAX_NAME} characters");
            return Err(Fault::invalid_field("org", "length", message));
        }
        // It stands in lines between tabs, and in the log.
        if name.chars().any(char::is_control) {
            let message = "must not have control characters such as a new line";
            return Err(Fault::invalid_field("org", "characters", message));
        }
        let known = tx.orgs().list().await.map_err(faults::store)?;
        let lower = name.to_lowercase();
        // ORDER: the name first, which may be what the slug of another one is.
        let by_name = known.iter().find(|org| org.name.to_lowercase() == lower);
        if let Some(found) = by_name.or_else(|| known.iter().find(|org| org.slug == name)) {
            return Ok((found.clone(), false));
        }
        let org = Org {
            id: self.ids.next(),
            name: name.to_owned(),
            slug: free(&slug(name), &known),
            created_at: self.now(),
        };
        tx.orgs().insert(&org).await.map_err(faults::store)?;
        Ok((org, true))
    }
}

/// A name in plain letters, for URLs and lists.
fn slug(name: &str) -> String {
    let dashed: String = name
        .to_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let parts: Vec<&str> = dashed.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "org".to_owned()
    } else {
        parts.join("-")
    }
}

/// The slug, with a number behind it when it is taken.
fn free(slug: &str, known: &[Org]) -> String {
    let is_free = |slug: &String| known.iter().all(|org| org.slug != *slug);
    let numbered = (2..).map(|number: u64| format!("{slug}-{number}"));
    let mut all = std::iter::once(slug.to_owned()).chain(numbered);
    // INVARIANT: there are more numbers than organizations.
    all.find(is_free).unwrap_or_else(|| slug.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("Acme & Söhne, Ltd."), "acme-s-hne-ltd");
        assert_eq!(slug("東京"), "org");
    }
}
