//! The filter language, orders and cursors.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const FIELDS: &[Field] = &[
    Field::new("name", FieldKind::Text),
    Field::new("kind", FieldKind::Word(&["image", "video"])),
    Field::new("size", FieldKind::Integer).nullable(),
    Field::new("owner_id", FieldKind::Id)
        .nullable()
        .unsortable(),
    Field::new("created_at", FieldKind::Time),
];

fn shown(filter: &Filter) -> String {
    match filter {
        Filter::All(parts) => format!("({})", list(parts, " & ")),
        Filter::Any(parts) => format!("({})", list(parts, " | ")),
        Filter::Not(inner) => format!("!{}", shown(inner)),
        Filter::Test(test) => {
            let sign = match test.operator {
                Operator::Equal => "=",
                Operator::Greater => ">",
                Operator::AtLeast => ">=",
                Operator::Less => "<",
                Operator::AtMost => "<=",
            };
            let value = match &test.value {
                Value::Null => "null".to_owned(),
                Value::Text(text) => format!("{text:?}"),
                Value::Integer(number) => number.to_string(),
                Value::Pattern(pieces) => pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Exactly(text) => text.clone(),
                        Piece::One => "?".to_owned(),
                        Piece::Many => "*".to_owned(),
                    })
                    .collect(),
            };
            format!("{}{sign}{value}", test.field.name)
        }
    }
}

fn list(parts: &[Filter], between: &str) -> String {
    parts.iter().map(shown).collect::<Vec<_>>().join(between)
}

