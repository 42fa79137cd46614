//! Images through a coordinator and two worker processes: the phantoms always, real images where they are.
//!
//! Two chains beside each other: import → features, whose reference is PyRadiomics, and import → N4 → ring → features,
//! whose ring has the reference's number of voxels.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use imaging::{Mask, Volume, nifti, phantom};
use serde_json::Value;
use tests::{Counts, CsvTable, Radloom, Served, WorkerProcess, oracles};

/// Relative agreement of features.
const FEATURES_REL: f64 = 1e-6;
/// Absolute agreement that is enough: values that are 0 but for rounding.
const FEATURES_ABS: f64 = 1e-9;
/// Agreement of log fields with ITK.
const LOG_FIELD_ABS: f64 = 1e-3;
const MARGINS_MM: [u32; 3] = [5, 10, 50];

const STUDY: &str = r#"
name  = "images"
seed  = 1
sites = ["c1", "c2"]

[cohort]
file = "cohort.toml"

[axes]
patient = { from = "cohort" }
margin  = ["5", "10", "50"]

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
with = { settings = { binWidth = 25.0 } }

[steps.n4]
kind = "n4-bias-correction"
per  = ["patient"]
in   = { image = "image.image" }
with = { preset = "slicer", iterations = [4] }

[steps.ring]
kind = "peritumoural-ring"
per  = ["patient", "margin"]
in   = { mask = "tumour.mask" }
[steps.ring.with]
by   = "margin"
"5"  = { margin_mm = 5.0, mode = "3d-euclidean", clip_to = "image" }
"10" = { margin_mm = 10.0, mode = "3d-euclidean", clip_to = "image" }
"50" = { margin_mm = 50.0, mode = "3d-euclidean", clip_to = "image" }

[steps.ring_features]
kind = "extract-features"
per  = ["patient", "margin"]
in   = { image = "n4.image", mask = "ring.mask" }
with = { settings = { binCount = 32 } }

[steps.table]
kind    = "gather-table"
in      = { features = "features.features" }
missing = "exclude"

[steps.ring_table]
kind    = "gather-table"
per     = ["margin"]
in      = { features = "ring_features.features" }
missing = "exclude"

[steps.exclusions]
kind = "exclusions"
in   = { exclusions = ["table.excluded", "ring_table.excluded"] }

[publish]
"tables/imported.csv"       = "table.table"
"tables/ring_{margin}.csv"  = "ring_table.table"
"exclusions.csv"            = "exclusions.exclusions"
"#;

/// One patient of a test cohort.
struct Case {
    name: String,
    site: &'static str,
    image: PathBuf,
    mask: PathBuf,
}

/// A cohort of two sites in a folder: each site has its own table.
fn write_cohort(folder: &Path, cases: &[Case]) {
    std::fs::write(folder.join("study.toml"), STUDY).unwrap();
    for site in ["c1", "c2"] {
        let mut table = String::from("patient_id,site,image,mask\n");
        for case in cases.iter().filter(|case| case.site == site) {
            let (image, mask) = (case.image.display(), case.mask.display());
            writeln!(table, "{},{site},{image},{mask}", case.name).unwrap();
        }
        let own = folder.join(site);
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("patients.csv"), table).unwrap();
        let cohort = "table = \"patients.csv\"\n[items]\nt2w = { column = \"image\" }\nmask = { column = \"mask\" }\n";
        std::fs::write(own.join("cohort.toml"), cohort).unwrap();
    }
}

/// Runs the study on a served coordinator with one worker process a site; gives counts and output folder.
fn run_served(folder: &Path) -> (Counts, PathBuf) {
    let served = Served::start(&folder.join("state"), &[]);
    let join = |site: &str| {
        let cohort = folder.join(site).join("cohort.toml");
        WorkerProcess::join(&served.url, site, &cohort, &folder.join("cache").join(site))
    };
    let _workers = [join("c1"), join("c2")];
    let out = folder.join("out");
    let radloom = Radloom::on(&folder.join("unused-cache"));
    let counts = radloom.run(
        &folder.join("study.toml"),
        &out,
        &["--coordinator", &served.url],
    );
    assert!(
        !radloom.cache().exists(),
        "a run on a served coordinator wrote a cache of its own"
    );
    (counts, out)
}

/// `feature,value` rows of the original image; an empty or non-finite value is undefined.
fn reference(path: &Path) -> BTreeMap<String, Option<f64>> {
    let table = CsvTable::read(path);
    let rows = table
        .rows
        .iter()
        .filter(|row| row[0].starts_with("original_"));
    rows.map(|row| {
        (
            row[0].clone(),
            row[1].parse::<f64>().ok().filter(|v| v.is_finite()),
        )
    })
    .collect()
}

