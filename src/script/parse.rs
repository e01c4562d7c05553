//! From text to steps.
//!
//! Whatever can be known before a packet leaves is refused here, with file, line and column: unknown
//! statements, names without a value, JSON and patterns that are none, what stands behind a close.

use super::{
    Closing, Expectation, From, LONGEST_CONTROL, Script, ScriptPlace, Step, StepAction, close_with,
    lines::{self, Bad, Endless, SourceSpan, Statement},
    pattern::{self, Pattern},
    template::{Flaw, Origin, Secrets, Sort, Template, is_name},
};
use crate::{
    close,
    exit::Exit,
    expect::json,
    fault::{Fault, Result},
    units::duration,
};
use base64::{Engine, alphabet, engine};
use bytes::Bytes;
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

/// The sources of a script's parts.
pub struct Loader<'a> {
    /// Reads a file as text; the cause when it cannot.
    pub read: &'a mut dyn FnMut(&Path) -> Result<String, String>,
    /// Looks a variable of the environment up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
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

/// The state of reading a script: the sources of its parts, and the names that have a value.
struct Parser<'a, 'l> {
    pub loader: &'a mut Loader<'l>,
    pub steps: Vec<Step>,
    /// Names that were captured so far.
    pub captured: HashSet<String>,
    pub secrets: BTreeMap<String, String>,
    /// The files that are being read, each included by the one before.
    pub files: Vec<PathBuf>,
    /// The last expectation is of a message with data.
    pub captures: bool,
    pub over: Option<AfterClose>,
}

/// The statement behind which not everything can happen.
#[derive(Clone, Copy)]
enum AfterClose {
    /// `>close` on that line: nothing can be sent.
    Ours(usize),
    /// `< close` on that line: nothing can happen.
    Theirs(usize),
}

/// Statements that stand before the expectation they are for.
#[derive(Default)]
struct Pending<'a> {
    skipped: Vec<Pattern>,
    within: Option<Option<Duration>>,
    first: Option<SourceSpan<'a>>,
}

impl Parser<'_, '_> {
    /// The source of a name's value, if it has one.
    fn origin(&mut self, name: &str) -> Option<Origin> {
        if self.captured.contains(name) {
            return Some(Origin::Captured);
        }
        let value = (self.loader.env)(name)?;
        self.secrets.insert(name.to_owned(), value.clone());
        Some(Origin::Environment(value))
    }

    fn file(&mut self, path: &Path, text: &str) -> Result<()> {
        self.files.push(path.to_owned());
        let name: Arc<str> = path.display().to_string().into();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
        let statements = lines::statements(&text).map_err(|Endless(span, word)| {
            Bad::at(&span, 0, format!("the text that begins below never ends: no line is {word}"))
                .fault(&name)
        })?;
        let mut pending = Pending::default();
        for statement in &statements {
            match statement.mark.text {
                "include" => self.include(statement, &pending, &name)?,
                _ => self.statement(statement, &mut pending, &name).map_err(|bad| bad.fault(&name))?,
            }
        }
        if let Some(span) = pending.first {
            return Err(Bad::at(&span, 0, "no expectation follows that this is for").fault(&name));
        }
        self.files.pop();
        Ok(())
    }

    fn include(&mut self, statement: &Statement, pending: &Pending, name: &Arc<str>) -> Result<()> {
        let span = statement.rest.trimmed();
        let bad = |cause: String| Bad::at(&span, 0, cause).fault(name);
        if let Some(span) = &pending.first {
            return Err(
                Bad::at(span, 0, "the expectation this is for has to follow before an include").fault(name)
            );
        }
        if span.text.is_empty() {
            return Err(bad("include what? a file is missing".to_owned()));
        }
        let beside = self.files.last().and_then(|file| file.parent()).unwrap_or(Path::new(""));
        let path = tidy(&beside.join(span.text));
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
        let action = match mark.text {
            ">" => StepAction::Text(self.text(rest)?),
            ">q" => StepAction::Text(self.quoted(rest)?),
            ">b" => StepAction::Binary(base64(rest)?),
            ">ping" => StepAction::Ping(self.control(rest)?),
            ">pong" => StepAction::Pong(self.control(rest)?),
            ">close" => StepAction::Close(self.closing(rest)?),
            "<" | "<q" | "<b" | "<ping" | "<pong" | "<close" => {
                let wanted = self.pattern(&mark.text[1..], rest)?;
                let Pending { skipped, within, .. } = std::mem::take(pending);
                StepAction::Expect(Expectation { wanted, skipped, within })
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
                StepAction::Sleep(duration(pause.text).map_err(|cause| Bad::at(&pause, 0, cause))?)
            }
            "capture" => self.capture(rest)?,
            _ => return Err(Bad::unknown(mark)),
        };
        self.in_order(mark, &action)?;
        let place = ScriptPlace { file: Arc::clone(file), line: mark.line };
        self.steps.push(Step { place, title: title.clone(), action });
        Ok(())
    }

