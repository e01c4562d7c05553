//! The option groups of expectations and of scripts: which messages are wanted, and how the session has to go.
//!
//! What is expected and does not come is exit 1, so that a smoke test needs no `grep` and no `timeout`.

use super::{
    expand::{self, Expander, usage},
    groups::SessionArgs,
    lower::GivenOptions,
    values::{self, Codes},
};
use crate::{
    expect::{Field, Filter},
    fault::Result,
    handshake::ClientOptions,
    plan::Expect,
    script::{Loader, Script, report::Report},
    session::Rules,
};
use clap::{Args, ValueHint};
use regex::bytes::Regex;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What is expected of a server.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Expectations")]
pub(super) struct Expectations {
    /// Print and count only messages matching REGEX; exit 1 if none arrives; repeatable
    #[arg(long = "match", value_name = "REGEX", value_parser = values::pattern, allow_hyphen_values = true)]
    #[arg(conflicts_with = "send_only")]
    pub patterns: Vec<Regex>,
    /// Print and count only messages whose JSON has VALUE at POINTER; exit 1 if none arrives; repeatable
    #[arg(long = "match-json", value_name = "POINTER=VALUE", value_parser = Field::parse, conflicts_with = "send_only")]
    pub fields: Vec<Field>,
    /// Wait for the peer to close with one of CODES, such as 1008,4000-4999; exit 1 if it does not; repeatable
    #[arg(long, value_name = "CODES", value_parser = values::arriving_codes, conflicts_with_all = ["count", "one"])]
    pub expect_close: Vec<Codes>,
    /// Exit 1 unless the server selects subprotocol NAME
    #[arg(long, value_name = "NAME", value_parser = values::subprotocol)]
    pub expect_subprotocol: Option<String>,
}

/// A session that is written down.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Scripts")]
pub(super) struct Scripting {
    /// Run the script in FILE; - is standard input; see wsio-script(5)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub script: Option<PathBuf>,
    /// Accept a script that neither sends nor expects anything
    #[arg(long)]
    pub allow_empty: bool,
    /// Write test results for a CI system, one for each expectation; repeatable
    #[arg(long, value_name = "junit=FILE|tap|github", value_parser = values::report)]
    pub report: Vec<Report>,
}

impl Expectations {
    /// The rules of a session with these expectations.
    pub(super) fn rules(&self, session: &SessionArgs, given: &GivenOptions) -> Rules {
        let mut rules = session.rules();
        if !self.patterns.is_empty() || !self.fields.is_empty() {
            let (patterns, fields) = (self.patterns.clone(), self.fields.clone());
            rules.filter = Some(Arc::new(Filter { patterns, fields }));
        }
        rules.expect_close = self.expect_close.iter().flat_map(|codes| codes.0.iter().cloned()).collect();
        if !rules.expect_close.is_empty() && !given.has("linger") {
            // To close first would be to miss what is waited for.
            rules.linger = None;
        }
        rules
    }

    /// The expectations of the opening; `offered` is what the server may choose from.
    pub(super) fn opening(self, offered: Option<&ClientOptions>) -> Result<Expect> {
        if let (Some(name), Some(offered)) = (&self.expect_subprotocol, offered)
            && !offered.subprotocols.contains(name)
        {
            return Err(usage(format!(
                "--expect-subprotocol {name}: it is not offered, so it is never chosen"
            ))
            .hint(format!("add --subprotocol {name}")));
        }
        Ok(Expect { subprotocol: self.expect_subprotocol, ..Expect::default() })
    }
}

impl Scripting {
    /// Reads the script, if there is one, into what is expected.
    pub(super) fn lower(
        &self,
        expect: Expect,
        given: &GivenOptions,
        expander: &mut Expander,
    ) -> Result<Expect> {
        let Some(path) = &self.script else { return Ok(expect) };
        let on_output = self.report.iter().filter(|report| report.file().is_none()).count();
        if on_output > 0 && given.has("json") {
            return Err(usage("--json and --report tap or github would mix on standard output")
                .hint("write --report junit=FILE, or --record FILE for the records"));
        }
        if on_output > 1 {
            return Err(usage("more than one --report tap or github would mix on standard output")
                .hint("keep one of them; --report junit=FILE may stand beside it"));
        }
        let stdin = path.as_path() == Path::new("-");
        let text = if stdin { Some(expander.script()?) } else { None };
        let env = |name: &str| expander.variable(name);
        let mut loader = Loader { read: &mut expand::script, env: &env };
        let script = match text {
            Some(text) => Script::parse(Path::new("stdin"), &text, &mut loader)?,
            None => Script::load(path, &mut loader)?,
        };
        Ok(Expect {
            script: Some(Arc::new(script)),
            allow_empty: self.allow_empty,
            reports: self.report.clone(),
            ..expect
        })
    }
}
