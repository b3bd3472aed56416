//! The engine against Cog's own server, as `PyPI` has it, with the predictor of
//! `tests/servers/predict.py`.

use serde_json::json;

use crate::engine::{EngineErrorKind, InputContent, Report};
use crate::remote::python::Python;
use crate::remote::stub::{bytes, cancellable_work, engine, png, told, with_file, work};

#[tokio::test]
async fn a_picture_goes_through_cog_and_comes_back() {
    for class in ["Waiting", "Streaming"] {
        let server = Python::cog(class).await;
        let engine = engine("cog", &format!("url = \"{}\"", server.url));
        let png = png();
        let (work, mut reports) = work(&json!({"image": "runflow://assets/1", "text": "t"}));
        let work = with_file(work, "image", InputContent::Bytes(png.clone()));
        let product = engine.execute(work).await.unwrap();
        assert_eq!(
            json!(product.output),
            json!({"image_urls": [null]}),
            "{class}"
        );
        assert_eq!(bytes(product).await.unwrap(), [png], "{class}");
        let reports = told(&mut reports);
        assert!(
            reports.contains(&Report::Progress(0.5)),
            "{class}: {reports:?}"
        );
        let log = format!("{reports:?}");
        assert!(
            log.contains("begin t") && log.contains("end"),
            "{class}: {log}"
        );
        assert_eq!(engine.probe().await, Ok(()), "{class}");

        // Cog answers a moment before its slot is free again.
        server.wait_for("/health-check", "\"READY\"").await;
        let (work, _) = crate::remote::stub::work(&json!({"text": "fail"}));
        let error = engine.execute(work).await.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Failed, "{class}: {error}");
        assert!(
            error.message.contains("the picture is too dark"),
            "{class}: {error}"
        );
    }
}

#[tokio::test]
async fn a_slot_that_is_taken_is_busy_until_its_run_is_called_off() {
    let server = Python::cog("Waiting").await;
    let engine = engine("cog", &format!("url = \"{}\"", server.url));
    let (long, _, cancel) = cancellable_work(&json!({"seconds": 300.0}));
    let working = tokio::spawn({
        let engine = std::sync::Arc::clone(&engine);
        async move { engine.execute(long).await }
    });
    let short = || {
        let (mut work, _) = work(&json!({}));
        work.run_id = runnel_types::RunId::from_u128(8);
        engine.execute(work)
    };
    server.wait_for("/health-check", "\"BUSY\"").await;
    let error = short().await.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Busy, "{error}");
    assert!(!working.is_finished());
    cancel.cancel();
    let error = working.await.unwrap().unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Cancelled);
    // Cog frees the slot as soon as the predictor has noticed.
    while let Err(error) = short().await {
        assert_eq!(error.kind, EngineErrorKind::Busy, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_dies_at_work_is_a_failure_that_may_pass() {
    let mut server = Python::cog("Waiting").await;
    let engine = engine("cog", &format!("url = \"{}\"", server.url));
    let (long, _) = work(&json!({"seconds": 300.0}));
    let working = tokio::spawn({
        let engine = std::sync::Arc::clone(&engine);
        async move { engine.execute(long).await }
    });
    server.wait_for("/health-check", "\"BUSY\"").await;
    server.end();
    let error = working.await.unwrap().unwrap_err();
    assert!(error.is_passing, "{error}");
    let error = engine.execute(work(&json!({})).0).await.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable, "{error}");
}
