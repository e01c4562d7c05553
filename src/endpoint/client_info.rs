//! The client an endpoint is opened for, as far as a child process may know it.

use crate::handshake::server::Request;

/// Bound on one variable, bytes.
const LONGEST: usize = 8 * 1024;

/// A client, and its request.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// Its number.
    pub conn: u64,
    /// `HOST:PORT`, empty over a Unix socket.
    pub peer: String,
    /// The request of its opening handshake; `None` for a client that is no WebSocket.
    pub request: Option<Request>,
    /// The subprotocol that is answered.
    pub subprotocol: Option<String>,
}

impl ClientInfo {
    /// Every variable that a child may find.
    pub const NAMES: [&str; 9] = [
        "WSIO_PATH",
        "WSIO_QUERY",
        "WSIO_REMOTE_ADDR",
        "WSIO_REMOTE_PORT",
        "WSIO_SUBPROTOCOL",
        "WSIO_HOST",
        "WSIO_ORIGIN",
        "WSIO_USER",
        "WSIO_CONN",
    ];

    /// The variables to set, and those that have no value here.
    ///
    /// Nothing else of a request reaches a child: a `Proxy:` field must not become `HTTP_PROXY`.
    pub fn variables(&self) -> (Vec<(&'static str, String)>, Vec<&'static str>) {
        let request = self.request.as_ref();
        let (address, port) = match self.peer.rsplit_once(':') {
            Some((address, port)) => (Some(address.trim_matches(['[', ']'])), Some(port)),
            None => (None, None),
        };
        let values = [
            request.map(|request| request.path.clone()),
            request.and_then(|request| request.query.clone()),
            address.map(str::to_owned),
            port.map(str::to_owned),
            self.subprotocol.clone(),
            request.map(|request| request.host.clone()),
            request.and_then(|request| request.origin.clone()),
            request.and_then(|request| request.user.clone()),
            Some(self.conn.to_string()),
        ];
        let (mut set, mut unset) = (Vec::new(), Vec::new());
        for (name, value) in Self::NAMES.into_iter().zip(values) {
            match value {
                Some(value) if value.len() <= LONGEST && !value.contains('\0') => set.push((name, value)),
                _ => unset.push(name),
            }
        }
        (set, unset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_taken_away() {
        let client = ClientInfo { conn: 7, peer: "[::1]:4000".into(), ..ClientInfo::default() };
        let (set, unset) = client.variables();
        let set: Vec<String> = set.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(set, ["WSIO_REMOTE_ADDR=::1", "WSIO_REMOTE_PORT=4000", "WSIO_CONN=7"]);
        assert_eq!(unset.len(), 6);
    }
}
