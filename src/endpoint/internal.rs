//! `echo:`, `null:` and `hub:`: endpoints inside the process.

use super::{Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Channel, ScriptLink},
    script::{Limits, Script},
};
use std::sync::Arc;

pub(super) const ECHO: Scheme = Scheme {
    name: "echo",
    form: "echo:",
    example: "echo:",
    summary: "sends every message back; with connect, a built-in echo server",
    kind: Kind::Echo,
    flags: Flags::NONE,
    a: false,
    b: true,
    parse: |rest| internal(rest, Internal::Echo),
};

pub(super) const NULL: Scheme = Scheme {
    name: "null",
    form: "null:",
    example: "null:",
    summary: "gives nothing, discards everything",
    kind: Kind::Null,
    flags: Flags::NONE,
    a: false,
    b: true,
    parse: |rest| internal(rest, Internal::Null),
};

pub(super) const HUB: Scheme = Scheme {
    name: "hub",
    form: "hub:NAME",
    example: "hub:chat",
    summary: "fan-out inside the process: each message to all others that name it",
    kind: Kind::Hub,
    flags: Flags::NONE,
    a: false,
    b: true,
    parse: |name| {
        if name.is_empty() {
            return Err(Fault::new(Exit::Malformed, "endpoint", "`hub:` lacks a name"));
        }
        Ok(Box::new(HubEndpoint(name.to_owned())))
    },
};

fn internal(rest: &str, which: Internal) -> Result<Box<dyn Endpoint>> {
    if rest.is_empty() {
        return Ok(Box::new(which));
    }
    Err(Fault::new(Exit::Malformed, "endpoint", format!("nothing may follow `{}`", which.describe())))
}

enum Internal {
    Echo,
    Null,
}

impl Endpoint for Internal {
    fn describe(&self) -> String {
        match self {
            Self::Echo => "echo:".into(),
            Self::Null => "null:".into(),
        }
    }

    fn open<'a>(&'a self, _: &'a OpenContext, _: Opening) -> Opens<'a, Result<Opened>> {
        let link = match self {
            Self::Echo => Channel::echo(),
            Self::Null => Channel::null(),
        };
        Box::pin(std::future::ready(Ok(OpenedLink::new(Box::new(link), self.describe()).into())))
    }
}

struct HubEndpoint(String);

impl Endpoint for HubEndpoint {
    fn describe(&self) -> String {
        format!("hub:{}", self.0)
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        let member = context.rooms.join(&self.0);
        if let Some(client) = &opening.client {
            member.set_conn(client.conn);
        }
        let opened = OpenedLink::new(Box::new(member), self.describe()).into();
        Box::pin(std::future::ready(Ok(opened)))
    }
}

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
