//! Reads the filter language: `field:value`, comparisons, `AND`, `OR`, `NOT`.
//!
//! SPEC: `a:b AND (c>1 OR NOT d:"e f")`, and the long form `a.EQ:'b'` with
//! `EQ`, `NE`, `GT`, `GTE`, `LT`, `LTE`, `IN` and `LIKE` in any case.

use super::filter::{Filter, Operator, Piece, Test, Value};
use super::token::{Placed, Token, tokens};
use super::{BadList, Field, FieldKind, find, quoted};
use crate::time::Timestamp;

/// The longest filter, in characters.
const LONGEST: usize = 4096;
/// How deep parentheses and `NOT` may go.
const DEEPEST: usize = 32;
/// The most comparisons, values of `IN` included.
const MOST_TESTS: usize = 100;

/// Reads a filter over `fields`; `None` when it is empty.
///
/// # Errors
/// [`BadList`], which says where: in characters from the beginning, from 1.
pub fn parse_filter(text: &str, fields: &'static [Field]) -> Result<Option<Filter>, BadList> {
    let length = text.chars().count();
    if length > LONGEST {
        return Err(BadList::new(format!(
            "q has {length} characters, the limit is {LONGEST}"
        )));
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        fields,
        tokens,
        next: 0,
        end: length,
        tests: 0,
    };
    let filter = parser.any(0)?;
    match parser.peek() {
        None => Ok(Some(filter)),
        Some(Token::Close) => Err(parser.wrong("this parenthesis was never opened")),
        Some(_) => Err(parser.wrong("put AND or OR between two comparisons")),
    }
}

/// The filter of the query parameter `name`, which is a field of that name;
/// `null` finds the rows that lack it.
///
/// # Errors
/// [`BadList`] for a value that the field never has.
pub fn equals(name: &str, text: &str, fields: &'static [Field]) -> Result<Filter, BadList> {
    let field = find(fields, name).map_err(BadList::new)?;
    if text == "null" && field.nullable {
        return Ok(test(field, Operator::Equal, Value::Null));
    }
    read(field, text)
        .map(|value| test(field, Operator::Equal, value))
        .map_err(BadList::new)
}

struct Parser {
    fields: &'static [Field],
    tokens: Vec<Placed>,
    next: usize,
    end: usize,
    tests: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn wrong(&self, message: impl std::fmt::Display) -> BadList {
        self.wrong_at(self.next, message)
    }

    fn wrong_at(&self, token: usize, message: impl std::fmt::Display) -> BadList {
        let at = self.tokens.get(token).map_or(self.end, |placed| placed.at);
        BadList::new(format!("q, character {}: {message}", at + 1))
    }

