//! Rings against SciPy and SimpleITK on real masks, and against geometry on formula phantoms.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::oracles;
use imaging::body::body_mask;
use imaging::mask::LabelChoice;
use imaging::roi::{ClipTo, Ring, RingError, RingMode, RingParams, RingWarning, ring};
use imaging::{Geometry, Mask, Volume, Voxels, nifti, phantom};

fn params(margin_mm: f64, mode: RingMode) -> RingParams {
    RingParams {
        margin_mm,
        mode,
        exclude_tumour: true,
        clip_to: ClipTo::Image,
    }
}

fn read_mask(path: &std::path::Path) -> Mask {
    Mask::from_volume(&nifti::read(path).unwrap(), LabelChoice::Only).unwrap()
}

#[test]
fn rings_in_space_are_those_of_the_reference_voxel_by_voxel() {
    let Some(root) = oracles() else { return };
    let table = std::fs::read_to_string(root.join("rings/ring_counts.csv")).unwrap();
    let mut n_rows = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (case, margin_mm) = (cells[0], cells[1]);
        let [n_tumour, n_maurer, n_scipy] =
            [2, 3, 4].map(|column: usize| cells[column].parse::<usize>().unwrap());
        let tumour = read_mask(&root.join(format!("images/{case}_mask.nii.gz")));
        let stored = read_mask(&root.join(format!("rings/{case}_ring_R{margin_mm}.nii.gz")));
        let found = ring(
            &tumour,
            &params(margin_mm.parse().unwrap(), RingMode::Euclidean3d),
            None,
        )
        .unwrap()
        .mask;
        assert_eq!(tumour.n_inside(), n_tumour, "{line}");
        assert_eq!(found.n_inside(), n_maurer, "{line}");
        assert_eq!(found.n_inside(), n_scipy, "{line}");
        assert!(found.inside == stored.inside, "{line}");
        n_rows += 1;
    }
    assert_eq!(n_rows, 12);
}

/// Voxels of the shell of this margin around a ball, at 1 mm, relative to the analytic volume.
fn shell_ratio(radius_mm: f64, margin_mm: f64) -> f64 {
    let centre = radius_mm + margin_mm + 1.0;
    let n = 2 * centre as usize + 1;
    let geometry = Geometry::axis_aligned([n, n, n], [1.0; 3]).unwrap();
    let squared = |index| -> f64 {
        geometry
            .voxel(index)
            .iter()
            .map(|&i| (i as f64 - centre) * (i as f64 - centre))
            .sum()
    };
    let inside = (0..geometry.n_voxels())
        .map(|index| squared(index) <= radius_mm * radius_mm)
        .collect();
    let ball = Mask::new(geometry, inside).unwrap();
    let n = ring(&ball, &params(margin_mm, RingMode::Euclidean3d), None)
        .unwrap()
        .mask
        .n_inside() as f64;
    let cube = |r: f64| r * r * r;
    n / (4.0 / 3.0 * std::f64::consts::PI * (cube(radius_mm + margin_mm) - cube(radius_mm)))
}

#[test]
fn the_shell_of_a_sphere_has_its_volume_to_2_percent() {
    let ratio = shell_ratio(30.0, 10.0);
    assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
}

#[test]
fn a_shell_is_short_by_a_quarter_of_a_voxel_because_distances_run_between_centres() {
    for (radius_mm, margin_mm) in [(20.0, 5.0), (20.0, 10.0), (30.0, 5.0)] {
        let ratio = shell_ratio(radius_mm, margin_mm);
        let (inner, outer) = (radius_mm, radius_mm + margin_mm);
        let shell = (outer * outer * outer - inner * inner * inner) / 3.0;
        let short_mm = (1.0 - ratio) * shell / (outer * outer);
        assert!(
            (0.1..0.3).contains(&short_mm),
            "{radius_mm} {margin_mm}: {ratio}, {short_mm} mm"
        );
    }
}

