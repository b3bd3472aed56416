//! Ends a run: its assets, its status, its callback and the end of its job in
//! one commit.

use runnel_engines::{OutputContent, Product};
use runnel_store::runs::Outcome;
use runnel_types::{
    Asset, FailureCode, FailureStage, Fault, LogLevel, Run, RunFailure, RunStatus, SourceType,
};
use serde_json::Value;

use super::execute::{Execution, Lease, failure};
use crate::assets::{NewFile, reference};
use crate::{Services, faults};

impl Services {
    /// Stores what an engine made and ends the run with it.
    pub(super) async fn succeed(
        &self,
        run: &Run,
        product: Product,
        lease: &Lease,
    ) -> Result<Execution, Fault> {
        let mut output = Value::Object(product.output);
        let mut assets = Vec::new();
        for file in product.files {
            let name = file.name.clone();
            let OutputContent::Bytes(bytes) = file.content else {
                return Err(Fault::internal(format!("{name} came as a stream")));
            };
            let new = NewFile {
                org_id: run.org_id,
                name: file.name,
                bytes,
                declared: None,
                source_type: SourceType::RunOutput,
                source_id: Some(run.id.to_string()),
                created_by: run.created_by,
            };
            match self.store_file(new).await? {
                Ok(asset) => {
                    if let Some(hole) = output.pointer_mut(&file.pointer) {
                        *hole = reference(asset.id).into();
                    }
                    assets.push(asset);
                }
                Err(message) => {
                    self.discard_files(&assets).await;
                    let message = format!("the model's output {name} cannot be used: {message}");
                    let failure = failure(
                        FailureCode::OutputInvalid,
                        FailureStage::Postprocess,
                        message.clone(),
                    );
                    return self
                        .finish_run(
                            run,
                            Err(failure),
                            Vec::new(),
                            Some((LogLevel::Error, message)),
                            lease,
                        )
                        .await;
                }
            }
        }
        self.finish_run(run, Ok(output), assets, None, lease).await
    }

    /// Records the end of a run. When the run had ended already, or the lease
    /// went to another worker, nothing changes and the files are removed.
    pub(super) async fn finish_run(
        &self,
        run: &Run,
        result: Result<Value, RunFailure>,
        assets: Vec<Asset>,
        log: Option<(LogLevel, String)>,
        lease: &Lease,
    ) -> Result<Execution, Fault> {
        let recorded = self.record_end(run, result, &assets, log, lease).await;
        if !matches!(recorded, Ok(true)) {
            self.discard_files(&assets).await;
        }
        Ok(if recorded? {
            Execution::Recorded
        } else {
            Execution::Stale
        })
    }

    async fn record_end(
        &self,
        run: &Run,
        result: Result<Value, RunFailure>,
        assets: &[Asset],
        log: Option<(LogLevel, String)>,
        lease: &Lease,
    ) -> Result<bool, Fault> {
        let now = self.now();
        let outcome = match result {
            Ok(output) => Outcome {
                status: RunStatus::Succeeded,
                output: Some(output),
                failure: None,
                at: now,
            },
            Err(failure) => Outcome {
                status: RunStatus::Failed,
                output: None,
                failure: Some(failure),
                at: now,
            },
        };
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // The lease is asked for first: a worker that lost it must not write.
        if !tx
            .jobs()
            .complete(lease.job_id, &lease.worker)
            .await
            .map_err(faults::store)?
        {
            return Ok(false);
        }
        for asset in assets {
            tx.assets().insert(asset).await.map_err(faults::store)?;
        }
        if let Some((level, message)) = log {
            tx.run_logs()
                .append(run.org_id, run.id, self.ids.next(), level, &message, now)
                .await
                .map_err(faults::store)?;
        }
        let Some(ended) = tx
            .runs()
            .finish(run.org_id, run.id, &outcome)
            .await
            .map_err(faults::store)?
        else {
            return Ok(false);
        };
        self.plan_callback(&mut tx, &ended, assets).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(true)
    }
}
