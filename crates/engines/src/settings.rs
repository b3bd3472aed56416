//! From the settings of a model file to an engine.
//!
//! Each engine reads the table of its own settings; what the tables of all
//! models have in common is read before, and `${NAME}` is replaced by then. A
//! setting that is not known is refused: a slip must not pass for a default.

use std::sync::Arc;

use runnel_egress::{Egress, Origin};
use runnel_types::words;
use toml::{Table, Value};

use crate::engine::Engine;
use crate::remote::Server;
use crate::{cog, comfyui, http, runflow};

/// How an engine is made: as [`build`] does it.
pub type Build = fn(&str, &str, &Table, &Egress) -> Result<Arc<dyn Engine>, BadSetting>;

/// The engines that a model file may name, beside `builtin`.
pub const ENGINES: &[&str] = &["cog", "comfyui", "http", "runflow"];

/// A setting with which an engine cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct BadSetting {
    /// Where it is in the engine's table, dotted: `url`, `headers.authorization`.
    pub key: String,
    /// What is wrong and what would be right; not the value, which may be secret.
    pub message: String,
}

impl BadSetting {
    /// A setting with which an engine cannot work.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// Makes the engine called `engine` for `model`; `*` stands for all models that
/// are not in the catalogue.
///
/// # Errors
/// The first setting with which the engine cannot work.
pub fn build(
    engine: &str,
    model: &str,
    table: &Table,
    door: &Egress,
) -> Result<Arc<dyn Engine>, BadSetting> {
    match engine {
        "cog" => cog::from_settings(model, table, door),
        "comfyui" => comfyui::from_settings(model, table, door),
        "http" => http::from_settings(model, table, door),
        "runflow" => runflow::from_settings(model, table, door),
        _ => Err(BadSetting::new("engine", words::none_of(ENGINES, engine))),
    }
}

/// The settings of one engine, read by type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    table: &'a Table,
}

impl<'a> Fields<'a> {
    /// Settings of which each must be one of `known`.
    pub(crate) fn new(table: &'a Table, known: &[&str]) -> Result<Self, BadSetting> {
        match table.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(Self { table }),
            Some(key) => {
                let meant = match words::nearest(known, key) {
                    Some(word) => format!("did you mean {word:?}? "),
                    None => String::new(),
                };
                Err(BadSetting::new(
                    key.clone(),
                    format!(
                        "is no setting of this engine; {meant}there are {}",
                        known.join(", ")
                    ),
                ))
            }
        }
    }

    pub(crate) fn text(self, key: &str) -> Result<Option<&'a str>, BadSetting> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
            Some(Value::String(_)) => Err(BadSetting::new(key, "must not be empty")),
            Some(other) => Err(not_a("a text", key, other)),
        }
    }

    pub(crate) fn required(self, key: &str, example: &str) -> Result<&'a str, BadSetting> {
        self.text(key)?
            .ok_or_else(|| BadSetting::new(key, format!("must be given, such as {example:?}")))
    }

    /// One of a few words, or the first of them.
    pub(crate) fn choice<T: Copy>(
        self,
        key: &str,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T, BadSetting> {
        let Some(text) = self.text(key)? else {
            return Ok(default);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            BadSetting::new(key, format!("must be one of {}", known.join(", ")))
        })
    }

    pub(crate) fn table(self, key: &str) -> Result<Option<&'a Table>, BadSetting> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(other) => Err(not_a("a table", key, other)),
        }
    }

    /// A table of texts.
    pub(crate) fn texts_by_name(self, key: &str) -> Result<Vec<(String, String)>, BadSetting> {
        let Some(table) = self.table(key)? else {
            return Ok(Vec::new());
        };
        let read = |(name, value): (&String, &Value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            other => Err(not_a("a text", &format!("{key}.{name}"), other)),
        };
        table.iter().map(read).collect()
    }

    /// A list of texts.
    pub(crate) fn texts(self, key: &str) -> Result<Vec<String>, BadSetting> {
        let items = match self.table.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => return Err(not_a("a list of texts", key, other)),
        };
        let read = |(index, item): (usize, &Value)| match item {
            Value::String(text) => Ok(text.clone()),
            other => Err(not_a("a text", &format!("{key}.{index}"), other)),
        };
        items.iter().enumerate().map(read).collect()
    }

    /// The server that `url`, `headers` and `ca_file` name.
    pub(crate) fn server(self, door: &Egress, example: &str) -> Result<Server, BadSetting> {
        let headers = self.headers()?;
        Ok(Server::new(self.origin(door, example)?, headers))
    }

    fn origin(self, door: &Egress, example: &str) -> Result<Origin, BadSetting> {
        let url = self.required("url", example)?;
        let ca = match self.text("ca_file")? {
            None => None,
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                BadSetting::new("ca_file", format!("{path} cannot be read: {error}"))
            })?),
        };
        // The URL is read alone first, so that a fault is told of the right setting.
        let origin = door
            .to_origin(url, None)
            .map_err(|error| BadSetting::new("url", error.to_string()))?;
        match ca {
            None => Ok(origin),
            Some(pem) => door
                .to_origin(url, Some(&pem))
                .map_err(|error| BadSetting::new("ca_file", error.to_string())),
        }
    }

    fn headers(self) -> Result<Vec<(String, String)>, BadSetting> {
        let headers = self.texts_by_name("headers")?;
        for (name, value) in &headers {
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if !is_name {
                return Err(BadSetting::new(
                    format!("headers.{name}"),
                    "is no name of a header; letters, digits and - are",
                ));
            }
            if !value.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
                return Err(BadSetting::new(
                    format!("headers.{name}"),
                    "the value has a character that a header cannot hold; there may be a line break at its end",
                ));
            }
        }
        Ok(headers)
    }
}

