//! Processes and what the kernel says about them (Linux only: `/proc`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
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

/// CPU seconds of a call; a short one is repeated until the kernel's clock can see it.
pub fn cpu_per_call(work: &mut dyn FnMut()) -> f64 {
    let (began, mut n) = (own_cpu_seconds(), 0);
    loop {
        work();
        n += 1;
        let spent = own_cpu_seconds() - began;
        if spent >= 0.3 {
            return spent / f64::from(n);
        }
    }
}

/// CPU seconds of each thread of this process, as the scheduler counts: exact for those that sleep.
pub fn cpu_by_thread() -> BTreeMap<OsString, f64> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let cpu = |dir: &Path| {
        let stat = std::fs::read_to_string(dir.join("schedstat")).ok()?;
        Some(stat.split(' ').next()?.parse::<f64>().ok()? * 1e-9)
    };
    threads
        .filter_map(|thread| Some((thread.file_name(), cpu(&thread.path())?)))
        .collect()
}

/// Processes that ran or waited for a processor, mean of the last minute.
pub fn load() -> String {
    let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loads.split(' ').next().unwrap_or_default().to_owned()
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
