//! Reads runs, with the files in them shown as freshly signed URLs.

use std::collections::HashMap;

use runnel_types::list::{ListRequest, Place};
use runnel_types::{
    Asset, AssetId, Fault, OrgId, Page, PageRequest, Run, RunId, RunLog, Scope, Timestamp,
};
use serde_json::Value;

use crate::assets::parse_reference;
use crate::{Caller, Services, faults};

/// A run as it is shown: references to files replaced by signed URLs.
#[derive(Debug, Clone)]
pub struct RunView {
    /// The record.
    pub run: Run,
    /// Its input.
    pub input: Value,
    /// Its output.
    pub output: Option<Value>,
}

impl Services {
    /// A run of the caller's organization.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn get_run(&self, caller: &Caller, id: RunId) -> Result<RunView, Fault> {
        caller.require(Scope::RunsRead)?;
        let run = self.read_run(caller.org_id, id).await?;
        self.show_run(run).await
    }

    /// Asks for the right to read runs, and for a run of the caller's
    /// organization.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn check_run(&self, caller: &Caller, id: RunId) -> Result<(), Fault> {
        caller.require(Scope::RunsRead)?;
        self.read_run(caller.org_id, id).await.map(drop)
    }

    /// The run of the organization.
    pub(crate) async fn read_run(&self, org: OrgId, id: RunId) -> Result<Run, Fault> {
        let run = self.store.read().runs().get(org, id).await;
        run.map_err(faults::store)?.ok_or_else(|| not_found(id))
    }

    /// A page of the caller's runs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_runs(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<RunView, Place>, Fault> {
        caller.require(Scope::RunsRead)?;
        let page = self
            .store
            .read()
            .runs()
            .list(caller.org_id, request)
            .await
            .map_err(faults::store)?;
        self.show_page(page).await
    }

    /// Shows a page of runs of one organization.
    pub(crate) async fn show_page(
        &self,
        page: Page<Run, Place>,
    ) -> Result<Page<RunView, Place>, Fault> {
        Ok(Page {
            items: self.show_runs(page.items).await?,
            next: page.next,
            previous: page.previous,
        })
    }

    /// The log of a run, a page from `after` on.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn list_run_logs(
        &self,
        caller: &Caller,
        id: RunId,
        request: PageRequest,
    ) -> Result<Page<RunLog>, Fault> {
        self.check_run(caller, id).await?;
        self.store
            .read()
            .run_logs()
            .list(caller.org_id, id, request)
            .await
            .map_err(faults::store)
    }

    /// Shows a run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn show_run(&self, run: Run) -> Result<RunView, Fault> {
        let mut shown = self.show_runs(vec![run]).await?;
        // INVARIANT: one in, one out.
        shown
            .pop()
            .ok_or_else(|| Fault::internal("a run was lost while it was shown"))
    }

    /// Shows runs of one organization.
    pub(crate) async fn show_runs(&self, runs: Vec<Run>) -> Result<Vec<RunView>, Fault> {
        let Some(org) = runs.first().map(|run| run.org_id) else {
            return Ok(Vec::new());
        };
        let values = runs
            .iter()
            .flat_map(|run| std::iter::once(&run.input).chain(&run.output));
        let ids = references_in(values);
        let assets = self
            .store
            .read()
            .assets()
            .get_many_live(org, &ids)
            .await
            .map_err(faults::store)?;
        let urls = self.urls_of(&assets, self.now());
        let view = |run: Run| RunView {
            input: urls.put_into(&run.input),
            output: run.output.as_ref().map(|output| urls.put_into(output)),
            run,
        };
        Ok(runs.into_iter().map(view).collect())
    }

    /// A URL for each of `assets`, signed at `now`.
    pub(crate) fn urls_of<'a>(
        &self,
        assets: impl IntoIterator<Item = &'a Asset>,
        now: Timestamp,
    ) -> Urls {
        let urls = assets
            .into_iter()
            .filter_map(|asset| Some((asset.id, self.asset_url(asset, now)?)));
        Urls(urls.collect())
    }

    /// `value` with each reference to one of `assets` replaced by a URL signed
    /// at `now`.
    pub(crate) fn signed<'a>(
        &self,
        value: &Value,
        assets: impl IntoIterator<Item = &'a Asset>,
        now: Timestamp,
    ) -> Value {
        self.urls_of(assets, now).put_into(value)
    }
}

/// URLs of assets: each is signed once, however many runs refer to it.
#[derive(Debug)]
pub(crate) struct Urls(HashMap<AssetId, String>);

impl Urls {
    /// `value` with each reference that these know replaced by its URL.
    pub(crate) fn put_into(&self, value: &Value) -> Value {
        let mut signed = value.clone();
        replace(&mut signed, &self.0);
        signed
    }
}

/// The assets that `values` refer to, each once.
pub(crate) fn references_in<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<AssetId> {
    let mut ids = Vec::new();
    values
        .into_iter()
        .for_each(|value| collect(value, &mut ids));
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn not_found(id: RunId) -> Fault {
    Fault::not_found("RUN_NOT_FOUND", format!("there is no run {id}"))
}

fn collect(value: &Value, ids: &mut Vec<AssetId>) {
    match value {
        Value::String(text) => ids.extend(parse_reference(text).and_then(Result::ok)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, ids)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, ids)),
        _ => {}
    }
}

/// Replaces each reference that `url` knows; the reference to an asset that was
/// deleted since stays as it is.
fn replace(value: &mut Value, urls: &HashMap<AssetId, String>) {
    match value {
        Value::String(text) => {
            if let Some(url) = parse_reference(text)
                .and_then(Result::ok)
                .and_then(|id| urls.get(&id))
            {
                text.clone_from(url);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, urls)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, urls)),
        _ => {}
    }
}
