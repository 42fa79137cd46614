//! Normalisation and resampling against PyRadiomics 3.1.0 and SimpleITK 2.5.7.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use imaging::mask::LabelChoice;
use imaging::normalise::{NormaliseParams, normalise};
use imaging::resample::{
    Interpolator, ResampleError, Window, region_grid, resample, resample_mask,
};
use imaging::{Geometry, Mask, Volume, Voxels, nifti, phantom};
use std::collections::BTreeMap;

const Z_TIMES_100: NormaliseParams = NormaliseParams {
    scale: 100.0,
    outlier_sds: None,
};

#[test]
fn images_and_masks_of_the_references_are_met() {
    let Some(root) = common::oracles() else {
        return;
    };
    for case in ["prostate_phantom", "sts019_t1"] {
        let read = |folder: &str, what: &str| {
            nifti::read(&root.join(folder).join(format!("{case}_{what}.nii.gz"))).unwrap()
        };
        let image = normalise(&read("images", "image"), None, &Z_TIMES_100).unwrap();
        let mask = Mask::from_volume(&read("images", "mask"), LabelChoice::Value(1)).unwrap();
        let grid = region_grid(&mask, &image.geometry, [1.0; 3], 5)
            .unwrap()
            .unwrap();
        let (wanted, wanted_mask) = (read("resampled", "image"), read("resampled", "mask"));
        assert_eq!(grid.dims, wanted.geometry.dims, "{case}");
        for (ours, theirs) in grid
            .affine
            .as_flattened()
            .iter()
            .zip(wanted.geometry.affine.as_flattened())
        {
            assert!((ours - theirs).abs() < 1e-4, "{case}: {ours} and {theirs}");
        }
        let found = resample(&image, &grid, Interpolator::BSpline).unwrap();
        let worst = found
            .to_f64()
            .iter()
            .zip(wanted.to_f64())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        eprintln!("{case}: largest difference {worst:.3e}");
        assert!(worst < 1e-6, "{case}: {worst}");
        let theirs: Vec<bool> = wanted_mask.to_f64().iter().map(|&v| v == 1.0).collect();
        assert_eq!(resample_mask(&mask, &grid).inside, theirs, "{case}");
    }
}

/// Grid of the fixture: size, spacing, origin, degrees about z. No voxel lies exactly between two others, where ITK's rounding of physical points would choose.
fn grid(name: &str) -> Geometry {
    let (dims, [x, y, z], origin, degrees) = match name {
        "finer" => ([70, 61, 30], [0.5, 0.7, 2.5], [3.1, -0.3, -4.2], 0.0_f64),
        "coarser" => ([20, 20, 6], [2.0, 2.0, 8.0], [-1.5, 1.0, 0.0], 0.0),
        _ => ([40, 41, 9], [0.9, 1.1, 6.0], [6.0, -2.0, 1.0], 20.0),
    };
    let angle = degrees * std::f64::consts::PI / 180.0;
    let (c, s) = (libm::cos(angle), libm::sin(angle));
    let affine = [
        [c * x, -s * y, 0.0, origin[0]],
        [s * x, c * y, 0.0, origin[1]],
        [0.0, 0.0, z, origin[2]],
    ];
    Geometry::new(dims, affine).unwrap()
}

