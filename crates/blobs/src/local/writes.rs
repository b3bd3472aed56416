//! Parts of bodies on their way to the disk: hashed two at a time, and by no more
//! threads than there are processors.
//!
//! Hashing is a third of what a large upload costs, and two parts of different
//! bodies are hashed in little more time than one. So parts wait in one queue, and
//! a thread takes two of them where there are two.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::oneshot;

use super::stage::{Place, Writer};
use crate::sha256::Sha256;

/// The queue of a storage.
#[derive(Debug)]
pub(super) struct Writes {
    state: Mutex<State>,
    /// The most threads that work on it.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Part>,
    threads: usize,
}

/// What a part becomes: where the next one goes, and the room that it took.
type Written = io::Result<(Writer, Vec<u8>)>;

/// A part of a body.
#[derive(Debug)]
struct Part {
    place: Place,
    bytes: Vec<u8>,
    written: oneshot::Sender<Written>,
}

impl Default for Writes {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            most: available_parallelism().map_or(1, Into::into),
        }
    }
}

impl Writes {
    /// Hashes and writes a part; answers with its emptied buffer.
    pub(super) async fn write(self: &Arc<Self>, place: Place, bytes: Vec<u8>) -> Written {
        let (sender, written) = oneshot::channel();
        let part = Part {
            place,
            bytes,
            written: sender,
        };
        if self.add(part) {
            let queue = Arc::clone(self);
            tokio::task::spawn_blocking(move || queue.work());
        }
        let lost = |_| io::Error::other("the thread that wrote the body has failed");
        written.await.map_err(lost)?
    }

    /// Puts a part into the queue; answers whether one more thread is to work on it.
    fn add(&self, part: Part) -> bool {
        let mut state = self.lock();
        state.waiting.push_back(part);
        let is_wanted = state.threads < self.most;
        state.threads += usize::from(is_wanted);
        is_wanted
    }

    /// Works until nothing waits.
    fn work(&self) {
        let _failing = Failing(self);
        while let Some((one, two)) = self.next() {
            match two {
                None => one.write(),
                Some(two) => Part::write_both(one, two),
            }
        }
    }

    /// Takes the next part, and one more where there is one. When there is none,
    /// this thread no longer counts.
    fn next(&self) -> Option<(Part, Option<Part>)> {
        let mut state = self.lock();
        let Some(one) = state.waiting.pop_front() else {
            state.threads -= 1;
            return None;
        };
        Some((one, state.waiting.pop_front()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells all who wait when a thread fails, so that nobody waits for ever.
struct Failing<'a>(&'a Writes);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut state = self.0.lock();
        state.threads -= 1;
        state.waiting.clear();
    }
}

impl Part {
    fn write(self) {
        let Some(mut opened) = self.open() else {
            return;
        };
        opened.writer.hash.update(&opened.bytes);
        opened.write();
    }

    fn write_both(one: Self, two: Self) {
        match (one.open(), two.open()) {
            (Some(mut one), Some(mut two)) => {
                let hashes = [&mut one.writer.hash, &mut two.writer.hash];
                Sha256::update_both(hashes, [&one.bytes, &two.bytes]);
                one.write();
                two.write();
            }
            (one, two) => {
                for mut opened in one.into_iter().chain(two) {
                    opened.writer.hash.update(&opened.bytes);
                    opened.write();
                }
            }
        }
    }

    /// Makes the file if this is the first part; tells its failure.
    fn open(self) -> Option<Opened> {
        match self.place.open() {
            Ok(writer) => Some(Opened {
                writer,
                bytes: self.bytes,
                written: self.written,
            }),
            Err(error) => {
                // Whoever is gone wants to know nothing.
                let _ = self.written.send(Err(error));
                None
            }
        }
    }
}

/// A part whose file is open.
struct Opened {
    writer: Writer,
    bytes: Vec<u8>,
    written: oneshot::Sender<Written>,
}

impl Opened {
    /// Writes what was hashed, and tells how it went.
    fn write(mut self) {
        let written = self.writer.append(&self.bytes);
        self.bytes.clear();
        // Of whoever is gone, the file is removed with the writer.
        let _ = self
            .written
            .send(written.map(|()| (self.writer, self.bytes)));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn part(temporary: &Path, bytes: &[u8]) -> (Part, oneshot::Receiver<Written>) {
        let (sender, written) = oneshot::channel();
        let part = Part {
            place: Place::Intended(temporary.to_owned()),
            bytes: bytes.to_vec(),
            written: sender,
        };
        (part, written)
    }

    #[test]
    fn what_waits_is_taken_by_two_and_a_thread_leaves_when_nothing_does() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Writes {
            state: Mutex::default(),
            most: 1,
        };
        let names = ["a", "b", "c"].map(|name| folder.path().join(name));
        let parts = names.each_ref().map(|path| part(path, b"bytes"));
        let mut receivers = Vec::new();
        let mut wanted = Vec::new();
        for (part, written) in parts {
            wanted.push(queue.add(part));
            receivers.push(written);
        }
        assert_eq!(wanted, [true, false, false]);
        assert!(matches!(queue.next(), Some((_, Some(_)))));
        assert!(matches!(queue.next(), Some((_, None))));
        assert!(queue.next().is_none());
        let (again, _written) = part(&names[0], b"bytes");
        assert!(queue.add(again), "the thread before has left");
        for mut written in receivers {
            assert_eq!(
                written.try_recv().unwrap_err(),
                oneshot::error::TryRecvError::Closed
            );
        }
    }

    #[test]
    fn nobody_waits_for_a_thread_that_failed() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Writes {
            state: Mutex::default(),
            most: 1,
        };
        let (waiting, mut written) = part(&folder.path().join("a"), b"bytes");
        assert!(queue.add(waiting));
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _failing = Failing(&queue);
            panic!("on purpose");
        }));
        assert!(failed.is_err());
        assert_eq!(
            written.try_recv().unwrap_err(),
            oneshot::error::TryRecvError::Closed
        );
        let (again, _written) = part(&folder.path().join("b"), b"bytes");
        assert!(queue.add(again), "another thread takes its place");
    }

    #[test]
    fn a_part_that_cannot_be_written_does_not_take_the_other_along() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::write(&taken, b"somebody's").unwrap();
        for order in [[0, 1], [1, 0]] {
            let free = folder.path().join(format!("free {order:?}"));
            let (failing, mut failed) = part(&taken, b"one");
            let (good, mut written) = part(&free, b"two");
            let mut both = [Some(failing), Some(good)];
            let [one, two] = order.map(|which: usize| both[which].take().unwrap());
            Part::write_both(one, two);
            let error = failed.try_recv().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            let (writer, room) = written.try_recv().unwrap().unwrap();
            assert!(room.is_empty() && room.capacity() >= 3);
            assert_eq!(std::fs::read(&free).unwrap(), b"two");
            assert_eq!(writer.hash.length(), 3);
            drop(writer);
            assert!(!free.exists(), "a writer that is dropped leaves nothing");
        }
        assert_eq!(std::fs::read(&taken).unwrap(), b"somebody's");
    }
}
