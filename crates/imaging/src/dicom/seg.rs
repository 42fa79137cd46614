//! Segmentation objects: frames of one segment as a region on the grid of an image.

use super::error::DicomError;
use super::pixels::{self, PixelFormat};
use super::reader::{DataSet, File};
use super::region::{self, RoiChoice, RoiError};
use super::series::{Places, axes, positive};
use super::tags;
use crate::geometry::Geometry;
use crate::mask::{Mask, PlaceError};
use crate::world::from_lps;

/// Whether a SOP class is that of segmentations (bits and fractions, or label maps).
pub(super) fn is_seg_class(uid: &str) -> bool {
    matches!(
        uid,
        "1.2.840.10008.5.1.4.1.1.66.4" | "1.2.840.10008.5.1.4.1.1.66.7"
    )
}

/// The region of one segment on the grid of an image; of a fractional one, the voxels of at least one half.
pub(super) fn mask(
    file: &File<'_>,
    set: &DataSet<'_>,
    choice: RoiChoice<'_>,
    image: &Geometry,
    frame_of_reference: Option<&str>,
    tolerance_mm: f64,
) -> Result<Mask, RoiError> {
    let frame = set.text(tags::FRAME_OF_REFERENCE);
    region::same_frame(frame.as_deref(), frame_of_reference)?;
    let mut present = Vec::new();
    for segment in set.items(tags::SEGMENTS)? {
        let number = segment.need_integer(tags::SEGMENT_NUMBER)?;
        present.push((
            number,
            segment.text(tags::SEGMENT_LABEL).unwrap_or_default(),
        ));
    }
    let roi = present[region::choose(&present, choice)?].0;
    let format = PixelFormat::of(set)?;
    let groups = set.items(tags::FRAME_GROUPS)?;
    if groups.len() != format.n_frames {
        let n_found = groups.len();
        return Err(RoiError::File(DicomError::Count {
            tag: tags::FRAME_GROUPS,
            n_found,
            n_needed: format.n_frames,
        }));
    }
    let frames = frames_inside(file, set, &format, roi)?;
    let shared = set.first_item(tags::SHARED_GROUPS)?;
    let mut inside = vec![false; image.n_voxels()];
    let (mut n_inside, mut n_outside) = (0, 0);
    for (group, frame) in groups.iter().zip(frames) {
        let places = Places {
            own: Some(group),
            shared: shared.as_ref(),
            set,
        };
        if !frame.contains(&true) || !is_of(group, shared.as_ref(), set, roi)? {
            continue;
        }
        let slice = Mask {
            geometry: plane(&places, &format, image)?,
            inside: frame,
        };
        let (painted, outside) = slice.paint_onto(image, tolerance_mm, &mut inside)?;
        n_inside += painted + outside;
        n_outside += outside;
    }
    if n_outside > 0 {
        return Err(PlaceError::Outside {
            n_outside,
            n_inside,
        }
        .into());
    }
    if n_inside == 0 {
        return Err(RoiError::Empty { roi });
    }
    Ok(Mask {
        geometry: *image,
        inside,
    })
}

/// Whether a frame belongs to a segment; frames of a label map belong to all.
fn is_of(
    group: &DataSet<'_>,
    shared: Option<&DataSet<'_>>,
    set: &DataSet<'_>,
    roi: u32,
) -> Result<bool, RoiError> {
    if segmentation_type(set) == "LABELMAP" {
        return Ok(true);
    }
    for place in [Some(group), shared].into_iter().flatten() {
        if let Some(item) = place.first_item(tags::SEGMENT_IDENTIFICATION)? {
            return Ok(item.need_integer(tags::REFERENCED_SEGMENT)? == roi);
        }
    }
    Err(DicomError::Missing(tags::REFERENCED_SEGMENT).into())
}

fn segmentation_type(set: &DataSet<'_>) -> String {
    set.text(tags::SEGMENTATION_TYPE).unwrap_or_default()
}

/// The pixels of each frame that are inside.
fn frames_inside(
    file: &File<'_>,
    set: &DataSet<'_>,
    format: &PixelFormat,
    roi: u32,
) -> Result<Vec<Vec<bool>>, RoiError> {
    let kind = segmentation_type(set);
    if format.bits_allocated == 1 {
        return Ok(pixels::bit_frames(set, format)?);
    }
    let fraction = set.integer(tags::MAXIMUM_FRACTION);
    let fits: Box<dyn Fn(f64) -> bool> = match (kind.as_str(), fraction) {
        ("BINARY", _) => Box::new(|value| value == 1.0),
        ("LABELMAP", _) => Box::new(move |value| value == f64::from(roi)),
        ("FRACTIONAL", Some(most)) if most > 0 => {
            Box::new(move |value| 2.0 * value >= f64::from(most))
        }
        ("FRACTIONAL", _) => return Err(DicomError::Missing(tags::MAXIMUM_FRACTION).into()),
        _ => return Err(DicomError::Missing(tags::SEGMENTATION_TYPE).into()),
    };
    let frames = pixels::frames(file, set, format)?;
    let inside = |frame: crate::volume::Voxels| frame.to_f64().into_iter().map(&fits).collect();
    Ok(frames.into_iter().map(inside).collect())
}

/// The grid of one frame; across it a frame has no extent, and the image's is taken.
fn plane(
    places: &Places<'_, '_>,
    format: &PixelFormat,
    image: &Geometry,
) -> Result<Geometry, RoiError> {
    let position = places.vector(tags::PLANE_POSITION, tags::IMAGE_POSITION)?;
    let orientation = places.vector(tags::PLANE_ORIENTATION, tags::IMAGE_ORIENTATION)?;
    let spacing_mm: [f64; 2] = places.vector(tags::PIXEL_MEASURES, tags::PIXEL_SPACING)?;
    positive(tags::PIXEL_SPACING, spacing_mm)?;
    let [row, column, normal] = axes(orientation)?;
    let scaled = |vector: [f64; 3], mm: f64| vector.map(|v| v * mm);
    let steps = [
        scaled(row, spacing_mm[1]),
        scaled(column, spacing_mm[0]),
        scaled(normal, image.spacing_mm()[image.slice_axis()]),
    ];
    let dims = [format.columns, format.rows, 1];
    Ok(from_lps(dims, steps, position).map_err(DicomError::from)?)
}
