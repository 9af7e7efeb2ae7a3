//! Processes of our own: they end with the bench, and `/proc` tells what they cost.

use std::{
    fs,
    process::{Child, Command},
    time::Duration,
};

use crate::Result;

/// Linux counts CPU time in hundredths of a second, whatever the kernel's own clock is.
const TICK: Duration = Duration::from_millis(10);

/// A command whose process is killed when the bench ends, however it ends.
pub fn command(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    command
}

/// Asks a process to end in good order.
pub fn terminate(child: &Child) -> Result<()> {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
    if told.success() { Ok(()) } else { Err("cannot stop the server".into()) }
}

/// The CPU time of a process so far.
pub fn cpu(id: u32) -> Result<Duration> {
    let stat = stat(id)?;
    Ok(TICK * (stat[UTIME] + stat[STIME]))
}

/// The CPU time of a process and of its children, those that have ended included.
pub fn cpu_with_children(id: u32) -> Result<Duration> {
    let parent = stat(id)?;
    let mut ticks = parent[UTIME] + parent[STIME] + parent[CUTIME] + parent[CSTIME];
    for entry in fs::read_dir("/proc")? {
        let process = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        // It may have ended since.
        let Some(stat) = process.and_then(|process| stat(process).ok()) else { continue };
        if stat[PPID] == id {
            ticks += stat[UTIME] + stat[STIME];
        }
    }
    Ok(TICK * ticks)
}

/// How many files this process may have open; the server inherits the limit.
pub fn most_files() -> Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .ok_or("no limit of open files")?;
    Ok(line.split_whitespace().next().and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX))
}

/// The resident memory of a process, in bytes.
pub fn memory(id: u32) -> Result<u64> {
    status(id, "VmRSS")
}

/// The most that it ever was, in bytes.
#[allow(dead_code, reason = "the chaos harness wants to know")]
pub fn most_memory(id: u32) -> Result<u64> {
    status(id, "VmHWM")
}

fn status(id: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    Ok(1024 * line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>()?)
}

// Places in /proc/<pid>/stat, counted from what follows the name (proc(5)).
const PPID: usize = 1;
const UTIME: usize = 11;
const STIME: usize = 12;
const CUTIME: usize = 13;
const CSTIME: usize = 14;

fn stat(id: u32) -> Result<Vec<u32>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("not as proc(5) says")?;
    // The first is a letter, some are negative, some large: none of those that are wanted here.
    Ok(fields.split(' ').map(|field| field.trim().parse().unwrap_or(0)).collect())
}
