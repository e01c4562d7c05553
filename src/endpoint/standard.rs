//! `-`: standard input and output.

use super::{Endpoint, Opened, OpenedLink, Opening, Opens, Reach, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Port, Texts, hire},
};

pub(super) const STANDARD: Scheme = Scheme {
    name: "-",
    form: "-",
    example: "-",
    summary: "standard input and output",
    a: true,
    b: true,
    parse: |_| Ok(Box::new(Standard)),
};

struct Standard;

impl Endpoint for Standard {
    fn describe(&self) -> String {
        "-".into()
    }

    fn open<'a>(&'a self, reach: &'a Reach, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            // Before the streams are taken, which nobody could take again.
            let workers = hire().map_err(|error| {
                let cause = format!("cannot start a thread for standard input and output: {error}");
                Fault::new(Exit::Internal, "open", cause)
                    .hint("raise the limit on processes (ulimit -u)")
                    .exhausted(true)
            })?;
            let Some(streams) = reach.stdio.take() else {
                return Err(Fault::new(
                    Exit::Usage,
                    "usage",
                    "standard input and output can be used only once",
                )
                .hint("use --once with a listening endpoint and `-`"));
            };
            if let Some(meter) = reach.reporter.meter().filter(|_| reach.read_input) {
                meter.expect_standard_input(opening.role.side());
            }
            let texts = Texts { input: "standard input".into(), output: "standard output".into() };
            let port = Port::standard(workers, streams, reach.read_input, true).after(reach.input_sent);
            let link = reach.standard(port, texts, &opening);
            Ok(OpenedLink::new(link, "-".into()).into())
        })
    }
}
