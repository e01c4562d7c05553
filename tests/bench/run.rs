//! One run of one row by one program, and what the rounds of it come to.

use crate::program::{CERT, Invocation, scratch};
use serde::Serialize;
use std::{path::PathBuf, thread::available_parallelism, time::Duration};

/// What a driver is told.
pub struct Context {
    pub path: PathBuf,
    /// The arguments, with `{url}` and its like.
    pub line: &'static str,
    /// How long load is given.
    pub time: Duration,
}

impl Context {
    /// The program with its arguments; `known` says what `{url}` and its like stand for.
    pub fn invocation(&self, known: &[(&str, &str)]) -> Invocation {
        let cores = available_parallelism().map_or(1, |cores| cores.get()).to_string();
        let file = |name| scratch(name).to_string_lossy().into_owned();
        let (cert, key) = (file(CERT), file("key.pem"));
        let known = [&[("cores", &*cores), ("cert", &*cert), ("key", &*key)], known].concat();
        let fill = |word: &str| {
            known
                .iter()
                .fold(word.to_owned(), |word, (name, value)| word.replace(&format!("{{{name}}}"), value))
        };
        Invocation { path: self.path.clone(), args: self.line.split_whitespace().map(fill).collect() }
    }
}

/// The raw numbers of one round.
#[derive(Clone, Default, Serialize)]
pub struct Run {
    /// In the basic unit of the row: messages, bytes or clients a second, or a size or a time itself.
    pub value: f64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub cpu_per_unit: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_kib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Run {
    /// So many units in so many seconds, with so many of them on a processor.
    pub fn of(units: f64, seconds: f64, cpu: f64) -> Self {
        Self {
            value: units / seconds,
            seconds,
            cpu_seconds: cpu,
            cpu_per_unit: cpu / units,
            ..Self::default()
        }
    }

    pub fn with_peak(self, kib: u64) -> Self {
        Self { peak_kib: Some(kib), ..self }
    }

    /// Times of single messages, in microseconds.
    pub fn with_times(mut self, times: &mut [f64]) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
        (self.p50_us, self.p99_us) = (at(0.5), at(0.99));
        self
    }

    pub fn cores(&self) -> f64 {
        if self.seconds > 0.0 { self.cpu_seconds / self.seconds } else { 0.0 }
    }
}

/// The middle of what the runs have; nothing when none has it.
pub fn median(runs: &[Run], of: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = runs.iter().filter_map(of).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}
