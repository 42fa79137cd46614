//! What a second run repeats, and what it does not: on the tiny synthetic cohort, embedded.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use imaging::{Volume, Voxels, nifti};
use serde_json::Value;
use tempfile::TempDir;
use tests::files::{contents, copy_folder};
use tests::nifti_file::{decompressed, write_compressed};
use tests::{Counts, CsvTable, Radloom};

const STUDY: &str = include_str!("rerun/study.toml");

/// A cohort, a cache and an output folder of its own.
struct World {
    dir: TempDir,
    cohort: PathBuf,
}

impl World {
    /// A copy of a world in which the study has run once; the copy is the first rename of its cohort.
    fn warm() -> World {
        static FIRST: OnceLock<World> = OnceLock::new();
        let first = FIRST.get_or_init(World::cold);
        let world = World {
            dir: tempfile::tempdir().unwrap(),
            cohort: PathBuf::new(),
        };
        copy_folder(first.dir.path(), world.dir.path());
        World {
            cohort: world.dir.path().join("cohort"),
            dir: world.dir,
        }
    }

    fn cold() -> World {
        let dir = tempfile::tempdir().unwrap();
        let cohort = dir.path().join("cohort");
        let world = World { dir, cohort };
        let out = world.cohort.to_str().unwrap();
        world
            .radloom()
            .say(&["synth", "--size", "tiny", "--out", out])
            .ok();
        std::fs::write(world.study(), STUDY).unwrap();
        let counts = world.run(&[]).done();
        assert_eq!(
            (counts.ran, counts.reused, counts.excluded),
            (counts.total, 0, 0),
            "{counts:#?}"
        );
        world
    }

    fn radloom(&self) -> Radloom {
        Radloom::on(&self.dir.path().join("cache"))
    }

