//! Structure sets: contours as a region on the grid of an image.

use super::reader::DataSet;
use super::region::{self, RoiChoice, RoiError};
use super::tags;
use crate::geometry::Geometry;
use crate::mask::{Mask, index_of};

/// A polygon in one slice: its number in the region, and its corners as (fractional) voxel indices.
struct Contour {
    number: usize,
    corners: Vec<[f64; 3]>,
}

/// The region of one structure on the grid of an image.
///
/// A voxel is inside when its centre lies within an odd number of the structure's polygons of its slice, so that a contour within
/// another is a hole; a centre on an edge counts as inside on the polygon's lower sides and as outside on its upper ones.
pub(super) fn mask(
    set: &DataSet<'_>,
    choice: RoiChoice<'_>,
    image: &Geometry,
    frame_of_reference: Option<&str>,
    tolerance_mm: f64,
) -> Result<Mask, RoiError> {
    let rois = set.items(tags::STRUCTURE_SET_ROIS)?;
    let mut present = Vec::new();
    for roi in &rois {
        let number = roi.need_integer(tags::ROI_NUMBER)?;
        present.push((number, roi.text(tags::ROI_NAME).unwrap_or_default()));
    }
    let at = region::choose(&present, choice)?;
    let roi = present[at].0;
    let frame = rois[at].text(tags::ROI_FRAME_OF_REFERENCE);
    region::same_frame(frame.as_deref(), frame_of_reference)?;
    let contours = contours(set, roi, image)?;
    let axis = plane_axis(&contours, roi, image, tolerance_mm)?;
    let mut inside = vec![false; image.n_voxels()];
    for contour in &contours {
        let slice = slice_of(contour, axis, roi, image, tolerance_mm)?;
        within(contour, axis, roi, image)?;
        flip(contour, axis, slice, image, &mut inside);
    }
    if !inside.contains(&true) {
        return Err(RoiError::Empty { roi });
    }
    Ok(Mask {
        geometry: *image,
        inside,
    })
}

fn contours(set: &DataSet<'_>, roi: u32, image: &Geometry) -> Result<Vec<Contour>, RoiError> {
    let mut contours = Vec::new();
    for item in set.items(tags::ROI_CONTOURS)? {
        if item.need_integer(tags::REFERENCED_ROI)? != roi {
            continue;
        }
        for one in item.items(tags::CONTOURS)? {
            let number = contours.len();
            let wrong = |what| {
                let contour = number;
                Err(RoiError::Contour { roi, contour, what })
            };
            match one.text(tags::CONTOUR_TYPE).as_deref() {
                Some("CLOSED_PLANAR" | "CLOSEDPLANAR_XOR") => {}
                Some("POINT") => return wrong("a point encloses nothing"),
                Some("OPEN_PLANAR" | "OPEN_NONPLANAR") => return wrong("the contour is open"),
                _ => return wrong("the type of the contour is not CLOSED_PLANAR"),
            }
            let numbers = one.decimals(tags::CONTOUR_DATA)?.unwrap_or_default();
            let (points, rest) = numbers.as_chunks::<3>();
            if !rest.is_empty() || points.len() < 3 {
                return wrong(
                    "the contour must have three numbers a point and at least three points",
                );
            }
            // LPS to RAS.
            let corner = |&[x, y, z]: &[f64; 3]| index_of(image, [-x, -y, z]);
            let corners = points.iter().map(corner).collect();
            contours.push(Contour { number, corners });
        }
    }
    if contours.is_empty() {
        return Err(RoiError::NoContours { roi });
    }
    Ok(contours)
}

/// The axis of the image along which every contour is flat.
fn plane_axis(
    contours: &[Contour],
    roi: u32,
    image: &Geometry,
    tolerance_mm: f64,
) -> Result<usize, RoiError> {
    let spacing_mm = image.spacing_mm();
    let extent = |contour: &Contour, axis: usize| {
        let along = contour.corners.iter().map(|corner| corner[axis]);
        let (low, high) = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        (high - low) * spacing_mm[axis]
    };
    let flat = |contour: &Contour, axis: usize| extent(contour, axis) <= tolerance_mm;
    let slice_axis = image.slice_axis();
    let axes = [slice_axis, 2, 1, 0];
    if let Some(axis) = axes
        .into_iter()
        .find(|&axis| contours.iter().all(|contour| flat(contour, axis)))
    {
        return Ok(axis);
    }
    let oblique = contours.iter().find(|contour| !flat(contour, slice_axis));
    Err(RoiError::Contour {
        roi,
        contour: oblique.map_or(0, |contour| contour.number),
        what: "the contour lies in no plane of the image's voxels; was it drawn on another series?",
    })
}

/// The slice a contour lies on.
fn slice_of(
    contour: &Contour,
    axis: usize,
    roi: u32,
    image: &Geometry,
    tolerance_mm: f64,
) -> Result<usize, RoiError> {
    let n = contour.corners.len() as f64;
    let place = contour
        .corners
        .iter()
        .map(|corner| corner[axis])
        .sum::<f64>()
        / n;
    let slice = place.round();
    let spacing_mm = image.spacing_mm()[axis];
    let last = image.dims[axis] as f64 - 1.0;
    if slice < 0.0 || slice > last {
        return Err(RoiError::Outside {
            roi,
            contour: contour.number,
            distance_mm: (-place).max(place - last) * spacing_mm,
        });
    }
    let distance_mm = (place - slice).abs() * spacing_mm;
    if distance_mm > tolerance_mm {
        return Err(RoiError::BetweenSlices {
            roi,
            contour: contour.number,
            distance_mm,
            tolerance_mm,
        });
    }
    Ok(slice as usize)
}

/// Corners may reach the outer edges of the outermost voxels.
fn within(contour: &Contour, axis: usize, roi: u32, image: &Geometry) -> Result<(), RoiError> {
    let spacing_mm = image.spacing_mm();
    let mut distance_mm = 0.0_f64;
    for corner in &contour.corners {
        for k in (0..3).filter(|&k| k != axis) {
            let beyond = (-0.5 - corner[k]).max(corner[k] - (image.dims[k] as f64 - 0.5));
            distance_mm = distance_mm.max(beyond * spacing_mm[k]);
        }
    }
    // A micrometre is rounding.
    if distance_mm > 1e-3 {
        let contour = contour.number;
        return Err(RoiError::Outside {
            roi,
            contour,
            distance_mm,
        });
    }
    Ok(())
}

/// Turns the voxels whose centres lie inside the polygon.
fn flip(contour: &Contour, axis: usize, slice: usize, image: &Geometry, inside: &mut [bool]) {
    let [u, v] = match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    };
    let corners = &contour.corners;
    let mut crossings = Vec::new();
    for line in 0..image.dims[v] {
        let height = line as f64;
        crossings.clear();
        for (i, b) in corners.iter().enumerate() {
            let a = &corners[if i == 0 { corners.len() - 1 } else { i - 1 }];
            // Half-open, so that a corner on the line counts once.
            if (a[v] <= height) != (b[v] <= height) {
                crossings.push(a[u] + (height - a[v]) / (b[v] - a[v]) * (b[u] - a[u]));
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let first = pair[0].ceil().max(0.0) as usize;
            let end = pair[1].ceil().max(0.0).min(image.dims[u] as f64) as usize;
            for column in first..end {
                let mut voxel = [slice; 3];
                (voxel[u], voxel[v]) = (column, line);
                let index = image.index(voxel);
                inside[index] = !inside[index];
            }
        }
    }
}
