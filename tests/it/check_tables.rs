//! What people do to tables and headers, and what the doctor calls it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::{Radloom, nifti_file};

/// A tiny cohort that can be spoiled.
struct Cohort {
    _dir: tempfile::TempDir,
    radloom: Radloom,
    folder: PathBuf,
}

impl Cohort {
    fn new() -> Cohort {
        let dir = tempfile::tempdir().unwrap();
        let radloom = Radloom::on(&dir.path().join("cache"));
        let folder = dir.path().join("cohort");
        let out = folder.to_str().unwrap();
        radloom.say(&["synth", "--size", "tiny", "--out", out]).ok();
        Cohort {
            _dir: dir,
            radloom,
            folder,
        }
    }

    /// The table's text, changed.
    fn table(&self, change: impl FnOnce(String) -> String) {
        let path = self.folder.join("patients.csv");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(text)).unwrap();
    }

    /// Every cell, changed by column and row (0 is the header).
    fn cells(&self, change: impl Fn(&str, usize, &str) -> String) {
        self.table(|text| {
            let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
            let row = |(i, line): (usize, &str)| {
                let cells = line.split(',').zip(&header);
                let cells: Vec<String> = cells.map(|(cell, name)| change(name, i, cell)).collect();
                cells.join(",") + "\n"
            };
            text.lines().enumerate().map(row).collect()
        });
    }

    fn file(&self, id: &str, what: &str) -> PathBuf {
        let site = &id[..2];
        self.folder
            .join(format!("{site}/images/{id}_{what}.nii.gz"))
    }

    fn check(&self) -> Vec<Value> {
        let study = self.folder.join("study.toml");
        let said = self
            .radloom
            .say(&["check", study.to_str().unwrap(), "--json"]);
        let found: Value = serde_json::from_str(&said.stdout).unwrap();
        found["findings"].as_array().unwrap().clone()
    }
}

fn text<'a>(finding: &'a Value, field: &str) -> &'a str {
    finding[field].as_str().unwrap_or_default()
}

#[track_caller]
fn one<'a>(findings: &'a [Value], code: &str, patient: &str) -> &'a Value {
    let found = findings
        .iter()
        .find(|f| text(f, "code") == code && text(f, "patient") == patient);
    found.unwrap_or_else(|| panic!("no {code} of `{patient}` in {findings:#?}"))
}

/// Takes the codes of sform and qform out of a file.
fn without_orientation(path: &Path) {
    let mut bytes = nifti_file::decompressed(path);
    bytes[252..256].fill(0);
    // An extension would still say where the image lies.
    bytes[348] = 0;
    nifti_file::write_compressed(path, &bytes, 1);
}

#[test]
fn tables_that_do_not_read_say_why_and_blame_no_site() {
    let cohort = Cohort::new();
    let original = std::fs::read_to_string(cohort.folder.join("patients.csv")).unwrap();
    let in_latin: Vec<u8> = original
        .replacen("c1-001", "c1-001\u{e4}", 1)
        .chars()
        .map(|c| c as u8)
        .collect();
    for (content, hint) in [
        (
            original.replace('.', ",").replace(',', ";").into_bytes(),
            "semicolons",
        ),
        (original.replace(',', "\t").into_bytes(), "tabs"),
        (in_latin, "UTF-8"),
        (b"PK\x03\x04 and so on".to_vec(), "Excel workbook"),
    ] {
        std::fs::write(cohort.folder.join("patients.csv"), content).unwrap();
        let found = cohort.check();
        let message = text(one(&found, "cohort-unreadable", ""), "message");
        assert!(message.contains(hint), "{hint}: {message}");
        let blamed = found
            .iter()
            .find(|f| text(f, "message").contains("announced"));
        assert_eq!(blamed, None, "{hint}");
    }
}

#[test]
fn pseudonyms_paths_and_persons_are_told_where_they_stand() {
    let cohort = Cohort::new();
    cohort.cells(|name, row, cell| match (name, row) {
        ("patient_id", 3) => "Miller, A".replace(',', ""),
        ("pathology", 0) => "Patient Name".to_owned(),
        ("pathology", row) => format!("Person{} Number", (b'a' + row as u8 % 26) as char),
        ("figo2018", 0) => "dob".to_owned(),
        ("figo2018", _) => "1950-02-03".to_owned(),
        (_, 5) if cell.contains(".nii.gz") => cell.replace('/', "\\"),
        _ => cell.to_owned(),
    });
    let found = cohort.check();
    let place = text(one(&found, "patient-id-word", "Miller A"), "place");
    assert!(place.ends_with("patients.csv, row 4"), "{place}");
    let persons: Vec<&Value> = found
        .iter()
        .filter(|f| text(f, "code") == "column-identifies")
        .collect();
    let columns: Vec<&str> = persons
        .iter()
        .map(|f| text(f, "place").rsplit("column ").next().unwrap())
        .collect();
    assert_eq!(columns, ["Patient Name", "dob"], "{persons:#?}");
    assert!(persons.iter().all(|f| !text(f, "message").contains("1950")));
    let missing = one(&found, "file-missing", "c1-005");
    assert!(text(missing, "repair").contains("backslashes"), "{missing}");
}

