//! The ids in the paths of deliveries: the webhook, or `any` for all of them, the
//! delivery, the attempt.

use std::str::FromStr;
use std::sync::Arc;

use aide::openapi::Operation;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use runnel_domain::Services;
use runnel_types::{AttemptId, DeliveryId, Fault, FieldFault, WebhookId};
use schemars::JsonSchema;

use crate::error::ApiError;
use crate::extract::{no_id, read_id};
use crate::path;

/// What stands in the place of a webhook's id for all of them.
const ANY: &str = "any";

/// What paths call the webhook.
const WEBHOOK: &str = "webhook_id";

/// The webhook of a path; `None` for all of them.
#[derive(Debug)]
pub(crate) struct OfWebhook(pub(crate) Option<WebhookId>);

/// A delivery, called `id` in its path.
#[derive(Debug)]
pub(crate) struct DeliveryPath(pub(crate) Option<WebhookId>, pub(crate) DeliveryId);

/// A delivery with something below it, called `delivery_id` in its path.
#[derive(Debug)]
pub(crate) struct OfDelivery(pub(crate) Option<WebhookId>, pub(crate) DeliveryId);

/// An attempt of a delivery.
#[derive(Debug)]
pub(crate) struct AttemptPath(
    pub(crate) Option<WebhookId>,
    pub(crate) DeliveryId,
    pub(crate) AttemptId,
);

/// What a path has at its names.
struct Named(Vec<(String, String)>);

impl Named {
    async fn of(parts: &mut Parts) -> Result<Self, Fault> {
        let no_text = |name: &str| match name {
            WEBHOOK => or_any(no_id(WEBHOOK)),
            _ => no_id(name),
        };
        path::read(parts, no_text).await.map(Self)
    }

    fn text(&self, name: &str) -> &str {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map_or("", |(_, text)| text)
    }

    fn id<T: FromStr>(&self, name: &str) -> Result<T, Fault> {
        read_id(name, self.text(name))
    }

    fn webhook(&self) -> Result<Option<WebhookId>, Fault> {
        if self.text(WEBHOOK) == ANY {
            return Ok(None);
        }
        self.id(WEBHOOK).map(Some).map_err(or_any)
    }
}

/// What is wrong with a webhook's id, with the other thing that may stand there.
fn or_any(fault: Fault) -> Fault {
    let both = fault.fields.into_iter().map(|field| FieldFault {
        message: format!("{}, or {ANY} for all webhooks", field.message),
        ..field
    });
    Fault::invalid(both.collect())
}

/// Defines how a path is read and documented.
macro_rules! path {
    ($name:ident, $documented:ident, |$path:ident| $read:expr) => {
        impl FromRequestParts<Arc<Services>> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &Arc<Services>,
            ) -> Result<Self, ApiError> {
                let $path = Named::of(parts).await?;
                Ok($read)
            }
        }

        impl aide::OperationInput for $name {
            fn operation_input(ctx: &mut aide::generate::GenContext, operation: &mut Operation) {
                path::document::<$documented>(ctx, operation);
            }
        }
    };
}

path!(OfWebhook, WebhookInPath, |path| Self(path.webhook()?));
path!(DeliveryPath, DeliveryInPath, |path| Self(
    path.webhook()?,
    path.id("id")?
));
path!(OfDelivery, InDelivery, |path| Self(
    path.webhook()?,
    path.id("delivery_id")?
));
path!(AttemptPath, AttemptInPath, |path| Self(
    path.webhook()?,
    path.id("delivery_id")?,
    path.id("id")?
));

/// Whose deliveries.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct WebhookInPath {
    /// The webhook; `any` for all of them, deleted ones too.
    webhook_id: String,
}

/// A delivery, and whose.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct DeliveryInPath {
    /// The webhook; `any` for all of them, deleted ones too.
    webhook_id: String,
    /// The delivery.
    id: uuid::Uuid,
}

/// Which delivery, and whose.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct InDelivery {
    /// The webhook; `any` for all of them, deleted ones too.
    webhook_id: String,
    /// The delivery.
    delivery_id: uuid::Uuid,
}

/// An attempt, its delivery, and whose that is.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AttemptInPath {
    /// The webhook; `any` for all of them, deleted ones too.
    webhook_id: String,
    /// The delivery.
    delivery_id: uuid::Uuid,
    /// The attempt.
    id: uuid::Uuid,
}
