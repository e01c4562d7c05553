//! The option group for what a server answers to plain requests.

use super::{expand::usage, lower::Given};
use crate::{fault::Result, site};
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
    pub(super) fn lower(self, given: &Given) -> Result<Option<site::Site>> {
        if self.console && given.has("bearer") {
            return Err(usage("--console is for browsers, which cannot show a --bearer token")
                .hint("ask for a login with --user NAME:PASSWORD"));
        }
        Ok(match (self.serve, self.console) {
            (Some(path), console) => Some(site::Site::Folder { path, console }),
            (None, true) => Some(site::Site::Console),
            (None, false) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        cli::{Context, Parsed, parse},
        exit::Exit,
        fault::Fault,
        plan::Plan,
        site::Site,
    };

    fn site(args: &[&str]) -> Result<Option<Site>, Fault> {
        let mut context =
            Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
        let args = ["wsio", "listen", "8080"].iter().chain(args).map(Into::into);
        match parse(args, &mut context)? {
            Parsed::Run(Plan::Listen(listen)) => Ok(listen.common.server.handshake.site.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_and_the_console_land() {
        let folder = |console| Some(Site::Folder { path: "web".into(), console });
        assert_eq!(site(&[]), Ok(None));
        assert_eq!(site(&["--serve", "web", "--echo"]), Ok(folder(false)));
        assert_eq!(site(&["--serve", "web", "--console", "--user", "a:b"]), Ok(folder(true)));
        assert_eq!(site(&["--console"]), Ok(Some(Site::Console)));
        assert_eq!(site(&["--serve", "web", "--bearer", "t"]), Ok(folder(false)));
    }

    #[test]
    fn a_console_that_no_browser_could_open_is_refused() {
        let fault = site(&["--console", "--bearer", "t"]).unwrap_err();
        assert_eq!(fault.exit, Exit::Usage);
        assert!(fault.hint.is_some_and(|hint| hint.contains("--user")));
    }
}
