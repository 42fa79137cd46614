//! A run's models and its bundle: a patient of the external site is predicted to the bit, and what is altered is found.

use std::path::{Path, PathBuf};

use artefact::predictions::{RiskTable, SurvivalTable};
use coordinator::archive;
use coordinator::finish::read_manifest;
use coordinator::ro_crate;
use serde_json::{Value, json};
use tests::{Radloom, small_study};

const SMALLER: [&str; 12] = [
    "--set",
    "axes.split.repeats=1",
    "--set",
    "axes.split.kfold=3",
    "--set",
    "axes.endpoint=[\"dfs\"]",
    "--set",
    "steps.fit.with.rsf.num_trees=50",
    "--set",
    "steps.evaluate.with.bootstrap=20",
    "--set",
    "steps.selection.with.lasso.folds=4",
];

/// A run of the shipped study on the tiny cohort.
struct World {
    dir: tempfile::TempDir,
    radloom: Radloom,
}

impl World {
    /// One profile of two sites, none adapted.
    fn shipped() -> World {
        let world = World::cohort();
        let study = small_study(&world.at("cohort"));
        world.radloom.run(&study, &world.at("out"), &SMALLER).done();
        world
    }

    /// Two profiles, and a second site that is adapted to the first.
    fn two_profiles() -> World {
        let world = World::cohort();
        let study = world.at("cohort/two.toml");
        std::fs::write(&study, include_str!("frozen/study.toml")).unwrap();
        world.radloom.run(&study, &world.at("out"), &[]).done();
        world
    }

    fn cohort() -> World {
        let dir = tempfile::tempdir().unwrap();
        let radloom = Radloom::on(&dir.path().join("cache"));
        let world = World { dir, radloom };
        let cohort = world.at("cohort");
        world
            .radloom
            .say(&["synth", "--size", "tiny", "--out", text(&cohort)])
            .ok();
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, patient: &str, what: &str) -> PathBuf {
        self.at(&format!("cohort/c2/images/{patient}_{what}.nii.gz"))
    }

    fn predict(&self, model: &str, patient: &str, more: &[&str]) -> Value {
        let (image, mask) = (self.file(patient, "t2w"), self.file(patient, "mask"));
        let model = self.at(&format!("out/models/{model}.radloom"));
        let args = [
            "predict",
            text(&model),
            "--image",
            text(&image),
            "--mask",
            text(&mask),
            "--json",
        ];
        self.radloom.say(&[&args[..], more].concat()).ok().json()
    }

