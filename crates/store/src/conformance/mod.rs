//! The suite that both engines have to pass: one file for each table or
//! subject, each behaviour a function that takes a [`Db`].
//!
//! [`suite!`] makes two tests of every function, one on SQLite and one on
//! PostgreSQL. What concerns one engine alone is a plain test in its file.

mod api_keys;
mod assets;
mod batches;
mod callback_secrets;
mod deliveries;
mod fixtures;
mod folders;
mod group_commit;
mod health;
mod idempotency_keys;
mod jobs;
mod lanes;
mod lists;
mod opening;
mod orgs;
mod plans;
mod resumable_uploads;
mod run_logs;
mod runs;
mod schema;
mod settings;
mod signal;
mod speed;
mod text_order;
mod threads;
mod tx;
mod uploads;
mod webhook_deliveries;
mod webhook_plans;
mod webhooks;

use std::path::PathBuf;
use std::sync::Arc;

use runnel_types::{IdSource, ManualClock, Org, SeededEntropy, Timestamp};
use tempfile::TempDir;

use crate::{DatabaseUrl, Store};

/// When everything in the suite happens.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// A fresh database of one engine.
pub(super) struct Db {
    pub(super) store: Store,
    pub(super) url: DatabaseUrl,
    pub(super) ids: IdSource,
    /// Holds SQLite's file.
    folder: Option<TempDir>,
}

impl Db {
    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("new folder/runnel.db"));
        Self::open(url, Some(folder)).await
    }

    async fn postgres(test: &str) -> Self {
        let test = test.to_owned();
        let url = tokio::task::spawn_blocking(move || runnel_testdb::url_for(&test))
            .await
            .unwrap();
        Self::open(url.parse().unwrap(), None).await
    }

    async fn open(url: DatabaseUrl, folder: Option<TempDir>) -> Self {
        let store = Store::open(&url).await.unwrap();
        let ids = IdSource::new(
            Arc::new(ManualClock::at(NOW)),
            Arc::new(SeededEntropy::new(1)),
        );
        Self {
            store,
            url,
            ids,
            folder,
        }
    }

    /// Another handle on the same database, as another process has it.
    pub(super) async fn another(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// The database as the next process finds it when this one is killed now:
    /// SQLite's files are copied as they are, without any close.
    pub(super) async fn copy_as_after_a_crash(&self) -> Store {
        if self.folder.is_none() {
            return self.another().await;
        }
        let copy = self.sqlite_file("-copy");
        for suffix in ["", "-wal"] {
            let target = PathBuf::from(format!("{}{suffix}", copy.display()));
            fs_err::copy(self.sqlite_file(suffix), target).unwrap();
        }
        Store::open(&DatabaseUrl::sqlite(copy)).await.unwrap()
    }

    /// SQLite's file, or one that belongs to it.
    pub(super) fn sqlite_file(&self, suffix: &str) -> PathBuf {
        let folder = self.folder.as_ref().unwrap();
        folder.path().join(format!("new folder/runnel.db{suffix}"))
    }

    /// An organization, committed.
    pub(super) async fn org(&self, slug: &str) -> Org {
        let org = fixtures::org(self, slug);
        let mut tx = self.store.begin().await.unwrap();
        tx.orgs().insert(&org).await.unwrap();
        tx.commit().await.unwrap();
        org
    }
}

macro_rules! suite {
    ($($module:ident { $($test:ident,)* })*) => {
        mod sqlite {
            $(mod $module {
                $(#[tokio::test]
                async fn $test() {
                    super::super::$module::$test(super::super::Db::sqlite().await).await;
                })*
            })*
        }

        mod postgres {
            $(mod $module {
                $(#[tokio::test]
                async fn $test() {
                    super::super::$module::$test(super::super::Db::postgres(stringify!($test)).await).await;
                })*
            })*
        }
    };
}

