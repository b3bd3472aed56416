//! What stands between a client and a server, and may cut them off.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Passes connections on to a server that may change. Its thread ends with the test.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    target: Option<SocketAddr>,
    /// How many connections are still to be cut, each after so many bytes.
    cuts: usize,
    after: usize,
    /// How many connections came while there was no server.
    in_vain: usize,
}

impl Relay {
    /// Listens on a free port, with no server behind it yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let state = Arc::clone(&relay.state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || pass_on(client, &state));
            }
        });
        relay
    }

    /// Where clients find it, such as `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads new connections to the server at `base_url`; `None` closes them.
    pub fn lead_to(&self, base_url: Option<&str>) {
        let target = base_url.map(|url| url.strip_prefix("http://").unwrap().parse().unwrap());
        locked(&self.state).target = target;
    }

    /// Cuts the next connections, each after so many bytes of the client's.
    pub fn cut(&self, connections: usize, after: usize) {
        let mut state = locked(&self.state);
        (state.cuts, state.after) = (connections, after);
    }

    /// How many connections are still to be cut.
    pub fn cuts_left(&self) -> usize {
        locked(&self.state).cuts
    }

    /// How many connections found no server.
    pub fn in_vain(&self) -> usize {
        locked(&self.state).in_vain
    }
}

fn pass_on(mut client: TcpStream, state: &Mutex<State>) {
    let target = locked(state).target;
    let Some(mut server) = target.and_then(|target| TcpStream::connect(target).ok()) else {
        locked(state).in_vain += 1;
        return;
    };
    let (mut back, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let answers = std::thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut chunk = vec![0; 64 << 10];
    let mut passed = 0;
    while let Ok(read @ 1..) = client.read(&mut chunk) {
        if server.write_all(&chunk[..read]).is_err() {
            break;
        }
        passed += read;
        let mut state = locked(state);
        if passed > state.after && state.cuts > 0 {
            state.cuts -= 1;
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = answers.join();
}

fn locked(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
