//! A NATS server written by hand: as much of its text protocol as `wsio` speaks, and faults on demand.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A server on loopback; it goes with the test's process.
pub struct Broker {
    /// `127.0.0.1:PORT`
    pub address: String,
    shared: Arc<Mutex<Shared>>,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub subject: String,
    /// The header block as it came; empty without one.
    pub headers: String,
    pub payload: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    info: String,
    /// Connections are closed at once.
    down: bool,
    /// Nothing is read any more.
    stalled: bool,
    /// Must stand in CONNECT.
    credentials: Option<String>,
    /// Subjects that may not be published to.
    no_publishing: Vec<String>,
    /// Subjects that may not be subscribed to.
    no_listening: Vec<String>,
    /// Requests that were answered with 503.
    probes: usize,
    next: u64,
    clients: Vec<Client>,
    connects: Vec<String>,
    published: Vec<Published>,
}

struct Client {
    number: u64,
    stream: TcpStream,
    /// Subject and number of each.
    subscriptions: Vec<(String, String)>,
}

impl Broker {
    pub fn start() -> Self {
        Self::with(r#"{"server_id":"X","version":"2.10.0","max_payload":1048576,"proto":1,"headers":true}"#)
    }

    /// A server that introduces itself so.
    pub fn with(info: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Mutex::new(Shared { info: info.to_owned(), ..Shared::default() }));
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&serving));
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// The URL of a subject.
    pub fn url(&self, subject: &str) -> String {
        format!("nats://{}/{subject}", self.address)
    }

    /// Drops every connection, and lets nobody in until [`up`](Self::up).
    pub fn down(&self) {
        let mut shared = self.shared.lock().unwrap();
        shared.down = true;
        for client in shared.clients.drain(..) {
            let _ = client.stream.shutdown(std::net::Shutdown::Both);
        }
    }

    pub fn up(&self) {
        self.shared.lock().unwrap().down = false;
    }

    /// Stops reading, or reads again.
    pub fn stall(&self, stalled: bool) {
        self.shared.lock().unwrap().stalled = stalled;
    }

    /// Lets in only whoever shows this in CONNECT.
    pub fn wants(&self, credentials: &str) {
        self.shared.lock().unwrap().credentials = Some(credentials.to_owned());
    }

    /// Allows nobody these subjects.
    pub fn denies(&self, subject: &str) {
        self.shared.lock().unwrap().no_publishing.push(subject.to_owned());
        self.denies_listening(subject);
    }

    /// Lets nobody listen to these subjects.
    pub fn denies_listening(&self, subject: &str) {
        self.shared.lock().unwrap().no_listening.push(subject.to_owned());
    }

    /// Publishes as somebody else would; `headers` is empty or a block with its own empty line.
    pub fn publish(&self, subject: &str, headers: &str, payload: &[u8]) {
        self.shared.lock().unwrap().route(None, subject, headers, payload);
    }

    /// What was published so far, probes left out.
    pub fn published(&self) -> Vec<Published> {
        self.shared.lock().unwrap().published.clone()
    }

    /// Whether a client has sent something since, read or not.
    pub fn was_written_to(&self) -> bool {
        let shared = self.shared.lock().unwrap();
        let waits = |client: &Client| {
            // The look must not wait. A reader that is disturbed by it takes that for the end, which comes next.
            client.stream.set_nonblocking(true).unwrap();
            let waits = client.stream.peek(&mut [0]).is_ok_and(|count| count > 0);
            client.stream.set_nonblocking(false).unwrap();
            waits
        };
        !shared.published.is_empty() || shared.stalled && shared.clients.iter().any(waits)
    }

    /// The payloads of it, as text.
    pub fn texts(&self) -> Vec<String> {
        self.published().into_iter().map(|one| String::from_utf8(one.payload).unwrap()).collect()
    }

    /// How many probes were answered.
    pub fn probes(&self) -> usize {
        self.shared.lock().unwrap().probes
    }

    /// The CONNECT lines of those who came so far.
    pub fn connects(&self) -> Vec<String> {
        self.shared.lock().unwrap().connects.clone()
    }

    /// What those who are here are subscribed to, probes left out.
    pub fn subscriptions(&self) -> Vec<String> {
        let shared = self.shared.lock().unwrap();
        let subjects = shared.clients.iter().flat_map(|client| &client.subscriptions);
        subjects
            .map(|(subject, _)| subject.clone())
            .filter(|subject| !subject.starts_with("_INBOX"))
            .collect()
    }
}

