//! A series of slices as one volume.

use super::error::{DicomError, shown_term, shown_uid};
use super::pixels::{self, PixelFormat};
use super::reader::{DataSet, File};
use super::tags;
use crate::geometry::Geometry;
use crate::volume::{Volume, Voxels};
use crate::world::from_lps;
use std::collections::BTreeMap;

/// How far a slice may lie from its place in an even stack, mm; positions are decimal text of limited length.
const PLACE_TOLERANCE_MM: f64 = 0.1;
/// ... and as a part of the distance of slices.
const PLACE_TOLERANCE_REL: f64 = 0.05;
/// Distance below which two slices lie at one place, mm.
const SAME_PLACE_MM: f64 = 0.001;
/// Difference between components of orientations that are one.
const ORIENTATION_TOLERANCE: f64 = 1e-4;

/// A series, and where it says it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The image.
    pub volume: Volume,
    /// Its `SeriesInstanceUID`.
    pub series_uid: String,
    /// Its `FrameOfReferenceUID`, if it has one.
    pub frame_of_reference: Option<String>,
}

/// One slice: where it lies, and its stored numbers.
struct Slice {
    position_mm: [f64; 3],
    orientation: [f64; 6],
    /// Along a column (between rows) and along a row.
    spacing_mm: [f64; 2],
    thickness_mm: Option<f64>,
    slope: f64,
    intercept: f64,
    rows: usize,
    columns: usize,
    stored: Voxels,
}

/// Reads the one series of the files of a folder, or the one that is asked for; files without pixels and segmentations do not count.
///
/// # Errors
/// [`DicomError`].
pub fn read_series(files: &[&[u8]], series_uid: Option<&str>) -> Result<Series, DicomError> {
    let opened: Vec<File<'_>> = files
        .iter()
        .map(|f| File::open(f))
        .collect::<Result<_, _>>()?;
    let (series_uid, chosen) = chosen(&opened, series_uid)?;
    let mut slices = Vec::new();
    for (file, set) in &chosen {
        slices.extend(slices_of(file, set)?);
    }
    Ok(Series {
        volume: stack(slices)?,
        series_uid,
        frame_of_reference: frame_of(&chosen),
    })
}

/// The frame of reference of a series, without its pixels.
///
/// # Errors
/// As [`read_series`], as far as the choice of the series goes.
pub fn frame_of_reference(
    files: &[&[u8]],
    series_uid: Option<&str>,
) -> Result<Option<String>, DicomError> {
    let opened: Vec<File<'_>> = files
        .iter()
        .map(|f| File::open(f))
        .collect::<Result<_, _>>()?;
    Ok(frame_of(&chosen(&opened, series_uid)?.1))
}

/// A file and its elements.
type Opened<'f> = (&'f File<'f>, DataSet<'f>);

fn frame_of(files: &[Opened<'_>]) -> Option<String> {
    let (_, set) = files.first()?;
    set.text(tags::FRAME_OF_REFERENCE)
}

/// The files of the one series that is meant, and its identifier.
fn chosen<'f>(
    files: &'f [File<'f>],
    series_uid: Option<&str>,
) -> Result<(String, Vec<Opened<'f>>), DicomError> {
    let mut by_series: BTreeMap<String, Vec<Opened<'f>>> = BTreeMap::new();
    for file in files {
        let set = file.data_set()?;
        if is_image(&set) {
            let uid = set.text(tags::SERIES_UID).unwrap_or_default();
            by_series.entry(uid).or_default().push((file, set));
        }
    }
    let uid = choose(&by_series, series_uid, files.len())?;
    let chosen = by_series.remove(&uid).unwrap_or_default();
    Ok((uid, chosen))
}

fn is_image(set: &DataSet<'_>) -> bool {
    let segmentation = set
        .text(tags::SOP_CLASS)
        .is_some_and(|uid| super::seg::is_seg_class(&uid));
    set.element(tags::PIXEL_DATA).is_some() && !segmentation
}

