//! Opening an endpoint: what it takes and gives.

use super::{ClientInfo, StreamAcceptor};
use crate::{
    child::Manner,
    exit::Exit,
    fault::{Fault, Result},
    framing::{
        self, Encode, Escaped, Framing, HEADERS, Kind, Notice, Sign, Stamp, Stamped,
        record::{Facts, Timings},
    },
    link::{ByteLink, DatagramRules, Link, Peers, Port, Stdio, Texts, room::Rooms},
    nats::Brokers,
    net::{self, Dialed, Dialer, ListenAddr, Route},
    observe::{Redactor, Reporter, Verbosity},
    plan::{Common, Direction},
    tls::{self, ClientTls, Connector},
};
use std::{
    future::Future,
    sync::{Arc, Mutex, Once},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

/// An endpoint's place in a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first.
    A,
    /// The second.
    B,
}

impl Role {
    /// The number of the side.
    pub fn side(self) -> usize {
        usize::from(self == Self::B)
    }
}

/// The circumstances of one opening.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The place in the pair.
    pub role: Role,
    /// Subprotocols to ask for instead of the command line's: those the other side was asked for.
    pub subprotocols: Option<Vec<String>>,
    /// The client it is opened for.
    pub client: Option<ClientInfo>,
    /// Reads messages as this instead of by the run's framing.
    pub input: Option<Framing>,
    /// Writes messages as this instead of by the run's framing.
    pub output: Option<Framing>,
    /// Gets what is known of a WebSocket, also of one that cannot be opened.
    pub found: Option<Found>,
}

/// Facts that the last attempt at a WebSocket found out.
pub type Found = Arc<Mutex<Facts>>;

impl Opening {
    /// An opening with the command line's subprotocols.
    pub fn new(role: Role) -> Self {
        Self { role, subprotocols: None, client: None, input: None, output: None, found: None }
    }
}

/// An opened endpoint.
pub enum Opened {
    /// One connection.
    Link(Box<OpenedLink>),
    /// A listening socket.
    Acceptor(Acceptor),
}

impl From<OpenedLink> for Opened {
    fn from(link: OpenedLink) -> Self {
        Self::Link(Box::new(link))
    }
}

/// One open connection.
pub struct OpenedLink {
    /// The connection.
    pub link: Box<dyn Link>,
    /// The facts known of it.
    pub facts: Facts,
}

impl OpenedLink {
    /// A connection of which only the far end is known.
    pub fn new(link: Box<dyn Link>, peer: String) -> Self {
        Self { link, facts: Facts { peer, ..Facts::default() } }
    }
}

/// A listening socket.
pub enum Acceptor {
    /// Its clients are connections.
    Streams(Box<StreamAcceptor>),
    /// Its peers send datagrams.
    Datagrams(Peers),
}

impl From<StreamAcceptor> for Acceptor {
    fn from(acceptor: StreamAcceptor) -> Self {
        Self::Streams(Box::new(acceptor))
    }
}

/// Framings of the byte ends of a run.
#[derive(Clone, Debug)]
pub struct Framings {
    /// Bytes to messages.
    pub input: Framing,
    /// Messages to bytes.
    pub output: Framing,
    /// Overrides the input framing's frame type.
    pub kind: Option<Kind>,
    /// Prefix of each message on standard output.
    pub stamp: Option<Stamp>,
    /// Control characters of a peer reach a terminal.
    pub raw: bool,
}

impl Framings {
    /// The frame type that input is sent as.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(self.input.kind())
    }

    /// Manner of a child's terminal: with `raw` both ways a person gets bare keystrokes and bare output.
    pub fn manner(&self) -> Manner {
        match (self.input.name(), self.output.name()) {
            ("raw", "raw") => Manner::Console,
            _ => Manner::Quiet,
        }
    }
}

/// Everything that endpoints are opened with: options, and the things a process has only once.
pub struct OpenContext {
    /// Framings of byte ends.
    pub framings: Framings,
    /// Options of the command line.
    pub common: Arc<Common>,
    /// Dials servers.
    pub dialer: Dialer,
    /// A side of the pair sends datagrams.
    pub has_datagrams: bool,
    /// Both sides of a pair are WebSockets: control frames pass through.
    pub relays: bool,
    /// The standard streams.
    pub stdio: Stdio,
    /// Rooms by name.
    pub rooms: Rooms,
    /// Connections to brokers, by server.
    pub brokers: Brokers,
    /// Takes the notes.
    pub reporter: Reporter,
    /// Hides the secrets in what is shown and recorded.
    pub redactor: Redactor,
    /// Made once, at first use: loading the roots is slow.
    pub connector: OnceCell<Connector>,
    /// The same for other origins than the one that was named.
    pub connector_for_strangers: OnceCell<Connector>,
    /// The notes on `connector` were written.
    pub connector_noted: Once,
    /// The note on the file that gets the keys of TLS was written.
    pub key_log_noted: Once,
    /// The note on a stream whose framing is not the chosen one was written.
    pub sign_noted: Arc<Once>,
}

