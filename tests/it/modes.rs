//! Each option in each mode acts, or is refused with its reason.
//!
//! Every option of every subcommand is tried in every mode. Where the command line refuses it, exit code,
//! option and reason are looked at; where it does not, a trial runs the program twice, without the option and
//! with it, and names the line that makes the difference: on the wire, in the output, or the exit code.
//! An option without a trial in a mode that takes it fails, and so does one whose trial shows no difference.

mod peers;
mod scene;
mod table;
mod trials;

use scene::World;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};
use table::{MODES, Mode};
use trials::{Shows, Trial, trials};
use wsio::{cli, exit::Exit, fault::Fault};

/// Runs at a time; nearly all of them wait, most for the second that an answer may take after the input's end.
const AT_ONCE: usize = 100;

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
    let (mut jobs, mut wrong) = (Vec::new(), Vec::new());
    for mode in MODES {
        let subcommand = command.find_subcommand(mode.args[0]).unwrap();
        for argument in subcommand.get_arguments().filter(|argument| !argument.is_positional()) {
            let option = argument.get_id().to_string();
            if option == "help" || mode.has(&option) {
                continue;
            }
            let fitting = trials.iter().filter(|trial| trial.is_of(&option));
            let own = fitting.clone().find(|trial| trial.names(mode));
            let alike = || fitting.clone().find(|trial| trial.fits(mode)).or(fitting.clone().next());
            let Some(trial) = own.or_else(alike) else {
                wrong.push(format!("{}: {option}: nobody tries it", mode.name));
                continue;
            };
            let long = argument.get_long().map(|long| format!("--{long}"));
            let short = argument.get_short().map(|short| format!("-{short}"));
            let names: Vec<_> = long.into_iter().chain(short).collect();
            match refusal(&world.words(mode, trial, true)) {
                Some(_) => {
                    // One that goes with what is taken here shows it.
                    let mut shown = fitting.map(|trial| {
                        let alone = refusal(&world.words(mode, &trial.alone(), true));
                        let fault = refusal(&world.words(mode, trial, true)).ok_or("is taken with more")?;
                        is_refused(&names, &fault, alone)
                    });
                    let first = shown.next().unwrap_or(Ok(()));
                    if let Err(why) = first
                        && !shown.any(|shown| shown.is_ok())
                    {
                        wrong.push(format!("{}: {option}: {why}", mode.name));
                    }
                }
                None if trial.fits(mode) => jobs.push(Job { mode, option, trial }),
                None => wrong.push(format!("{}: {option}: nobody tries it in this mode", mode.name)),
            }
        }
    }
    // What falls in the crowd, where all is slow, falls again by itself if it is wrong.
    let mut fallen: Vec<_> = run(&world, jobs.iter().collect(), AT_ONCE);
    for _ in 0..2 {
        fallen = run(&world, fallen.into_iter().map(|(job, _)| job).collect(), 4);
    }
    wrong.extend(fallen.into_iter().map(|(_, why)| why));
    assert!(wrong.is_empty(), "{} of {} tried:\n{}", wrong.len(), jobs.len(), wrong.join("\n"));
}

/// Whether an option of these names is refused for its own sake: with what its trial goes with, and alone.
fn is_refused(names: &[String], fault: &Fault, alone: Option<Fault>) -> Result<(), String> {
    // What goes with it is refused, and it alone is not.
    let Some(alone) = alone else {
        return Err(format!("is taken here, and its trial is not: {fault}"));
    };
    if alone.exit != Exit::Usage || alone.hint.is_none() {
        return Err(format!("is not refused with a reason: {alone}"));
    }
    let own = |cause: &str| names.iter().any(|name| cause.contains(name));
    // Without what it needs: that has to be what is refused here.
    let words = alone.cause.split(|byte: char| byte != '-' && !byte.is_ascii_alphanumeric());
    let mut needed = words.filter(|word| word.starts_with("--") && !names.iter().any(|name| name == word));
    let lacks =
        alone.cause.contains("required arguments were not provided") || alone.cause.contains("needs --");
    match lacks {
        true if needed.any(|word| fault.cause.contains(word)) => Ok(()),
        false if own(&alone.cause) => Ok(()),
        _ => Err(format!("is refused for something else: {fault}; alone: {alone}")),
    }
}

/// Runs them, so many at a time; gives those that show no difference, and what they show.
fn run<'a, 'b>(world: &World, jobs: Vec<&'a Job<'b>>, at_once: usize) -> Vec<(&'a Job<'b>, String)> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let bases: Mutex<HashMap<String, Arc<OnceLock<String>>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Some(why) = is_wrong(world, job, &bases) {
                        let why = format!("{}: {}: {why}", job.mode.name, job.option);
                        wrong.lock().unwrap().push((*job, why));
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
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
        Shows::Nothing => {
            let plans = [false, true].map(|with| plan(&world.words(mode, trial, with)));
            return (plans[0] == plans[1]).then(|| "is nowhere in the plan".to_owned());
        }
        Shows::Line(line) => (line, true),
        Shows::NoLine(line) => (line, false),
    };
    // Runs without the option are alike for many options.
    let scene = (trial.habit, trial.lines, trial.input, trial.script, trial.open);
    let key = format!("{} {} {scene:?}", mode.name, trial.also);
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