#[test]
fn an_endpoint_that_nobody_has_is_refused() {
    let cohort = Cohort::new();
    cohort.cells(|name, row, cell| match (name, row) {
        ("os_months", 1..) => String::new(),
        ("dfs_event", 29..) => "NA".to_owned(),
        _ => cell.to_owned(),
    });
    let found = cohort.check();
    let absent: Vec<(&str, &str)> = found
        .iter()
        .filter(|f| text(f, "code") == "follow-up-absent")
        .map(|f| {
            assert_eq!(text(f, "severity"), "refuse");
            (
                text(f, "site"),
                text(f, "place").rsplit(' ').next().unwrap(),
            )
        })
        .collect();
    assert_eq!(absent, [("", "os_months"), ("c2", "dfs_months")]);
}

#[test]
fn a_follow_up_column_that_is_kept_at_the_site_is_told() {
    let cohort = Cohort::new();
    let path = cohort.folder.join("cohort.toml");
    let toml = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, toml.replace("\"os_event\"", "\"pathology\"")).unwrap();
    let found = cohort.check();
    let kept = one(&found, "column-not-shared", "");
    assert!(text(kept, "repair").contains("add \"os_event\""), "{kept}");
}

#[test]
fn headers_without_orientation_and_swapped_files_are_told() {
    let cohort = Cohort::new();
    let file = |id: &str, what: &str| cohort.file(id, what);
    without_orientation(&file("c1-001", "t2w"));
    without_orientation(&file("c1-001", "mask"));
    without_orientation(&file("c1-002", "t2w"));
    let swap = cohort.folder.join("swap");
    std::fs::rename(file("c1-003", "t2w"), &swap).unwrap();
    std::fs::rename(file("c1-003", "mask"), file("c1-003", "t2w")).unwrap();
    std::fs::rename(&swap, file("c1-003", "mask")).unwrap();
    std::fs::copy(file("c1-004", "t2w"), file("c1-004", "mask")).unwrap();
    let found = cohort.check();
    let of = |patient: &str| -> Vec<(&str, &str)> {
        let of = found.iter().filter(|f| text(f, "patient") == patient);
        of.map(|f| (text(f, "severity"), text(f, "code"))).collect()
    };
    let unknown = ("warn", "orientation-unknown");
    assert_eq!(of("c1-001"), [unknown, unknown]);
    assert!(of("c1-002").contains(&unknown), "{:?}", of("c1-002"));
    let mismatch = one(&found, "geometry-mismatch", "c1-002");
    assert!(!text(mismatch, "repair").contains("header"), "{mismatch}");
    for (patient, said) in [
        ("c1-003", "the two are swapped"),
        ("c1-004", "those of the image"),
    ] {
        let finding = one(&found, "mask-is-image", patient);
        assert_eq!(text(finding, "severity"), "refuse");
        assert!(text(finding, "message").contains(said), "{finding}");
    }
}

#[test]
fn an_external_site_of_nobody_is_refused_where_tables_alone_tell_sites() {
    let dir = tempfile::tempdir().unwrap();
    let radloom = Radloom::on(&dir.path().join("cache"));
    let folder = dir.path().join("study");
    let out = folder.to_str().unwrap();
    radloom.say(&["new", out, "--from", "features-only"]).ok();
    let sites = ["A", "B"];
    let rows = |of: &dyn Fn(usize) -> String| (0..60).map(of).collect::<String>();
    let features = rows(&|i| format!("p{i:02},{},{}\n", sites[i % 2], i * 7 % 13));
    let followup = rows(&|i| format!("p{i:02},{},{}\n", 5 + i, i % 3 / 2));
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("features.csv", format!("patient_id,site,x\n{features}"));
    write(
        "followup.csv",
        format!("patient_id,time_months,event\n{followup}"),
    );
    let study = folder.join("study.toml");
    let said = radloom.say(&["check", study.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let message = "external site `l2`; sites and how often a patient of theirs is followed: `A` (30), `B` (30)";
    assert!(said.stdout.contains(message), "{}", said.stdout);
    let text = std::fs::read_to_string(&study).unwrap();
    std::fs::write(
        &study,
        text.replace(r#"external = "l2""#, r#"external = "B""#),
    )
    .unwrap();
    let said = radloom.say(&["check", study.to_str().unwrap()]);
    assert!(!said.stdout.contains("external-unknown"), "{}", said.stdout);

    // the terminal tells the reason of an absent value once, and no empty name of an endpoint
    let out = dir.path().join("out");
    let said = radloom
        .say(&[
            "run",
            study.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ])
        .ok();
    let lines: Vec<&str> = said.stdout.lines().collect();
    let reasons = lines.iter().filter(|l| l.starts_with("too-few-events: "));
    assert_eq!(reasons.count(), 1, "{}", said.stdout);
    let size = "apparent: 30 patients, 10 events";
    assert!(lines.contains(&size), "{}", said.stdout);
}
