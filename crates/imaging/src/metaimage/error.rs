//! Why a file is refused.

use crate::content::ContentError;
use crate::geometry::GeometryError;
use thiserror::Error;

/// What is wrong with a MetaImage file.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MetaImageError {
    /// A line of the header that is no `Key = value`.
    #[error("header line {line} is no `Key = value`")]
    Line {
        /// Line of the file.
        line: usize,
    },
    /// The header is longer than any header.
    #[error("header has no ElementDataFile within its first {limit} bytes")]
    HeaderLength {
        /// The most bytes a header may have.
        limit: usize,
    },
    /// A field that must be there.
    #[error("header has no field {field}")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field whose value does not read.
    #[error("field {field} is {value:?}, must be {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Its value, at most 64 characters of it.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A pixel type that is not read.
    #[error("element type {name:?} is not read: one real number of at most 64 bits per voxel")]
    PixelType {
        /// Its name.
        name: String,
    },
    /// Colour or vectors.
    #[error("{n_channels} channels per voxel, one is read")]
    Channels {
        /// How many.
        n_channels: u64,
    },
    /// Two-dimensional, or with several volumes.
    #[error("not three-dimensional: DimSize {sizes:?}")]
    NotThreeDimensional {
        /// Lengths of all axes.
        sizes: Vec<u64>,
    },
    /// An intensity function that readers disagree about.
    #[error(
        "intensity function {slope} · stored + {intercept} is not read; write the values themselves"
    )]
    Scaling {
        /// Slope.
        slope: f64,
        /// Intercept.
        intercept: f64,
    },
    /// The voxels lie in a file that is not given; its name is not told, since hospitals put names of people in them.
    #[error("data lie in another file; it must be one file beside the header, or LOCAL")]
    DataFile {
        /// What the header says.
        name: String,
    },
    /// Stored numbers that make no voxels.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// An affine that is none.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
}

impl MetaImageError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            MetaImageError::Line { .. } => "header-line",
            MetaImageError::HeaderLength { .. } => "header-length",
            MetaImageError::Missing { .. } => "header-field-missing",
            MetaImageError::Field { .. } => "header-field",
            MetaImageError::PixelType { .. } => "pixel-type",
            MetaImageError::Channels { .. } => "several-channels",
            MetaImageError::NotThreeDimensional { .. } => "not-three-dimensional",
            MetaImageError::Scaling { .. } => "scaling",
            MetaImageError::DataFile { .. } => "detached-image",
            MetaImageError::Content(error) => error.code(),
            MetaImageError::Geometry(error) => error.code(),
        }
    }
}