    /// Refuses a statement that is impossible behind a close.
    fn in_order<'a>(&mut self, mark: &SourceSpan<'a>, action: &StepAction) -> Result<(), Bad<'a>> {
        let sends = matches!(
            action,
            StepAction::Text(_)
                | StepAction::Binary(_)
                | StepAction::Ping(_)
                | StepAction::Pong(_)
                | StepAction::Close(_)
        );
        match self.over {
            Some(AfterClose::Ours(line)) if sends => {
                let cause = format!("nothing can be sent behind the >close of line {line}");
                return Err(Bad::at(mark, 0, cause));
            }
            Some(AfterClose::Theirs(line)) if sends || matches!(action, StepAction::Expect(_)) => {
                let cause = format!("nothing can happen behind the close expected in line {line}");
                return Err(Bad::at(mark, 0, cause));
            }
            _ => {}
        }
        match action {
            StepAction::Close(_) => self.over = Some(AfterClose::Ours(mark.line)),
            StepAction::Expect(Expectation { wanted, .. }) => {
                self.captures = wanted.is_data();
                if matches!(wanted, Pattern::Close { .. }) {
                    self.over = Some(AfterClose::Theirs(mark.line));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A text to send: JSON if it is JSON, so that values fit.
    fn text<'a>(&mut self, span: &SourceSpan<'a>) -> Result<Template, Bad<'a>> {
        if is_json(span.text) {
            let template = self.template(span, Sort::Json)?;
            if serde_json::from_str::<serde_json::Value>(&template.sample()).is_ok() {
                return Ok(template);
            }
        }
        self.template(span, Sort::Plain)
    }

    fn plain<'a>(&mut self, span: &SourceSpan<'a>) -> Result<Template, Bad<'a>> {
        self.template(span, Sort::Plain)
    }

    /// The payload of a control frame to send.
    fn control<'a>(&mut self, span: &SourceSpan<'a>) -> Result<Template, Bad<'a>> {
        let payload = self.plain(span)?;
        match payload.is_constant() && payload.sample().len() > LONGEST_CONTROL {
            true => {
                Err(Bad::at(span, 0, format!("more than {LONGEST_CONTROL} bytes do not fit a control frame")))
            }
            false => Ok(payload),
        }
    }

    /// A text in the form of a JSON string.
    fn quoted<'a>(&mut self, span: &SourceSpan<'a>) -> Result<Template, Bad<'a>> {
        let span = span.trimmed();
        let text: String = serde_json::from_str(span.text).map_err(|error| {
            let cause = format!("expected a JSON string in quotes: {}", no_place(&error));
            Bad::at(&span, error.column().saturating_sub(1), cause)
        })?;
        let template = Template::parse(&text, Sort::Plain, |name| self.origin(name));
        template.map_err(|flaw| Bad::flaw(&span, Flaw { at: 0, ..flaw }))
    }

    /// The pattern of what is expected; `sort` is what stands right behind `<` or `<?`.
    fn pattern<'a>(&mut self, sort: &str, span: &SourceSpan<'a>) -> Result<Pattern, Bad<'a>> {
        let optional = |template: Template| Some(template).filter(|text| *text != Template::default());
        Ok(match sort {
            "q" => Pattern::Text(self.quoted(span)?),
            "b" => Pattern::Binary(base64(span)?),
            "ping" => Pattern::Ping(optional(self.plain(span)?)),
            "pong" => Pattern::Pong(optional(self.plain(span)?)),
            "close" => self.close(span)?,
            _ if span.below => self.expected_text(span)?,
            _ if pattern::names_a_control_frame(span.text) => return Err(ambiguous(span)),
            _ if span.text.trim_end() == "ping" => Pattern::Ping(None),
            _ if span.text.trim_end() == "pong" => Pattern::Pong(None),
            _ if pattern::is_control_word(span.text.trim_end()) => {
                self.close(&span.part("close".len(), span.text.len()))?
            }
            _ => match slashes(span) {
                Some((inner, ignores_case)) => {
                    let pattern = self.template(&inner, Sort::Pattern)?;
                    pattern::regex(&pattern.sample(), ignores_case)
                        .map_err(|cause| Bad::at(&inner, 0, cause))?;
                    Pattern::Regex { pattern, ignores_case }
                }
                None => self.expected_text(span)?,
            },
        })
    }

    fn expected_text<'a>(&mut self, span: &SourceSpan<'a>) -> Result<Pattern, Bad<'a>> {
        if !is_json(span.text) {
            return Ok(Pattern::Text(self.plain(span)?));
        }
        let template = self.template(span, Sort::Json)?;
        match serde_json::from_str::<serde_json::Value>(&template.sample()) {
            Ok(_) => Ok(Pattern::Json(template)),
            Err(error) => {
                // With something filled in, the columns are others.
                let at = if template.sample() == span.text { offset(span.text, &error) } else { 0 };
                let cause = format!("no JSON: {}", no_place(&error));
                Err(Bad::at(span, at, cause).hint("write <q \"…\" for a text that only looks like JSON"))
            }
        }
    }

    /// `[CODES [REASON]]` of an expected close.
    fn close<'a>(&mut self, span: &SourceSpan<'a>) -> Result<Pattern, Bad<'a>> {
        let (codes, reason) = span.word();
        let codes = match codes.text {
            "" => Vec::new(),
            "none" => vec![1005..=1005],
            text => close::arriving(text).map_err(|cause| Bad::at(&codes, 0, cause))?,
        };
        let reason = if reason.text.is_empty() { None } else { Some(self.plain(&reason)?) };
        Ok(Pattern::Close { codes, reason })
    }

    /// `[CODE [REASON]]` of a close of ours.
    fn closing<'a>(&mut self, span: &SourceSpan<'a>) -> Result<Option<Closing>, Bad<'a>> {
        let (word, reason) = span.word();
        let code = match word.text {
            "" => return Ok(None),
            "none" => None,
            text => Some(close::parse(text).map_err(|cause| Bad::at(&word, 0, cause))?),
        };
        let words = self.plain(&reason)?;
        let known = if words.is_constant() { words.sample() } else { String::new() };
        close_with(code, &known).map_err(|cause| Bad::at(&word, 0, cause))?;
        Ok(Some(Closing { code, reason: words }))
    }

    fn capture<'a>(&mut self, span: &SourceSpan<'a>) -> Result<StepAction, Bad<'a>> {
        let (name, from) = span.word();
        if !is_name(name.text) || name.text.is_empty() {
            return Err(Bad::at(&name, 0, "expected a name of letters, digits and _"));
        }
        if !self.captures {
            return Err(Bad::at(
                span,
                0,
                "no message is expected before this, so there is nothing to capture",
            ));
        }
        let source = match slashes(&from) {
            Some((inner, ignores_case)) => {
                let regex = pattern::regex(inner.text, ignores_case);
                From::Regex(regex.map_err(|cause| Bad::at(&inner, 0, cause))?)
            }
            None if from.text.is_empty() => From::Whole,
            None => {
                json::check_pointer(from.text).map_err(|cause| Bad::at(&from, 0, cause))?;
                From::Pointer(from.text.to_owned())
            }
        };
        self.captured.insert(name.text.to_owned());
        Ok(StepAction::Capture { name: name.text.to_owned(), from: source })
    }

    fn template<'a>(&mut self, span: &SourceSpan<'a>, sort: Sort) -> Result<Template, Bad<'a>> {
        let template = Template::parse(span.text, sort, |name| self.origin(name));
        template.map_err(|flaw| Bad::flaw(span, flaw))
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

