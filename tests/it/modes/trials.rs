//! What each option does, as one line of what can be seen of a run.

mod between;
mod served;
mod talk;

use super::{peers::Habit, table::Mode};
use regex::Regex;

/// What shows that an option acted.
pub enum Shows {
    /// This line is there with the option alone.
    Line(Regex),
    /// This line is there without the option alone.
    NoLine(Regex),
    /// It only permits or silences, and here is nothing that it could permit or silence: it may be given.
    Nothing,
    /// A test of its own, which needs more than one run: its file and its name.
    Elsewhere(&'static str, &'static str),
}

/// How one option is tried, in some modes or in all.
pub struct Trial {
    options: &'static [&'static str],
    modes: &'static [&'static str],
    pub with: String,
    /// What else is given, with the option and without it.
    pub also: String,
    pub habit: Habit,
    /// What a client adds to its request.
    pub lines: &'static [&'static str],
    /// Another input than the mode's.
    pub input: Option<&'static str>,
    /// Another script than the mode's.
    pub script: Option<&'static str>,
    /// Standard input does not end.
    pub open: bool,
    pub shows: Shows,
}

impl Trial {
    pub fn is_of(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    /// Whether it is for this mode by its name.
    pub fn names(&self, mode: &Mode) -> bool {
        self.modes.contains(&mode.name)
    }

    pub fn fits(&self, mode: &Mode) -> bool {
        mode.is_of(self.modes)
    }

    /// The same without what goes with it.
    pub fn alone(&self) -> Self {
        Self { with: self.with.clone(), ..elsewhere(self.options, self.modes, &self.with, "", "") }
    }

    fn also(mut self, also: &str) -> Self {
        self.also = also.to_owned();
        self
    }

    fn with(mut self, habit: Habit) -> Self {
        self.habit = habit;
        self
    }

    fn asks(mut self, lines: &'static [&'static str]) -> Self {
        self.lines = lines;
        self
    }

    fn given(mut self, input: &'static str) -> Self {
        self.input = Some(input);
        self
    }

    fn open(mut self) -> Self {
        self.open = true;
        self
    }

    fn plays(mut self, script: &'static str) -> Self {
        self.script = Some(script);
        self
    }
}

type Modes = &'static [&'static str];

fn line(options: &'static [&'static str], modes: Modes, with: &str, line: &str) -> Trial {
    let shows = Shows::Line(Regex::new(&format!("(?m)^{line}")).unwrap());
    Trial {
        options,
        modes,
        with: with.to_owned(),
        also: String::new(),
        habit: Habit::Echo,
        lines: &[],
        input: None,
        script: None,
        open: false,
        shows,
    }
}

fn none(options: &'static [&'static str], modes: Modes, with: &str, line: &str) -> Trial {
    let shows = Shows::NoLine(Regex::new(&format!("(?m)^{line}")).unwrap());
    Trial { shows, ..self::line(options, modes, with, "") }
}

fn permits(options: &'static [&'static str], modes: Modes, with: &str) -> Trial {
    Trial { shows: Shows::Nothing, ..line(options, modes, with, "") }
}

fn elsewhere(
    options: &'static [&'static str],
    modes: Modes,
    with: &str,
    file: &'static str,
    test: &'static str,
) -> Trial {
    Trial { shows: Shows::Elsewhere(file, test), ..line(options, modes, with, "") }
}

/// All of them; of two that fit, the first is taken.
pub fn trials() -> Vec<Trial> {
    talk::trials().into_iter().chain(served::trials()).chain(between::trials()).collect()
}
