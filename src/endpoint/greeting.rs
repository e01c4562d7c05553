//! A listening socket of connections, and how each client of it is greeted: with TLS, with the opening handshake
//! of a WebSocket, with both or with neither.
//!
//! Accepting only accepts; a client is greeted in its own task, under its own deadline. TLS is a layer of its
//! own here, so that whatever is served may be served over it.

use crate::{handshake::ServerOptions, net::Listener, tls};

/// A listening socket of connections, and the layers that its clients are greeted with.
pub struct StreamAcceptor {
    /// The socket.
    pub listener: Listener,
    /// Scheme of the URL that is announced, such as `wss` or `tcp`.
    pub scheme: &'static str,
    /// The server side of TLS; `None` is plain.
    pub tls: Option<tls::Acceptor>,
    /// The opening handshake; clients without one are byte streams.
    pub greeting: Option<Greeting>,
}

/// The opening handshake of a server's clients: its rules.
pub struct Greeting {
    /// TLS is spoken below the WebSocket.
    pub is_secure: bool,
    options: ServerOptions,
    /// The rules for clients of a Unix socket beside one on loopback: no page reaches it under any name.
    over_unix: ServerOptions,
}

impl StreamAcceptor {
    /// A bound socket for WebSockets with its rules; on loopback, Host is minded.
    pub fn web_socket(listener: Listener, tls: Option<tls::Acceptor>, mut options: ServerOptions) -> Self {
        let is_secure = tls.is_some();
        let mut over_unix = options.clone();
        over_unix.access.loopback = false;
        options.access.loopback = listener.is_loopback();
        let greeting = Greeting { is_secure, options, over_unix };
        Self { listener, scheme: greeting.scheme(), tls, greeting: Some(greeting) }
    }

    /// True when a client has to prove its identity.
    pub fn asks_for_credentials(&self) -> bool {
        let logs_in = |greeting: &Greeting| greeting.options.access.login.is_some();
        self.greeting.as_ref().is_some_and(logs_in)
            || self.tls.as_ref().is_some_and(tls::Acceptor::asks_for_certificate)
    }
}

impl Greeting {
    /// The rules for a client, by where it comes from.
    pub fn rules(&self, peer: &str) -> &ServerOptions {
        if peer.starts_with("unix:") { &self.over_unix } else { &self.options }
    }

    /// Scheme of the URLs that clients ask for.
    pub fn scheme(&self) -> &'static str {
        if self.is_secure { "wss" } else { "ws" }
    }
}