/// Compares one patient's row with the reference, both ways; gives the largest relative difference.
fn compare(case: &str, table: &CsvTable, reference: &BTreeMap<String, Option<f64>>) -> f64 {
    let names: Vec<&String> = table
        .header
        .iter()
        .filter(|name| name.starts_with("original_"))
        .collect();
    assert_eq!(names.len(), reference.len(), "{case}: features");
    let mut worst = 0.0_f64;
    let mut wrong = Vec::new();
    for name in names {
        let value = table.cell(("patient_id", case), name);
        let expected = reference
            .get(name)
            .unwrap_or_else(|| panic!("{case}: {name} has no reference"));
        match (value.parse::<f64>().ok(), expected) {
            (None, None) => {}
            (Some(value), Some(expected)) => {
                let difference = (value - expected).abs();
                if expected.abs() > FEATURES_ABS {
                    worst = worst.max(difference / expected.abs());
                }
                if difference > FEATURES_ABS && difference > FEATURES_REL * expected.abs() {
                    wrong.push(format!("{name} is {value}, reference {expected}"));
                }
            }
            (value, expected) => wrong.push(format!("{name} is {value:?}, reference {expected:?}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{case}: {} disagreements\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    worst
}

/// Voxels of a region from its volume feature.
fn n_voxels(table: &CsvTable, case: &str, voxel_volume_mm3: f64) -> u64 {
    let volume: f64 = table
        .cell(("patient_id", case), "original_shape_VoxelVolume")
        .parse()
        .unwrap();
    let n = volume / voxel_volume_mm3;
    assert!(
        (n - n.round()).abs() < 1e-3,
        "{case}: {volume} mm3 of voxels of {voxel_volume_mm3} mm3"
    );
    n.round() as u64
}

#[test]
fn phantoms_through_two_worker_processes_agree_with_pyradiomics() {
    let folder = tempfile::tempdir().unwrap();
    let phantoms: [(&str, &str, (Volume, Mask)); 3] = [
        ("iso", "c1", phantom::iso()),
        ("pelvis", "c1", phantom::pelvis()),
        ("odd", "c2", phantom::odd()),
    ];
    let mut cases = Vec::new();
    for (name, site, (image, mask)) in &phantoms {
        let path = |what: &str| folder.path().join(format!("{name}_{what}.nii.gz"));
        nifti::write_gz(&path("image"), image).unwrap();
        nifti::write_gz(&path("mask"), &mask.to_volume()).unwrap();
        cases.push(Case {
            name: (*name).to_owned(),
            site,
            image: path("image"),
            mask: path("mask"),
        });
    }
    write_cohort(folder.path(), &cases);
    let (counts, out) = run_served(folder.path());
    counts.done();
    let imported = CsvTable::read(&out.join("tables/imported.csv"));
    assert_eq!(imported.rows.len(), 3);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/radiomics/tests/fixtures");
    for (name, _, (image, mask)) in &phantoms {
        let worst = compare(
            name,
            &imported,
            &reference(&fixtures.join(format!("phantom_{name}_bw25.csv"))),
        );
        eprintln!("phantom {name}: largest relative difference {worst:.1e}");
        assert_eq!(
            n_voxels(&imported, name, image.geometry.voxel_volume_mm3()),
            mask.n_inside() as u64
        );
        for margin in MARGINS_MM {
            let table = CsvTable::read(&out.join(format!("tables/ring_{margin}.csv")));
            let expected = ring_by_brute_force(mask, f64::from(margin));
            assert_eq!(
                n_voxels(&table, name, image.geometry.voxel_volume_mm3()),
                expected,
                "{name} at {margin} mm"
            );
        }
    }
}

/// Voxels outside a mask whose centre is within a margin of the centre of a voxel inside, by looking at all pairs of
/// a voxel and a voxel on the mask's surface.
fn ring_by_brute_force(mask: &Mask, margin_mm: f64) -> u64 {
    let geometry = &mask.geometry;
    let spacing = geometry.spacing_mm();
    let dims = geometry.dims;
    let inside = |v: [usize; 3]| mask.inside[geometry.index(v)];
    let on_surface = |v: [usize; 3]| {
        (0..3).any(|axis| {
            let mut below = v;
            let mut above = v;
            below[axis] = v[axis].wrapping_sub(1);
            above[axis] = v[axis] + 1;
            below[axis] >= dims[axis]
                || above[axis] >= dims[axis]
                || !inside(below)
                || !inside(above)
        })
    };
    let all = || (0..geometry.n_voxels()).map(|i| geometry.voxel(i));
    let surface: Vec<[usize; 3]> = all().filter(|v| inside(*v) && on_surface(*v)).collect();
    let near = |v: [usize; 3]| {
        surface.iter().any(|s| {
            let part = |axis: usize| (v[axis] as f64 - s[axis] as f64) * spacing[axis];
            let (x, y, z) = (part(0), part(1), part(2));
            x * x + y * y + z * z <= margin_mm * margin_mm
        })
    };
    all().filter(|v| !inside(*v) && near(*v)).count() as u64
}

#[test]
fn real_images_through_two_worker_processes_agree_with_pyradiomics_and_itk() {
    let Some(root) =
        oracles::folder("radiomics/images").and_then(|dir| dir.parent().map(Path::to_owned))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(root.join("images"))
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()?
                .strip_suffix("_image.nii.gz")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(
        names.len() >= 2,
        "{} has {} cases",
        root.display(),
        names.len()
    );
    let at = |name: &str, what: &str| root.join("images").join(format!("{name}_{what}.nii.gz"));
    let case = |(i, name): (usize, &String)| Case {
        name: name.clone(),
        site: if i % 2 == 0 { "c1" } else { "c2" },
        image: at(name, "image"),
        mask: at(name, "mask"),
    };
    let cases: Vec<Case> = names.iter().enumerate().map(case).collect();
    write_cohort(folder.path(), &cases);
    let (counts, out) = run_served(folder.path());
    assert_eq!(
        (counts.phase.as_str(), counts.failed),
        ("done", 0),
        "{counts:#?}"
    );

    let imported = CsvTable::read(&out.join("tables/imported.csv"));
    for name in &names {
        let double = root.join(format!("pyradiomics/{name}_A64.csv"));
        let reference_file = if double.is_file() {
            double
        } else {
            root.join(format!("pyradiomics/{name}_A.csv"))
        };
        let worst = compare(name, &imported, &reference(&reference_file));
        eprintln!("{name}: largest relative difference {worst:.1e}");
    }
    rings_have_the_reference_s_voxels(&root, &out);
    exclusions_are_those_that_must_be(&out);
}

fn rings_have_the_reference_s_voxels(root: &Path, out: &Path) {
    let counts = CsvTable::read(&root.join("rings/ring_counts.csv"));
    for row in &counts.rows {
        let (case, margin) = (&row[counts.column("case")], &row[counts.column("R_mm")]);
        let expected: u64 = row[counts.column("ring_voxels_maurer")].parse().unwrap();
        let geometry = nifti::read(&root.join(format!("images/{case}_image.nii.gz")))
            .unwrap()
            .geometry;
        let table = CsvTable::read(&out.join(format!("tables/ring_{margin}.csv")));
        assert_eq!(
            n_voxels(&table, case, geometry.voxel_volume_mm3()),
            expected,
            "{case} at {margin} mm"
        );
    }
    eprintln!("rings: {} voxel counts equal", counts.rows.len());
}

/// The digital phantom of 5 × 4 × 4 voxels has no four voxels left for a spline; nobody else is left out.
fn exclusions_are_those_that_must_be(out: &Path) {
    let exclusions = CsvTable::read(&out.join("exclusions.csv"));
    let (id, step) = (exclusions.column("patient_id"), exclusions.column("step"));
    assert!(!exclusions.rows.is_empty());
    for row in &exclusions.rows {
        assert_eq!(
            (row[id].as_str(), row[step].as_str()),
            ("ibsi_digital", "n4-bias-correction"),
            "{row:?}"
        );
    }
}

#[test]
fn log_fields_by_hand_are_itk_s() {
    let Some(root) = oracles::folder("radiomics/n4") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let radloom = Radloom::on(&folder.path().join("cache"));
    for case in ["brain1", "sts019_t1", "tcga6692_t2ax"] {
        let at = |what: &str| {
            root.join(format!("{case}_s4_{what}.nii.gz"))
                .display()
                .to_string()
        };
        let told: Value =
            serde_json::from_slice(&std::fs::read(root.join(format!("{case}_s4.json"))).unwrap())
                .unwrap();
        let params = &told["params"];
        let out = folder.path().join(case);
        let set = |ours: &str, theirs: &str| format!("--set={ours}={}", params[theirs]);
        radloom
            .say(&[
                "step".to_owned(),
                "run".to_owned(),
                "n4-bias-correction".to_owned(),
                format!("--in=image={}", at("input_shrunk")),
                format!("--in=mask={}", at("mask_shrunk")),
                "--set=shrink_factor=1".to_owned(),
                set("iterations", "iterations"),
                set("convergence", "convergence"),
                set("control_points", "control_points"),
                set("fwhm", "fwhm"),
                set("wiener", "wiener"),
                set("bins", "hist_bins"),
                format!("--out={}", out.display()),
            ])
            .ok();
        let field = nifti::read(&out.join("log_field.nii.gz")).unwrap().to_f64();
        let expected = nifti::read(Path::new(&at("logfield_shrunk")))
            .unwrap()
            .to_f64();
        assert_eq!(field.len(), expected.len());
        let worst = field
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        assert!(
            expected.iter().any(|v| v.abs() > 0.01),
            "{case}: the reference field is flat"
        );
        eprintln!("{case}: largest difference of log fields {worst:.1e}");
        assert!(worst <= LOG_FIELD_ABS, "{case}: {worst}");
    }
}
