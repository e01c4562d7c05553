//! A script as an endpoint: a fresh run of it for each opening.

use super::{Endpoint, OpenContext, Opened, OpenedLink, Opening, Opens};
use crate::{
    fault::Result,
    link::ScriptLink,
    script::{Limits, Script},
};
use std::sync::Arc;

/// The endpoint that runs this script.
pub fn script(script: Arc<Script>, limits: Limits) -> Box<dyn Endpoint> {
    Box::new(Play { script, limits })
}

struct Play {
    script: Arc<Script>,
    limits: Limits,
}

impl Endpoint for Play {
    fn describe(&self) -> String {
        format!("the script {}", self.script.file)
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        let conn = opening.client.map(|client| client.conn);
        let run =
            ScriptLink::new(Arc::clone(&self.script), self.limits.clone(), conn, context.reporter.clone());
        let opened = OpenedLink::new(Box::new(run), self.describe());
        Box::pin(std::future::ready(Ok(opened.into())))
    }
}
