//! Every operation of the server, one line each. The only place with URL paths.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, patch_with, post_with};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use runnel_domain::Services;
use runnel_types::Fault;
use tower::ServiceExt;

use crate::cors::{self, Cors};
use crate::error::ApiError;
use crate::{
    assets, auth, batches, callback_secrets, docs, folders, health, idempotency, metrics,
    model_path, models, openapi, parameters, rates, request, runs, storage, uploads, webhooks,
};

/// Where the storage URLs of the local disk begin; the domain signs what follows.
pub const STORAGE: &str = "/storage/";

/// Where the API's document is.
pub(crate) const OPENAPI: &str = "/v1/openapi.json";

/// Where the viewer of the document has its script.
pub(crate) const VIEWER: &str = "/docs/viewer.js";

/// Where models are, their names after it.
pub(crate) const MODELS: &str = "/v1/models/";

/// What a form may have beside its file, in bytes.
const FORM_OVERHEAD: usize = 64 * 1024;

/// Builds the server's routes over `services`, for the pages that `cors` names.
pub fn router(services: Arc<Services>, cors: &Cors) -> Router {
    // ORDER: the document first; beginning one forgets the schemas that routes
    // have told of so far.
    let mut api = openapi::document();
    // A form is a little longer than the file in it.
    let form_limit = usize::try_from(services.limits.max_upload_bytes)
        .unwrap_or(usize::MAX)
        .saturating_add(FORM_OVERHEAD);
    let documented = ApiRouter::new()
        .merge(service())
        .merge(library())
        .merge(work())
        .merge(callbacks())
        .merge(webhooks());
    let documented = documented
        .route_layer(from_fn_with_state(Arc::clone(&services), idempotency::once))
        .route_layer(from_fn_with_state(Arc::clone(&services), rates::tell))
        .layer(DefaultBodyLimit::max(form_limit))
        .finish_api(&mut api);
    parameters::document_keys(&mut api);
    let router = documented
        .route(OPENAPI, get(openapi::serve(&api)))
        .route("/metrics", get(metrics::metrics))
        .route("/docs", get(docs::page))
        .route(VIEWER, get(docs::viewer))
        .route(
            "/storage/{*key}",
            get(storage::get::get)
                .head(storage::get::get)
                .put(storage::put::put)
                .post(storage::tus::serve)
                .patch(storage::tus::serve)
                .delete(storage::tus::serve)
                .options(storage::tus::options),
        )
        .route_layer(from_fn(request::note_route))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(&services));
    // Before a route is looked for, which a layer of the router would not be.
    let router = Router::new().fallback_service(router.map_request(model_path::fold));
    // Outermost, so that answers to browsers' questions carry an id too.
    answering_pages(router, cors).layer(from_fn_with_state(services, request::observe))
}

/// The routes of a process without the API: how it is.
pub fn watch_router(services: Arc<Services>) -> Router {
    Router::new()
        .route("/v1/health", get(health::health))
        .route("/v1/readiness", get(health::readiness))
        .route("/metrics", get(metrics::metrics))
        .route_layer(from_fn(request::note_route))
        .fallback(no_api)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(&services))
        .layer(from_fn_with_state(services, request::observe))
}

/// What the server says of itself and of its caller.
fn service() -> ApiRouter<Arc<Services>> {
    ApiRouter::new()
        .api_route("/v1/health", get_with(health::health, health::health_docs))
        .api_route(
            "/v1/readiness",
            get_with(health::readiness, health::readiness_docs),
        )
        .api_route("/v1/auth/me", get_with(auth::me::me, auth::me::docs))
}

