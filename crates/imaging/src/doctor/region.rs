//! A region by itself, on its own grid.

use super::finding::Finding;
use crate::components::{Connectivity, components};
use crate::mask::Mask;

pub(super) fn examine(region: &Mask, findings: &mut Vec<Finding>) {
    let Some((low, high)) = region.bounding_box() else {
        return;
    };
    let geometry = &region.geometry;
    let mut faces = Vec::new();
    for axis in (0..3).filter(|&axis| geometry.dims[axis] > 1) {
        if low[axis] == 0 {
            faces.push((axis, false));
        }
        if high[axis] == geometry.dims[axis] - 1 {
            faces.push((axis, true));
        }
    }
    if !faces.is_empty() {
        findings.push(Finding::MaskTouchesBorder { faces });
    }
    let mut sizes = components(&region.inside, geometry.dims, Connectivity::TwentySix).sizes;
    if sizes.len() > 1 {
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let voxel_mm3 = geometry.voxel_volume_mm3();
        let sizes_mm3 = sizes.into_iter().map(|n| n as f64 * voxel_mm3).collect();
        findings.push(Finding::MaskDisconnected { sizes_mm3 });
    }
    let axis = geometry.slice_axis();
    let mut held = vec![false; geometry.dims[axis]];
    for (index, _) in region
        .inside
        .iter()
        .enumerate()
        .filter(|(_, inside)| **inside)
    {
        held[geometry.voxel(index)[axis]] = true;
    }
    let slices: Vec<usize> = (low[axis]..=high[axis]).filter(|&s| !held[s]).collect();
    if !slices.is_empty() {
        findings.push(Finding::MaskSliceMissing { axis, slices });
    }
    if low[axis] == high[axis] && geometry.dims[axis] > 1 {
        findings.push(Finding::MaskOneSlice {
            axis,
            slice: low[axis],
        });
    }
}
