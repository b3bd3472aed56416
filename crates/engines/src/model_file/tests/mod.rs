//! Files that are taken, and those that are not.

mod mistakes;

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
fn the_example_of_the_docs_is_taken() {
    let text = include_str!("../../../../../docs/models.example.toml");
    let catalogue = taken(&text.replace("${UPSCALE_TOKEN}", "${TOKEN}"));
    let spec = model(&catalogue, "acme/upscale/image").spec;
    assert_eq!((spec.inputs.len(), spec.is_open), (8, true));
    assert_eq!(catalogue.fingerprints.len(), 3);
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
    registry.replace_all(catalogue.models, catalogue.fallback);
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
    let mistakes: Vec<String> = (0..200).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(wrong(&mistakes.concat()).len(), 50);
    for deep in [
        format!("x = {}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("x = {}1{}", "{a=".repeat(50_000), "}".repeat(50_000)),
        format!("{}x = 1", "a.".repeat(200_000)),
        format!("[{}x]\ny = 1", "a.".repeat(200_000)),
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