    fn study(&self) -> PathBuf {
        self.cohort.join("rerun.toml")
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    #[track_caller]
    fn run(&self, more: &[&str]) -> Counts {
        self.radloom().run(&self.study(), &self.out(), more)
    }

    /// Runs and expects that nothing is worked on and that the output is what it was.
    #[track_caller]
    fn runs_nothing(&self) {
        let before = self.published();
        let counts = self.run(&[]).done();
        assert_eq!(
            (counts.ran, counts.reused + counts.refused),
            (0, counts.total),
            "{counts:#?}"
        );
        assert_eq!(self.published(), before);
    }

    /// What the last run published, without its record.
    fn published(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = contents(&self.out());
        assert!(files.remove("run.json").is_some());
        files
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.out().join(file)).unwrap()).unwrap()
    }

    /// Addresses of the tasks that the last run worked on.
    fn ran(&self) -> BTreeSet<String> {
        let record = self.json("run.json");
        record["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|span| span["task"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How often the last run worked on a task.
    fn spans(&self) -> usize {
        self.json("run.json")["timeline"].as_array().unwrap().len()
    }

    /// Recipe of each fit of the last run.
    fn fits(&self) -> BTreeMap<String, String> {
        let certificate = self.json("leakage.json");
        let fits = certificate["fits"].as_array().unwrap().iter();
        fits.map(|fit| {
            (
                fit["task"].as_str().unwrap().to_owned(),
                fit["recipe"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
    }

    fn image(&self, patient: &str, what: &str) -> PathBuf {
        self.cohort
            .join(&patient[..2])
            .join("images")
            .join(format!("{patient}_{what}.nii.gz"))
    }

    /// Changes the table of patients; fails if nothing changed.
    #[track_caller]
    fn edit_table(&self, edit: impl Fn(&mut CsvTable)) {
        let path = self.cohort.join("patients.csv");
        let before = CsvTable::read(&path);
        let mut table = before.clone();
        edit(&mut table);
        assert_ne!(table, before);
        let rows = std::iter::once(&table.header).chain(&table.rows);
        let text: String = rows.map(|row| row.join(",") + "\n").collect();
        std::fs::write(path, text).unwrap();
    }

    #[track_caller]
    fn edit_cell(&self, patient: &str, column: &str, value: &str) {
        self.edit_table(|table| {
            let (id, at) = (table.column("patient_id"), table.column(column));
            table
                .rows
                .iter_mut()
                .filter(|row| row[id] == patient)
                .for_each(|row| value.clone_into(&mut row[at]));
        });
    }

    fn cell(&self, patient: &str, column: &str) -> String {
        CsvTable::read(&self.cohort.join("patients.csv"))
            .cell(("patient_id", patient), column)
            .to_owned()
    }
}

/// Step names of addresses.
fn steps(tasks: &BTreeSet<String>) -> BTreeSet<&str> {
    tasks
        .iter()
        .map(|task| task.split('[').next().unwrap())
        .collect()
}

fn named<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

const LEARNING: [&str; 4] = ["impute", "standardise", "selection", "fit"];

#[test]
fn a_warm_run_runs_nothing_and_a_renamed_folder_is_the_same_cohort() {
    let mut world = World::warm();
    world.runs_nothing();
    let renamed = world.dir.path().join("elsewhere");
    std::fs::rename(&world.cohort, &renamed).unwrap();
    world.cohort = renamed;
    world.runs_nothing();
    let said = world
        .radloom()
        .say(&[
            "run",
            world.study().to_str().unwrap(),
            "--out",
            world.out().to_str().unwrap(),
        ])
        .ok();
    let last = said.stdout.lines().last().unwrap().to_owned();
    assert_eq!(
        last,
        format!(
            "reused {} · ran 0 · cut off 0 · excluded 0",
            world.run(&[]).total
        )
    );
}

#[test]
fn touched_and_recompressed_files_rerun_nothing() {
    let world = World::warm();
    for site in ["c1", "c2"] {
        for entry in std::fs::read_dir(world.cohort.join(site).join("images")).unwrap() {
            std::fs::File::options()
                .append(true)
                .open(entry.unwrap().path())
                .unwrap()
                .set_modified(SystemTime::now())
                .unwrap();
        }
    }
    world.runs_nothing();
    for (patient, level) in [("c1-001", 0), ("c1-002", 1), ("c2-001", 9)] {
        for what in ["t2w", "mask"] {
            let path = world.image(patient, what);
            let before = std::fs::read(&path).unwrap();
            write_compressed(&path, &decompressed(&path), level);
            assert_ne!(std::fs::read(&path).unwrap(), before, "{patient} {what}");
        }
    }
    world.runs_nothing();
    let plain = world.cohort.join("c1/images/plain.nii");
    std::fs::write(&plain, decompressed(&world.image("c1-003", "t2w"))).unwrap();
    world.edit_cell("c1-003", "image", "c1/images/plain.nii");
    world.runs_nothing();
}

/// Adds one to a voxel in the middle of the tumour.
fn change_one_voxel(world: &World, patient: &str) {
    let path = world.image(patient, "t2w");
    let mask = nifti::read(&world.image(patient, "mask")).unwrap().to_f64();
    let inside: Vec<usize> = (0..mask.len()).filter(|i| mask[*i] == 1.0).collect();
    let mut volume = nifti::read(&path).unwrap();
    let Voxels::I16(voxels) = &mut volume.voxels else {
        panic!("images are 16 bits")
    };
    voxels[inside[inside.len() / 2]] += 1;
    nifti::write_gz(&path, &volume).unwrap();
}

#[test]
fn one_voxel_reruns_one_patient_and_what_is_pooled_above() {
    let world = World::warm();
    change_one_voxel(&world, "c1-005");
    let counts = world.run(&[]).done();
    let ran = world.ran();
    assert_eq!(counts.ran, ran.len() as u64);
    let of_patients: BTreeSet<String> = ran
        .iter()
        .filter(|task| task.contains("patient="))
        .cloned()
        .collect();
    let expected = [
        "image[patient=c1-005]",
        "tumour[patient=c1-005]",
        "n4[patient=c1-005]",
        "ring[patient=c1-005]",
        "features[patient=c1-005,roi=tumour]",
        "features[patient=c1-005,roi=peritumour]",
    ];
    assert_eq!(
        of_patients,
        expected.iter().map(|task| (*task).to_owned()).collect()
    );
    let untouched = named(&["clinical", "outcome", "roster", "splits"]);
    assert!(steps(&ran).is_disjoint(&untouched), "{ran:?}");
    assert!(ran.contains("table"));
    world.runs_nothing();
}

#[test]
fn a_voxel_of_a_test_patient_changes_no_fit() {
    let world = World::warm();
    let fits = world.fits();
    change_one_voxel(&world, "c2-004");
    let counts = world.run(&[]).done();
    let ran = world.ran();
    assert!(steps(&ran).is_disjoint(&named(&LEARNING)), "{ran:?}");
    assert!(
        ran.contains("table") && ran.contains("divided[split=external]"),
        "{ran:?}"
    );
    assert!(counts.cut_off > 0, "{counts:#?}");
    assert_eq!(world.fits(), fits);
}

#[test]
fn a_parameter_reruns_its_own_cone() {
    let world = World::warm();
    let counts = world
        .run(&["--set", "steps.ring.with.margin_mm=8.0"])
        .done();
    let ran = world.ran();
    let of_patients: BTreeSet<&String> = ran
        .iter()
        .filter(|task| task.contains("patient="))
        .collect();
    assert_eq!(
        of_patients
            .iter()
            .filter(|task| task.starts_with("ring["))
            .count(),
        40
    );
    assert_eq!(
        of_patients
            .iter()
            .filter(|task| task.ends_with(",roi=peritumour]"))
            .count(),
        40
    );
    assert_eq!(of_patients.len(), 80, "{ran:?}");
    let untouched = named(&["clinical", "outcome", "roster", "splits"]);
    assert!(steps(&ran).is_disjoint(&untouched), "{ran:?}");
    assert!(counts.reused > 160, "{counts:#?}");
    // Both values stay in the cache.
    world.run_is_warm(&["--set", "steps.ring.with.margin_mm=8.0"]);
    world.run_is_warm(&[]);
}

impl World {
    #[track_caller]
    fn run_is_warm(&self, more: &[&str]) {
        let counts = self.run(more).done();
        assert_eq!(
            (counts.ran, counts.reused),
            (0, counts.total),
            "{counts:#?}"
        );
    }
}

#[test]
fn a_rerun_that_gives_the_same_bytes_cuts_off() {
    let world = World::warm();
    let before = world.published();
    // The neighbouring slices count in another mode only; the recipe differs, the ring does not.
    let counts = world.run(&["--set", "steps.ring.with.slices=2"]).done();
    assert_eq!(steps(&world.ran()), named(&["ring"]));
    assert_eq!(
        (counts.ran, counts.reused),
        (40, counts.total - 40),
        "{counts:#?}"
    );
    assert!(counts.cut_off >= 40, "{counts:#?}");
    assert_eq!(world.published(), before);
}

#[test]
fn the_outcome_of_a_test_patient_changes_no_fit_of_its_splits() {
    let world = World::warm();
    let before = world.fits();
    assert!(before.len() >= 20, "{before:?}");
    world.edit_cell("c2-003", "dfs_months", "1.5");
    let event = if world.cell("c2-003", "dfs_event") == "1" {
        "0"
    } else {
        "1"
    };
    world.edit_cell("c2-003", "dfs_event", event);
    world.run(&[]).done();
    // The second centre is a test row everywhere.
    assert_eq!(world.fits(), before);
    assert!(
        steps(&world.ran()).is_disjoint(&named(&LEARNING)),
        "{:?}",
        world.ran()
    );

    world.edit_cell("c1-010", "dfs_months", "2.5");
    let event = if world.cell("c1-010", "dfs_event") == "1" {
        "0"
    } else {
        "1"
    };
    world.edit_cell("c1-010", "dfs_event", event);
    world.run(&[]).done();
    let split = world.split_in_which_tested("c1-010");
    let after = world.fits();
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    for (task, recipe) in &before {
        let test_row = task.contains(&format!("split={split}"));
        let sees_outcomes = task.starts_with("selection[") || task.starts_with("fit[");
        assert_eq!(after[task] == *recipe, test_row || !sees_outcomes, "{task}");
    }
}

impl World {
    /// The one fold in whose test rows a patient is.
    fn split_in_which_tested(&self, patient: &str) -> String {
        let tested = |split: &str| {
            let risk = CsvTable::read(&self.out().join(format!("tables/risk_{split}_rsf.csv")));
            !risk.where_all(&[("patient_id", patient)]).is_empty()
        };
        let splits: Vec<&str> = ["r1f1", "r1f2", "r1f3", "external"]
            .into_iter()
            .filter(|split| tested(split))
            .collect();
        assert_eq!(splits.len(), 1, "{patient} is tested in {splits:?}");
        splits[0].to_owned()
    }
}

/// Five patients whose files cannot be used, with the step and code that say so.
const UNUSABLE: [(&str, &str, &str); 5] = [
    ("c1-003", "import-mask", "mask-empty"),
    ("c1-004", "import-mask", "geometry-mismatch"),
    ("c1-006", "import-image", "not-three-dimensional"),
    ("c2-002", "import-image", "file-missing"),
    ("c2-003", "import-image", "format-unknown"),
];

fn spoil(world: &World) {
    let path = world.image("c1-003", "mask");
    let mask = nifti::read(&path).unwrap();
    let empty = Voxels::U8(vec![0; mask.geometry.n_voxels()]);
    nifti::write_gz(&path, &Volume::new(mask.geometry, empty).unwrap()).unwrap();

    let path = world.image("c1-004", "mask");
    let mut mask = nifti::read(&path).unwrap();
    mask.geometry.affine[0][3] += 3.0;
    nifti::write_gz(&path, &mask).unwrap();

    // Two volumes in one file: dim[0] = 4, dim[4] = 2, and the voxels twice.
    let path = world.image("c1-006", "t2w");
    let mut bytes = decompressed(&path);
    let voxels = bytes[352..].to_vec();
    bytes[40..42].copy_from_slice(&4i16.to_le_bytes());
    bytes[48..50].copy_from_slice(&2i16.to_le_bytes());
    bytes.extend(voxels);
    write_compressed(&path, &bytes, 6);

    std::fs::remove_file(world.image("c2-002", "t2w")).unwrap();
    std::fs::write(world.image("c2-003", "t2w"), b"no image").unwrap();
}

#[test]
fn refused_patients_are_left_out_counted_and_not_tried_again() {
    let world = World::warm();
    let kept = std::fs::read(world.image("c2-002", "t2w")).unwrap();
    spoil(&world);
    let counts = world.run(&[]).done();
    assert_eq!(counts.excluded, 5, "{counts:#?}");
    let exclusions = CsvTable::read(&world.out().join("exclusions.csv"));
    let column = |row: &Vec<String>, name: &str| row[exclusions.column(name)].clone();
    let found: BTreeSet<(String, String, String)> = exclusions
        .rows
        .iter()
        .map(|row| {
            (
                column(row, "patient_id"),
                column(row, "step"),
                column(row, "code"),
            )
        })
        .collect();
    let expected = UNUSABLE
        .iter()
        .map(|(p, s, c)| ((*p).to_owned(), (*s).to_owned(), (*c).to_owned()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(
        CsvTable::read(&world.out().join("tables/features.csv"))
            .rows
            .len(),
        35
    );
    world.runs_nothing();
    // A repaired file brings its patient back, at the cost of that patient only.
    std::fs::write(world.image("c2-002", "t2w"), kept).unwrap();
    let counts = world.run(&[]).done();
    assert_eq!(counts.excluded, 4, "{counts:#?}");
    let ran = world.ran();
    assert!(
        ran.iter().all(|task| !task.contains("patient=")),
        "the patient's results are in the cache: {ran:?}"
    );
}

#[test]
fn why_and_plan_name_the_component_that_differs() {
    let world = World::warm();
    let study = world.study();
    let set = "steps.ring.with.margin_mm=8.0";
    let plan = world
        .radloom()
        .say(&["plan", study.to_str().unwrap(), "--why", "--set", set])
        .ok();
    assert!(
        plan.stdout
            .contains("ring[patient=c1-001]: params.margin_mm: 5.0 → 8.0"),
        "{plan:#?}"
    );
    let told = world
        .radloom()
        .say(&["plan", study.to_str().unwrap(), "--json", "--set", set])
        .ok()
        .json();
    let row = |step: &str, key: &str| -> u64 {
        let rows = told["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["step"] == step);
        rows.map(|row| row[key].as_u64().unwrap()).sum()
    };
    assert_eq!(
        (
            row("ring", "to_run"),
            row("ring", "cached"),
            row("n4", "cached")
        ),
        (40, 0, 40)
    );
    let first = world.run(&["--set", set]).done();
    let why = world
        .radloom()
        .say(&["why", &first.run, "ring[patient=c1-001]"])
        .ok();
    assert!(
        why.stdout.contains("params.margin_mm: 5.0 → 8.0"),
        "{why:#?}"
    );
    let why = world
        .radloom()
        .say(&["why", &first.run, "n4[patient=c1-001]"])
        .ok();
    assert!(why.stdout.contains("did not run"), "{why:#?}");

    change_one_voxel(&world, "c1-007");
    let second = world.run(&["--set", set]).done();
    let told = world
        .radloom()
        .say(&["why", &second.run, "image[patient=c1-007]", "--json"])
        .ok()
        .json();
    let differs: Vec<&str> = told["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["component"].as_str().unwrap())
        .collect();
    assert_eq!(differs, ["inputs.image"], "{told}");
}

#[test]
fn what_is_not_published_is_named_with_the_reason() {
    let world = World::warm();
    // A margin within the voxel leaves no ring, for nobody.
    let counts = world.run(&["--set", "steps.ring.with.margin_mm=0.5"]);
    assert_eq!(
        (counts.phase.as_str(), counts.code, counts.failed),
        ("incomplete", Some(1), 0),
        "{counts:#?}"
    );
    let said = &counts.said.stderr;
    let line = said
        .lines()
        .find(|l| l.contains("all 40 patients were left out"));
    assert!(
        line.is_some_and(|l| l.contains("tables/features.csv") && l.contains("exclusions.csv")),
        "{said}"
    );
    let causes = said.lines().filter(|l| !l.starts_with("radloom: note:"));
    assert_eq!(causes.count(), 1, "one cause is told once: {said}");
    let why = world
        .radloom()
        .say(&["why", &counts.run, "ring[patient=c1-001]"])
        .ok();
    assert!(
        why.stdout.contains("ring[patient=c1-001]: refused: ")
            && why.stdout.contains("(peritumoural-ring, ring-empty)"),
        "{why:#?}"
    );
    // A task that never had a recipe tells the refusal above it.
    let why = world
        .radloom()
        .say(&["why", &counts.run, "fit[split=external,learner=rsf]"])
        .ok();
    assert!(
        why.stdout
            .contains("fit[split=external,learner=rsf]: refused: all 40 patients were left out"),
        "{why:#?}"
    );
}

/// Flips a bit in the middle of every blob file below a folder; gives their number.
fn damage(folder: &Path) -> usize {
    let mut n = 0;
    for (name, mut bytes) in contents(folder) {
        if name
            .split('/')
            .any(|part| part == "blobs" || part == "keyed")
            && bytes.len() > 64
        {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(folder.join(&name), bytes).unwrap();
            n += 1;
        }
    }
    n
}

#[test]
fn damaged_blobs_are_found_and_made_again() {
    let world = World::warm();
    let before = world.published();
    assert!(damage(&world.dir.path().join("cache/coordinator")) > 80);
    let counts = world.run(&[]).done();
    assert!(counts.ran > 0, "{counts:#?}");
    // Every patient's features once, and the table that is published from them.
    assert_eq!(steps(&world.ran()), named(&["features", "table"]));
    assert_eq!(world.spans(), 81);
    assert_eq!(world.published(), before);
    world.runs_nothing();
}

#[test]
fn damaged_images_of_a_site_are_found_and_made_again() {
    let set = ["--set", "steps.ring.with.margin_mm=8.0"];
    let sound = World::warm();
    sound.run(&set).done();
    let world = World::warm();
    assert!(damage(&world.dir.path().join("cache/sites/c1")) > 50);
    let counts = world.run(&set).done();
    assert_eq!(world.published(), sound.published(), "{counts:#?}");
    assert!(steps(&world.ran()).contains("n4"), "{:?}", world.ran());
    world.run_is_warm(&set);
}