/// Uploads, assets and folders.
fn library() -> ApiRouter<Arc<Services>> {
    ApiRouter::new()
        .api_route(
            "/v1/asset-uploads",
            post_with(uploads::create::create, uploads::create::docs),
        )
        .api_route(
            "/v1/asset-uploads/{id}/confirmations",
            post_with(uploads::confirm::confirm, uploads::confirm::docs),
        )
        .api_route(
            "/v1/assets",
            get_with(assets::list::list, assets::list::docs)
                .post_with(assets::create::create, assets::create::docs),
        )
        .api_route(
            "/v1/assets/types",
            get_with(assets::types::types, assets::types::docs),
        )
        .api_route(
            "/v1/assets/source-types",
            get_with(assets::types::sources, assets::types::sources_docs),
        )
        .api_route(
            "/v1/assets/source-types/{name}",
            get_with(assets::types::source, assets::types::source_docs),
        )
        .api_route(
            "/v1/assets/{id}",
            get_with(assets::get::get, assets::get::docs)
                .patch_with(assets::change::change, assets::change::docs)
                .delete_with(assets::delete::delete, assets::delete::docs),
        )
        .api_route(
            "/v1/assets/{id}/restorations",
            post_with(assets::restore::restore, assets::restore::docs),
        )
        .api_route(
            "/v1/assets/{id}/urls",
            post_with(assets::urls::sign, assets::urls::docs),
        )
        .api_route(
            "/v1/asset-folders",
            get_with(folders::list::list, folders::list::docs)
                .post_with(folders::create::create, folders::create::docs),
        )
        .api_route(
            "/v1/asset-folders/{id}",
            get_with(folders::get::get, folders::get::docs)
                .patch_with(folders::change::change, folders::change::docs)
                .delete_with(folders::delete::delete, folders::delete::docs),
        )
}

/// Models, runs and batches.
fn work() -> ApiRouter<Arc<Services>> {
    ApiRouter::new()
        .api_route(
            "/v1/models",
            get_with(models::list::list, models::list::docs),
        )
        .api_route(
            "/v1/models/{owner}/{slug}",
            get_with(models::get::get, models::get::docs),
        )
        .api_route(
            "/v1/models/{owner}/{slug}/runs",
            post_with(runs::create::create, runs::create::docs),
        )
        .api_route(
            "/v1/models/{owner}/{slug}/batches",
            post_with(batches::create::create, batches::create::docs),
        )
        .api_route("/v1/runs", get_with(runs::list::list, runs::list::docs))
        .api_route("/v1/runs/{id}", get_with(runs::get::get, runs::get::docs))
        .api_route(
            "/v1/runs/{id}/logs",
            get_with(runs::logs::logs, runs::logs::docs),
        )
        .api_route(
            "/v1/runs/{id}/events",
            get_with(runs::events::events, runs::events::docs),
        )
        .api_route(
            "/v1/runs/{id}/node-runs",
            get_with(runs::node_runs::node_runs, runs::node_runs::docs),
        )
        .api_route(
            "/v1/runs/{id}/cancellation",
            post_with(runs::cancel::cancel, runs::cancel::docs),
        )
        .api_route(
            "/v1/admin/runs/{id}/cancellation",
            post_with(runs::cancel::cancel, runs::cancel::admin_docs),
        )
        .api_route(
            "/v1/runs/{id}/reruns",
            post_with(runs::rerun::rerun, runs::rerun::docs),
        )
        .api_route(
            "/v1/runs/{id}/callback",
            get_with(runs::callback::callback, runs::callback::docs),
        )
        .api_route(
            "/v1/runs/{id}/callback-redeliveries",
            post_with(runs::redeliver::redeliver, runs::redeliver::docs),
        )
        .api_route(
            "/v1/batches",
            get_with(batches::list::list, batches::list::docs),
        )
        .api_route(
            "/v1/batches/{id}",
            get_with(batches::get::get, batches::get::docs),
        )
        .api_route(
            "/v1/batches/{id}/items",
            get_with(batches::items::items, batches::items::docs),
        )
        .api_route(
            "/v1/batches/{id}/cancellation",
            post_with(batches::cancel::cancel, batches::cancel::docs),
        )
        .api_route(
            "/v1/batches/{id}/callback",
            get_with(batches::callback::callback, batches::callback::docs),
        )
        .api_route(
            "/v1/batches/{id}/callback-redeliveries",
            post_with(batches::redeliver::redeliver, batches::redeliver::docs),
        )
}

