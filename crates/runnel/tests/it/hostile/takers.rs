//! Clients that take nothing of what they asked for: no file stays open for them,
//! and no connection. Those that only take it slowly get all of it.

use std::path::Path;
use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, Storage, TestApp, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::interval;

use super::http2::{Client, DATA, HEADERS};

/// Long enough for a busy machine to do its part.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_mins(5);

/// Between two pieces that a slow client takes: it shows life long before [`SHORT`]
/// is over, and longer than a file stays open for it.
const PAUSE: Duration = Duration::from_millis(60);
/// How many pieces a slow client takes: longer than a connection lasts that shows no
/// sign of life, which is [`SHORT`] twice.
const PIECES: usize = 80;

/// A server with a file that fits into no buffer.
struct Served {
    app: TestApp,
    host: String,
    path: String,
    file: Vec<u8>,
}

impl Served {
    async fn start(open_file_idle: Duration, idle: Duration) -> Self {
        let app = TestApp::start_in(Db::Sqlite, Storage::Disk, |_, environment| {
            environment.patience.head = SHORT;
            environment.patience.idle = idle;
            environment.open_file_idle = open_file_idle;
        })
        .await;
        let file = sample::bmp(2400, 2400);
        let asset = app.asset("image/bmp", &file).await;
        let url = asset["url"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap();
        let (host, path) = address.split_once('/').unwrap();
        Self {
            host: host.to_owned(),
            path: format!("/{path}"),
            app,
            file,
        }
    }

    /// Asks over HTTP/1.1, and takes the head of the answer.
    async fn ask(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        // It is the server that has to keep what is not taken.
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let mut stream = socket.connect(self.host.parse().unwrap()).await.unwrap();
        let head = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", self.path, self.host);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
        stream
    }

    /// Asks over HTTP/2 for as many as are allowed at once, and takes their heads.
    async fn ask_often(&self) -> Client {
        let mut client = Client::connect(&self.host).await;
        for _ in 0..100 {
            client.get(&self.path).await;
        }
        let mut answered = 0;
        while answered < 100 {
            let frame = client.next().await.expect("an answer");
            answered += usize::from(frame.kind == HEADERS);
        }
        client
    }

    /// How many of the stored files this process has open.
    fn open_files(&self) -> usize {
        let data_dir: &Path = self.app.data_dir();
        let objects = data_dir.join("objects").canonicalize().unwrap();
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
            .filter(|path| path.starts_with(&objects))
            .count()
    }

    async fn until_none_is_open(&self) {
        wait_until("the files to be let go", || async {
            (self.open_files() == 0).then_some(())
        })
        .await;
    }
}

/// Asks over HTTP/2 for one answer, takes `PIECES` pieces of `size` bytes of it
/// slowly, then the rest.
async fn take_slowly(host: &str, path: &str, size: u32) -> Vec<u8> {
    let mut client = Client::connect(host).await;
    client.get(path).await;
    let (mut tick, mut pieces) = (interval(PAUSE), 0);
    let (mut taken, mut asked) = (Vec::new(), 0);
    loop {
        if taken.len() == asked {
            tick.tick().await;
            pieces += 1;
            let more = if pieces > PIECES { 1 << 25 } else { size };
            client.take(more).await;
            asked += more as usize;
        }
        let frame = client.next().await.expect("the rest of the answer");
        if frame.kind == DATA {
            taken.extend(frame.payload);
        }
        if frame.is_last {
            assert!(pieces > PIECES, "it was to be taken slowly");
            return taken;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_nobody_takes_is_let_go_until_somebody_does() {
    let served = Served::start(PAUSE, LONG).await;
    let mut slow = served.ask().await;
    let many = served.ask_often().await;
    served.until_none_is_open().await;
    let mut taken = vec![0; served.file.len()];
    slow.read_exact(&mut taken).await.unwrap();
    assert!(taken == served.file, "the bytes are others");
    drop(many);
    served.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_nothing_is_taken_is_closed() {
    let served = Served::start(LONG, SHORT * 2).await;
    let slow = served.ask().await;
    let mut many = served.ask_often().await;
    let open = || async { (served.open_files() >= 100).then_some(()) };
    wait_until("the files to be open", open).await;
    // Its files go with a connection; for themselves they would stay.
    served.until_none_is_open().await;
    let staying = async { while many.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(30), staying)
        .await
        .expect("a connection on which nothing is taken was kept");
    drop(slow);
    served.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_a_file_slowly_gets_all_of_it() {
    let served = Served::start(PAUSE / 3, SHORT).await;
    let mut slow = served.ask().await;
    let mut taken = vec![0; served.file.len()];
    let mut tick = interval(PAUSE);
    for piece in taken.chunks_mut(served.file.len() / PIECES) {
        tick.tick().await;
        slow.read_exact(piece).await.unwrap();
    }
    assert!(taken == served.file, "the bytes are others");
    served.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_a_file_slowly_over_http2_gets_all_of_it() {
    let served = Served::start(PAUSE / 3, SHORT).await;
    let taken = take_slowly(&served.host, &served.path, 100_000).await;
    assert!(taken == served.file, "the bytes are others");
    served.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_an_answer_in_one_piece_slowly_gets_all_of_it() {
    let served = Served::start(LONG, SHORT).await;
    let path = "/v1/openapi.json";
    let whole = Request::new("GET", &served.app.url(path)).send().await;
    let whole = whole.assert(200).body;
    let taken = take_slowly(&served.host, path, 1000).await;
    assert!(taken == whole, "the bytes are others");
    served.app.stop().await;
}