fn choose(
    by_series: &BTreeMap<String, Vec<Opened<'_>>>,
    wanted: Option<&str>,
    n_files: usize,
) -> Result<String, DicomError> {
    let found = || {
        let entry = |(uid, files): (&String, &Vec<Opened<'_>>)| {
            let modality = files.first().and_then(|(_, set)| set.text(tags::MODALITY));
            (
                shown_uid(uid),
                shown_term(&modality.unwrap_or_default()),
                files.len(),
            )
        };
        by_series.iter().map(entry).collect::<Vec<_>>()
    };
    match (wanted, by_series.len()) {
        (_, 0) => Err(DicomError::NoImage { n_files }),
        (Some(uid), _) if by_series.contains_key(uid) => Ok(uid.to_owned()),
        (Some(uid), _) => Err(DicomError::SeriesAbsent {
            wanted: shown_uid(uid),
            found: found(),
        }),
        (None, 1) => Ok(by_series.keys().next().cloned().unwrap_or_default()),
        (None, _) => Err(DicomError::SeveralSeries { found: found() }),
    }
}

/// The slices of a file: one, or one a frame where functional groups place them.
fn slices_of(file: &File<'_>, set: &DataSet<'_>) -> Result<Vec<Slice>, DicomError> {
    let format = PixelFormat::of(set)?;
    if format.bits_allocated == 1 {
        return Err(DicomError::Value {
            tag: tags::BITS_ALLOCATED,
            value: 1,
            expected: "8, 16 or 32 in an image",
        });
    }
    let groups = set.items(tags::FRAME_GROUPS)?;
    if format.n_frames > 1 && groups.len() != format.n_frames {
        return Err(DicomError::Count {
            tag: tags::FRAME_GROUPS,
            n_found: groups.len(),
            n_needed: format.n_frames,
        });
    }
    let shared = set.first_item(tags::SHARED_GROUPS)?;
    let frames = pixels::frames(file, set, &format)?;
    let mut slices = Vec::new();
    for (frame, stored) in frames.into_iter().enumerate() {
        let places = Places {
            own: groups.get(frame),
            shared: shared.as_ref(),
            set,
        };
        slices.push(places.slice(&format, stored)?);
    }
    Ok(slices)
}

/// Where the description of a frame may stand: in its own group, in the shared one, or in the file.
pub(super) struct Places<'s, 'a> {
    pub(super) own: Option<&'s DataSet<'a>>,
    pub(super) shared: Option<&'s DataSet<'a>>,
    pub(super) set: &'s DataSet<'a>,
}

impl<'a> Places<'_, 'a> {
    /// The data set that holds an element of a functional group.
    fn holder(&self, group: tags::Tag, tag: tags::Tag) -> Result<DataSet<'a>, DicomError> {
        for place in [self.own, self.shared].into_iter().flatten() {
            if let Some(item) = place.first_item(group)?
                && item.element(tag).is_some()
            {
                return Ok(item);
            }
        }
        Ok(self.set.clone())
    }

    pub(super) fn vector<const N: usize>(
        &self,
        group: tags::Tag,
        tag: tags::Tag,
    ) -> Result<[f64; N], DicomError> {
        let holder = self.holder(group, tag)?;
        holder.vector(tag)?.ok_or(DicomError::Missing(tag))
    }

    fn number(&self, group: tags::Tag, tag: tags::Tag) -> Result<Option<f64>, DicomError> {
        let holder = self.holder(group, tag)?;
        Ok(holder.vector::<1>(tag)?.map(|[number]| number))
    }

    fn slice(&self, format: &PixelFormat, stored: Voxels) -> Result<Slice, DicomError> {
        let measure = |tag| self.number(tags::PIXEL_MEASURES, tag);
        let between = measure(tags::SPACING_BETWEEN_SLICES)?.map(f64::abs);
        let thickness = measure(tags::SLICE_THICKNESS)?;
        let rescale = |tag| self.number(tags::PIXEL_TRANSFORMATION, tag);
        let spacing_mm = self.vector(tags::PIXEL_MEASURES, tags::PIXEL_SPACING)?;
        positive(tags::PIXEL_SPACING, spacing_mm)?;
        Ok(Slice {
            position_mm: self.vector(tags::PLANE_POSITION, tags::IMAGE_POSITION)?,
            orientation: self.vector(tags::PLANE_ORIENTATION, tags::IMAGE_ORIENTATION)?,
            spacing_mm,
            thickness_mm: between.or(thickness).filter(|mm| *mm > 0.0),
            slope: rescale(tags::RESCALE_SLOPE)?.unwrap_or(1.0),
            intercept: rescale(tags::RESCALE_INTERCEPT)?.unwrap_or(0.0),
            rows: format.rows,
            columns: format.columns,
            stored,
        })
    }
}

