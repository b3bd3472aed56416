//! Fetches the files that a run's input names by URL, and puts references to
//! them in the URLs' place.
//!
//! Each file goes from the network to the storage as it comes; its type is judged
//! by its first bytes, before the rest is asked for. What was fetched is recorded
//! file by file, so that the next execution of the run asks for the rest alone.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use runnel_egress::{FetchError, Fetched};
use runnel_engines::Engine;
use runnel_media::{HEAD_BYTES, MediaType};
use runnel_types::{ApiKeyId, Fault, LogLevel, ModelSpec, OrgId, Run, RunId, SourceType};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::data_uri::unescape;
use super::places::{Slot, visit};
use super::{check_type, is_url};
use crate::assets::{Described, NewFile, Storing, reference, with_extension};
use crate::runs::Lease;
use crate::{Services, faults};

/// How many files of one run are fetched at once.
const AT_ONCE: usize = 4;

/// The longest name that a fetched file gets, in characters.
const LONGEST_NAME: usize = 200;

/// Why the input of a run could not be made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runs) struct InputFailure {
    /// Which input, what happened and what to do.
    pub(in crate::runs) message: String,
    /// Whether another try may mend it.
    pub(in crate::runs) is_passing: bool,
    /// When the other side asked to be tried again, if it did.
    pub(in crate::runs) retry_after: Option<Duration>,
}

impl InputFailure {
    /// One that another try would not mend.
    pub(super) const fn lasting(message: String) -> Self {
        Self {
            message,
            is_passing: false,
            retry_after: None,
        }
    }

    /// One that another try may mend.
    pub(in crate::runs) const fn passing(message: String) -> Self {
        Self {
            message,
            is_passing: true,
            retry_after: None,
        }
    }

    fn of_fetch(place: &str, error: &FetchError) -> Self {
        let way_out = if error.is_passing() {
            ""
        } else {
            "; or upload the file and give its asset"
        };
        Self {
            message: format!("{place} could not be fetched: {error}{way_out}"),
            is_passing: error.is_passing(),
            retry_after: error.retry_after(),
        }
    }

    /// The storage was too slow, or its network.
    pub(super) fn of_storage(limit: Duration) -> Self {
        Self::passing(format!(
            "the files of the input did not come from the storage within {} s; give smaller ones, or look at what slows the storage down",
            limit.as_secs_f64()
        ))
    }

    /// The time is up. Another try asks for what is missing alone.
    fn of_time(limit: Duration) -> Self {
        Self {
            message: format!(
                "the files of the input could not be fetched within {} s; give fewer of them, or from servers that are faster, or upload them and give their assets",
                limit.as_secs_f64()
            ),
            is_passing: true,
            retry_after: None,
        }
    }
}

/// How fetching the files of a run went.
#[derive(Debug)]
pub(in crate::runs) enum Imported {
    /// They are there, and the run refers to them.
    All,
    /// One could not be had.
    Failed(InputFailure),
    /// Another worker has the run, or it has ended.
    Lost,
}

/// A URL, with every place where it stands.
#[derive(Debug)]
struct Wanted {
    url: String,
    places: Vec<(String, Slot)>,
}

impl Wanted {
    /// The place that messages name.
    fn place(&self) -> &str {
        self.places.first().map_or("", |(place, _)| place)
    }
}

/// Whose files are fetched.
#[derive(Debug, Clone, Copy)]
struct Owner {
    org_id: OrgId,
    run_id: RunId,
    created_by: Option<ApiKeyId>,
}

/// A file that was stored.
#[derive(Debug)]
struct Import {
    wanted: Wanted,
    host: String,
    new: Described,
}

impl Services {
    /// Whether the input of `run` names files by URL that are still to be fetched.
    pub(crate) fn names_urls(&self, run: &Run) -> bool {
        let model = self.models.get(&run.model);
        model.is_some_and(|model| !wanted_urls(run, &model.spec).is_empty())
    }

