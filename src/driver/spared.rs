//! Standard input that is left alone: it belongs to whoever reads next, such as the loop around us.
//!
//! With `--send` and an end of its own a run has all it needs. What stands in a pipe or a file then may
//! have been meant for it all the same, so it is told once the run has waited for a while, or fails.

use super::run::Run;
use crate::fault::{Fault, Result};
use std::{future::Future, pin::pin, time::Duration};

/// Time after which the note is written while the run still goes on.
const PATIENCE: Duration = Duration::from_secs(2);

impl Run {
    /// Runs `work`; where standard input is left alone, for this reason, it is told.
    pub(super) async fn sparing<T>(
        &self,
        why: Option<&'static str>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(why) = why else { return work.await };
        let input = self.context.stdio.input_file();
        let holds = || input.as_ref().is_some_and(|file| file.rest(file.position()).bytes > 0);
        let line = format!("standard input is left alone: {why} reads none (--in lines reads it)");
        let reporter = &self.context.reporter;
        let mut told = reporter.is_verbose();
        reporter.verbose(&line);
        let mut work = pin!(work);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                () = tokio::time::sleep(PATIENCE), if !told => {
                    told = holds();
                    if told {
                        reporter.note(&line);
                    }
                }
            }
        };
        if !told && result.as_ref().is_err_and(|fault: &Fault| !fault.is_silent()) && holds() {
            reporter.note(&line);
        }
        result
    }
}
