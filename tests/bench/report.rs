//! What the rounds came to: a line for each program on the way, a table at the end, and all raw numbers as JSON.

use crate::{
    program::Who,
    rows::{Row, Unit},
    run::{Run, median},
};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// One program in one row.
pub struct Measured {
    pub who: Who,
    pub path: PathBuf,
    pub line: &'static str,
    pub runs: Vec<Run>,
    pub fault: Option<String>,
}

impl Measured {
    pub fn new(who: Who, path: PathBuf, line: &'static str) -> Self {
        Self { who, path, line, runs: Vec::new(), fault: None }
    }

    /// The median; nothing when a run failed.
    fn value(&self) -> Option<f64> {
        median(&self.runs, |run| Some(run.value)).filter(|_| self.fault.is_none())
    }
}

/// How many times better `ours` is than `theirs`.
fn ratio(unit: &Unit, ours: f64, theirs: f64) -> f64 {
    if unit.more_is_better { ours / theirs } else { theirs / ours }
}

/// The best of those that `which` picks.
fn best(unit: &Unit, measured: &[Measured], which: impl Fn(Who) -> bool) -> Option<(Who, f64)> {
    let values = measured.iter().filter(|of| which(of.who)).filter_map(|of| Some((of.who, of.value()?)));
    values.reduce(|best, next| if ratio(unit, next.1, best.1) > 1.0 { next } else { best })
}

fn ours(measured: &[Measured]) -> Option<f64> {
    measured.iter().find(|of| of.who == Who::Wsio)?.value()
}

fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or("-".into(), number)
}

/// One row, as soon as it is there.
pub fn print(row: &Row, measured: &[Measured]) {
    let unit = row.unit;
    println!(
        "\n{:24} {:>10} {:>17} {:>7} {:>12} {:>6} {:>9} {:>15}",
        row.name,
        unit.name,
        "min-max",
        "wsio ×",
        format!("CPU {}", unit.each),
        "cores",
        "peak MiB",
        "p50 / p99 µs"
    );
    for of in measured {
        let has = |get: &dyn Fn(&Run) -> Option<f64>| median(&of.runs, get);
        if let Some(fault) = &of.fault {
            println!("  {:22} fails: {fault}", of.who.name());
            continue;
        }
        let mut values: Vec<f64> = of.runs.iter().map(|run| run.value / unit.scale).collect();
        values.sort_by(f64::total_cmp);
        let spread = values
            .first()
            .zip(values.last())
            .map(|(least, most)| format!("{}-{}", number(*least), number(*most)));
        let cpu = has(&|run| {
            (run.cpu_per_unit > 0.0 && unit.each_scale > 0.0).then_some(run.cpu_per_unit * unit.each_scale)
        });
        let times = has(&|run| run.p50_us).zip(has(&|run| run.p99_us));
        println!(
            "  {:22} {:>10} {:>17} {:>7} {:>12} {:>6} {:>9} {:>15}",
            of.who.name(),
            shown(of.value().map(|value| value / unit.scale)),
            spread.unwrap_or_default(),
            shown(ours(measured).zip(of.value()).map(|(ours, theirs)| ratio(unit, ours, theirs))),
            cpu.map_or("-".into(), |cpu| format!("{cpu:.3}")),
            shown(has(&|run| (run.cpu_seconds > 0.0).then(|| run.cores()))),
            shown(has(&|run| run.peak_kib.map(|kib| kib as f64 / 1024.0))),
            times.map_or("-".into(), |(p50, p99)| format!("{} / {}", number(p50), number(p99)))
        );
    }
    let behind = best(unit, measured, Who::is_peer).zip(ours(measured));
    if let Some(((who, theirs), ours)) =
        behind.filter(|((_, theirs), ours)| ratio(unit, *ours, *theirs) < 1.0)
    {
        println!("  behind {}: {}", who.name(), number(ratio(unit, ours, theirs)));
    }
}

/// All rows.
pub struct Report {
    programs: Vec<(Who, PathBuf)>,
    rows: Vec<(&'static Row, Vec<Measured>)>,
}

impl Report {
    pub fn new(programs: &[(Who, PathBuf)]) -> Self {
        Self { programs: programs.to_vec(), rows: Vec::new() }
    }

