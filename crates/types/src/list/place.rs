//! A place in a list, and the cursor that it is sent as.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{BadList, FieldKind, Sort, Value, quoted, sort_text};

/// The place of a row: its values in the order of the list, and its id.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// One value for each field of the order: a text or an integer.
    pub values: Vec<Value>,
    /// The row.
    pub id: Uuid,
}

impl Place {
    /// The cursor for this place of the list called `list` in the order `sort`.
    pub fn to_cursor(&self, list: &str, sort: &[Sort]) -> String {
        let values: Vec<Json> = self
            .values
            .iter()
            .map(|value| match value {
                Value::Integer(number) => json!(number),
                Value::Text(text) => json!(text),
                Value::Null | Value::Pattern(_) => Json::Null,
            })
            .collect();
        let content = json!([list, sort_text(sort), values, self.id.simple().to_string()]);
        URL_SAFE_NO_PAD.encode(content.to_string())
    }

    /// Reads a cursor of the list called `list` in the order `sort`.
    ///
    /// # Errors
    /// [`BadList`] for one of another list or another order, and for one that
    /// this server did not make.
    pub fn from_cursor(cursor: &str, list: &str, sort: &[Sort]) -> Result<Self, BadList> {
        let strange = || {
            BadList::new(
                "the cursor in pq is not one that this server made; leave pq out to start at the first page",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| strange())?;
        let content: (String, String, Vec<Json>, String) =
            serde_json::from_slice(&bytes).map_err(|_| strange())?;
        let (of_list, of_sort, values, id) = content;
        if of_list != list {
            return Err(BadList::new(format!(
                "the cursor in pq belongs to another list, of {}; leave pq out to start at the first page",
                quoted(&of_list)
            )));
        }
        if of_sort != sort_text(sort) {
            return Err(BadList::new(format!(
                "the cursor in pq belongs to the order {}; keep sort_by as it was, or leave pq out",
                quoted(&of_sort)
            )));
        }
        if values.len() != sort.len() {
            return Err(strange());
        }
        let values = values
            .into_iter()
            .zip(sort)
            .map(|(value, sort)| match (sort.field.kind, value) {
                (FieldKind::Integer | FieldKind::Time, Json::Number(number)) => {
                    number.as_i64().map(Value::Integer)
                }
                (FieldKind::Text | FieldKind::Id | FieldKind::Word(_), Json::String(text)) => {
                    Some(Value::Text(text))
                }
                _ => None,
            })
            .collect::<Option<Vec<Value>>>()
            .ok_or_else(strange)?;
        let id = Uuid::try_parse(&id).map_err(|_| strange())?;
        Ok(Self { values, id })
    }
}
