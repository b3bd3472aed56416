//! Jobs that are done, kept or given back many at a time, by one statement for all
//! that a claim took.

use std::collections::HashSet;

use runnel_types::{JobId, Timestamp};

use super::{Jobs, TABLE};
use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Statement, all};
use crate::sets;
use crate::tx::Tx;

/// Jobs that one worker took.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// By which name it holds them.
    pub worker: &'a str,
    /// The jobs.
    pub ids: &'a [JobId],
}

impl Jobs<&mut Tx> {
    /// Removes jobs that are done; answers with those that the worker still had.
    /// What follows from the others is somebody else's to write.
    pub async fn complete_all(&mut self, held: Held<'_>) -> Result<HashSet<JobId>, StoreError> {
        let sql = |ids: &str| {
            format!("DELETE FROM jobs WHERE worker_id = $1 AND id IN ({ids}) RETURNING id")
        };
        let args = || Args::new().text(held.worker);
        self.each_set(held, args, 1, sql).await
    }

    /// Keeps jobs until `until`; answers with those that the worker still had. One
    /// that another transaction is about to end, put off or take is left to that
    /// one: two that wait for each other's rows would end one of them.
    pub async fn extend_leases(
        &mut self,
        held: Held<'_>,
        until: Timestamp,
    ) -> Result<HashSet<JobId>, StoreError> {
        let lock = self.0.dialect().for_update_skip_locked();
        let sql = |ids: &str| {
            format!(
                "UPDATE jobs SET due_at = $2, state = 'waiting' WHERE id IN (
                    SELECT id FROM jobs WHERE worker_id = $1 AND id IN ({ids}){lock}
                ) RETURNING id"
            )
        };
        let args = || Args::new().text(held.worker).time(until);
        self.each_set(held, args, 2, sql).await
    }

    /// Gives jobs back untouched, to be taken again from `at` on: this attempt does
    /// not count. They keep their seats. Answers with those that the worker still had.
    pub async fn hand_back_all(
        &mut self,
        held: Held<'_>,
        at: Timestamp,
    ) -> Result<HashSet<JobId>, StoreError> {
        let sql = |ids: &str| {
            format!(
                "UPDATE jobs SET due_at = $2, worker_id = NULL, state = 'waiting',
                    attempts = attempts - 1
                WHERE worker_id = $1 AND id IN ({ids}) RETURNING id"
            )
        };
        let args = || Args::new().text(held.worker).time(at);
        let given = self.each_set(held, args, 2, sql).await?;
        if !given.is_empty() {
            self.0.note_enqueued();
        }
        Ok(given)
    }

    async fn each_set(
        &mut self,
        held: Held<'_>,
        args: impl Fn() -> Args,
        count: usize,
        sql: impl Fn(&str) -> String,
    ) -> Result<HashSet<JobId>, StoreError> {
        let mut found = HashSet::new();
        for set in sets::of(held.ids) {
            let (ids, args) = sets::words(args(), count, set);
            let statement = Statement::composed(TABLE, sql(&ids), args);
            found.extend(all(&mut self.0, statement, id).await?);
        }
        Ok(found)
    }
}

fn id(row: &Row) -> Result<JobId, StoreError> {
    row.word("id")
}