#[test]
fn other_grids_are_those_of_simpleitk() {
    let mut wanted: BTreeMap<[&str; 3], Vec<(usize, f64)>> = BTreeMap::new();
    for line in include_str!("fixtures/resampling/resampled.csv")
        .lines()
        .skip(1)
    {
        let cells: Vec<&str> = line.split(',').collect();
        let value = (cells[3].parse().unwrap(), cells[4].parse().unwrap());
        wanted
            .entry([cells[0], cells[1], cells[2]])
            .or_default()
            .push(value);
    }
    assert_eq!(wanted.len(), 54);
    for ([phantom, name, interpolator], values) in wanted {
        let (image, _) = match phantom {
            "pelvis" => phantom::pelvis(),
            _ => phantom::odd(),
        };
        let interpolator_of = match interpolator {
            "nearest" => Interpolator::NearestNeighbour,
            "linear" => Interpolator::Linear,
            "spline" => Interpolator::BSpline,
            "gaussian" => Interpolator::Gaussian,
            "hamming" => Interpolator::WindowedSinc(Window::Hamming),
            "cosine" => Interpolator::WindowedSinc(Window::Cosine),
            "welch" => Interpolator::WindowedSinc(Window::Welch),
            "lanczos" => Interpolator::WindowedSinc(Window::Lanczos),
            "blackman" => Interpolator::WindowedSinc(Window::Blackman),
            other => panic!("{other}"),
        };
        let found = resample(&image, &grid(name), interpolator_of).unwrap();
        assert_eq!(found.voxels.type_name(), image.voxels.type_name());
        let found = found.to_f64();
        let worst = values
            .iter()
            .map(|&(i, v)| (found[i] - v).abs())
            .fold(0.0, f64::max);
        // ITK's error function is good to eight digits.
        let allowed = if interpolator == "gaussian" {
            2e-5
        } else {
            1e-9
        };
        if interpolator != "nearest" {
            eprintln!("{phantom} {name} {interpolator}: {worst:.1e}");
        }
        assert!(
            worst < allowed,
            "{phantom} {name} {interpolator}: {worst:e}"
        );
    }
}

#[test]
fn a_plane_stays_a_plane_and_beyond_the_image_is_0() {
    let geometry = Geometry::axis_aligned([6, 5, 4], [1.0, 2.0, 3.0]).unwrap();
    let values = (0..120).map(|i| {
        let [x, y, z] = geometry.voxel(i);
        2.0 * x as f64 - 3.0 * y as f64 + z as f64
    });
    let image = Volume::new(geometry, Voxels::F64(values.collect())).unwrap();
    let affine = [
        [0.5, 0.0, 0.0, -1.0],
        [0.0, 1.0, 0.0, 1.0],
        [0.0, 0.0, 1.5, 1.5],
    ];
    let target = Geometry::new([14, 5, 4], affine).unwrap();
    let found = resample(&image, &target, Interpolator::Linear)
        .unwrap()
        .to_f64();
    assert_eq!(found[0], 0.0, "1 voxel before the first");
    let at = target.index([4, 2, 1]);
    assert_eq!(found[at], 2.0 * 1.0 - 3.0 * 1.5 + 1.0);
    assert_eq!(
        found[target.index([13, 1, 1])],
        0.0,
        "half a voxel beyond the last"
    );
}

#[test]
fn regions_that_leave_the_image_and_bad_spacings_are_refused() {
    let (image, mask) = phantom::iso();
    let shifted = [
        [1.0, 0.0, 0.0, 30.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
    ];
    let away = Mask::new(
        Geometry::new(mask.geometry.dims, shifted).unwrap(),
        mask.inside.clone(),
    )
    .unwrap();
    assert!(matches!(
        region_grid(&away, &image.geometry, [2.0; 3], 5),
        Err(ResampleError::OutsideImage { .. })
    ));
    assert!(matches!(
        region_grid(&mask, &image.geometry, [-1.0; 3], 5),
        Err(ResampleError::Spacing { .. })
    ));
    let tiny = region_grid(&mask, &image.geometry, [0.01; 3], 5).unwrap_err();
    let told = tiny.to_string();
    assert!(
        matches!(tiny, ResampleError::TooManyVoxels { .. })
            && told.contains("at most 268435456 are made; ask for a larger spacing"),
        "{told}"
    );
    assert!(matches!(
        region_grid(&mask, &image.geometry, [1e-300; 3], 5),
        Err(ResampleError::TooManyVoxels { .. })
    ));
    assert!(matches!(
        region_grid(&mask, &image.geometry, [1e-4, 1e9, 1e9], 5),
        Err(ResampleError::Grid(_))
    ));
    assert_eq!(
        region_grid(&mask, &image.geometry, [0.0, 1.0, 1.000_001], 5),
        Ok(None)
    );
}

/// Every line of `fixtures/resampling/ties.csv`: where a new voxel lies exactly between two old ones, ITK's rounding of physical points
/// chooses, and so does ours.
#[test]
fn voxels_between_two_others_fall_to_the_one_that_itk_takes() {
    let dims = [21, 23, 9];
    let inside = |[x, y, z]: [usize; 3]| (3 * x + 5 * y + 7 * z + x * y % 4) % 6 < 3;
    let lines: Vec<&str> = include_str!("fixtures/resampling/ties.csv")
        .lines()
        .skip(1)
        .collect();
    assert_eq!(lines.len(), 60);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells[at].parse::<f64>().unwrap();
        let three = |at: usize| [number(at), number(at + 1), number(at + 2)];
        let (old, new, origin) = (three(1), three(4), three(7));
        let affine = affine(cells[0], old, origin);
        let geometry = Geometry::new(dims, affine).unwrap();
        let voxels = (0..geometry.n_voxels())
            .map(|i| inside([i % 21, i / 21 % 23, i / (21 * 23)]))
            .collect();
        let mask = Mask::new(geometry, voxels).unwrap();
        let grid = region_grid(&mask, &geometry, new, 2).unwrap().unwrap();
        let found = resample_mask(&mask, &grid);
        let positions = (0..found.inside.len()).filter(|&i| found.inside[i]);
        let (n, sum) = positions.fold((0_u64, 0_u64), |(n, sum), i| (n + 1, sum + i as u64));
        assert_eq!(format!("{n},{sum}"), cells[10..].join(","), "{line}");
    }
}

