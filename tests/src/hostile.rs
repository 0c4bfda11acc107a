//! A server that does whatever a test wants done to who calls it.

use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Longer than any test waits for a call.
const PATIENCE: Duration = Duration::from_mins(1);

/// Listens on loopback, and notes every call. Its threads end with the connections.
#[derive(Debug)]
pub struct Hostile {
    /// `127.0.0.1:…`
    pub address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    /// Answers each call by writing to its socket, which is closed then.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let _ = stream.set_read_timeout(Some(PATIENCE));
                    let _ = stream.set_write_timeout(Some(PATIENCE));
                    if let Some(request) = request(&mut stream) {
                        noted
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// Every call so far, with its head and its body.
    pub fn seen(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A whole request, by its length.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text.into_owned());
            }
        }
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
}
