//! From arguments to an exit code: parse, plan, runtime, drive, report.
//!
//! Everything a process has only once (arguments, environment, standard streams) comes in as a value,
//! so that tests can run the whole program with their own.

use crate::{
    child,
    cli::{self, Context, Parsed},
    driver::{self, Ignored, Orders, ServerThreads, Signals},
    exit::Exit,
    fault::{Fault, Result},
    framing::Kind,
    link::{Stdio, Streams},
    observe::{Meter, Redactor, Reporter, TerminalSize, Verbosity},
    os_error,
    plan::{Color, Common, Direction, Look, Plan},
    term::{self, Above, Terminal, TerminalPrompt},
    tls::ServerTls,
};
use anyhow::anyhow;
use std::{
    ffi::OsString,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};
use tokio::sync::watch;

/// Everything that the process was given.
pub struct Given {
    /// The arguments, the program's name first.
    pub args: Vec<OsString>,
    /// Looks a variable of the environment up.
    pub env: fn(&str) -> Option<String>,
    /// Asks whoever sits at the terminal for a secret, if somebody does.
    pub ask: Option<fn(&str) -> std::io::Result<String>>,
    /// The standard streams but the last.
    pub streams: Streams,
    /// Standard error.
    pub stderr: Box<dyn Write + Send>,
    /// Standard input and output again, when both are terminals.
    pub terminal: Option<Terminal>,
    /// Columns and lines of standard error, when it is a terminal.
    pub stderr_size: Option<TerminalSize>,
    /// Standard output is a terminal.
    pub output_is_terminal: bool,
    /// Bytes that standard input has left, when it is a file.
    pub input_size: Option<u64>,
    /// The signals that were ignored when the process was started.
    pub ignored: Ignored,
}

/// Facts for `--progress` and the signals.
struct ProcessFacts {
    stderr_size: Option<TerminalSize>,
    output_is_terminal: bool,
    input_size: Option<u64>,
    ignored: Ignored,
}

/// Time for sessions to be dropped.
const CUT_OFF: Duration = Duration::from_millis(100);

/// Runs the program; the exit is the process's.
pub fn run(given: Given) -> Exit {
    let Given {
        args,
        env,
        ask,
        streams,
        stderr,
        terminal,
        stderr_size,
        output_is_terminal,
        input_size,
        ignored,
    } = given;
    let above = Above::default();
    let stderr = if stderr_size.is_some() { above.or(stderr) } else { stderr };
    let reporter = Reporter::new(stderr, Verbosity::Normal);
    let facts = ProcessFacts { stderr_size, output_is_terminal, input_size, ignored };
    let screen = Screen { terminal, above };
    // What a panic says is on its way to standard error, and would be lost if the process just ended.
    let run = AssertUnwindSafe(|| run_with(args, env, ask, streams, screen, &facts, &reporter));
    let exit = catch_unwind(run).unwrap_or(Exit::Internal);
    // A run that ends in a hurry does not wait for a standard error that nobody reads.
    let hurried = exit == Exit::ReaderLeft || exit.is_signal();
    reporter.finish(Duration::from_millis(if hurried { 50 } else { 1000 }));
    exit
}

/// The parts that a prompt is made of.
struct Screen {
    terminal: Option<Terminal>,
    above: Above,
}

fn run_with(
    args: Vec<OsString>,
    env: fn(&str) -> Option<String>,
    ask: Option<fn(&str) -> std::io::Result<String>>,
    mut streams: Streams,
    screen: Screen,
    facts: &ProcessFacts,
    reporter: &Reporter,
) -> Exit {
    let terminal = streams.input_is_terminal;
    let ask = ask.as_ref().map(|ask| ask as _);
    let mut context = Context { env: &env, stdin: &mut streams.input, stdin_is_terminal: terminal, ask };
    let parsed = cli::parse(args, &mut context).and_then(|parsed| {
        if let Parsed::Run(plan) = &parsed {
            cli::check_input(plan, facts.input_size.is_some())?;
        }
        Ok(parsed)
    });
    let plan = match parsed {
        Ok(Parsed::Run(plan)) => plan,
        Ok(Parsed::Print(text)) => return print(&text, streams),
        Err(fault) => return report(reporter, &fault),
    };
    let mut reporter = reporter.with(plan.common().verbosity);
    if plan.common().progress {
        // A terminal that cannot move its cursor cannot draw.
        let size = facts.stderr_size.filter(|_| env("TERM").is_none_or(|term| term != "dumb"));
        reporter = reporter.metered(Meter::new(facts.input_size, facts.output_is_terminal), size);
    }
    install_panic_hook(reporter.clone());
    let prompt = match &plan {
        Plan::Connect(connect) => prompt(&connect.common, connect.look, false, screen, env),
        // Messages of clients are shown as they are; lines typed to all clients are not worth a history.
        Plan::Listen(listen) if listen.has_standard() => {
            let look = Look { color: Color::Auto, pretty: false, history: false };
            prompt(&listen.common, look, !listen.common.server.once, screen, env)
        }
        Plan::Listen(_) | Plan::Pipe(_) => None,
    };
    let names_clients = facts.output_is_terminal && !plan.common().framing.is_chosen();
    let stdio = Stdio::new(streams).naming_clients(names_clients);
    let result = drive(plan, stdio, prompt.as_ref(), facts.ignored, &reporter);
    // The prompt goes first, so that everything from here on is written below it.
    drop(prompt);
    match result {
        Ok(Ok(())) => Exit::Ok,
        Ok(Err(fault)) => report(&reporter, &fault),
        Err(error) => {
            let fault = Fault::new(Exit::Internal, "start", format!("{error:#}"));
            report(&reporter, &fault)
        }
    }
}

