//! UDP sockets: one that is connected to its peer, and those that an address to listen on stands for.
//!
//! A connected socket takes datagrams of its peer alone, and hears when nobody listens there.

use super::{
    BindOptions, ListenAddr,
    addr::join,
    bind::{self, Bind, unfit},
    resolve::{DialOptions, resolve},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    os_error,
};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::net::UdpSocket;

/// The longest payload of one datagram over IPv4, bytes: 65,535 less the headers (RFC 791, RFC 768).
pub const LARGEST_DATAGRAM: usize = 65_507;

/// Bound UDP sockets.
pub struct Udp {
    /// Never none.
    pub sockets: Vec<UdpSocket>,
    /// The address of each.
    pub addresses: Vec<SocketAddr>,
    /// Nothing but the addresses tells which sockets we were given.
    pub inherited: bool,
}

/// A socket connected to the first address of a host that there is a way to, and that address; of the
/// options, those about names and families count.
///
/// # Errors
/// Exit 6 when the name has no address, exit 7 when there is no way to any.
pub(super) async fn dial_udp(
    host: &str,
    port: u16,
    options: &DialOptions,
) -> Result<(UdpSocket, SocketAddr)> {
    let mut failures = Vec::new();
    for address in resolve(host, port, options).await? {
        match connect(address).await {
            Ok(socket) => return Ok((socket, address)),
            Err(error) => failures.push(format!("{address}: {}", os_error::words(&error))),
        }
    }
    Err(Fault::new(Exit::Refused, "connect", format!("udp:{}: {}", join(host, port), failures.join(", "))))
}

async fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

/// Binds, or takes over what is bound already.
///
/// # Errors
/// Exit 116 with the address that could not be had.
pub async fn bind_udp(address: &ListenAddr, options: &BindOptions) -> Result<Udp> {
    let (sockets, inherited) = match address {
        ListenAddr::Loopback(port) => (bind::loopback(*port)?, false),
        ListenAddr::Host(host, port) => (bind::host(host, *port).await?, false),
        ListenAddr::Descriptor(_) | ListenAddr::Systemd => {
            (super::inherited::datagram_sockets(address, &options.activation)?, true)
        }
        _ => return Err(unfit(address, "datagrams need an address of UDP")),
    };
    let addresses: io::Result<_> = sockets.iter().map(UdpSocket::local_addr).collect();
    let addresses = addresses.map_err(|error| unfit(address, &os_error::words(&error)))?;
    Ok(Udp { sockets, addresses, inherited })
}

/// True when the system refuses a datagram as too long.
pub fn is_too_big(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error())
}

/// True when the system has no room for a datagram just now: that loses the datagram, and not the socket.
pub fn is_full(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
}

impl Bind for UdpSocket {
    fn bind(at: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        Self::from_std(socket)
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bare_port_is_both_loopbacks_on_one_port() {
        let udp = bind_udp(&ListenAddr::Loopback(0), &BindOptions::default()).await.unwrap();
        let addresses: Vec<SocketAddr> =
            udp.sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
        assert!(addresses.iter().all(|address| address.port() == addresses[0].port()), "{addresses:?}");
        let second = bind_udp(&ListenAddr::Loopback(addresses[0].port()), &BindOptions::default()).await;
        let fault = second.err().unwrap();
        assert_eq!(fault.exit, Exit::Bind);
        assert!(fault.cause.contains("already in use"), "{fault}");
    }

    #[tokio::test]
    async fn a_connected_socket_knows_its_peer() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = server.local_addr().unwrap();
        let (socket, address) = dial_udp("127.0.0.1", at.port(), &DialOptions::default()).await.unwrap();
        assert_eq!((address, socket.peer_addr().unwrap()), (at, at));
        let fault = dial_udp("no-such-host.invalid", 1, &DialOptions::default()).await.err().unwrap();
        assert_eq!(fault.exit, Exit::HostName);
    }
}
