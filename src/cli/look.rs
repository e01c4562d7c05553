//! Option groups of what a terminal shows, and how they become a [`Look`].

use crate::plan::{self, Look};
use clap::{Args, ValueEnum};

/// Colour, wherever there is any.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub(super) struct Colors {
    /// Use colours on a terminal; auto heeds NO_COLOR
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, hide_short_help = true)]
    pub color: Color,
}

/// The prompt of `connect`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Prompt")]
pub(super) struct Prompt {
    /// Show JSON as it was sent, on one line and without colours
    #[arg(long)]
    pub no_pretty: bool,
    /// Keep what is typed out of the history file
    #[arg(long, hide_short_help = true)]
    pub no_history: bool,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// On every terminal.
    Always,
    /// Nowhere.
    Never,
}

/// The look of a terminal.
pub(super) fn look(colors: &Colors, prompt: &Prompt) -> Look {
    Look {
        color: match colors.color {
            Color::Auto => plan::Color::Auto,
            Color::Always => plan::Color::Always,
            Color::Never => plan::Color::Never,
        },
        pretty: !prompt.no_pretty,
        history: !prompt.no_history,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{Context, Parsed, parse},
        fault::Result,
        plan::Plan,
    };

    fn parsed(args: &[&str]) -> Result<Parsed> {
        let mut context =
            Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: true, ask: None };
        let args = ["wsio", "connect", "ws://h"].iter().chain(args).map(Into::into);
        parse(args, &mut context)
    }

    fn look(args: &[&str]) -> Look {
        match parsed(args) {
            Ok(Parsed::Run(Plan::Connect(connect))) => connect.look,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_terminal_shows_can_be_chosen() {
        let default = Look { color: plan::Color::Auto, pretty: true, history: true };
        assert_eq!(look(&[]), default);
        let chosen = Look { color: plan::Color::Always, pretty: false, history: false };
        assert_eq!(look(&["--color", "always", "--no-pretty", "--no-history"]), chosen);
        assert_eq!(look(&["--color=never"]).color, plan::Color::Never);
    }

    #[test]
    fn without_a_prompt_nothing_is_said_of_it() {
        for args in [["-0", "--no-pretty"], ["--in=raw", "--no-history"], ["--recv-only", "--no-pretty"]] {
            let fault = parsed(&args).unwrap_err();
            assert_eq!(fault.exit, crate::exit::Exit::Usage);
            assert!(fault.cause.starts_with(args[1]), "{fault}");
        }
    }
}
