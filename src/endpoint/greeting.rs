//! A listening WebSocket, and how each client is greeted: TLS, then the opening handshake.
//!
//! Accepting only accepts; a client is greeted in its own task, under its own deadline.

use crate::{
    fault::Result,
    handshake::{
        ServerOptions, logged,
        server::{Refusal, Visit},
    },
    net::{Dialed, Listener, SocketRef},
    observe::LogScope,
    tls,
};
use tokio::time::Instant;

/// A listening socket whose clients are greeted with TLS and the opening handshake.
pub struct WebSocketAcceptor {
    /// The socket.
    pub listener: Listener,
    /// The server side of TLS; `None` is plain.
    pub tls: Option<tls::Acceptor>,
    /// The opening handshake.
    pub options: ServerOptions,
}

/// Greets one client; made by [`WebSocketAcceptor::greeting`], it runs in the client's own task.
#[derive(Clone)]
pub struct Greeting {
    tls: Option<tls::Acceptor>,
    options: ServerOptions,
    /// The rules for clients of a Unix socket beside one on loopback: no page reaches it under any name.
    over_unix: ServerOptions,
}

impl WebSocketAcceptor {
    /// A bound socket with its rules; on loopback, Host is minded.
    pub fn new(listener: Listener, tls: Option<tls::Acceptor>, mut options: ServerOptions) -> Self {
        options.access.loopback = listener.is_loopback();
        Self { listener, tls, options }
    }

    /// The greeting that a client's own task runs.
    pub fn greeting(&self) -> Greeting {
        let mut over_unix = self.options.clone();
        over_unix.access.loopback = false;
        Greeting { tls: self.tls.clone(), options: self.options.clone(), over_unix }
    }
}

impl Greeting {
    /// Does TLS; the requests come next, the first one under the same deadline.
    ///
    /// # Errors
    /// Why the client was not let in.
    pub async fn begin(
        &self,
        dialed: Dialed,
        until: Instant,
        scope: &LogScope,
    ) -> std::result::Result<Visit<'_>, Refusal> {
        let over_unix = dialed.peer.starts_with("unix:");
        let mut stream = dialed.stream;
        if let Some(tls) = &self.tls {
            let refusal =
                |cause: String, is_silent| Refusal { status: 0, cause, target: String::new(), is_silent };
            let silent = |cause: String| refusal(cause, false);
            // rustls does not tell a client that said nothing from one that left in the middle.
            let mut first = [0];
            if let Some(SocketRef::Tcp(socket)) = stream.beneath().socket
                && let Ok(Ok(0) | Err(_)) = tokio::time::timeout_at(until, socket.peek(&mut first)).await
            {
                return Err(refusal("closed before a request".into(), true));
            }
            // A record of TLS begins with the number of its kind, a request with a word.
            if first[0].is_ascii_alphabetic() {
                let visit = Visit::new(logged(scope, stream, true), &self.options, false);
                return Err(Box::pin(visit.refuse_plain(until)).await);
            }
            match tokio::time::timeout_at(until, tls.accept(stream)).await {
                Ok(Ok(secured)) => stream = secured,
                Ok(Err(fault)) => return Err(silent(format!("tls: {}", fault.cause))),
                Err(_) => return Err(silent("tls: no handshake within --handshake-timeout".into())),
            }
        }
        let options = if over_unix { &self.over_unix } else { &self.options };
        Ok(Visit::new(logged(scope, stream, true), options, self.is_secure()))
    }

    /// Reads the files of TLS anew; see [`tls::Acceptor::reload`]. `None` without TLS.
    pub fn reload(&self) -> Option<Result<String>> {
        self.tls.as_ref().map(tls::Acceptor::reload)
    }

    /// True when clients speak TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// True when a client has to prove its identity.
    pub fn asks_for_credentials(&self) -> bool {
        self.options.access.login.is_some()
            || self.tls.as_ref().is_some_and(tls::Acceptor::asks_for_certificate)
    }

    /// The options of the opening handshake.
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }
}
