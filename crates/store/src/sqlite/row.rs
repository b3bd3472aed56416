//! A row of SQLite, copied out so that it outlives its statement.

use std::sync::Arc;

use rusqlite::types::ValueRef;

/// A row.
#[derive(Debug)]
pub struct SqliteRow {
    /// What the columns are called, shared by the rows of a statement.
    names: Arc<[String]>,
    cells: Box<[Cell]>,
}

#[derive(Debug)]
enum Cell {
    Empty,
    Int(i64),
    Text(String),
    /// Nothing that this program writes; what it is instead.
    Strange(&'static str),
}

impl SqliteRow {
    /// What the columns of a statement's rows are called.
    pub(crate) fn names(row: &rusqlite::Row<'_>) -> Arc<[String]> {
        let names = row.as_ref().column_names();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Copies a row.
    pub(crate) fn read(names: &Arc<[String]>, row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let cells = (0..names.len())
            .map(|index| row.get_ref(index).map(cell))
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            names: Arc::clone(names),
            cells,
        })
    }

    fn cell(&self, column: &str) -> Result<&Cell, String> {
        let index = self.names.iter().position(|name| name == column);
        index
            .and_then(|index| self.cells.get(index))
            .ok_or_else(|| "there is no such column".to_owned())
    }

    /// The number in a column, or why there is none to be had.
    pub(crate) fn int(&self, column: &str) -> Result<Option<i64>, String> {
        match self.cell(column)? {
            Cell::Empty => Ok(None),
            Cell::Int(number) => Ok(Some(*number)),
            Cell::Text(_) => Err("it holds text in the place of a number".to_owned()),
            Cell::Strange(what) => Err(format!("it holds {what} in the place of a number")),
        }
    }

    /// The text in a column, or why there is none to be had.
    pub(crate) fn text(&self, column: &str) -> Result<Option<&str>, String> {
        match self.cell(column)? {
            Cell::Empty => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            Cell::Int(_) => Err("it holds a number in the place of text".to_owned()),
            Cell::Strange(what) => Err(format!("it holds {what} in the place of text")),
        }
    }

    /// The text in the first column, if it is one.
    pub(crate) fn key(&self) -> Option<&str> {
        match self.cells.first() {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Empty,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Strange("bytes that are not UTF-8"),
        },
        ValueRef::Real(_) => Cell::Strange("a fraction"),
        ValueRef::Blob(_) => Cell::Strange("bytes"),
    }
}
