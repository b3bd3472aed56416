//! `POST /v1/assets`: a small file in one request, as `multipart/form-data`.

use std::convert::Infallible;
use std::sync::Arc;

use aide::openapi::{MediaType, ReferenceOr, RequestBody, SchemaObject};
use aide::transform::TransformOperation;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use runnel_domain::assets::IncomingFile;
use runnel_domain::{Caller, Services};
use runnel_types::{Fault, FieldFault, FolderId, Scope};
use schemars::JsonSchema;
use uuid::Uuid;

use super::AssetResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::form::FormDigest;
use crate::idempotency::BodyFingerprint;
use crate::multipart::{Form, Part};

/// The most bytes of a part that is no file.
const MAX_TEXT: usize = 1024;

/// The parts of the form.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct CreateAssetForm {
    /// The file, with its name.
    #[schemars(extend("format" = "binary"))]
    file: String,
    /// The folder; the top when left out.
    folder_id: Option<Uuid>,
}

/// The form as it comes in; what is wrong with it is told when it is known that
/// the caller may send it.
#[derive(Debug)]
pub(crate) struct Incoming(Result<Form, Fault>);

impl FromRequest<Arc<Services>> for Incoming {
    type Rejection = Infallible;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, Infallible> {
        Ok(Self(Form::open(services, request).await))
    }
}

impl aide::OperationInput for Incoming {
    fn operation_input(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        let schema = ctx.schema.subschema_for::<CreateAssetForm>();
        let media = MediaType {
            schema: Some(SchemaObject {
                json_schema: schema,
                external_docs: None,
                example: None,
            }),
            ..MediaType::default()
        };
        operation.request_body = Some(ReferenceOr::Item(RequestBody {
            content: std::iter::once(("multipart/form-data".to_owned(), media)).collect(),
            required: true,
            ..RequestBody::default()
        }));
    }
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.create")
        .tag("Assets")
        .summary("Send a file in one request")
        .description("A `multipart/form-data` with `file` and perhaps `folder_id`. Large files are better sent in the three steps of an upload.")
        .response::<201, Json<AssetResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    Incoming(form): Incoming,
) -> Result<Response, ApiError> {
    caller.require(Scope::AssetsCreate)?;
    let mut form = form?;
    let sent = match read(&services, &caller, &mut form).await {
        Ok(sent) => sent,
        Err(fault) => {
            form.drain().await;
            return Err(fault.into());
        }
    };
    let asset = services
        .finish_file(&caller, sent.file, sent.folder)
        .await?;
    let view = services.show_asset(asset, services.now());
    let answer = (
        StatusCode::CREATED,
        Extension(BodyFingerprint(sent.digest)),
        Json(AssetResponse::from(view)),
    );
    Ok(answer.into_response())
}

/// What a form brought.
struct Sent {
    file: IncomingFile,
    folder: Option<FolderId>,
    digest: String,
}

async fn read(services: &Services, caller: &Caller, form: &mut Form) -> Result<Sent, Fault> {
    let mut file: Option<IncomingFile> = None;
    let mut folder: Option<FolderId> = None;
    let mut digest = FormDigest::default();
    while let Some(part) = form.next().await? {
        digest.begin(&part);
        match part.name() {
            Some("file") if file.is_some() => {
                return Err(wrong("file", "is there twice; send one file a request"));
            }
            Some("file") => file = Some(receive(services, caller, part, &mut digest).await?),
            Some("folder_id") => folder = folder_id(part, &mut digest).await?,
            _ => skip(part, &mut digest).await?,
        }
    }
    Ok(Sent {
        file: file.ok_or_else(|| wrong("file", "this part is required"))?,
        folder,
        digest: digest.finish(),
    })
}

async fn receive(
    services: &Services,
    caller: &Caller,
    mut part: Part<'_>,
    digest: &mut FormDigest,
) -> Result<IncomingFile, Fault> {
    if part.file_name().is_none() && part.has_broken_names() {
        return Err(wrong(
            "file",
            "has a filename whose bytes are no UTF-8; send the name in UTF-8",
        ));
    }
    let name = part.file_name().unwrap_or_default().to_owned();
    let mime_type = part.content_type().map(str::to_owned);
    let mut file = services.begin_file(caller, name, mime_type)?;
    while let Some(bytes) = part.piece().await? {
        digest.update(&bytes);
        services.continue_file(&mut file, &bytes).await?;
    }
    Ok(file)
}

async fn folder_id(mut part: Part<'_>, digest: &mut FormDigest) -> Result<Option<FolderId>, Fault> {
    let mut text = Vec::new();
    while let Some(bytes) = part.piece().await? {
        if text.len() + bytes.len() > MAX_TEXT {
            return Err(wrong("folder_id", "must be a UUID"));
        }
        digest.update(&bytes);
        text.extend_from_slice(&bytes);
    }
    let text = String::from_utf8_lossy(&text);
    match text.trim() {
        "" | "null" => Ok(None),
        id => id
            .parse()
            .map(Some)
            .map_err(|_| wrong("folder_id", "must be a UUID")),
    }
}

async fn skip(mut part: Part<'_>, digest: &mut FormDigest) -> Result<(), Fault> {
    while let Some(bytes) = part.piece().await? {
        digest.update(&bytes);
    }
    Ok(())
}

fn wrong(part: &str, message: &str) -> Fault {
    Fault::invalid(vec![FieldFault::body(part, "value", message)])
}
