//! Clients that ask for a file and take nothing of it: the file does not stay
//! open for them, nor does the connection.

use std::path::Path;
use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Storage, TestApp, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http2::{Client, HEADERS};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_mins(5);

/// A server, its host, and the path of a file that fits into no buffer.
async fn app_with(taking: Duration, idle: Duration) -> (TestApp, String, String) {
    let app = TestApp::start_in(Db::Sqlite, Storage::Disk, |_, environment| {
        environment.patience.head = SHORT;
        environment.patience.taking = taking;
        environment.patience.idle = idle;
    })
    .await;
    let asset = app.asset("image/bmp", &sample::bmp(2400, 2400)).await;
    assert!(asset["size_bytes"].as_u64() > Some(16 << 20));
    let url = asset["url"].as_str().unwrap();
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let (host, path) = (host.to_owned(), format!("/{path}"));
    (app, host, path)
}

/// How many of the stored files this process has open.
fn open_files(data_dir: &Path) -> usize {
    let objects = data_dir.join("objects").canonicalize().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .filter(|path| path.starts_with(&objects))
        .count()
}

async fn until_none_is_open(app: &TestApp) {
    wait_until("the files to be let go", || async {
        (open_files(app.data_dir()) == 0).then_some(())
    })
    .await;
}

/// Asks over HTTP/1.1, and takes the first kilobyte.
async fn ask(host: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 1024];
    stream.read_exact(&mut begin).await.unwrap();
    assert!(begin.starts_with(b"HTTP/1.1 200 OK\r\n"));
    stream
}

/// Asks over HTTP/2 for as many as are allowed at once, and takes their heads.
async fn ask_often(host: &str, path: &str) -> Client {
    let mut client = Client::connect(host).await;
    for _ in 0..100 {
        client.get(path).await;
    }
    let mut answered = 0;
    while answered < 100 {
        let kind = client.next().await.expect("an answer");
        answered += usize::from(kind == HEADERS);
    }
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_nobody_takes_is_let_go() {
    let (app, host, path) = app_with(SHORT, LONG).await;
    let mut slow = ask(&host, &path).await;
    let many = ask_often(&host, &path).await;
    until_none_is_open(&app).await;
    // What comes after all is cut off, and not taken for the whole.
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    assert!(rest.len() < 16 << 20, "{} bytes came", rest.len());
    drop(many);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_nothing_is_taken_is_closed() {
    let (app, host, path) = app_with(LONG, SHORT).await;
    let slow = ask(&host, &path).await;
    let mut many = ask_often(&host, &path).await;
    // Its files go with a connection; for themselves they would stay.
    until_none_is_open(&app).await;
    let staying = async { while many.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(15), staying)
        .await
        .expect("a connection on which nothing is taken was kept");
    drop(slow);
    app.stop().await;
}
