//! Everything that may be wrong in a file, a row each.
//!
//! A row has lines of TOML (`⏎` between them), the place of the one mistake in
//! it, and words of the message (`…` between them).

use super::wrong;

/// Below `[models."a/b"]`, with inputs.
const MODELS: &[&str] = &[
    r#"engine = "htpp" → 4:10 → did you mean "http" … builtin, http, runflow"#,
    r"engine = 7 → 4:10 → a text of 1 to 200 characters, not 7",
    r#"engine = "builtin" → 4:10 → the models that ship … runnel/echo"#,
    r#"engine = "http" ⏎ url = "x" → 5:1 → models."a/b".url … is no URL"#,
    r#"engine = "http" ⏎ url = "${NOT_SET}" → 5:7 → NOT_SET … not set"#,
    r#"engine = "http" ⏎ url = "${BAD}" → 5:1 → "${BAD}") is no URL"#,
    r#"engine = "http" ⏎ headers = { ok = 1, host = "x" } → 5:21 → headers.host"#,
    r#"engine = "http" ⏎ descripton = "x" → 5:1 → did you mean "description""#,
    r#"engine = "http" ⏎ name = "" → 5:8 → a text of 1 to 200 characters, not """#,
    r#"engine = "http" ⏎ name = [1] → 5:8 → not a list"#,
    r#"engine = "http" ⏎ concurrency = 0 → 5:15 → from 1 to 10000, not 0"#,
    r#"engine = "http" ⏎ concurrency = -1 → 5:15 → not -1"#,
    r#"engine = "http" ⏎ concurrency = 1.5 → 5:15 → not 1.5"#,
    r#"engine = "http" ⏎ max_attempts = 21 → 5:16 → from 1 to 20"#,
    r#"engine = "http" ⏎ time_limit = 0 → 5:14 → "5m""#,
    r#"engine = "http" ⏎ time_limit = "25h" → 5:14 → of 1 s to 24 h, not "25h""#,
    r#"engine = "http" ⏎ time_limit = "5 minutes" → 5:14 → "90s""#,
    r#"engine = "http" ⏎ time_limit = "99999999999999999999h" → 5:14 → "90s""#,
    r#"engine = "http" ⏎ replaces_builtin = true → 5:20 → no model of this name ships"#,
    r#"engine = "http" ⏎ replaces_builtin = 1 → 5:20 → true or false, not 1"#,
    r#"engine = "http" ⏎ one_of = ["x"] → 5:10 → at least two"#,
    r#"engine = "http" ⏎ one_of = [] → 5:10 → at least two"#,
    r#"engine = "http" ⏎ one_of = "x" → 5:10 → a list of names of inputs"#,
    r#"engine = "http" ⏎ steps = 99999999999999999999 → 5:9 → beyond all"#,
];

/// Below `[models."a/b".inputs]`.
const INPUTS: &[&str] = &[
    r#"x = "strnig" → 6:5 → did you mean "string" … image_list"#,
    r"x = 7 → 6:5 → must be a table, not a whole number",
    r"x = {} → 6:5 → needs a type",
    r"x = { type = 1 } → 6:14 → must be a type",
    r#"x = { type = "number", defualt = 1 } → 6:24 → did you mean "default""#,
    r#"x = { type = "number", default = 2, max = 1 } → 6:34 → is 2, the limit is 1"#,
    r#"x = { type = "number", default = "2" } → 6:34 → must be a number"#,
    r#"x = { type = "number", default = nan } → 6:34 → JSON does not know"#,
    r#"x = { type = "number", default = 2026-01-01 } → 6:34 → a time that JSON does not"#,
    r#"x = { type = "integer", default = 1.5 } → 6:35 → must be a whole number"#,
    r#"x = { type = "string", default = "ab", max = 1 } → 6:34 → has 2 characters"#,
    r#"x = { type = "color", default = "red" } → 6:33 → must be a colour"#,
    r#"x = { type = "image", default = "http://x" } → 6:33 → cannot be a file"#,
    r#"x_asset_id = { type = "string", default = "x" } → 6:43 → cannot be a file"#,
    r#"x = { type = "number", required = true, default = 1 } → 6:51 → is never used"#,
    r#"x = { type = "number", min = 2, max = 1 } → 6:30 → is greater than max, 1"#,
    r#"x = { type = "number", min = inf } → 6:30 → must be a number, not inf"#,
    r#"x = { type = "boolean", min = 0 } → 6:31 → means nothing for the type boolean"#,
    r#"x = { type = "image", max = 10 } → 6:29 → means nothing for the type image"#,
    r#"x = { type = "string", min = -1 } → 6:30 → whole number from 0"#,
    r#"x = { type = "image_list", max = 1.5 } → 6:34 → whole number from 0"#,
    r#"x = { type = "integer", max = 9007199254740994 } → 6:31 → no longer exact"#,
    r#"x = { type = "string", options = [] } → 6:34 → has 0 values"#,
    r#"x = { type = "string", options = ["a", 1] } → 6:40 → must be a string"#,
    r#"x = { type = "string", options = ["a", "a"] } → 6:40 → "a" twice"#,
    r#"x = { type = "integer", options = [1, 3], max = 2 } → 6:39 → the limit is 2"#,
    r#"x = { type = "boolean", options = [true] } → 6:35 → means nothing"#,
    r#"x = { type = "string", options = ["a"], default = "b" } → 6:51 → is "b""#,
    r#"x = { type = "image", file = true } → 6:30 → makes a text refer to a file"#,
    r#""a.b" = "string" → 6:1 → "a.b" is no name of an input"#,
    r#""" = "string" → 6:1 → is no name"#,
    r#""*" = "string" → 6:7 → can only be "any""#,
];

