//! What a run is there to find out, beside carrying messages.

use crate::{exit::Exit, fault::Fault, framing::record::Facts, plan::Expect};

/// What is not as expected of an opening.
pub(super) fn unexpected(expect: &Expect, facts: &Facts) -> Option<Fault> {
    let expected = expect.subprotocol.as_ref().filter(|name| facts.subprotocol.as_ref() != Some(name))?;
    let chosen = facts.subprotocol.as_ref().map_or("none".to_owned(), |name| format!("`{name}`"));
    let cause = format!("expected the subprotocol `{expected}`, the server chose {chosen}");
    Some(Fault::new(Exit::Expectation, "upgrade", cause))
}
