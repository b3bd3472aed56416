//! Files that are taken, and everything that is wrong with those that are not.

use std::sync::Arc;

use runnel_types::{InputType, Timestamp};
use serde_json::{Map, Value, json};

use super::*;
use crate::builtin;
use crate::engine::{Execution, InputForm, Product, Work};
use crate::registry::Registry;

/// An engine that answers with its settings, and refuses some.
#[derive(Debug)]
struct Settled(toml::Table);

impl Engine for Settled {
    fn name(&self) -> &'static str {
        "http"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        InputForm::Url
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            Ok(Product {
                output: work.input,
                files: Vec::new(),
            })
        })
    }

    fn check(&self, _model: &str, _input: &Map<String, Value>) -> Result<(), (String, String)> {
        Err(("settings".to_owned(), format!("{:?}", self.0)))
    }

    fn check_type(&self, _model: &str, _mime_type: &str) -> Result<(), String> {
        Ok(())
    }
}

fn build(_: &str, _: &str, table: &toml::Table) -> Result<Arc<dyn Engine>, BadSetting> {
    const KEYS: [&str; 5] = ["url", "headers", "steps", "when", "input"];
    for (key, value) in table {
        if !KEYS.contains(&key.as_str()) {
            return Err(BadSetting::new(key, "is no setting of this engine"));
        }
        if key == "url" && !value.as_str().is_some_and(|url| url.starts_with("http://")) {
            return Err(BadSetting::new(
                key,
                format!("{:?} is no URL", value.as_str()),
            ));
        }
        if key == "headers" && value.get("host").is_some() {
            return Err(BadSetting::new("headers.host", "cannot be set"));
        }
    }
    Ok(Arc::new(Settled(table.clone())))
}

fn read_with(text: &str, builtins: &[Entry]) -> Result<Catalogue, Vec<Mistake>> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let context = Context {
        builtins,
        changed_at: Timestamp::from_micros(7),
        variables: &Variables::of([pair("TOKEN", "s3cret"), pair("BAD", "ftp://s3cret")]),
        engines: &["http", "runflow"],
        build: &build,
    };
    read(text, &context)
}

fn taken(text: &str) -> Catalogue {
    read_with(text, &builtin::entries(1)).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn model(catalogue: &Catalogue, name: &str) -> Entry {
    let found = catalogue
        .models
        .iter()
        .find(|entry| entry.spec.model == name);
    found.unwrap().clone()
}

/// The mistakes, a line each.
fn wrong(text: &str) -> Vec<String> {
    let mistakes = read_with(text, &builtin::entries(1)).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn six_lines_make_a_model() {
    let catalogue = taken(
        r#"
[models."acme/sharpen"]
engine = "http"
url = "http://127.0.0.1:8000/predict"
[models."acme/sharpen".inputs]
image_url = { type = "image", required = true }
strength = { type = "number", min = 0, max = 1, default = 0.5 }
"#,
    );
    let spec = model(&catalogue, "acme/sharpen").spec;
    assert_eq!(spec.engine, "http");
    assert_eq!((spec.time_limit_s, spec.max_attempts), (300, 3));
    assert_eq!((spec.concurrency, spec.is_open), (None, false));
    let [image, strength] = &spec.inputs[..] else {
        panic!("{:?}", spec.inputs)
    };
    assert_eq!((image.name.as_str(), image.required), ("image_url", true));
    assert_eq!(
        (strength.min, strength.max, &strength.default),
        (Some(0.0), Some(1.0), &Some(json!(0.5)))
    );
    assert_eq!(spec.id, name::id("acme/sharpen"));
    assert!(
        catalogue.models.len() > 4,
        "the models that ship are there too"
    );
}

#[test]
fn everything_that_can_be_said_of_a_model_is_read() {
    let catalogue = taken(
        r##"
[models."acme/paint/big"]
engine = "http"
url = "http://10.0.0.1/"
headers = { authorization = "Bearer ${TOKEN}", deep = ["$${x}", 0x10, 1.5, true] }
name = "Paint"
description = "Paints."
version = "2.1"
category = "art"
license = "MIT"
concurrency = 2
time_limit = "5m"
max_attempts = 1
one_of = [["image_url", "images"], ["seed", "size"]]

[models."acme/paint/big".inputs]
zeta = "string"
image_url = "image"
images = { type = "image_list", min = 1, max = 4 }
clip = "video"
archive = { type = "string", file = true }
seed = "integer"
size = { type = "string", options = ["1K", "2K"], default = "1K", name = "Size", description = "How large." }
tint = { type = "color", default = "#ff0000" }
deep = { type = "json", default = { a = [1, { b = 2.5 }] } }
fast = { type = "boolean", default = true }
"*" = "any"

[models."acme/paint/big".outputs]
image_urls = "image_list"
seed = { type = "integer", name = "Seed", description = "The one used." }
"##,
    );
    let Entry { spec, engine } = model(&catalogue, "acme/paint/big");
    let names: Vec<&str> = spec
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "zeta",
            "image_url",
            "images",
            "clip",
            "archive",
            "seed",
            "size",
            "tint",
            "deep",
            "fast"
        ],
        "in the order of the file"
    );
    assert!(spec.is_open && spec.inputs[4].is_file);
    assert_eq!(spec.inputs[8].default, Some(json!({"a": [1, {"b": 2.5}]})));
    assert_eq!(spec.inputs[6].options, [json!("1K"), json!("2K")]);
    assert_eq!(spec.one_of.len(), 2);
    assert_eq!(
        (spec.concurrency, spec.time_limit_s, spec.max_attempts),
        (Some(2), 300, 1)
    );
    assert_eq!(
        (spec.name.as_str(), spec.version.as_str()),
        ("Paint", "2.1")
    );
    assert_eq!(spec.about.category.as_deref(), Some("art"));
    assert_eq!(spec.about.updated_at, Timestamp::from_micros(7));
    assert_eq!(spec.outputs[1].output_type, InputType::Integer);
    let (_, settings) = engine.check("", &Map::new()).unwrap_err();
    assert!(
        settings.contains("Bearer s3cret") && settings.contains("\"${x}\""),
        "{settings}"
    );
    assert!(
        !settings.contains("time_limit"),
        "the engine gets what is left: {settings}"
    );
}

