//! Webhooks: an organization hears of what happens in it.
//!
//! Whatever happens is written together with a delivery for each live webhook
//! that hears of it, so an event is neither lost nor told of before it is true.
//! From there on a delivery is like that of a callback; it is signed with the
//! secret of its webhook. A deletion of a whole folder is told of by a job,
//! asset by asset and some at a time, each time together with its place.
//!
//! A webhook that is deleted or disabled ends what waits for it, the first of it
//! in the same commit and the rest by a job. Until that got to a delivery, an
//! attempt finds its webhook gone and ends it without sending.

mod aim;
mod asset_events;
mod change;
mod create;
mod delete;
mod deletions;
mod ending;
mod fields;
mod health;
mod history;
mod read;
mod send;

use runnel_types::{DeliveryId, Fault, WebhookId};

pub use create::NewWebhook;
pub use history::{AttemptView, DeliveryView};

/// The fault of a webhook that the caller does not have.
fn not_found(id: WebhookId) -> Fault {
    Fault::not_found("WEBHOOK_NOT_FOUND", format!("there is no webhook {id}"))
}

/// The fault of a delivery that the webhook does not have.
fn no_delivery(id: DeliveryId) -> Fault {
    Fault::not_found("DELIVERY_NOT_FOUND", format!("there is no delivery {id}"))
}
