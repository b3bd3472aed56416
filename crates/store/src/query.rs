//! Lists: a request for a page becomes a statement, whatever its filter and order.
//!
//! Every word of the statement is a constant of this program; what somebody
//! gave is a parameter. A page begins at the values of the last row seen, so
//! with an index in the order of the list it costs the same at any depth.

use runnel_types::list::{
    Field, FieldKind, Filter, ListRequest, Operator, Piece, Place, Sort, Test, Value, cut_page,
};
use runnel_types::{OrgId, Page};
use uuid::Uuid;

use crate::column::{Args, Row};
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::reader::{Decode, Reader, Statement};

/// The most rows of a page.
const MOST_ROWS: u32 = 500;

/// The values of the order in a row that was read.
const PLACES: [&str; 4] = ["place_0", "place_1", "place_2", "place_3"];

/// The rows among which a list chooses.
pub(crate) struct Rows {
    /// The table.
    pub(crate) table: &'static str,
    /// What is read of each row; its key is called `id`.
    pub(crate) columns: &'static str,
    /// Which rows may be shown at all, with `args` as its parameters.
    pub(crate) visible: &'static str,
    /// The parameters of `visible`.
    pub(crate) args: Args,
    /// How many those are.
    pub(crate) arg_count: usize,
}

impl Rows {
    /// Those of an organization: `visible` has `$1` for it, and no other parameter.
    pub(crate) fn of(
        org: OrgId,
        table: &'static str,
        columns: &'static str,
        visible: &'static str,
    ) -> Self {
        Self {
            table,
            columns,
            visible,
            args: Args::new().word(org),
            arg_count: 1,
        }
    }
}

/// Reads a page of `rows`.
pub(crate) async fn list<T>(
    on: &mut impl Reader,
    rows: Rows,
    request: &ListRequest,
    decode: Decode<T>,
) -> Result<Page<T, Place>, StoreError> {
    let table = rows.table;
    let statement = statement(on.dialect(), rows, request);
    let found = on.rows(statement).await?;
    let found: Vec<(T, Place)> = found
        .into_iter()
        .map(|row| {
            let row = Row::new(table, row);
            Ok((decode(&row)?, place(&row, &request.sort)?))
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(cut_page(found, request.limit.clamp(1, MOST_ROWS), request))
}

/// The statement of a page, one row longer than the page: the last row tells
/// whether there are more.
pub(crate) fn statement(dialect: Dialect, rows: Rows, request: &ListRequest) -> Statement {
    let mut writer = Writer {
        dialect,
        sql: format!("SELECT {}", rows.columns),
        args: rows.args,
        count: rows.arg_count,
    };
    for (sort, name) in request.sort.iter().zip(PLACES) {
        writer.push(&format!(", {} AS {name}", ordered(sort.field)));
    }
    writer.push(&format!(" FROM {} WHERE {}", rows.table, rows.visible));
    if let Some(filter) = &request.filter {
        writer.push(" AND (");
        writer.filter(filter);
        writer.push(")");
    }
    if let Some(place) = &request.place {
        writer.push(" AND ");
        writer.after(place, request);
    }
    writer.push(" ORDER BY ");
    for sort in &request.sort {
        let direction = direction(sort.descending, request.backward);
        writer.push(&format!("{}{direction}, ", ordered(sort.field)));
    }
    let last = request.sort.last().is_some_and(|sort| sort.descending);
    writer.push(&format!("id{}", direction(last, request.backward)));
    let limit = i64::from(request.limit.clamp(1, MOST_ROWS)) + 1;
    let limit = writer.int(limit);
    writer.push(&format!(" LIMIT {limit}"));
    Statement::composed(rows.table, writer.sql, writer.args)
}

const fn direction(descending: bool, backward: bool) -> &'static str {
    if descending == backward { "" } else { " DESC" }
}

/// What a list is ordered by. Rows that lack the field come before all others:
/// the engines do not agree on where to put them by themselves.
fn ordered(field: &Field) -> String {
    match (field.nullable, field.kind) {
        (false, _) => field.column.to_owned(),
        (true, FieldKind::Integer | FieldKind::Time) => format!("COALESCE({}, -1)", field.column),
        (true, _) => format!("COALESCE({}, '')", field.column),
    }
}

struct Writer {
    dialect: Dialect,
    sql: String,
    args: Args,
    count: usize,
}

impl Writer {
    fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    fn next(&mut self) -> String {
        self.count += 1;
        format!("${}", self.count)
    }

    fn int(&mut self, value: i64) -> String {
        self.args = std::mem::take(&mut self.args).int(value);
        self.next()
    }

    fn text(&mut self, value: &str) -> String {
        self.args = std::mem::take(&mut self.args).text(value);
        self.next()
    }

    /// A parameter; nothing and patterns have none of their own.
    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Integer(number) => self.int(*number),
            Value::Text(text) => self.text(text),
            Value::Null | Value::Pattern(_) => "NULL".to_owned(),
        }
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::All(parts) => self.joined(parts, " AND "),
            Filter::Any(parts) => match one_field(parts) {
                Some((field, values)) => {
                    let values: Vec<String> =
                        values.into_iter().map(|value| self.value(value)).collect();
                    self.push(&format!("{} IN ({})", field.column, values.join(", ")));
                }
                None => self.joined(parts, " OR "),
            },
            Filter::Not(inner) => {
                // A comparison with an absent value is neither true nor false,
                // and a person who says NOT means every other row.
                self.push("NOT COALESCE((");
                self.filter(inner);
                self.push("), FALSE)");
            }
            Filter::Test(test) => self.test(test),
        }
    }

    fn joined(&mut self, parts: &[Filter], between: &str) {
        for (at, part) in parts.iter().enumerate() {
            self.push(if at == 0 { "(" } else { between });
            self.push("(");
            self.filter(part);
            self.push(")");
        }
        self.push(")");
    }

    fn test(&mut self, test: &Test) {
        let column = test.field.column;
        let sql = match (&test.value, test.operator) {
            (Value::Null, _) => format!("{column} IS NULL"),
            (Value::Pattern(pieces), _) => {
                let pattern = self.text(&pattern(self.dialect, pieces));
                match self.dialect {
                    Dialect::Sqlite => format!("{column} GLOB {pattern}"),
                    Dialect::Postgres => format!("{column} LIKE {pattern} ESCAPE '!'"),
                }
            }
            (value, operator) => {
                let value = self.value(value);
                let sign = match operator {
                    Operator::Equal => "=",
                    Operator::Greater => ">",
                    Operator::AtLeast => ">=",
                    Operator::Less => "<",
                    Operator::AtMost => "<=",
                };
                format!("{column} {sign} {value}")
            }
        };
        self.push(&sql);
    }

    /// The rows beyond `place`, in the direction of the walk.
    fn after(&mut self, place: &Place, request: &ListRequest) {
        let id = Value::Text(place.id.to_string());
        let last = request.sort.last().is_some_and(|sort| sort.descending);
        let mut keys: Vec<(String, bool, &Value)> = request
            .sort
            .iter()
            .zip(&place.values)
            .map(|(sort, value)| (ordered(sort.field), sort.descending, value))
            .collect();
        keys.push(("id".to_owned(), last, &id));
        let sign = |descending: bool| {
            if descending == request.backward {
                ">"
            } else {
                "<"
            }
        };
        if keys.iter().all(|(_, descending, _)| *descending == last) {
            // One comparison of whole rows, which an index answers with one step.
            let columns: Vec<&str> = keys.iter().map(|(column, ..)| column.as_str()).collect();
            let columns = columns.join(", ");
            let values: Vec<String> = keys.iter().map(|(.., value)| self.value(value)).collect();
            self.push(&format!(
                "({columns}) {} ({})",
                sign(last),
                values.join(", ")
            ));
            return;
        }
        let values: Vec<String> = keys.iter().map(|(.., value)| self.value(value)).collect();
        let mut ways = Vec::new();
        for (at, (column, descending, _)) in keys.iter().enumerate() {
            let mut way: Vec<String> = (0..at)
                .map(|before| format!("{} = {}", keys[before].0, values[before]))
                .collect();
            way.push(format!("{column} {} {}", sign(*descending), values[at]));
            ways.push(format!("({})", way.join(" AND ")));
        }
        self.push(&format!("({})", ways.join(" OR ")));
    }
}

