//! From `NAME=VALUE` to the input of a run, by the types that the model tells.

use std::path::Path;

use serde_json::{Map, Value};

use crate::Failure;
use crate::cli::client::{Client, text};
use crate::cli::upload;

/// Reads all pairs; files are uploaded when all else is right.
pub(super) async fn read(
    client: &Client,
    model: &Value,
    pairs: &[String],
) -> Result<Map<String, Value>, Failure> {
    let mut given = Vec::new();
    for pair in pairs {
        given.push(Given::parse(pair, model)?);
    }
    let mut input = Map::new();
    for one in given {
        let value = match one.value {
            Part::Value(value) => value,
            Part::File(path) => {
                let asset = upload::upload(client, Path::new(&path)).await?;
                one.kind.reference(text(&asset, "id")?)
            }
        };
        if one.kind == Kind::List {
            let list = input
                .entry(one.name)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(value);
            }
        } else if input.insert(one.name.clone(), value).is_some() {
            let message = format!("the input {} is given twice", one.name);
            return Err(Failure::new(message));
        }
    }
    Ok(input)
}

/// One pair, read.
#[derive(Debug, PartialEq)]
struct Given {
    name: String,
    kind: Kind,
    value: Part,
}

#[derive(Debug, PartialEq)]
enum Part {
    Value(Value),
    File(String),
}

/// What an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The id of an asset.
    AssetId,
    /// A file, by a URL or a reference.
    File,
    /// Several of them.
    List,
    Integer,
    Number,
    Boolean,
    /// Any JSON.
    Json,
    /// A text, or what is not known here: the server judges it.
    Text,
}

impl Kind {
    fn of(name: &str, model: &Value) -> Self {
        if name.ends_with("asset_id") {
            return Self::AssetId;
        }
        let inputs = model["inputs"].as_array().into_iter().flatten();
        let input = inputs.into_iter().find(|input| input["name"] == name);
        let kind = input.and_then(|input| input["variable_type_code"].as_str());
        match kind {
            Some("image" | "video") => Self::File,
            Some("image_list") => Self::List,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            Some("json") => Self::Json,
            _ => Self::Text,
        }
    }

    /// Reads a value that is no file; fails with what it takes.
    fn read(self, text: &str) -> Result<Value, &'static str> {
        let (what, is_meant): (_, fn(&Value) -> bool) = match self {
            Self::AssetId | Self::File | Self::List | Self::Text => {
                return Ok(Value::String(text.to_owned()));
            }
            Self::Integer => ("a whole number", |value| value.is_i64() || value.is_u64()),
            Self::Number => ("a number", Value::is_number),
            Self::Boolean => ("true or false", Value::is_boolean),
            Self::Json => ("JSON", |_| true),
        };
        let read: Option<Value> = serde_json::from_str(text).ok();
        read.filter(is_meant).ok_or(what)
    }

    /// How an uploaded file is named there.
    fn reference(self, id: &str) -> Value {
        Value::String(match self {
            Self::AssetId => id.to_owned(),
            _ => format!("runflow://assets/{id}"),
        })
    }
}

impl Given {
    fn parse(pair: &str, model: &Value) -> Result<Self, Failure> {
        let Some((name, text)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            let message = format!("the input {pair:?} is no NAME=VALUE");
            return Err(Failure::new(message).hint("give something like -i image_url=@photo.jpg"));
        };
        let kind = Kind::of(name, model);
        let value = match (kind, text.strip_prefix('@')) {
            (Kind::AssetId | Kind::File | Kind::List, Some(path)) => Part::File(path.to_owned()),
            _ => Part::Value(kind.read(text).map_err(|what| {
                Failure::new(format!("the input {name} takes {what}, not {text:?}"))
            })?),
        };
        Ok(Self {
            name: name.to_owned(),
            kind,
            value,
        })
    }
}
