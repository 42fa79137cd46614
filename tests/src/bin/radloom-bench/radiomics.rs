//! All features of a region and N4 beside the original, PyRadiomics 3.0.1 and SimpleITK: one thread each, both measured now
//! and in turns, the least of the rounds; then memory, and two threads beside one.

mod original;
pub mod ours;

use std::path::{Path, PathBuf};

pub use original::cache;

use crate::line::{at_least, at_most, beside, short, times};
use crate::process::load;

const MEMORY_MIB_MAX: f64 = 250.0;
const THREADS_RATIO_MIN: f64 = 1.8;

/// Image, region and image types of one comparison.
struct Case {
    what: &'static str,
    image: &'static str,
    mask: &'static str,
    config: &'static str,
    rounds: usize,
    ratio_min: f64,
}

const T2AX: &str = "images/tcga6692_t2ax_image.nii.gz";
const T2AX_MASK: &str = "images/tcga6692_t2ax_mask.nii.gz";
const RING: &str = "rings/tcga6692_t2ax_ring_R50.nii.gz";

const CASES: [Case; 4] = [
    Case {
        what: "107 features of tcga6692_t2ax, 6,754 voxels",
        image: T2AX,
        mask: T2AX_MASK,
        config: "original",
        rounds: 5,
        ratio_min: 20.0,
    },
    Case {
        what: "1409 features of tcga6692_t2ax",
        image: T2AX,
        mask: T2AX_MASK,
        config: "1409",
        rounds: 3,
        ratio_min: 20.0,
    },
    Case {
        what: "2153 features of tcga6692_t2atlas, 29,626 voxels, 240 × 240 × 155",
        image: "images/tcga6692_t2atlas_image.nii.gz",
        mask: "images/tcga6692_t2atlas_mask.nii.gz",
        config: "full",
        rounds: 2,
        ratio_min: 12.0,
    },
    Case {
        what: "1409 features of the 50 mm ring of tcga6692_t2ax, 338,923 voxels",
        image: T2AX,
        mask: RING,
        config: "1409",
        rounds: 2,
        ratio_min: 12.0,
    },
];

const N4_RATIO_MIN: f64 = 12.0;
const N4_ROUNDS: usize = 3;

pub fn run() {
    let Some(root) = tests::oracles::folder("radiomics") else {
        println!("| skipped: the reference images are not here (RADLOOM_ORACLES) | | | |");
        return;
    };
    let before = load();
    let python = original::python().unwrap_or_else(|why| {
        println!("| skipped: the original is not here: {why} | | | |");
        PathBuf::new()
    });
    let original = python.is_file().then_some(python.as_path());
    for case in CASES {
        features(&root, original, &case);
    }
    n4(&root, original);
    two_threads(&root, "1409 features of tcga6692_t2ax", T2AX_MASK, 500);
    two_threads(&root, "1409 features of its 50 mm ring", RING, 20);
    let plain = ours::two_threads_of_arithmetic(200);
    beside(
        "plain arithmetic in two halves, the same way: what the machine gives a second thread now",
        &format!("{} ×", short(plain.wall_s[0] / plain.wall_s[1])),
        &pair(plain.wall_s),
    );
    let loads = format!("{before} before, {} after", load());
    beside("load of the machine, processes that run", &loads, "");
}

fn features(root: &Path, original: Option<&Path>, case: &Case) {
    let (image, mask) = (path(root, case.image), path(root, case.mask));
    let (mut ours, mut theirs) = (ours::Spent::default(), ours::Spent::default());
    for _ in 0..case.rounds {
        ours.least_of(ours::features(&image, &mask, case.config));
        if let Some(python) = original {
            let spent = original::run(python, &["features", &image, &mask, case.config, "1"]);
            theirs.least_of(spent);
        }
    }
    report(case.what, &ours, original.map(|_| &theirs), case.ratio_min);
    if case.mask == RING {
        at_most(
            "peak memory of that, whole process",
            ours.peak_mib,
            MEMORY_MIB_MAX,
            "MiB",
        );
        if original.is_some() {
            let peak = format!("{} MiB", short(theirs.peak_mib));
            beside("peak memory of the original there", &peak, "");
        }
    }
}

fn n4(root: &Path, original: Option<&Path>) {
    let image = path(root, T2AX);
    let (mut ours, mut theirs) = (ours::Spent::default(), ours::Spent::default());
    for _ in 0..N4_ROUNDS {
        ours.least_of(ours::n4(&image, "4"));
        if let Some(python) = original {
            theirs.least_of(original::run(python, &["n4", &image, "4"]));
        }
    }
    let what = "N4 of tcga6692_t2ax, shrink 4, 50 + 40 + 30 iterations";
    report(what, &ours, original.map(|_| &theirs), N4_RATIO_MIN);
}

fn report(what: &str, ours: &ours::Spent, theirs: Option<&ours::Spent>, ratio_min: f64) {
    match theirs {
        Some(theirs) => {
            assert_eq!(ours.n, theirs.n, "{what}: another number of results");
            times(what, ours.cpu_s, theirs.cpu_s, ratio_min);
        }
        None => beside(what, &format!("{} CPU s", short(ours.cpu_s)), ""),
    }
}

fn two_threads(root: &Path, what: &str, mask: &str, rounds: usize) {
    let both = ours::two_threads(&path(root, T2AX), &path(root, mask), "1409", rounds);
    assert!(
        both.equal,
        "{what}: the bits depend on the number of threads"
    );
    at_least(
        &format!("{what}, bits equal: wall time of one thread ÷ two"),
        both.wall_s[0] / both.wall_s[1],
        THREADS_RATIO_MIN,
        "×",
    );
    beside("the two, best of all turns", &pair(both.wall_s), "");
    beside(
        "CPU time of the busier thread, which waits for no other process: one ÷ two",
        &format!("{} ×", short(both.busiest_s[0] / both.busiest_s[1])),
        &pair(both.busiest_s),
    );
}

fn pair([one, two]: [f64; 2]) -> String {
    format!("{} and {} s", short(one), short(two))
}

fn path(root: &Path, name: &str) -> String {
    root.join(name).to_string_lossy().into_owned()
}
