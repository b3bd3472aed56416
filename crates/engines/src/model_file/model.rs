//! Reads the table of one model, and makes its engine.

use std::sync::Arc;
use std::time::Duration;

use runnel_types::{ModelAbout, ModelSpec, words};
use sha1::{Digest, Sha1};
use toml::Table;
use toml::de::DeValue;

use super::input::{Inputs, inputs, outputs};
use super::mistake::Mistakes;
use super::table::Reader;
use super::values::{Filler, Placed, place_of};
use super::variables::Used;
use super::{Context, Fingerprint, name};
use crate::builtin;
use crate::engine::Engine;
use crate::registry::{Entry, Fallback};

/// How long one execution may take when the file does not say, in seconds.
const TIME_LIMIT_S: u64 = 300;
/// How many executions a run is given when the file does not say.
const MAX_ATTEMPTS: u32 = 3;
/// The longest time limit.
const LONGEST: Duration = Duration::from_hours(24);
/// The most executions of a run.
const MOST_ATTEMPTS: u32 = 20;
/// The most runs of a model at once; more is as good as no limit.
const MOST_AT_ONCE: u32 = 10_000;
/// The longest text of one line, in characters.
const LONGEST_LINE: usize = 200;
/// The longest text for people, in characters.
const LONGEST_TEXT: usize = 5000;
/// The most owners whose models are passed on.
const MOST_OWNERS: usize = 100;
/// The engine that knows models of its own.
const PASSES_ON: &str = "runflow";
/// What the engine of a fallback takes for its model.
const EVERY_MODEL: &str = "*";

/// Reads `[models."owner/slug"]`.
pub(super) fn model(
    key: (&str, usize),
    value: &Placed<'_>,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<(Entry, Fingerprint)> {
    let (model, at) = key;
    if let Err(message) = name::check(model) {
        mistakes.note(at, format!("models.{model:?}: {message}"));
        return None;
    }
    let reader = Reader::of(value, format!("models.{model:?}"), at, mistakes)?;
    let shipped = context
        .builtins
        .iter()
        .find(|entry| entry.spec.model == model);
    let engine = reader.text("engine", LONGEST_LINE, mistakes);
    if !reader.table.contains_key("engine") {
        let engines = engines(context).join(", ");
        mistakes.note(
            at,
            format!("{} needs an engine, one of {engines}", reader.path),
        );
    }
    let replaces = reader.flag("replaces_builtin", mistakes);
    if engine.as_deref() == Some(builtin::NAME) {
        return tuned(&reader, shipped, context, mistakes);
    }
    match (shipped, replaces) {
        (Some(_), false) => mistakes.note(
            at,
            format!("{} is a model that ships; to have this one in its place, say replaces_builtin = true", reader.path),
        ),
        (None, true) => {
            let message = "is true, and no model of this name ships";
            reader.refuse("replaces_builtin", message, mistakes);
        }
        _ => {}
    }
    let mut spec = ModelSpec {
        id: shipped.map_or_else(|| name::id(model), |shipped| shipped.spec.id),
        engine: engine.clone().unwrap_or_default(),
        ..blank(model, context)
    };
    listing(&reader, &mut spec, mistakes);
    limits(&reader, &mut spec, mistakes);
    interface(&reader, &mut spec, mistakes);
    let (engine, table) = make_engine(&engine?, model, &reader, context, mistakes)?;
    let fingerprint = fingerprint(&spec, &table);
    let spec = Arc::new(spec);
    Some((Entry { spec, engine }, fingerprint))
}

