//! Why a file is refused.

use crate::content::ContentError;
use crate::geometry::GeometryError;
use thiserror::Error;

/// What is wrong with a NRRD file.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NrrdError {
    /// The magic word is missing or of an unknown version.
    #[error("not a nrrd file: it begins with {magic:?}, must be \"NRRD0001\" to \"NRRD0005\"")]
    NotNrrd {
        /// First eight bytes, as text.
        magic: String,
    },
    /// A line of the header that is neither a field nor a comment.
    #[error("header line {line} is no `field: value`, no `key:=value` and no comment")]
    Line {
        /// Line of the header, the magic word being 1.
        line: usize,
    },
    /// The header is longer than any header.
    #[error("header has no blank line within its first {limit} bytes")]
    HeaderLength {
        /// The most bytes a header may have.
        limit: usize,
    },
    /// A field that must be there.
    #[error("header has no field `{field}`")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field that stands twice.
    #[error("field `{field}` stands twice, the second time in line {line}")]
    Twice {
        /// Its name.
        field: String,
        /// Line of the header.
        line: usize,
    },
    /// A field whose value does not read.
    #[error("field `{field}` is {value:?}, must be {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Its value, at most 64 characters of it.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A pixel type that is not read.
    #[error("type {name:?} is not read: one real number of at most 64 bits per voxel")]
    PixelType {
        /// Its name.
        name: String,
    },
    /// An encoding that is not read.
    #[error("encoding {name:?} is not read; write the file with encoding raw or gzip")]
    Encoding {
        /// Its name.
        name: String,
    },
    /// Two-dimensional, or with several volumes or components.
    #[error("not three-dimensional: sizes {sizes:?} of kinds {kinds:?}")]
    NotThreeDimensional {
        /// Lengths of all axes.
        sizes: Vec<u64>,
        /// Their kinds.
        kinds: Vec<String>,
    },
    /// A label image in several layers where one image was expected.
    #[error("{n_layers} layers where one image was expected; choose a segment by name")]
    Layers {
        /// How many.
        n_layers: usize,
    },
    /// A space that names no direction of the body and is mirrored against those that do.
    #[error("space {space:?} is not read; must be RAS, LAS, LPS or scanner-xyz")]
    Space {
        /// Its name.
        space: String,
    },
    /// The voxels lie in a file that is not given; its name is not told, since hospitals put names of people in them.
    #[error("data lie in another file; it must be one file beside the header, or attached")]
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

impl NrrdError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            NrrdError::NotNrrd { .. } => "not-nrrd",
            NrrdError::Line { .. } => "header-line",
            NrrdError::HeaderLength { .. } => "header-length",
            NrrdError::Missing { .. } => "header-field-missing",
            NrrdError::Twice { .. } => "header-field-twice",
            NrrdError::Field { .. } => "header-field",
            NrrdError::PixelType { .. } => "pixel-type",
            NrrdError::Encoding { .. } => "encoding",
            NrrdError::NotThreeDimensional { .. } => "not-three-dimensional",
            NrrdError::Layers { .. } => "several-layers",
            NrrdError::Space { .. } => "space",
            NrrdError::DataFile { .. } => "detached-image",
            NrrdError::Content(error) => error.code(),
            NrrdError::Geometry(error) => error.code(),
        }
    }
}