suite! {
    api_keys {
        a_key_is_found_by_its_hash_and_by_nothing_else,
        a_revoked_key_stays_and_says_so,
        an_upsert_keeps_the_id_and_takes_the_rest,
        keys_are_counted_over_all_organizations,
    }
    assets {
        assets_of_every_organization_are_walked_by_id,
        every_field_comes_back,
        a_deleted_asset_is_seen_only_by_those_who_ask_for_it,
        many_are_found_at_once_and_only_ones_own,
        a_deletion_is_taken_back_or_purged_but_never_both,
        what_a_person_may_change_changes,
        what_a_thumbnail_is_can_be_written_anew,
        a_thumbnail_comes_once_and_not_to_what_is_deleted,
    }
    batches {
        every_field_comes_back,
        a_batch_is_begun_once_and_ends_once,
        of_two_who_end_the_last_items_at_once_one_sees_the_end,
        its_runs_come_in_the_order_of_its_items,
        open_runs_wait_for_whoever_holds_them,
        a_batch_of_another_organization_is_not_there,
    }
    callback_secrets {
        live_secrets_come_with_the_current_one_first,
        a_second_current_secret_is_refused,
        a_secret_is_found_by_its_organization_alone,
        the_last_use_is_noted_to_the_minute,
    }
    deliveries {
        every_field_comes_back,
        a_batch_has_deliveries_of_its_own,
        attempts_are_numbered_and_lead_to_their_outcome,
        a_delivery_that_ended_takes_no_attempt,
        many_are_taken_up_put_back_and_delivered_at_once,
        a_delivery_of_another_organization_is_not_there,
    }
    folders {
        every_field_comes_back_with_its_count,
        siblings_have_different_names,
        a_tree_goes_as_a_whole_and_nothing_else_does,
        what_is_in_a_tree_goes_some_at_a_time,
    }
    health {
        what_cannot_be_written_is_ill_until_it_can,
        a_row_in_the_way_is_no_illness,
    }
    idempotency_keys {
        one_request_has_a_key_and_its_answer_stays,
        a_dead_requests_key_is_taken_over_unless_it_was_done,
        a_lease_is_renewed_by_its_request_alone,
        a_key_is_given_free_only_by_its_request_and_forgotten_by_age,
    }
    jobs {
        a_delayed_job_is_not_due_before_its_time,
        two_workers_never_share_a_job,
        an_expired_lease_is_claimed_again_and_counted,
        what_was_never_put_off_is_ready_by_a_clock_that_stepped_back,
        a_lost_lease_can_neither_be_extended_nor_completed,
        a_job_handed_back_does_not_count_the_attempt,
        a_job_is_held_by_its_worker_and_removed_by_anybody,
        a_retry_waits_for_its_time,
        what_was_put_off_can_be_due_before_its_time,
        deliveries_are_a_queue_of_their_own,
        what_there_is_to_do_is_counted_by_where_it_stands,
        many_are_kept_given_back_and_completed_at_once,
        who_keeps_leases_waits_for_nobody_who_ends_them,
        a_job_and_its_state_are_written_together_or_not_at_all,
        an_unknown_kind_is_handed_out_as_unknown,
    }
    lanes {
        flows_of_a_lane_share_it,
        no_flow_is_passed_over_for_ever,
        lanes_stand_apart,
        lanes_are_looked_at_stretch_by_stretch,
        a_lane_is_never_over_its_limit,
        a_place_is_free_when_its_job_is_done_or_put_off,
    }
    lists {
        every_filter_finds_what_it_says,
        every_order_walks_both_ways_and_skips_nothing,
        a_place_outlives_its_row,
    }
    orgs {
        a_slug_is_unique,
        get_or_insert_gives_everybody_the_same,
        organizations_are_listed_oldest_first,
    }
    plans {
        lists_of_runs_and_batches_use_their_index,
        lists_of_assets_use_their_index,
        lists_of_folders_use_their_index,
        logs_and_claims_use_their_index,
    }
    resumable_uploads {
        of_two_who_go_on_from_one_place_one_is_recorded,
        what_began_afresh_takes_nothing_from_before,
        it_ends_once_and_goes_with_its_session,
        one_of_another_organization_is_not_there,
    }
    run_logs {
        lines_are_numbered_from_one_without_gaps,
        writers_at_once_leave_no_gap,
        a_log_is_bounded_and_ends_with_its_run,
        pages_walk_both_ways,
        a_log_of_another_organization_is_empty,
    }
    runs {
        every_field_comes_back,
        pages_are_stable_under_inserts,
        a_terminal_status_never_changes,
        a_run_of_another_organization_is_not_there,
        statuses_are_counted,
        progress_is_kept_within_bounds,
        the_input_of_a_run_can_be_put_in_other_words_until_it_ends,
        a_run_that_waits_again_has_not_started,
        a_pulse_tells_what_is_new,
    }
    schema {
        a_second_start_changes_nothing,
        starts_at_once_migrate_once,
        a_newer_schema_is_refused,
        deliveries_stay_when_their_table_is_made_anew,
        a_broken_row_names_its_place,
    }
    settings {
        the_first_value_stays,
    }
    signal {
        a_commit_that_enqueues_wakes_and_others_do_not,
        a_commit_that_changes_a_run_wakes_those_who_watch_it,
        a_closed_store_answers_unavailable,
    }
    text_order {
        names_are_ordered_by_bytes,
        names_are_compared_by_bytes,
        a_database_of_before_comes_to_order_by_bytes,
    }
    tx {
        a_dropped_transaction_leaves_nothing,
        a_transaction_reads_its_own_writes_and_others_do_not,
        after_a_failed_statement_nothing_can_be_committed,
        after_a_cancelled_statement_nothing_can_be_committed,
        a_conflict_names_its_constraint,
        what_is_committed_survives_without_a_close,
        a_panic_leaves_nothing_and_holds_nobody_up,
        many_transactions_at_once_all_succeed,
    }
    uploads {
        open_sessions_of_every_organization_are_walked_by_id,
        every_field_comes_back,
        a_second_body_supersedes_the_first,
        a_confirmed_upload_takes_no_body,
        a_confirmation_wants_the_body_it_looked_at,
        a_refused_body_is_forgotten_and_another_taken,
        put_and_confirmation_at_once_agree_on_the_bytes,
        an_upload_of_another_organization_is_not_there,
        what_was_never_confirmed_is_found_and_removed,
    }
    webhook_deliveries {
        every_field_comes_back_and_no_callback_is_among_them,
        what_waits_is_given_up_and_what_is_attempted_is_not,
        an_event_is_under_way_with_any_of_its_deliveries,
        what_goes_with_a_folder_is_walked_once,
        one_of_another_organization_is_not_there,
    }
    webhook_plans {
        webhooks_and_their_deliveries_use_their_index,
        a_deletion_is_walked_along_its_index,
    }
    webhooks {
        every_field_comes_back,
        live_ones_hear_of_what_they_subscribed_to,
        what_is_written_tells_whether_somebody_listens,
        a_disabled_one_keeps_its_reason_and_an_enabled_one_begins_anew,
        a_failure_is_remembered_until_a_success,
        a_deleted_one_is_there_for_its_deliveries_alone,
        a_webhook_of_another_organization_is_not_there,
    }
}
