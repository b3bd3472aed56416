//! Work on a picture that many may wait for, done when its organization's turn comes.

use runnel_media::MediaError;
use runnel_types::{Fault, OrgId};

use super::flights::Flight;
use super::places::Reader;
use crate::Services;

/// Why there is no result.
#[derive(Debug)]
pub(in crate::assets) enum Unmade {
    /// Nobody waited for it any more before it was begun.
    Abandoned,
    /// The picture is not one of which it can be made, in the hands of that reader.
    Refused(MediaError, Reader),
    /// Something else is in the way.
    Failed(Fault),
}

impl Services {
    /// Does the work of `flight` once its turn comes, unless nobody waits for it any
    /// more. From then on it runs to its end: what was begun is of use to the next
    /// who asks. What turns out to need a program takes another turn, for that.
    pub(in crate::assets) async fn in_turn<Working>(
        &self,
        org: OrgId,
        by: Reader,
        flight: &Flight,
        work: impl Fn(Reader) -> Working + Send,
    ) -> Result<(), Unmade>
    where
        Working: Future<Output = Result<Result<(), MediaError>, Fault>> + Send,
    {
        let mut by = by;
        loop {
            let place = tokio::select! {
                biased;
                () = flight.abandoned() => return Err(Unmade::Abandoned),
                place = self.transform_place(org, by) => place,
            };
            let _place = place.map_err(Unmade::Failed)?;
            match work(by).await.map_err(Unmade::Failed)? {
                Ok(()) => return Ok(()),
                // A rare form of it is read by a program after all.
                Err(MediaError::ToolMissing { .. }) if by == Reader::Process => {
                    by = Reader::Program;
                }
                Err(error) => return Err(Unmade::Refused(error, by)),
            }
        }
    }
}