/// The prompt, when this run talks to a person.
fn prompt(
    common: &Common,
    look: Look,
    many: bool,
    screen: Screen,
    env: fn(&str) -> Option<String>,
) -> Option<TerminalPrompt> {
    let Common { framing, direction, .. } = common;
    // A framing is chosen for bytes, on a terminal too; a log of lines with their times counts as one.
    let chosen = framing.is_chosen() || framing.stamp.is_some();
    if chosen || *direction == Direction::ReceiveOnly || common.input_left.is_some() {
        return None;
    }
    let setup = term::PromptSetup {
        look,
        raw: framing.raw,
        kind: framing.kind.unwrap_or(Kind::Text),
        max_message: common.max_message,
        greet: common.verbosity >= Verbosity::Normal,
        many,
        close: common.rules.close.clone(),
        env,
    };
    TerminalPrompt::new(screen.terminal?, setup, &screen.above)
}

fn drive(
    plan: Plan,
    mut stdio: Stdio,
    prompt: Option<&TerminalPrompt>,
    ignored: Ignored,
    reporter: &Reporter,
) -> anyhow::Result<Result<()>> {
    let many = !matches!(plan, Plan::Connect(_));
    // A pair is one task: with a second thread, one would wait for what comes and wake the other. A server takes
    // on further threads by itself.
    let runtime = driver::runtime().map_err(|error| anyhow!("cannot start: {}", os_error::words(&error)))?;
    let workers = ServerThreads::for_this_machine();
    if let Some(prompt) = prompt {
        let (open, said) = (prompt.opener(), reporter.clone());
        stdio = stdio.with_prompt(Box::new(move |greeting| {
            // The lines that led to the connection stand above the greeting.
            said.catch_up(Duration::from_millis(100));
            open(greeting)
        }));
    }
    let result = runtime.block_on(async {
        let signals = Signals::new(plan.has_certificate_files(), ignored)?;
        let (stop, stopped) = watch::channel(None);
        let (reload, reloads) = watch::channel(());
        let orders = Orders::new(stopped, reloads, workers.clone());
        tokio::select! {
            fault = signals.second(stop, reload) => Err(fault),
            result = driver::run(plan, stdio, reporter.clone(), orders) => result,
            () = child::reap() => unreachable!("it never ends"),
        }
    });
    workers.stop(CUT_OFF);
    match &result {
        // Sessions that were cut off drop their children, which takes these with it.
        Err(_) if many => runtime.shutdown_timeout(CUT_OFF),
        _ => runtime.shutdown_background(),
    }
    Ok(result)
}

fn print(text: &str, mut streams: Streams) -> Exit {
    match streams.output.write_all(text.as_bytes()).and_then(|()| streams.output.flush()) {
        Ok(()) => Exit::Ok,
        Err(error) => Exit::unwritten(&error),
    }
}

fn report(reporter: &Reporter, fault: &Fault) -> Exit {
    if matches!(fault.exit, Exit::Usage | Exit::Malformed) {
        reporter.fault(&Redactor::default().fault(fault));
    } else {
        reporter.fault(fault);
    }
    fault.exit
}

/// A panic is contained in its session; what is said of it goes where everything else is said.
fn install_panic_hook(reporter: Reporter) {
    std::panic::set_hook(Box::new(move |panic| {
        // The error comes back, and is told as one.
        if driver::is_starting() {
            return;
        }
        let place = panic
            .location()
            .map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let payload = panic.payload();
        let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => text,
            (None, Some(text)) => text.as_str(),
            (None, None) => "panic",
        };
        reporter.fault(
            &Fault::new(Exit::Internal, "internal", format!("{text}{place}"))
                .hint("this is a bug in wsio: report it with the command line"),
        );
    }));
}

impl Plan {
    /// Options that all subcommands share.
    fn common(&self) -> &Common {
        match self {
            Self::Connect(plan) => &plan.common,
            Self::Listen(plan) => &plan.common,
            Self::Pipe(plan) => &plan.common,
        }
    }

    /// True when a server of this run reads certificate files, which may be renewed.
    fn has_certificate_files(&self) -> bool {
        let listens = match self {
            Self::Listen(plan) => plan.tls.as_ref(),
            _ => None,
        };
        listens.or(self.common().server.tls.as_ref()).is_some_and(ServerTls::has_files)
    }
}
