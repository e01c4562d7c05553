//! Errors in a script, with their places.

use super::{
    lines::{Piece, Spot},
    template::Flaw,
};
use crate::{exit::Exit, expect::show, fault::Fault};
use std::borrow::Cow;

/// The cause of the error for a line that begins with anything else.
const MARKS: &str = "a line begins with > < <? capture within sleep include or #";

/// Something that is no script.
pub(super) struct Bad<'a> {
    spot: Spot<'a>,
    cause: String,
    hint: Option<Cow<'static, str>>,
}

impl<'a> Bad<'a> {
    /// A cause, and the byte of a piece that it is about.
    pub(super) fn at(piece: &Piece<'a>, at: usize, cause: impl Into<String>) -> Self {
        Self { spot: piece.spot(at), cause: cause.into(), hint: None }
    }

    /// The flaw that a template found.
    pub(super) fn flaw(piece: &Piece<'a>, flaw: Flaw) -> Self {
        Self { hint: flaw.hint.map(Cow::Borrowed), ..Self::at(piece, flaw.at, flaw.cause) }
    }

    /// The same with a next step.
    pub(super) fn hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// As a fault of that file: exit 2, with the line and a mark.
    pub(super) fn fault(self, file: &str) -> Fault {
        let Spot { line, column, source } = self.spot;
        let fault = Fault::new(Exit::Usage, "script", format!("{file}:{line}:{column}: {}", self.cause))
            .detail(show::marked(source, column));
        Fault { hint: self.hint.map(Cow::into_owned), ..fault }
    }

    /// A statement that does not exist.
    pub(super) fn unknown(mark: &Piece<'a>) -> Self {
        let text = mark.text;
        let attached = |sign: &str, hint| {
            let cause = format!("unknown word `{}`", show::short(text));
            text.starts_with(sign).then(|| Self::at(mark, 0, cause).hint(hint))
        };
        attached("<?", "write a blank behind <? and then what may be skipped; <?q, <?b")
            .or_else(|| {
                attached(
                    "<",
                    "write a blank behind < and then what is expected; <q, <b, <ping, <pong, <close",
                )
            })
            .or_else(|| {
                attached(">", "write a blank behind > and then the text; >q, >b, >ping, >pong, >close")
            })
            .unwrap_or_else(|| Self::at(mark, 0, MARKS))
    }
}