/// A model that ships, with limits of the operator's.
fn tuned(
    reader: &Reader<'_, '_>,
    shipped: Option<&Entry>,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<(Entry, Fingerprint)> {
    let Some(shipped) = shipped else {
        let models: Vec<&str> = context
            .builtins
            .iter()
            .map(|entry| entry.spec.model.as_str())
            .collect();
        let message = format!(
            "is builtin, which runs the models that ship: {}",
            models.join(", ")
        );
        reader.refuse("engine", &message, mistakes);
        return None;
    };
    let mut spec = (*shipped.spec).clone();
    listing(reader, &mut spec, mistakes);
    limits(reader, &mut spec, mistakes);
    for key in ["inputs", "outputs", "one_of"] {
        if reader.get(key).is_some() {
            reader.refuse(key, "cannot be changed of a model that ships", mistakes);
        }
    }
    reader.refuse_others(mistakes);
    let fingerprint = fingerprint(&spec, &Table::new());
    let entry = Entry {
        spec: Arc::new(spec),
        engine: Arc::clone(&shipped.engine),
    };
    Some((entry, fingerprint))
}

/// Reads `[fallback]`.
pub(super) fn fallback(
    value: &Placed<'_>,
    at: usize,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<(Fallback, Fingerprint)> {
    let reader = Reader::of(value, "fallback", at, mistakes)?;
    let engine = reader.text("engine", LONGEST_LINE, mistakes);
    match engine.as_deref() {
        Some(PASSES_ON) => {}
        Some(_) => {
            let message =
                format!("must be {PASSES_ON:?}: no other engine knows models by their names");
            reader.refuse("engine", &message, mistakes);
        }
        None if !reader.table.contains_key("engine") => {
            mistakes.note(at, format!("fallback needs engine = {PASSES_ON:?}"));
        }
        None => {}
    }
    let mut spec = ModelSpec {
        is_open: true,
        engine: PASSES_ON.to_owned(),
        ..blank(EVERY_MODEL, context)
    };
    limits(&reader, &mut spec, mistakes);
    let owners = owners(&reader, mistakes);
    if engine.as_deref() != Some(PASSES_ON) {
        return None;
    }
    let (engine, table) = make_engine(PASSES_ON, EVERY_MODEL, &reader, context, mistakes)?;
    let print = fingerprint(&spec, &(owners.clone(), &table));
    let fallback = Fallback {
        spec,
        owners,
        engine,
    };
    Some((fallback, print))
}

fn owners(reader: &Reader<'_, '_>, mistakes: &mut Mistakes) -> Vec<String> {
    let owners = reader.list("owners", "names such as \"acme\"", mistakes);
    let mut read = Vec::new();
    for owner in owners.unwrap_or_default().iter().take(MOST_OWNERS) {
        match owner.get_ref().as_str() {
            Some(text) if name::check(&format!("{text}/x")).is_ok() => read.push(text.to_owned()),
            _ => mistakes.note(
                owner.span().start,
                format!(
                    "{}.owners has names of owners, such as \"acme\"",
                    reader.path
                ),
            ),
        }
    }
    // No owner at all must not come to mean every owner.
    if owners.is_some_and(|owners| owners.is_empty() || owners.len() > MOST_OWNERS) {
        let message = format!("has 1 to {MOST_OWNERS} names; leave it out to pass on everything");
        reader.refuse("owners", &message, mistakes);
    }
    read
}

fn blank(model: &str, context: &Context<'_>) -> ModelSpec {
    let slug = model.split_once('/').map_or(model, |(_, slug)| slug);
    ModelSpec {
        id: name::id(model),
        model: model.to_owned(),
        name: slug.to_owned(),
        description: String::new(),
        version: "1".to_owned(),
        inputs: Vec::new(),
        one_of: Vec::new(),
        outputs: Vec::new(),
        is_open: false,
        engine: String::new(),
        concurrency: None,
        time_limit_s: TIME_LIMIT_S,
        max_attempts: MAX_ATTEMPTS,
        about: ModelAbout::since(context.changed_at),
    }
}

/// What is told of the model.
fn listing(reader: &Reader<'_, '_>, spec: &mut ModelSpec, mistakes: &mut Mistakes) {
    let mut line = |key| reader.text(key, LONGEST_LINE, mistakes);
    if let Some(name) = line("name") {
        spec.name = name;
    }
    if let Some(version) = line("version") {
        spec.version = version;
    }
    if let Some(category) = line("category") {
        spec.about.category = Some(category);
    }
    if let Some(license) = line("license") {
        spec.about.license = Some(license);
    }
    if let Some(description) = reader.text("description", LONGEST_TEXT, mistakes) {
        spec.description = description;
    }
}

/// How much of it there may be.
fn limits(reader: &Reader<'_, '_>, spec: &mut ModelSpec, mistakes: &mut Mistakes) {
    if let Some(limit) = reader.integer("concurrency", 1..=MOST_AT_ONCE, mistakes) {
        spec.concurrency = Some(limit);
    }
    if let Some(limit) = reader.duration("time_limit", LONGEST, mistakes) {
        spec.time_limit_s = limit.as_secs();
    }
    if let Some(attempts) = reader.integer("max_attempts", 1..=MOST_ATTEMPTS, mistakes) {
        spec.max_attempts = attempts;
    }
}

/// What it takes and what it makes.
fn interface(reader: &Reader<'_, '_>, spec: &mut ModelSpec, mistakes: &mut Mistakes) {
    let path = &reader.path;
    match reader.get("inputs") {
        Some(value) => {
            let read = inputs(value, &format!("{path}.inputs"), mistakes);
            Inputs {
                specs: spec.inputs,
                is_open: spec.is_open,
            } = read;
        }
        None => mistakes.note(
            reader.at,
            format!(
                "{path} needs its inputs, a table; or inputs = \"any\" to pass on whatever is given"
            ),
        ),
    }
    if let Some(value) = reader.get("outputs") {
        spec.outputs = outputs(value, &format!("{path}.outputs"), mistakes);
    }
    spec.one_of = one_of(reader, spec, mistakes);
}

/// Reads `one_of`: a list of names, or a list of such lists.
fn one_of(reader: &Reader<'_, '_>, spec: &ModelSpec, mistakes: &mut Mistakes) -> Vec<Vec<String>> {
    let Some(list) = reader.list("one_of", "names of inputs", mistakes) else {
        return Vec::new();
    };
    let sets: Vec<Vec<&Placed<'_>>> = if list.iter().any(|item| item.get_ref().is_array()) {
        list.iter()
            .map(|item| match item.get_ref() {
                DeValue::Array(names) => names.iter().collect(),
                _ => vec![item],
            })
            .collect()
    } else {
        vec![list.iter().collect()]
    };
    let known: Vec<&str> = spec
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    let mut read = Vec::new();
    for set in sets {
        if set.len() < 2 {
            let message = "names at least two inputs, of which a run gives one";
            reader.refuse("one_of", message, mistakes);
        }
        let mut names = Vec::new();
        for item in set {
            match item.get_ref().as_str() {
                Some(name) if known.contains(&name) => names.push(name.to_owned()),
                Some(name) => {
                    let message = words::none_of(&known, name);
                    mistakes.note(
                        item.span().start,
                        format!("{}.one_of {message}", reader.path),
                    );
                }
                None => {
                    let message = format!("{}.one_of has names of inputs", reader.path);
                    mistakes.note(item.span().start, message);
                }
            }
        }
        read.push(names);
    }
    read
}

/// Makes the engine of what is left of the table; answers with that too.
fn make_engine(
    engine: &str,
    model: &str,
    reader: &Reader<'_, '_>,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<(Arc<dyn Engine>, Table)> {
    if !context.engines.contains(&engine) {
        let message = words::none_of(&engines(context), engine);
        reader.refuse("engine", &message, mistakes);
        return None;
    }
    let mut filler = Filler {
        variables: context.variables,
        used: Used::default(),
    };
    let mut table = Some(Table::new());
    for (key, value) in reader.others() {
        let key = key.get_ref().as_ref();
        let value = filler.fill(value, &format!("{}.{key}", reader.path), mistakes);
        match (&mut table, value) {
            (Some(table), Some(value)) => drop(table.insert(key.to_owned(), value)),
            _ => table = None,
        }
    }
    let table = table?;
    match (context.build)(engine, model, &table) {
        Ok(engine) => Some((engine, table)),
        Err(bad) => {
            let at = place_of(reader.table, &bad.key).unwrap_or(reader.at);
            let mut message = format!("{}.{}: {}", reader.path, bad.key, bad.message);
            if let Some(meant) = reader.nearest(&bad.key) {
                message = format!("{message}; did you mean {meant:?}?");
            }
            mistakes.note(at, filler.used.hide(&message));
            None
        }
    }
}

/// The engines that a model may name.
fn engines<'a>(context: &Context<'a>) -> Vec<&'a str> {
    std::iter::once(builtin::NAME)
        .chain(context.engines.iter().copied())
        .collect()
}

/// Tells a model from what it was before: everything but its times.
fn fingerprint(spec: &ModelSpec, settings: &impl std::fmt::Debug) -> Fingerprint {
    let timeless = ModelSpec {
        about: ModelAbout {
            created_at: runnel_types::Timestamp::from_micros(0),
            updated_at: runnel_types::Timestamp::from_micros(0),
            ..spec.about.clone()
        },
        ..spec.clone()
    };
    Sha1::digest(format!("{timeless:?}{settings:?}")).into()
}