impl OpenContext {
    /// True when standard input is read at all.
    pub fn reads_input(&self) -> bool {
        self.common.direction != Direction::ReceiveOnly
    }

    /// True when received messages are wanted.
    pub fn writes_output(&self) -> bool {
        self.common.direction != Direction::SendOnly
    }

    /// A byte port behind the run's framings.
    pub fn bytes(&self, port: Port, texts: Texts) -> Box<dyn Link> {
        self.bytes_as(port, texts, &self.framings.input, self.framings.output.encoder(), None)
    }

    /// A child's port behind the run's framings; its words as a shell takes them.
    pub fn child(&self, port: Port, texts: Texts, words: &str) -> Box<dyn Link> {
        let notice = self.notice(texts.input.clone(), Some(words.to_owned()));
        self.bytes_as(port, texts, &self.framings.input, self.framings.output.encoder(), Some(notice))
    }

    /// Tells once of another framing than the chosen one.
    fn notice(&self, input: String, program: Option<String>) -> Notice {
        let (reporter, once) = (self.reporter.clone(), Arc::clone(&self.sign_noted));
        let writes_headers = self.framings.output == HEADERS;
        Arc::new(move |sign| {
            // Only a program is one that could have answered, and headers may be what it was sent.
            if sign == Sign::Unanswered && (program.is_none() || writes_headers) {
                return;
            }
            once.call_once(|| {
                reporter.note(&sign.words(&input));
                reporter.life(&format!("  try: {}", sign.hint(program.as_deref())));
            });
        })
    }

    /// The standard streams, in the framings of the opening or else of the run, and stamped if that was
    /// asked for.
    pub fn standard(&self, port: Port, texts: Texts, opening: &Opening) -> Box<dyn Link> {
        let encoder = opening.output.as_ref().unwrap_or(&self.framings.output).encoder();
        let encoder = match self.framings.stamp {
            Some(stamp) => Box::new(Stamped::new(encoder, stamp)),
            None => encoder,
        };
        let notice = self.notice(texts.input.clone(), None);
        self.bytes_as(
            port,
            texts,
            opening.input.as_ref().unwrap_or(&self.framings.input),
            encoder,
            Some(notice),
        )
    }

    fn bytes_as(
        &self,
        port: Port,
        texts: Texts,
        input: &Framing,
        encoder: Box<dyn Encode>,
        notice: Option<Notice>,
    ) -> Box<dyn Link> {
        // Chunks of `raw` may end anywhere, so they are cut to what the other side can carry.
        let fits = self.has_datagrams && input.name() == "raw";
        let max = match input.name() {
            "raw" if fits => self.common.max_message.min(net::LARGEST_DATAGRAM),
            "raw" => self.common.max_message.min(self.common.max_frame),
            _ => self.common.max_message,
        };
        let kind = self.framings.kind();
        let decoder = framing::at_start(input, kind, input.decoder(kind, max));
        let escape = port.writes_to_a_terminal() && !self.framings.raw && !encoder.is_printable();
        let encoder = if escape { Box::new(Escaped(encoder)) } else { encoder };
        let (decoder, encoder) = match notice {
            Some(notice) => framing::watched(input.clone(), decoder, encoder, notice),
            None => (decoder, encoder),
        };
        Box::new(ByteLink::new(port, texts, decoder, encoder))
    }

    /// True when the output tells what happens beside data messages.
    pub fn tells_events(&self) -> bool {
        self.framings.output.encoder().wants_events()
    }

    /// Rules by which datagrams become messages: binary unless text is asked for, whatever a byte side's
    /// framing.
    pub fn datagrams(&self, idle: Option<Duration>) -> DatagramRules {
        let kind = self.framings.kind.unwrap_or(Kind::Binary);
        DatagramRules { kind, max_message: self.common.max_message, idle }
    }

    /// A transport by that way; `name` is what is opened, `reporter` is told how.
    ///
    /// # Errors
    /// Exit 5, 6, 7, 97 and the others of [`Dialer`]; 28 when the time is over.
    pub async fn dial(
        &self,
        deadline: &Deadline,
        reporter: &Reporter,
        name: &str,
        route: &Route,
        timings: &mut Timings,
    ) -> Result<Dialed> {
        let dialed = deadline.phase("connect", name, self.dialer.dial(reporter, route, timings)).await?;
        match route {
            Route::Through(chosen, ..) => {
                let doing = format!("{name} through {chosen}");
                deadline.phase("proxy", &doing, self.dialer.tunnel(reporter, route, dialed, timings)).await
            }
            Route::Direct(..) | Route::Unix(_) => Ok(dialed),
        }
    }

    /// The deadline that starts now.
    pub fn deadline(&self) -> Deadline {
        Deadline { from: Instant::now(), within: self.common.connect_timeout }
    }
}

