//! Stores what an engine made: each file as an object, with its thumbnail.
//!
//! A file in memory and one that still comes take the same way, piece by piece
//! into the storage; what it is, its bytes say. Rows are written later, in the
//! commit that ends the run. When something goes wrong on the way, what was stored
//! is removed; a crash leaves objects that no row names.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use runnel_engines::engine::OutputStream;
use runnel_engines::{EngineError, OutputContent, OutputFile, Product};
use runnel_media::HEAD_BYTES;
use runnel_types::{Fault, ModelSpec, Run, SourceType};
use serde_json::Value;

use super::attend::{CALL_OFF, Ending, Stops};
use crate::assets::{Described, NewFile, reference, refuse_head, with_extension};
use crate::{Limits, Services};

/// The most files that one run may make.
const MOST_FILES: usize = 1000;

/// What a run made, as it is stored.
#[derive(Debug)]
pub(super) struct Outputs {
    /// The output, with references to the files.
    pub(super) output: Value,
    /// The files, whose rows are still to be written.
    pub(super) files: Vec<Described>,
}

/// How storing what a run made went.
#[derive(Debug)]
pub(super) enum Stored {
    /// It is there.
    All(Outputs),
    /// Something of it cannot be used or did not come; nothing is kept.
    Failed(EngineError),
    /// It was ended from outside; nothing is kept.
    Ended(Ending),
}

impl Services {
    /// Stores the files of `product`. They may take as long to come as the model
    /// may take to work. When the work is to stop, what is done in the last
    /// moment counts.
    pub(super) async fn store_outputs(
        &self,
        run: &Run,
        spec: &ModelSpec,
        product: Product,
        stops: &mut Stops<'_>,
    ) -> Result<Stored, Fault> {
        let limit = Duration::from_secs(spec.time_limit_s);
        let mut outputs = Outputs {
            output: Value::Object(product.output),
            files: Vec::new(),
        };
        let result = {
            let storing = self.store_files(run, product.files, &mut outputs);
            let storing = async {
                let stored = tokio::time::timeout(limit, storing).await;
                stored.unwrap_or_else(|_elapsed| Ok(Err(out_of_time(limit))))
            };
            tokio::pin!(storing);
            tokio::select! {
                stored = &mut storing => Ok(stored),
                ending = stops.wait() => {
                    tokio::time::timeout(CALL_OFF, storing).await.map_err(|_elapsed| ending)
                }
            }
        };
        if !matches!(result, Ok(Ok(Ok(())))) {
            let stored = outputs.files.iter().map(Described::asset);
            self.discard_files(stored).await;
        }
        Ok(match result {
            Ok(stored) => stored?.map_or_else(Stored::Failed, |()| Stored::All(outputs)),
            Err(ending) => Stored::Ended(ending),
        })
    }

    async fn store_files(
        &self,
        run: &Run,
        files: Vec<OutputFile>,
        outputs: &mut Outputs,
    ) -> Result<Result<(), EngineError>, Fault> {
        if files.len() > MOST_FILES {
            let message = format!(
                "the model made {} files, {MOST_FILES} are the most",
                files.len()
            );
            return Ok(Err(EngineError::output_invalid(message)));
        }
        for file in files {
            let pointer = file.pointer.clone();
            let new = match self.store_output(run, file).await? {
                Ok(new) => new,
                Err(error) => return Ok(Err(error)),
            };
            if let Some(hole) = outputs.output.pointer_mut(&pointer) {
                *hole = reference(new.asset().id).into();
            }
            outputs.files.push(new);
        }
        Ok(Ok(()))
    }

    async fn store_output(
        &self,
        run: &Run,
        file: OutputFile,
    ) -> Result<Result<Described, EngineError>, Fault> {
        let given = file.name;
        let unusable = |why: &str| {
            EngineError::output_invalid(format!("the model's output {given} cannot be used: {why}"))
        };
        let chunks = match file.content {
            OutputContent::Bytes(bytes) => stream::iter([Ok(Bytes::from(bytes))]).boxed(),
            OutputContent::Stream(chunks) => chunks,
        };
        let mut chunks = Measured {
            chunks,
            left: self.limits.max_output_bytes,
        };
        // The first bytes say what it is, and whether the rest is worth waiting for.
        let mut head = Vec::new();
        while head.len() < HEAD_BYTES {
            match chunks.next().await {
                Some(Ok(chunk)) => head.extend_from_slice(&chunk),
                Some(Err(stopped)) => return Ok(Err(stopped.told(&unusable, &self.limits))),
                None => break,
            }
        }
        if head.is_empty() {
            return Ok(Err(unusable("it is empty")));
        }
        if head.len() >= HEAD_BYTES
            && let Some(why) = refuse_head(&head, None)
        {
            return Ok(Err(unusable(&why)));
        }
        let name = match runnel_media::sniff(&head).media_type {
            Some(media_type) => with_extension(given.clone(), media_type),
            None => given.clone(),
        };
        let mut storing = self.begin_storing(NewFile {
            org_id: run.org_id,
            name,
            declared: None,
            source_type: SourceType::RunOutput,
            source_id: Some(run.id.to_string()),
            created_by: run.created_by,
        });
        storing.write(&head).await?;
        drop(head);
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => storing.write(&chunk).await?,
                Err(stopped) => return Ok(Err(stopped.told(&unusable, &self.limits))),
            }
        }
        let stored = self.finish_storing(storing, self.limits.thumbnail_wait);
        Ok(stored.await?.map_err(|why| unusable(&why)))
    }
}

/// The bytes of an output, up to the most that one may have.
struct Measured {
    chunks: OutputStream,
    left: u64,
}

/// Why no more bytes of an output come.
enum Stopped {
    /// The engine says why.
    Failed(EngineError),
    /// There are too many.
    TooLong,
}

impl Measured {
    async fn next(&mut self) -> Option<Result<Bytes, Stopped>> {
        let chunk = match self.chunks.next().await? {
            Ok(chunk) => chunk,
            Err(error) => return Some(Err(Stopped::Failed(error))),
        };
        Some(match self.left.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(chunk)
            }
            None => Err(Stopped::TooLong),
        })
    }
}

impl Stopped {
    fn told(self, unusable: &impl Fn(&str) -> EngineError, limits: &Limits) -> EngineError {
        match self {
            Self::Failed(error) => error,
            Self::TooLong => unusable(&format!(
                "it has more than {} bytes, the most that an output may have; make a smaller one, or set RUNNEL_MAX_OUTPUT_BYTES on the server",
                limits.max_output_bytes
            )),
        }
    }
}

fn out_of_time(limit: Duration) -> EngineError {
    EngineError::output_invalid(format!(
        "the model's outputs were not there within {} s",
        limit.as_secs()
    ))
}