/// `< pong hello`: a pong with a payload, or a text?
fn ambiguous<'a>(span: &SourceSpan<'a>) -> Bad<'a> {
    let (word, payload) = span.text.split_once(' ').unwrap_or((span.text, ""));
    Bad::at(span, 0, format!("it may be a {word} or a text")).hint(format!(
        "write <{word} {payload} for a {word}, <q \"{}\" for the text",
        span.text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

/// True when a text is meant as JSON.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// True when a text would be read as a pattern.
pub(super) fn is_between_slashes(text: &str) -> bool {
    pattern_end(text.trim_end()).is_some()
}

/// The part between `/` and `/`, or `/` and `/i`; true when case is ignored.
fn slashes<'a>(span: &SourceSpan<'a>) -> Option<(SourceSpan<'a>, bool)> {
    let (end, ignores_case) = pattern_end(span.text.trim_end())?;
    Some((span.part(1, end), ignores_case))
}

/// The byte of the closing slash, and whether case is ignored.
fn pattern_end(text: &str) -> Option<(usize, bool)> {
    let inner = text.strip_prefix('/')?;
    match (inner.strip_suffix('/'), inner.strip_suffix("/i")) {
        (Some(inner), _) => Some((1 + inner.len(), false)),
        (None, Some(inner)) => Some((1 + inner.len(), true)),
        (None, None) => None,
    }
}

pub(super) fn base64<'a>(span: &SourceSpan<'a>) -> Result<Bytes, Bad<'a>> {
    const EITHER: engine::GeneralPurpose = engine::GeneralPurpose::new(
        &alphabet::STANDARD,
        engine::GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent),
    );
    let span = span.trimmed();
    let bytes = EITHER.decode(span.text).map_err(|error| Bad::at(&span, 0, format!("no base64: {error}")))?;
    Ok(bytes.into())
}

/// The parser's words alone: the place is ours to say.
fn no_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(cause, _)| cause.to_owned())
}

/// The byte that the JSON parser stopped at.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let above: usize = text.split('\n').take(error.line() - 1).map(|line| line.len() + 1).sum();
    let mut at = (above + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
