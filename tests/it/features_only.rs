//! The study without images: from a table of features to compared models, on a real table of two centres where it is and
//! on a generated one always; and a forest cross-validated by hand against ranger's.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::{CsvTable, Radloom, oracles};

/// 1 year = 12 months = 365.25 days.
const DAYS_A_MONTH: f64 = 365.25 / 12.0;
const PUBLISH_RISK: &str = "publish.\"risk/{split}_{learner}_test.csv\" = \"predict_test.risk\"";
const FOLDS: [&str; 5] = ["r1f1", "r1f2", "r1f3", "r1f4", "r1f5"];

/// A folder with the shipped study and its two tables.
fn write_study(folder: &Path, features: &str, followup: &str) -> PathBuf {
    let (_, study) = pipeline_defs::shipped()
        .iter()
        .find(|(name, _)| *name == "features-only")
        .unwrap();
    let path = folder.join("study.toml");
    std::fs::write(&path, study).unwrap();
    std::fs::write(folder.join("features.csv"), features).unwrap();
    std::fs::write(folder.join("followup.csv"), followup).unwrap();
    path
}

/// Months and event of each patient.
fn outcomes(followup: &str) -> BTreeMap<String, (f64, bool)> {
    let table = CsvTable::parse(followup);
    let row = |row: &Vec<String>| (row[0].clone(), (row[1].parse().unwrap(), row[2] == "1"));
    table.rows.iter().map(row).collect()
}

/// Harrell's C of a published risk file, from all pairs.
fn harrell(risk: &Path, outcomes: &BTreeMap<String, (f64, bool)>) -> (f64, usize, usize) {
    let table = CsvTable::read(risk);
    let (id, at) = (table.column("patient_id"), table.column("risk"));
    let rows: Vec<(f64, bool, f64)> = table
        .rows
        .iter()
        .map(|row| {
            let (time, event) = outcomes[&row[id]];
            (time, event, row[at].parse().unwrap())
        })
        .collect();
    let (mut concordant, mut comparable) = (0.0, 0.0);
    for a in rows.iter().filter(|row| row.1) {
        for b in rows.iter().filter(|b| a.0 < b.0 || (a.0 == b.0 && !b.1)) {
            comparable += 1.0;
            concordant += if a.2 > b.2 {
                1.0
            } else if a.2 == b.2 {
                0.5
            } else {
                0.0
            };
        }
    }
    (
        concordant / comparable,
        rows.len(),
        rows.iter().filter(|row| row.1).count(),
    )
}

/// The only row of a learner's metric on a set.
fn row<'a>(
    comparison: &'a CsvTable,
    learner: &str,
    set: &str,
    metric: &str,
) -> BTreeMap<&'a str, &'a str> {
    let rows = comparison.where_all(&[("learner", learner), ("set", set), ("metric", metric)]);
    assert_eq!(rows.len(), 1, "{learner} {set} {metric}");
    comparison
        .header
        .iter()
        .map(String::as_str)
        .zip(rows[0].iter().map(String::as_str))
        .collect()
}

