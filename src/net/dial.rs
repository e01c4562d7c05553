//! One transport: race the addresses of a name, explain a failure address by address.
//!
//! Happy Eyeballs as RFC 8305 has it: the families take turns, each attempt gets a head start of
//! 250 ms, and a failure starts the next one at once.

use super::{
    Dialed, Interface,
    addr::join,
    resolve::{DialOptions, resolve},
    source::connect,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Timings,
    observe::Reporter,
    os_error,
    stream::{Roaming, tune},
    units::milliseconds,
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// The head start of each address (RFC 8305 section 5, Connection Attempt Delay).
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to a host name or address literal over TCP, without Nagle's delay.
///
/// Fails with [`Exit::HostName`] when the name has no address, [`Exit::Refused`] when no address answers.
/// There is no deadline in here; dropping the future gives every attempt up.
///
/// How long name and connection took is noted in `timings`.
pub(super) async fn dial_tcp(
    host: &str,
    port: u16,
    options: &DialOptions,
    timings: &mut Timings,
    reporter: &Reporter,
) -> Result<Dialed> {
    if let Some(interface) = &options.interface {
        interface.check()?;
    }
    let begun = Instant::now();
    let addresses = resolve(host, port, options).await?;
    let resolved = Instant::now();
    timings.dns = Some(resolved - begun);
    if host.parse::<IpAddr>().is_err() {
        let found: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        let took = milliseconds(resolved - begun);
        reporter.verbose(&format!("{host} is {} (known in {took})", found.join(", ")));
    }
    let stream = race(&addresses, options.interface.as_ref(), reporter)
        .await
        .map_err(|failures| refused(host, port, &failures))?;
    timings.tcp = Some(resolved.elapsed());
    tune(&stream);
    let peer = stream.peer_addr().map_or_else(|_| join(host, port), |address| address.to_string());
    Ok(Dialed { stream: Box::pin(Roaming::new(stream)), peer })
}

/// Connects to a Unix socket; fails with [`Exit::Refused`].
pub async fn dial_unix(path: &std::path::Path) -> Result<Dialed> {
    let peer = format!("unix:{}", path.display());
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok(Dialed { stream: Box::pin(Roaming::new(stream)), peer }),
        Err(error) => {
            let fault = Fault::new(Exit::Refused, "connect", format!("{peer}: {}", os_error::words(&error)));
            Err(match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    fault.hint(format!("check that a server listens on {}", path.display()))
                }
                _ => fault,
            })
        }
    }
}

/// The first address that answers, or what went wrong with each, in the order they failed.
async fn race(
    addresses: &[SocketAddr],
    from: Option<&Interface>,
    reporter: &Reporter,
) -> std::result::Result<TcpStream, Vec<(SocketAddr, io::Error)>> {
    let mut waiting = addresses.iter().copied();
    // Dropping the set at the end aborts the attempts that lost.
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    let begun = Instant::now();
    let mut next_start = begun;
    loop {
        let more = waiting.len() > 0;
        if !more && attempts.is_empty() {
            return Err(failures);
        }
        tokio::select! {
            // The first one begins at once: a timer's tick would be a millisecond of the connection's time.
            () = async { if Instant::now() < next_start { sleep_until(next_start).await } }, if more => {
                if let Some(address) = waiting.next() {
                    let from = from.cloned();
                    reporter.verbose(&format!("trying {address}…"));
                    attempts.spawn(async move { (address, connect(address, from).await) });
                }
                next_start = Instant::now() + STAGGER;
            }
            Some(ended) = attempts.join_next() => match ended {
                Ok((_, Ok(stream))) => return Ok(stream),
                Ok((address, Err(error))) => {
                    let took = milliseconds(begun.elapsed());
                    reporter.verbose(&format!("{address}: {} after {took}", os_error::words(&error)));
                    failures.push((address, error));
                    next_start = Instant::now();
                }
                // An attempt neither panics nor is aborted while we wait for it.
                Err(_) => next_start = Instant::now(),
            },
        }
    }
}

fn refused(host: &str, port: u16, failures: &[(SocketAddr, io::Error)]) -> Fault {
    if let Some((_, error)) = failures.iter().find(|(_, error)| os_error::is_exhausted(error)) {
        return Fault::new(
            Exit::Refused,
            "connect",
            format!("cannot open a socket: {}", os_error::words(error)),
        )
        .hint("raise the limit on open files (ulimit -n), or close some")
        .exhausted(true);
    }
    let tried: Vec<String> =
        failures.iter().map(|(address, error)| format!("{address}: {}", os_error::words(error))).collect();
    let tried = if tried.is_empty() { "no address answered".to_owned() } else { tried.join(", ") };
    let cause = match host.parse::<IpAddr>() {
        Ok(_) => tried,
        Err(_) => format!("{host}: {tried}"),
    };
    let fault = Fault::new(Exit::Refused, "connect", cause);
    let nobody_listens = failures.iter().any(|(address, error)| {
        address.ip().is_loopback() && error.kind() == io::ErrorKind::ConnectionRefused
    });
    if nobody_listens {
        fault.hint(format!("check that a server listens on {}", join(host, port)))
    } else {
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Verbosity;
    use tokio::net::TcpListener;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn nobody() -> Reporter {
        Reporter::new(io::sink(), Verbosity::Quiet)
    }

    async fn dial(host: &str, port: u16) -> Result<Dialed> {
        dial_tcp(host, port, &DialOptions::default(), &mut Timings::default(), &nobody()).await
    }

    #[tokio::test]
    async fn connects_and_names_the_peer() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = server.local_addr().unwrap();
        let dialed = dial("127.0.0.1", at.port()).await.unwrap();
        assert_eq!(dialed.peer, at.to_string());
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_try_waits_for_no_timer() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Amid a tick, as nearly always: a timer is due at the next one.
        tokio::time::advance(Duration::from_micros(500)).await;
        let start = Instant::now();
        race(&[server.local_addr().unwrap()], None, &nobody()).await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO, "a timer's tick is a millisecond of this clock");
    }

    #[tokio::test]
    async fn a_dead_address_only_starts_the_next_at_once() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let start = Instant::now();
        race(&[dead, server.local_addr().unwrap()], None, &nobody()).await.unwrap();
        assert!(start.elapsed() < STAGGER);
    }

    #[tokio::test]
    async fn a_refusal_names_address_words_and_next_step() {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let fault = dial("127.0.0.1", port).await.err().unwrap();
        assert_eq!(fault.exit, Exit::Refused);
        assert_eq!(fault.cause, format!("127.0.0.1:{port}: connection refused"));
        assert!(fault.hint.unwrap().contains(&format!("listens on 127.0.0.1:{port}")));
    }

    #[test]
    fn our_own_shortage_is_not_blamed_on_the_peer() {
        let error = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        let fault = refused("h", 1, &[(address("1.1.1.1:1"), error)]);
        assert!(fault.cause.contains("open files") && fault.hint.unwrap().contains("ulimit"));
    }

    #[tokio::test]
    async fn a_missing_unix_socket_is_named() {
        let fault = dial_unix(std::path::Path::new("/nonexistent/x.sock")).await.err().unwrap();
        assert_eq!(fault.exit, Exit::Refused);
        assert_eq!(fault.cause, "unix:/nonexistent/x.sock: no such file");
    }
}
