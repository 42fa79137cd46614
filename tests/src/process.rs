//! The programs as processes: run to the end with a limit, or kept until the test ends.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::bin;

/// A command that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// `radloom` with a cache of its own.
#[derive(Clone, Debug)]
pub struct Radloom {
    cache: PathBuf,
}

impl Radloom {
    /// Commands on this cache.
    #[must_use]
    pub fn on(cache: &Path) -> Radloom {
        Radloom {
            cache: cache.to_owned(),
        }
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// It does not start or does not end.
    #[track_caller]
    pub fn say<S: AsRef<str>>(&self, args: &[S]) -> Said {
        let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        let mut command = self.command();
        command
            .args(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = Held(command.spawn().unwrap());
        let stdout = collect(child.0.stdout.take().unwrap());
        let stderr = collect(child.0.stderr.take().unwrap());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.0.try_wait().unwrap() {
                break status;
            }
            assert!(
                started.elapsed() < LIMIT,
                "radloom {} has not ended after {LIMIT:?}",
                args.join(" ")
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        Said {
            command: format!("radloom {}", args.join(" ")),
            code: status.code(),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }

    /// Runs a study without progress and gives its counts; `more` are further arguments.
    ///
    /// # Panics
    /// The command does not tell its counts.
    #[track_caller]
    pub fn run(&self, study: &Path, out: &Path, more: &[&str]) -> Counts {
        let mut args = vec![
            "run",
            study.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "--quiet",
            "--json",
        ];
        args.extend(more);
        let said = self.say(&args);
        let last = said.stdout.lines().last().unwrap_or_default();
        let told: serde_json::Value =
            serde_json::from_str(last).unwrap_or_else(|_| panic!("{said:#?}"));
        let number = |key: &str| {
            told[key]
                .as_u64()
                .unwrap_or_else(|| panic!("no {key} in {told}"))
        };
        Counts {
            run: told["run"].as_str().unwrap_or_default().to_owned(),
            phase: told["phase"].as_str().unwrap_or_default().to_owned(),
            total: number("total"),
            reused: number("reused"),
            ran: number("ran"),
            cut_off: number("cut_off"),
            refused: number("refused"),
            failed: number("failed"),
            excluded: number("excluded"),
            code: said.code,
            said,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(bin("radloom"));
        command
            .env("RADLOOM_CACHE", &self.cache)
            .env_remove("RADLOOM_COORDINATOR")
            .env_remove("RADLOOM_LOG");
        command
    }
}

/// What a finished command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// The command.
    pub command: String,
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// The same, if the command succeeded.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn ok(self) -> Said {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// It is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

/// Counts of a run.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Its name, like `demo-2`.
    pub run: String,
    /// `done` or how it ended.
    pub phase: String,
    /// Tasks.
    pub total: u64,
    /// Found in the cache.
    pub reused: u64,
    /// Worked on.
    pub ran: u64,
    /// Reused below something that ran and gave the same bytes.
    pub cut_off: u64,
    /// Refused.
    pub refused: u64,
    /// Failed.
    pub failed: u64,
    /// Patients left out.
    pub excluded: u64,
    /// Exit code of the command.
    pub code: Option<i32>,
    /// All that the command said.
    pub said: Said,
}

impl Counts {
    /// The same, if the run is done.
    ///
    /// # Panics
    /// It is not.
    #[track_caller]
    pub fn done(self) -> Counts {
        assert_eq!(
            (self.phase.as_str(), self.code, self.failed),
            ("done", Some(0), 0),
            "{self:#?}"
        );
        self
    }
}

/// A coordinator process; ends with this value.
#[derive(Debug)]
pub struct Served {
    /// Where it listens.
    pub url: String,
    child: Held,
}

impl Served {
    /// Starts `radloom serve` on a free port; `more` are further arguments.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(state: &Path, more: &[&str]) -> Served {
        let mut command = Command::new(bin("radloom"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--state"])
            .arg(state)
            .args(more);
        command
            .env_remove("RADLOOM_COORDINATOR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = Held(command.spawn().unwrap());
        let mut out = BufReader::new(child.0.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        let url = url
            .unwrap_or_else(|| panic!("serve said `{line}`"))
            .to_owned();
        // The pipe stays read, or the process would block on it.
        drop(collect(out));
        Served { url, child }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }
}

/// A worker process; ends with this value.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Held,
}

impl WorkerProcess {
    /// Joins a coordinator for one site, with a log in its cache folder.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    #[track_caller]
    pub fn join(url: &str, site: &str, cohort: &Path, cache: &Path) -> WorkerProcess {
        std::fs::create_dir_all(cache).unwrap();
        let log = std::fs::File::create(cache.join("worker.log")).unwrap();
        let mut command = Command::new(bin("radloom-worker"));
        command
            .args(["join", url, "--site", site, "--slots", "1", "--cohort"])
            .arg(cohort)
            .arg("--cache")
            .arg(cache);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        WorkerProcess {
            child: Held(command.spawn().unwrap()),
        }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }
}

/// A process that is killed when its owner goes.
#[derive(Debug)]
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A reader that breaks off has said what it will say.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
