//! Variables of the environment that hold the credentials of object stores.

/// Names and values; the values are never shown.
#[derive(Clone, Default)]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    /// What the names of such variables begin with.
    pub const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

    /// Those of `variables` that a store may look at.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = |name: &str| Self::PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        Self(
            variables
                .into_iter()
                .filter(|(name, _)| known(name))
                .collect(),
        )
    }

    /// Those whose names begin with `prefix`.
    pub(crate) fn below(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
