//! The image a filter reads and the part of it that is wanted.

use super::error::FilterError;

/// Type of the voxels of the image before they became doubles.
///
/// PyRadiomics writes some derived values back into an array of this type, which rounds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelType {
    /// 8 bits, unsigned.
    U8,
    /// 8 bits, signed.
    I8,
    /// 16 bits, unsigned.
    U16,
    /// 16 bits, signed.
    I16,
    /// 32 bits, unsigned.
    U32,
    /// 32 bits, signed.
    I32,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl PixelType {
    /// Smallest and largest value, for integers.
    pub(crate) fn integer_range(self) -> Option<(f64, f64)> {
        match self {
            PixelType::U8 => Some((0.0, f64::from(u8::MAX))),
            PixelType::I8 => Some((f64::from(i8::MIN), f64::from(i8::MAX))),
            PixelType::U16 => Some((0.0, f64::from(u16::MAX))),
            PixelType::I16 => Some((f64::from(i16::MIN), f64::from(i16::MAX))),
            PixelType::U32 => Some((0.0, f64::from(u32::MAX))),
            PixelType::I32 => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
            PixelType::F32 | PixelType::F64 => None,
        }
    }
}

impl From<&imaging::Voxels> for PixelType {
    fn from(voxels: &imaging::Voxels) -> PixelType {
        match voxels {
            imaging::Voxels::U8(_) => PixelType::U8,
            imaging::Voxels::I8(_) => PixelType::I8,
            imaging::Voxels::U16(_) => PixelType::U16,
            imaging::Voxels::I16(_) => PixelType::I16,
            imaging::Voxels::U32(_) => PixelType::U32,
            imaging::Voxels::I32(_) => PixelType::I32,
            imaging::Voxels::F32(_) => PixelType::F32,
            imaging::Voxels::F64(_) => PixelType::F64,
        }
    }
}

/// A whole image in double precision.
#[derive(Debug, Clone, Copy)]
pub struct ImageView<'a> {
    /// One value per voxel, x fastest.
    pub values: &'a [f64],
    /// Voxels along x, y, z.
    pub dims: [usize; 3],
    /// Distance between neighbouring voxels along x, y, z, mm.
    pub spacing_mm: [f64; 3],
    /// What the voxels were before they became doubles.
    pub pixel: PixelType,
}

impl ImageView<'_> {
    pub(crate) fn check(&self) -> Result<(), FilterError> {
        let n_voxels = product(self.dims);
        if n_voxels != Some(self.values.len()) || self.values.is_empty() {
            return Err(FilterError::Length {
                n_values: self.values.len(),
                dims: self.dims,
            });
        }
        if self
            .spacing_mm
            .iter()
            .all(|&spacing| spacing.is_finite() && spacing > 0.0)
        {
            Ok(())
        } else {
            Err(FilterError::Spacing {
                spacing_mm: self.spacing_mm,
            })
        }
    }

    /// The row of x values at (y, z).
    pub(crate) fn row(&self, y: usize, z: usize) -> &[f64] {
        let start = self.dims[0] * (y + self.dims[1] * z);
        &self.values[start..start + self.dims[0]]
    }
}

/// A box of voxels inside an image: usually the bounding box of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First voxel along x, y, z.
    pub lower: [usize; 3],
    /// Voxels along x, y, z.
    pub size: [usize; 3],
}

impl Window {
    /// All of an image.
    #[must_use]
    pub fn whole(dims: [usize; 3]) -> Window {
        Window {
            lower: [0; 3],
            size: dims,
        }
    }

    /// Voxels of a window that was checked.
    pub(crate) fn n_voxels(&self) -> usize {
        self.size[0] * self.size[1] * self.size[2]
    }

    /// Index in the image of a position in the window.
    pub(crate) fn voxel(&self, at: usize) -> [usize; 3] {
        let [nx, ny, _] = self.size;
        [
            self.lower[0] + at % nx,
            self.lower[1] + at / nx % ny,
            self.lower[2] + at / nx / ny,
        ]
    }

    pub(crate) fn check(&self, dims: [usize; 3], inside: &[bool]) -> Result<(), FilterError> {
        let fits = (0..3).all(|axis| {
            self.size[axis] > 0
                && self.lower[axis]
                    .checked_add(self.size[axis])
                    .is_some_and(|end| end <= dims[axis])
        });
        if !fits {
            return Err(FilterError::WindowOutside {
                lower: self.lower,
                size: self.size,
                dims,
            });
        }
        if inside.len() == self.n_voxels() {
            Ok(())
        } else {
            Err(FilterError::MaskLength {
                n_values: inside.len(),
                size: self.size,
            })
        }
    }
}

fn product(dims: [usize; 3]) -> Option<usize> {
    dims[0].checked_mul(dims[1])?.checked_mul(dims[2])
}
