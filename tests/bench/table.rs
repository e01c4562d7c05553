//! What wsio can do beside others: `cargo bench --bench table`, or `… table -- WORD...` for the rows whose names
//! have one of the words in them. `-- --list` names all rows.
//!
//! Each row is run by wsio, websocat 1 and 4, socat and by our own loops (the bound), in turns, so that a noisy
//! machine disturbs all alike; the medians of the rounds count, and on a busy machine the processor time. The other
//! side of every connection is this process, which writes frames that were made beforehand and compares each byte
//! that comes: a run in which something is lost or wrong is no run.
//!
//! `--rounds N` (3), `--time SECONDS` of load in a round (1), `--only NAME,NAME` of programs, `--markdown` for a
//! table to paste, `--save` for all raw numbers as JSON below `tests/bench/results`. Programs are looked for on the
//! path, or where `WSIO_BENCH_W1`, `WSIO_BENCH_W4`, `WSIO_BENCH_SOCAT` and `WSIO_BASE` (another build of wsio) say.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own that prints a table")]

mod bound;
mod dial;
mod echo;
mod fanout;
mod frames;
mod idle;
mod load;
mod peer;
mod program;
mod report;
mod rows;
mod run;
mod small;
mod transfer;

use program::{CERT, Who, scratch};
use report::{Measured, Report};
use rows::{ROWS, Row};
use run::Context;
use std::{env, fs, path::PathBuf, time::Duration};

struct Wishes {
    words: Vec<String>,
    only: Vec<String>,
    rounds: usize,
    time: Duration,
    markdown: bool,
    save: bool,
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let Some(("bound", rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return bound::run(rest);
    }
    if args.iter().any(|arg| arg == "--list") {
        return ROWS.iter().for_each(|row| println!("{}", row.name));
    }
    let wishes = wishes(&args);
    fs::create_dir_all(scratch("")).unwrap();
    fs::write(scratch(CERT), &peer::IDENTITY.cert_pem).unwrap();
    fs::write(scratch("key.pem"), &peer::IDENTITY.key_pem).unwrap();
    let wanted = |who: &Who| wishes.only.is_empty() || wishes.only.iter().any(|name| name == who.short());
    let mut programs = Vec::new();
    for who in Who::ALL.into_iter().filter(wanted) {
        match who.find() {
            Some(path) => programs.push((who, path)),
            None if who == Who::Base => {}
            None => eprintln!("*** {} is not here: its column is MISSING ***", who.name()),
        }
    }
    let mut report = Report::new(&programs);
    let named = |row: &&Row| {
        wishes.words.is_empty() || wishes.words.iter().any(|word| row.name.contains(word.as_str()))
    };
    for row in ROWS.iter().filter(named) {
        let measured = measure(row, &programs, &wishes);
        report::print(row, &measured);
        report.add(row, measured);
    }
    if wishes.markdown {
        println!("\n{}", report.markdown());
    }
    if wishes.save {
        println!("\n{}", report.save().display());
    }
}

/// All programs that can do it, in turns; one that failed once is not asked again.
fn measure(row: &Row, programs: &[(Who, PathBuf)], wishes: &Wishes) -> Vec<Measured> {
    let mut measured: Vec<Measured> = (programs.iter())
        .filter_map(|(who, path)| Some(Measured::new(*who, path.clone(), row.command(*who)?)))
        .collect();
    for round in 0..wishes.rounds {
        let count = measured.len();
        for turn in 0..count {
            // The order changes, since a program finds the machine as the one before it left it.
            let of = &mut measured[(turn + round) % count];
            if of.fault.is_none() {
                let context = Context { path: of.path.clone(), line: of.line, time: wishes.time };
                match row.run(&context) {
                    Ok(run) => of.runs.push(run),
                    Err(error) => of.fault = Some(error.to_string()),
                }
            }
        }
    }
    measured
}

fn wishes(args: &[String]) -> Wishes {
    let mut wishes = Wishes {
        words: Vec::new(),
        only: Vec::new(),
        rounds: 3,
        time: Duration::from_secs(1),
        markdown: false,
        save: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} takes a value"));
        match arg.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--rounds" => wishes.rounds = value().parse().expect("a number of rounds"),
            "--time" => wishes.time = Duration::from_secs_f64(value().parse().expect("seconds")),
            "--only" => wishes.only = value().split(',').map(str::to_owned).collect(),
            "--markdown" => wishes.markdown = true,
            "--save" => wishes.save = true,
            word if !word.starts_with('-') => wishes.words.push(word.to_owned()),
            other => panic!("no option {other}: see the head of tests/bench/table.rs"),
        }
    }
    wishes
}
