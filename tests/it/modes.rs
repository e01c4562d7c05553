//! Each option in each mode acts, or is refused with its reason.
//!
//! Every option of every subcommand is tried in every mode. Where the command line refuses it, exit code,
//! option and reason are looked at; where it does not, a trial runs the program twice, without the option and
//! with it, and names the line that makes the difference: on the wire, in the output, or the exit code.
//! An option without a trial in a mode that takes it fails, and so does one whose trial shows no difference.

mod peers;
mod scene;
mod trials;

use scene::{MODES, Mode, World};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};
use trials::{Shows, Trial, trials};
use wsio::{cli, exit::Exit, fault::Fault};

/// The modes whose options are tried for real: all of `connect`, and the others by one of a kind. In the rest
/// an option that is taken has to reach the plan.
const RUN: &[&str] =
    &["connect", "check", "ping", "script", "pipe - ws", "pipe ws-listen ws", "listen std", "listen to tcp"];

/// Runs at a time; nearly all of them wait, most for the second that an answer may take after the input's end.
const AT_ONCE: usize = 40;

fn refusal(args: &[String]) -> Option<Fault> {
    let mut context =
        cli::Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
    let args = ["wsio".to_owned()].into_iter().chain(args.iter().cloned()).map(Into::into);
    cli::parse(args, &mut context).err()
}

/// What would be run, or why not, in full.
fn plan(args: &[String]) -> String {
    let mut context =
        cli::Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
    let args = ["wsio".to_owned()].into_iter().chain(args.iter().cloned()).map(Into::into);
    format!("{:?}", cli::parse(args, &mut context))
}

/// One option in one mode.
struct Job<'a> {
    mode: &'a Mode,
    option: String,
    trial: &'a Trial,
}

#[test]
fn every_option_acts_in_every_mode_or_is_refused() {
    let world = World::new();
    let trials = trials();
    let command = cli::command();
    let (mut jobs, mut planned, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for mode in MODES {
        let subcommand = command.find_subcommand(mode.args[0]).unwrap();
        for argument in subcommand.get_arguments().filter(|argument| !argument.is_positional()) {
            let option = argument.get_id().to_string();
            if option == "help" || mode.has(&option) {
                continue;
            }
            let fitting = trials.iter().filter(|trial| trial.is_of(&option));
            let Some(trial) = fitting.clone().find(|trial| trial.fits(mode)).or(fitting.clone().next())
            else {
                wrong.push(format!("{}: {option}: nobody tries it", mode.name));
                continue;
            };
            match refusal(&world.words(mode, trial, true)) {
                Some(_) => {
                    // What goes with it may be what is refused, or lacking.
                    let Some(fault) = refusal(&world.words(mode, &trial.alone(), true)) else {
                        planned.push(format!("{}: {option}", mode.name));
                        continue;
                    };
                    let long = argument.get_long().map(|long| format!("--{long}"));
                    let short = argument.get_short().map(|short| format!("-{short}"));
                    let names = |name: &String| fault.cause.contains(name);
                    let lacks = fault.cause.contains("required arguments were not provided");
                    let told = fault.exit == Exit::Usage && fault.hint.is_some();
                    if !told || !(lacks || long.iter().chain(&short).any(names)) {
                        wrong.push(format!("{}: {option}: is not refused with a reason: {fault}", mode.name));
                    }
                }
                None if trial.fits(mode) && RUN.contains(&mode.name) => {
                    jobs.push(Job { mode, option, trial })
                }
                None if mode.args[0] == "connect" => {
                    wrong.push(format!("{}: {option}: nobody tries it in this mode", mode.name));
                }
                // What no peer of this test can see has tests of its own; here it has to reach the plan.
                None => {
                    let plans = [false, true].map(|with| plan(&world.words(mode, trial, with)));
                    if plans[0] == plans[1] {
                        wrong.push(format!("{}: {option}: is nowhere in the plan", mode.name));
                    }
                    planned.push(format!("{}: {option}", mode.name));
                }
            }
        }
    }
    wrong.extend(run(&world, &jobs));
    let counts = format!("{} of {} tried and {} planned", wrong.len(), jobs.len(), planned.len());
    assert!(wrong.is_empty(), "{counts}:\n{}", wrong.join("\n"));
}

/// Runs them, a few at a time; gives what shows no difference.
fn run(world: &World, jobs: &[Job]) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let bases: Mutex<HashMap<String, Arc<OnceLock<String>>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Some(why) = is_wrong(world, job, &bases) {
                        wrong.lock().unwrap().push(format!("{}: {}: {why}", job.mode.name, job.option));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    wrong
}

fn is_wrong(
    world: &World,
    job: &Job,
    bases: &Mutex<HashMap<String, Arc<OnceLock<String>>>>,
) -> Option<String> {
    let Job { mode, trial, .. } = job;
    let (line, there) = match &trial.shows {
        Shows::Elsewhere(file, test) => {
            let path = format!("{}/tests/it/{file}.rs", env!("CARGO_MANIFEST_DIR"));
            let tests = std::fs::read_to_string(path).unwrap_or_default();
            return (!tests.contains(&format!("fn {test}("))).then(|| format!("{file} has no test {test}"));
        }
        Shows::Line(line) => (line, true),
        Shows::NoLine(line) => (line, false),
    };
    // Runs without the option are alike for many options.
    let key = format!("{} {} {:?} {:?} {:?}", mode.name, trial.also, trial.habit, trial.lines, trial.input);
    let base = Arc::clone(bases.lock().unwrap().entry(key).or_default());
    let without = base.get_or_init(|| scene::run(world, mode, trial, false));
    let with = scene::run(world, mode, trial, true);
    let matches = |text: &str| line.is_match(text);
    (matches(&with) != there || matches(without) == there).then(|| {
        let wanted = if there { "with it alone" } else { "without it alone" };
        let shown = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        format!(
            "/{line}/ is not {wanted}\n  without:\n{}  with {}:\n{}",
            shown(without),
            trial.with,
            shown(&with)
        )
    })
}