/// The field and the values of parts that are all equalities of one field.
fn one_field(parts: &[Filter]) -> Option<(&'static Field, Vec<&Value>)> {
    let mut of = None;
    let values = parts
        .iter()
        .map(|part| match part {
            Filter::Test(Test {
                field,
                operator: Operator::Equal,
                value: value @ (Value::Text(_) | Value::Integer(_)),
            }) if of.is_none_or(|of| of == *field) => {
                of = Some(*field);
                Some(value)
            }
            _ => None,
        })
        .collect::<Option<Vec<&Value>>>()?;
    Some((of?, values))
}

/// A pattern in the engine's own form: both tell upper from lower case.
fn pattern(dialect: Dialect, pieces: &[Piece]) -> String {
    let mut pattern = String::new();
    for piece in pieces {
        match (piece, dialect) {
            (Piece::Many, Dialect::Sqlite) => pattern.push('*'),
            (Piece::Many, Dialect::Postgres) => pattern.push('%'),
            (Piece::One, Dialect::Sqlite) => pattern.push('?'),
            (Piece::One, Dialect::Postgres) => pattern.push('_'),
            (Piece::Exactly(text), Dialect::Sqlite) => {
                for c in text.chars() {
                    match c {
                        '*' | '?' | '[' => pattern.extend(['[', c, ']']),
                        c => pattern.push(c),
                    }
                }
            }
            (Piece::Exactly(text), Dialect::Postgres) => {
                for c in text.chars() {
                    if matches!(c, '%' | '_' | '!') {
                        pattern.push('!');
                    }
                    pattern.push(c);
                }
            }
        }
    }
    pattern
}

fn place(row: &Row, sort: &[Sort]) -> Result<Place, StoreError> {
    let id: Uuid = row.word("id")?;
    let values = sort
        .iter()
        .zip(PLACES)
        .map(|(sort, name)| match sort.field.kind {
            FieldKind::Integer | FieldKind::Time => row.int(name).map(Value::Integer),
            FieldKind::Text | FieldKind::Id | FieldKind::Word(_) => row.text(name).map(Value::Text),
        })
        .collect::<Result<_, _>>()?;
    Ok(Place { values, id })
}
