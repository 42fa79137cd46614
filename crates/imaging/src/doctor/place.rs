//! Where a region lies: on its image's grid, in the body, the right way round.

use super::finding::Finding;
use super::repair::{Repair, reversed};
use crate::geometry::{Geometry, max_displacement_mm};
use crate::mask::{Mask, check_geometry};
use crate::volume::{Volume, Voxels};

/// A region this much inside the body lies in it.
const IN_BODY_MIN: f64 = 0.95;
/// A region less than this inside the body is suspected to be flipped.
const IN_BODY_SUSPECT: f64 = 0.5;
/// How many times better the contrast of an edge must be to prefer one place to another.
pub const CONTRAST_RATIO_MIN: f64 = 1.5;
/// Fewer pairs of neighbours than this have no contrast.
const N_PAIRS_MIN: usize = 8;

pub(super) fn examine(
    image: &Volume,
    region: &Mask,
    body: Option<&Mask>,
    tolerance_mm: f64,
    findings: &mut Vec<Finding>,
) {
    let judge = body.map(|body| Judge {
        values: image.to_f64(),
        body,
    });
    match check_geometry(&image.geometry, &region.geometry, tolerance_mm) {
        Ok(()) => {
            let given = Mask {
                geometry: image.geometry,
                inside: region.inside.clone(),
            };
            if let Some(judge) = &judge {
                judge.in_body(&given, findings);
                judge.flips(&given, findings);
            }
        }
        Err(mismatch) => {
            let (by_place, share_beyond) = moved(region, &image.geometry);
            findings.push(name_mismatch(
                image,
                region,
                mismatch.differences,
                judge.as_ref().map(|judge| (judge, &by_place, share_beyond)),
                tolerance_mm,
            ));
            let header_is_wrong = findings
                .iter()
                .any(|f| f.repair() == Some(Repair::UseImageGrid));
            if share_beyond > 0.0 && !header_is_wrong {
                let percent = 100.0 * share_beyond;
                findings.push(Finding::MaskBeyondImage { percent });
            }
            if let (Some(judge), false) = (&judge, header_is_wrong) {
                judge.in_body(&by_place, findings);
            }
        }
    }
}

/// The mismatch by its cause, with the repair that its cause allows.
fn name_mismatch(
    image: &Volume,
    region: &Mask,
    differences: Vec<crate::mask::Difference>,
    judged: Option<(&Judge, &Mask, f64)>,
    tolerance_mm: f64,
) -> Finding {
    let (grid, other) = (&image.geometry, &region.geometry);
    let same_size = grid.dims == other.dims;
    let close = |affine: &[[f64; 4]; 3]| {
        same_size && max_displacement_mm(grid.dims, &grid.affine, affine) <= tolerance_mm
    };
    let as_voxels = same_size.then(|| Mask {
        geometry: *grid,
        inside: region.inside.clone(),
    });
    if !(grid.orientation_known && other.orientation_known) {
        let fits = |mask: &Mask| {
            judged.is_some_and(|(judge, _, _)| judge.share_in_body(mask) >= IN_BODY_MIN)
        };
        let lend = grid.orientation_known && as_voxels.as_ref().is_some_and(fits);
        return Finding::GeometryMismatch {
            differences,
            repair: lend.then_some(Repair::UseImageGrid),
        };
    }
    let flipped = signs().find(|&axes| close(&world_flipped(other, axes)));
    let reversed = signs().find(|&axes| close(&renumbered(other, axes)));
    match (flipped, reversed) {
        (Some(axes), None) => return Finding::MaskWorldFlipped { axes, sure: true },
        (None, Some(axes)) => return Finding::MaskAxesReversed { axes },
        (Some(axes), Some(reversed)) => {
            // The grid's middle is the origin: the headers alone do not tell the one from the other.
            let contrasts = judged.zip(as_voxels.as_ref());
            let contrasts =
                contrasts.map(|((j, by_place, _), v)| (j.contrast(v), j.contrast(by_place)));
            return match contrasts {
                Some((voxels, place)) if place > CONTRAST_RATIO_MIN * voxels => {
                    Finding::MaskAxesReversed { axes: reversed }
                }
                Some((voxels, place)) => Finding::MaskWorldFlipped {
                    axes,
                    sure: voxels > CONTRAST_RATIO_MIN * place,
                },
                None => Finding::MaskWorldFlipped { axes, sure: false },
            };
        }
        (None, None) => {}
    }
    let repair = judged.and_then(|(judge, by_place, share_beyond)| {
        let placed = judge.share_in_body(by_place) >= IN_BODY_MIN && share_beyond == 0.0;
        let voxels = as_voxels.filter(|mask| judge.share_in_body(mask) >= IN_BODY_MIN);
        match (placed, voxels) {
            (true, Some(voxels)) => {
                let (placed, as_voxels) = (judge.contrast(by_place), judge.contrast(&voxels));
                let better = as_voxels > CONTRAST_RATIO_MIN * placed;
                Some(if better {
                    Repair::UseImageGrid
                } else {
                    Repair::ResampleMask
                })
            }
            (true, None) => Some(Repair::ResampleMask),
            (false, Some(_)) => Some(Repair::UseImageGrid),
            (false, None) => None,
        }
    });
    Finding::GeometryMismatch {
        differences,
        repair,
    }
}

