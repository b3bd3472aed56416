//! Where the objects of a server under test lie.

use std::path::PathBuf;

use runnel_blobs::Variables;

use crate::app::TestApp;
use crate::azure::AzureServer;
use crate::google::GoogleServer;
use crate::s3::S3Server;

/// A kind of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In the test's folder.
    Disk,
    /// In a bucket of a server of the test's own.
    S3,
    /// The same, and the server sends the files.
    S3Served,
    /// In a container of Microsoft's emulator.
    Azure,
    /// In a bucket of a stand-in for Google's store.
    Google,
}

/// The store of a server, where it is not a folder.
#[derive(Debug)]
pub(crate) enum Bucket {
    S3(S3Server),
    Azure(AzureServer),
    Google(GoogleServer),
}

impl Bucket {
    pub(crate) async fn of(storage: Storage) -> Option<Self> {
        match storage {
            Storage::Disk => None,
            Storage::S3 | Storage::S3Served => Some(Self::S3(S3Server::start().await)),
            Storage::Azure => Some(Self::Azure(AzureServer::start().await)),
            Storage::Google => Some(Self::Google(GoogleServer::start().await)),
        }
    }

    /// The storage URL and the credentials.
    pub(crate) fn place(&self) -> (String, Variables) {
        match self {
            Self::S3(server) => (server.storage_url(), server.variables()),
            Self::Azure(server) => (server.storage_url(), server.variables()),
            Self::Google(server) => (server.storage_url(), server.variables()),
        }
    }

    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        match self {
            Self::S3(server) => server.objects(),
            Self::Azure(server) => server.objects(),
            Self::Google(server) => server.objects(),
        }
    }
}

impl TestApp {
    /// The store of an app on [`Storage::S3`].
    pub fn s3(&self) -> &S3Server {
        match &self.bucket {
            Some(Bucket::S3(server)) => server,
            other => panic!("the test began with {other:?}"),
        }
    }

    /// The store of an app on [`Storage::Azure`].
    pub fn azure(&self) -> &AzureServer {
        match &self.bucket {
            Some(Bucket::Azure(server)) => server,
            other => panic!("the test began with {other:?}"),
        }
    }

    /// The store of an app on [`Storage::Google`].
    pub fn google(&self) -> &GoogleServer {
        match &self.bucket {
            Some(Bucket::Google(server)) => server,
            other => panic!("the test began with {other:?}"),
        }
    }
}
