//! `wsio connect`: its arguments, and how they become a plan.

use super::{
    expand::{Expander, usage},
    expectations::{Expectations, Scripting},
    groups::{Again, SessionArgs},
    handshake,
    lower::{self, GivenOptions},
    pasted,
    shared::{SharedArgs, Use},
    sides::Credentials,
    values,
};
use crate::{
    endpoint,
    fault::Result,
    framing::{Framing, LINES},
    handshake::ClientOptions,
    net::DialOptions,
    plan::{self, Common, Connect, Expected, Look, Plan, Probe},
};
use clap::{Args, FromArgMatches, ValueEnum, ValueHint};
use regex::Regex;
use std::{sync::Arc, time::Duration};

/// From one ping to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for one pong.
const PATIENCE: Duration = Duration::from_secs(5);

/// Talk to a WebSocket server
///
/// Standard input is sent to the server, one line a message, and each message from the server is
/// printed as one line. When the input ends, connect waits until the server has been silent for
/// --linger, then closes. Without any input it only receives, until the server closes. With --script
/// a file says what is sent and expected; anything else that happens is exit 1.
///
/// On a terminal connect is a prompt: Enter sends the line, messages appear above it, Ctrl-D closes,
/// /help lists the commands. A pasted text of several lines is one message. With --framing, --in or
/// --out there is no prompt.
#[derive(Debug, Args)]
#[command(override_usage = "wsio connect [OPTIONS] <TARGET>")]
pub(super) struct ConnectArgs {
    /// Connect to a ws: or wss: URL, ws+unix:/PATH, or echo: (a built-in echo server)
    #[arg(value_name = "TARGET", value_hint = ValueHint::Url, required_unless_present = "curl")]
    pub target: Option<String>,
    /// Take URL and options from a browser's "Copy as cURL" line; @FILE or @- reads it; options given here win
    #[arg(long, value_name = "LINE", help_heading = "Handshake")]
    pub curl: Option<String>,
    #[command(flatten)]
    pub shared: SharedArgs,
    #[command(flatten)]
    pub expectations: Expectations,
    #[command(flatten)]
    pub scripting: Scripting,
    #[command(flatten)]
    pub again: Again,
    #[command(flatten)]
    pub credentials: Credentials,
    #[command(flatten)]
    pub checks: Checks,
    #[command(flatten)]
    pub prompt: PromptArgs,
    #[command(flatten)]
    pub colors: Colors,
}

/// Colour, wherever there is any.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub(super) struct Colors {
    /// Colour the output on a terminal; auto respects NO_COLOR
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

/// The prompt of `connect`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Prompt")]
pub(super) struct PromptArgs {
    /// Show JSON as received, on one line and uncoloured
    #[arg(long)]
    pub no_pretty: bool,
    /// Do not save typed lines in the history file
    #[arg(long)]
    pub no_history: bool,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// On every terminal.
    Always,
    /// Nowhere.
    Never,
}

/// Open, look, close.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Checks")]
pub(super) struct Checks {
    /// Open, ping, close, print one line; close by --timeout, exit at most --close-timeout later
    #[arg(long, conflicts_with = "ping")]
    pub check: bool,
    /// Send N pings, then print round-trip times; one a second, or --ping-interval apart
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub ping: Option<u64>,
    /// With --check, require this HTTP status of the upgrade, such as 403 for a refusal
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(101..600))]
    pub expect_status: Option<u16>,
    /// With --check, require a response header to match REGEX; repeatable
    #[arg(long, value_name = "NAME: REGEX", value_parser = values::field_regex)]
    pub expect_header: Vec<(String, Regex)>,
    /// With --check, fail if a certificate of the chain expires within DURATION, such as 14d
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub fail_if_cert_expires_in: Option<Duration>,
    /// Fail if the ping of --check, or 95 % of those of --ping, takes longer than DURATION
    #[arg(long, value_name = "DURATION", value_parser = values::some_duration)]
    pub max_rtt: Option<Duration>,
    /// With --ping, fail if more than PERCENT of the pings are lost
    #[arg(long, value_name = "PERCENT", value_parser = values::percent, default_value = "0")]
    pub max_loss: f64,
}