/// The seven ways to change at least one of three signs, fewest changes first.
fn signs() -> impl Iterator<Item = [bool; 3]> {
    [1, 2, 4, 3, 5, 6, 7]
        .into_iter()
        .map(|bits: usize| [0, 1, 2].map(|axis| bits >> axis & 1 == 1))
}

/// The affine with the signs of world axes changed.
fn world_flipped(geometry: &Geometry, axes: [bool; 3]) -> [[f64; 4]; 3] {
    let mut affine = geometry.affine;
    for row in (0..3).filter(|&row| axes[row]) {
        affine[row] = affine[row].map(|entry| -entry);
    }
    affine
}

/// The affine of the same voxels when axes are numbered from their other end.
fn renumbered(geometry: &Geometry, axes: [bool; 3]) -> [[f64; 4]; 3] {
    let mut affine = geometry.affine;
    for axis in (0..3).filter(|&axis| axes[axis]) {
        let last = geometry.dims[axis] as f64 - 1.0;
        for row in &mut affine {
            row[3] += row[axis] * last;
            row[axis] = -row[axis];
        }
    }
    affine
}

/// An image with its body, against which regions on the image's grid are judged.
struct Judge<'a> {
    values: Vec<f64>,
    body: &'a Mask,
}

impl Judge<'_> {
    fn share_in_body(&self, region: &Mask) -> f64 {
        let both = region.inside.iter().zip(&self.body.inside);
        let n_both = both.filter(|(a, b)| **a && **b).count();
        n_both as f64 / region.n_inside().max(1) as f64
    }

    fn centroid_in_body(&self, region: &Mask) -> bool {
        let Some(centroid) = centroid(region) else {
            return false;
        };
        let nearest = [0, 1, 2].map(|axis| centroid[axis].round().max(0.0) as usize);
        self.body.inside[region.geometry.index(nearest)]
    }

    fn in_body(&self, region: &Mask, findings: &mut Vec<Finding>) {
        let Some(at) = centroid(region) else {
            return;
        };
        if !self.centroid_in_body(region) {
            let world_mm = region.geometry.world_mm(at);
            findings.push(Finding::CentroidOutsideBody { world_mm });
        }
        let share = self.share_in_body(region);
        if share < IN_BODY_MIN {
            let percent = 100.0 * (1.0 - share);
            findings.push(Finding::MaskOutsideBody { percent });
        }
    }

    fn flips(&self, region: &Mask, findings: &mut Vec<Finding>) {
        let given = self.share_in_body(region);
        if region.n_inside() == 0 || (given >= IN_BODY_SUSPECT && self.centroid_in_body(region)) {
            return;
        }
        let mut candidates: Vec<([bool; 3], f64, f64)> = signs()
            .filter_map(|axes| {
                let flipped = flipped(region, axes);
                let share = self.share_in_body(&flipped);
                (share >= IN_BODY_MIN && self.centroid_in_body(&flipped))
                    .then(|| (axes, share, self.contrast(&flipped)))
            })
            .collect();
        // Stable: the fewest reversals first among equals.
        candidates.sort_by(|a, b| b.2.total_cmp(&a.2));
        let Some(&(_, share, best)) = candidates.first() else {
            return;
        };
        let safe = candidates
            .get(1)
            .is_none_or(|next| best > CONTRAST_RATIO_MIN * next.2);
        let shown = if safe { 1 } else { candidates.len() };
        findings.push(Finding::MaskFlipped {
            candidates: candidates.iter().take(shown).map(|c| c.0).collect(),
            percent_given: 100.0 * given,
            percent_flipped: 100.0 * share,
            safe,
        });
    }

    /// |mean| / standard deviation of the differences across the region's surface; 0 where there are too few.
    fn contrast(&self, region: &Mask) -> f64 {
        let geometry = &region.geometry;
        let strides = [1, geometry.dims[0], geometry.dims[0] * geometry.dims[1]];
        let (mut n, mut sum, mut squares) = (0_usize, 0.0, 0.0);
        for index in (0..region.inside.len()).filter(|&index| region.inside[index]) {
            let voxel = geometry.voxel(index);
            for axis in 0..3 {
                let before = (voxel[axis] > 0).then(|| index - strides[axis]);
                let after = (voxel[axis] + 1 < geometry.dims[axis]).then(|| index + strides[axis]);
                let outside = [before, after].into_iter().flatten();
                for neighbour in outside.filter(|&neighbour| !region.inside[neighbour]) {
                    let difference = self.values[index] - self.values[neighbour];
                    n += 1;
                    sum += difference;
                    squares += difference * difference;
                }
            }
        }
        if n < N_PAIRS_MIN {
            return 0.0;
        }
        let mean = sum / n as f64;
        let variance = squares / n as f64 - mean * mean;
        if variance > 0.0 {
            mean.abs() / variance.sqrt()
        } else {
            0.0
        }
    }
}

