//! A page of rows that are in memory, by the same request as of rows in a table.
//!
//! The catalogue of models has no table. What holds of the SQL holds here: an
//! absent value fits no comparison, and in an order it comes before all others;
//! texts are compared by their bytes.

use std::cmp::Ordering;

use uuid::Uuid;

use super::{Field, FieldKind, Filter, ListRequest, Operator, Piece, Place, Test, Value};
use crate::page::Page;

/// The page that `request` asks of `rows`.
///
/// `id` tells a row's id, and `value` what it has in a field: a text, an
/// integer, or null.
pub fn page_of<T>(
    rows: impl IntoIterator<Item = T>,
    request: &ListRequest,
    id: impl Fn(&T) -> Uuid,
    value: impl Fn(&T, &Field) -> Value,
) -> Page<T, Place> {
    let place = |row: &T| Place {
        values: request
            .sort
            .iter()
            .map(|sort| ordered(sort.field, value(row, sort.field)))
            .collect(),
        id: id(row),
    };
    let wanted = |row: &T| {
        request
            .filter
            .as_ref()
            .is_none_or(|filter| holds(filter, &|field| value(row, field)) == Some(true))
    };
    let mut found: Vec<(T, Place)> = rows
        .into_iter()
        .filter(wanted)
        .map(|row| {
            let place = place(&row);
            (row, place)
        })
        .filter(|(_, place)| {
            let walked = request
                .place
                .as_ref()
                .map(|from| order(request, place, from));
            walked.is_none_or(Ordering::is_gt)
        })
        .collect();
    found.sort_by(|(_, one), (_, other)| order(request, one, other));
    cut_page(found, request.limit, request)
}

/// The page of at most `size` rows of those found from where it begins on, which
/// come in the direction of the walk, one at least beyond the page if there is one.
pub fn cut_page<T>(mut found: Vec<(T, Place)>, size: u32, request: &ListRequest) -> Page<T, Place> {
    let more_ahead = found.len() > size as usize;
    found.truncate(size as usize);
    if request.backward {
        found.reverse();
    }
    // The row that the cursor names lies behind, so there is something there.
    let more_behind = request.place.is_some();
    let (later, earlier) = if request.backward {
        (more_behind, more_ahead)
    } else {
        (more_ahead, more_behind)
    };
    // A page that turns out empty still leads back to where it came from.
    let of = |row: Option<&(T, Place)>| {
        row.map(|(_, place)| place.clone())
            .or_else(|| request.place.clone())
    };
    let (last, first) = (of(found.last()), of(found.first()));
    Page {
        next: last.filter(|_| later),
        previous: first.filter(|_| earlier),
        items: found.into_iter().map(|(row, _)| row).collect(),
    }
}

/// How two places follow each other in the direction of the walk.
fn order(request: &ListRequest, one: &Place, other: &Place) -> Ordering {
    let turned = |order: Ordering, descending: bool| {
        if descending == request.backward {
            order
        } else {
            order.reverse()
        }
    };
    let values = one.values.iter().zip(&other.values).zip(&request.sort);
    for ((one, other), sort) in values {
        let order = turned(compare(one, other), sort.descending);
        if order.is_ne() {
            return order;
        }
    }
    let last = request.sort.last().is_some_and(|sort| sort.descending);
    turned(one.id.cmp(&other.id), last)
}

/// A value as an order sees it.
fn ordered(field: &Field, value: Value) -> Value {
    match (value, field.kind) {
        (Value::Null, FieldKind::Integer | FieldKind::Time) => Value::Integer(-1),
        (Value::Null, _) => Value::Text(String::new()),
        (value, _) => value,
    }
}

/// Values of one field are of one kind; those of a cursor were checked to be.
fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => one.cmp(other),
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        _ => Ordering::Equal,
    }
}

/// Whether a filter holds; `None` when an absent value leaves that open.
fn holds(filter: &Filter, value: &impl Fn(&Field) -> Value) -> Option<bool> {
    match filter {
        Filter::All(parts) => several(parts, value, false),
        Filter::Any(parts) => several(parts, value, true),
        // A person who says NOT means every other row.
        Filter::Not(inner) => Some(holds(inner, value) != Some(true)),
        Filter::Test(test) => compared(test, &value(test.field)),
    }
}

/// SQL's AND, which one false decides, or its OR, which one true decides.
fn several(parts: &[Filter], value: &impl Fn(&Field) -> Value, decides: bool) -> Option<bool> {
    let mut open = false;
    for part in parts {
        match holds(part, value) {
            Some(found) if found == decides => return Some(decides),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decides)
}

fn compared(test: &Test, value: &Value) -> Option<bool> {
    if test.value == Value::Null {
        return Some(*value == Value::Null);
    }
    match (value, &test.value) {
        (Value::Null, _) => None,
        (Value::Text(text), Value::Pattern(pieces)) => Some(is_like(text, pieces)),
        (value, wanted) => {
            let order = compare(value, wanted);
            Some(match test.operator {
                Operator::Equal => order.is_eq(),
                Operator::Greater => order.is_gt(),
                Operator::AtLeast => order.is_ge(),
                Operator::Less => order.is_lt(),
                Operator::AtMost => order.is_le(),
            })
        }
    }
}

/// One character of a form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Atom {
    Exactly(char),
    One,
    Many,
}

fn atoms(piece: &Piece) -> Vec<Atom> {
    match piece {
        Piece::Exactly(text) => text.chars().map(Atom::Exactly).collect(),
        Piece::One => vec![Atom::One],
        Piece::Many => vec![Atom::Many],
    }
}

