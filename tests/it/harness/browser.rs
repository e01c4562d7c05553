//! Plain HTTP as a browser or a proxy speaks it: one connection, any number of requests.

use super::{PATIENCE, field, read_head};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// A connection that is kept between requests.
pub struct Browser {
    pub stream: TcpStream,
    host: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn field(&self, name: &str) -> Option<String> {
        field(&self.head, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Browser {
    pub fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, host: address.to_owned() }
    }

    /// Asks on a connection of its own.
    pub fn once(address: &str, request: &str, lines: &[&str]) -> Answer {
        Self::new(address).ask(request, lines)
    }

    /// Sends `GET /path`, or whatever stands there, and waits for the answer.
    pub fn ask(&mut self, request: &str, lines: &[&str]) -> Answer {
        self.send(request, lines);
        self.answer(request.starts_with("HEAD "))
    }

    pub fn send(&mut self, request: &str, lines: &[&str]) {
        let host = match lines.iter().any(|line| line.starts_with("Host:")) {
            true => String::new(),
            false => format!("Host: {}\r\n", self.host),
        };
        let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.stream.write_all(format!("{request} HTTP/1.1\r\n{host}{more}\r\n").as_bytes()).unwrap();
    }

    /// Reads the next answer, whose length its head has to say.
    pub fn answer(&mut self, to_head: bool) -> Answer {
        let head = read_head(&mut self.stream);
        let bodiless = to_head || head.starts_with("HTTP/1.1 304");
        let length = field(&head, "content-length").map(|length| length.parse().unwrap());
        let mut body = vec![0; length.filter(|_| !bodiless).unwrap_or(0)];
        self.stream.read_exact(&mut body).unwrap_or_else(|error| panic!("{error}: {head}"));
        Answer { head, body }
    }

    /// Whether the other side closed, after nothing more was said.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }
}
