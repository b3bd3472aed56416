//! Each type just inside and just outside.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn spec(input_type: InputType, min: Option<f64>, max: Option<f64>) -> InputSpec {
    InputSpec {
        min,
        max,
        ..InputSpec::new("x", input_type)
    }
}

fn rule(spec: &InputSpec, value: &Value) -> &'static str {
    match spec.check(value) {
        Ok(_) => "",
        Err(bad) => bad[0].rule,
    }
}

#[test]
fn every_type_takes_what_is_just_inside_and_refuses_what_is_just_outside() {
    let spec = |kind, min: f64, max: f64| spec(kind, Some(min), Some(max));
    let integer = spec(InputType::Integer, -3.0, 255.0);
    let number = spec(InputType::Number, 0.5, 1.5);
    let text = spec(InputType::String, 2.0, 4.0);
    let list = spec(InputType::ImageList, 1.0, 2.0);
    let plain = |kind| InputSpec::new("x", kind);
    let (image, video) = (plain(InputType::Image), plain(InputType::Video));
    let (boolean, colour) = (plain(InputType::Boolean), plain(InputType::Color));
    let cases = [
        (&integer, json!(-3), ""),
        (&integer, json!(-4), "greater_than_equal"),
        (&integer, json!(255), ""),
        (&integer, json!(255.0), ""),
        (&integer, json!(2.5e1), ""),
        (&integer, json!(256), "less_than_equal"),
        (&integer, json!(255.000_1), "int_type"),
        (&integer, json!(1e300), "int_type"),
        (&integer, json!(u64::MAX), "int_type"),
        (&integer, json!(i64::MIN), "greater_than_equal"),
        (&integer, json!("7"), "int_type"),
        (&integer, json!(true), "int_type"),
        (&number, json!(0.5), ""),
        (&number, json!(1), ""),
        (&number, json!(1.5), ""),
        (&number, json!(0.499_999), "greater_than_equal"),
        (&number, json!(1.500_001), "less_than_equal"),
        (&number, json!(1e308), "less_than_equal"),
        (&number, json!(u64::MAX), "less_than_equal"),
        (&number, json!("1"), "number_type"),
        (&text, json!("ab"), ""),
        (&text, json!("äöü🍰"), ""),
        (&text, json!("🍰"), "string_too_short"),
        (&text, json!(""), "string_too_short"),
        (&text, json!("abcde"), "string_too_long"),
        (&text, json!(12), "string_type"),
        (&text, json!(["ab"]), "string_type"),
        (&image, json!("anything"), ""),
        (&image, json!({"url": "x"}), "string_type"),
        (&video, json!("anything"), ""),
        (&video, json!(7), "string_type"),
        (&list, json!(["a"]), ""),
        (&list, json!(["a", "b"]), ""),
        (&list, json!([]), "too_short"),
        (&list, json!(["a", "b", "c"]), "too_long"),
        (&list, json!(["a", null]), "string_type"),
        (&list, json!("a"), "list_type"),
        (&boolean, json!(false), ""),
        (&boolean, json!(0), "bool_type"),
        (&boolean, json!("true"), "bool_type"),
        (&colour, json!("#1F6feb"), ""),
        (&colour, json!("#1f6fe"), "color_format"),
        (&colour, json!("#1f6feb0"), "color_format"),
        (&colour, json!("#1f6feg"), "color_format"),
        (&colour, json!("red"), "color_format"),
        (&colour, json!(255), "string_type"),
        (&plain(InputType::Json), json!({"deep": [[[]]]}), ""),
        (&plain(InputType::Json), json!(0), ""),
    ];
    for (spec, value, expected) in cases {
        assert_eq!(
            rule(spec, &value),
            expected,
            "{:?} {value}",
            spec.input_type
        );
    }
}

#[test]
fn whole_numbers_come_out_as_integers() {
    let integer = InputSpec::new("x", InputType::Integer);
    for (given, expected) in [
        (json!(1.0), 1),
        (json!(-2e3), -2000),
        (json!(-0.0), 0),
        (json!(i64::MAX), i64::MAX),
        (json!(9_007_199_254_740_992.0), 9_007_199_254_740_992),
    ] {
        let checked = integer.check(&given).unwrap();
        assert_eq!(checked.as_i64(), Some(expected), "{given}");
        assert!(checked.is_i64(), "{given}");
    }
    let least = spec(InputType::Integer, None, Some(9_007_199_254_740_992.0));
    assert_eq!(
        rule(&least, &json!(9_007_199_254_740_993_i64)),
        "less_than_equal"
    );
}

#[test]
fn options_are_the_only_values_and_a_slip_is_told() {
    let sizes = InputSpec {
        options: vec![json!("1K"), json!("2K"), json!("large")],
        ..InputSpec::new("x", InputType::String)
    };
    assert_eq!(rule(&sizes, &json!("2K")), "");
    let bad = sizes.check(&json!("Large")).unwrap_err();
    assert_eq!(bad[0].rule, "enum");
    assert!(bad[0].message.contains("did you mean \"large\""), "{bad:?}");
    let scales = InputSpec {
        options: vec![json!(2), json!(4.0)],
        ..InputSpec::new("x", InputType::Integer)
    };
    assert_eq!(rule(&scales, &json!(4)), "");
    assert_eq!(rule(&scales, &json!(2.0)), "");
    assert_eq!(rule(&scales, &json!(3)), "enum");
}

#[test]
fn every_wrong_item_of_a_list_is_named() {
    let list = InputSpec::new("x", InputType::ImageList);
    let bad = list.check(&json!(["a", 1, "b", {}])).unwrap_err();
    let items: Vec<_> = bad.iter().map(|bad| bad.item).collect();
    assert_eq!(items, [Some(1), Some(3)]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "#[0-9a-f]{5,7}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_is_too_strange_and_what_passes_passes_again(
        value in any_json(),
        kind in prop::sample::select(InputType::ALL),
        min in prop::option::of(-1e3..1e3),
        length in prop::option::of(0.0..1e3),
    ) {
        let spec = spec(kind, min, length.map(|length| min.unwrap_or(0.0) + length));
        match spec.check(&value) {
            Ok(checked) => prop_assert_eq!(spec.check(&checked), Ok(checked)),
            Err(bad) => {
                prop_assert!(!bad.is_empty());
                prop_assert!(bad.iter().all(|bad| bad.message.len() < 300));
            }
        }
    }

    #[test]
    fn a_whole_number_is_inside_exactly_when_it_is(number: i64, min: i32, span: u16) {
        let (min, max) = (i64::from(min), i64::from(min) + i64::from(span));
        let spec = spec(InputType::Integer, Some(min as f64), Some(max as f64));
        prop_assert_eq!(rule(&spec, &json!(number)).is_empty(), (min..=max).contains(&number));
        for edge in [min - 1, min, max, max + 1] {
            let inside = (min..=max).contains(&edge);
            prop_assert_eq!(rule(&spec, &json!(edge)).is_empty(), inside);
            prop_assert_eq!(rule(&spec, &json!(edge as f64)).is_empty(), inside);
        }
    }

    #[test]
    fn a_text_is_counted_in_characters(text in ".{0,20}", max in 0_u8..20) {
        let spec = spec(InputType::String, None, Some(f64::from(max)));
        let fits = text.chars().count() <= usize::from(max);
        prop_assert_eq!(rule(&spec, &json!(text)).is_empty(), fits);
    }
}
