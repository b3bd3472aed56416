//! `GET /v1/openapi.json`: OpenAPI 3.1 of what is served, from the handlers' types.

use aide::openapi::{Components, Info, OpenApi, ReferenceOr, SecurityScheme, Tag};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// The first words of the document, in Markdown.
const INTRODUCTION: &str = include_str!("openapi.md");

/// The parts of the API, in the order in which a newcomer meets them.
const TAGS: [(&str, &str); 9] = [
    (
        "Uploads",
        "A session, a PUT of the bytes to a signed URL, a confirmation.",
    ),
    ("Assets", "What was uploaded, and what runs made."),
    ("Folders", "A tree in which assets are filed."),
    ("Models", "What can be run, and how a run begins."),
    (
        "Runs",
        "What became of a run: its status, its logs, its callback.",
    ),
    (
        "Batches",
        "Many runs of a model in one call, with one callback at the end.",
    ),
    (
        "Callback secrets",
        "What signs the callbacks of runs and batches, through a rotation.",
    ),
    (
        "Webhooks",
        "Who hears of what happens in an organization, and what was sent to them.",
    ),
    ("Service", "Whether the server is well, and who is asking."),
];

/// The document before the routes add themselves to it.
pub(crate) fn document() -> OpenApi {
    // Errors are inferred from every handler's type, and so is 200.
    aide::generate::infer_responses(true);
    aide::generate::extract_schemas(true);
    let bearer = SecurityScheme::Http {
        extensions: indexmap::IndexMap::default(),
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("An API key, `rf_live_…`.".to_owned()),
    };
    let components = Components {
        security_schemes: [("bearer".to_owned(), ReferenceOr::Item(bearer))]
            .into_iter()
            .collect(),
        ..Components::default()
    };
    OpenApi {
        info: Info {
            title: "Runnel".to_owned(),
            description: Some(INTRODUCTION.to_owned()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Info::default()
        },
        components: Some(components),
        tags: TAGS.map(tag).to_vec(),
        ..OpenApi::default()
    }
}

fn tag((name, description): (&str, &str)) -> Tag {
    Tag {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        ..Tag::default()
    }
}

/// A handler that serves the finished document.
pub(crate) fn serve<S>(api: &OpenApi) -> impl axum::handler::Handler<((),), S> + use<S> {
    // The document cannot change while the server runs, so it is written once.
    let json = Bytes::from(serde_json::to_vec(api).unwrap_or_default());
    move || {
        let json = json.clone();
        async move { answer(json) }
    }
}

fn answer(json: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}