fn not_a(what: &str, key: &str, value: &Value) -> BadSetting {
    BadSetting::new(
        key,
        format!("must be {what}, this is of type {}", value.type_str()),
    )
}

#[cfg(test)]
mod tests {
    use runnel_egress::{EgressConfig, Policy};

    use super::*;

    /// The key and the message with which settings are refused.
    fn refused(engine: &str, settings: &str) -> (String, String) {
        let door = Egress::new(EgressConfig::new(Policy::default())).unwrap();
        let error = build(engine, "acme/it", &settings.parse().unwrap(), &door).unwrap_err();
        (error.key, error.message)
    }

    #[test]
    fn each_wrong_setting_is_named_with_what_would_be_right() {
        for (engine, settings, key, words) in [
            ("htp", "", "engine", "cog, comfyui, http, runflow"),
            ("http", "", "url", "must be given"),
            ("http", "url = 3", "url", "of type integer"),
            ("http", "url = \"\"", "url", "must not be empty"),
            ("http", "url = \"nonsense\"", "url", "URL"),
            ("http", "url = \"ftp://a/\"", "url", "http://"),
            ("http", "url = \"http://u:p@a/\"", "url", "header"),
            (
                "http",
                "url = \"http://a/\"\nuri = 1",
                "uri",
                "did you mean \"url\"?",
            ),
            (
                "http",
                "url = \"http://a/\"\nca_file = \"/no/such\"",
                "ca_file",
                "/no/such cannot be read",
            ),
            (
                "http",
                "url = \"http://a/\"\ninput = \"x\"",
                "input",
                "\"wrapped\"",
            ),
            (
                "http",
                "url = \"http://a/\"\nfiles = \"x\"",
                "files",
                "\"base64\"",
            ),
            (
                "http",
                "url = \"http://a/\"\nmethod = \"GET\"",
                "method",
                "\"POST\"",
            ),
            (
                "http",
                "url = \"http://a/\"\nkeep = \"x\"",
                "keep",
                "list of texts",
            ),
            (
                "http",
                "url = \"http://a/\"\n[headers]\nx = 1",
                "headers.x",
                "a text",
            ),
            (
                "http",
                "url = \"http://a/\"\n[headers]\nx = \"a\\n\"",
                "headers.x",
                "line break",
            ),
            (
                "http",
                "url = \"http://a/\"\n[headers]\n\"x y\" = \"a\"",
                "headers.x y",
                "no name",
            ),
            (
                "http",
                "url = \"http://a/\"\n[response]\nx = 1",
                "response.x",
                "a text",
            ),
            (
                "cog",
                "url = \"http://a/\"\nfiles = \"upload\"",
                "files",
                "\"data_uri\"",
            ),
            (
                "runflow",
                "url = \"http://a/\"\nfiles = \"base64\"",
                "files",
                "\"upload\"",
            ),
            (
                "runflow",
                "url = \"http://a/\"\napi_key = 3",
                "api_key",
                "a text",
            ),
            (
                "runflow",
                "url = \"http://a/\"\napi_key = \"k\"\nremote_model = \"one\"",
                "remote_model",
                "owner/slug",
            ),
        ] {
            let (named, message) = refused(engine, settings);
            assert_eq!(named, key, "{settings}: {message}");
            assert!(message.contains(words), "{settings}: {message}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_told_of_the_file() {
        let folder = std::env::temp_dir();
        let settings = format!("url = \"https://a/\"\nca_file = {:?}", folder.display());
        assert_eq!(refused("http", &settings).0, "ca_file");
    }
}