/// C of each learner on each set is what the published risks say, and the fits saw training rows only.
fn check_output(out: &Path, followup: &str, n_external: usize) -> CsvTable {
    let outcomes = outcomes(followup);
    let comparison = CsvTable::read(&out.join("comparison.csv"));
    let expected = "profile,endpoint,roi_set,learner,set,metric,horizon_months,value,lower,upper,n,n_events,reason";
    assert_eq!(comparison.header.join(","), expected);
    for learner in ["rsf", "cox"] {
        let risk = |split: &str| out.join(format!("risk/{split}_{learner}_test.csv"));
        let (external, n, n_events) = harrell(&risk("external"), &outcomes);
        let told = row(&comparison, learner, "external", "harrell_c");
        assert_eq!(
            (told["n"].parse(), told["n_events"].parse()),
            (Ok(n), Ok(n_events)),
            "{learner}"
        );
        assert_eq!(n, n_external);
        assert_value(&told, external);

        let folds: Vec<(f64, usize, usize)> = FOLDS
            .iter()
            .map(|fold| harrell(&risk(fold), &outcomes))
            .collect();
        let told = row(&comparison, learner, "cv", "harrell_c");
        assert_value(
            &told,
            folds.iter().map(|fold| fold.0).sum::<f64>() / folds.len() as f64,
        );
        assert_eq!(
            told["n"].parse(),
            Ok(folds.iter().map(|fold| fold.1).sum::<usize>())
        );
        assert!(
            !comparison
                .where_all(&[("learner", learner), ("set", "apparent")])
                .is_empty()
        );
        eprintln!("{learner}: C cv {}, external {}", told["value"], external);
    }
    let (value, reason) = (comparison.column("value"), comparison.column("reason"));
    for row in &comparison.rows {
        assert!(
            !row[value].is_empty() || !row[reason].is_empty(),
            "neither value nor reason: {row:?}"
        );
    }
    learned_from_training_rows(out);
    comparison
}

fn assert_value(told: &BTreeMap<&str, &str>, expected: f64) {
    let value: f64 = told["value"].parse().unwrap_or_else(|_| panic!("{told:?}"));
    assert!(
        (value - expected).abs() < 1e-12,
        "{told:?}: {expected} from the published risks"
    );
    if told["lower"].is_empty() {
        assert!(
            value == 0.5 && told["reason"].contains("no interval"),
            "{told:?}"
        );
        return;
    }
    let bound = |name: &str| {
        told[name]
            .parse::<f64>()
            .unwrap_or_else(|_| panic!("{told:?}"))
    };
    assert!(
        bound("lower") <= value && value <= bound("upper"),
        "{told:?}"
    );
}

fn learned_from_training_rows(out: &Path) {
    let certificate: Value =
        serde_json::from_slice(&std::fs::read(out.join("leakage.json")).unwrap()).unwrap();
    let fits = certificate["fits"].as_array().unwrap();
    assert!(fits.len() >= 6 * 5, "{} fits", fits.len());
    for fit in fits {
        let split = fit["task"]
            .as_str()
            .unwrap()
            .split("split=")
            .nth(1)
            .unwrap()
            .split([',', ']'])
            .next()
            .unwrap();
        for input in fit["inputs"].as_array().unwrap() {
            for rows in input["rows"].as_array().unwrap() {
                let rows = rows.as_str().unwrap();
                assert!(rows.ends_with(&format!("[split={split}].train")), "{fit}");
            }
        }
    }
}

#[test]
fn a_real_table_of_two_centres_is_compared_within_and_across() {
    let Some(data) = oracles::folder("survival/data") else {
        return;
    };
    let (features, followup) = two_centres(&data);
    let folder = tempfile::tempdir().unwrap();
    let study = write_study(folder.path(), &features, &followup);
    let out = folder.path().join("out");
    let radloom = Radloom::on(&folder.path().join("cache"));
    radloom.run(&study, &out, &["--set", PUBLISH_RISK]).done();
    check_output(&out, &followup, 101);
    assert!(out.join("report.html").is_file());
    let warm = radloom.run(&study, &out, &["--set", PUBLISH_RISK]).done();
    assert_eq!(warm.ran, 0, "{warm:#?}");
    // On so few events the lasso keeps next to nothing, and the shipped study says so; without it there is something to learn.
    let all = [
        "--set",
        PUBLISH_RISK,
        "--set",
        "steps.selection.with.lasso=\"none\"",
    ];
    let counts = radloom.run(&study, &out, &all).done();
    assert!(counts.reused > 50, "{counts:#?}");
    let comparison = check_output(&out, &followup, 101);
    for learner in ["rsf", "cox"] {
        let c = |set| {
            row(&comparison, learner, set, "harrell_c")["value"]
                .parse::<f64>()
                .unwrap()
        };
        assert!(
            (0.55..0.7).contains(&c("cv")),
            "{learner}: cross-validated C {}",
            c("cv")
        );
        assert!(
            c("apparent") > c("cv") + 0.03,
            "{learner}: apparent {}, cross-validated {}",
            c("apparent"),
            c("cv")
        );
    }
}

