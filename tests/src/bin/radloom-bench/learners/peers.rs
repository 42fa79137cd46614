//! The references: R's packages where R has them, scikit-survival and XGBoost in an environment of their own, PyTorch where
//! the system's Python has it.

use std::path::{Path, PathBuf};
use std::process::Command;

const IN_R: &str = include_str!("peers.R");
const IN_PYTHON: &str = include_str!("peers.py");
const PACKAGES: [&str; 2] = ["scikit-survival==0.28.0", "xgboost-cpu==3.2.0"];

/// Who does a piece of work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An R package.
    R,
    /// A Python package of the environment that is made here.
    Python,
    /// PyTorch of the Python that `RADLOOM_BENCH_TORCH` names, else of the system's.
    Torch,
}

/// Programs and scripts of the references.
pub struct Peers {
    folder: PathBuf,
    python: Result<PathBuf, String>,
}

impl Peers {
    /// Writes the scripts into `folder`; makes the environment if it is not there.
    pub fn new(folder: &Path) -> Peers {
        std::fs::write(folder.join("peers.R"), IN_R).unwrap();
        std::fs::write(folder.join("peers.py"), IN_PYTHON).unwrap();
        Peers {
            folder: folder.to_owned(),
            python: python(),
        }
    }

    /// CPU seconds of `work` and the version of who did it, or why there are none.
    pub fn spent(&self, peer: Peer, work: &str, data: &Path) -> Result<(f64, String), String> {
        let (program, script) = match peer {
            Peer::R => (PathBuf::from("Rscript"), "peers.R"),
            Peer::Python => (self.python.clone()?, "peers.py"),
            Peer::Torch => (torch(), "peers.py"),
        };
        let mut command = Command::new(program);
        let said = said(command.arg(self.folder.join(script)).arg(work).arg(data))?;
        let mut words = said.split_whitespace();
        let seconds = words.next().and_then(|w| w.parse().ok());
        let version = words.next().unwrap_or_default().to_owned();
        seconds
            .map(|seconds| (seconds, version))
            .ok_or_else(|| format!("it said `{said}`"))
    }
}

fn torch() -> PathBuf {
    let named = std::env::var_os("RADLOOM_BENCH_TORCH").map(PathBuf::from);
    let system = PathBuf::from("/usr/bin/python3");
    let found = system.is_file().then_some(system);
    named.or(found).unwrap_or_else(|| PathBuf::from("python3"))
}

/// The interpreter of the folder named by `RADLOOM_BENCH_LEARNERS`, else of one in the user's cache.
fn python() -> Result<PathBuf, String> {
    let venv = match std::env::var_os("RADLOOM_BENCH_LEARNERS") {
        Some(given) => PathBuf::from(given),
        None => crate::radiomics::cache()?.join("radloom/bench-learners-1"),
    };
    let python = venv.join("bin/python");
    if !venv.exists() {
        eprintln!("radloom-bench: making an environment for scikit-survival and XGBoost, once");
        let made = said(Command::new("python3").args(["-m", "venv"]).arg(&venv)).and_then(|_| {
            let pip = ["-m", "pip", "install", "--quiet"];
            said(Command::new(&python).args(pip).args(PACKAGES))
        });
        if let Err(why) = made {
            // half an environment would be found, and not work, the next time
            let _ = std::fs::remove_dir_all(&venv);
            return Err(why);
        }
    }
    Ok(python)
}

/// The last line that a program prints; what it complained of last, if it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    let last = |bytes: &[u8]| -> Option<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines()
            .rfind(|line| !line.trim().is_empty())
            .map(str::to_owned)
    };
    match output.status.success() {
        true => Ok(last(&output.stdout).unwrap_or_default()),
        false => Err(last(&output.stderr).unwrap_or_else(|| format!("{name} failed"))),
    }
}
