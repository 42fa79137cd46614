//! Processes and what the kernel says about them (Linux only: `/proc`).

use std::process::{Child, Command, Stdio};

/// Ticks a second of `/proc/PID/stat`: fixed by Linux's interface to programs.
const TICKS: f64 = 100.0;

/// A process that is told to end, then killed, when its owner goes.
pub struct Held(pub Child);

impl Drop for Held {
    fn drop(&mut self) {
        // All fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a command in silence.
pub fn start(command: &mut Command) -> Held {
    Held(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

/// CPU seconds of a process, in user and kernel mode.
pub fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    ticks(&stat, 11)
}

/// CPU seconds of all children that have ended and were waited for.
pub fn cpu_seconds_of_children() -> f64 {
    ticks(&std::fs::read_to_string("/proc/self/stat").unwrap(), 13)
}

/// Two neighbouring fields after the command name, which ends with the last bracket.
fn ticks(stat: &str, at: usize) -> f64 {
    let rest = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<f64> = rest
        .split(' ')
        .skip(at)
        .take(2)
        .map(|f| f.parse().unwrap())
        .collect();
    fields.iter().sum::<f64>() / TICKS
}

/// A line of `/proc/PID/status` in KiB: `VmRSS`, `VmHWM`.
pub fn memory_kib(id: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// CPU seconds that this thread's process has used so far.
pub fn own_cpu_seconds() -> f64 {
    cpu_seconds(std::process::id())
}

/// Processor and number of cores.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown processor", |l| {
            l.trim_start_matches([' ', '\t', ':'])
        });
    format!(
        "{model}, {} cores",
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    )
}