/// Features and follow-up in months, with names made of centre and number.
fn two_centres(data: &Path) -> (String, String) {
    let table = CsvTable::read(&data.join("nsclc_radiomics.csv"));
    let meta = CsvTable::read(&data.join("nsclc_radiomics_meta.csv"));
    assert_eq!(table.rows.len(), meta.rows.len());
    let (time, status) = (table.column("time"), table.column("status"));
    let columns: Vec<usize> = (0..table.header.len())
        .filter(|i| *i != time && *i != status)
        .collect();
    let names: Vec<&str> = columns.iter().map(|i| table.header[*i].as_str()).collect();
    let mut features = format!("patient_id,site,{}\n", names.join(","));
    let mut followup = String::from("patient_id,time_months,event\n");
    for (row, who) in table.rows.iter().zip(&meta.rows) {
        let centre = &who[meta.column("centre")];
        let id = format!("{centre}-{}", who[meta.column("PatientID")]);
        let values: Vec<&str> = columns.iter().map(|i| row[*i].as_str()).collect();
        writeln!(features, "{id},{centre},{}", values.join(",")).unwrap();
        let months = row[time].parse::<f64>().unwrap() / DAYS_A_MONTH;
        writeln!(followup, "{id},{months},{}", row[status]).unwrap();
    }
    (features, followup)
}

#[test]
fn a_forest_on_given_folds_is_as_good_as_ranger_s() {
    let Some(data) = oracles::folder("survival/data") else {
        return;
    };
    let (features, followup) = two_centres(&data);
    let folder = tempfile::tempdir().unwrap();
    write_study(folder.path(), &features, &followup);
    // The reference divided the rows; the rows have names here.
    let given = CsvTable::read(&data.join("nsclc_radiomics.folds.csv"));
    let ids: Vec<String> = CsvTable::parse(&features)
        .rows
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let mut folds = String::from("patient_id,fold\n");
    for row in &given.rows {
        let at: usize = row[given.column("row")].parse().unwrap();
        writeln!(folds, "{},{}", ids[at - 1], row[given.column("fold")]).unwrap();
    }
    std::fs::write(folder.path().join("folds.csv"), folds).unwrap();
    let summary = CsvTable::read(&data.join("../cv_summary.csv"));
    let reference = summary
        .rows
        .iter()
        .find(|row| row[0] == "nsclc_radiomics" && row[1] == "ranger_500_logrank")
        .map(|row| row[2].parse::<f64>().unwrap())
        .unwrap();
    let seeds = [1, 2, 3];
    let means: Vec<f64> = seeds
        .iter()
        .map(|seed| cross_validated_c(folder.path(), *seed))
        .collect();
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    eprintln!("rsf on given folds: {means:?}, mean {mean:.4}, ranger {reference:.4}");
    assert!(means[0] != means[1], "the seed does nothing");
    assert!(
        (mean - reference).abs() <= 0.01,
        "mean C {mean}, ranger {reference}"
    );
}

fn cross_validated_c(folder: &Path, seed: u32) -> f64 {
    let out = folder.join(format!("cv-{seed}"));
    let at = |name: &str| folder.join(name).display().to_string();
    let radloom = Radloom::on(&folder.join("cache"));
    radloom
        .say(&[
            "step".to_owned(),
            "run".to_owned(),
            "cross-validate".to_owned(),
            format!("--in=table={}", at("features.csv")),
            format!("--in=followup={}", at("followup.csv")),
            format!("--in=folds={}", at("folds.csv")),
            "--set=learner=rsf".to_owned(),
            "--set=settings.preset=ranger".to_owned(),
            format!("--set=seed={seed}"),
            format!("--out={}", out.display()),
        ])
        .ok();
    let risk = CsvTable::read(&out.join("risk.csv"));
    assert_eq!(
        risk.rows.len(),
        CsvTable::read(&folder.join("followup.csv")).rows.len()
    );
    let cv: Value = serde_json::from_slice(&std::fs::read(out.join("cv.json")).unwrap()).unwrap();
    cv["mean"].as_f64().unwrap_or_else(|| panic!("{cv}"))
}

