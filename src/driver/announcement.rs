//! `--announce`: the URL in a file, whole from its first moment.
//!
//! A file that cannot be written is found out first: a line "listening on" is taken for success.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::write_file,
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// The text that is about to be published, and the file it goes to.
pub(super) enum Announcement {
    /// Written already to the first path, beside the file.
    Beside(PathBuf, PathBuf),
    /// A link, FIFO or device is written to: replacing it would cut off whoever reads it.
    Into(PathBuf, String),
}

impl Announcement {
    pub(super) fn new(file: &Path, text: &str) -> Result<Self> {
        if std::fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
            return Ok(Self::Into(file.to_owned(), text.to_owned()));
        }
        let mut beside = file.to_owned().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        write_file(Path::new(&beside), text).map_err(|error| unwritten(file, &error))?;
        Ok(Self::Beside(beside.into(), file.to_owned()))
    }

    /// Puts the text into the file.
    pub(super) fn publish(self) -> Result<()> {
        match self {
            Self::Beside(beside, file) => std::fs::rename(&beside, &file).map_err(|error| {
                let _ = std::fs::remove_file(&beside);
                unwritten(&file, &error)
            }),
            Self::Into(file, text) => write_file(&file, text).map_err(|error| unwritten(&file, &error)),
        }
    }
}

fn unwritten(file: &Path, error: &io::Error) -> Fault {
    Fault::new(Exit::WriteError, "announce", format!("cannot write {}: {error}", file.display()))
}
