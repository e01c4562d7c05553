//! The option group for what a server answers to plain requests.

use super::{expand::usage, lower::Given};
use crate::{fault::Result, ws};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// Files and pages beside the WebSocket.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Server")]
pub(super) struct Site {
    /// Serve the files in DIR to plain requests, so that a page and its socket come from one address
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub serve: Option<PathBuf>,
    /// Serve a page to talk to the socket from a browser; with --serve at /.console
    #[arg(long)]
    pub console: bool,
}

impl Site {
    pub(super) fn lower(self, given: &Given) -> Result<Option<ws::Site>> {
        if self.console && given.has("bearer") {
            return Err(usage("--console is for browsers, which cannot show a --bearer token")
                .hint("ask for a login with --user NAME:PASSWORD"));
        }
        Ok(match (self.serve, self.console) {
            (Some(path), console) => Some(ws::Site::Folder { path, console }),
            (None, true) => Some(ws::Site::Console),
            (None, false) => None,
        })
    }
}
