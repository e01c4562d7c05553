//! `echo:` and `null:`: endpoints inside the process.

use super::{Endpoint, Opened, OpenedLink, Opening, Opens, Reach, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::Link,
};

pub(super) const ECHO: Scheme = Scheme {
    name: "echo",
    form: "echo:",
    example: "echo:",
    summary: "sends back what it gets; with connect, a built-in echo server",
    a: false,
    b: true,
    parse: |rest| internal(rest, Internal::Echo),
};

pub(super) const NULL: Scheme = Scheme {
    name: "null",
    form: "null:",
    example: "null:",
    summary: "gives nothing, swallows everything",
    a: false,
    b: true,
    parse: |rest| internal(rest, Internal::Null),
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

    fn open<'a>(&'a self, _: &'a Reach, _: Opening) -> Opens<'a, Result<Opened>> {
        let link = match self {
            Self::Echo => Link::echo(),
            Self::Null => Link::null(),
        };
        Box::pin(std::future::ready(Ok(Opened::Link(OpenedLink {
            link,
            peer: self.describe(),
            subprotocol: None,
        }))))
    }
}