/// A voxel of 0.75 × 0.9375 × 7 mm belongs to the ring of this margin and mode.
fn belongs(tumour: &Mask, margin_mm: f64, mode: RingMode, index: usize) -> bool {
    let geometry = tumour.geometry;
    let [sx, sy, sz] = geometry.spacing_mm();
    let reaches = |p: [usize; 3], q: [usize; 3]| {
        let [dx, dy, dz] = [0, 1, 2].map(|axis| p[axis].abs_diff(q[axis]));
        let (n_slices_max, dz_mm) = match mode {
            RingMode::Euclidean3d => (usize::MAX, dz as f64 * sz),
            RingMode::InPlane => (0, 0.0),
            RingMode::Slices { n_slices } => (n_slices, 0.0),
        };
        let (x, y) = (dx as f64 * sx, dy as f64 * sy);
        dz <= n_slices_max && (x * x + y * y + dz_mm * dz_mm).sqrt() <= margin_mm
    };
    let p = geometry.voxel(index);
    let near = |i: usize| tumour.inside[i] && reaches(p, geometry.voxel(i));
    !tumour.inside[index] && (0..geometry.n_voxels()).any(near)
}

#[test]
fn every_mode_is_its_definition_on_thick_slices() {
    let (_, tumour) = phantom::pelvis();
    let modes = [
        RingMode::Euclidean3d,
        RingMode::InPlane,
        RingMode::Slices { n_slices: 1 },
        RingMode::Slices { n_slices: 9 },
    ];
    let mut counts = Vec::new();
    for mode in modes {
        let Ring { mask, warnings } = ring(&tumour, &params(10.0, mode), None).unwrap();
        // Every 17th voxel: all columns, rows and slices take part.
        for index in (0..mask.inside.len()).step_by(17) {
            let expected = belongs(&tumour, 10.0, mode, index);
            assert_eq!(mask.inside[index], expected, "{mode:?} {index}");
        }
        assert!(
            !warnings
                .iter()
                .any(|warning| matches!(warning, RingWarning::MarginBelowSlicePitch { .. }))
        );
        counts.push(mask.n_inside());
    }
    eprintln!("{counts:?} voxels at 10 mm");
    assert!(counts[1] < counts[0] && counts[0] < counts[2] && counts[2] < counts[3]);
}

#[test]
fn below_the_slice_pitch_a_ring_in_space_is_a_ring_in_the_plane_and_says_so() {
    let (_, tumour) = phantom::pelvis();
    let space = ring(&tumour, &params(5.0, RingMode::Euclidean3d), None).unwrap();
    let plane = ring(&tumour, &params(5.0, RingMode::InPlane), None).unwrap();
    assert_eq!(space.mask, plane.mask);
    assert_eq!(
        space.warnings,
        [RingWarning::MarginBelowSlicePitch {
            margin_mm: 5.0,
            slice_pitch_mm: 7.0
        }]
    );
    assert_eq!(plane.warnings, []);
    let slices = ring(
        &tumour,
        &params(5.0, RingMode::Slices { n_slices: 0 }),
        None,
    )
    .unwrap();
    assert_eq!(slices.mask, plane.mask);
}

#[test]
fn the_slice_axis_follows_the_largest_spacing() {
    let axis = |spacing_mm| {
        Geometry::axis_aligned([2, 3, 4], spacing_mm)
            .unwrap()
            .slice_axis()
    };
    assert_eq!(
        [[7.0, 1.0, 1.0], [1.0, 7.0, 1.0], [1.0, 1.0, 7.0]].map(axis),
        [0, 1, 2]
    );
    assert_eq!(
        [[1.0, 1.0, 1.0], [2.0, 2.0, 1.0], [2.0, 1.0, 2.0]].map(axis),
        [2, 1, 2]
    );
    let geometry = Geometry::axis_aligned([3, 3, 3], [5.0, 1.0, 1.0]).unwrap();
    let mut inside = vec![false; 27];
    inside[13] = true;
    let tumour = Mask::new(geometry, inside).unwrap();
    let found = ring(&tumour, &params(1.0, RingMode::InPlane), None)
        .unwrap()
        .mask;
    let voxels: Vec<[usize; 3]> = (0..27)
        .filter(|&i| found.inside[i])
        .map(|i| geometry.voxel(i))
        .collect();
    assert_eq!(voxels, [[1, 1, 0], [1, 0, 1], [1, 2, 1], [1, 1, 2]]);
}