/// Affine (RAS) of a grid whose direction (by rows, LPS) has a name.
fn affine(direction: &str, spacing: [f64; 3], origin: [f64; 3]) -> [[f64; 4]; 3] {
    let direction = match direction {
        "identity" => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        "turned-round" => [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]],
        _ => [[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]],
    };
    let mut affine = [[0.0; 4]; 3];
    for (row, entries) in affine.iter_mut().enumerate() {
        let to_ras = if row < 2 { -1.0 } else { 1.0 };
        for axis in 0..3 {
            entries[axis] = to_ras * direction[row][axis] * spacing[axis];
        }
        entries[3] = to_ras * origin[row];
    }
    affine
}

/// Every line of `fixtures/resampling/whole.csv`: where a value is a whole number but for rounding, the last digit decides what the cast to
/// the pixel type leaves, and it is ITK's.
#[test]
fn whole_numbers_lose_a_grey_value_where_they_do_in_itk() {
    let dims = [21, 23, 9];
    let value = |[x, y, z]: [usize; 3]| match y < 9 {
        true => 41,
        false => {
            let n = (3 * x + 5 * y + 7 * z + x * y % 4 * 13 + x * z % 5 * 31) % 97;
            n as i16 * 3 - 60
        }
    };
    let lines: Vec<&str> = include_str!("fixtures/resampling/whole.csv")
        .lines()
        .skip(1)
        .collect();
    assert_eq!(lines.len(), 144);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells[at].parse::<f64>().unwrap();
        let three = |at: usize| [number(at), number(at + 1), number(at + 2)];
        let (old, new, origin) = (three(3), three(6), three(9));
        let geometry = Geometry::new(dims, affine(cells[0], old, origin)).unwrap();
        let values = (0..geometry.n_voxels()).map(|i| value(geometry.voxel(i)));
        let voxels = match cells[1] {
            "i16" => Voxels::I16(values.collect()),
            "u8" => Voxels::U8(values.map(|v| v.clamp(0, 255) as u8).collect()),
            _ => Voxels::F64(values.map(f64::from).collect()),
        };
        let image = Volume::new(geometry, voxels).unwrap();
        let everywhere = Mask::new(geometry, vec![true; geometry.n_voxels()]).unwrap();
        let grid = region_grid(&everywhere, &geometry, new, 2)
            .unwrap()
            .unwrap();
        let interpolator = match cells[2] {
            "linear" => Interpolator::Linear,
            _ => Interpolator::BSpline,
        };
        let found = resample(&image, &grid, interpolator).unwrap().to_f64();
        let (sum, weighted) = (0_i64..)
            .zip(found)
            .fold((0, 0), |(sum, weighted), (i, v)| {
                let v = v.floor() as i64;
                (sum + v, weighted + v * (i % 1009))
            });
        assert_eq!(format!("{sum},{weighted}"), cells[12..].join(","), "{line}");
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let (image, _) = phantom::pelvis();
    let on = |n| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap();
        pool.install(|| resample(&image, &grid("finer"), Interpolator::BSpline).unwrap())
    };
    assert_eq!(on(1), on(3));
}
