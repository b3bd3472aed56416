//! A workflow in ComfyUI's API format, and where the inputs of a run go in it.

use serde_json::{Map, Value};

use crate::settings::{BadSetting, Fields};

/// The most bytes of a workflow's file.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// A workflow with its places.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Map<String, Value>,
    /// The input of the run, the node, and the input of the node.
    places: Vec<(String, String, String)>,
    results: Vec<String>,
}

impl Graph {
    pub(super) fn read(settings: Fields<'_>) -> Result<Self, BadSetting> {
        let path = settings.required("workflow", "/etc/runnel/workflow_api.json")?;
        let bad = |why: String| BadSetting::new("workflow", why);
        let size = std::fs::metadata(path).map_err(|error| bad(format!("{path}: {error}")))?;
        if size.len() > MAX_FILE {
            return Err(bad(format!("{path} has more than {MAX_FILE} bytes")));
        }
        let text = std::fs::read(path).map_err(|error| bad(format!("{path}: {error}")))?;
        let json: Value = serde_json::from_slice(&text)
            .map_err(|error| bad(format!("{path} is no JSON: {error}")))?;
        if json.get("nodes").is_some_and(Value::is_array) {
            return Err(bad(format!(
                "{path} is a workflow as the editor saves it; export it in the API format"
            )));
        }
        let is_node = |node: &Value| node["class_type"].is_string();
        let nodes = match json {
            Value::Object(nodes) if !nodes.is_empty() && nodes.values().all(is_node) => nodes,
            _ => {
                return Err(bad(format!(
                    "{path} is no workflow in the API format: nodes by id, each with its class_type"
                )));
            }
        };
        Ok(Self {
            places: places(settings, &nodes)?,
            results: results(settings, &nodes)?,
            nodes,
        })
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes whose files are the output; all of them when empty.
    pub(super) fn results(&self) -> &[String] {
        &self.results
    }

    /// The workflow with an input put into it. What was not given stays as the
    /// workflow has it.
    pub(super) fn fill(&self, input: &Value) -> Value {
        let mut nodes = self.nodes.clone();
        for (name, node, field) in &self.places {
            let value = input.pointer(&format!("/{}", name.replace('.', "/")));
            let node = nodes.get_mut(node).and_then(|node| node.get_mut("inputs"));
            if let (Some(value), Some(Value::Object(inputs))) = (value, node)
                && !value.is_null()
            {
                inputs.insert(field.clone(), value.clone());
            }
        }
        Value::Object(nodes)
    }
}

/// Reads `[nodes]`: `prompt = "6.inputs.text"`.
fn places(
    settings: Fields<'_>,
    nodes: &Map<String, Value>,
) -> Result<Vec<(String, String, String)>, BadSetting> {
    let mut places = Vec::new();
    for (name, place) in settings.texts_by_name("nodes")? {
        let bad = |why: String| BadSetting::new(format!("nodes.{name}"), why);
        let mut parts = place.splitn(3, '.');
        let (Some(node), Some("inputs"), Some(field)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(bad(
                "must be of the form NODE.inputs.NAME, such as 6.inputs.text".to_owned(),
            ));
        };
        let Some(inputs) = nodes.get(node).map(|node| &node["inputs"]) else {
            let known: Vec<&str> = nodes.keys().take(30).map(String::as_str).collect();
            return Err(bad(format!(
                "names the node {node}, which the workflow does not have; it has {}",
                known.join(", ")
            )));
        };
        if !inputs.is_object() {
            return Err(bad(format!("names the node {node}, which has no inputs")));
        }
        places.push((name, node.to_owned(), field.to_owned()));
    }
    Ok(places)
}

fn results(settings: Fields<'_>, nodes: &Map<String, Value>) -> Result<Vec<String>, BadSetting> {
    let results = settings.texts("results")?;
    match results.iter().find(|node| !nodes.contains_key(*node)) {
        None => Ok(results),
        Some(node) => Err(BadSetting::new(
            "results",
            format!("names the node {node}, which the workflow does not have"),
        )),
    }
}