    /// What the run predicted of its external test patients.
    fn of_run(&self, subject: &Value) -> (RiskTable, SurvivalTable) {
        let record = std::fs::read(self.at("out/run.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        let store =
            coordinator::serve::open_store(&self.radloom.cache().join("coordinator"), None, true)
                .unwrap();
        let manifest = record["manifest"].as_str().unwrap().parse().unwrap();
        let manifest = store.get(&manifest).unwrap().unwrap();
        let axes = ["profile", "endpoint", "roi_set", "learner"];
        let values = axes.map(|axis| format!("{axis}={}", subject[axis].as_str().unwrap()));
        let tasks = read_manifest(&String::from_utf8_lossy(&manifest));
        let of_subject = |address: &str| {
            let pairs: Vec<&str> = address
                .split(['[', ',', ']'])
                .filter(|pair| pair.contains('='))
                .collect();
            let has = |value: &String| pairs.contains(&value.as_str());
            let axis_there = |axis: &str| pairs.iter().any(|p| p.starts_with(&format!("{axis}=")));
            address.starts_with("predict_test[")
                && pairs.contains(&"split=external")
                && values[1..].iter().all(has)
                && (has(&values[0]) || !axis_there("profile"))
        };
        let (_, recipe) = tasks.iter().find(|(a, _)| of_subject(a)).unwrap();
        let outcome = store.action(recipe).unwrap().unwrap();
        let bytes: Vec<_> = outcome
            .digests()
            .into_iter()
            .map(|digest| store.get(&digest).unwrap().unwrap())
            .collect();
        (
            RiskTable::decode(&bytes[0]).unwrap(),
            SurvivalTable::decode(&bytes[1]).unwrap(),
        )
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_model_file_predicts_the_bits_of_the_run_and_a_bundle_shows_what_was_altered() {
    let world = World::shipped();
    predicts_the_bits(&world, "dfs", &[]);
    names_what_is_wrong(&world);
    bundles(&world);
}

#[test]
fn a_model_of_two_profiles_and_harmonised_sites_predicts_the_bits_of_the_run() {
    let world = World::two_profiles();
    for model in ["dfs", "dfs-paper"] {
        predicts_the_bits(&world, model, &["--site", "c2"]);
    }
    let model = world.at("out/models/dfs.radloom");
    let (image, mask) = (world.file("c2-001", "t2w"), world.file("c2-001", "mask"));
    let args = [
        "predict",
        text(&model),
        "--image",
        text(&image),
        "--mask",
        text(&mask),
    ];
    let without = world.radloom.say(&args);
    assert_eq!(without.code, Some(2));
    assert!(
        without.stderr.contains("one of c1, c2"),
        "{}",
        without.stderr
    );
    let elsewhere = world.radloom.say(&[&args[..], &["--site", "c9"]].concat());
    assert_eq!(elsewhere.code, Some(1));
    assert!(
        elsewhere.stderr.contains("--batch FILE"),
        "{}",
        elsewhere.stderr
    );
    brings_a_new_site(&world, &model);
    let leakage = std::fs::read(world.at("out/leakage.json")).unwrap();
    let leakage: Value = serde_json::from_slice(&leakage).unwrap();
    assert_eq!(leakage["adapts"].as_array().unwrap().len(), 2, "{leakage}");
}

/// The second site under another name: its patients' features alone bring it where the run brought it.
fn brings_a_new_site(world: &World, model: &Path) {
    let (risks, survival) =
        world.of_run(&world.predict("dfs", "c2-001", &["--site", "c2"])["model"]);
    let batch = |name: &str, rows: &[String]| {
        let file = world.at(name);
        let rows = format!("patient_id,image,mask\n{}\n", rows.join("\n"));
        std::fs::write(&file, rows).unwrap();
        let args = ["predict", text(model), "--site", "c9", "--json", "--batch"];
        world.radloom.say(&[&args[..], &[text(&file)]].concat())
    };
    let images = "cohort/c2/images";
    let row = |id: &String| format!("{id},{images}/{id}_t2w.nii.gz,{images}/{id}_mask.nii.gz");
    let ids: Vec<String> = risks.rows.iter().map(|r| r.patient_id.clone()).collect();
    let mut rows: Vec<String> = ids.iter().map(row).collect();
    let told = batch("c9.csv", &rows).ok().json();
    assert_eq!(told["n_adapted"], 12, "{told}");
    assert!(
        told["site_warning"]
            .as_str()
            .unwrap()
            .contains("12 patients")
    );
    let bits = |told: &Value| told.as_f64().unwrap().to_bits();
    for (i, id) in ids.iter().enumerate() {
        let patient = &told["patients"][i];
        assert_eq!(patient["patient_id"], *id);
        assert_eq!(bits(&patient["risk"]), risks.risk[i].to_bits(), "{patient}");
        let last = patient["survival"].as_array().unwrap().last().unwrap();
        assert_eq!(
            bits(&last["probability"]),
            survival.survival[i].last().unwrap().to_bits()
        );
    }
    // The order of the rows changes nothing.
    let reversed: Vec<String> = rows.iter().rev().cloned().collect();
    let mut reversed = batch("reversed.csv", &reversed).ok().json();
    reversed["patients"].as_array_mut().unwrap().reverse();
    assert_eq!(reversed, told);
    // Who cannot be measured is named, teaches nothing and is not predicted; the others are.
    rows[3] = format!("{},{images}/{}_t2w.nii.gz,nowhere.nii.gz", ids[3], ids[3]);
    let without = batch("without.csv", &rows);
    assert_eq!(without.code, Some(1));
    let without = without.json();
    assert_eq!(without["n_adapted"], 11);
    assert!(
        without["patients"][3]["refused"]
            .as_str()
            .unwrap()
            .contains("nowhere.nii.gz")
    );
    assert_ne!(
        bits(&without["patients"][0]["risk"]),
        risks.risk[0].to_bits()
    );
    let alone = batch("alone.csv", &rows[..1]);
    assert_eq!(alone.code, Some(1));
    assert!(
        alone.stderr.contains("1 of 1 patients of site `c9`")
            && alone.stderr.contains("at least 2"),
        "{}",
        alone.stderr
    );
    let unread = batch("unread.csv", &rows[2..4]);
    assert_eq!(unread.code, Some(1));
    assert!(
        unread.stderr.contains("1 of 2 patients") && unread.stderr.contains("nowhere.nii.gz"),
        "{}",
        unread.stderr
    );
    let two_sites = world.at("two_sites.csv");
    let (of_c9, of_c8) = (&rows[0], &rows[1]);
    let lines = format!("patient_id,image,mask,site\n{of_c9},c9\n{of_c8},c8\n");
    std::fs::write(&two_sites, lines).unwrap();
    let args = ["predict", text(model), "--site", "c9", "--batch"];
    let mixed = world
        .radloom
        .say(&[&args[..], &[text(&two_sites)]].concat());
    assert!(
        mixed.stderr.contains("row 3") && mixed.stderr.contains("is of site `c8`"),
        "{}",
        mixed.stderr
    );
    let twice = batch("twice.csv", &[rows[0].clone(), rows[0].clone()]);
    assert!(
        twice.stderr.contains("row 3: `patient_id`") && twice.stderr.contains("there twice"),
        "{}",
        twice.stderr
    );
}

fn predicts_the_bits(world: &World, model: &str, more: &[&str]) {
    let first = world.predict(model, "c2-001", more);
    let (risks, survival) = world.of_run(&first["model"]);
    assert_eq!(risks.rows.len(), 12);
    for (i, row) in risks.rows.iter().enumerate().take(4) {
        let told = world.predict(model, &row.patient_id, more);
        assert_eq!(
            told["risk"].as_f64().unwrap().to_bits(),
            risks.risk[i].to_bits(),
            "{told}"
        );
        for (k, at) in told["survival"].as_array().unwrap().iter().enumerate() {
            assert_eq!(at["months"].as_f64().unwrap(), survival.times[k]);
            assert_eq!(
                at["probability"].as_f64().unwrap().to_bits(),
                survival.survival[i][k].to_bits()
            );
        }
        let percentile = told["percentile"].as_f64().unwrap();
        assert!((0.0..=100.0).contains(&percentile));
        let high = told["risk"].as_f64() > told["cut"].as_f64();
        assert_eq!(told["group"], if high { "high" } else { "low" });
        assert!(
            told["novelty"]["distance"].as_f64().unwrap() > 0.0,
            "{told}"
        );
        // Every horizon was looked at, at the external site and where the study has folds out of them; it has numbers or a reason.
        let seen = told["calibration"].as_array().unwrap();
        let n_horizons = told["survival"].as_array().unwrap().len();
        let n_sets = if told["study"] == "two-profiles" {
            1
        } else {
            2
        };
        assert_eq!(seen.len(), n_sets * n_horizons, "{told}");
        for at in seen {
            let numbers = at["observed_over_expected"]["value"].as_f64();
            let reason = at["reason"].as_str().unwrap_or_default();
            assert!(numbers.is_some() || !reason.is_empty(), "{at}");
        }
        assert!(told["calibration_warnings"].is_array());
    }
    if model != "dfs" {
        return;
    }
    let card = std::fs::read_to_string(world.at("out/models/model_card.md")).unwrap();
    for said in [
        "28 patients",
        "| external | harrell_c |",
        "no medical device",
        "### How true its probabilities were",
        "| external | 12 |",
    ] {
        assert!(card.contains(said), "{said}: {card}");
    }
    let has_folds = !card.contains("`two-profiles`");
    assert_eq!(card.contains("| cv | 12 |"), has_folds, "{card}");
}

fn names_what_is_wrong(world: &World) {
    let (image, mask) = (world.file("c2-001", "t2w"), world.file("c2-001", "mask"));
    let model = world.at("out/models/dfs.radloom");
    let without = world
        .radloom
        .say(&["predict", text(&model), "--image", text(&image)]);
    assert_eq!(without.code, Some(2));
    assert!(without.stderr.contains("--mask FILE"), "{}", without.stderr);
    let swapped = [
        "predict",
        text(&model),
        "--image",
        text(&mask),
        "--mask",
        text(&mask),
    ];
    let swapped = world.radloom.say(&swapped);
    assert_eq!(swapped.code, Some(1));
    assert!(
        swapped.stderr.contains("c2-001_mask.nii.gz"),
        "{}",
        swapped.stderr
    );
    let study = world.at("cohort/study.toml");
    let no_model = [
        "predict",
        text(&study),
        "--image",
        text(&image),
        "--mask",
        text(&mask),
    ];
    let no_model = world.radloom.say(&no_model);
    assert_eq!(no_model.code, Some(1));
    assert!(
        no_model.stderr.contains("study.toml"),
        "{}",
        no_model.stderr
    );
}

fn bundles(world: &World) {
    let (of_folder, of_run) = (world.at("folder.zip"), world.at("run.zip"));
    let out = world.at("out");
    world
        .radloom
        .say(&["bundle", text(&out), "-o", text(&of_folder)])
        .ok();
    world
        .radloom
        .say(&["bundle", "small-1", "-o", text(&of_run)])
        .ok();
    let bytes = std::fs::read(&of_folder).unwrap();
    assert_eq!(bytes, std::fs::read(&of_run).unwrap());
    let told = world
        .radloom
        .say(&["verify", text(&of_folder), "--json"])
        .ok()
        .json();
    assert_eq!(told["altered"].as_array().unwrap().len(), 0, "{told}");
    assert!(
        told["recipes"].as_u64() > Some(100) && told["fits"].as_u64() > Some(10),
        "{told}"
    );
    assert_eq!(told["models"], 1);

    let files = archive::unpack(&bytes).unwrap();
    let metadata: Value = serde_json::from_slice(&files[ro_crate::METADATA]).unwrap();
    let graph = metadata["@graph"].as_array().unwrap();
    let of_type = |ty: &str| graph.iter().filter(|e| e["@type"] == ty).count();
    assert!(
        of_type("HowToStep") > 10
            && of_type("ControlAction") > 10
            && of_type("OrganizeAction") == 1
    );
    // No pixel leaves: neither volumes nor masks are among the files.
    assert!(files.keys().all(|path| !path.contains(".nii")));

    // One byte of any file, with everything else as it was, is found by the name of the file.
    let paths = [
        "comparison.csv",
        "study.toml",
        "run.json",
        "leakage.json",
        "models/dfs.radloom",
        "recipes.jsonl",
        "report.html",
    ];
    for path in paths {
        let mut altered = files.clone();
        let content = altered.get_mut(path).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        let zip = world.at("altered.zip");
        std::fs::write(&zip, archive::pack(&altered).unwrap()).unwrap();
        let said = world.radloom.say(&["verify", text(&zip)]);
        assert_eq!(said.code, Some(1));
        assert!(
            said.stdout.contains(&format!("{path} was altered")),
            "{path}: {}",
            said.stdout
        );
    }
    // With digests made to fit, what the files say about each other still does not.
    let mut forged = files.clone();
    forged.remove(ro_crate::MANIFEST);
    forged.remove(ro_crate::METADATA);
    let comparison = String::from_utf8(forged["comparison.csv"].clone()).unwrap();
    forged.insert(
        "comparison.csv".to_owned(),
        comparison.replace("external", "externel").into_bytes(),
    );
    let zip = world.at("forged.zip");
    let forged = ro_crate::complete(forged, "2026-01-01");
    std::fs::write(&zip, archive::pack(&forged).unwrap()).unwrap();
    let said = world.radloom.say(&["verify", text(&zip)]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("`data_digest`"), "{}", said.stdout);
    // A byte of the file itself.
    let mut cut = bytes.clone();
    let middle = cut.len() / 2;
    cut[middle] ^= 0x10;
    std::fs::write(&zip, &cut).unwrap();
    assert_eq!(world.radloom.say(&["verify", text(&zip)]).code, Some(1));

    let leakage: Value = serde_json::from_slice(&files["leakage.json"]).unwrap();
    assert!(
        leakage["claim"]
            .as_str()
            .unwrap()
            .contains("no test patient is among them"),
        "{}",
        leakage["claim"]
    );
    let fits = leakage["fits"].as_array().unwrap();
    assert!(
        fits.iter()
            .all(|fit| fit["disjoint"] == true
                && !fit["test_patients"].as_array().unwrap().is_empty())
    );
    // Three region sets by two learners, each judged once on the external patients; who has follow-up was asked once, and
    // three folds and the external split were made of everybody's.
    assert_eq!(
        leakage["external_outcomes_opened"],
        json!([{"endpoint": "dfs", "times": 11, "by": {"eligible": 1, "evaluate": 6, "splits": 4}}])
    );
}