fn flipped(region: &Mask, axes: [bool; 3]) -> Mask {
    let from = |index| region.inside[reversed(&region.geometry, index, axes)];
    Mask {
        geometry: region.geometry,
        inside: (0..region.inside.len()).map(from).collect(),
    }
}

/// Mean voxel index of a region.
fn centroid(region: &Mask) -> Option<[f64; 3]> {
    let mut sums = [0.0; 3];
    let mut n = 0_usize;
    for (index, _) in region.inside.iter().enumerate().filter(|(_, i)| **i) {
        let voxel = region.geometry.voxel(index);
        n += 1;
        (0..3).for_each(|axis| sums[axis] += voxel[axis] as f64);
    }
    (n > 0).then(|| sums.map(|sum| sum / n as f64))
}

/// A label image on another grid: each voxel has the value of the nearest voxel by place, 0 beyond it.
#[must_use]
pub fn resampled(labels: &Volume, grid: &Geometry) -> Volume {
    let values = labels.to_f64();
    let at = |index: Option<usize>| index.map_or(0.0, |index| values[index]);
    let voxels = nearest(&labels.geometry, grid).map(at).collect();
    Volume {
        geometry: *grid,
        voxels: Voxels::F64(voxels),
    }
}

/// A region on another grid, and the share of its voxels whose centres are beyond that grid.
fn moved(region: &Mask, grid: &Geometry) -> (Mask, f64) {
    let inside = nearest(&region.geometry, grid)
        .map(|index| index.is_some_and(|index| region.inside[index]))
        .collect();
    let back = inverse(grid);
    let within = |index: usize| {
        let world = region
            .geometry
            .world_mm(region.geometry.voxel(index).map(|i| i as f64));
        rounded(&back, world, grid.dims).is_some()
    };
    let inside_indices = (0..region.inside.len()).filter(|&index| region.inside[index]);
    let n_beyond = inside_indices.filter(|&index| !within(index)).count();
    let share = n_beyond as f64 / region.n_inside().max(1) as f64;
    (
        Mask {
            geometry: *grid,
            inside,
        },
        share,
    )
}

/// For each voxel of `to`, the nearest voxel of `from` by place; none beyond it.
fn nearest(from: &Geometry, to: &Geometry) -> impl Iterator<Item = Option<usize>> {
    let back = inverse(from);
    let (from, to) = (*from, *to);
    (0..to.n_voxels()).map(move |index| {
        let world = to.world_mm(to.voxel(index).map(|i| i as f64));
        rounded(&back, world, from.dims).map(|voxel| from.index(voxel))
    })
}

/// The voxel at a place, by the inverse affine; halves go up.
fn rounded(back: &[[f64; 4]; 3], world: [f64; 3], dims: [usize; 3]) -> Option<[usize; 3]> {
    let mut voxel = [0; 3];
    for axis in 0..3 {
        let [a, b, c, t] = back[axis];
        let index = (a * world[0] + b * world[1] + c * world[2] + t + 0.5).floor();
        if !(0.0 <= index && index < dims[axis] as f64) {
            return None;
        }
        voxel[axis] = index as usize;
    }
    Some(voxel)
}

/// The affine from world millimetres to voxel index; a [`Geometry`] is never singular.
fn inverse(geometry: &Geometry) -> [[f64; 4]; 3] {
    let [[a, b, c, p], [d, e, f, q], [g, h, i, r]] = geometry.affine;
    let determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
    let rows = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ];
    rows.map(|row| {
        let [x, y, z] = row.map(|entry| entry / determinant);
        [x, y, z, -(x * p + y * q + z * r)]
    })
}
