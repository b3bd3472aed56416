//! The moods of a store that is not well.

use std::io;

use s3s::Body;
use tokio::sync::watch;

/// How a store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// Answers 500 to everything.
    Failing,
    /// Answers nothing until the mood changes.
    Silent,
    /// Closes the connection instead of answering.
    Dropping,
    /// Answers 500 to whoever wants something removed, and the rest as it should.
    Keeping,
    /// Answers 500 to whoever brings something, and the rest as it should.
    Full,
}

/// What somebody wants of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Read,
    Write,
    Remove,
}

/// What becomes of a request in the present mood; `well` answers it.
pub(crate) async fn in_mood<F>(
    mut moods: watch::Receiver<Mood>,
    wish: Wish,
    well: impl FnOnce() -> F,
) -> Result<hyper::Response<Body>, io::Error>
where
    F: Future<Output = Result<hyper::Response<Body>, io::Error>>,
{
    let mood = *moods.borrow_and_update();
    match mood {
        Mood::Well => well().await,
        Mood::Keeping if wish != Wish::Remove => well().await,
        Mood::Full if wish != Wish::Write => well().await,
        Mood::Failing | Mood::Keeping | Mood::Full => {
            let body = "<Error><Code>InternalError</Code><Message>made by a test</Message></Error>";
            let mut answer = hyper::Response::new(Body::from(body.to_owned()));
            *answer.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            Ok(answer)
        }
        Mood::Silent => {
            let changed = moods.wait_for(|mood| *mood != Mood::Silent).await;
            drop(changed);
            Err(io::Error::other("the store was silent for too long"))
        }
        Mood::Dropping => Err(io::Error::other("the store drops the connection")),
    }
}
