//! Voxels in the order and the pixel type of their file.

use crate::geometry::Geometry;
use thiserror::Error;

/// Voxel values, x fastest, in the pixel type of the file.
///
/// The type is kept because results depend on it: a filter that rounds to the image's pixel type differs between
/// 16-bit integers and floats.
#[derive(Debug, Clone, PartialEq)]
pub enum Voxels {
    /// 8 bits, unsigned.
    U8(Vec<u8>),
    /// 8 bits, signed.
    I8(Vec<i8>),
    /// 16 bits, unsigned.
    U16(Vec<u16>),
    /// 16 bits, signed.
    I16(Vec<i16>),
    /// 32 bits, unsigned.
    U32(Vec<u32>),
    /// 32 bits, signed.
    I32(Vec<i32>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// Evaluates an expression with the voxel vector bound to a name, whatever its type.
macro_rules! each_type {
    ($voxels:expr, $values:ident => $body:expr) => {
        match $voxels {
            $crate::volume::Voxels::U8($values) => $body,
            $crate::volume::Voxels::I8($values) => $body,
            $crate::volume::Voxels::U16($values) => $body,
            $crate::volume::Voxels::I16($values) => $body,
            $crate::volume::Voxels::U32($values) => $body,
            $crate::volume::Voxels::I32($values) => $body,
            $crate::volume::Voxels::F32($values) => $body,
            $crate::volume::Voxels::F64($values) => $body,
        }
    };
}
pub(crate) use each_type;

impl Voxels {
    /// Number of voxels.
    #[must_use]
    pub fn len(&self) -> usize {
        each_type!(self, values => values.len())
    }

    /// Whether there is no voxel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as doubles; exact for every pixel type.
    #[must_use]
    #[allow(
        clippy::useless_conversion,
        reason = "one of the eight types is f64 already"
    )]
    pub fn to_f64(&self) -> Vec<f64> {
        each_type!(self, values => values.iter().map(|&value| f64::from(value)).collect())
    }

    /// Name of the pixel type: `u8`, `i8`, `u16`, `i16`, `u32`, `i32`, `f32` or `f64`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Voxels::U8(_) => "u8",
            Voxels::I8(_) => "i8",
            Voxels::U16(_) => "u16",
            Voxels::I16(_) => "i16",
            Voxels::U32(_) => "u32",
            Voxels::I32(_) => "i32",
            Voxels::F32(_) => "f32",
            Voxels::F64(_) => "f64",
        }
    }

    /// Whether the pixel type is an integer.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        !matches!(self, Voxels::F32(_) | Voxels::F64(_))
    }
}

/// A three-dimensional image.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Grid and place.
    pub geometry: Geometry,
    /// Values, one per voxel of the grid.
    pub voxels: Voxels,
}

/// Why voxels and a grid make no volume.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum VolumeError {
    /// The number of values is not that of the grid.
    #[error("{n_values} values for {n_voxels} voxels ({dims:?})")]
    Length {
        /// Values given.
        n_values: usize,
        /// Voxels of the grid.
        n_voxels: usize,
        /// Dimensions of the grid.
        dims: [usize; 3],
    },
}

impl Volume {
    /// Voxels on a grid.
    ///
    /// # Errors
    /// [`VolumeError::Length`] unless there is one value per voxel.
    pub fn new(geometry: Geometry, voxels: Voxels) -> Result<Volume, VolumeError> {
        let (n_values, n_voxels) = (voxels.len(), geometry.n_voxels());
        if n_values == n_voxels {
            Ok(Volume { geometry, voxels })
        } else {
            Err(VolumeError::Length {
                n_values,
                n_voxels,
                dims: geometry.dims,
            })
        }
    }

    /// The values as doubles, x fastest; exact for every pixel type.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        self.voxels.to_f64()
    }
}
