//! The local end of a dialled connection: the families it may use, and `--interface`.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
    os_error,
};
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
use tokio::net::{TcpSocket, TcpStream};

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// True when the address is of this family.
    pub(super) fn fits(self, address: &SocketAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// `--interface`: what our end is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// An address of this machine.
    Address(IpAddr),
    /// A network interface, such as `eth0`.
    Name(String),
}

impl Interface {
    /// Reads an address, or else the name of an interface; the error is the cause in words.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        if !cfg!(target_os = "linux") {
            return Err("give an address of the interface: its name is of no use on this system".to_owned());
        }
        // curl's `if!NAME`; a name is shorter than IFNAMSIZ.
        let name = text.strip_prefix("if!").unwrap_or(text);
        if name.is_empty() || name.len() > 15 || name.contains(|c: char| c.is_whitespace() || c == '/') {
            return Err(format!("`{text}` is neither an address nor the name of an interface"));
        }
        Ok(Self::Name(name.to_owned()))
    }

    /// The one family that it can be used with.
    pub(super) fn family(&self) -> Option<Family> {
        match self {
            Self::Address(IpAddr::V4(_)) => Some(Family::V4),
            Self::Address(IpAddr::V6(_)) => Some(Family::V6),
            Self::Name(_) => None,
        }
    }

    /// Checks that a socket can be bound to it at all, once before anything is dialled.
    ///
    /// # Errors
    /// Exit 7 naming it.
    pub(super) fn check(&self) -> Result<()> {
        let like = match self {
            Self::Address(address) => *address,
            Self::Name(_) => Ipv4Addr::UNSPECIFIED.into(),
        };
        self.socket(like).map(|_| ()).map_err(|error| {
            let name: &dyn fmt::Display = match self {
                Self::Address(address) => address,
                Self::Name(name) => name,
            };
            Fault::new(
                Exit::Refused,
                "connect",
                format!("cannot bind to --interface {name}: {}", os_error::words(&error)),
            )
            .hint("name an interface or address of this machine (ip address shows them)")
        })
    }

    /// A socket bound to it, for a connection to an address like that one.
    fn socket(&self, like: IpAddr) -> io::Result<TcpSocket> {
        let socket = if like.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        match self {
            Self::Address(address) => socket.bind((*address, 0).into())?,
            #[cfg(target_os = "linux")]
            Self::Name(name) => socket.bind_device(Some(name.as_bytes()))?,
            #[cfg(not(target_os = "linux"))]
            Self::Name(_) => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(socket)
    }
}

/// Connects, from the interface if one is named.
pub(super) async fn connect(address: SocketAddr, from: Option<Interface>) -> io::Result<TcpStream> {
    match from {
        None => TcpStream::connect(address).await,
        Some(interface) => interface.socket(address.ip())?.connect(address).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn interfaces_are_addresses_or_names() {
        let address = |text: &str| Interface::Address(text.parse().unwrap());
        assert_eq!(Interface::parse("127.0.0.2"), Ok(address("127.0.0.2")));
        assert_eq!(Interface::parse("::1"), Ok(address("::1")));
        assert_eq!(Interface::parse("[::1]"), Ok(address("::1")));
        #[cfg(target_os = "linux")]
        {
            assert_eq!(Interface::parse("eth0"), Ok(Interface::Name("eth0".to_owned())));
            assert_eq!(Interface::parse("if!lo"), Ok(Interface::Name("lo".to_owned())));
        }
        for text in ["", "a b", "../x", "much-too-long-a-name"] {
            assert!(Interface::parse(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_foreign_one_is_named() {
        let fault = Interface::parse("192.0.2.1").unwrap().check().unwrap_err();
        assert_eq!(fault.exit, Exit::Refused);
        assert!(fault.cause.contains("--interface 192.0.2.1: address not available"), "{fault}");
        #[cfg(target_os = "linux")]
        assert!(Interface::Name("no-such-if".to_owned()).check().unwrap_err().cause.contains("no-such-if"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_peer_sees_the_address_that_was_asked_for() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = Interface::parse("127.0.0.9").unwrap();
        let _client = connect(server.local_addr().unwrap(), Some(source)).await.unwrap();
        assert_eq!(server.accept().await.unwrap().1.ip().to_string(), "127.0.0.9");
    }
}