/// How callbacks are proved.
fn callbacks() -> ApiRouter<Arc<Services>> {
    ApiRouter::new()
        .api_route(
            "/v1/callback-secrets",
            get_with(callback_secrets::list::list, callback_secrets::list::docs).post_with(
                callback_secrets::create::create,
                callback_secrets::create::docs,
            ),
        )
        .api_route(
            "/v1/callback-secrets/{id}",
            patch_with(
                callback_secrets::change::change,
                callback_secrets::change::docs,
            )
            .delete_with(
                callback_secrets::delete::delete,
                callback_secrets::delete::docs,
            ),
        )
}

/// Who hears of what happens, and what was sent to them.
fn webhooks() -> ApiRouter<Arc<Services>> {
    ApiRouter::new()
        .api_route(
            "/v1/webhooks",
            get_with(webhooks::list::list, webhooks::list::docs)
                .post_with(webhooks::create::create, webhooks::create::docs),
        )
        .api_route(
            "/v1/webhooks/event-types",
            get_with(
                webhooks::event_types::list,
                webhooks::event_types::list_docs,
            ),
        )
        .api_route(
            "/v1/webhooks/event-types/{code}",
            get_with(webhooks::event_types::get, webhooks::event_types::get_docs),
        )
        .api_route(
            "/v1/webhooks/{id}",
            get_with(webhooks::get::get, webhooks::get::docs)
                .patch_with(webhooks::change::change, webhooks::change::docs)
                .delete_with(webhooks::delete::delete, webhooks::delete::docs),
        )
        .api_route(
            "/v1/webhooks/{id}/test",
            post_with(webhooks::test::test, webhooks::test::docs),
        )
        .api_route(
            "/v1/webhooks/{webhook_id}/deliveries",
            get_with(
                webhooks::deliveries::list::list,
                webhooks::deliveries::list::docs,
            ),
        )
        .api_route(
            "/v1/webhooks/{webhook_id}/deliveries/{id}",
            get_with(
                webhooks::deliveries::get::get,
                webhooks::deliveries::get::docs,
            ),
        )
        .api_route(
            "/v1/webhooks/{webhook_id}/deliveries/{id}/redeliveries",
            post_with(
                webhooks::deliveries::redeliver::redeliver,
                webhooks::deliveries::redeliver::docs,
            ),
        )
        .api_route(
            "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/attempts",
            get_with(
                webhooks::deliveries::attempts::attempts,
                webhooks::deliveries::attempts::docs,
            ),
        )
        .api_route(
            "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/attempts/{id}",
            get_with(
                webhooks::deliveries::attempt::attempt,
                webhooks::deliveries::attempt::docs,
            ),
        )
}

/// Answers what browsers ask before a page's request.
fn answering_pages(router: Router, cors: &Cors) -> Router {
    match cors.layer() {
        // Around every route: a question before the request itself asks for none.
        Some(layer) => {
            let plain = router.clone();
            let asked = move |request: Request, next: Next| {
                cors::only_questions(plain.clone(), request, next)
            };
            router.layer(layer).layer(from_fn(asked))
        }
        None => router,
    }
}

async fn unknown_path(request: Request) -> Response {
    let message = format!(
        "there is nothing at {}; the paths are listed at {OPENAPI}",
        request.uri().path()
    );
    ApiError(Fault::not_found("NOT_FOUND", message)).into_response()
}

async fn no_api(State(services): State<Arc<Services>>) -> Response {
    let message = format!(
        "this process works off the queue and serves no API; that is at {}",
        services.public_url
    );
    ApiError(Fault::not_found("NOT_FOUND", message)).into_response()
}

async fn wrong_method(request: Request) -> Response {
    let message = format!(
        "{} is not possible at {}",
        request.method(),
        request.uri().path()
    );
    ApiError(Fault::method_not_allowed(message)).into_response()
}

/// The path of a batch, or of what is below it.
pub(crate) fn batch_path(id: runnel_types::BatchId, rest: &str) -> String {
    format!("/v1/batches/{id}{rest}")
}

/// The path of a run, or of what is below it.
pub(crate) fn run_path(id: runnel_types::RunId, rest: &str) -> String {
    format!("/v1/runs/{id}{rest}")
}
