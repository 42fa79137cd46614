//! Why DICOM files give no image and no region. Nothing here holds the text of an element that could name a person.

use super::tags::{self, Tag};
use crate::content::ContentError;
use crate::counted::Are;
use crate::geometry::GeometryError;
use std::fmt;
use thiserror::Error;

/// At most this many series, names or positions are listed in an error.
const N_SHOWN: usize = 20;

/// What is wrong with DICOM files.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DicomError {
    /// The word that marks a DICOM file is missing.
    #[error("not a dicom file: no DICM after the first 128 bytes")]
    NotDicom,
    /// An element reaches beyond the end of the file.
    #[error("file is truncated at element {}: {needed} bytes needed, {found} are there", Named(*tag))]
    Truncated {
        /// The element.
        tag: (u16, u16),
        /// Bytes it needs.
        needed: u64,
        /// Bytes left.
        found: u64,
    },
    /// An element without a value representation where one must stand.
    #[error("element {} has no value representation", Named(*tag))]
    Representation {
        /// The element.
        tag: (u16, u16),
    },
    /// A sequence that does not end.
    #[error("sequence {} does not end with its delimiter", Named(*tag))]
    Delimiter {
        /// The sequence.
        tag: (u16, u16),
    },
    /// Sequences within sequences beyond all use.
    #[error("more than {limit} sequences within each other")]
    Depth {
        /// How many are followed.
        limit: usize,
    },
    /// An element that must be there.
    #[error("no element {}", Named(*.0))]
    Missing((u16, u16)),
    /// A number that is none.
    #[error("element {} holds {text:?}, which is no number", Named(*tag))]
    Number {
        /// The element.
        tag: (u16, u16),
        /// The text, at most 32 characters.
        text: String,
    },
    /// Another number of values than the standard says.
    #[error("element {} holds {n_found} values, must be {n_needed}", Named(*tag))]
    Count {
        /// The element.
        tag: (u16, u16),
        /// Values found.
        n_found: usize,
        /// Values needed.
        n_needed: usize,
    },
    /// A length that is none.
    #[error("element {} is {mm} mm, must be above 0", Named(*tag))]
    NotPositive {
        /// The element.
        tag: (u16, u16),
        /// Its value.
        mm: f64,
    },
    /// A value that is not read.
    #[error("element {} is {value}, must be {expected}", Named(*tag))]
    Value {
        /// The element.
        tag: (u16, u16),
        /// Its value.
        value: u32,
        /// What is read.
        expected: &'static str,
    },
    /// A compression that is not read.
    #[error("transfer syntax {uid} ({name}) is not read; {repair}")]
    TransferSyntax {
        /// Its name.
        name: &'static str,
        /// Its identifier.
        uid: String,
        /// What makes files of it that are read.
        repair: &'static str,
    },
    /// Colour.
    #[error(
        "photometric interpretation {name:?} with {n_samples} samples per pixel is not read; must be MONOCHROME1 or MONOCHROME2"
    )]
    Colour {
        /// The photometric interpretation.
        name: String,
        /// Samples per pixel.
        n_samples: u32,
    },
    /// A compressed frame that does not decode.
    #[error("compressed frame {frame} is damaged")]
    Frame {
        /// Its number in the file, from 0.
        frame: usize,
    },
    /// No file with pixels, or no file at all.
    #[error("no image among {n_files} dicom files")]
    NoImage {
        /// How many files there are.
        n_files: usize,
    },
    /// Several series where one was expected.
    #[error("{} series in the folder ({}), one is needed; name its SeriesInstanceUID in the cohort file's series-column, or give it a folder of its own", found.len(), SeriesList(found))]
    SeveralSeries {
        /// Their identifiers, modalities and numbers of images.
        found: Vec<(String, String, usize)>,
    },
    /// The series asked for is not there.
    #[error(
        "the series asked for is not in the folder; there are {}",
        SeriesList(found)
    )]
    SeriesAbsent {
        /// The identifier asked for.
        wanted: String,
        /// Identifiers, modalities and numbers of images there.
        found: Vec<(String, String, usize)>,
    },
    /// Slices of different sizes, pixel types, spacings or orientations.
    #[error(
        "slices differ in {what}: slice {slice} (in order of position) has another than slice 0"
    )]
    SlicesDiffer {
        /// In what.
        what: &'static str,
        /// Number of the first other slice.
        slice: usize,
    },
    /// Axes that are no unit vectors at right angles.
    #[error("image orientation is no pair of unit vectors at right angles: {orientation:?}")]
    Orientation {
        /// The six numbers.
        orientation: [f64; 6],
    },
    /// Several slices at one place: several echoes, phases or time points in one series.
    #[error(
        "{n_slices} slices at {position_mm} mm along the normal; a volume has one at each position"
    )]
    DuplicatePosition {
        /// Position along the normal of the slices, mm.
        position_mm: f64,
        /// Slices there.
        n_slices: usize,
    },
    /// Slices that are not there.
    #[error("{} missing, at {} mm along the normal ({spacing_mm} mm apart elsewhere)", Are(positions_mm.len(), "slice"), Millimetres(positions_mm))]
    MissingSlices {
        /// Where they should be, mm along the normal.
        positions_mm: Vec<f64>,
        /// Distance of the others, mm.
        spacing_mm: f64,
    },
    /// Slices at uneven distances.
    #[error(
        "slices are {gap_mm} mm apart at {position_mm} mm along the normal and {spacing_mm} mm elsewhere"
    )]
    UnevenSlices {
        /// Position of the first slice of the pair, mm along the normal.
        position_mm: f64,
        /// Their distance, mm.
        gap_mm: f64,
        /// Distance of the others, mm.
        spacing_mm: f64,
    },
    /// Slices shifted against each other within their planes, as with a tilted gantry.
    #[error(
        "slices are sheared: one lies {shift_mm} mm beside the normal through the first (tilted gantry); resample the series first"
    )]
    Sheared {
        /// The largest shift, mm.
        shift_mm: f64,
    },
    /// Stored numbers that make no voxels.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// An affine that is none.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
}