impl ConnectArgs {
    pub(super) fn lower(mut self, given: &GivenOptions, expander: &mut Expander) -> Result<Plan> {
        let probe = self.checks.lower(&self.shared.session, given)?;
        let look = look(&self.colors, &self.prompt);
        if let Some(line) = self.curl.take() {
            self.over(Self::pasted(&pasted::read(&line, expander)?)?, given);
        }
        let target = pasted::target(self.target)?;
        let certificate = std::mem::take(&mut self.shared.certificate);
        let shared = self.shared.lower(
            Use { framing: LINES, listens: false, once: false, certificate },
            given,
            expander,
        )?;
        let SharedArgs { session, handshake, network, .. } = self.shared;
        let client = ClientOptions {
            follow: network.location,
            ..handshake::client(handshake, self.credentials, expander)?
        };
        let input = shared.framing.input.as_ref().map(Framing::name);
        let common = Common {
            rules: self.expectations.rules(&session, given),
            expect: self.scripting.lower(self.expectations.opening(Some(&client))?, given, expander)?,
            client,
            // The embedded server is reached without a proxy.
            dial: if endpoint::is_dialled(&target) { shared.dial } else { DialOptions::default() },
            retry: lower::retry(&self.again)?,
            reconnect: lower::reconnect(&self.again, &session, shared.direction, input)?,
            ..shared
        };
        Ok(Plan::Connect(Connect { target, probe, look, common: Arc::new(common) }))
    }

    /// The options that a line for curl asks for.
    fn pasted(words: &[String]) -> Result<Self> {
        let command = Self::augment_args(clap::Command::new("--curl").no_binary_name(true));
        command.try_get_matches_from(words).and_then(|matches| Self::from_arg_matches(&matches)).map_err(
            |error| {
                let rendered = error.render().to_string();
                let first = rendered.lines().next().unwrap_or_default();
                pasted::refused(first.strip_prefix("error: ").unwrap_or(first))
            },
        )
    }

    /// Adds what the pasted line asks for where the command line itself says nothing.
    fn over(&mut self, line: Self, given: &GivenOptions) {
        fn fill<T>(own: &mut Option<T>, line: Option<T>) {
            if own.is_none() {
                *own = line;
            }
        }
        fn fill_all<T>(own: &mut Vec<T>, line: Vec<T>) {
            if own.is_empty() {
                *own = line;
            }
        }
        let named = self.named_headers();
        let (own, line_headers) = (&mut self.shared.handshake.headers, line.shared.handshake.headers);
        own.extend(line_headers.into_iter().filter(|text| !named.contains(&pasted::name_of(text))));
        fill_all(&mut self.shared.handshake.subprotocols, line.shared.handshake.subprotocols);

        let says = |name: &str| named.iter().any(|other| other == name);
        if !says("authorization") {
            fill(&mut self.credentials.user, line.credentials.user);
            fill(&mut self.credentials.bearer, line.credentials.bearer);
        }
        if !says("cookie") {
            self.credentials.cookie = line.credentials.cookie;
        }
        if !says("user-agent") {
            self.credentials.user_agent = line.credentials.user_agent;
        }

        // Both speak of whom to trust.
        if self.shared.trust.cacert.is_none() && !self.shared.trust.insecure {
            self.shared.trust.cacert = line.shared.trust.cacert;
            self.shared.trust.insecure = line.shared.trust.insecure && self.shared.trust.crl.is_none();
        }
        if !self.shared.trust.insecure {
            fill(&mut self.shared.trust.crl, line.shared.trust.crl);
        }
        fill(&mut self.shared.trust.tls_min, line.shared.trust.tls_min);
        fill_all(&mut self.shared.trust.pin, line.shared.trust.pin);
        if self.shared.certificate.cert.is_none() {
            self.shared.certificate = line.shared.certificate;
        }

        let (own, line_network) = (&mut self.shared.network, line.shared.network);
        own.location |= line_network.location;
        if !own.is_elsewhere() {
            if own.proxy.is_none() {
                own.proxy = line_network.proxy;
                fill(&mut own.proxy_user, line_network.proxy_user);
            }
            fill(&mut own.noproxy, line_network.noproxy);
            fill(&mut own.proxy_cacert, line_network.proxy_cacert);
            own.proxy_insecure |= line_network.proxy_insecure;
            own.connect_to.extend(line_network.connect_to);
            own.resolve.splice(0..0, line_network.resolve);
            fill(&mut own.interface, line_network.interface);
            if !own.ipv4 && !own.ipv6 {
                (own.ipv4, own.ipv6) = (line_network.ipv4, line_network.ipv6);
            }
            if own.proxy.is_none() && own.connect_to.is_empty() && own.resolve.is_empty() {
                fill(&mut own.unix_socket, line_network.unix_socket);
            }
        }

        fill(&mut self.target, line.target);
        fill(&mut self.shared.session.timeout, line.shared.session.timeout);
        if !given.has("connect_timeout") {
            self.shared.session.connect_timeout = line.shared.session.connect_timeout;
        }
        if !self.shared.output.quiet {
            self.shared.output.verbose = self.shared.output.verbose.max(line.shared.output.verbose);
        }
    }

