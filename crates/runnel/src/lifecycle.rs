//! Signals: the first one that asks to stop stops the server, the second ends
//! it; a hang-up has the model file read again.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, caught from the moment this is made: one that arrives
/// while nobody waits is not lost, and does not end the process half started.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    // A server without a model file has nothing to read again: it ends with its
    // terminal, as a program does that does not care about the signal.
    hang_up: Option<Signal>,
}

impl Signals {
    pub(crate) fn catch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: None,
        })
    }

    /// Catches hang-ups too, when there is something to read again.
    pub(crate) fn and_hang_ups(self, reloads: bool) -> std::io::Result<Self> {
        let hang_up = reloads.then(|| signal(SignalKind::hangup()));
        Ok(Self {
            hang_up: hang_up.transpose()?,
            ..self
        })
    }

    /// Waits until the server should stop.
    pub(crate) async fn asked_to_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits until the server should stop or read its models again.
    pub(crate) async fn asked(&mut self) -> Asked {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => drop(hang_up.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Asked::ToStop,
            _ = self.interrupt.recv() => Asked::ToStop,
            () = hang_up => Asked::ToReload,
        }
    }
}

/// What a signal asks for.
pub(crate) enum Asked {
    ToStop,
    ToReload,
}
