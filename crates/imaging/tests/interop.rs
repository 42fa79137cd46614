//! Files that SimpleITK, pydicom and highdicom write, read by ours with the voxels and the grid that SimpleITK reads.
//!
//! Runs where `RADLOOM_PYTHON` (or else `python3`) has these packages; says that it skipped elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::dicom::{RoiChoice, read_region};
use imaging::{Geometry, Volume, Voxels, dicom, formats, metaimage};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of a place, mm: NIfTI and DICOM round to single precision or to nine digits.
const TOLERANCE_MM: f64 = 2e-5;

fn written() -> Option<PathBuf> {
    let python = std::env::var("RADLOOM_PYTHON").unwrap_or("python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/write.py");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
    let imports = "import SimpleITK, pydicom, highdicom";
    let has = Command::new(&python).args(["-c", imports]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has no SimpleITK, pydicom and highdicom");
        return None;
    }
    let _ = std::fs::remove_dir_all(&folder);
    let output = Command::new(&python)
        .arg(script)
        .arg(&folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(folder)
}

fn files_in(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

fn series(folder: &Path) -> Volume {
    let files = files_in(folder);
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    dicom::read_series(&files, None).unwrap().volume
}

fn ours(folder: &Path, name: &str) -> Volume {
    let path = folder.join(name);
    if path.is_dir() {
        return series(&path);
    }
    let bytes = std::fs::read(&path).unwrap();
    if name == "segment.dcm" {
        let image = series(&folder.join("series")).geometry;
        let mask = read_region(&bytes, RoiChoice::Name("GTV"), &image, None, 0.01).unwrap();
        return mask.to_volume();
    }
    if name.ends_with(".mhd") {
        let data = metaimage::data_file(&bytes).unwrap().unwrap();
        let data = std::fs::read(folder.join(data)).unwrap();
        return formats::read_bytes(&metaimage::attach(&bytes, &data)).unwrap();
    }
    formats::read_bytes(&bytes).unwrap()
}

/// Origin, spacing and direction in LPS, row by row, as the affine in RAS.
fn affine(numbers: &[f64]) -> [[f64; 4]; 3] {
    let (origin, spacing, direction) = (&numbers[..3], &numbers[3..6], &numbers[6..15]);
    [0, 1, 2].map(|row| {
        let sign = if row < 2 { -1.0 } else { 1.0 };
        let step = |axis: usize| sign * direction[3 * row + axis] * spacing[axis];
        [step(0), step(1), step(2), sign * origin[row]]
    })
}

fn farthest_mm(found: &Geometry, expected: &[[f64; 4]; 3]) -> f64 {
    let expected = Geometry::new(found.dims, *expected).unwrap();
    let mut farthest = 0.0_f64;
    for corner in 0..8_usize {
        let at = [0, 1, 2].map(|k| (corner >> k & 1) as f64 * (found.dims[k] - 1) as f64);
        for (a, b) in found.world_mm(at).iter().zip(expected.world_mm(at)) {
            farthest = farthest.max((a - b).abs());
        }
    }
    farthest
}

#[test]
fn what_other_programs_write_is_read_as_simpleitk_reads_it() {
    let Some(folder) = written() else { return };
    let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    let (mut n, mut worst) = (0, 0.0_f64);
    for line in expected.lines() {
        let (name, numbers) = line.split_once(' ').unwrap();
        let numbers: Vec<f64> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
        let volume = ours(&folder, name);
        let dims: Vec<f64> = volume.geometry.dims.iter().map(|&n| n as f64).collect();
        assert_eq!(dims, numbers[..3], "{name}");
        assert_eq!(volume.to_f64(), numbers[18..], "{name}");
        let is_placed = volume.geometry.orientation_known;
        assert_eq!(is_placed, !name.starts_with("unplaced"), "{name}");
        let wanted = name.split('_').next().unwrap();
        let types = [
            ("uint8", "u8"),
            ("int16", "i16"),
            ("uint16", "u16"),
            ("int32", "i32"),
            ("float32", "f32"),
            ("float64", "f64"),
        ];
        if let Some((_, ours)) = types.iter().find(|(theirs, _)| *theirs == wanted) {
            assert_eq!(volume.voxels.type_name(), *ours, "{name}");
        }
        let distance = farthest_mm(&volume.geometry, &affine(&numbers[3..18]));
        assert!(distance <= TOLERANCE_MM, "{name}: {distance} mm");
        (n, worst) = (n + 1, worst.max(distance));
    }
    assert_eq!(n, 54);
    assert!(matches!(
        series(&folder.join("series_rle")).voxels,
        Voxels::U16(_)
    ));
    eprintln!("{n} files, voxels equal, at most {worst:e} mm apart");
}
