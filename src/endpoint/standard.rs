//! `-`: standard input and output.

use super::{Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Port, Texts},
};

pub(super) const STANDARD: Scheme = Scheme {
    name: "-",
    form: "-",
    example: "-",
    summary: "standard input and output",
    kind: Kind::Standard,
    flags: Flags::NONE,
    a: true,
    b: true,
    parse: |_| Ok(Box::new(Standard)),
};

struct Standard;

impl Endpoint for Standard {
    fn describe(&self) -> String {
        "-".into()
    }

    fn is_standard(&self) -> bool {
        true
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            if let Some(client) = &opening.client
                && let Some(prompt) = context.stdio.prompt(&format!("client {}", client.peer))
            {
                return Ok(OpenedLink::new(Box::new(prompt), "-".into()).into());
            }
            let workers = context.stdio.hire().map_err(|error| {
                let cause = format!("cannot start a thread for standard input and output: {error}");
                Fault::new(Exit::Internal, "open", cause)
                    .hint("raise the limit on processes (ulimit -u)")
                    .exhausted(true)
            })?;
            let Some(mut streams) = context.stdio.take() else {
                return Err(Fault::new(
                    Exit::Usage,
                    "usage",
                    "standard input and output can be used only once",
                )
                .hint("use --once with a listening endpoint and `-`"));
            };
            let mut reads = context.reads_input();
            if context.common.input_left.is_some() {
                // The messages of `--send` may be the input, which has ended with them: an empty stream
                // stands in for standard input.
                (streams.input, streams.input_file) = (Box::new(std::io::empty()), None);
                streams.input_is_terminal = false;
                reads &= context.common.input_sent;
            }
            if let Some(meter) = context.reporter.meter().filter(|_| reads) {
                meter.expect_standard_input(opening.role.side());
            }
            let texts = Texts { input: "standard input".into(), output: "standard output".into() };
            let port = Port::standard(workers, streams, reads).after(context.common.input_sent);
            let link = context.standard(port, texts, &opening);
            Ok(OpenedLink::new(link, "-".into()).into())
        })
    }
}
