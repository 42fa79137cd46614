//! What a site shares is looked at before it is sent; and what is wrong with a command line is told apart from what is
//! wrong with a study.

use std::path::{Path, PathBuf};

use tests::Radloom;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A tiny cohort with its study, and a radloom on a cache beside it.
fn world(dir: &Path) -> (Radloom, PathBuf) {
    let radloom = Radloom::on(&dir.join("cache"));
    let cohort = dir.join("cohort");
    radloom
        .say(&["synth", "--size", "tiny", "--out", text(&cohort)])
        .ok();
    (radloom, cohort)
}

#[test]
fn shared_columns_are_listed_and_identifying_ones_never_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (radloom, cohort) = world(dir.path());
    let study = cohort.join("study.toml");
    let plan = radloom.say(&["plan", text(&study), "--json"]).ok().json();
    let leaving = plan["leaving"].as_array().unwrap();
    for site in ["c1", "c2"] {
        let shared = leaving
            .iter()
            .find(|l| l["site"] == site && l["kind"].as_str().unwrap().starts_with("cohort.table"))
            .unwrap_or_else(|| panic!("{leaving:?}"));
        let kind = shared["kind"].as_str().unwrap();
        let columns = ["patient_id, site, ", "dfs_months", "os_event", "figo2018"];
        assert!(columns.iter().all(|c| kind.contains(c)), "{kind}");
        assert!(!kind.contains("image") && !kind.contains("mask"), "{kind}");
        assert!(shared["bytes"].as_u64() > Some(100), "{shared}");
    }

    let file = cohort.join("cohort.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    for (column, why) in [
        ("image", "paths of files"),
        ("patient_id", "says who a patient"),
    ] {
        let shares = format!("columns = [\"{column}\", ");
        std::fs::write(&file, written.replace("columns = [", &shares)).unwrap();
        let fresh = Radloom::on(&dir.path().join(format!("cache-{column}")));
        let check = fresh.say(&["check", text(&study)]);
        assert_eq!(check.code, Some(1));
        assert!(
            check.stdout.contains("column-unshareable"),
            "{}",
            check.stdout
        );
        let out = dir.path().join("out");
        let run = fresh.say(&["run", text(&study), "--out", text(&out), "--quiet"]);
        assert_eq!(run.code, Some(1));
        assert!(
            run.stderr.contains(column) && run.stderr.contains(why),
            "{}",
            run.stderr
        );
        assert!(!out.exists());
    }
}

#[test]
fn a_wrong_override_is_a_wrong_command_line_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let (radloom, cohort) = world(dir.path());
    let study = cohort.join("study.toml");
    let out = dir.path().join("out");
    for wrong in [
        "steps.ring.with.margin=1",
        "steps.ring.with.margin_mm=\"x\"",
        "no-equals",
    ] {
        for command in ["plan", "run"] {
            let mut args = vec![command, text(&study), "--set", wrong];
            if command == "run" {
                args.extend(["--out", text(&out), "--quiet"]);
            }
            let said = radloom.say(&args);
            assert_eq!(
                said.code,
                Some(2),
                "{command} --set {wrong}: {}",
                said.stderr
            );
        }
    }
    let mask = cohort.join("c1/images/c1-001_mask.nii.gz");
    let mask = format!("mask={}", text(&mask));
    let step = ["step", "run", "peritumoural-ring", "--in", &mask];
    let step = [&step[..], &["--out", text(&out), "--set", "margin=1"]].concat();
    assert_eq!(radloom.say(&step).code, Some(2));
}

#[test]
fn a_settings_file_that_is_not_there_and_one_that_is_wrong_end_alike() {
    let dir = tempfile::tempdir().unwrap();
    let (radloom, cohort) = world(dir.path());
    let bad = dir.path().join("bad.yaml");
    std::fs::write(&bad, "setting: {binWidth: many}\n").unwrap();
    let image = format!(
        "image={}",
        text(&cohort.join("c1/images/c1-001_t2w.nii.gz"))
    );
    let mask = format!(
        "mask={}",
        text(&cohort.join("c1/images/c1-001_mask.nii.gz"))
    );
    for file in [&bad, &dir.path().join("absent.yaml")] {
        let settings = format!("settings={}", text(file));
        let out = dir.path().join("out");
        let step = [
            "step",
            "run",
            "extract-features",
            "--in",
            &image,
            "--in",
            &mask,
        ];
        let step = [&step[..], &["--set", &settings, "--out", text(&out)]].concat();
        let said = radloom.say(&step);
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(
            said.stderr
                .contains(file.file_name().unwrap().to_str().unwrap()),
            "{}",
            said.stderr
        );
    }
}
