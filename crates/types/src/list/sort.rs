//! The order of a list: `created_at:desc,name`.

use super::{BadList, Field, find, quoted};

/// The most fields of an order.
const MOST: usize = 4;

/// One field of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The field.
    pub field: &'static Field,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// Reads an order over `fields`.
///
/// # Errors
/// [`BadList`] for a field that is none or cannot be ordered by, one named
/// twice, and a direction other than `asc` and `desc`.
pub fn parse_sort(text: &str, fields: &'static [Field]) -> Result<Vec<Sort>, BadList> {
    let mut sort: Vec<Sort> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (name, direction) = part.split_once(':').unwrap_or((part, "asc"));
        let field =
            find(fields, name).map_err(|message| BadList::new(format!("sort_by: {message}")))?;
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => {
                return Err(BadList::new(format!(
                    "sort_by: {} is no direction; use {name}:asc or {name}:desc",
                    quoted(direction)
                )));
            }
        };
        if !field.sortable {
            let names: Vec<&str> = fields
                .iter()
                .filter(|field| field.sortable)
                .map(|field| field.name)
                .collect();
            return Err(BadList::new(format!(
                "sort_by: a list cannot be ordered by {name}; it can by {}",
                names.join(", ")
            )));
        }
        if sort.iter().any(|sort| sort.field == field) {
            return Err(BadList::new(format!("sort_by: {name} is there twice")));
        }
        if sort.len() == MOST {
            return Err(BadList::new(format!("sort_by: more than {MOST} fields")));
        }
        sort.push(Sort { field, descending });
    }
    Ok(sort)
}

/// The order as it is written.
pub fn sort_text(sort: &[Sort]) -> String {
    let parts: Vec<String> = sort
        .iter()
        .map(|sort| {
            let direction = if sort.descending { "desc" } else { "asc" };
            format!("{}:{direction}", sort.field.name)
        })
        .collect();
    parts.join(",")
}
