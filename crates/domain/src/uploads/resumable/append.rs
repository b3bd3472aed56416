//! Takes the next bytes of a resumable upload.
//!
//! The bytes go through a channel to a task of their own, which runs to its
//! end whatever becomes of the request: what arrived until a connection broke
//! is made safe and recorded. Only bytes that come with a checksum wait for it;
//! of those, all are recorded or none.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use runnel_blobs::{Appender, Key};
use runnel_types::{Fault, ResumableUpload, Upload};
use tokio::sync::mpsc;

use super::checksum::Checksum;
use super::session::{Position, ResumableGrant, Session, overtaken};
use super::turns::Turn;
use crate::{Services, faults};

/// What is on its way between a request and its task, in pieces of the transport.
const AHEAD: usize = 4;

/// What a request says of the bytes that it brings.
#[derive(Debug)]
pub struct Chunk {
    /// Where they begin.
    pub offset: u64,
    /// How many there are, when that was said.
    pub length: Option<u64>,
    /// Their checksum, when one was sent.
    pub checksum: Option<Checksum>,
}

/// What arrives.
enum Arrival {
    Bytes(Bytes),
    Broken(String),
    End,
}

/// An append at work.
struct Appending {
    services: Arc<Services>,
    turn: Turn,
    upload: Upload,
    row: ResumableUpload,
    appender: Appender,
    target: Key,
    checksum: Option<Checksum>,
}

impl Services {
    /// Appends the bytes of `body`, and answers with how far the upload has
    /// come. The last byte makes the body whole.
    ///
    /// # Errors
    /// `CONFLICT` for another offset than the upload has, `UPLOAD_LOCKED` while
    /// another request appends, `PAYLOAD_TOO_LARGE` for more bytes than are
    /// wanted, `CHECKSUM_MISMATCH` with nothing kept, `BAD_REQUEST` for a body
    /// that broke off: what arrived is kept then.
    pub async fn append_to_upload<E: std::fmt::Display>(
        self: &Arc<Self>,
        grant: &ResumableGrant,
        chunk: Chunk,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Position, Fault> {
        let turn = self.turns.take(grant.asset_id).ok_or_else(locked)?;
        let session = self.open_session(grant).await?;
        check(&session, &chunk)?;
        if session.is_whole() && session.row.progress.is_none() {
            return Ok(self.position(&session.upload, session.row.offset_bytes));
        }
        let appending = self.hold(turn, session, chunk.checksum).await?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let working = tokio::spawn(appending.run(receiver));
        loop {
            let arrival = match body.next().await {
                Some(Ok(bytes)) => Arrival::Bytes(bytes),
                Some(Err(error)) => Arrival::Broken(error.to_string()),
                None => Arrival::End,
            };
            let is_last = !matches!(arrival, Arrival::Bytes(_));
            // A task that ended already says why below.
            if sender.send(arrival).await.is_err() || is_last {
                break;
            }
        }
        working.await.map_err(Fault::internal)?
    }

    /// Gets hold of the body in storage, beginning it when there is none yet.
    async fn hold(
        self: &Arc<Self>,
        turn: Turn,
        session: Session,
        checksum: Option<Checksum>,
    ) -> Result<Appending, Fault> {
        let kept = session.progress()?;
        let Session { upload, mut row } = session;
        let begins = kept.is_none();
        let progress = if let Some(progress) = kept {
            progress
        } else {
            let body = self.ids.next();
            let target = Key::asset(upload.org_id, upload.asset_id, body, &upload.filename);
            self.blobs
                .begin_resumable(&target, self.ids.next())
                .await
                .map_err(faults::blob)?
        };
        // ORDER: the place is locked, then the row is claimed, then bytes are
        // written. The claim makes sure under the lock that the offset is still
        // the last one, and whoever thinks to append elsewhere loses the row.
        let appender = self
            .blobs
            .append_to(&progress, self.ids.next())
            .await
            .map_err(faults::blob)?;
        row.progress = Some(progress.to_text());
        if !self.record_offset(&mut row).await? {
            drop(appender);
            // Nobody else knows of a body that was begun here. One that was there
            // before is what the other request goes on with.
            if begins {
                self.abandon(row.org_id, row.progress).await;
            }
            return Err(overtaken());
        }
        Ok(Appending {
            services: Arc::clone(self),
            turn,
            upload,
            row,
            appender,
            target: progress.target().clone(),
            checksum,
        })
    }

    /// Writes how far the upload has come; `false` when another request has
    /// changed the row since.
    async fn record_offset(&self, row: &mut ResumableUpload) -> Result<bool, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let recorded = tx
            .resumable_uploads()
            .record(row)
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        row.version += 1;
        Ok(recorded)
    }
}

