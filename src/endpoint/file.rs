//! `file:` and `append:`: read as A, written as B.

use super::{Endpoint, Opened, OpenedLink, Opening, Opens, Reach, Role, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Port, Texts},
    observe::Meter,
};
use std::{fs::File, path::PathBuf};

pub(super) const FILE: Scheme = Scheme {
    name: "file",
    form: "file:PATH",
    example: "file:/tmp/data.bin",
    summary: "read from a file (A), or write it anew (B)",
    a: true,
    b: true,
    parse: |path| parse(path, false),
};

pub(super) const APPEND: Scheme = Scheme {
    name: "append",
    form: "append:PATH",
    example: "append:/tmp/log.txt",
    summary: "append to a file",
    a: false,
    b: true,
    parse: |path| parse(path, true),
};

fn parse(path: &str, append: bool) -> Result<Box<dyn Endpoint>> {
    if path.is_empty() {
        let name = if append { "append" } else { "file" };
        return Err(Fault::new(Exit::Malformed, "endpoint", format!("`{name}:` lacks a path")));
    }
    Ok(Box::new(Disk { path: path.into(), append }))
}

struct Disk {
    path: PathBuf,
    append: bool,
}

impl Disk {
    fn port(&self, role: Role, meter: Option<&Meter>) -> Result<Port> {
        let path = self.path.display();
        if role == Role::A {
            let file = File::open(&self.path).map_err(|error| {
                Fault::new(Exit::ReadError, "open", format!("cannot read {path}: {error}"))
            })?;
            if let (Some(meter), Ok(facts)) = (meter, file.metadata())
                && facts.is_file()
            {
                meter.expect(role.side(), facts.len());
            }
            return Port::reader(file).map_err(|error| {
                Fault::new(Exit::ReadError, "open", format!("cannot read {path}: {error}"))
            });
        }
        let mut options = File::options();
        options.create(true);
        let options = if self.append { options.append(true) } else { options.write(true).truncate(true) };
        options
            .open(&self.path)
            .and_then(Port::writer)
            .map_err(|error| Fault::new(Exit::WriteError, "open", format!("cannot write {path}: {error}")))
    }
}

impl Endpoint for Disk {
    fn describe(&self) -> String {
        format!("{}:{}", if self.append { "append" } else { "file" }, self.path.display())
    }

    fn open<'a>(&'a self, reach: &'a Reach, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            // Opening a FIFO waits for its other end.
            let disk = Self { path: self.path.clone(), append: self.append };
            let meter = reach.reporter.meter().cloned();
            let opened = tokio::task::spawn_blocking(move || disk.port(opening.role, meter.as_deref())).await;
            let port = opened.map_err(|_| Fault::new(Exit::Internal, "open", "opening a file failed"))??;
            let texts = Texts { input: self.describe(), output: self.describe() };
            let link = reach.bytes(port, texts);
            Ok(OpenedLink::new(link, self.describe()).into())
        })
    }
}
