//! The lines typed earlier, kept in a file that only its owner can read.
//!
//! Every line is appended by one write, so sessions at the same time add to the file and never replace
//! what another one wrote; it is only shortened when a session starts, under a lock and by a new file in
//! its place. What looks like a secret is not written at all.

use crate::os_text;
use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Lines that are kept.
pub(super) const MOST: usize = 1000;
/// A longer line is not worth keeping. Bytes.
const LONGEST: usize = 64 * 1024;
/// The file is shortened when it is longer. Bytes.
const LARGEST: u64 = 1024 * 1024;
/// Of a file that is longer yet, only the end is read. Bytes.
const READ: u64 = 16 * LARGEST;

/// Words in what is better not kept.
const SECRETS: &[&str] = &[
    "passw",
    "secret",
    "token",
    "authoriz",
    "bearer",
    "apikey",
    "api_key",
    "api-key",
    "credential",
    "private_key",
];

/// The history file.
pub(super) struct History {
    path: PathBuf,
}

impl History {
    /// The history in the place that the environment says: below `XDG_STATE_HOME`, or `~/.local/state`.
    pub(super) fn of(env: fn(&str) -> Option<String>) -> Option<Self> {
        let absolute =
            |name| env(name).map(|text| os_text::path(&text)).filter(|path: &PathBuf| path.is_absolute());
        let state =
            absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
        Some(Self { path: state.join("wsio/history") })
    }

    /// The lines that were kept, the oldest first, each once.
    ///
    /// # Errors
    /// When the file is there and cannot be read or shortened.
    pub(super) fn load(&self) -> io::Result<Vec<String>> {
        let locked = self.open(OpenOptions::new().read(true), File::lock);
        let mut file = match locked {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            locked => locked?,
        };
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        if facts.len() > READ {
            file.seek(SeekFrom::Start(facts.len() - READ))?;
        }
        let mut content = Vec::new();
        (&file).take(READ).read_to_end(&mut content)?;
        // The line that was cut is none.
        let whole = if facts.len() > READ { content.iter().position(|byte| *byte == b'\n') } else { None };
        let content = String::from_utf8_lossy(&content[whole.map_or(0, |end| end + 1)..]);
        let all: Vec<&str> = content.lines().filter(|line| !line.is_empty()).collect();
        let mut seen = HashSet::new();
        let mut kept: Vec<&str> =
            all.iter().rev().copied().filter(|line| seen.insert(*line)).take(MOST).collect();
        kept.reverse();
        if all.len() > 2 * MOST || facts.len() > LARGEST {
            self.replace(&kept)?;
        }
        Ok(kept.into_iter().map(unescape).collect())
    }

    /// Appends a line, unless it is better not kept.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn append(&self, line: &str) -> io::Result<()> {
        if !is_worth_keeping(line) {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file =
            self.open(OpenOptions::new().append(true).create(true).mode(0o600), File::lock_shared)?;
        if file.metadata()?.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        file.write_all(format!("{}\n", escape(line)).as_bytes())
    }

    /// The file, opened and locked; another session may have put a shorter one in its place meanwhile.
    fn open(&self, options: &OpenOptions, lock: fn(&File) -> io::Result<()>) -> io::Result<File> {
        loop {
            let file = options.open(&self.path)?;
            match lock(&file) {
                // A file system without locks still has a history.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
                locked => locked?,
            }
            if is_at(&file, &self.path) {
                return Ok(file);
            }
        }
    }