/// `--connect-timeout`, shared by all phases of one opening.
#[derive(Clone, Copy)]
pub struct Deadline {
    from: Instant,
    within: Option<Duration>,
}

impl Deadline {
    /// Runs one phase in what is left of the time.
    ///
    /// # Errors
    /// The phase's own fault, or exit 28 naming the phase.
    pub async fn phase<T>(
        &self,
        phase: &'static str,
        doing: &str,
        step: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(within) = self.within else { return step.await };
        let left = within.saturating_sub(self.from.elapsed());
        match tokio::time::timeout(left, step).await {
            Ok(result) => result,
            Err(_) => Err(Fault::new(
                Exit::Deadline,
                phase,
                format!("{doing}: no answer within {within:?} (--connect-timeout)"),
            )),
        }
    }
}

impl OpenContext {
    /// The TLS client, made at its first use.
    ///
    /// # Errors
    /// Exit 58, 77 or 82: files that cannot be used; 23 when the secrets cannot be written.
    pub async fn connector(&self) -> Result<&Connector> {
        let connector = self.made().await?;
        self.connector_noted.call_once(|| self.note_trust());
        self.note_key_log();
        Ok(connector)
    }

    /// Judges the files of TLS that were named, whether or not anything comes to be encrypted.
    ///
    /// # Errors
    /// Those of [`connector`](Self::connector).
    pub async fn check_files(&self) -> Result<()> {
        let tls = &self.common.client_tls;
        if tls.cacert.is_none() && tls.cert.is_none() && tls.crl.is_none() {
            return Ok(());
        }
        match self.made().await {
            // Nobody named the system's roots, and nobody may need them.
            Err(fault) if fault.exit == Exit::CaFile && tls.cacert.is_none() => Ok(()),
            made => made.map(drop),
        }
    }

    /// Fails where an option demands something of TLS and there is none.
    ///
    /// What merely permits or restricts whom TLS trusts may meet a plain connection; what names the only keys
    /// that are good, or a list that has to be looked at, must not seem to have been met by one.
    ///
    /// # Errors
    /// Exit 2, before anything is sent; `name` is the endpoint, `secure` what to write instead.
    pub fn demand_tls(&self, name: &str, secure: &str) -> Result<()> {
        let tls = &self.common.client_tls;
        let option = match (tls.pins.is_empty(), &tls.crl) {
            (false, _) => "--pin",
            (true, Some(_)) => "--crl",
            (true, None) => return Ok(()),
        };
        Err(Fault::new(Exit::Usage, "tls", format!("{option} demands TLS, and {name} has none"))
            .hint(format!("write {secure}, or leave {option} out")))
    }

    /// The TLS client of another origin than the one that was named, with what restricts alone.
    ///
    /// # Errors
    /// Those of [`connector`](Self::connector).
    pub async fn connector_for_strangers(&self) -> Result<&Connector> {
        let (tls, missing) = self.common.client_tls.for_strangers();
        if missing.is_empty() {
            return self.connector().await;
        }
        let made = self.connector_for_strangers.get_or_try_init(|| async { Connector::new(&tls) }).await?;
        self.note_key_log();
        Ok(made)
    }

    /// The server side of TLS of an endpoint that listens there; `name` is the endpoint.
    ///
    /// # Errors
    /// Exit 2 without a certificate, 58 and 77 for files that cannot be used.
    pub fn acceptor(
        &self,
        name: &str,
        address: &ListenAddr,
        alpn: Option<&'static [u8]>,
    ) -> Result<tls::Acceptor> {
        match &self.common.server.tls {
            Some(tls) => tls::Acceptor::new(tls, address.host(), alpn),
            None => Err(Fault::new(Exit::Usage, "usage", format!("{name} needs a certificate"))
                .hint("give --cert FILE and --key FILE, or --self-signed")),
        }
    }

    async fn made(&self) -> Result<&Connector> {
        let explains = self.common.client_tls.insecure && self.reporter.says(Verbosity::Verbose);
        let made = || async { Connector::new(&ClientTls { explains, ..self.common.client_tls.clone() }) };
        self.connector.get_or_try_init(made).await
    }

    fn note_trust(&self) {
        let tls = &self.common.client_tls;
        match (tls.insecure, tls.pins.is_empty()) {
            (true, true) => self.reporter.note(
                "certificates are not checked (--insecure): anyone on the way can read and change everything",
            ),
            (true, false) => {
                self.reporter.note("of certificates only the key is checked (--insecure and --pin)")
            }
            (false, _) => {}
        }
    }

    fn note_key_log(&self) {
        let Some(file) = &self.common.client_tls.key_log else { return };
        self.key_log_noted.call_once(|| {
            self.reporter.note(&format!(
                "the keys of TLS are written to {} (SSLKEYLOGFILE): whoever reads it can read everything",
                file.display()
            ));
        });
    }
}