    /// Fetches what the input of `run` names by URL; the run's record and `run`
    /// then refer to it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves what was recorded, and perhaps an object that
    /// no row names.
    pub(in crate::runs) async fn import_urls(
        &self,
        run: &mut Run,
        model: &ModelSpec,
        engine: &dyn Engine,
        lease: &Lease,
    ) -> Result<Imported, Fault> {
        let owner = Owner {
            org_id: run.org_id,
            run_id: run.id,
            created_by: run.created_by,
        };
        // The first failure ends what still waits for the network; what is
        // already being stored comes to its end, so that nothing is left behind.
        let given_up = CancellationToken::new();
        let mut importing = stream::iter(wanted_urls(run, model))
            .map(|wanted| self.import(owner, model, engine, wanted, &given_up))
            .buffer_unordered(AT_ONCE);
        let limit = self.limits.inputs_within;
        let time_up = tokio::time::sleep(limit);
        tokio::pin!(time_up);
        let mut end = Ok(Imported::All);
        loop {
            let imported = tokio::select! {
                imported = importing.next() => imported,
                () = &mut time_up, if !given_up.is_cancelled() => {
                    given_up.cancel();
                    end = Ok(Imported::Failed(InputFailure::of_time(limit)));
                    continue;
                }
            };
            let Some(imported) = imported else {
                return end;
            };
            let so_far = match imported {
                Ok(Some(Ok(import))) => self.keep_import(run, model, import, lease).await,
                Ok(Some(Err(failure))) => Ok(Imported::Failed(failure)),
                Ok(None) => continue,
                Err(fault) => Err(fault),
            };
            if !matches!(so_far, Ok(Imported::All)) {
                given_up.cancel();
                if matches!(end, Ok(Imported::All)) {
                    end = so_far;
                }
            }
        }
    }

    /// Fetches and stores one file; `None` when it was given up.
    async fn import(
        &self,
        owner: Owner,
        model: &ModelSpec,
        engine: &dyn Engine,
        wanted: Wanted,
        given_up: &CancellationToken,
    ) -> Result<Option<Result<Import, InputFailure>>, Fault> {
        let arriving = async {
            // INVARIANT: as many may wait as want to, so the line is never full.
            let slot = self.fetch_slots.take(owner.org_id).await;
            let _slot = slot.map_err(|_full| Fault::internal("too many fetches wait"))?;
            self.receive_url(owner, model, engine, &wanted).await
        };
        let (storing, host) = tokio::select! {
            biased;
            () = given_up.cancelled() => return Ok(None),
            arrived = arriving => match arrived? {
                Ok(arrived) => arrived,
                Err(failure) => return Ok(Some(Err(failure))),
            },
        };
        // Nobody looks at the input's thumbnail now: a film's is drawn by a job.
        Ok(Some(
            match self.finish_storing(storing, Duration::ZERO).await? {
                Ok(new) => Ok(Import { wanted, host, new }),
                Err(message) => {
                    let message = format!("{} cannot be used: {message}", wanted.place());
                    Err(InputFailure::lasting(message))
                }
            },
        ))
    }

    /// Takes the bytes of a URL to the storage; answers with the host that they
    /// came from.
    async fn receive_url(
        &self,
        owner: Owner,
        model: &ModelSpec,
        engine: &dyn Engine,
        wanted: &Wanted,
    ) -> Result<Result<(Storing, String), InputFailure>, Fault> {
        let place = wanted.place();
        let failed = |error: FetchError| InputFailure::of_fetch(place, &error);
        let (limit, pace) = (self.limits.max_fetch_bytes, self.limits.fetch_pace);
        let mut fetched = match self.egress.fetch(&wanted.url, limit, pace).await {
            Ok(fetched) => fetched,
            Err(error) => return Ok(Err(failed(error))),
        };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        while head.len() < HEAD_BYTES {
            match fetched.chunk().await {
                Ok(Some(chunk)) => head.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Ok(Err(failed(error))),
            }
        }
        let media_type = match judge_head(model, engine, wanted, &head, &fetched) {
            Ok(media_type) => media_type,
            Err(message) => return Ok(Err(InputFailure::lasting(message))),
        };
        let mut storing = self.begin_storing(NewFile {
            org_id: owner.org_id,
            name: file_name(&wanted.url, place, media_type),
            declared: None,
            source_type: SourceType::UrlImport,
            source_id: Some(owner.run_id.to_string()),
            created_by: owner.created_by,
        });
        storing.write(&head).await?;
        loop {
            match fetched.chunk().await {
                Ok(Some(chunk)) => storing.write(&chunk).await?,
                Ok(None) => return Ok(Ok((storing, fetched.host().to_owned()))),
                Err(error) => return Ok(Err(failed(error))),
            }
        }
    }

    /// Writes the row of a fetched file and puts its reference in the place of
    /// the URL, in one commit.
    async fn keep_import(
        &self,
        run: &mut Run,
        model: &ModelSpec,
        import: Import,
        lease: &Lease,
    ) -> Result<Imported, Fault> {
        let Import { wanted, host, new } = import;
        let asset = new.asset();
        let line = format!(
            "fetched {} from {host}: {}, {} bytes of {}",
            wanted.place(),
            asset.name,
            asset.size_bytes,
            asset.mime_type
        );
        let mut input = run.input.as_object().cloned().unwrap_or_default();
        visit(model, &mut input, &mut |_, slot, text| {
            if matches!(slot, Slot::File(_)) && *text == wanted.url {
                *text = reference(asset.id);
            }
        });
        let input = Value::Object(input);
        // After a failure nobody knows whether the row is there, so the object
        // stays; one that no row names is found by the doctor.
        if self.record_import(run, &input, &new, &line, lease).await? {
            run.input = input;
            return Ok(Imported::All);
        }
        self.discard_files([asset]).await;
        Ok(Imported::Lost)
    }

