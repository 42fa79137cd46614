//! N4 and the 107 original features of each reference case, beside the times that the reference's makers recorded.

use std::path::Path;

use imaging::n4::{N4Params, Region, correct};
use imaging::{Mask, Volume, nifti};
use radiomics::{Settings, extract};

use crate::line::{beside, median, short};
use crate::process::cpu_per_call;

/// Name, shrink factor of its N4 reference, bin width of its feature reference.
const CASES: [(&str, Option<usize>, f64); 7] = [
    ("sts019_t1", Some(4), 25.0),
    ("tcga6692_t2ax", Some(4), 25.0),
    ("brain1", Some(4), 25.0),
    ("prostate_phantom", Some(1), 25.0),
    ("sts002_t1", None, 25.0),
    ("breast1", None, 25.0),
    ("tcga6692_t2atlas", None, 25.0),
];

pub fn run() {
    let Some(root) = tests::oracles::folder("radiomics") else {
        println!("| skipped: the reference images are not here (RADLOOM_ORACLES) | | | |");
        return;
    };
    for (name, shrink, bin_width) in CASES {
        let Ok(image) = nifti::read(&root.join(format!("images/{name}_image.nii.gz"))) else {
            continue;
        };
        if let Some(shrink) = shrink {
            n4(&root, name, &image, shrink);
        }
        features(&root, name, &image, bin_width);
    }
}

fn n4(root: &Path, name: &str, image: &Volume, shrink: usize) {
    let params = N4Params {
        shrink_factor: shrink,
        ..N4Params::slicer()
    };
    let cpu = cpu_of(3, || drop(correct(image, Region::Otsu, &params).unwrap()));
    let told = number(&root.join(format!("n4/{name}_s{shrink}.json")), |json| {
        json["t_n4_s"].as_f64()
    });
    beside(
        &format!("N4 of {name}, shrink {shrink}, 50 + 40 + 30 iterations"),
        &seconds(cpu),
        &told.map_or_else(String::new, |t| {
            format!("SimpleITK 2.5.7: {} s wall, one thread", short(t))
        }),
    );
}

fn features(root: &Path, name: &str, image: &Volume, bin_width: f64) {
    let Ok(labels) = nifti::read(&root.join(format!("images/{name}_mask.nii.gz"))) else {
        return;
    };
    let mask = Mask::new(
        labels.geometry,
        labels.to_f64().iter().map(|l| *l == 1.0).collect(),
    )
    .unwrap();
    let settings = Settings {
        bin: radiomics::Bin::Width(bin_width),
        ..Settings::pyradiomics_defaults()
    };
    let mut n = 0;
    let cpu = cpu_of(5, || {
        n = extract(image, &mask, &settings).unwrap().features.len()
    });
    let told = number(
        &root.join(format!("pyradiomics/{name}_A_timing.json")),
        |json| {
            let shape = json["per_image_type"]["?"]["class_s"]["RadiomicsShape"].as_f64()?;
            Some(shape + json["per_image_type"]["original"]["features_s"].as_f64()?)
        },
    );
    let what = format!("{n} features of {name}, {} voxels", mask.n_inside());
    beside(
        &what,
        &seconds(cpu),
        &told.map_or_else(String::new, |t| {
            format!(
                "PyRadiomics 3.1.0: {} s, the feature classes alone",
                short(t)
            )
        }),
    );
}

fn number(path: &Path, pick: impl Fn(&serde_json::Value) -> Option<f64>) -> Option<f64> {
    pick(&serde_json::from_slice(&std::fs::read(path).ok()?).ok()?)
}

fn seconds(value: f64) -> String {
    format!("{} CPU s", short(value))
}

/// Median CPU seconds of several calls.
fn cpu_of(times: usize, mut work: impl FnMut()) -> f64 {
    median((0..times).map(|_| cpu_per_call(&mut work)).collect())
}