impl Shared {
    /// Passes a message on to all but its publisher; whether anybody got it.
    fn route(&self, from: Option<u64>, subject: &str, headers: &str, payload: &[u8]) -> bool {
        let mut anybody = false;
        for client in self.clients.iter().filter(|client| Some(client.number) != from) {
            for (_, sid) in client.subscriptions.iter().filter(|(pattern, _)| matches(pattern, subject)) {
                anybody = true;
                let head = match headers.len() {
                    0 => format!("MSG {subject} {sid} {}\r\n", payload.len()),
                    length => {
                        format!("HMSG {subject} {sid} {length} {}\r\n{headers}", length + payload.len())
                    }
                };
                let _ = (&client.stream).write_all(&[head.as_bytes(), payload, b"\r\n"].concat());
            }
        }
        anybody
    }
}

fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            (_, None) => return false,
            (wanted, Some(token)) if wanted != "*" && wanted != token => return false,
            _ => {}
        }
    }
    tokens.next().is_none()
}

fn serve(stream: &TcpStream, shared: &Mutex<Shared>) {
    let number = {
        let mut shared = shared.lock().unwrap();
        if shared.down {
            return;
        }
        shared.next += 1;
        let (number, info) = (shared.next, shared.info.clone());
        let client = Client { number, stream: stream.try_clone().unwrap(), subscriptions: Vec::new() };
        shared.clients.push(client);
        let mut stream = stream;
        stream.write_all(format!("INFO {info}\r\n").as_bytes()).unwrap();
        number
    };
    let mut reader = BufReader::new(stream);
    while one(&mut reader, number, shared).is_some() {}
    shared.lock().unwrap().clients.retain(|client| client.number != number);
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// Reads and answers one operation; `None` ends the connection.
fn one(reader: &mut BufReader<&TcpStream>, number: u64, shared: &Mutex<Shared>) -> Option<()> {
    while shared.lock().unwrap().stalled {
        thread::sleep(Duration::from_millis(5));
    }
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut answer = *reader.get_ref();
    let mut says = |text: &str| answer.write_all(text.as_bytes()).ok();
    match *words.first()? {
        "CONNECT" => {
            let mut shared = shared.lock().unwrap();
            let welcome = shared.credentials.as_ref().is_none_or(|wanted| line.contains(wanted));
            shared.connects.push(line.clone());
            if !welcome {
                says("-ERR 'Authorization Violation'\r\n")?;
                return None;
            }
        }
        "PING" => says("PONG\r\n")?,
        "SUB" => {
            let mut shared = shared.lock().unwrap();
            if shared.no_listening.iter().any(|denied| matches(denied, words[1])) {
                return says(&format!(
                    "-ERR 'Permissions Violation for Subscription to \"{}\"'\r\n",
                    words[1]
                ));
            }
            let client = shared.clients.iter_mut().find(|client| client.number == number)?;
            client.subscriptions.push((words[1].to_owned(), (*words.last()?).to_owned()));
        }
        "UNSUB" => {
            let mut shared = shared.lock().unwrap();
            let client = shared.clients.iter_mut().find(|client| client.number == number)?;
            client.subscriptions.retain(|(_, sid)| sid != words[1]);
        }
        operation @ ("PUB" | "HPUB") => {
            let sizes = if operation == "PUB" { 1 } else { 2 };
            let (head, sizes) = words[1..].split_at(words.len() - 1 - sizes);
            let total: usize = sizes.last()?.parse().unwrap();
            let header_length: usize = if sizes.len() == 2 { sizes[0].parse().unwrap() } else { 0 };
            let mut content = vec![0; total + 2];
            reader.read_exact(&mut content).ok()?;
            let (headers, payload) = content[..total].split_at(header_length);
            let headers = String::from_utf8(headers.to_vec()).unwrap();
            let mut shared = shared.lock().unwrap();
            match *head {
                [subject] if shared.no_publishing.iter().any(|denied| matches(denied, subject)) => {
                    says(&format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n"))?;
                }
                [subject] => {
                    shared.route(Some(number), subject, &headers, payload);
                    let payload = payload.to_vec();
                    shared.published.push(Published { subject: subject.to_owned(), headers, payload });
                }
                // Nobody serves a request: its sender is told so.
                [subject, reply] if !shared.route(Some(number), subject, &headers, payload) => {
                    let client = shared.clients.iter().find(|client| client.number == number)?;
                    let own = client.subscriptions.iter().find(|(pattern, _)| matches(pattern, reply));
                    if let Some(sid) = own.map(|(_, sid)| sid.clone()) {
                        shared.probes += 1;
                        says(&format!("HMSG {reply} {sid} 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"))?;
                    }
                }
                _ => {}
            }
        }
        _ => {}
    }
    Some(())
}
