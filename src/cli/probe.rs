//! The option group of one-shot modes: a connection that is only looked at.

use super::{lower::Given, values};
use crate::{
    fault::Result,
    plan::{Expected, Probe},
};
use clap::Args;
use regex::Regex;
use std::time::Duration;

/// Open, look, close.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Checks")]
pub(super) struct Checks {
    /// Open, ping once and close; one line says what was found, the exit code which stage failed
    #[arg(long, conflicts_with = "ping")]
    pub check: bool,
    /// Ping N times, a second apart: min, avg, p95, max, loss
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
    /// What is to be looked at, if anything.
    pub(super) fn lower(&self, given: &Given) -> Result<Option<Probe>> {
        if !self.check {
            given.refuse(&["expect_status", "expect_header", "fail_if_cert_expires_in"], "is for --check")?;
        }
        if self.ping.is_none() {
            given.refuse(&["max_loss"], "is for --ping")?;
        }
        if !self.check && self.ping.is_none() {
            given.refuse(&["max_rtt"], "is for --check and --ping")?;
            return Ok(None);
        }
        given.refuse(
            &[
                "send",
                "count",
                "one",
                "recv_only",
                "send_only",
                "linger",
                "read_ahead",
                "max_frame",
                "idle_timeout",
                "reconnect",
                "resend",
                "record",
                "text",
                "binary",
                "input",
                "output",
                "framing",
                "nul",
            ],
            "is for a session, not for --check or --ping",
        )?;
        let expected = Expected {
            status: self.expect_status,
            headers: self.expect_header.clone(),
            certificate: self.fail_if_cert_expires_in,
            max_rtt: self.max_rtt,
            max_loss: self.max_loss,
        };
        Ok(Some(Probe { pings: self.ping, expected }))
    }
}