/// A length of nothing or less would mirror the image.
pub(super) fn positive(tag: tags::Tag, lengths_mm: [f64; 2]) -> Result<(), DicomError> {
    match lengths_mm.iter().find(|mm| **mm <= 0.0) {
        None => Ok(()),
        Some(mm) => Err(DicomError::NotPositive { tag, mm: *mm }),
    }
}

/// Unit vectors along a row and along a column, and the normal of the slice.
pub(super) fn axes(orientation: [f64; 6]) -> Result<[[f64; 3]; 3], DicomError> {
    let [a, b, c, d, e, f] = orientation;
    let (row, column) = ([a, b, c], [d, e, f]);
    let is_one = |v: f64| (v - 1.0).abs() < 1e-3;
    if is_one(dot(row, row)) && is_one(dot(column, column)) && dot(row, column).abs() < 1e-3 {
        let normal = [b * f - c * e, c * d - a * f, a * e - b * d];
        Ok([row, column, normal])
    } else {
        Err(DicomError::Orientation { orientation })
    }
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn stack(mut slices: Vec<Slice>) -> Result<Volume, DicomError> {
    let Some(first) = slices.first() else {
        return Err(DicomError::NoImage { n_files: 0 });
    };
    let [_, _, normal] = axes(first.orientation)?;
    // Orientations are compared after sorting, so that the slice that is named is found by its place; all are within a hair of one.
    slices.sort_by(|a, b| dot(a.position_mm, normal).total_cmp(&dot(b.position_mm, normal)));
    alike(&slices)?;
    let heights: Vec<f64> = slices.iter().map(|s| dot(s.position_mm, normal)).collect();
    let step_mm = match distance(&heights)? {
        Some(mm) => mm,
        None => slices
            .first()
            .and_then(|s| s.thickness_mm)
            .ok_or(DicomError::Missing(tags::SLICE_THICKNESS))?,
    };
    let geometry = geometry(&slices, &heights, step_mm)?;
    let voxels = rescaled(slices);
    crate::content::check_finite(&voxels, &geometry)?;
    Ok(Volume { geometry, voxels })
}

fn alike(slices: &[Slice]) -> Result<(), DicomError> {
    let Some(first) = slices.first() else {
        return Ok(());
    };
    let close = |a: &[f64], b: &[f64], tolerance: f64| {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
    };
    for (slice, other) in slices.iter().enumerate() {
        let what = if (other.rows, other.columns) != (first.rows, first.columns) {
            "size"
        } else if other.stored.type_name() != first.stored.type_name() {
            "pixel type"
        } else if !close(
            &other.orientation,
            &first.orientation,
            ORIENTATION_TOLERANCE,
        ) {
            "orientation"
        } else if !close(
            &other.spacing_mm,
            &first.spacing_mm,
            1e-5 * first.spacing_mm[0].abs(),
        ) {
            "pixel spacing"
        } else {
            continue;
        };
        return Err(DicomError::SlicesDiffer { what, slice });
    }
    Ok(())
}

/// The even distance of slices, in order of their heights; none if there is one slice.
fn distance(heights: &[f64]) -> Result<Option<f64>, DicomError> {
    let mut gaps: Vec<f64> = heights.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (Some(first), Some(last)) = (heights.first(), heights.last()) else {
        return Ok(None);
    };
    if let Some(i) = gaps.iter().position(|gap| *gap < SAME_PLACE_MM) {
        let position_mm = heights[i];
        let here = |h: &&f64| (*h - position_mm).abs() < SAME_PLACE_MM;
        return Err(DicomError::DuplicatePosition {
            position_mm,
            n_slices: heights.iter().filter(here).count(),
        });
    }
    let in_order = gaps.clone();
    gaps.sort_by(f64::total_cmp);
    // The lower of the middle ones: where every second gap is double, the single ones tell the distance.
    let Some(&median) = gaps.get(gaps.len().saturating_sub(1) / 2) else {
        return Ok(None);
    };
    let tolerance = PLACE_TOLERANCE_MM.min(PLACE_TOLERANCE_REL * median);
    let mut missing = Vec::new();
    for (gap, low) in in_order.iter().zip(heights) {
        let steps = (gap / median).round();
        if steps >= 2.0 && (gap - steps * median).abs() <= steps * tolerance {
            // A gap of many slices is named by its first ones.
            missing.extend((1..(steps as usize).min(1000)).map(|k| low + k as f64 * median));
        } else if (gap - median).abs() > 2.0 * tolerance {
            return Err(DicomError::UnevenSlices {
                position_mm: *low,
                gap_mm: *gap,
                spacing_mm: median,
            });
        }
    }
    if !missing.is_empty() {
        return Err(DicomError::MissingSlices {
            positions_mm: missing,
            spacing_mm: median,
        });
    }
    Ok(Some((last - first) / in_order.len() as f64))
}

fn geometry(slices: &[Slice], heights: &[f64], step_mm: f64) -> Result<Geometry, DicomError> {
    let (Some(first), Some(last)) = (slices.first(), slices.last()) else {
        return Err(DicomError::NoImage { n_files: 0 });
    };
    let [row, column, normal] = axes(first.orientation)?;
    let tolerance = PLACE_TOLERANCE_MM.min(PLACE_TOLERANCE_REL * step_mm);
    let mut shift_mm = 0.0_f64;
    for (i, (slice, height)) in slices.iter().zip(heights).enumerate() {
        let mut squared = 0.0;
        for k in 0..3 {
            let along = first.position_mm[k] + (height - heights[0]) * normal[k];
            squared += (slice.position_mm[k] - along) * (slice.position_mm[k] - along);
        }
        shift_mm = shift_mm.max(squared.sqrt());
        let expected = heights[0] + i as f64 * step_mm;
        if slices.len() > 1 && (height - expected).abs() > 2.0 * tolerance {
            return Err(DicomError::UnevenSlices {
                position_mm: *height,
                gap_mm: height - heights[i.saturating_sub(1)],
                spacing_mm: step_mm,
            });
        }
    }
    if shift_mm > PLACE_TOLERANCE_MM {
        return Err(DicomError::Sheared { shift_mm });
    }
    let scaled = |vector: [f64; 3], mm: f64| vector.map(|v| v * mm);
    // From first to last, so that rounding of the normal does not add up.
    let step = match slices.len() {
        1 => scaled(normal, step_mm),
        n => [0, 1, 2].map(|k| (last.position_mm[k] - first.position_mm[k]) / (n - 1) as f64),
    };
    let steps = [
        scaled(row, first.spacing_mm[1]),
        scaled(column, first.spacing_mm[0]),
        step,
    ];
    let dims = [first.columns, first.rows, slices.len()];
    Ok(from_lps(dims, steps, first.position_mm)?)
}

/// The slices' numbers one after the other, with slope and intercept where any slice has them.
fn rescaled(slices: Vec<Slice>) -> Voxels {
    let plain = slices.iter().all(|s| s.slope == 1.0 && s.intercept == 0.0);
    let mut slices = slices.into_iter();
    let Some(first) = slices.next() else {
        return Voxels::U8(Vec::new());
    };
    if plain {
        return slices.fold(first.stored, |all, slice| joined(all, slice.stored));
    }
    let wide = matches!(first.stored, Voxels::I32(_) | Voxels::U32(_));
    let all: Vec<Slice> = std::iter::once(first).chain(slices).collect();
    let whole = |s: &Slice| {
        s.slope.fract() == 0.0
            && s.intercept.fract() == 0.0
            && s.slope.abs() <= 16384.0
            && s.intercept.abs() <= 1e9
    };
    let values = all.iter().flat_map(|slice| {
        let (slope, intercept) = (slice.slope, slice.intercept);
        let stored = slice.stored.to_f64();
        stored.into_iter().map(move |v| v * slope + intercept)
    });
    if wide {
        Voxels::F64(values.collect())
    } else if all.iter().all(whole) {
        // 16 bits times 2^14 plus 1e9 fit 32 bits.
        Voxels::I32(values.map(|v| v as i32).collect())
    } else {
        Voxels::F32(values.map(|v| v as f32).collect())
    }
}

/// Pixel types are one: slices that differ were refused.
fn joined(all: Voxels, next: Voxels) -> Voxels {
    macro_rules! join {
        ($($kind:ident),*) => {
            match (all, next) {
                $((Voxels::$kind(mut a), Voxels::$kind(b)) => {
                    a.extend(b);
                    Voxels::$kind(a)
                })*
                (all, _) => all,
            }
        };
    }
    join!(U8, I8, U16, I16, U32, I32, F32, F64)
}