    /// The header fields that the command line itself speaks of, in lower case.
    fn named_headers(&self) -> Vec<String> {
        let credentials = &self.credentials;
        let mut named: Vec<String> =
            self.shared.handshake.headers.iter().map(|text| pasted::name_of(text)).collect();
        for (is_given, name) in [
            (credentials.user.is_some() || credentials.bearer.is_some(), "authorization"),
            (!credentials.cookie.is_empty(), "cookie"),
            (credentials.user_agent.is_some(), "user-agent"),
            (credentials.origin.is_some(), "origin"),
            (!self.shared.handshake.subprotocols.is_empty(), "sec-websocket-protocol"),
        ] {
            named.extend(is_given.then(|| name.to_owned()));
        }
        named
    }
}

/// The look of a terminal.
fn look(colors: &Colors, prompt: &PromptArgs) -> Look {
    Look {
        color: match colors.color {
            ColorChoice::Auto => plan::Color::Auto,
            ColorChoice::Always => plan::Color::Always,
            ColorChoice::Never => plan::Color::Never,
        },
        pretty: !prompt.no_pretty,
        history: !prompt.no_history,
    }
}

impl Checks {
    /// The probe that is asked for, if any; the pings of a session have a slower clock.
    fn lower(&self, session: &SessionArgs, given: &GivenOptions) -> Result<Option<Probe>> {
        let interval = match session.ping_interval.0.filter(|_| given.has("ping_interval")) {
            None if given.has("ping_interval") && self.ping.is_some() => {
                return Err(usage("--ping-interval off leaves --ping nothing to do")
                    .hint("say how far apart the pings are: --ping-interval 200ms"));
            }
            interval => interval.unwrap_or(INTERVAL),
        };
        let patience = if given.has("ping_timeout") { session.ping_timeout.0 } else { Some(PATIENCE) };
        let expected = Expected {
            status: self.expect_status,
            headers: self.expect_header.clone(),
            certificate: self.fail_if_cert_expires_in,
            max_rtt: self.max_rtt,
            max_loss: self.max_loss,
        };
        let probe = Probe { pings: self.ping, interval, patience, expected };
        Ok((self.check || self.ping.is_some()).then_some(probe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{Context, Parsed, parse},
        fault::Result,
        plan::Plan,
    };

    fn parsed(args: &[&str]) -> Result<Parsed> {
        let mut context =
            Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: true, ask: None };
        let args = ["wsio", "connect", "ws://h"].iter().chain(args).map(Into::into);
        parse(args, &mut context)
    }

    fn look(args: &[&str]) -> Look {
        match parsed(args) {
            Ok(Parsed::Run(Plan::Connect(connect))) => connect.look,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_terminal_shows_can_be_chosen() {
        let default = Look { color: plan::Color::Auto, pretty: true, history: true };
        assert_eq!(look(&[]), default);
        let chosen = Look { color: plan::Color::Always, pretty: false, history: false };
        assert_eq!(look(&["--color", "always", "--no-pretty", "--no-history"]), chosen);
        assert_eq!(look(&["--color=never"]).color, plan::Color::Never);
    }

    #[test]
    fn without_a_prompt_nothing_is_said_of_it() {
        for args in [["-0", "--no-pretty"], ["--in=raw", "--no-history"], ["--recv-only", "--no-pretty"]] {
            let fault = parsed(&args).unwrap_err();
            assert_eq!(fault.exit, crate::exit::Exit::Usage);
            assert!(fault.cause.starts_with(args[1]), "{fault}");
        }
    }
}