#[test]
fn an_empty_file_has_the_models_that_ship() {
    for text in ["", "# nothing\n", "[models]\n"] {
        let catalogue = taken(text);
        assert_eq!(catalogue.models.len(), builtin::entries(1).len());
        assert!(catalogue.fallback.is_none() && catalogue.fingerprints.is_empty());
    }
}

#[test]
fn a_model_that_ships_is_tuned_or_replaced() {
    let tuned = taken(
        "[models.\"runnel/echo\"]\nengine = \"builtin\"\nconcurrency = 1\ntime_limit = 7\nname = \"Parrot\"",
    );
    let entry = model(&tuned, "runnel/echo");
    assert_eq!(
        (entry.spec.concurrency, entry.spec.time_limit_s),
        (Some(1), 7)
    );
    assert_eq!(
        (entry.spec.name.as_str(), entry.engine.name()),
        ("Parrot", "builtin")
    );
    assert_eq!(entry.spec.inputs.len(), 1, "the rest stays");
    assert_eq!(tuned.models.len(), builtin::entries(1).len());

    let replaced = taken(
        "[models.\"runnel/echo\"]\nengine = \"http\"\nurl = \"http://x\"\ninputs = \"any\"\nreplaces_builtin = true",
    );
    let entry = model(&replaced, "runnel/echo");
    assert_eq!(entry.engine.name(), "http");
    let shipped = builtin::entries(1);
    let shipped = shipped
        .iter()
        .find(|entry| entry.spec.model == "runnel/echo");
    assert_eq!(
        entry.spec.id,
        shipped.unwrap().spec.id,
        "runs of both are of one model"
    );
}

#[test]
fn a_fallback_takes_the_names_that_nobody_has() {
    let catalogue = taken(
        "[fallback]\nengine = \"runflow\"\nurl = \"http://x\"\nowners = [\"topaz\", \"runflow\"]\ntime_limit = \"2h\"\nmax_attempts = 2",
    );
    let registry = Registry::new([]);
    registry.replace(catalogue.models, catalogue.fallback);
    let entry = registry.get("topaz/upscale/image").unwrap();
    assert_eq!(entry.spec.model, "topaz/upscale/image");
    assert_eq!(entry.spec.id, name::id("topaz/upscale/image"));
    assert!(entry.spec.is_open);
    assert_eq!(
        (entry.spec.time_limit_s, entry.spec.max_attempts),
        (7200, 2)
    );
    assert_eq!(
        registry.get("runnel/echo").unwrap().engine.name(),
        "builtin"
    );
    for stranger in [
        "acme/x",
        "topaz/../x",
        "topaz/",
        "topaz",
        "topaz/runs",
        "topaz/a b",
        "",
    ] {
        assert!(registry.get(stranger).is_none(), "{stranger}");
    }
    assert!(!registry.models().contains_key("topaz/upscale/image"));
}