/// Whether a text has a form. Only the last star is ever tried again, so this
/// takes no more steps than the product of both lengths, whatever the form.
fn is_like(text: &str, pieces: &[Piece]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let form: Vec<Atom> = pieces.iter().flat_map(atoms).collect();
    let (mut at, mut next) = (0, 0);
    let mut star = None;
    while at < text.len() {
        let fits = match form.get(next) {
            Some(Atom::Many) => {
                star = Some((next + 1, at));
                next += 1;
                continue;
            }
            Some(Atom::One) => true,
            Some(Atom::Exactly(c)) => *c == text[at],
            None => false,
        };
        if fits {
            (at, next) = (at + 1, next + 1);
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (at, next) = (from + 1, after);
        } else {
            return false;
        }
    }
    form[next..].iter().all(|atom| *atom == Atom::Many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{parse_filter, parse_sort};
    use proptest::prelude::*;

    const FIELDS: &[Field] = &[
        Field::new("name", FieldKind::Text),
        Field::new("kind", FieldKind::Text).nullable(),
        Field::new("size", FieldKind::Integer).nullable(),
    ];

    type Thing = (u128, &'static str, Option<&'static str>, Option<i64>);

    const THINGS: &[Thing] = &[
        (1, "shoe", Some("image"), Some(10)),
        (2, "red shoe", None, Some(20)),
        (3, "Shoe", Some("video"), None),
        (4, "hat", Some("image"), Some(10)),
    ];

    fn value((_, name, kind, size): &Thing, field: &Field) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        match field.name {
            "name" => text(name),
            "kind" => kind.map_or(Value::Null, text),
            _ => size.map_or(Value::Null, Value::Integer),
        }
    }

    fn request(q: &str, sort: &str, limit: u32) -> ListRequest {
        ListRequest {
            limit,
            sort: parse_sort(sort, FIELDS).unwrap(),
            filter: parse_filter(q, FIELDS).unwrap(),
            place: None,
            backward: false,
        }
    }

    fn ask(request: &ListRequest) -> Page<u128, Place> {
        let page = page_of(
            THINGS,
            request,
            |thing| Uuid::from_u128(thing.0),
            |t, f| value(t, f),
        );
        page.map(|thing| thing.0)
    }

    #[test]
    fn filters_mean_what_they_mean_in_a_table() {
        for (q, expected) in [
            ("", &[1, 2, 3, 4][..]),
            ("name:shoe", &[1]),
            ("name:*shoe", &[1, 2]),
            ("name:*o*", &[1, 2, 3]),
            ("name.LIKE:'_hoe'", &[1, 3]),
            ("kind:image AND size:10", &[1, 4]),
            ("size>10 OR name:hat", &[2, 4]),
            ("size<=20", &[1, 2, 4]),
            ("kind:null", &[2]),
            ("NOT kind:image", &[2, 3]),
            ("NOT size>10", &[1, 3, 4]),
            ("kind!=image", &[2, 3]),
            ("NOT (size>0 AND kind:image)", &[2, 3]),
            ("name.IN:('hat','Shoe')", &[3, 4]),
        ] {
            let found = ask(&request(q, "name", 50)).items;
            let mut sorted = found.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, expected, "{q}");
        }
    }

    #[test]
    fn orders_put_what_is_absent_first_and_the_id_decides_among_equals() {
        let of = |sort: &str| ask(&request("", sort, 50)).items;
        assert_eq!(of("name"), [3, 4, 2, 1]);
        assert_eq!(of("name:desc"), [1, 2, 4, 3]);
        assert_eq!(of("size"), [3, 1, 4, 2]);
        assert_eq!(of("size:desc"), [2, 4, 1, 3]);
        assert_eq!(of("size,name:desc"), [3, 1, 4, 2]);
        assert_eq!(of("kind:desc,name"), [3, 4, 1, 2]);
    }

    #[test]
    fn a_walk_there_and_back_sees_every_row_once() {
        for sort in ["name", "size:desc", "kind,name:desc"] {
            for limit in 1..=5 {
                let mut request = request("", sort, limit);
                let whole = ask(&self::request("", sort, 50)).items;
                let mut there = Vec::new();
                loop {
                    let page = ask(&request);
                    there.extend(page.items);
                    match page.next {
                        Some(next) => request.place = Some(next),
                        None => break,
                    }
                }
                assert_eq!(there, whole, "{sort} {limit}");
                let has_pages = request.place.is_some();
                request.backward = true;
                let mut back: Vec<u128> = Vec::new();
                loop {
                    let page = ask(&request);
                    back.splice(0..0, page.items);
                    match page.previous {
                        Some(previous) => request.place = Some(previous),
                        None => break,
                    }
                }
                assert!(whole.starts_with(&back), "{sort} {limit}: {back:?}");
                assert_eq!(back.len() < whole.len(), has_pages, "{sort} {limit}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_form_fits_exactly_what_a_search_by_hand_finds(
            text in "[ab]{0,8}",
            form in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "?"]), 0..8),
        ) {
            let pieces: Vec<Piece> = form.iter().map(|atom| match *atom {
                "*" => Piece::Many,
                "?" => Piece::One,
                exactly => Piece::Exactly(exactly.to_owned()),
            }).collect();
            fn by_hand(text: &[u8], form: &[&str]) -> bool {
                match form.split_first() {
                    None => text.is_empty(),
                    Some((&"*", rest)) => (0..=text.len()).any(|n| by_hand(&text[n..], rest)),
                    Some((&"?", rest)) => !text.is_empty() && by_hand(&text[1..], rest),
                    Some((c, rest)) => text.first() == c.as_bytes().first() && by_hand(&text[1..], rest),
                }
            }
            prop_assert_eq!(is_like(&text, &pieces), by_hand(text.as_bytes(), &form));
        }
    }
}