    pub fn add(&mut self, row: &'static Row, measured: Vec<Measured>) {
        self.rows.push((row, measured));
    }

    /// A table for a document, and a line about how it was made.
    pub fn markdown(&self) -> String {
        let machine = machine();
        let about = |key: &str| machine[key].as_str().unwrap_or_default().to_owned();
        let mut text = format!(
            "{} cores ({}), Linux {}, {}; `{}`\n\n",
            machine["cores"],
            about("processor"),
            about("kernel"),
            about("date"),
            about("command")
        );
        let columns: Vec<Who> = self.programs.iter().map(|(who, _)| *who).collect();
        let names: Vec<&str> = columns.iter().map(|who| who.name()).collect();
        text += &format!(
            "| work | {} | best peer | bound | cores | peak MiB |\n|---|{}---|---|---|---|\n",
            names.join(" | "),
            "---|".repeat(names.len())
        );
        for (row, measured) in &self.rows {
            let of = |who: &Who| measured.iter().find(|of| of.who == *who);
            let cell = |who: &Who| {
                let Some(of) = of(who) else { return "".to_owned() };
                let Some(value) = of.value() else { return "fails".to_owned() };
                let p99 = median(&of.runs, |run| run.p99_us).filter(|_| row.unit.more_is_better);
                let p99 = p99.map_or(String::new(), |us| format!(" (p99 {} ms)", number(us / 1e3)));
                format!("{}{p99}", number(value / row.unit.scale))
            };
            let cells: Vec<String> = columns.iter().map(cell).collect();
            let to = |which: fn(Who) -> bool| {
                let (_, theirs) = best(row.unit, measured, which)?;
                Some(format!("{:.2}×", ratio(row.unit, ours(measured)?, theirs)))
            };
            let own = |get: &dyn Fn(&Run) -> Option<f64>| {
                shown(of(&Who::Wsio).and_then(|of| median(&of.runs, get)))
            };
            text += &format!(
                "| {}, {} | {} | {} | {} | {} | {} |\n",
                row.name,
                row.unit.name,
                cells.join(" | "),
                to(Who::is_peer).unwrap_or_default(),
                to(Who::is_bound).unwrap_or_default(),
                own(&|run| (run.cpu_seconds > 0.0).then(|| run.cores())),
                own(&|run| run.peak_kib.map(|kib| kib as f64 / 1024.0)),
            );
        }
        text
    }

    /// Everything that was measured, below `tests/bench/results`; gives the file.
    pub fn save(&self) -> PathBuf {
        let programs: Vec<Value> = (self.programs.iter())
            .map(|(who, path)| json!({"name": who.name(), "version": version(path, *who)}))
            .collect();
        let rows: Vec<Value> = (self.rows.iter())
            .map(|(row, measured)| {
                let programs: Vec<Value> = (measured.iter())
                    .map(|of| {
                        json!({
                            "name": of.who.name(),
                            "arguments": of.line,
                            "median": of.value().map(|value| value / row.unit.scale),
                            "fault": of.fault,
                            "rounds": of.runs,
                        })
                    })
                    .collect();
                json!({"row": row.name, "unit": row.unit.name, "scale": row.unit.scale, "programs": programs})
            })
            .collect();
        let all = json!({"machine": machine(), "programs": programs, "rows": rows});
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/results");
        fs::create_dir_all(&folder).unwrap();
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let file = folder.join(format!("{}.json", now.replace(':', "")));
        fs::write(&file, format!("{all:#}\n")).unwrap();
        file
    }
}

fn version(path: &Path, who: Who) -> String {
    if who.is_bound() {
        return String::new();
    }
    let flag = if who == Who::Socat { "-V" } else { "--version" };
    let output = Command::new(path).arg(flag).output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    text.lines().find(|line| line.contains("version") || line.contains(' ')).unwrap_or_default().to_owned()
}

/// The machine, the time and what was asked for.
fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    json!({
        "date": humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "processor": processor.map_or("unknown", |(_, name)| name),
        "cores": std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        "command": format!("cargo bench --bench table -- {}", args.join(" ")).trim_end_matches(" -- "),
    })
}
