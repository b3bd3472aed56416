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
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Arguments, Row as _};

use crate::error::StoreError;

/// Announces an escaped character. A noncharacter, so it hardly ever occurs itself.
const ESCAPE: char = '\u{FFFE}';

/// The parameters of a statement, in the order of their numbers.
#[derive(Default)]
pub(crate) struct Args(pub(crate) AnyArguments);

impl Args {
    /// No parameters yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn add<T>(mut self, value: T) -> Self
    where
        T: for<'q> sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any>,
    {
        // INVARIANT: encoding integers and text only appends to a list.
        self.0.add(value).expect("integers and text can be encoded");
        self
    }

    /// A number, a count, a flag.
    pub(crate) fn int(self, value: i64) -> Self {
        self.add(value)
    }

    /// A number that may be absent.
    pub(crate) fn opt_int(self, value: Option<i64>) -> Self {
        self.add(value)
    }

    /// A count of bytes or pixels; one beyond 8 EiB is taken for 8 EiB.
    pub(crate) fn size(self, value: u64) -> Self {
        self.add(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// A time.
    pub(crate) fn time(self, value: Timestamp) -> Self {
        self.add(value.as_micros())
    }

    /// A time that may be absent.
    pub(crate) fn opt_time(self, value: Option<Timestamp>) -> Self {
        self.add(value.map(Timestamp::as_micros))
    }

    /// Text that a person or a program gave.
    pub(crate) fn text(self, value: &str) -> Self {
        self.add(escape(value).into_owned())
    }

    /// Text that may be absent.
    pub(crate) fn opt_text(self, value: Option<&str>) -> Self {
        self.add(value.map(|text| escape(text).into_owned()))
    }

    /// An id, or a word of an enum.
    pub(crate) fn word(self, value: impl Display) -> Self {
        self.add(value.to_string())
    }

    /// An id or a word that may be absent.
    pub(crate) fn opt_word(self, value: Option<impl Display>) -> Self {
        self.add(value.map(|value| value.to_string()))
    }

    /// JSON.
    pub(crate) fn json(self, value: &Value) -> Self {
        self.add(value.to_string())
    }

    /// JSON that may be absent.
    pub(crate) fn opt_json(self, value: Option<&Value>) -> Self {
        self.add(value.map(Value::to_string))
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

fn unescape(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    text.replace("\u{FFFE}0", "\0")
        .replace("\u{FFFE}1", "\u{FFFE}")
}

/// A row of `table`, whose first column is its key.
pub(crate) struct Row {
    table: &'static str,
    row: AnyRow,
}

impl Row {
    /// Takes a row of `table`.
    pub(crate) const fn new(table: &'static str, row: AnyRow) -> Self {
        Self { table, row }
    }

    fn corrupt(&self, column: &'static str, reason: impl Display) -> StoreError {
        let row = self
            .row
            .try_get::<String, _>(0)
            .unwrap_or_else(|_| "without a readable key".to_owned());
        StoreError::Corrupt {
            table: self.table,
            column,
            row,
            reason: reason.to_string(),
        }
    }

    fn get<'r, T>(&'r self, column: &'static str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
    {
        self.row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A number.
    pub(crate) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.get(column)
    }

    /// A number that may be absent.
    pub(crate) fn opt_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.get(column)
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
        self.get(column).map(unescape)
    }

    /// Text that may be absent.
    pub(crate) fn opt_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.get::<Option<String>>(column)
            .map(|text| text.map(unescape))
    }

    /// An id, or a word of an enum.
    pub(crate) fn word<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        text.parse().map_err(|error| self.corrupt(column, error))
    }

    /// An id or a word that may be absent.
    pub(crate) fn opt_word<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| text.parse().map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    /// JSON.
    pub(crate) fn json(&self, column: &'static str) -> Result<Value, StoreError> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| self.corrupt(column, error))
    }

    /// JSON that may be absent.
    pub(crate) fn opt_json(&self, column: &'static str) -> Result<Option<Value>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    /// Several words, separated by spaces.
    pub(crate) fn words<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        let text: String = self.get(column)?;
        text.split_whitespace()
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
            assert_eq!(unescape(stored), text);
        }
    }
}
