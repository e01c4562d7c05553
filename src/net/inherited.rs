//! Sockets that our parent bound for us: `fd:N`, and systemd's socket activation.
//!
//! A descriptor is taken over only when it is a socket of the wanted kind that came through exec: what
//! this process opens itself carries the close-on-exec flag, and so does what was taken once, hence
//! nothing ever gets a second owner.

#![allow(unsafe_code, reason = "owning a descriptor that is only known by its number is unsafe by nature")]

use super::{
    Activation, ListenAddr,
    bind::{Socket, unfit},
    unix::UnixSocket,
};
use crate::{
    fault::{Fault, Result},
    os_error,
};
use rustix::{
    io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd},
    net::{AddressFamily, SocketType, getsockname, sockopt},
};
use std::{
    io,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
};

/// The first descriptor that systemd hands over (SD_LISTEN_FDS_START).
const FIRST: i32 = 3;

/// The listening sockets of an inherited address, never none; fails with exit 116.
pub(super) fn listeners(address: &ListenAddr, activation: &Activation) -> Result<Vec<Socket>> {
    let listener = |descriptor| {
        let (socket, family) = take(descriptor, SocketType::STREAM)?;
        let failed = |error: io::Error| broken(descriptor, &os_error::words(&error));
        match family {
            AddressFamily::UNIX => UnixSocket::inherited(socket).map(Socket::Unix).map_err(failed),
            _ => {
                let socket = std::net::TcpListener::from(socket);
                socket
                    .set_nonblocking(true)
                    .and_then(|()| tokio::net::TcpListener::from_std(socket))
                    .and_then(Socket::tcp)
                    .map_err(failed)
            }
        }
    };
    descriptors(address, activation)?.map(listener).collect()
}

/// The UDP sockets of an inherited address, never none; fails with exit 116.
pub(super) fn datagram_sockets(
    address: &ListenAddr,
    activation: &Activation,
) -> Result<Vec<tokio::net::UdpSocket>> {
    let bound = |descriptor| {
        let socket = std::net::UdpSocket::from(take(descriptor, SocketType::DGRAM)?.0);
        socket
            .set_nonblocking(true)
            .and_then(|()| tokio::net::UdpSocket::from_std(socket))
            .map_err(|error| broken(descriptor, &os_error::words(&error)))
    };
    descriptors(address, activation)?.map(bound).collect()
}

/// The descriptors that an address stands for.
fn descriptors(address: &ListenAddr, activation: &Activation) -> Result<std::ops::Range<i32>> {
    if let ListenAddr::Descriptor(number) = address {
        return Ok(*number..number.saturating_add(1));
    }
    let fault = |why: &str| unfit(address, why);
    let Some(count) = &activation.fds else {
        return Err(fault("no socket was handed over: LISTEN_FDS is not set").hint(
            "start it from a .socket unit, or by hand with systemd-socket-activate -l 127.0.0.1:8080 wsio listen systemd",
        ));
    };
    let ours = std::process::id().to_string();
    match &activation.pid {
        Some(pid) if *pid == ours => {}
        pid => {
            let theirs = pid.as_deref().unwrap_or("not set");
            return Err(fault(&format!(
                "the sockets are for another process: LISTEN_PID is {theirs}, we are {ours}"
            ))
            .hint("let nothing stand between systemd and wsio; a shell script ends with exec wsio …"));
        }
    }
    match count.parse::<u16>() {
        Ok(count @ 1..) => Ok(FIRST..FIRST + i32::from(count)),
        _ => Err(fault(&format!("LISTEN_FDS is `{count}`, which is no number of sockets"))),
    }
}

