//! Parameters in the API's document that no field of a type stands for: headers,
//! and what lists take beside the query that all of them have.

use aide::openapi::{
    HeaderStyle, OpenApi, Operation, Parameter, ParameterData, ParameterSchemaOrContent,
    QueryStyle, ReferenceOr, SchemaObject,
};
use indexmap::IndexMap;
use runnel_types::list::{Field, FieldKind};
use schemars::{Schema, json_schema};

/// What is said of `Idempotency-Key`; the rest is in the document's introduction.
const ONCE: &str = "A text of your own, such as a UUID, for this one request. Sent again with the \
    same body within 24 hours, it is not done twice: the first answer comes again, with \
    `Idempotent-Replayed: true`. With another body it is 409.";

/// What is said of `Prefer`.
const PREFER: &str = "`wait=N` answers when the run has ended or after N seconds (1 to 60), \
    whichever comes first; `Preference-Applied` says that it was done.";

/// Documents the header by which a POST is done once.
pub(crate) fn document_keys(api: &mut OpenApi) {
    let paths = api.paths.iter_mut().flat_map(|paths| &mut paths.paths);
    for (_, path) in paths {
        if let ReferenceOr::Item(path) = path
            && let Some(post) = &mut path.post
        {
            let text = json_schema!({"type": "string", "minLength": 1, "maxLength": 255});
            add(post, header("Idempotency-Key", ONCE, text));
        }
    }
}

/// Documents the header that asks to wait for a run.
pub(crate) fn document_prefer(operation: &mut Operation) {
    let text = json_schema!({"type": "string", "example": "wait=30"});
    add(operation, header("Prefer", PREFER, text));
}

/// Documents what may be told with an asset.
pub(crate) fn document_embed(operation: &mut Operation) {
    let words = json_schema!({"type": "string", "enum": ["created_by_user"]});
    let told = "`created_by_user` tells who created it.";
    add(operation, query("embed", told, words));
}

/// Documents whether what is in a folder goes with it.
pub(crate) fn document_recursive(operation: &mut Operation) {
    let flag = json_schema!({"type": "boolean"});
    let told = "`true` deletes what is in it, too.";
    add(operation, query("recursive", told, flag));
}

/// Documents a field of a list that is a parameter of its own.
pub(crate) fn document_field(operation: &mut Operation, field: &Field) {
    let name = field.name;
    let mut told = format!("Those alone whose `{name}` is this");
    if field.nullable {
        told.push_str("; `null` for those that have none");
    }
    told.push('.');
    add(operation, query(name, &told, values(field)));
}

fn values(field: &Field) -> Schema {
    let one = match field.kind {
        FieldKind::Text => json_schema!({"type": "string"}),
        FieldKind::Id => json_schema!({"type": "string", "format": "uuid"}),
        FieldKind::Word(words) => json_schema!({"type": "string", "enum": words}),
        FieldKind::Integer => json_schema!({"type": "integer"}),
        FieldKind::Time => json_schema!({"type": "string", "format": "date-time"}),
    };
    if field.nullable {
        json_schema!({"anyOf": [one, {"type": "string", "enum": ["null"]}]})
    } else {
        one
    }
}

fn add(operation: &mut Operation, parameter: Parameter) {
    operation.parameters.push(ReferenceOr::Item(parameter));
}

fn query(name: &str, description: &str, schema: Schema) -> Parameter {
    Parameter::Query {
        parameter_data: data(name, description, schema),
        allow_reserved: false,
        style: QueryStyle::Form,
        allow_empty_value: None,
    }
}

fn header(name: &str, description: &str, schema: Schema) -> Parameter {
    Parameter::Header {
        parameter_data: data(name, description, schema),
        style: HeaderStyle::Simple,
    }
}

fn data(name: &str, description: &str, json_schema: Schema) -> ParameterData {
    ParameterData {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(SchemaObject {
            json_schema,
            external_docs: None,
            example: None,
        }),
        example: None,
        examples: IndexMap::default(),
        explode: None,
        extensions: IndexMap::default(),
    }
}
