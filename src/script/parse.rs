//! From text to steps.
//!
//! Whatever can be known before a packet leaves is refused here, with file, line and column: unknown
//! statements, names without a value, JSON and patterns that are none, what stands behind a close.

use super::{
    Expectation, Place, Script, Step, What,
    bad::Bad,
    lines::{self, Endless, Piece, Statement},
    parser::{Loader, Over, Parser},
    pattern::Pattern,
    phrases,
    secrets::Secrets,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    units::duration,
};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Files that may include each other, one inside the other.
const DEEPEST: usize = 16;
/// A value shorter than this is no secret, and hiding it would garble what is shown. Bytes.
const SECRET: usize = 4;

/// Statements that stand before the expectation they are for.
#[derive(Default)]
struct Pending<'a> {
    skipped: Vec<Pattern>,
    within: Option<Option<Duration>>,
    first: Option<Piece<'a>>,
}

impl Script {
    /// Reads the script in that file.
    ///
    /// # Errors
    /// Exit 26 for a file that cannot be read, exit 2 for what is no script, with its place.
    pub fn load(path: &Path, loader: &mut Loader) -> Result<Self> {
        let text = (loader.read)(path).map_err(|cause| unreadable(path, &cause))?;
        Self::parse(path, &text, loader)
    }

    /// Reads a script that stands in `text`; files it includes are beside `path`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(path: &Path, text: &str, loader: &mut Loader) -> Result<Self> {
        let mut parser = Parser {
            loader,
            steps: Vec::new(),
            captured: HashSet::new(),
            secrets: BTreeMap::new(),
            files: Vec::new(),
            captures: false,
            over: None,
        };
        parser.file(path, text)?;
        let is_secret = |value: &str| value.len() >= SECRET && !matches!(value, "true" | "false" | "null");
        let mut secrets: Vec<_> = parser.secrets.into_iter().filter(|(_, value)| is_secret(value)).collect();
        // One that is part of another must not cut it in two.
        secrets.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        Ok(Self { file: path.display().to_string().into(), steps: parser.steps, secrets: Secrets(secrets) })
    }
}

impl Parser<'_, '_> {
    fn file(&mut self, path: &Path, text: &str) -> Result<()> {
        self.files.push(path.to_owned());
        let name: Arc<str> = path.display().to_string().into();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
        let statements = lines::statements(&text).map_err(|Endless(piece, word)| {
            Bad::at(&piece, 0, format!("the text that begins below never ends: no line is {word}"))
                .fault(&name)
        })?;
        let mut pending = Pending::default();
        for statement in &statements {
            match statement.mark.text {
                "include" => self.include(statement, &pending, &name)?,
                _ => self.statement(statement, &mut pending, &name).map_err(|bad| bad.fault(&name))?,
            }
        }
        if let Some(piece) = pending.first {
            return Err(Bad::at(&piece, 0, "no expectation follows that this is for").fault(&name));
        }
        self.files.pop();
        Ok(())
    }

    fn include(&mut self, statement: &Statement, pending: &Pending, name: &Arc<str>) -> Result<()> {
        let piece = statement.rest.trimmed();
        let bad = |cause: String| Bad::at(&piece, 0, cause).fault(name);
        if let Some(piece) = &pending.first {
            return Err(
                Bad::at(piece, 0, "the expectation this is for has to follow before an include").fault(name)
            );
        }
        if piece.text.is_empty() {
            return Err(bad("include what? a file is missing".to_owned()));
        }
        let beside = self.files.last().and_then(|file| file.parent()).unwrap_or(Path::new(""));
        let path = tidy(&beside.join(piece.text));
        if let Some(at) = self.files.iter().position(|file| tidy(file) == path) {
            let circle: Vec<_> =
                self.files[at..].iter().chain([&path]).map(|file| file.display().to_string()).collect();
            return Err(bad(format!("files that include each other: {}", circle.join(" includes "))));
        }
        if self.files.len() >= DEEPEST {
            return Err(bad(format!("more than {DEEPEST} files that include each other")));
        }
        let text = (self.loader.read)(&path).map_err(|cause| {
            let fault = bad(format!("cannot read {}: {cause}", path.display()));
            Fault { exit: Exit::ReadError, ..fault }
        })?;
        self.file(&path, &text)
    }

