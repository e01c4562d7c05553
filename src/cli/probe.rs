//! The option group of one-shot modes: a connection that is only looked at.

use super::{expand::usage, groups::Session, lower::Given, values};
use crate::{
    fault::Result,
    plan::{Expected, Probe},
};
use clap::Args;
use regex::Regex;
use std::time::Duration;

/// From one ping to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for one pong.
const PATIENCE: Duration = Duration::from_secs(5);

/// Open, look, close.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Checks")]
pub(super) struct Checks {
    /// Open, ping, close by --timeout, be gone by --close-timeout after that; one line says what was found
    #[arg(long, conflicts_with = "ping")]
    pub check: bool,
    /// Ping N times, a second or --ping-interval apart: min, avg, p95, max, loss
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub ping: Option<u64>,
    /// With --check, expect this HTTP status of the upgrade, as in 403 for a refusal that must happen
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(101..600), hide_short_help = true)]
    pub expect_status: Option<u16>,
    /// With --check, expect a header of the answer to match REGEX; repeatable
    #[arg(long, value_name = "NAME: REGEX", value_parser = values::field_regex, hide_short_help = true)]
    pub expect_header: Vec<(String, Regex)>,
    /// With --check, fail if a certificate of the server's chain expires within DURATION, as in 14d
    #[arg(long, value_name = "DURATION", value_parser = values::duration, hide_short_help = true)]
    pub fail_if_cert_expires_in: Option<Duration>,
    /// Fail if the ping of --check, or 95 % of those of --ping, took longer than DURATION
    #[arg(long, value_name = "DURATION", value_parser = values::some_duration, hide_short_help = true)]
    pub max_rtt: Option<Duration>,
    /// With --ping, fail if more than PERCENT of the pings are lost
    #[arg(long, value_name = "PERCENT", value_parser = values::percent, default_value = "0", hide_short_help = true)]
    pub max_loss: f64,
}

impl Checks {
    /// The probe that is asked for, if any; the pings of a session have a slower clock.
    pub(super) fn lower(&self, session: &Session, given: &Given) -> Result<Option<Probe>> {
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