#[test]
fn what_changed_is_known_and_times_are_no_change() {
    let of = |text: &str| taken(text).fingerprints;
    let text = "[models.\"a/b\"]\nengine = \"http\"\nurl = \"http://x\"\ninputs = \"any\"\n";
    let before = of(text);
    assert_eq!(before, of(&format!("# moved\n\n{text}")));
    for change in [
        "name = \"B\"",
        "url = \"http://y\"",
        "max_attempts = 1",
        "steps = 2",
    ] {
        let (key, _) = change.split_once(' ').unwrap();
        let lines = text.lines().filter(|line| !line.starts_with(key));
        let mut changed: Vec<&str> = lines.collect();
        changed.push(change);
        assert_ne!(before, of(&changed.join("\n")), "{change}");
    }
}

/// What is put below `[models."a/b"]`, and the place and words of the mistake.
const MISTAKES: &[(&str, &str, &[&str])] = &[
    (
        "engine = \"htpp\"",
        "4:10",
        &["did you mean \"http\"", "builtin, http, runflow"],
    ),
    (
        "engine = 7",
        "4:10",
        &["a text of 1 to 200 characters, not 7"],
    ),
    (
        "engine = \"builtin\"",
        "4:10",
        &["the models that ship", "runnel/echo"],
    ),
    (
        "engine = \"http\"\nurl = \"x\"",
        "5:1",
        &["models.\"a/b\".url", "is no URL"],
    ),
    (
        "engine = \"http\"\nurl = \"${NOT_SET}\"",
        "5:7",
        &["NOT_SET", "not set"],
    ),
    (
        "engine = \"http\"\nurl = \"${BAD}\"",
        "5:1",
        &["\"${BAD}\") is no URL"],
    ),
    (
        "engine = \"http\"\nheaders = { ok = 1, host = \"x\" }",
        "5:21",
        &["headers.host"],
    ),
    (
        "engine = \"http\"\ndescripton = \"x\"",
        "5:1",
        &["did you mean \"description\""],
    ),
    (
        "engine = \"http\"\nname = \"\"",
        "5:8",
        &["a text of 1 to 200 characters, not \"\""],
    ),
    ("engine = \"http\"\nname = [1]", "5:8", &["not a list"]),
    (
        "engine = \"http\"\nconcurrency = 0",
        "5:15",
        &["from 1 to 10000, not 0"],
    ),
    ("engine = \"http\"\nconcurrency = -1", "5:15", &["not -1"]),
    ("engine = \"http\"\nconcurrency = 1.5", "5:15", &["not 1.5"]),
    (
        "engine = \"http\"\nmax_attempts = 21",
        "5:16",
        &["from 1 to 20"],
    ),
    ("engine = \"http\"\ntime_limit = 0", "5:14", &["\"5m\""]),
    (
        "engine = \"http\"\ntime_limit = \"25h\"",
        "5:14",
        &["of 1 s to 24 h, not \"25h\""],
    ),
    (
        "engine = \"http\"\ntime_limit = \"5 minutes\"",
        "5:14",
        &["\"90s\""],
    ),
    (
        "engine = \"http\"\ntime_limit = \"99999999999999999999h\"",
        "5:14",
        &["\"90s\""],
    ),
    (
        "engine = \"http\"\nreplaces_builtin = true",
        "5:20",
        &["no model of this name ships"],
    ),
    (
        "engine = \"http\"\nreplaces_builtin = 1",
        "5:20",
        &["true or false, not 1"],
    ),
    (
        "engine = \"http\"\none_of = [\"x\"]",
        "5:10",
        &["at least two"],
    ),
    ("engine = \"http\"\none_of = []", "5:10", &["at least two"]),
    (
        "engine = \"http\"\none_of = \"x\"",
        "5:10",
        &["a list of names of inputs"],
    ),
    (
        "engine = \"http\"\nsteps = 99999999999999999999",
        "5:9",
        &["beyond all"],
    ),
];

