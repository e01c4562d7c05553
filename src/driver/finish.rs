//! Files of a run beside its messages: recordings from the start, reports at the end.

use super::run::Run;
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Recorder, write_file},
    os_error,
    plan::Common,
};
use std::io;

impl Run {
    /// The same run with its recording open, if one was asked for.
    pub(super) async fn recording(mut self, common: &Common) -> Result<Self> {
        if let Some(file) = &common.record {
            self.recorder = Some(Recorder::start(file).await?);
        }
        if common.expect.script.is_some() && self.context.tells_events() {
            self.stage.told = self.context.stdio.output().map(Recorder::on);
        }
        Ok(self)
    }

    /// Completes the recording and writes the reports; the first fault stays.
    pub(super) async fn finish(&self, result: Result<()>) -> Result<()> {
        let reported = self.report(result.as_ref().err()).await;
        let result = result.and(reported);
        let mut recorded = Ok(());
        for recorder in self.recorder.iter().chain(&self.stage.told) {
            recorded = recorded.and(recorder.finish().await);
        }
        result.and(recorded).and(self.closed().await)
    }

    /// Closes standard output, which may have kept its worst news until then.
    async fn closed(&self) -> Result<()> {
        self.context.stdio.close().await.map_err(|error| {
            let cause = format!("cannot write standard output: {}", os_error::words(&error));
            Fault::new(Exit::WriteError, "session", cause)
        })
    }

    /// Writes how the script went in every form that was asked for.
    ///
    /// # Errors
    /// Exit 23 when one cannot be written.
    async fn report(&self, fault: Option<&Fault>) -> Result<()> {
        let Some(script) = &self.common().expect.script else { return Ok(()) };
        let results = self.stage.results(script, fault);
        let results = results.redacted(|fault| self.context.redactor.fault(fault));
        for report in &self.common().expect.reports {
            let text = report.write(&results);
            match report.file() {
                Some(file) => {
                    write_file(file, text).map_err(|error| unwritable(&file.display().to_string(), &error))?
                }
                None => {
                    let written = self.context.stdio.write(text.into_bytes()).await;
                    written.map_err(|error| unwritable("standard output", &error))?;
                }
            }
        }
        Ok(())
    }
}

fn unwritable(what: &str, error: &io::Error) -> Fault {
    let exit = Exit::unwritten(error);
    let cause = match exit {
        Exit::ReaderLeft => "nobody reads the report".to_owned(),
        _ => format!("cannot write {what}: {}", os_error::words(error)),
    };
    Fault::new(exit, "report", cause)
}