#[test]
fn a_ring_beyond_the_image_and_five_times_its_tumour_is_told() {
    let geometry = Geometry::axis_aligned([9, 5, 5], [1.0; 3]).unwrap();
    let mut inside = vec![false; 225];
    inside[geometry.index([1, 2, 2])] = true;
    let tumour = Mask::new(geometry, inside).unwrap();
    let at_ends = |ring: Ring| match ring.warnings[..] {
        [
            RingWarning::MuchLargerThanTumour { n_tumour: 1, .. },
            RingWarning::LeavesFieldOfView { at_ends },
        ] => at_ends,
        ref other => panic!("{other:?}"),
    };
    let space = ring(&tumour, &params(2.0, RingMode::Euclidean3d), None).unwrap();
    assert_eq!(
        at_ends(space),
        [[true, false], [false, false], [false, false]]
    );
    let slices = ring(
        &tumour,
        &params(2.0, RingMode::Slices { n_slices: 3 }),
        None,
    )
    .unwrap();
    assert_eq!(
        at_ends(slices),
        [[true, false], [false, false], [true, true]]
    );
    let wide = ring(&tumour, &params(7.0, RingMode::Euclidean3d), None).unwrap();
    assert_eq!(at_ends(wide), [[true, false], [true, true], [true, true]]);
}

/// Bright where x > 1, dark elsewhere; the tumour is at x = 3 and, partly in the dark, at x = 1.
fn half_bright() -> (Volume, Mask) {
    let geometry = Geometry::axis_aligned([7, 5, 2], [1.0, 1.0, 4.0]).unwrap();
    let voxels = (0..geometry.n_voxels())
        .map(|index| if geometry.voxel(index)[0] > 1 { 100 } else { 3 })
        .collect();
    let inside = (0..geometry.n_voxels())
        .map(|index| matches!(geometry.voxel(index), [1 | 3, 2, 0]))
        .collect();
    (
        Volume::new(geometry, Voxels::U8(voxels)).unwrap(),
        Mask::new(geometry, inside).unwrap(),
    )
}

#[test]
fn air_is_cut_from_the_ring_but_never_from_the_tumour() {
    let (image, tumour) = half_bright();
    let body = body_mask(&image).unwrap();
    for exclude_tumour in [true, false] {
        let whole = RingParams {
            exclude_tumour,
            ..params(2.0, RingMode::Euclidean3d)
        };
        let clipped = RingParams {
            clip_to: ClipTo::Body,
            ..whole
        };
        let whole = ring(&tumour, &whole, None).unwrap().mask;
        let found = ring(&tumour, &clipped, Some(&image)).unwrap().mask;
        for index in 0..found.inside.len() {
            let kept = whole.inside[index] && (body.inside[index] || tumour.inside[index]);
            assert_eq!(found.inside[index], kept, "{index}");
        }
        let at = |x| found.inside[found.geometry.index([x, 2, 0])];
        assert_eq!(
            [0, 1, 2, 3].map(at),
            [false, !exclude_tumour, true, !exclude_tumour]
        );
    }
}

#[test]
fn rings_that_are_none_are_refused_by_name() {
    let (image, tumour) = half_bright();
    let space = params(2.0, RingMode::Euclidean3d);
    let refused = |tumour: &Mask, params: RingParams, image: Option<&Volume>| {
        ring(tumour, &params, image).unwrap_err().code()
    };
    for margin_mm in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            refused(&tumour, params(margin_mm, RingMode::InPlane), None),
            "ring-margin"
        );
    }
    assert_eq!(
        refused(&tumour, params(0.5, RingMode::Euclidean3d), None),
        "ring-empty"
    );
    let empty = Mask::new(tumour.geometry, vec![false; 70]).unwrap();
    assert_eq!(refused(&empty, space, None), "mask-empty");
    let body = RingParams {
        clip_to: ClipTo::Body,
        ..space
    };
    assert_eq!(refused(&tumour, body, None), "ring-needs-image");
    let constant = Volume::new(image.geometry, Voxels::U8(vec![4; 70])).unwrap();
    assert_eq!(refused(&tumour, body, Some(&constant)), "body-not-found");
    let (elsewhere, _) = phantom::iso();
    assert_eq!(
        refused(&tumour, body, Some(&elsewhere)),
        "geometry-mismatch"
    );
    let full = Mask::new(tumour.geometry, vec![true; 70]).unwrap();
    let error = ring(&full, &space, None).unwrap_err();
    assert_eq!(
        error,
        RingError::EmptyRing {
            margin_mm: 2.0,
            spacing_mm: [1.0, 1.0, 4.0],
            n_clipped: 0
        }
    );
}