/// What is put below `[models."a/b".inputs]`, likewise.
const INPUT_MISTAKES: &[(&str, &str, &[&str])] = &[
    (
        "x = \"strnig\"",
        "6:5",
        &["did you mean \"string\"", "image_list"],
    ),
    ("x = 7", "6:5", &["must be a table, not a whole number"]),
    ("x = {}", "6:5", &["needs a type"]),
    ("x = { type = 1 }", "6:14", &["must be a type"]),
    (
        "x = { type = \"number\", defualt = 1 }",
        "6:24",
        &["did you mean \"default\""],
    ),
    (
        "x = { type = \"number\", default = 2, max = 1 }",
        "6:34",
        &["is 2, the limit is 1"],
    ),
    (
        "x = { type = \"number\", default = \"2\" }",
        "6:34",
        &["must be a number"],
    ),
    (
        "x = { type = \"number\", default = nan }",
        "6:34",
        &["JSON does not know"],
    ),
    (
        "x = { type = \"number\", default = 2026-01-01 }",
        "6:34",
        &["a time that JSON does not"],
    ),
    (
        "x = { type = \"integer\", default = 1.5 }",
        "6:35",
        &["must be a whole number"],
    ),
    (
        "x = { type = \"string\", default = \"ab\", max = 1 }",
        "6:34",
        &["has 2 characters"],
    ),
    (
        "x = { type = \"color\", default = \"red\" }",
        "6:33",
        &["must be a colour"],
    ),
    (
        "x = { type = \"image\", default = \"http://x\" }",
        "6:33",
        &["cannot be a file"],
    ),
    (
        "x_asset_id = { type = \"string\", default = \"x\" }",
        "6:43",
        &["cannot be a file"],
    ),
    (
        "x = { type = \"number\", required = true, default = 1 }",
        "6:51",
        &["is never used"],
    ),
    (
        "x = { type = \"number\", min = 2, max = 1 }",
        "6:30",
        &["is greater than max, 1"],
    ),
    (
        "x = { type = \"number\", min = inf }",
        "6:30",
        &["must be a number, not inf"],
    ),
    (
        "x = { type = \"boolean\", min = 0 }",
        "6:31",
        &["means nothing for the type boolean"],
    ),
    (
        "x = { type = \"image\", max = 10 }",
        "6:29",
        &["means nothing for the type image"],
    ),
    (
        "x = { type = \"string\", min = -1 }",
        "6:30",
        &["whole number from 0"],
    ),
    (
        "x = { type = \"image_list\", max = 1.5 }",
        "6:34",
        &["whole number from 0"],
    ),
    (
        "x = { type = \"integer\", max = 9007199254740994 }",
        "6:31",
        &["no longer exact"],
    ),
    (
        "x = { type = \"string\", options = [] }",
        "6:34",
        &["has 0 values"],
    ),
    (
        "x = { type = \"string\", options = [\"a\", 1] }",
        "6:40",
        &["must be a string"],
    ),
    (
        "x = { type = \"string\", options = [\"a\", \"a\"] }",
        "6:40",
        &["\"a\" twice"],
    ),
    (
        "x = { type = \"integer\", options = [1, 3], max = 2 }",
        "6:39",
        &["the limit is 2"],
    ),
    (
        "x = { type = \"boolean\", options = [true] }",
        "6:35",
        &["means nothing"],
    ),
    (
        "x = { type = \"string\", options = [\"a\"], default = \"b\" }",
        "6:51",
        &["is \"b\""],
    ),
    (
        "x = { type = \"image\", file = true }",
        "6:30",
        &["makes a text refer to a file"],
    ),
    (
        "\"a.b\" = \"string\"",
        "6:1",
        &["\"a.b\" is no name of an input"],
    ),
    ("\"\" = \"string\"", "6:1", &["is no name"]),
    ("\"*\" = \"string\"", "6:7", &["can only be \"any\""]),
];

