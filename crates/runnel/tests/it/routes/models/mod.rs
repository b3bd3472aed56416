//! The catalogue: listed, read, and models of a file run by an engine of the
//! test's own, which answers with its input.

mod checked;
mod from_file;
mod listed;

use std::sync::Arc;

use runnel::models::Engines;
use runnel_engines::engine::{Execution, InputForm, Product, Work};
use runnel_engines::{BadSetting, Engine};
use runnel_testkit::{Db, Storage, TestApp};

/// Engines under the names of real ones.
pub(crate) const REPEATING: Engines = Engines {
    names: &["http", "runflow"],
    build: |_, _, table, _| match table.keys().find(|key| *key != "url") {
        Some(key) => Err(BadSetting::new(key, "is no setting of this engine")),
        None => Ok(Arc::new(Repeats)),
    },
};

#[derive(Debug)]
struct Repeats;

impl Engine for Repeats {
    fn name(&self) -> &'static str {
        "http"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        InputForm::Bytes
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            let mut output = work.input;
            output.insert("model".to_owned(), work.model.into());
            Ok(Product {
                output,
                files: Vec::new(),
            })
        })
    }
}

/// A server with a model file.
async fn start(db: Db, file: &str) -> TestApp {
    TestApp::start_in(db, Storage::Disk, |settings, environment| {
        let path = settings.data_dir.with_file_name("models.toml");
        std::fs::write(&path, file).unwrap();
        settings.models = Some(path);
        environment.engines = REPEATING;
    })
    .await
}

/// Puts another model file in the place of the server's.
fn rewrite(app: &TestApp, file: &str) {
    std::fs::write(app.data_dir().with_file_name("models.toml"), file).unwrap();
}
