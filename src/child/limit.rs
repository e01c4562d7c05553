//! The limit on descriptors: raised as far as is allowed for this process, and as before for a child.
//!
//! The usual 1,024 are a bound for programs that use `select`, which this one does not; a server that stands
//! on the open network needs more for clients that come and go.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// The limit that this process was started with.
static BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit to what the system allows; a refusal costs nothing.
pub fn raise_descriptors() {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    if before.current != before.maximum && setrlimit(Resource::Nofile, raised).is_ok() {
        let _ = BEFORE.set(before);
    }
}

/// Number of descriptors that this process may have.
pub fn descriptors() -> usize {
    let current = getrlimit(Resource::Nofile).current;
    current.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX)
}

/// The limit of before, for a child.
pub(super) fn before() -> Option<Rlimit> {
    BEFORE.get().cloned()
}
