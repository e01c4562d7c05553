//! Durations and numbers as people write and read them.

use std::time::Duration;

/// The longest duration that is taken: deadlines beyond it are `off`.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// `500ms`, `10s`, `2m`, `1h`, or seconds with or without a fraction.
///
/// # Errors
/// What was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as 500ms, 10s, 2m, 1h, 14d or 1.5".to_owned();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(expected()),
    };
    let seconds = number.parse::<f64>().map_err(|_| expected())? * scale;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err("longer than a year".to_owned()),
    }
}

/// A duration in few digits: `300 ms`, `2 s`, `2.5 s`.
pub fn brief(duration: Duration) -> String {
    match duration.as_millis() {
        milliseconds @ 0..1000 => format!("{milliseconds} ms"),
        _ => format!("{} s", (duration.as_secs_f64() * 10.0).round() / 10.0),
    }
}

/// A duration on the wire, such as `0.4 ms`.
pub fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", in_milliseconds(duration))
}

/// A duration as a number of milliseconds, for JSON.
pub fn in_milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Bytes in the unit that gives a short number, such as `2.5 MiB`.
pub fn size(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    format!("{value:.1} {}", units[unit])
}

/// A number and what it counts.
pub fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_few_digits() {
        for (milliseconds, said) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (2040, "2 s"),
            (2500, "2.5 s"),
            (59_960, "60 s"),
            (300_000, "300 s"),
        ] {
            assert_eq!(brief(Duration::from_millis(milliseconds)), said);
        }
        assert_eq!(milliseconds(Duration::from_micros(420)), "0.4 ms");
    }
}
