//! Opening the connection to a broker, and why that failed in words.

use super::{NatsLogin, NatsServer, Terms, confirm::INBOX, outward::WINDOW};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    os_error,
    retry::doubled,
    tls,
};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use std::{error::Error as _, io, time::Duration};
use tokio::sync::mpsc::UnboundedSender;

/// One attempt to connect again takes no longer, unless `--connect-timeout` says so.
const ATTEMPT: Duration = Duration::from_secs(10);
/// A broker that says nothing is asked this often; the third time it is given up.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Longest time that a probe may stay unanswered; longer than a ping, so that silence can be told from
/// refusal.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
/// The first wait between two attempts to connect again, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Messages the library may hold for a subject before it drops some: no limit in practice, since they
/// are taken from there at once. The places are made only when they are needed.
const LIBRARY_QUEUE: usize = 1 << 20;

/// Treatment of a broker that cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It is a fault.
    Once,
    /// It is tried again and again, in the background.
    Patient,
}

/// Why no connection came about.
pub(super) struct Failed {
    pub fault: Fault,
    /// Trying again may help.
    pub passing: bool,
}

/// Connects; what happens to the connection is told to `events`.
pub(super) async fn connect(
    server: &NatsServer,
    terms: &Terms,
    start: Start,
    events: UnboundedSender<Event>,
) -> std::result::Result<Client, Failed> {
    let address = address(server).map_err(|fault| Failed { fault, passing: false })?;
    let mut options = ConnectOptions::new()
        .name("wsio")
        .no_echo()
        .custom_inbox_prefix(INBOX)
        .require_tls(server.tls)
        .connection_timeout(terms.connect_timeout.unwrap_or(ATTEMPT))
        .ping_interval(PING_INTERVAL)
        .request_timeout(Some(PROBE_TIMEOUT))
        .subscription_capacity(LIBRARY_QUEUE)
        .client_capacity(2 * WINDOW.1 as usize)
        .reconnect_delay_callback(back_off)
        .event_callback(move |event| {
            // Nobody listens any more when the process ends.
            let _ = events.send(event);
            std::future::ready(())
        });
    if start == Start::Patient {
        options = options.retry_on_initial_connect();
    }
    if let Some(config) = &terms.tls {
        options = options.tls_client_config(config.clone());
    }
    options = match server.login.clone() {
        None => options,
        Some(NatsLogin::Token(token)) => options.token(token),
        Some(NatsLogin::User(user, password)) => options.user_and_password(user, password),
    };
    let connecting = options.connect(address);
    let connected = match terms.connect_timeout.filter(|_| start == Start::Once) {
        None => connecting.await,
        Some(within) => match tokio::time::timeout(within, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(ConnectError::new(ConnectErrorKind::TimedOut)),
        },
    };
    connected.map_err(|error| explain(&error, server, terms))
}

/// The address without credentials, so that no message of the library can show them.
fn address(server: &NatsServer) -> Result<ServerAddr> {
    server.to_string().replacen("nats+tls://", "tls://", 1).parse().map_err(|error: io::Error| {
        Fault::new(Exit::Malformed, "url", format!("{server} cannot be the address of a server: {error}"))
    })
}

/// Wait before this attempt, counted from 1: none before the first one, then twice as long each time, each
/// wait cut by up to a half so that many clients do not come back in step.
fn back_off(attempt: usize) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
    let (first, longest) = BACK_OFF;
    let wait = doubled(first, u32::try_from(doublings).unwrap_or(u32::MAX), longest);
    let mut random = [0];
    let _ = getrandom::fill(&mut random);
    wait - wait * u32::from(random[0]) / (2 * 256)
}

fn explain(error: &ConnectError, server: &NatsServer, terms: &Terms) -> Failed {
    let source = error.source();
    let words = source.map_or_else(|| error.to_string(), ToString::to_string);
    let passing = |fault| Failed { fault, passing: true };
    let lasting = |fault| Failed { fault, passing: false };
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation => {
            let fault =
                Fault::new(Exit::Refused, "nats", format!("{server} refused us: authorization violation"));
            let form = format!("{server}/SUBJECT").replacen("://", "://USER:PASSWORD@", 1);
            lasting(fault.hint(format!("check the credentials in the URL, {form} or a token before the @")))
        }
        ConnectErrorKind::Dns => passing(
            Fault::new(
                Exit::HostName,
                "name",
                format!("cannot find the address of {}: {words}", server.host),
            )
            .hint("check the spelling of the host name, and the name service of this machine"),
        ),
        ConnectErrorKind::TimedOut => {
            let within = terms.connect_timeout.unwrap_or(ATTEMPT);
            let cause = format!("{server}: no answer within {within:?} (--connect-timeout)");
            passing(Fault::new(Exit::Deadline, "connect", cause))
        }
        ConnectErrorKind::Io => match source.and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(error) => explain_io(error, server),
            None => match source.and_then(|source| source.downcast_ref::<ServerError>()) {
                Some(_) => {
                    lasting(Fault::new(Exit::Refused, "nats", format!("{server} refused us: {words}")))
                }
                // The library has no kind for these.
                None if words.ends_with("got nothing") || words == "broken pipe" => {
                    passing(Fault::new(Exit::Lost, "nats", format!("{server} closed the connection at once")))
                }
                None => passing(Fault::new(Exit::Lost, "nats", format!("{server}: {words}"))),
            },
        },
        _ => lasting(Fault::new(Exit::TlsHandshake, "tls", format!("{server}: {error}"))),
    }
}

fn explain_io(error: &io::Error, server: &NatsServer) -> Failed {
    if let Some(fault) = tls::explain_handshake(error, true) {
        return Failed { fault, passing: false };
    }
    if server.tls && error.kind() == io::ErrorKind::UnexpectedEof {
        let cause = format!("{server} closed the connection during the TLS handshake");
        let fault =
            Fault::new(Exit::TlsHandshake, "tls", cause).hint("write nats:// if it speaks plain text");
        return Failed { fault, passing: true };
    }
    if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) {
        let fault = Fault::new(Exit::Protocol, "nats", format!("{server} does not speak NATS: {error}"))
            .hint("check host and port: NATS servers listen on 4222");
        return Failed { fault, passing: false };
    }
    let fault = Fault::new(Exit::Refused, "connect", format!("{server}: {}", os_error::words(error)))
        .hint(format!("check that a NATS server listens on {}:{}", server.host, server.port));
    Failed { fault, passing: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_never_in_step() {
        assert_eq!([back_off(0), back_off(1)], [Duration::ZERO; 2]);
        for (attempt, wait) in [(2, 100), (3, 200), (5, 800), (9, 2000), (usize::MAX, 2000)] {
            let (waited, wait) = (back_off(attempt), Duration::from_millis(wait));
            assert!(wait / 2 <= waited && waited <= wait, "{attempt}: {waited:?}");
        }
        let waits: std::collections::HashSet<_> = (0..64).map(|_| back_off(9)).collect();
        assert!(waits.len() > 1);
    }

    #[test]
    fn addresses_carry_no_secret() {
        for (text, address) in
            [("nats://me:secret@h/x", "nats://h:4222"), ("nats+tls://token@[::1]:7/x", "tls://[::1]:7")]
        {
            let server = super::super::NatsUrl::parse(text).unwrap_or_else(|fault| panic!("{fault}")).server;
            assert_eq!(super::address(&server).unwrap().as_url_str(), address);
        }
    }
}