    async fn record_import(
        &self,
        run: &Run,
        input: &Value,
        new: &Described,
        line: &str,
        lease: &Lease,
    ) -> Result<bool, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the lease first; a worker that lost it must not write.
        let held = tx.jobs().hold(lease.job_id, &lease.worker).await;
        if !held.map_err(faults::store)? {
            return Ok(false);
        }
        let mut runs = tx.runs();
        let recorded = runs.record_input(run.org_id, run.id, input).await;
        if !recorded.map_err(faults::store)? {
            return Ok(false);
        }
        self.insert_described(&mut tx, new).await?;
        tx.run_logs()
            .append(
                run.org_id,
                run.id,
                self.ids.next(),
                LogLevel::Info,
                line,
                self.now(),
            )
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        self.meters.stored(new.asset());
        Ok(true)
    }
}

/// The URLs in the inputs that take files, each once.
fn wanted_urls(run: &Run, model: &ModelSpec) -> Vec<Wanted> {
    let mut by_url: BTreeMap<String, Vec<(String, Slot)>> = BTreeMap::new();
    let mut input: Map<String, Value> = run.input.as_object().cloned().unwrap_or_default();
    visit(model, &mut input, &mut |place, slot, text| {
        let is_http = is_url(text)
            && text
                .get(..4)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"));
        if matches!(slot, Slot::File(_)) && is_http {
            let places = by_url.entry(std::mem::take(text)).or_default();
            places.push((place.to_owned(), slot));
        }
    });
    let wanted = |(url, places)| Wanted { url, places };
    by_url.into_iter().map(wanted).collect()
}

/// The type of a file by its first bytes, when the input takes such a file.
fn judge_head(
    model: &ModelSpec,
    engine: &dyn Engine,
    wanted: &Wanted,
    head: &[u8],
    fetched: &Fetched,
) -> Result<MediaType, String> {
    let (place, host) = (wanted.place(), fetched.host());
    if head.is_empty() {
        return Err(format!(
            "{place} cannot be used: {host} answers with an empty file"
        ));
    }
    let found = runnel_media::sniff(head).media_type;
    let Some(media_type) = found.filter(|found| found.is_accepted()) else {
        let claimed: String = fetched
            .claimed_type()
            .unwrap_or("no type")
            .chars()
            .take(80)
            .collect();
        let what = match found {
            Some(MediaType::Html) => "a web page, not a file; give the URL of the file itself",
            _ => "bytes of a type that is not supported; GET /v1/assets/types lists those that are",
        };
        return Err(format!(
            "{place} cannot be used: {host} answers with {what} (it calls it {claimed})"
        ));
    };
    for (place, slot) in &wanted.places {
        check_type(model, engine, (place, *slot), media_type.as_mime())
            .map_err(|message| format!("{place} cannot be used: the file at {host} {message}"))?;
    }
    Ok(media_type)
}

/// The name of a fetched file: the last part of its URL's path, with the
/// extension of what it is.
fn file_name(url: &str, place: &str, media_type: MediaType) -> String {
    let parsed = url::Url::parse(url).ok();
    let last = parsed
        .as_ref()
        .and_then(|url| url.path_segments()?.next_back())
        .filter(|last| !last.is_empty())
        .unwrap_or(place);
    let plain: String = String::from_utf8_lossy(&unescape(last))
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST_NAME)
        .collect();
    with_extension(plain, media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetched_file_is_named_after_its_url_and_its_bytes() {
        let long = format!("https://example.com/{}", "x".repeat(3000));
        let cases = [
            ("https://example.com/a/photo.JPG?sig=SECRET", "photo.JPG"),
            ("https://example.com/a%20b%2F..png", "a b/..png.jpg"),
            ("https://example.com/", "image_url.jpg"),
            ("https://example.com/download", "download.jpg"),
            ("https://example.com/%00%0a%E2%82%AC", "€.jpg"),
        ];
        for (url, name) in cases {
            assert_eq!(file_name(url, "image_url", MediaType::Jpeg), name, "{url}");
        }
        assert_eq!(
            file_name(&long, "x", MediaType::Jpeg).len(),
            LONGEST_NAME + 4
        );
    }
}
