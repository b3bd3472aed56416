//! The catalogue of a server: the models that ship and those of the model file.
//!
//! The file is read at the start, where a mistake ends the start, and again
//! whenever the process is told to (SIGHUP), where a mistake changes nothing.
//! Each process reads its own: tell all of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use runnel_egress::Egress;
use runnel_engines::model_file::{self, Catalogue, Context, Fingerprint, Variables};
use runnel_engines::settings::{Build, ENGINES};
use runnel_engines::{Entry, Registry};
use runnel_types::Timestamp;
use tokio::io::AsyncReadExt;

use crate::Failure;

/// Where the models come from.
#[derive(Debug)]
pub(crate) struct ModelSource {
    pub(crate) builtins: Vec<Entry>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) variables: Variables,
    pub(crate) engines: Engines,
    pub(crate) door: Egress,
    /// What the models of the file were when they were taken.
    taken: Mutex<BTreeMap<String, Fingerprint>>,
}

/// The engines that a model file may name, and how they are made.
#[derive(Debug, Clone, Copy)]
pub struct Engines {
    /// Their names.
    pub names: &'static [&'static str],
    /// Makes one.
    pub build: Build,
}

impl Default for Engines {
    fn default() -> Self {
        Self {
            names: ENGINES,
            build: runnel_engines::settings::build,
        }
    }
}

impl ModelSource {
    pub(crate) fn new(
        builtins: Vec<Entry>,
        file: Option<PathBuf>,
        variables: Variables,
        engines: Engines,
        door: Egress,
    ) -> Self {
        Self {
            builtins,
            file,
            variables,
            engines,
            door,
            taken: Mutex::default(),
        }
    }

    /// Reads the models and puts them into `registry`; tells which of the file
    /// are new, changed and gone.
    ///
    /// # Errors
    /// What is wrong with the file; the registry is as it was then.
    pub(crate) async fn load(&self, registry: &Registry) -> Result<Changes, Failure> {
        let catalogue = match &self.file {
            Some(file) => self.read(file).await?,
            None => Catalogue::of(&self.builtins),
        };
        // Held until the registry has them, so that two reloads do not mix.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = Changes::between(&taken, &catalogue.fingerprints);
        *taken = catalogue.fingerprints;
        registry.replace_all(catalogue.models, catalogue.fallback);
        Ok(changes)
    }

    async fn read(&self, file: &PathBuf) -> Result<Catalogue, Failure> {
        let unreadable = |error: String| {
            Failure::new(format!(
                "the model file of --models cannot be read: {error}"
            ))
            .hint("name a file in TOML; docs/models.md says what stands in it")
        };
        let failed = |error: std::io::Error| unreadable(error.to_string());
        let mut opened = fs_err::tokio::File::open(file).await.map_err(failed)?;
        let told = opened.metadata().await.map_err(failed)?;
        if told.is_file() && told.len() > model_file::LARGEST as u64 {
            let message = format!(
                "{} has {} bytes, the limit is {}",
                file.display(),
                told.len(),
                model_file::LARGEST
            );
            return Err(unreadable(message));
        }
        let mut bytes = Vec::new();
        opened.read_to_end(&mut bytes).await.map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..before]
                .split(|byte| *byte == b'\n')
                .count();
            unreadable(format!("{}:{line}: this is not UTF-8", file.display()))
        })?;
        let changed_at = told.modified().map_or(0, |time| {
            let since = time.duration_since(std::time::UNIX_EPOCH);
            since.map_or(0, |since| since.as_micros())
        });
        let build = |engine: &str, model: &str, table: &_| {
            (self.engines.build)(engine, model, table, &self.door)
        };
        let context = Context {
            builtins: &self.builtins,
            changed_at: Timestamp::from_micros(i64::try_from(changed_at).unwrap_or(i64::MAX)),
            variables: &self.variables,
            engines: self.engines.names,
            build: &build,
        };
        model_file::read(&text, &context).map_err(|mistakes| {
            let file = file.display();
            let count = match mistakes.len() {
                1 => "a mistake".to_owned(),
                many => format!("{many} mistakes"),
            };
            let lines: Vec<String> = mistakes
                .iter()
                .map(|mistake| format!("\n  {file}:{mistake}"))
                .collect();
            Failure::new(format!("the model file has {count}:{}", lines.concat()))
                .hint("docs/models.md says what stands in a model file")
        })
    }
}

/// What a reload changed: models of the file by their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New ones.
    pub added: Vec<String>,
    /// Those whose tables say something else than before.
    pub changed: Vec<String>,
    /// Those that are no longer there.
    pub removed: Vec<String>,
}

impl Changes {
    fn between(
        before: &BTreeMap<String, Fingerprint>,
        after: &BTreeMap<String, Fingerprint>,
    ) -> Self {
        let of = |models: &BTreeMap<String, Fingerprint>, wanted: &dyn Fn(&str) -> bool| {
            let names = models.keys().filter(|name| wanted(name));
            names.cloned().collect::<Vec<String>>()
        };
        Self {
            added: of(after, &|name| !before.contains_key(name)),
            changed: of(after, &|name| {
                before.get(name).is_some_and(|print| print != &after[name])
            }),
            removed: of(before, &|name| !after.contains_key(name)),
        }
    }

    /// Writes them to the log.
    pub(crate) fn tell(&self) {
        let named = |models: &[String]| match models {
            [] => "none".to_owned(),
            models => models.join(", "),
        };
        tracing::info!(
            added = named(&self.added),
            changed = named(&self.changed),
            removed = named(&self.removed),
            "the model file was read again"
        );
    }
}
