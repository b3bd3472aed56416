//! Words of the field: ids, time, records, faults, job kinds.
//!
//! The ground floor of the workspace. Nothing here does I/O or knows of HTTP,
//! SQL or pixels; everything above speaks in these types.

pub mod api_key;
pub mod asset;
pub mod batch;
pub mod callback_secret;
pub mod delivery;
pub mod fault;
pub mod folder;
pub mod id;
pub mod idempotency;
pub mod job;
pub mod list;
pub mod model;
pub mod org;
pub mod page;
pub mod run;
mod text_enum;
pub mod time;
pub mod upload;
pub mod webhook;
pub mod words;

pub use api_key::{ApiKey, Scope};
pub use asset::{Asset, AssetType, SourceType};
pub use batch::{Batch, BatchItem, BatchPlace, BatchStatus, ItemCounts};
pub use callback_secret::CallbackSecret;
pub use delivery::{
    Attempt, Delivery, DeliveryStatus, DeliverySubject, WebhookDelivery, WebhookEvent,
};
pub use fault::{Fault, FieldFault, Kind};
pub use folder::Folder;
pub use id::{
    ApiKeyId, AssetId, AttemptId, BatchId, CallbackSecretId, DeletionId, DeliveryId, Entropy,
    FolderId, IdSource, JobId, LogId, ModelId, OrgId, RequestId, RunId, SeededEntropy,
    SystemEntropy, WebhookId,
};
pub use idempotency::{Answer, Used};
pub use job::{Job, Leftovers, Queue};
pub use model::{
    BadValue, InputSpec, InputType, ModelAbout, ModelSpec, OutputSpec, ReferenceForm, is_asset_key,
};
pub use org::Org;
pub use page::{Cursor, Page, PageRequest};
pub use run::{FailureCode, FailureStage, LogLevel, Run, RunFailure, RunLog, RunSource, RunStatus};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use upload::{Received, ResumableUpload, Upload};
pub use webhook::{EventType, Webhook};
