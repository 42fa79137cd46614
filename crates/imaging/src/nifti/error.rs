//! Why a file is refused.

use crate::content::ContentError;
use crate::geometry::GeometryError;
use std::io::ErrorKind;
use thiserror::Error;

/// A file that cannot be read, and why.
///
/// Its text holds no file name, since hospitals put names of people in them; the name is in [`NiftiError::file`] for the site's own log.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{problem}")]
pub struct NiftiError {
    /// The name of the file as it was given.
    pub file: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl NiftiError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Problem {
    /// The operating system would not read or write it.
    #[error("file not accessible: {kind}")]
    Io {
        /// The operating system's reason.
        kind: ErrorKind,
    },
    /// Neither the size nor the magic word of a NIfTI header.
    #[error(
        "not a nifti-1 file: header size {sizeof_hdr} and magic {magic:?}, must be 348 and \"n+1\""
    )]
    NotNifti {
        /// First number of the file, as little-endian.
        sizeof_hdr: i32,
        /// Magic word, as text.
        magic: String,
    },
    /// A compressed file that was compressed again.
    #[error("compressed twice: inside the gzip file lies another; unpack it once (gunzip)")]
    GzipTwice,
    /// A NIfTI-2 file.
    #[error("nifti-2 file: only nifti-1 is read")]
    Nifti2,
    /// The header of a pair of files.
    #[error("header of a pair of files (.hdr, .img): only single files are read")]
    DetachedImage,
    /// Two-dimensional, or with several volumes.
    #[error("not three-dimensional: dimensions {dims:?}")]
    NotThreeDimensional {
        /// Lengths of all axes the header declares.
        dims: Vec<i16>,
    },
    /// An axis of no or negative length.
    #[error("dimensions {dims:?} must all be at least 1")]
    Dimensions {
        /// Lengths of all axes the header declares.
        dims: Vec<i16>,
    },
    /// A number of axes outside 1 to 7.
    #[error("header declares {n_axes} axes, must be 1 to 7")]
    AxisCount {
        /// Number of axes.
        n_axes: i16,
    },
    /// Colour, complex, binary or extended-precision voxels.
    #[error(
        "data type {datatype} ({name}) is not read: one real number of at most 64 bits per voxel"
    )]
    PixelType {
        /// The code in the header.
        datatype: i16,
        /// Its name in the standard.
        name: &'static str,
    },
    /// The data type and the number of bits contradict each other.
    #[error("data type {datatype} has {expected} bits, the header says {bitpix}")]
    BitsPerVoxel {
        /// The code in the header.
        datatype: i16,
        /// Bits the header claims.
        bitpix: i16,
        /// Bits of that type.
        expected: i16,
    },
    /// The image does not start at a whole byte after the header.
    #[error("voxel offset {offset} must be a whole number of at least 352")]
    VoxelOffset {
        /// The offset in the header.
        offset: f32,
    },
    /// Stored numbers that make no voxels.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// No usable voxel size.
    #[error("voxel size {mm} along axis {axis} must be a number other than 0")]
    VoxelSize {
        /// Axis, 0 to 2.
        axis: usize,
        /// The size in the header.
        mm: f32,
    },
    /// A qform with entries that are no numbers.
    #[error("qform holds a number that is not finite")]
    Qform,
    /// An affine that is none.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// An intercept that is no number.
    #[error("intercept {intercept} must be finite where the slope is {slope}")]
    Scaling {
        /// Slope in the header.
        slope: f32,
        /// Intercept in the header.
        intercept: f32,
    },
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Problem {
        Problem::Io { kind: error.kind() }
    }
}

impl Problem {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Problem::Io { .. } => "file-not-accessible",
            Problem::NotNifti { .. } => "not-nifti",
            Problem::GzipTwice => "gzip-twice",
            Problem::Nifti2 => "nifti-2",
            Problem::DetachedImage => "detached-image",
            Problem::NotThreeDimensional { .. } => "not-three-dimensional",
            Problem::Dimensions { .. } => "dimensions",
            Problem::AxisCount { .. } => "axis-count",
            Problem::PixelType { .. } => "pixel-type",
            Problem::BitsPerVoxel { .. } => "bits-per-voxel",
            Problem::VoxelOffset { .. } => "voxel-offset",
            Problem::VoxelSize { .. } => "voxel-size",
            Problem::Content(error) => error.code(),
            Problem::Qform => "qform",
            Problem::Geometry(error) => error.code(),
            Problem::Scaling { .. } => "scaling",
        }
    }
}
