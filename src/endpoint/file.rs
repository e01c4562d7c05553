//! `file:` and `append:`: read as A, written as B.

use super::{Endpoint, Opened, OpenedLink, Opening, Opens, Reach, Role, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Port, Texts, hire},
    net,
    observe::Meter,
};
use std::{fs::File, path::PathBuf};
use tokio::sync::oneshot;

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
                    .exhausted(net::cannot_start(&error))
            })?;
            if let (Some(meter), Ok(facts)) = (meter, file.metadata())
                && facts.is_file()
            {
                meter.expect(role.side(), facts.len());
            }
            return Port::reader(file).map_err(|error| {
                Fault::new(Exit::ReadError, "open", format!("cannot read {path}: {error}"))
                    .exhausted(net::cannot_start(&error))
            });
        }
        let mut options = File::options();
        options.create(true);
        let options = if self.append { options.append(true) } else { options.write(true).truncate(true) };
        options.open(&self.path).and_then(Port::writer).map_err(|error| {
            Fault::new(Exit::WriteError, "open", format!("cannot write {path}: {error}"))
                .exhausted(net::cannot_start(&error))
        })
    }
}

impl Endpoint for Disk {
    fn describe(&self) -> String {
        format!("{}:{}", if self.append { "append" } else { "file" }, self.path.display())
    }

    fn open<'a>(&'a self, reach: &'a Reach, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            // Opening a FIFO waits for its other end, so it has a thread of its own.
            let [worker] = hire().map_err(|error| {
                let cause = format!("cannot start a thread for {}: {error}", self.describe());
                Fault::new(Exit::Internal, "open", cause).exhausted(true)
            })?;
            let (report, opened) = oneshot::channel();
            let disk = Self { path: self.path.clone(), append: self.append };
            let meter = reach.reporter.meter().cloned();
            worker.run(move || {
                let _ = report.send(disk.port(opening.role, meter.as_deref()));
            });
            let port =
                opened.await.map_err(|_| Fault::new(Exit::Internal, "open", "opening a file failed"))??;
            let texts = Texts { input: self.describe(), output: self.describe() };
            let link = reach.bytes(port, texts);
            Ok(OpenedLink::new(link, self.describe()).into())
        })
    }
}
