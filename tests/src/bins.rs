//! The programs under test, built beside the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// The path of a program of the workspace: `radloom` or `radloom-worker`.
///
/// Cargo builds the binaries of a package only for the package's own integration tests, so the first call of a process
/// lets Cargo build them, into the folder and profile that the test itself was built in; Cargo's lock keeps processes
/// apart. Without Cargo (a test binary started by hand) what lies there is used.
///
/// # Panics
/// The build fails, or the program is not there.
#[must_use]
pub fn bin(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let folder = profile_folder();
    if let Some(cargo) = std::env::var_os("CARGO") {
        BUILT.call_once(|| build(Path::new(&cargo), &folder));
    }
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is not there; run: cargo build --bin {name}",
        path.display()
    );
    path
}

/// `target/debug` of `target/debug/deps/it-0123456789abcdef`.
fn profile_folder() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let folder = exe.parent().unwrap();
    if folder.ends_with("deps") {
        folder.parent().unwrap().to_owned()
    } else {
        folder.to_owned()
    }
}

fn build(cargo: &Path, folder: &Path) {
    let profile = match folder.file_name().and_then(|n| n.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    // The folder that Cargo marks is the target folder; a cross-compiled profile lies one level deeper.
    let target = folder
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .or_else(|| folder.parent())
        .unwrap();
    let mut command = Command::new(cargo);
    // The features are those of a build of everything, or Cargo would build the dependencies twice.
    command.args([
        "build",
        "--quiet",
        "-p",
        "tests",
        "-p",
        "coordinator",
        "-p",
        "worker",
        "--lib",
        "--bins",
    ]);
    command
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(target);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
