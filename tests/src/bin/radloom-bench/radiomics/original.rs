//! The original in a virtual environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ours::Spent;

const SCRIPT: &str = include_str!("original.py");

/// Wheels, and what the original needs to be built: its own archive is source, and it does not know NumPy 2.
const PACKAGES: [&str; 10] = [
    "numpy<2",
    "setuptools",
    "wheel",
    "SimpleITK",
    "PyWavelets",
    "six",
    "pykwalify",
    "scipy==1.14.1", // later ones lack what lbp-3D calls, and it vanishes silently
    "trimesh",
    "scikit-image",
];
const ORIGINAL: [&str; 2] = ["--no-build-isolation", "pyradiomics==3.0.1"];

/// The interpreter of the folder named by `RADLOOM_BENCH_VENV`, else of one in the user's cache; made if it is not there.
pub fn python() -> Result<PathBuf, String> {
    let venv = match std::env::var_os("RADLOOM_BENCH_VENV") {
        Some(given) => PathBuf::from(given),
        None => cache()?.join("radloom/bench-pyradiomics-3.0.1"),
    };
    let python = venv.join("bin/python");
    if !venv.exists() {
        eprintln!("radloom-bench: making an environment for PyRadiomics 3.0.1, once");
        if let Err(why) = make(&venv, &python) {
            // half an environment would be found, and not work, the next time
            let _ = std::fs::remove_dir_all(&venv);
            return Err(why);
        }
    }
    let modules = "import radiomics, SimpleITK, pywt, trimesh, skimage";
    done(Command::new(&python).args(["-c", modules]))?;
    Ok(python)
}

/// The user's folder for what can be made again.
pub fn cache() -> Result<PathBuf, String> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    named("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or_else(|| "no cache folder; set XDG_CACHE_HOME or HOME".to_owned())
}

fn make(venv: &Path, python: &Path) -> Result<(), String> {
    done(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    for packages in [&PACKAGES[..], &ORIGINAL[..]] {
        let pip = ["-m", "pip", "install", "--quiet"];
        done(Command::new(python).args(pip).args(packages))?;
    }
    Ok(())
}

/// Runs a command to its end; what it said last, if it failed.
fn done(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
    let hint = format!(
        "`{program} {}`; it takes Python 3.10 to 3.12, a C compiler and a package index, \
         or RADLOOM_BENCH_VENV naming a virtual environment that has PyRadiomics",
        arguments.join(" ")
    );
    let output = command
        .output()
        .map_err(|error| format!("{error}: {hint}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(format!("{}: {hint}", last.unwrap_or("no message")))
}

/// What the script measured.
pub fn run(python: &Path, arguments: &[&str]) -> Spent {
    let mut command = Command::new(python);
    Spent::told_by(command.args(["-c", SCRIPT]).args(arguments))
}
