//! A study whose extraction reads a settings file that lies beside it: checked, planned and run through the embedded coordinator.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use serde_json::Value;
use tests::{CsvTable, Radloom};

const STUDY: &str = r#"
name  = "settings"
seed  = 1
sites = ["c1"]

[cohort]
file = "cohort.toml"

[axes]
patient = { from = "cohort" }

[steps.image]
kind = "import-image"
per  = ["patient"]
in   = { image = "cohort.t2w" }

[steps.tumour]
kind = "import-mask"
per  = ["patient"]
in   = { mask = "cohort.mask", image = "image.image" }

[steps.features]
kind = "extract-features"
per  = ["patient"]
in   = { image = "image.image", mask = "tumour.mask" }
with = { settings = "settings/radiomics-mri.yaml" }

[steps.table]
kind = "gather-table"
in   = { features = "features.features" }

[publish]
"features.csv" = "table.table"
"#;
const N_PATIENTS: usize = 4;
const FILE: &str = "settings/radiomics-mri.yaml";

/// A few patients of the tiny cohort, the shipped settings as a file beside the study, and the study.
fn write_study(radloom: &Radloom, folder: &Path) -> std::path::PathBuf {
    let all = ["synth", "--size", "tiny", "--out", folder.to_str().unwrap()];
    radloom.say(&all).ok();
    let table = folder.join("patients.csv");
    let text = std::fs::read_to_string(&table).unwrap();
    let few: Vec<&str> = text.lines().take(1 + N_PATIENTS).collect();
    std::fs::write(&table, few.join("\n")).unwrap();
    let shipped = pipeline_defs::settings_file::shipped_settings();
    let (_, settings) = shipped
        .iter()
        .find(|(name, _)| *name == "radiomics-mri")
        .unwrap();
    std::fs::create_dir(folder.join("settings")).unwrap();
    std::fs::write(folder.join(FILE), settings).unwrap();
    let study = folder.join("settings.toml");
    std::fs::write(&study, STUDY).unwrap();
    study
}

#[test]
fn a_settings_file_beside_the_study_is_checked_planned_and_run() {
    let dir = tempfile::tempdir().unwrap();
    let radloom = Radloom::on(&dir.path().join("cache"));
    let cohort = dir.path().join("cohort");
    let study = write_study(&radloom, &cohort);
    let path = study.to_str().unwrap();

    let checked = radloom.say(&["check", path, "--json"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    let planned = radloom.say(&["plan", path]).ok().stdout;
    let line = planned.lines().find(|line| line.contains(FILE)).unwrap();
    for part in [
        "`features` reads",
        "LBP2D",
        "binWidth 25",
        "inPlaneSpacing 1",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }

    let out = dir.path().join("out");
    let run = radloom.run(&study, &out, &[]).done();
    assert_eq!((run.ran, run.refused), (run.total, 0), "{run:#?}");
    let table = CsvTable::read(&out.join("features.csv"));
    assert_eq!(
        (table.rows.len(), table.header.len()),
        (N_PATIENTS, 2 + 1409)
    );
    // The file says what is extracted, not its name.
    let text = std::fs::read_to_string(cohort.join(FILE)).unwrap();
    std::fs::write(cohort.join(FILE), text.replace("  Wavelet: {}\n", "")).unwrap();
    let run = radloom.run(&study, &out, &[]).done();
    let again = 2 * N_PATIENTS as u64;
    assert_eq!(
        (run.ran, run.reused),
        (run.total - again, again),
        "{run:#?}"
    );
    let table = CsvTable::read(&out.join("features.csv"));
    assert_eq!(table.header.len(), 2 + 1409 - 8 * 93);
}

#[test]
fn the_careful_settings_give_grey_levels_that_texture_can_use() {
    let dir = tempfile::tempdir().unwrap();
    let radloom = Radloom::on(&dir.path().join("cache"));
    let cohort = dir.path().join("cohort");
    write_study(&radloom, &cohort);
    for id in ["c1-001", "c1-002", "c1-003", "c1-004"] {
        let file = |what: &str| {
            let path = cohort.join(format!("c1/images/{id}_{what}.nii.gz"));
            path.to_str().unwrap().to_owned()
        };
        let out = dir.path().join(id);
        let settings = cohort.join(FILE);
        radloom
            .say(&[
                "step".to_owned(),
                "run".to_owned(),
                "extract-features".to_owned(),
                "--in".to_owned(),
                format!("image={}", file("t2w")),
                "--in".to_owned(),
                format!("mask={}", file("mask")),
                "--set".to_owned(),
                format!("settings={}", settings.display()),
                "--out".to_owned(),
                out.to_str().unwrap().to_owned(),
            ])
            .ok();
        let text = std::fs::read(out.join("diagnostics.json")).unwrap();
        let told: Value = serde_json::from_slice(&text).unwrap();
        let levels = told["n_grey_levels"].as_u64().unwrap();
        eprintln!("{id}: {levels} grey levels of the z-scored image");
        assert!((16..=128).contains(&levels), "{id}: {levels}");
    }
}