/// Whole files.
const FILES: &[&str] = &[
    r#"model = 1 → 1:1 → did you mean "models""#,
    r#"[nonsense] → 1:2 → has no key "nonsense" … models, fallback"#,
    r"models = 1 → 1:10 → must be a table",
    r#"[models] ⏎ "a/b" = 1 → 2:9 → must be a table"#,
    r#"[models."a/b"] ⏎ inputs = "any" → 1:9 → needs an engine"#,
    r#"[models."a/b"] ⏎ engine = "http" → 1:9 → needs its inputs … "any""#,
    r#"[models."a/b"] ⏎ engine = "http" ⏎ inputs = "all" → 3:10 → or "any""#,
    r#"[models.a.b] ⏎ engine = "http" ⏎ inputs = "any" → 1:9 → [models."a/b"]"#,
    r#"[models.a] ⏎ engine = "http" ⏎ inputs = "any" → 1:9 → an owner and a slug"#,
    r#"[models."a//b"] ⏎ engine = "http" → 1:9 → cannot be """#,
    r#"[models."a/../b"] ⏎ engine = "http" → 1:9 → cannot be "..""#,
    r#"[models."a/b/runs"] ⏎ engine = "http" → 1:9 → cannot end in "runs""#,
    r#"[models."a/b/batches"] ⏎ engine = "http" → 1:9 → cannot end in "batches""#,
    r#"[models."a/ü"] ⏎ engine = "http" → 1:9 → not 'ü'"#,
    r#"[models."runnel/echo"] ⏎ engine = "http" ⏎ inputs = "any" → 1:9 → replaces_builtin = true"#,
    r#"[models."runnel/echo"] ⏎ engine = "builtin" ⏎ inputs = "any" → 3:10 → cannot be changed"#,
    r#"[models."runnel/echo"] ⏎ engine = "builtin" ⏎ url = "x" → 3:1 → has no key "url""#,
    r#"[fallback] ⏎ url = "http://x" → 1:2 → needs engine"#,
    r#"[fallback] ⏎ engine = "http" → 2:10 → must be "runflow""#,
    r#"[fallback] ⏎ engine = "runflow" ⏎ owners = [] → 3:10 → leave it out"#,
    r#"[fallback] ⏎ engine = "runflow" ⏎ owners = ["a/b/../c"] → 3:11 → names of owners"#,
];

fn expect(row: &str, above: &str) {
    let parts: Vec<&str> = row.split(" → ").collect();
    let [lines, place, words] = parts[..] else {
        panic!("{row}")
    };
    let text = format!("{above}{}\n", lines.replace(" ⏎ ", "\n"));
    let told = wrong(&text);
    let [only] = &told[..] else {
        panic!("one thing is wrong, not {told:#?}\n{text}")
    };
    assert!(
        only.starts_with(&format!("{place}: "))
            && words.split(" … ").all(|word| only.contains(word)),
        "{place} {words} is not in {only}\n{text}"
    );
    assert!(!only.contains("s3cret"), "{only}");
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_way_out() {
    for row in MODELS {
        expect(row, "\n[models.\"a/b\"]\ninputs = { x = \"string\" }\n");
    }
    for row in INPUTS {
        let above = "[models.\"a/b\"]\nengine = \"http\"\n\n\n[models.\"a/b\".inputs]\n";
        expect(row, above);
    }
    for row in FILES {
        expect(row, "");
    }
}
