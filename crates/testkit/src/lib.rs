//! The testing kit: servers, requests, receivers.
//!
//! A [`TestApp`] is a whole server in this process, over real HTTP, with a
//! clock that the test moves; a [`Process`] is the executable, to be killed.
//! Everything here panics when something is not as it should be: that is how a
//! test fails.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod azure;
mod bucket;
mod chaos;
mod counting_engine;
mod event_stream;
mod file_server;
mod google;
mod google_key;
mod http;
mod official_client;
mod process;
mod puppet;
mod receiver;
mod relay;
mod s3;
pub mod samples;
mod served_folder;
mod unruly_receiver;
mod wait;

pub use app::{Db, Setup, TestApp, database_url};
pub use azure::AzureServer;
pub use bucket::Storage;
pub use chaos::Mood;
pub use counting_engine::CountingEngine;
pub use event_stream::{Event, EventStream};
pub use file_server::{FileServer, Sent};
pub use google::GoogleServer;
pub use http::{Begun, Request, Response, send_raw};
pub use process::Process;
pub use puppet::{Call, Puppet};
pub use receiver::Receiver;
pub use relay::Relay;
pub use runnel_testdb::{Place, rename_table};
pub use s3::S3Server;
pub use served_folder::ServedFolder;
pub use unruly_receiver::{Conduct, UnrulyReceiver};
pub use wait::wait_until;

/// Expands a test `async fn name(setup: Setup)` to one with its objects in a bucket,
/// on SQLite; [`on_both_databases`] runs it on the disk.
#[macro_export]
macro_rules! with_a_bucket_too {
    ($($name:ident),* $(,)?) => {
        mod bucket {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::Setup::BUCKET).await; })*
        }
    };
}

/// The same with `downloads=server`: the server sends the bucket's files.
#[macro_export]
macro_rules! with_files_served_too {
    ($($name:ident),* $(,)?) => {
        mod served {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::Setup::SERVED).await; })*
        }
    };
}

/// Expands a test `async fn name(db: Db)`, or `setup: Setup`, to one on each database.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::Db::Sqlite.into()).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::Db::Postgres.into()).await; })*
        }
    };
}
