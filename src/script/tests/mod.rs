//! Scripts as data: every construct, every refusal, every order of events.

mod parsing;
mod properties;
mod running;

use super::{Engine, Limits, Loader, Script};
use crate::{
    fault::Fault,
    session::{CloseWith, Instant},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::Message;

/// Files beside the script, by name.
type Files<'a> = &'a [(&'a str, &'a str)];

fn load(text: &str, files: Files) -> Result<Script, Fault> {
    let mut read = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.to_string()).ok_or_else(|| "no such file".to_owned())
    };
    let env = |name: &str| match name {
        "TOKEN" => Some("s3cret\"".to_owned()),
        "N" => Some("5".to_owned()),
        _ => None,
    };
    Script::parse(Path::new("t.wsio"), text, &mut Loader { read: &mut read, env: &env })
}

fn limits() -> Limits {
    Limits {
        wait: Some(Duration::from_secs(10)),
        max_message: 1000,
        close: CloseWith::default(),
        ok_close: Vec::new(),
    }
}

/// A run whose time is told by hand.
struct TimedRun {
    engine: Engine,
    now: Instant,
}

impl TimedRun {
    fn new(text: &str) -> Self {
        let script = load(text, &[]).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        let mut run = Self { engine: Engine::new(Arc::new(script), limits()), now: Instant::now() };
        run.engine.tick(run.now);
        run
    }

    fn hears(&mut self, text: &str) {
        self.engine.received(Message::text(text), self.now);
    }

    fn waits(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.engine.tick(self.now);
    }

    /// What it says now, as texts.
    fn says(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.engine.send()).map(|message| message.to_string()).collect()
    }

    /// The fault of the failure, as it is shown.
    fn failure(&self) -> String {
        self.engine.failure().map(ToString::to_string).unwrap_or_default()
    }

    fn verdict(&mut self) -> Option<Fault> {
        self.engine.conclude(None, self.now)
    }
}
