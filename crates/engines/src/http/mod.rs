//! The engine `http`: one request with JSON to any model server.
//!
//! The input goes as it is, wrapped in `{"input": …}`, or mapped field by field;
//! the answer is JSON or the bytes of a file. The request lives as long as the
//! work does: when the run is called off, or this process dies, the connection
//! closes, which servers take as a reason to stop, and nothing is written. Another
//! execution of the run asks again from the beginning; the header
//! `Idempotency-Key` (run and execution) lets a server tell the two apart.

mod mapping;

use std::sync::Arc;

use runnel_egress::{Egress, Method, Reply};
use serde_json::{Value, json};
use toml::Table;

use self::mapping::{Request, Response};
use crate::engine::{Engine, EngineError, Execution, InputForm, Probe, Product, Work};
use crate::remote::files::{self, FileForm};
use crate::remote::outputs::Shape;
use crate::remote::{Call, Server, read_json, refusal};
use crate::settings::{BadSetting, Fields};

const KNOWN: &[&str] = &[
    "url", "method", "headers", "ca_file", "input", "files", "output", "keep", "health", "request",
    "response",
];

/// A model server that is asked by HTTP.
#[derive(Debug)]
pub struct Http {
    server: Server,
    method: Method,
    wrapped: bool,
    files: FileForm,
    shape: Shape,
    health: Option<String>,
    request: Request,
    response: Response,
}

/// Makes the engine of `settings`.
///
/// # Errors
/// The first setting with which it cannot work.
pub fn from_settings(
    _model: &str,
    settings: &Table,
    door: &Egress,
) -> Result<Arc<dyn Engine>, BadSetting> {
    let fields = Fields::new(settings, KNOWN)?;
    let files = [
        ("url", FileForm::Url),
        ("data_uri", FileForm::DataUri),
        ("base64", FileForm::Base64),
    ];
    Ok(Arc::new(Http {
        server: fields.server(door, "http://127.0.0.1:8000/predict")?,
        method: if fields.choice("method", &[("POST", true), ("PUT", false)], true)? {
            Method::POST
        } else {
            Method::PUT
        },
        wrapped: fields.choice("input", &[("raw", false), ("wrapped", true)], false)?,
        files: fields.choice("files", &files, FileForm::Url)?,
        shape: Shape {
            output: fields.text("output")?.map(str::to_owned),
            keep: fields.texts("keep")?,
        },
        health: fields.text("health")?.map(str::to_owned),
        request: Request::read(fields)?,
        response: Response::read(fields)?,
    }))
}

impl Http {
    async fn work(&self, work: Work) -> Result<Product, EngineError> {
        let input = files::write(&work, self.files)?;
        let body = self.request.apply(input);
        let body = if self.wrapped {
            json!({ "input": body })
        } else {
            Value::Object(body)
        };
        let call = Call::new(self.method.clone(), "")
            .header("accept", "application/json, image/*, video/*, */*")
            .header(
                "idempotency-key",
                format!("{}-{}", work.run_id, work.attempt),
            )
            .json(&body)
            .however_long_it_takes();
        drop(body);
        let reply = self.server.send_to_base(call).await?;
        if !reply.is_success() {
            return Err(refusal::read(reply).await);
        }
        self.product(reply).await
    }

    async fn product(&self, reply: Reply) -> Result<Product, EngineError> {
        if matches!(reply.status(), 204 | 205) {
            return Err(EngineError::output_invalid(format!(
                "the engine at {} answered {}, which holds no output",
                reply.host(),
                reply.status()
            )));
        }
        if let Some(media_type) = reply.media_type().filter(|found| is_file(found)) {
            return Ok(self.shape.of_bytes(reply, &media_type));
        }
        let answer = read_json(reply).await?;
        self.shape
            .product(&self.server, self.response.apply(answer)?)
    }
}

/// Whether an answer of that type is the bytes of a file.
fn is_file(media_type: &str) -> bool {
    let group = media_type.split('/').next().unwrap_or_default();
    matches!(group, "image" | "video" | "audio")
        || matches!(
            media_type,
            "application/octet-stream" | "application/pdf" | "application/zip"
        )
}

impl Engine for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        self.files.input_form()
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            let reporter = work.reporter.clone();
            tokio::select! {
                result = self.work(work) => result,
                () = reporter.cancelled() => Err(EngineError::cancelled()),
            }
        })
    }

    fn probe(&self) -> Probe<'_> {
        Box::pin(async { self.server.probe(self.health.as_deref()).await })
    }
}

#[cfg(test)]
mod tests;
