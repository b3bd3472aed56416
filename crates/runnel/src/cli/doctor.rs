//! `runnel doctor`: looks whether everything is there and fits together.
//!
//! What is found goes to stdout, a line each, or with `--json` an object each;
//! advice goes to stderr. The command fails when something is lost or away; an
//! object that no row names only costs disk.

use std::sync::Arc;

use clap::Args;
use indicatif::HumanBytes;
use runnel_domain::Services;
use runnel_domain::audit::{Audited, Finding};
use serde_json::{Value, json};

use crate::config::Places;
use crate::wire::open_for_command;
use crate::{Failure, printer};

/// The flags of `runnel doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorFlags {
    /// Remove objects that no row names, unless they are younger than 25 hours, and draw
    /// lost thumbnails of pictures again
    #[arg(long)]
    repair: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

/// Runs the command.
pub(super) async fn run(flags: DoctorFlags) -> Result<(), Failure> {
    let settings = flags.places.settings();
    let services = open_for_command(&settings).await?;
    let mut report = Report::new(flags.json);
    report.readers(&services);
    let looked = report.parts(&services).await;
    let audited = match looked {
        Ok(()) => audit(&services, flags.repair, &mut report).await,
        Err(failure) => Err(failure),
    };
    services.store.close().await;
    report.end(audited?, flags.repair)
}

async fn audit(
    services: &Arc<Services>,
    repair: bool,
    report: &mut Report,
) -> Result<Audited, Failure> {
    let audited = services
        .audit_objects(repair, &mut |finding| report.finding(&finding))
        .await;
    audited.map_err(Into::into)
}

/// What was said so far.
#[derive(Debug)]
struct Report {
    is_json: bool,
    strays: u64,
    stray_bytes: u64,
    foreign: u64,
    missing: u64,
}

impl Report {
    const fn new(is_json: bool) -> Self {
        Self {
            is_json,
            strays: 0,
            stray_bytes: 0,
            foreign: 0,
            missing: 0,
        }
    }

    /// Writes one line: `word` says what it is, `what` of which thing.
    fn line(&self, word: &str, what: &str, detail: &str, json: &Value) {
        if self.is_json {
            printer::data(&json.to_string());
        } else {
            printer::data(format!("{word:<9} {what:<12} {detail}").trim_end());
        }
    }

    fn readers(&self, services: &Services) {
        for reader in services.readers() {
            let (name, package) = (reader.tool.name(), reader.tool.package());
            let (word, detail) = if reader.is_installed {
                ("ok", String::new())
            } else {
                let without = reader.tool.without;
                (
                    "missing",
                    format!("{without}; install the package {package}"),
                )
            };
            let json = json!({
                "check": "program", "name": name, "ok": reader.is_installed, "package": package
            });
            self.line(word, name, &detail, &json);
        }
    }

    async fn parts(&self, services: &Services) -> Result<(), Failure> {
        let ready = services.readiness().await;
        for (name, ok) in [("database", ready.database), ("storage", ready.storage)] {
            let word = if ok { "ok" } else { "away" };
            let json = json!({"check": "part", "name": name, "ok": ok});
            self.line(word, name, "", &json);
            if !ok {
                return Err(Failure::new(format!("the {name} cannot be used"))
                    .hint("the log above says what is in the way"));
            }
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) {
        match finding {
            Finding::Stray {
                name,
                size_bytes,
                is_removed,
            } => {
                self.strays += 1;
                self.stray_bytes += size_bytes;
                let word = if *is_removed { "removed" } else { "stray" };
                let json = json!({"finding": "stray", "name": name, "size_bytes": size_bytes, "removed": is_removed});
                let size = HumanBytes(*size_bytes).to_string();
                self.line(word, &size, name, &json);
            }
            Finding::Foreign { name, size_bytes } => {
                self.foreign += 1;
                let json = json!({"finding": "foreign", "name": name, "size_bytes": size_bytes});
                let size = HumanBytes(*size_bytes).to_string();
                self.line("foreign", &size, name, &json);
            }
            Finding::Redrawn { asset_id, name } => {
                let json = json!({"finding": "redrawn", "asset_id": asset_id, "name": name});
                let told = format!("{name} of the asset {asset_id}");
                self.line("redrawn", "thumbnail", &told, &json);
            }
            Finding::Missing {
                asset_id,
                name,
                part,
            } => {
                self.missing += 1;
                let json =
                    json!({"finding": "missing", "asset_id": asset_id, "part": part, "name": name});
                self.line(
                    "missing",
                    part,
                    &format!("{name} of the asset {asset_id}"),
                    &json,
                );
            }
        }
    }

    /// Sums up, and fails when something is missing.
    fn end(&self, audited: Audited, repaired: bool) -> Result<(), Failure> {
        let Audited {
            objects,
            young,
            rows,
        } = audited;
        if self.is_json {
            let summary = json!({
                "objects": objects, "young": young, "rows": rows,
                "stray": self.strays, "foreign": self.foreign, "missing": self.missing
            });
            printer::data(&json!({"summary": summary}).to_string());
        } else {
            printer::data(&format!(
                "looked at {}, {young} of them too young to be judged, and {}: {} stray, {} foreign, {} missing",
                counted(objects, "object"),
                counted(rows, "row"),
                self.strays,
                self.foreign,
                self.missing
            ));
        }
        if self.strays > 0 && !repaired {
            printer::note(&format!(
                "hint: no row names {} ({}); the same command with --repair removes what is older than 25 hours",
                counted(self.strays, "object"),
                HumanBytes(self.stray_bytes)
            ));
        }
        if self.missing == 0 {
            return Ok(());
        }
        let message = match self.missing {
            1 => "an object that a row names is not in the storage".to_owned(),
            many => format!("{many} objects that rows name are not in the storage"),
        };
        let restore = "restore them from a backup of the storage, or delete the assets named above";
        let hint = if repaired {
            restore.to_owned()
        } else {
            format!(
                "{restore}; lost thumbnails of pictures come again when they are fetched, or with --repair"
            )
        };
        Err(Failure::new(message).hint(hint))
    }
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