    fn statement<'a>(
        &mut self,
        statement: &Statement<'a>,
        pending: &mut Pending<'a>,
        file: &Arc<str>,
    ) -> Result<(), Bad<'a>> {
        let Statement { mark, rest, title } = statement;
        let what = match mark.text {
            ">" => What::Text(self.text(rest)?),
            ">q" => What::Text(self.quoted(rest)?),
            ">b" => What::Binary(phrases::base64(rest)?),
            ">ping" => What::Ping(self.control(rest)?),
            ">pong" => What::Pong(self.control(rest)?),
            ">close" => What::Close(self.closing(rest)?),
            "<" | "<q" | "<b" | "<ping" | "<pong" | "<close" => {
                let wanted = self.pattern(&mark.text[1..], rest)?;
                let Pending { skipped, within, .. } = std::mem::take(pending);
                What::Expect(Expectation { wanted, skipped, within })
            }
            "<?" | "<?q" | "<?b" | "<?ping" | "<?pong" => {
                let skipped = self.pattern(&mark.text[2..], rest)?;
                if matches!(skipped, Pattern::Close { .. }) {
                    return Err(Bad::at(rest, 0, "nothing comes behind a close, so it cannot be skipped"));
                }
                pending.first.get_or_insert(*mark);
                pending.skipped.push(skipped);
                return Ok(());
            }
            "within" => {
                if pending.within.is_some() {
                    return Err(Bad::at(mark, 0, "a second limit for the same expectation"));
                }
                let limit = rest.trimmed();
                pending.first.get_or_insert(*mark);
                pending.within = Some(match limit.text {
                    "off" | "inf" => None,
                    text => Some(duration(text).map_err(|cause| Bad::at(&limit, 0, cause))?),
                });
                return Ok(());
            }
            "sleep" => {
                let pause = rest.trimmed();
                What::Sleep(duration(pause.text).map_err(|cause| Bad::at(&pause, 0, cause))?)
            }
            "capture" => self.capture(rest)?,
            _ => return Err(Bad::unknown(mark)),
        };
        self.in_order(mark, &what)?;
        let place = Place { file: Arc::clone(file), line: mark.line };
        self.steps.push(Step { place, title: title.clone(), what });
        Ok(())
    }

    /// Refuses a statement that is impossible behind a close.
    fn in_order<'a>(&mut self, mark: &Piece<'a>, what: &What) -> Result<(), Bad<'a>> {
        let sends =
            matches!(what, What::Text(_) | What::Binary(_) | What::Ping(_) | What::Pong(_) | What::Close(_));
        match self.over {
            Some(Over::Ours(line)) if sends => {
                let cause = format!("nothing can be sent behind the >close of line {line}");
                return Err(Bad::at(mark, 0, cause));
            }
            Some(Over::Theirs(line)) if sends || matches!(what, What::Expect(_)) => {
                let cause = format!("nothing can happen behind the close expected in line {line}");
                return Err(Bad::at(mark, 0, cause));
            }
            _ => {}
        }
        match what {
            What::Close(_) => self.over = Some(Over::Ours(mark.line)),
            What::Expect(Expectation { wanted, .. }) => {
                self.captures = wanted.is_data();
                if matches!(wanted, Pattern::Close { .. }) {
                    self.over = Some(Over::Theirs(mark.line));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn unreadable(path: &Path, cause: &str) -> Fault {
    Fault::new(Exit::ReadError, "script", format!("cannot read {}: {cause}", path.display()))
}

/// Without `.` and `..` where they can be taken away.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