#[test]
fn every_form_is_read_as_it_is_meant() {
    let day = 1_775_001_600_000_000_i64;
    let next = day + 86_400_000_000;
    for (text, expected) in [
        ("name:shoe.png", r#"name="shoe.png""#.to_owned()),
        ("name = shoe.png", r#"name="shoe.png""#.to_owned()),
        (r#"name:"red shoe""#, r#"name="red shoe""#.to_owned()),
        (r"name:'it''s \'x\''", r#"name="it's 'x'""#.to_owned()),
        ("name:*shoe*", "name=*shoe*".to_owned()),
        ("name:'*shoe*'", r#"name="*shoe*""#.to_owned()),
        ("name.LIKE:'%red_shoe%'", "name=*red?shoe*".to_owned()),
        ("name.EQ:'token'", r#"name="token""#.to_owned()),
        ("name.eq:'my-slug'", r#"name="my-slug""#.to_owned()),
        ("name.ne:x", r#"!name="x""#.to_owned()),
        ("name!=x", r#"!name="x""#.to_owned()),
        (
            "kind.IN:('image','video')",
            r#"(kind="image" | kind="video")"#.to_owned(),
        ),
        (
            "kind.in:'image,video'",
            r#"(kind="image" | kind="video")"#.to_owned(),
        ),
        ("size>=10 AND size<20", "(size>=10 & size<20)".to_owned()),
        ("size.GT:1 or size.LTE:-2", "(size>1 | size<=-2)".to_owned()),
        ("size:null", "size=null".to_owned()),
        ("NOT size:null", "!size=null".to_owned()),
        (
            "name:a AND name:b OR name:c",
            r#"((name="a" & name="b") | name="c")"#.to_owned(),
        ),
        (
            "name:a AND (name:b OR NOT name:c)",
            r#"(name="a" & (name="b" | !name="c"))"#.to_owned(),
        ),
        ("created_at>2026-04-01", format!("created_at>={next}")),
        (
            "created_at:2026-04-01",
            format!("(created_at>={day} & created_at<{next})"),
        ),
        (
            "created_at.IN:'2026-04-01, 2026-04-02T00:00:00Z'",
            format!("((created_at>={day} & created_at<{next}) | created_at={next})"),
        ),
        ("created_at<=2026-04-01", format!("created_at<{next}")),
        (
            "created_at>9999-12-31",
            "created_at>=253402300800000000".to_owned(),
        ),
        (
            "created_at<2026-04-01T00:00:01Z",
            format!("created_at<{}", day + 1_000_000),
        ),
        (
            "created_at<2026-04-01T02:00:01+02:00",
            format!("created_at<{}", day + 1_000_000),
        ),
        (
            "owner_id:018F4E1A-0000-7000-8000-000000000001",
            r#"owner_id="018f4e1a-0000-7000-8000-000000000001""#.to_owned(),
        ),
    ] {
        let filter = parse_filter(text, FIELDS).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(shown(&filter.unwrap()), expected, "{text}");
    }
    assert_eq!(parse_filter("  ", FIELDS), Ok(None));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let deep = format!("{}name:a{}", "(".repeat(40), ")".repeat(40));
    let nots = format!("{}name:a", "NOT ".repeat(40));
    let many = vec!["name:a"; 101].join(" OR ");
    let long = format!("name:{}", "a".repeat(10_000));
    for (text, place, word) in [
        ("colour:red", "character 1:", "name, kind, size"),
        ("name:a colour:red", "character 8:", "AND or OR"),
        ("name:a AND", "character 11:", "missing"),
        ("name", "character 5:", "after name"),
        ("name:", "character 6:", "value is missing"),
        ("(name:a", "character 1:", "never closed"),
        ("name:a)", "character 7:", "never opened"),
        ("name:'a", "character 6:", "never closed"),
        ("kind:pictures", "character 6:", "image, video"),
        ("kind:im*", "character 6:", "wildcard"),
        ("size:big", "character 6:", "whole number"),
        ("size:99999999999999999999", "character 6:", "whole number"),
        ("created_at>tomorrow", "character 12:", "2026-04-01"),
        ("owner_id:me", "character 10:", "UUID"),
        ("size>null", "character 6:", "null"),
        ("name.HAS:x", "character 1:", "EQ, NE"),
        ("name.EQ>x", "character 8:", "colon"),
        ("kind.IN:(image video)", "character 16:", "comma"),
        (&deep, "character 34:", "nested"),
        (&nots, "character 133:", "nested"),
        (&many, "character", "more than 100"),
        (&long, "10005 characters", "limit is 4096"),
    ] {
        let error = parse_filter(text, FIELDS).expect_err(text).to_string();
        assert!(error.contains(place), "{text}: {error}");
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn orders_are_read_and_refused() {
    let sort = parse_sort("kind:asc,created_at:desc", FIELDS).unwrap();
    assert_eq!(sort_text(&sort), "kind:asc,created_at:desc");
    assert_eq!(sort_text(&parse_sort("name", FIELDS).unwrap()), "name:asc");
    for (text, word) in [
        ("", "no field"),
        ("colour", "no field"),
        ("name:down", "no direction"),
        ("owner_id", "cannot be ordered"),
        ("name,name:desc", "twice"),
    ] {
        let error = parse_sort(text, FIELDS).expect_err(text).to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn cursors_lead_back_to_their_place_and_to_no_other_list() {
    let sort = parse_sort("name,size:desc", FIELDS).unwrap();
    let place = Place {
        values: vec![Value::Text("ä \"'\0".to_owned()), Value::Integer(i64::MIN)],
        id: Uuid::max(),
    };
    let cursor = place.to_cursor("things", &sort);
    assert_eq!(Place::from_cursor(&cursor, "things", &sort), Ok(place));
    let other_sort = parse_sort("name", FIELDS).unwrap();
    for (cursor, list, sort, word) in [
        (cursor.as_str(), "others", &sort, "another list"),
        (&cursor, "things", &other_sort, "the order"),
        (&cursor[1..], "things", &sort, "not one"),
        (&cursor[..cursor.len() - 3], "things", &sort, "not one"),
        ("", "things", &sort, "not one"),
        ("é", "things", &sort, "not one"),
    ] {
        let error = Place::from_cursor(cursor, list, sort)
            .expect_err(cursor)
            .to_string();
        assert!(error.contains(word), "{error}");
    }
}

proptest! {
    #[test]
    fn no_filter_brings_the_parser_down(text in "[ -~äß\u{0}\u{fffe}]{0,200}") {
        drop(parse_filter(&text, FIELDS));
    }

    #[test]
    fn no_mixture_of_its_words_does(parts in proptest::collection::vec(
        proptest::sample::select(vec![
            "(", ")", "AND", "OR", "NOT", "name", "kind", "created_at", ":", "=", ">", "<=", "!=",
            "'", "\"", ",", "*", "null", ".EQ", ".in", "2026-04-01", "5", "image", " ", "\\",
        ]), 0..60)) {
        drop(parse_filter(&parts.concat(), FIELDS));
        drop(parse_filter(&parts.join(" "), FIELDS));
    }

    #[test]
    fn any_text_can_be_asked_for_between_quotes(text in ".{0,50}") {
        let quoted = text.replace('\\', r"\\").replace('\'', "''");
        let filter = parse_filter(&format!("name:'{quoted}'"), FIELDS).unwrap().unwrap();
        let Filter::Test(test) = filter else { panic!("{text:?} is read as several") };
        prop_assert_eq!(test.value, Value::Text(text));
    }

    #[test]
    fn no_cursor_brings_the_reader_down(text in "[A-Za-z0-9_-]{0,200}") {
        drop(Place::from_cursor(&text, "things", &[]));
    }
}
