//! `file:` and `append:`: read as A, written as B.
//!
//! Behind a server a file is opened once a client, so `file:` there would empty the file each time:
//! it is refused, or with `--once` emptied by the first byte that comes.

use super::{Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Role, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Port, Texts, hire},
    observe::Meter,
    os_error, os_text,
};
use std::{
    fs::File,
    io::IsTerminal,
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use tokio::sync::oneshot;

pub(super) const FILE: Scheme = Scheme {
    name: "file",
    form: "file:PATH",
    example: "file:/tmp/data.bin",
    summary: "read from a file (A), or write it anew (B)",
    kind: Kind::File,
    flags: Flags { path: true, ..Flags::NONE },
    a: true,
    b: true,
    parse: |path| parse(path, false),
};

pub(super) const APPEND: Scheme = Scheme {
    name: "append",
    form: "append:PATH",
    example: "append:/tmp/log.txt",
    summary: "append to a file",
    kind: Kind::File,
    flags: Flags { path: true, ..Flags::NONE },
    a: false,
    b: true,
    parse: |path| parse(path, true),
};

fn parse(path: &str, append: bool) -> Result<Box<dyn Endpoint>> {
    if path.is_empty() {
        let name = if append { "append" } else { "file" };
        return Err(Fault::new(Exit::Malformed, "endpoint", format!("`{name}:` lacks a path")));
    }
    Ok(Box::new(Disk { path: os_text::path(path), append }))
}

struct Disk {
    path: PathBuf,
    append: bool,
}

impl Disk {
    fn port(&self, role: Role, for_client: bool, meter: Option<&Meter>) -> Result<Port> {
        let path = self.path.display();
        if role == Role::A {
            let file = File::open(&self.path).map_err(|error| {
                Fault::new(Exit::ReadError, "open", format!("cannot read {path}: {error}"))
                    .exhausted(os_error::cannot_start(&error))
            })?;
            if let (Some(meter), Ok(facts)) = (meter, file.metadata())
                && facts.is_file()
            {
                meter.expect(role.side(), facts.len());
            }
            return Port::reader(file).map_err(|error| {
                Fault::new(Exit::ReadError, "open", format!("cannot read {path}: {error}"))
                    .exhausted(os_error::cannot_start(&error))
            });
        }
        let mut options = File::options();
        options.create(true);
        let late = for_client && !self.append;
        let options = match self.append {
            true => options.append(true),
            false => options.write(true).truncate(!late),
        };
        let port = options.open(&self.path).and_then(|file| match late {
            true => Port::writer_anew(file),
            false => Port::writer(file),
        });
        port.map_err(|error| {
            Fault::new(Exit::WriteError, "open", format!("cannot write {path}: {error}"))
                .exhausted(os_error::cannot_start(&error))
        })
    }
}

/// True when the path is a terminal or serial line, which is both read and written.
fn is_line(path: &Path) -> bool {
    let is_device = std::fs::metadata(path).is_ok_and(|facts| facts.file_type().is_char_device());
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32;
    is_device
        && File::options().write(true).custom_flags(flags).open(path).is_ok_and(|file| file.is_terminal())
}

impl Endpoint for Disk {
    fn describe(&self) -> String {
        format!("{}:{}", if self.append { "append" } else { "file" }, self.path.display())
    }

    fn may_serve(&self, once: bool) -> Result<()> {
        let (name, path) = (self.describe(), self.path.display());
        let refused = |cause: &str| Fault::new(Exit::Usage, "usage", format!("{name} {cause}"));
        if is_line(&self.path) {
            return Err(refused("behind a server would only be written: what the device says would be lost")
                .hint(format!("sh:'socat - {path},raw,echo=0' carries both ways")));
        }
        let special = std::fs::metadata(&self.path).is_ok_and(|facts| !facts.is_file());
        if self.append || once || special {
            return Ok(());
        }
        Err(refused("would be emptied by each client").hint(format!(
            "append:{path} to add what clients send, exec:'cat {path}' to send them the file, --once for one client"
        )))
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            // Opening a FIFO waits for its other end, so it has a thread of its own.
            let [worker] = hire().map_err(|error| {
                let cause = format!("cannot start a thread for {}: {error}", self.describe());
                Fault::new(Exit::Internal, "open", cause).exhausted(true)
            })?;
            let (report, opened) = oneshot::channel();
            let disk = Self { path: self.path.clone(), append: self.append };
            let meter = context.reporter.meter().cloned();
            let for_client = opening.client.is_some();
            worker.run(move || {
                let _ = report.send(disk.port(opening.role, for_client, meter.as_deref()));
            });
            let port =
                opened.await.map_err(|_| Fault::new(Exit::Internal, "open", "opening a file failed"))??;
            let texts = Texts { input: self.describe(), output: self.describe() };
            let link = context.bytes(port, texts);
            Ok(OpenedLink::new(link, self.describe()).into())
        })
    }
}
