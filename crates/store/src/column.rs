//! Values into statements and out of rows: ids, times, words, JSON.
//!
//! Only text and 64-bit integers cross the border, each parameter always as the
//! same one of the two: PostgreSQL prepares a statement for the types of its
//! first use and would misread others later.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use runnel_types::Timestamp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::error::StoreError;
use crate::sqlite::SqliteRow;

/// Announces an escaped character. A noncharacter, so it hardly ever occurs itself.
const ESCAPE: char = '\u{FFFE}';

/// A parameter of a statement.
#[derive(Clone)]
pub(crate) enum Parameter {
    /// A number, or none.
    Int(Option<i64>),
    /// A text, or none.
    Text(Option<String>),
}

/// The parameters of a statement, in the order of their numbers.
#[derive(Default)]
pub(crate) struct Args(pub(crate) Vec<Parameter>);

impl Args {
    /// No parameters yet.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    fn number(mut self, value: Option<i64>) -> Self {
        self.0.push(Parameter::Int(value));
        self
    }

    fn words(mut self, value: Option<String>) -> Self {
        self.0.push(Parameter::Text(value));
        self
    }

    /// A number, a count, a flag.
    pub(crate) fn int(self, value: i64) -> Self {
        self.number(Some(value))
    }

    /// A number that may be absent.
    pub(crate) fn opt_int(self, value: Option<i64>) -> Self {
        self.number(value)
    }

    /// A count of bytes or pixels; one beyond 8 EiB is taken for 8 EiB.
    pub(crate) fn size(self, value: u64) -> Self {
        self.int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// A time.
    pub(crate) fn time(self, value: Timestamp) -> Self {
        self.int(value.as_micros())
    }

    /// A time that may be absent.
    pub(crate) fn opt_time(self, value: Option<Timestamp>) -> Self {
        self.number(value.map(Timestamp::as_micros))
    }

    /// Text that a person or a program gave.
    pub(crate) fn text(self, value: &str) -> Self {
        self.opt_text(Some(value))
    }

    /// Text that may be absent.
    pub(crate) fn opt_text(self, value: Option<&str>) -> Self {
        self.words(value.map(|text| escape(text).into_owned()))
    }

    /// An id, or a word of an enum.
    pub(crate) fn word(self, value: impl Display) -> Self {
        self.words(Some(value.to_string()))
    }

    /// An id or a word that may be absent.
    pub(crate) fn opt_word(self, value: Option<impl Display>) -> Self {
        self.words(value.map(|value| value.to_string()))
    }

    /// JSON.
    pub(crate) fn json(self, value: &Value) -> Self {
        self.words(Some(value.to_string()))
    }

    /// JSON that may be absent.
    pub(crate) fn opt_json(self, value: Option<&Value>) -> Self {
        self.words(value.map(Value::to_string))
    }
}

/// PostgreSQL's text cannot hold NUL, and names that people give may: it is
/// escaped on both engines, so that both keep the same.
fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, '1']),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

fn unescape(text: &str) -> String {
    if !text.contains(ESCAPE) {
        return text.to_owned();
    }
    text.replace("\u{FFFE}0", "\0")
        .replace("\u{FFFE}1", "\u{FFFE}")
}

/// A row as its engine gave it.
#[derive(Debug)]
pub enum RawRow {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

impl RawRow {
    /// The number in a column, or why there is none to be had.
    fn int(&self, column: &str) -> Result<Option<i64>, String> {
        match self {
            Self::Sqlite(row) => row.int(column),
            Self::Postgres(row) => row.try_get(column).map_err(|error| error.to_string()),
        }
    }

    /// The text in a column, or why there is none to be had.
    fn text(&self, column: &str) -> Result<Option<&str>, String> {
        match self {
            Self::Sqlite(row) => row.text(column),
            Self::Postgres(row) => row.try_get(column).map_err(|error| error.to_string()),
        }
    }

    /// The text in the first column, if it is one.
    fn key(&self) -> Option<&str> {
        match self {
            Self::Sqlite(row) => row.key(),
            Self::Postgres(row) => row.try_get(0).ok(),
        }
    }
}

/// A row of `table`, whose first column is its key.
pub(crate) struct Row {
    table: &'static str,
    row: RawRow,
}

impl Row {
    /// Takes a row of `table`.
    pub(crate) const fn new(table: &'static str, row: RawRow) -> Self {
        Self { table, row }
    }

    fn corrupt(&self, column: &'static str, reason: impl Display) -> StoreError {
        let row = self
            .row
            .key()
            .unwrap_or("without a readable key")
            .to_owned();
        StoreError::Corrupt {
            table: self.table,
            column,
            row,
            reason: reason.to_string(),
        }
    }

    fn present<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(column, "it is empty"))
    }

    fn opt_str(&self, column: &'static str) -> Result<Option<&str>, StoreError> {
        self.row
            .text(column)
            .map_err(|reason| self.corrupt(column, reason))
    }

    fn str(&self, column: &'static str) -> Result<&str, StoreError> {
        self.present(column, self.opt_str(column)?)
    }

    /// A number.
    pub(crate) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.present(column, self.opt_int(column)?)
    }

    /// A number that may be absent.
    pub(crate) fn opt_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.row
            .int(column)
            .map_err(|reason| self.corrupt(column, reason))
    }

    /// A number of a narrower type.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        let number = self.int(column)?;
        T::try_from(number)
            .map_err(|_| self.corrupt(column, format_args!("{number} is out of range")))
    }

    /// A number of a narrower type that may be absent.
    pub(crate) fn opt_number<T: TryFrom<i64>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.opt_int(column)?
            .map(|_| self.number(column))
            .transpose()
    }

    /// A time.
    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// A time that may be absent.
    pub(crate) fn opt_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.opt_int(column)
            .map(|micros| micros.map(Timestamp::from_micros))
    }

    /// Text.
    pub(crate) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.str(column).map(unescape)
    }

    /// Text that may be absent.
    pub(crate) fn opt_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.opt_str(column).map(|text| text.map(unescape))
    }

    /// An id, or a word of an enum.
    pub(crate) fn word<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.str(column)?
            .parse()
            .map_err(|error| self.corrupt(column, error))
    }

    /// An id or a word that may be absent.
    pub(crate) fn opt_word<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.opt_str(column)?
            .map(|text| text.parse().map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    /// JSON.
    pub(crate) fn json(&self, column: &'static str) -> Result<Value, StoreError> {
        serde_json::from_str(self.str(column)?).map_err(|error| self.corrupt(column, error))
    }

    /// JSON that may be absent.
    pub(crate) fn opt_json(&self, column: &'static str) -> Result<Option<Value>, StoreError> {
        self.opt_str(column)?
            .map(|text| serde_json::from_str(text).map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    /// Several words, separated by spaces.
    pub(crate) fn words<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.str(column)?
            .split_whitespace()
            .map(|word| word.parse().map_err(|error| self.corrupt(column, error)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_and_none_reaches_the_database_with_a_nul() {
        for text in [
            "",
            "plain",
            "a\0b",
            "\0\0",
            "\u{FFFE}",
            "\u{FFFE}0",
            "\u{FFFE}1\0",
            "🦀\u{FFFE}\0",
        ] {
            let stored = escape(text).into_owned();
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(unescape(&stored), text);
        }
    }
}