/// Takes a bound socket of that type over; gives its address family too.
fn take(descriptor: i32, wanted: SocketType) -> Result<(OwnedFd, AddressFamily)> {
    let none = || {
        broken(descriptor, "no descriptor of this number was handed to us")
            .hint("let the parent pass the socket under that number, without close-on-exec")
    };
    // SAFETY: the number is only asked about here. A descriptor that is not open answers every system
    // call with EBADF, and this process closes none that it inherited.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    match fcntl_getfd(borrowed) {
        Ok(flags) if !flags.contains(FdFlags::CLOEXEC) => {}
        _ => return Err(none()),
    }
    let other = |errno: Errno| match errno {
        Errno::NOTSOCK => broken(descriptor, "is not a socket"),
        errno => broken(descriptor, &os_error::words(&errno.into())),
    };
    let (kind, family) = (
        sockopt::socket_type(borrowed).map_err(other)?,
        getsockname(borrowed).map_err(other)?.address_family(),
    );
    let streams = wanted == SocketType::STREAM;
    let fits = match family {
        AddressFamily::INET | AddressFamily::INET6 => true,
        AddressFamily::UNIX => streams,
        _ => false,
    };
    if kind != wanted || !fits {
        return Err(broken(
            descriptor,
            match streams {
                true => "is not a stream socket, TCP or Unix",
                false => "is not a UDP socket",
            },
        ));
    }
    // Apple's systems declare this option and do not have it: there, accept says that nothing listens.
    #[cfg(not(target_vendor = "apple"))]
    if streams && !sockopt::socket_acceptconn(borrowed).map_err(other)? {
        return Err(broken(descriptor, "is a socket that does not listen")
            .hint("let the parent bind it and call listen on it"));
    }
    fcntl_setfd(borrowed, FdFlags::CLOEXEC).map_err(other)?;
    // SAFETY: it is open, as the calls above have shown, and it lacked close-on-exec, so it was opened by
    // no library of this process and taken over by nobody before: this is its only owner.
    Ok((unsafe { OwnedFd::from_raw_fd(descriptor) }, family))
}

fn broken(descriptor: i32, why: &str) -> Fault {
    unfit(&ListenAddr::Descriptor(descriptor), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use std::os::fd::{AsFd, AsRawFd, IntoRawFd};

    /// A descriptor as a parent would leave it for us.
    fn handed(socket: impl Into<OwnedFd>) -> i32 {
        let socket = socket.into();
        fcntl_setfd(&socket, FdFlags::empty()).unwrap();
        socket.into_raw_fd()
    }

    fn cause(descriptor: i32) -> String {
        let fault = take(descriptor, SocketType::STREAM).err().unwrap();
        assert_eq!((fault.exit, fault.phase), (Exit::Bind, "listen"));
        fault.cause
    }

    #[test]
    fn what_is_no_listening_socket_stays_as_it_was() {
        let file = handed(std::fs::File::open("/").unwrap());
        assert_eq!(cause(file), format!("fd:{file}: is not a socket"));
        let datagrams = handed(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        assert_eq!(cause(datagrams), format!("fd:{datagrams}: is not a stream socket, TCP or Unix"));
        let connected = handed(std::os::unix::net::UnixStream::pair().unwrap().0);
        assert_eq!(cause(connected), format!("fd:{connected}: is a socket that does not listen"));
        assert!(cause(1_000_000).contains("no descriptor of this number"));
        let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(cause(ours.as_raw_fd()).contains("no descriptor of this number"));
        for descriptor in [file, datagrams, connected] {
            // SAFETY: this test opened them, and nobody took them over.
            let mine = unsafe { OwnedFd::from_raw_fd(descriptor) };
            assert!(!fcntl_getfd(mine.as_fd()).unwrap().contains(FdFlags::CLOEXEC));
        }
    }

    #[test]
    fn a_listening_socket_is_taken_over_once() {
        let descriptor = handed(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let (socket, family) = take(descriptor, SocketType::STREAM).unwrap();
        assert_eq!((socket.as_raw_fd(), family), (descriptor, AddressFamily::INET));
        assert!(cause(descriptor).contains("no descriptor of this number"));
    }

    #[test]
    fn the_variables_of_systemd_are_judged() {
        let ours = std::process::id().to_string();
        let range = |pid: Option<&str>, fds: Option<&str>| {
            let activation = Activation { pid: pid.map(str::to_owned), fds: fds.map(str::to_owned) };
            descriptors(&ListenAddr::Systemd, &activation).map_err(|fault| fault.to_string())
        };
        assert_eq!(range(Some(&ours), Some("2")), Ok(3..5));
        for (pid, fds, cause) in [
            (None, None, "LISTEN_FDS is not set"),
            (Some(ours.as_str()), None, "LISTEN_FDS is not set"),
            (None, Some("1"), "LISTEN_PID is not set"),
            (Some("1"), Some("1"), "another process"),
            (Some(&ours), Some("0"), "no number of sockets"),
            (Some(&ours), Some("-1"), "no number of sockets"),
            (Some(&ours), Some("many"), "no number of sockets"),
            (Some(&ours), Some("99999"), "no number of sockets"),
        ] {
            let fault = range(pid, fds).unwrap_err();
            assert!(fault.contains(cause) && fault.starts_with("listen: systemd: "), "{fault}");
        }
    }
}
