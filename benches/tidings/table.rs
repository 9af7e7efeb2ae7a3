//! What is printed.

use std::{fmt, time::Duration};

use crate::load::Sample;

/// One line of the table; what was not measured is empty.
#[derive(Default)]
pub struct Row {
    pub work: String,
    pub floor: String,
    pub tidings: String,
    pub ratio: String,
    pub server_cpu: String,
    pub database_cpu: String,
    pub floor_database_cpu: String,
    pub p50: String,
    pub p99: String,
}

impl Row {
    /// The columns. CPU times are those of one operation, latencies those of a request to Tidings.
    pub fn head() -> Self {
        Row {
            work: "work".into(),
            floor: "floor".into(),
            tidings: "Tidings".into(),
            ratio: "ratio".into(),
            server_cpu: "CPU: server".into(),
            database_cpu: "database".into(),
            floor_database_cpu: "(floor's)".into(),
            p50: "p50".into(),
            p99: "p99".into(),
        }
    }

    /// How many in a second, and which part of the floor that is.
    pub fn of_rates(work: &str, floor: &Sample, tidings: &Sample) -> Self {
        Row {
            floor: format!("{}/s", number(floor.rate())),
            tidings: format!("{}/s", number(tidings.rate())),
            ratio: format!("{:.0} %", 100.0 * tidings.rate() / floor.rate()),
            ..Row::of_costs(work, floor, tidings)
        }
    }

    /// How long it takes, and how many times the floor that is.
    pub fn of_times(work: &str, floor: &Sample, tidings: &Sample) -> Self {
        let (floor_time, time) = (floor.percentile(50), tidings.percentile(50));
        Row {
            floor: duration(floor_time),
            tidings: duration(time),
            ratio: format!("{:.1} ×", time.as_secs_f64() / floor_time.as_secs_f64()),
            ..Row::of_costs(work, floor, tidings)
        }
    }

    fn of_costs(work: &str, floor: &Sample, tidings: &Sample) -> Self {
        let server_cpu = tidings.of_one(tidings.server_cpu);
        let database =
            |sample: &Sample| sample.database_cpu.map(|cpu| duration(sample.of_one(cpu)));
        Row {
            work: work.to_owned(),
            server_cpu: if server_cpu.is_zero() { String::new() } else { duration(server_cpu) },
            database_cpu: database(tidings).unwrap_or_default(),
            floor_database_cpu: database(floor).unwrap_or_default(),
            p50: duration(tidings.percentile(50)),
            p99: duration(tidings.percentile(99)),
            ..Row::default()
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<68} {:>12} {:>12} {:>8} {:>13} {:>10} {:>11} {:>9} {:>9}",
            self.work,
            self.floor,
            self.tidings,
            self.ratio,
            self.server_cpu,
            self.database_cpu,
            self.floor_database_cpu,
            self.p50,
            self.p99
        )
    }
}

/// With a space between thousands.
pub fn number(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

pub fn duration(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 0.1 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} ms", seconds * 1e3),
    }
}
