//! The engine against `LitServe` and Ray Serve, as `PyPI` has them, with the tiny
//! deployments of `tests/servers/`.

use serde_json::json;

use crate::engine::{EngineError, EngineErrorKind, InputContent};
use crate::remote::python::Python;
use crate::remote::stub::{bytes, engine, png, with_file, work};

/// Sends a picture; answers with the bytes of the output.
async fn echo(settings: &str, png: &[u8]) -> Result<Vec<Vec<u8>>, EngineError> {
    let (work, _) = work(&json!({"image_url": "runflow://assets/1"}));
    let work = with_file(work, "image_url", InputContent::Bytes(png.to_vec()));
    bytes(engine("http", settings).execute(work).await?).await
}

#[tokio::test]
async fn a_picture_goes_through_litserve_and_comes_back() {
    let mut server = Python::script("lit.py", "/health", "ok").await;
    let settings = format!(
        "url = \"{}/predict\"\nfiles = \"data_uri\"\n[request]\npicture = \"input.image_url\"\n[response]\nimage_urls = \"result.images\"",
        server.url
    );
    let png = png();
    assert_eq!(
        echo(&settings, &png).await.unwrap(),
        std::slice::from_ref(&png)
    );
    let wrong = settings.replace("picture =", "other =");
    let error = echo(&wrong, &png).await.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::InvalidInput, "{error}");
    assert!(error.message.contains("picture is required"), "{error}");
    server.end();
    let error = echo(&settings, &png).await.unwrap_err();
    assert!(error.is_passing, "{error}");
    assert_ne!(error.kind, EngineErrorKind::InvalidInput, "{error}");
}

#[tokio::test]
async fn a_picture_goes_through_ray_serve_and_comes_back() {
    let server = Python::script("ray_serve.py", "/-/routes", "/echo").await;
    let settings = format!(
        "url = \"{}/echo\"\nfiles = \"data_uri\"\n[request]\npicture = \"input.image_url\"",
        server.url
    );
    let png = png();
    assert_eq!(
        echo(&settings, &png).await.unwrap(),
        std::slice::from_ref(&png)
    );
    let wrong = settings.replace("picture =", "other =");
    let error = echo(&wrong, &png).await.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::InvalidInput, "{error}");
    let failing = settings.replace("\"input.image_url\"", "\"fail\"");
    let error = echo(&failing, &png).await.unwrap_err();
    assert_eq!(
        (error.kind, error.is_passing),
        (EngineErrorKind::Failed, true),
        "{error}"
    );
}