    fn replace(&self, lines: &[&str]) -> io::Result<()> {
        let new = self.path.with_extension(std::process::id().to_string());
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let content: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let written = file.write_all(content.as_bytes()).and_then(|()| fs::rename(&new, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }
}

/// As in a shell, a line that begins with a space is not kept.
pub(super) fn is_worth_keeping(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    !line.starts_with(' ')
        && !line.is_empty()
        && line.len() <= LONGEST
        && !SECRETS.iter().any(|word| lower.contains(word))
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// One message is one line of the file.
fn escape(line: &str) -> String {
    line.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescape(line: &str) -> String {
    let (mut out, mut characters) = (String::with_capacity(line.len()), line.chars());
    while let Some(character) = characters.next() {
        out.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                other => other.unwrap_or('\\'),
            },
            other => other,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> (tempfile::TempDir, History) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/wsio/history");
        (folder, History { path })
    }

    #[test]
    fn lines_come_back_each_once() {
        let (_folder, history) = history();
        assert_eq!(history.load().unwrap(), Vec::<String>::new());
        for line in ["a", "{\n  \"b\": \"\\n\"\r\n}", "a", "c"] {
            history.append(line).unwrap();
        }
        assert_eq!(history.load().unwrap(), ["{\n  \"b\": \"\\n\"\r\n}", "a", "c"]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&history.path), mode(history.path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn secrets_and_lines_that_begin_with_a_space_are_not_kept() {
        let (_folder, history) = history();
        for line in [" a", "", "{\"op\":\"login\",\"Password\":\"x\"}", "{\"access_token\":1}", "Bearer x"] {
            history.append(line).unwrap();
        }
        assert!(!history.path.exists());
    }

    #[test]
    fn sessions_at_the_same_time_lose_nothing() {
        let (_folder, history) = history();
        std::thread::scope(|scope| {
            for session in 0..4 {
                let path = history.path.clone();
                scope.spawn(move || {
                    let own = History { path };
                    own.load().unwrap();
                    for number in 0..200 {
                        own.append(&format!("line {number} of {session}")).unwrap();
                    }
                });
            }
        });
        assert_eq!(history.load().unwrap().len(), 800);
    }

    #[test]
    fn the_file_is_bounded_and_shortening_loses_no_line_of_another_session() {
        let (_folder, history) = history();
        std::thread::scope(|scope| {
            let path = history.path.clone();
            scope.spawn(move || {
                for number in 0..3 * MOST {
                    History { path: path.clone() }.append(&format!("old {number}")).unwrap();
                }
                for number in 0..100 {
                    History { path: path.clone() }.append(&format!("new {number}")).unwrap();
                }
            });
            for _ in 0..2 {
                scope.spawn(|| (0..50).for_each(|_| drop(history.load().unwrap())));
            }
        });
        let lines = history.load().unwrap();
        assert_eq!(lines.len(), MOST);
        assert!((0..100).all(|number| lines[MOST - 100 + number] == format!("new {number}")));
        let content = fs::read_to_string(&history.path).unwrap();
        assert!(content.lines().count() <= 2 * MOST, "{}", content.lines().count());
    }

    #[test]
    fn only_the_end_of_a_file_that_grew_too_long_is_read_and_no_device_is() {
        let (_folder, history) = history();
        history.append("first").unwrap();
        let mut file = OpenOptions::new().append(true).open(&history.path).unwrap();
        file.set_len(READ).unwrap();
        file.write_all(b"cut off\nlast\n").unwrap();
        let lines = history.load().unwrap();
        assert_eq!(lines.last().map(String::as_str), Some("last"));
        assert!(!lines.iter().any(|line| line.contains("first")), "{}", lines.len());
        assert!(fs::metadata(&history.path).unwrap().len() <= READ);

        fs::remove_file(&history.path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &history.path).unwrap();
        assert!(history.load().unwrap_err().to_string().contains("not a file"));
    }

    #[test]
    fn the_environment_says_where() {
        let path = |env| History::of(env).map(|history| history.path);
        let both = |name: &str| match name {
            "XDG_STATE_HOME" => Some("/state".to_owned()),
            "HOME" => Some("/home/me".to_owned()),
            _ => None,
        };
        assert_eq!(path(both), Some("/state/wsio/history".into()));
        let home = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        assert_eq!(path(home), Some("/home/me/.local/state/wsio/history".into()));
        let relative = |name: &str| (name == "XDG_STATE_HOME").then(|| "state".to_owned());
        assert_eq!(path(relative), None);
        assert_eq!(path(|_| None), None);
    }
}
