//! The option group of scripts.

use super::{
    expand::{self, Expander, usage},
    lower::Given,
    values,
};
use crate::{
    fault::Result,
    plan::Expect,
    script::{Loader, Script, report::Report},
};
use clap::{Args, ValueHint};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A session that is written down.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Scripts")]
pub(super) struct Scripting {
    /// Let the script in FILE, or - for standard input, say what is sent and what is expected
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub script: Option<PathBuf>,
    /// Let a script pass that neither sends nor expects anything
    #[arg(long, hide_short_help = true)]
    pub allow_empty: bool,
    /// Write how the script went, line by line, for a CI system; repeatable
    #[arg(long, value_name = "junit=FILE|tap|github", value_parser = values::report, hide_short_help = true)]
    pub report: Vec<Report>,
}

impl Scripting {
    /// Reads the script, if there is one, into what is expected.
    pub(super) fn lower(&self, expect: Expect, given: &Given, expander: &mut Expander) -> Result<Expect> {
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