/// Ninety patients of two centres; `a` and `b` are prognostic, `c` says what `a` says, the others say nothing.
fn generated() -> (String, String) {
    let mut state = 20_250_308_u64;
    let mut uniform = move || {
        // Knuth's multiplier and increment; the upper 32 bits are good enough for a fixture.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as f64 / f64::from(u32::MAX)
    };
    let mut features = String::from("patient_id,site,a,b,c,d,e,f\n");
    let mut followup = String::from("patient_id,time_months,event\n");
    for i in 0..90 {
        let site = if i % 3 == 2 { "l2" } else { "l1" };
        let [a, b, d, e, f, noise] = std::array::from_fn(|_| uniform());
        writeln!(
            features,
            "{site}-{i:02},{site},{a},{b},{},{d},{e},{f}",
            2.0 * a + 0.01 * f
        )
        .unwrap();
        let months = 2.0 + 70.0 * (0.55 * (1.0 - a) + 0.35 * (1.0 - b) + 0.25 * noise);
        writeln!(followup, "{site}-{i:02},{months},{}", u8::from(i % 5 < 3)).unwrap();
    }
    (features, followup)
}

#[test]
fn a_generated_table_gives_the_same_result_on_any_number_of_workers() {
    let (features, followup) = generated();
    let folder = tempfile::tempdir().unwrap();
    let study = write_study(folder.path(), &features, &followup);
    let mut digests = Vec::new();
    for workers in ["1", "2"] {
        let out = folder.path().join(format!("out-{workers}"));
        let radloom = Radloom::on(&folder.path().join(format!("cache-{workers}")));
        let few = [
            "--set",
            "steps.fit.with.rsf.num_trees=100",
            "--set",
            "steps.evaluate.with.bootstrap=100",
        ];
        let more = [&["--set", PUBLISH_RISK, "--workers", workers], &few[..]].concat();
        radloom.run(&study, &out, &more).done();
        let comparison = check_output(&out, &followup, 30);
        for learner in ["rsf", "cox"] {
            let c: f64 = row(&comparison, learner, "external", "harrell_c")["value"]
                .parse()
                .unwrap();
            assert!(c > 0.7, "{learner}: external C {c}");
        }
        let record: Value =
            serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
        digests.push(record["data_digest"].as_str().unwrap().to_owned());
    }
    assert_eq!(digests[0], digests[1]);
}

/// The synthetic tables are read by the study that comes with them.
#[test]
fn the_synthetic_tables_are_sound_and_planned() {
    let dir = tempfile::tempdir().unwrap();
    let radloom = Radloom::on(&dir.path().join("cache"));
    let out = dir.path().join("tables");
    radloom
        .say(&[
            "synth",
            "--size",
            "features-only",
            "--out",
            out.to_str().unwrap(),
        ])
        .ok();
    for region in ["tumour", "peritumour"] {
        for (suffix, n) in [("", 632), ("_r1s2", 50), ("_r2s1", 50)] {
            let table = CsvTable::read(&out.join(format!("{region}{suffix}.csv")));
            assert_eq!((table.header.len(), table.rows.len()), (2 + 1409, n));
        }
    }
    let study = out.join("study.toml");
    let plan = radloom.say(&["plan", study.to_str().unwrap()]);
    plan.ok();
    let check = radloom.say(&["check", study.to_str().unwrap(), "--json"]);
    let found: Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!(check.code, Some(0), "{found:#}");
    assert_eq!(found["counts"]["refuse"], 0);
}