fn expect(text: &str, place: &str, words: &[&str]) {
    let told = wrong(text);
    let of_place = format!("{place}: ");
    assert!(
        told.iter().any(|line| line.starts_with(&of_place) && words.iter().all(|word| line.contains(word))),
        "{place} {words:?} is not among {told:#?}\n{text}"
    );
    assert_eq!(told.len(), 1, "nothing else is wrong: {told:#?}\n{text}");
    assert!(!told[0].contains("s3cret"), "{told:?}");
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_way_out() {
    for (lines, place, words) in MISTAKES {
        let text = format!("\n[models.\"a/b\"]\ninputs = {{ x = \"string\" }}\n{lines}\n");
        expect(&text, place, words);
    }
    for (lines, place, words) in INPUT_MISTAKES {
        let text =
            format!("[models.\"a/b\"]\nengine = \"http\"\n\n\n[models.\"a/b\".inputs]\n{lines}\n");
        expect(&text, place, words);
    }
    let whole: [(&str, &str, &[&str]); 21] = [
        ("model = 1", "1:1", &["did you mean \"models\""]),
        (
            "[nonsense]",
            "1:2",
            &["has no key \"nonsense\"", "models, fallback"],
        ),
        ("models = 1", "1:10", &["must be a table"]),
        ("[models]\n\"a/b\" = 1", "2:9", &["must be a table"]),
        (
            "[models.\"a/b\"]\ninputs = \"any\"",
            "1:9",
            &["needs an engine"],
        ),
        (
            "[models.\"a/b\"]\nengine = \"http\"",
            "1:9",
            &["needs its inputs", "\"any\""],
        ),
        (
            "[models.\"a/b\"]\nengine = \"http\"\ninputs = \"all\"",
            "3:10",
            &["or \"any\""],
        ),
        (
            "[models.a.b]\nengine = \"http\"\ninputs = \"any\"",
            "1:9",
            &["[models.\"a/b\"]"],
        ),
        (
            "[models.a]\nengine = \"http\"\ninputs = \"any\"",
            "1:9",
            &["an owner and a slug"],
        ),
        (
            "[models.\"a//b\"]\nengine = \"http\"",
            "1:9",
            &["cannot be \"\""],
        ),
        (
            "[models.\"a/../b\"]\nengine = \"http\"",
            "1:9",
            &["cannot be \"..\""],
        ),
        (
            "[models.\"a/b/runs\"]\nengine = \"http\"",
            "1:9",
            &["cannot end in \"runs\""],
        ),
        (
            "[models.\"a/b/batches\"]\nengine = \"http\"",
            "1:9",
            &["cannot end in \"batches\""],
        ),
        ("[models.\"a/ü\"]\nengine = \"http\"", "1:9", &["not 'ü'"]),
        (
            "[models.\"runnel/echo\"]\nengine = \"http\"\ninputs = \"any\"",
            "1:9",
            &["replaces_builtin = true"],
        ),
        (
            "[models.\"runnel/echo\"]\nengine = \"builtin\"\ninputs = \"any\"",
            "3:10",
            &["cannot be changed"],
        ),
        (
            "[models.\"runnel/echo\"]\nengine = \"builtin\"\nurl = \"x\"",
            "3:1",
            &["has no key \"url\""],
        ),
        ("[fallback]\nurl = \"http://x\"", "1:2", &["needs engine"]),
        (
            "[fallback]\nengine = \"http\"",
            "2:10",
            &["must be \"runflow\""],
        ),
        (
            "[fallback]\nengine = \"runflow\"\nowners = []",
            "3:10",
            &["leave it out"],
        ),
        (
            "[fallback]\nengine = \"runflow\"\nowners = [\"a/b/../c\"]",
            "3:11",
            &["names of owners"],
        ),
    ];
    for (text, place, words) in whole {
        expect(text, place, words);
    }
}

#[test]
fn what_is_no_toml_is_told_where() {
    let twice = "[models.\"a/b\"]\nengine = \"http\"\n[models.\"a/b\"]\n";
    for (text, place) in [
        ("[models", "1:8"),
        ("a = = 1", "1:5"),
        ("x = \"unclosed\ny = 1", "1:14"),
        (twice, "3:9"),
        ("a = 1\na = 2", "2:1"),
        ("[models.acme/sharpen]\n", "1:13"),
    ] {
        let told = wrong(text);
        assert!(
            told[0].starts_with(place) && told[0].contains("no TOML"),
            "{text:?}: {told:?}"
        );
    }
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let told = wrong(
        "typo = 1\n[models.\"a/b\"]\nengine = \"htp\"\ntime_limit = 0\n[models.\"a/b\".inputs]\nx = \"strng\"\ny = { type = \"number\", default = true }\n[models.\"c/..\"]\nengine = \"http\"\n",
    );
    let lines: Vec<&str> = told
        .iter()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(lines, ["1", "3", "4", "6", "7", "8"], "{told:#?}");
}

#[test]
fn no_file_is_too_large_or_too_deep() {
    let many = "[models.\"a/MODEL\"]\nengine = \"x\"\n";
    let many: String = (0..1001)
        .map(|n| many.replace("MODEL", &n.to_string()))
        .collect();
    let told = wrong(&many);
    assert!(
        told.len() == 1 && told[0].contains("more than 1000"),
        "{told:?}"
    );
    let mistakes: String = (0..200).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(wrong(&mistakes).len(), 50);
    for deep in [
        format!("x = {}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("x = {}1{}", "{a=".repeat(50_000), "}".repeat(50_000)),
        format!("{}x = 1", "a.".repeat(1000)),
        format!("[{}x]\ny = 1", "a.".repeat(1000)),
    ] {
        assert!(!wrong(&deep).is_empty());
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange(text in "(\\[models\\.\"a/b\"\\]\n|engine = \"http\"\n|inputs = |\"any\"\n|\\[|\\]|\\{|\\}|=|\"|\\.|[a-z*]{1,9}|[0-9]|\n|🍰|\\PC){0,24}") {
        let _ = read_with(&text, &[]);
    }
}
