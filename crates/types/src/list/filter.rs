//! The filter of a list, read and checked.

use super::Field;

/// Which rows are wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these hold; none given: every row.
    All(Vec<Filter>),
    /// One of these holds at least.
    Any(Vec<Filter>),
    /// This does not hold. A row that lacks the field counts.
    Not(Box<Filter>),
    /// A comparison.
    Test(Test),
}

/// A field against a value. The value is of the field's kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The field.
    pub field: &'static Field,
    /// How they are compared.
    pub operator: Operator,
    /// With what.
    pub value: Value,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal; with [`Value::Pattern`], of that form.
    Equal,
    /// Greater.
    Greater,
    /// Greater or equal.
    AtLeast,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: the field is absent.
    Null,
    /// A text, a word or an id.
    Text(String),
    /// A number, or an instant in microseconds since 1970.
    Integer(i64),
    /// The form of a text.
    Pattern(Vec<Piece>),
}

/// A piece of the form of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These characters.
    Exactly(String),
    /// Any character.
    One,
    /// Any number of characters.
    Many,
}
