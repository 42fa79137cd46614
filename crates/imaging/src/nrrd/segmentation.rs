//! Segments as 3D Slicer writes them.

use super::decode;
use super::error::NrrdError;
use super::header::Header;
use crate::geometry::Geometry;
use crate::mask::Mask;
use crate::volume::Voxels;
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

/// At most this many segments are listed in an error.
const N_SHOWN: usize = 20;

/// A segmentation: label images on one grid, and the segments in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// Grid and place; often a part of the image's grid.
    pub geometry: Geometry,
    /// Label images, in file order; segments that overlap lie in different ones.
    pub layers: Vec<Voxels>,
    /// The segments, by their number in the file.
    pub segments: Vec<Segment>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its name; its identifier where it has none.
    pub name: String,
    /// The layer it lies in.
    pub layer: usize,
    /// The value of its voxels in that layer.
    pub label: i32,
}

/// Which segment is the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentChoice<'a> {
    /// The segment of this name, as written.
    Name(&'a str),
    /// The segment of this label value.
    Label(i32),
}

/// Why a segmentation gives no region.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SegmentError {
    /// The file does not read.
    #[error(transparent)]
    File(#[from] NrrdError),
    /// A field of a segment that does not read, or names a layer that is not there.
    #[error("segment {segment}: field `{field}` is {value:?}, must be {expected}")]
    Field {
        /// Number of the segment in the file.
        segment: u32,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        expected: String,
    },
    /// The segment asked for is not there, or several are.
    #[error("{n_found} segments are {wanted}, one is needed; present are {present}")]
    Choice {
        /// What was asked for.
        wanted: String,
        /// How many were found.
        n_found: usize,
        /// Names and labels of the first twenty.
        present: SegmentNames,
    },
    /// No voxel belongs to the segment.
    #[error("the segment of label {label} has no voxel")]
    Empty {
        /// Its name.
        name: String,
        /// Its label.
        label: i32,
    },
}

/// Names and labels of segments, for an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentNames(pub Vec<(String, i32)>);

impl fmt::Display for SegmentNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Labels alone: names of segments may be names of people, and messages travel.
        for (i, (_, label)) in self.0.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}label {label}")?;
        }
        Ok(())
    }
}

impl SegmentError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SegmentError::File(error) => error.code(),
            SegmentError::Field { .. } => "segment-field",
            SegmentError::Choice { n_found: 0, .. } => "label-absent",
            SegmentError::Choice { .. } => "several-labels",
            SegmentError::Empty { .. } => "mask-empty",
        }
    }
}

impl Segmentation {
    /// Reads the bytes of a `.seg.nrrd` file.
    ///
    /// # Errors
    /// [`SegmentError`]: the file does not read, or a segment says what cannot be.
    pub fn read_bytes(bytes: &[u8]) -> Result<Segmentation, SegmentError> {
        let (header, data) = Header::parse(bytes)?;
        let (geometry, layers) = decode::layers(&header, data)?;
        let segments = segments(&header, layers.len())?;
        Ok(Segmentation {
            geometry,
            layers,
            segments,
        })
    }

    /// The region of one segment, on the segmentation's own grid.
    ///
    /// # Errors
    /// [`SegmentError::Choice`] unless one segment fits; [`SegmentError::Empty`] if no voxel is its own.
    pub fn mask(&self, choice: SegmentChoice<'_>) -> Result<Mask, SegmentError> {
        let fits = |segment: &&Segment| match choice {
            SegmentChoice::Name(name) => segment.name == name,
            SegmentChoice::Label(label) => segment.label == label,
        };
        let found: Vec<&Segment> = self.segments.iter().filter(fits).collect();
        let [segment] = found[..] else {
            return Err(SegmentError::Choice {
                wanted: match choice {
                    SegmentChoice::Name(_) => "of the name that was asked for".to_owned(),
                    SegmentChoice::Label(label) => format!("of label {label}"),
                },
                n_found: found.len(),
                present: self.names(),
            });
        };
        let label = f64::from(segment.label);
        let values = self.layers.get(segment.layer).map(Voxels::to_f64);
        let inside: Vec<bool> = values
            .unwrap_or_default()
            .into_iter()
            .map(|value| value == label)
            .collect();
        if inside.contains(&true) {
            Ok(Mask {
                geometry: self.geometry,
                inside,
            })
        } else {
            Err(SegmentError::Empty {
                name: segment.name.clone(),
                label: segment.label,
            })
        }
    }

    fn names(&self) -> SegmentNames {
        let shown = self.segments.iter().take(N_SHOWN);
        SegmentNames(shown.map(|s| (s.name.clone(), s.label)).collect())
    }
}

/// The number of the segment that a key describes, and the field.
pub(super) fn segment_of(key: &str) -> Option<(u32, &str)> {
    let (number, field) = key.strip_prefix("Segment")?.split_once('_')?;
    Some((number.parse().ok()?, field))
}

fn segments(header: &Header, n_layers: usize) -> Result<Vec<Segment>, SegmentError> {
    let mut by_number: BTreeMap<u32, BTreeMap<&str, &str>> = BTreeMap::new();
    for (key, value) in &header.pairs {
        if let Some((number, field)) = segment_of(key) {
            by_number.entry(number).or_default().insert(field, value);
        }
    }
    by_number
        .iter()
        .enumerate()
        .map(|(position, (&number, fields))| segment(number, position, fields, n_layers))
        .collect()
}

/// Before labels and layers had fields, each segment was the ones of a layer of its own, in their order.
fn segment(
    number: u32,
    position: usize,
    fields: &BTreeMap<&str, &str>,
    n_layers: usize,
) -> Result<Segment, SegmentError> {
    let wrong = |field, value: &str, expected| SegmentError::Field {
        segment: number,
        field,
        value: value.chars().take(64).collect(),
        expected,
    };
    let label = match fields.get("LabelValue") {
        None => 1,
        Some(text) => text
            .parse()
            .map_err(|_| wrong("LabelValue", text, "a whole number".to_owned()))?,
    };
    let text = fields.get("Layer").copied();
    let layer = match text {
        None => Some(position),
        Some(text) => text.parse().ok(),
    };
    let text = text.map_or_else(|| position.to_string(), str::to_owned);
    let below = format!("below the number of layers, {n_layers}");
    let layer = layer
        .filter(|&layer| layer < n_layers)
        .ok_or_else(|| wrong("Layer", &text, below))?;
    let name = fields.get("Name").or_else(|| fields.get("ID"));
    Ok(Segment {
        name: name.map_or_else(|| format!("Segment{number}"), |name| (*name).to_owned()),
        layer,
        label,
    })
}
