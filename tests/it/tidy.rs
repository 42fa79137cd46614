//! The rules of the house, as a program. A failure says what to do instead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
        .to_owned()
}

/// Which rooms each room may know.
const FLOORS: &[(&str, &[&str])] = &[
    ("crates/digest", &[]),
    ("crates/cas", &["digest"]),
    ("crates/artefact", &["digest"]),
    ("crates/cohort", &[]),
    ("crates/imaging", &["cohort"]),
    ("crates/radiomics", &["imaging"]),
    ("crates/stats", &["cohort"]),
    ("crates/survival", &["cohort", "stats"]),
    ("crates/evaluation", &["cohort", "stats"]),
    ("crates/report", &[]),
    ("crates/audit", &["stats"]),
    ("crates/expression", &["stats"]),
    ("pipeline-defs", &["digest", "artefact"]),
    ("proto", &["digest", "artefact", "pipeline-defs"]),
    (
        "worker",
        &[
            "digest",
            "cas",
            "artefact",
            "pipeline-defs",
            "proto",
            "cohort",
            "imaging",
            "radiomics",
            "stats",
            "survival",
            "evaluation",
            "expression",
            "report",
        ],
    ),
    // `cohort` and `imaging` for `synth`, which writes files, and with `evaluation` for `check`; `radiomics` for its dictionary
    // and its conformance; no other numerics.
    (
        "coordinator",
        &[
            "audit",
            "digest",
            "cas",
            "artefact",
            "pipeline-defs",
            "proto",
            "worker",
            "cohort",
            "imaging",
            "radiomics",
            "evaluation",
            "report",
        ],
    ),
    (
        "tests",
        &[
            "digest",
            "cas",
            "artefact",
            "pipeline-defs",
            "proto",
            "worker",
            "coordinator",
            "cohort",
            "imaging",
            "radiomics",
            "stats",
            "survival",
            "evaluation",
            "report",
        ],
    ),
];

/// Libraries that only these rooms may know.
const CLOSED_DOORS: &[(&str, &[&str])] = &[
    ("sled", &["crates/cas"]),
    ("tokio", &["worker", "coordinator", "tests"]),
    ("tonic", &["proto", "worker", "coordinator", "tests"]),
    ("prost", &["proto"]),
    (
        "serde",
        &[
            "crates/artefact",
            "crates/audit",
            "pipeline-defs",
            "worker",
            "coordinator",
            "tests",
        ],
    ),
    (
        "serde_json",
        &[
            "crates/artefact",
            "pipeline-defs",
            "worker",
            "coordinator",
            "tests",
        ],
    ),
    ("anyhow", &["worker", "coordinator", "tests"]),
    ("clap", &["worker", "coordinator", "tests"]),
];

fn manifest(room: &str) -> toml::Table {
    let path = root().join(room).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn dependencies(room: &str) -> BTreeSet<String> {
    let manifest = manifest(room);
    manifest
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|t| t.keys().cloned().collect())
        .unwrap_or_default()
}

fn members() -> BTreeSet<String> {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members");
    members
        .iter()
        .map(|m| m.as_str().expect("text").to_owned())
        .collect()
}

fn sources(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(under).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn rooms_know_only_the_rooms_below() {
    let floors: BTreeMap<&str, &[&str]> = FLOORS.iter().copied().collect();
    let rooms: BTreeSet<String> = floors.keys().map(|r| (*r).to_owned()).collect();
    assert_eq!(
        members(),
        rooms,
        "a room was added or removed: give it its floor in tests/it/tidy.rs and its row in ARCHITECTURE.md"
    );
    let names: BTreeSet<&str> = rooms
        .iter()
        .map(|r| r.rsplit('/').next().expect("a name"))
        .collect();
    for (room, allowed) in floors {
        for dependency in dependencies(room)
            .iter()
            .filter(|d| names.contains(d.as_str()))
        {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{room} knows {dependency}: turn the arrow round, or move what it needs one floor down"
            );
        }
    }
}

#[test]
fn libraries_stay_behind_their_doors() {
    for (library, rooms) in CLOSED_DOORS {
        for room in members() {
            let knows = dependencies(&room).contains(*library);
            assert!(
                !knows || rooms.contains(&room.as_str()),
                "{room} depends on {library}: convert at the door of {}",
                rooms.join(", ")
            );
        }
    }
}

#[test]
fn the_map_shows_the_tree() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let map: BTreeSet<String> = text
        .lines()
        .filter_map(|l| Some(l.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    for room in members().iter().map(String::as_str).chain(["docs"]) {
        assert!(
            map.contains(room),
            "ARCHITECTURE.md's map has no row for {room}"
        );
    }
    for room in &map {
        assert!(
            root().join(room).exists(),
            "ARCHITECTURE.md's map shows {room}, which is not there"
        );
    }
}

#[test]
fn every_library_has_its_line() {
    let text =
        std::fs::read_to_string(root().join("docs/dependencies.md")).expect("docs/dependencies.md");
    let listed: BTreeSet<String> = text
        .lines()
        .filter_map(|l| Some(l.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    let rooms: BTreeSet<String> = members()
        .iter()
        .map(|r| r.rsplit('/').next().expect("a name").to_owned())
        .collect();
    let mut used = BTreeSet::new();
    for room in members() {
        let manifest = manifest(&room);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            used.extend(
                manifest
                    .get(section)
                    .and_then(toml::Value::as_table)
                    .into_iter()
                    .flat_map(|t| t.keys().cloned()),
            );
        }
    }
    let used: BTreeSet<String> = used.difference(&rooms).cloned().collect();
    assert_eq!(
        listed, used,
        "docs/dependencies.md and the manifests differ: a new library needs a line that says why; an old line must go"
    );
}

#[test]
fn the_middle_is_pure() {
    for file in ["state", "event", "apply", "schedule"] {
        let text = std::fs::read_to_string(root().join(format!("coordinator/src/{file}.rs")))
            .expect("a file of the pure middle");
        for word in [
            "tokio",
            "std::fs",
            "std::time",
            "Instant",
            "SystemTime",
            "async ",
            "rand",
            "Mutex",
            "thread",
        ] {
            let found = text
                .lines()
                .any(|l| !l.trim_start().starts_with("//") && l.contains(word));
            assert!(
                !found,
                "coordinator/src/{file}.rs says `{word}`: time comes inside events, work goes out as commands"
            );
        }
    }
}

#[test]
fn files_stay_readable() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(
        files.len() > 100,
        "the walk found only {} files",
        files.len()
    );
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let lines = text.lines().count();
        assert!(
            lines <= 800,
            "{} has {lines} lines: would two readers come to it for different reasons? split it",
            file.display()
        );
        for forbidden in ["todo!(", "unimplemented!(", "#[ignore"] {
            let here = file.ends_with("tidy.rs");
            assert!(
                here || !text.contains(forbidden),
                "{} says {forbidden}: unfinished things return an error that says so",
                file.display()
            );
        }
    }
}

#[test]
fn every_kind_has_code_and_every_code_a_kind() {
    let registered: BTreeSet<&str> = pipeline_defs::kinds::all().iter().map(|k| k.name).collect();
    let coded: BTreeSet<&str> = worker::steps::KINDS.iter().copied().collect();
    assert_eq!(
        registered, coded,
        "registry (pipeline-defs/src/kinds) and worker/src/steps differ"
    );
}
