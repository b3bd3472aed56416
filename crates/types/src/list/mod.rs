//! Lists: what may be asked of one, and what was asked.
//!
//! Each kind of resource declares its [`Field`]s once; the filter language, the
//! orders and the SQL all come from that table. A page begins at a [`Place`],
//! the values of the last row seen, not at a count of rows: inserts neither
//! shift nor repeat rows, and a page costs the same at any depth.

mod filter;
mod parser;
mod place;
mod rows;
mod sort;
mod token;

pub use filter::{Filter, Operator, Piece, Test, Value};
pub use parser::{equals, parse_filter};
pub use place::Place;
pub use rows::{cut_page, page_of};
pub use sort::{Sort, parse_sort, sort_text};

/// The most characters of what was sent that a message repeats.
const MOST_QUOTED: usize = 60;

/// What a field of a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text; wildcards may be used.
    Text,
    /// A UUID.
    Id,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number.
    Integer,
    /// An instant.
    Time,
}

/// A field by which a list may be filtered.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the API.
    pub name: &'static str,
    /// Its name in the database.
    pub column: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it may be absent: `field:null` finds those where it is.
    pub nullable: bool,
    /// Whether a list may be ordered by it.
    pub sortable: bool,
}

impl Field {
    /// A field that every row has and that a list may be ordered by.
    pub const fn new(name: &'static str, kind: FieldKind) -> Self {
        Self {
            name,
            column: name,
            kind,
            nullable: false,
            sortable: true,
        }
    }

    /// The same field, absent in some rows.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }

    /// The same field, by which nobody needs to order a list.
    #[must_use]
    pub const fn unsortable(self) -> Self {
        Self {
            sortable: false,
            ..self
        }
    }

    /// The same field, under another name in the database.
    #[must_use]
    pub const fn stored_as(self, column: &'static str) -> Self {
        Self { column, ..self }
    }
}

/// A part of a request for a list that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadList {
    /// What is wrong and what would be right, with its place.
    pub message: String,
}

impl BadList {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Which rows are wanted, in which order, from which place on.
#[derive(Debug, Clone, PartialEq)]
pub struct ListRequest {
    /// Rows on the page, 1 to 500.
    pub limit: u32,
    /// The order; the id decides among equals, in the direction of the last.
    pub sort: Vec<Sort>,
    /// Which rows.
    pub filter: Option<Filter>,
    /// The place to go on from; the first page when absent.
    pub place: Option<Place>,
    /// Walks towards the beginning instead of the end.
    pub backward: bool,
}

/// A kind of resource that is listed.
pub trait Listed {
    /// What the list is called: cursors of one list are refused by another.
    const LIST: &'static str;
    /// What it may be filtered and ordered by.
    const FIELDS: &'static [Field];
    /// Fields that are also query parameters of their own.
    const SHORTCUTS: &'static [&'static str];
    /// Its order when nothing is said: the newest first, for most.
    const DEFAULT_SORT: &'static str = "created_at:desc";
}

/// The field called `name`, or a message that names the nearest ones.
pub(crate) fn find(fields: &'static [Field], name: &str) -> Result<&'static Field, String> {
    fields
        .iter()
        .find(|field| field.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
            format!(
                "there is no field {}; the fields are {}",
                quoted(name),
                names.join(", ")
            )
        })
}

/// What somebody sent, for a message: between quotes, and of a long one only
/// the beginning.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests;
