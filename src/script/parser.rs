//! The state of reading a script: the sources of its parts, and the names that have a value.

use super::{Step, template::Origin};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// The sources of a script's parts.
pub struct Loader<'a> {
    /// Reads a file as text; the cause when it cannot.
    pub read: &'a mut dyn FnMut(&Path) -> Result<String, String>,
    /// Looks a variable of the environment up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

pub(super) struct Parser<'a, 'l> {
    pub loader: &'a mut Loader<'l>,
    pub steps: Vec<Step>,
    /// Names that were captured so far.
    pub captured: HashSet<String>,
    pub secrets: BTreeMap<String, String>,
    /// The files that are being read, each included by the one before.
    pub files: Vec<PathBuf>,
    /// The last expectation is of a message with data.
    pub captures: bool,
    pub over: Option<Over>,
}

/// The statement behind which not everything can happen.
#[derive(Clone, Copy)]
pub(super) enum Over {
    /// `>close` on that line: nothing can be sent.
    Ours(usize),
    /// `< close` on that line: nothing can happen.
    Theirs(usize),
}

impl Parser<'_, '_> {
    /// The source of a name's value, if it has one.
    pub(super) fn origin(&mut self, name: &str) -> Option<Origin> {
        if self.captured.contains(name) {
            return Some(Origin::Captured);
        }
        let value = (self.loader.env)(name)?;
        self.secrets.insert(name.to_owned(), value.clone());
        Some(Origin::Environment(value))
    }
}
