//! `${NAME}` in a model file: secrets stand in the environment, not in files.

use std::collections::BTreeMap;
use std::fmt;

/// Names and values of the environment; the values are never shown.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// These variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The text with each `${NAME}` replaced; `$${` stands for `${`. What was
    /// put in is told too, so that it can be kept out of messages.
    ///
    /// # Errors
    /// Which variable is missing, or what is no name of one.
    pub(super) fn expand(&self, text: &str, used: &mut Used) -> Result<String, String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = after;
                continue;
            }
            expanded.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                return Err(
                    "has a ${ without its }; write $${ for the two signs themselves".to_owned(),
                );
            };
            let is_name =
                !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
            if !is_name {
                return Err(format!(
                    "has ${{{name}}}, which is no name of a variable; write $${{ for the two signs themselves"
                ));
            }
            let value = self.0.get(name).filter(|value| !value.is_empty());
            let Some(value) = value else {
                return Err(format!(
                    "needs the variable {name}, which is not set in the server's environment"
                ));
            };
            used.0.push((name.to_owned(), value.clone()));
            expanded.push_str(value);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// The variables that were put into a table.
#[derive(Default)]
pub(super) struct Used(Vec<(String, String)>);

impl Used {
    /// The message with names where it repeats values.
    pub(super) fn hide(&self, message: &str) -> String {
        let mut hidden = message.to_owned();
        // What is shorter is no secret, and would be found within words.
        for (name, value) in self.0.iter().filter(|(_, value)| value.len() > 3) {
            hidden = hidden.replace(value, &format!("${{{name}}}"));
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let variables = Variables::of([pair("TOKEN", "s3cret"), pair("EMPTY", "")]);
        variables.expand(text, &mut Used::default())
    }

    #[test]
    fn variables_are_put_in_and_the_missing_are_named() {
        for (text, expected) in [
            ("", ""),
            ("Bearer ${TOKEN}", "Bearer s3cret"),
            ("${TOKEN}${TOKEN}!", "s3crets3cret!"),
            ("$TOKEN {TOKEN} $", "$TOKEN {TOKEN} $"),
            ("$${TOKEN} is ${TOKEN}", "${TOKEN} is s3cret"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, word) in [
            ("${NOT_THERE}", "NOT_THERE"),
            ("${EMPTY}", "EMPTY"),
            ("${", "without its }"),
            ("${TOKEN", "without its }"),
            ("${}", "no name"),
            ("${A B}", "no name"),
        ] {
            let message = expand(text).unwrap_err();
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn values_are_kept_out_of_messages_and_logs() {
        let variables = Variables::of([("TOKEN".to_owned(), "s3cret".to_owned())]);
        assert_eq!(format!("{variables:?}"), "[\"TOKEN\"]");
        let mut used = Used::default();
        variables.expand("x${TOKEN}", &mut used).unwrap();
        assert_eq!(used.hide("xs3cret is no URL"), "x${TOKEN} is no URL");
    }
}