    /// Takes the next word when it is `keyword`.
    fn accept(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Filter, BadList> {
        let mut parts = vec![self.all(depth)?];
        while self.accept("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Filter::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, BadList> {
        let mut parts = vec![self.one(depth)?];
        while self.accept("AND") {
            parts.push(self.one(depth)?);
        }
        Ok(one_or(parts, Filter::All))
    }

    fn one(&mut self, depth: usize) -> Result<Filter, BadList> {
        if depth > DEEPEST {
            return Err(self.wrong(format!("this is nested deeper than {DEEPEST} levels")));
        }
        if self.accept("NOT") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.peek() == Some(&Token::Open) {
            let opened = self.next;
            self.next += 1;
            let inner = self.any(depth + 1)?;
            return match self.take() {
                Some(Token::Close) => Ok(inner),
                None => Err(self.wrong_at(opened, "this parenthesis is never closed")),
                Some(_) => {
                    Err(self.wrong_at(self.next - 1, "put AND or OR between two comparisons"))
                }
            };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Filter, BadList> {
        let begin = self.next;
        let Some(Token::Word(name)) = self.take() else {
            return Err(self.wrong_at(begin, "a comparison such as name:shoe.png is missing here"));
        };
        let (name, long) = match name.split_once('.') {
            Some((name, operator)) => (name.to_owned(), Some(operator.to_ascii_uppercase())),
            None => (name, None),
        };
        let field = find(self.fields, &name).map_err(|message| self.wrong_at(begin, message))?;
        let Some(Token::Sign(sign)) = self.take() else {
            let message = format!("after {name} one of : = != > < >= <= is missing");
            return Err(self.wrong_at(begin + 1, message));
        };
        let Some(long) = long else {
            return self.short_form(field, sign);
        };
        if sign != ":" {
            let message = format!("after {name}.EQ and its like a colon is missing");
            return Err(self.wrong_at(begin + 1, message));
        }
        let operator = match long.as_str() {
            "EQ" => Operator::Equal,
            "GT" => Operator::Greater,
            "GTE" => Operator::AtLeast,
            "LT" => Operator::Less,
            "LTE" => Operator::AtMost,
            "NE" => {
                let equal = self.test(field, Operator::Equal, false)?;
                return Ok(Filter::Not(Box::new(equal)));
            }
            "IN" => return self.one_of(field),
            "LIKE" => return self.like(field),
            _ => {
                return Err(self.wrong_at(
                    begin,
                    format!(
                        "there is no operator {}; there are EQ, NE, GT, GTE, LT, LTE, IN and LIKE",
                        quoted(&long)
                    ),
                ));
            }
        };
        self.test(field, operator, false)
    }

    fn short_form(&mut self, field: &'static Field, sign: &str) -> Result<Filter, BadList> {
        let operator = match sign {
            ">" => Operator::Greater,
            ">=" => Operator::AtLeast,
            "<" => Operator::Less,
            "<=" => Operator::AtMost,
            "!=" => {
                let equal = self.test(field, Operator::Equal, true)?;
                return Ok(Filter::Not(Box::new(equal)));
            }
            _ => Operator::Equal,
        };
        self.test(field, operator, true)
    }

    /// The next value, and whether it was between quotes.
    fn value(&mut self) -> Result<(String, bool), BadList> {
        self.tests += 1;
        if self.tests > MOST_TESTS {
            return Err(self.wrong(format!("more than {MOST_TESTS} comparisons")));
        }
        match self.take() {
            Some(Token::Word(text)) => Ok((text, false)),
            Some(Token::Quoted(text)) => Ok((text, true)),
            _ => Err(self.wrong_at(
                self.next - 1,
                "a value is missing here; put one with spaces or signs between quotes",
            )),
        }
    }

    fn test(
        &mut self,
        field: &'static Field,
        operator: Operator,
        wildcards: bool,
    ) -> Result<Filter, BadList> {
        let begin = self.next;
        let (text, quoted) = self.value()?;
        let at = |message: String| self.wrong_at(begin, message);
        if text == "null" && !quoted {
            if operator != Operator::Equal {
                return Err(at("null can only be compared with : or =".to_owned()));
            }
            return Ok(test(field, operator, Value::Null));
        }
        if wildcards && !quoted && text.contains('*') {
            if field.kind != FieldKind::Text || operator != Operator::Equal {
                return Err(at(format!(
                    "a wildcard can only be used with : on a text, and {} is none or the sign is another",
                    field.name
                )));
            }
            return Ok(test(
                field,
                operator,
                Value::Pattern(pieces(&text, '*', None)),
            ));
        }
        literal(field, operator, &text).map_err(at)
    }

    fn one_of(&mut self, field: &'static Field) -> Result<Filter, BadList> {
        let mut parts = Vec::new();
        if self.peek() == Some(&Token::Open) {
            self.next += 1;
            loop {
                parts.push(self.test(field, Operator::Equal, false)?);
                match self.take() {
                    Some(Token::Comma) => {}
                    Some(Token::Close) => break,
                    _ => {
                        return Err(self.wrong_at(
                            self.next - 1,
                            "a comma or a closing parenthesis is missing here",
                        ));
                    }
                }
            }
        } else {
            let begin = self.next;
            let (text, _) = self.value()?;
            for part in text.split(',') {
                self.tests += 1;
                if self.tests > MOST_TESTS {
                    return Err(self.wrong_at(begin, format!("more than {MOST_TESTS} comparisons")));
                }
                let value = literal(field, Operator::Equal, part.trim());
                parts.push(value.map_err(|message| self.wrong_at(begin, message))?);
            }
        }
        Ok(one_or(parts, Filter::Any))
    }

    fn like(&mut self, field: &'static Field) -> Result<Filter, BadList> {
        let begin = self.next;
        let (text, _) = self.value()?;
        if field.kind != FieldKind::Text {
            return Err(self.wrong_at(
                begin,
                format!("{} is no text, so LIKE cannot be used", field.name),
            ));
        }
        let pattern = Value::Pattern(pieces(&text, '%', Some('_')));
        Ok(test(field, Operator::Equal, pattern))
    }
}

fn test(field: &'static Field, operator: Operator, value: Value) -> Filter {
    Filter::Test(Test {
        field,
        operator,
        value,
    })
}

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

/// Splits a pattern at its wildcards.
fn pieces(text: &str, many: char, one: Option<char>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for c in text.chars() {
        let piece = match c {
            c if c == many => Piece::Many,
            c if Some(c) == one => Piece::One,
            c => Piece::Exactly(c.to_string()),
        };
        match (pieces.last_mut(), piece) {
            (Some(Piece::Exactly(before)), Piece::Exactly(more)) => before.push_str(&more),
            (Some(Piece::Many), Piece::Many) => {}
            (_, piece) => pieces.push(piece),
        }
    }
    pieces
}

/// A comparison with what is written there.
fn literal(field: &'static Field, operator: Operator, text: &str) -> Result<Filter, String> {
    match day(field, operator, text) {
        Some(filter) => Ok(filter),
        None => read(field, text).map(|value| test(field, operator, value)),
    }
}

/// A date alone means the whole day, in UTC.
fn day(field: &'static Field, operator: Operator, text: &str) -> Option<Filter> {
    if field.kind != FieldKind::Time {
        return None;
    }
    let (begin, end) = Timestamp::day(text)?;
    let at =
        |operator, instant: Timestamp| test(field, operator, Value::Integer(instant.as_micros()));
    Some(match operator {
        Operator::Equal => Filter::All(vec![at(Operator::AtLeast, begin), at(Operator::Less, end)]),
        Operator::Greater => at(Operator::AtLeast, end),
        Operator::AtLeast => at(Operator::AtLeast, begin),
        Operator::Less => at(Operator::Less, begin),
        Operator::AtMost => at(Operator::Less, end),
    })
}

/// Reads a value of the field's kind.
fn read(field: &Field, text: &str) -> Result<Value, String> {
    let name = field.name;
    match field.kind {
        FieldKind::Text => Ok(Value::Text(text.to_owned())),
        FieldKind::Id => uuid::Uuid::try_parse(text)
            .map(|id| Value::Text(id.to_string()))
            .map_err(|_| format!("{name} is compared with a UUID, and {} is none", quoted(text))),
        FieldKind::Word(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
        FieldKind::Word(words) => Err(format!(
            "{name} is never {}; it is one of {}",
            quoted(text),
            words.join(", ")
        )),
        FieldKind::Integer => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("{name} is compared with a whole number, and {} is none", quoted(text))),
        FieldKind::Time => text
            .parse::<Timestamp>()
            .map(|instant| Value::Integer(instant.as_micros()))
            .map_err(|_| {
                format!("{name} is compared with a time such as 2026-04-01 or 2026-04-01T10:00:00Z, and {} is none", quoted(text))
            }),
    }
}