impl Appending {
    async fn run(mut self, mut arrivals: mpsc::Receiver<Arrival>) -> Result<Position, Fault> {
        let broken = self.take_in(&mut arrivals).await?;
        if let Some(checksum) = self.checksum.take() {
            if let Some(why) = broken {
                return Err(broke_off(&why, self.row.offset_bytes));
            }
            if !checksum.fits() {
                return Err(Fault::checksum_mismatch(format!(
                    "the bytes do not have the checksum that was sent; nothing of them was kept, send them again from offset {}",
                    self.row.offset_bytes
                )));
            }
        }
        let progress = self.appender.sync().await.map_err(faults::blob)?;
        self.note(&progress).await?;
        if let Some(why) = broken {
            return Err(broke_off(&why, self.row.offset_bytes));
        }
        let position = self.services.position(&self.upload, self.row.offset_bytes);
        if position.offset == position.length {
            self.services
                .complete(&self.upload, self.row, self.appender, &self.target)
                .await?;
        }
        Ok(position)
    }

    /// Takes bytes until the body ends; answers with why it broke off, if it did.
    async fn take_in(
        &mut self,
        arrivals: &mut mpsc::Receiver<Arrival>,
    ) -> Result<Option<String>, Fault> {
        let mut room = self.upload.size_bytes - self.row.offset_bytes;
        loop {
            let arrival = tokio::select! {
                biased;
                () = self.turn.interrupted() => {
                    return Ok(Some("another request for this upload came".to_owned()));
                }
                arrival = arrivals.recv() => arrival,
            };
            let bytes = match arrival {
                Some(Arrival::Bytes(bytes)) => bytes,
                Some(Arrival::End) => return Ok(None),
                Some(Arrival::Broken(why)) => return Ok(Some(why)),
                None => return Ok(Some("the client went away".to_owned())),
            };
            room = room
                .checked_sub(bytes.len() as u64)
                .ok_or_else(|| too_long(self.upload.size_bytes))?;
            self.appender.write(&bytes).await.map_err(faults::blob)?;
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&bytes);
            } else if let Some(progress) = self.appender.checkpoint().await.map_err(faults::blob)? {
                self.note(&progress).await?;
            }
        }
    }

    /// Records what is safe now.
    async fn note(&mut self, progress: &runnel_blobs::Progress) -> Result<(), Fault> {
        self.row.offset_bytes = progress.size_bytes();
        self.row.progress = Some(progress.to_text());
        if self.services.record_offset(&mut self.row).await? {
            Ok(())
        } else {
            Err(overtaken())
        }
    }
}

fn check(session: &Session, chunk: &Chunk) -> Result<(), Fault> {
    let offset = session.row.offset_bytes;
    if chunk.offset != offset {
        return Err(Fault::conflict(format!(
            "Upload-Offset is {}, the upload has {offset} bytes; go on from there",
            chunk.offset
        )));
    }
    let room = session.upload.size_bytes - offset;
    if chunk.length.is_some_and(|length| length > room) {
        return Err(too_long(session.upload.size_bytes));
    }
    Ok(())
}

pub(super) fn locked() -> Fault {
    Fault::upload_locked(
        "another request is appending to this upload; ask for the offset with HEAD, which ends it, and go on from there",
    )
}

fn too_long(size_bytes: u64) -> Fault {
    Fault::too_large(format!(
        "the bytes go past the {size_bytes} that the upload was created with; ask for the offset with HEAD and send only what is missing"
    ))
}

fn broke_off(why: &str, offset: u64) -> Fault {
    Fault::bad_request(format!(
        "the body broke off ({why}); go on from offset {offset}"
    ))
}