impl DicomError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            DicomError::NotDicom => "not-dicom",
            DicomError::Truncated { .. } => "truncated",
            DicomError::Representation { .. }
            | DicomError::Delimiter { .. }
            | DicomError::Depth { .. } => "dicom-structure",
            DicomError::Missing(_) => "dicom-element-missing",
            DicomError::Number { .. }
            | DicomError::NotPositive { .. }
            | DicomError::Count { .. }
            | DicomError::Value { .. } => "dicom-element",
            DicomError::TransferSyntax { .. } => "transfer-syntax",
            DicomError::Colour { .. } => "pixel-type",
            DicomError::Frame { .. } => "frame-damaged",
            DicomError::NoImage { .. } => "no-image",
            DicomError::SeveralSeries { .. } => "several-series",
            DicomError::SeriesAbsent { .. } => "series-absent",
            DicomError::SlicesDiffer { .. } => "slices-differ",
            DicomError::Orientation { .. } => "orientation",
            DicomError::DuplicatePosition { .. } => "duplicate-position",
            DicomError::MissingSlices { .. } => "missing-slices",
            DicomError::UnevenSlices { .. } => "uneven-slices",
            DicomError::Sheared { .. } => "slices-sheared",
            DicomError::Content(error) => error.code(),
            DicomError::Geometry(error) => error.code(),
        }
    }
}

/// An identifier without what no identifier has: a damaged file may have other text where one should be.
pub(super) fn shown_uid(text: &str) -> String {
    let allowed = text.chars().filter(|c| c.is_ascii_digit() || *c == '.');
    allowed.take(64).collect()
}

/// A number that is none, its foreign characters as question marks.
pub(super) fn shown_number(text: &str) -> String {
    let shown = |c: char| {
        if c.is_ascii_digit() || "+-. ".contains(c) {
            c
        } else {
            '?'
        }
    };
    text.chars().take(32).map(shown).collect()
}

/// A term of the standard; anything else is not told.
pub(super) fn shown_term(text: &str) -> String {
    let known = [
        "MR",
        "CT",
        "PT",
        "NM",
        "US",
        "OT",
        "CR",
        "DX",
        "RGB",
        "PALETTE COLOR",
        "YBR_FULL",
        "YBR_FULL_422",
        "YBR_PARTIAL_420",
        "YBR_ICT",
        "YBR_RCT",
        "MONOCHROME1",
        "MONOCHROME2",
    ];
    let found = known.into_iter().find(|term| *term == text);
    found.unwrap_or("unknown").to_owned()
}

/// A tag with its keyword.
struct Named(Tag);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, element) = self.0;
        write!(f, "({group:04X},{element:04X})")?;
        match tags::keyword(self.0) {
            "" => Ok(()),
            keyword => write!(f, " {keyword}"),
        }
    }
}

struct SeriesList<'a>(&'a [(String, String, usize)]);

impl fmt::Display for SeriesList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Identifiers of series lead back to a patient, and messages travel: modality and size alone.
        for (i, (_, modality, n)) in self.0.iter().take(N_SHOWN).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{modality} of {n} images")?;
        }
        Ok(())
    }
}

struct Millimetres<'a>(&'a [f64]);

impl fmt::Display for Millimetres<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mm) in self.0.iter().take(N_SHOWN).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            // A micrometre is more than a scanner knows.
            write!(f, "{comma}{}", (mm * 1000.0).round() / 1000.0)?;
        }
        Ok(())
    }
}
