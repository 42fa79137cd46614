//! What a reader notices about a file that it reads all the same.

use std::fmt;

/// Something noticed about a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Note {
    /// Neither sform nor qform: the affine is made of the voxel sizes, orientation and origin are unknown.
    NoOrientation,
    /// A voxel size was negative; its absolute value is used.
    NegativeVoxelSize {
        /// Axis, 0 to 2.
        axis: usize,
        /// The size in the header, mm.
        mm: f64,
    },
    /// sform and qform place the image differently; the sform is used.
    FormsDisagree {
        /// Largest distance between the two places of one voxel, mm.
        distance_mm: f64,
    },
    /// The sform's voxel size is not the stored one; the sform's is used.
    SpacingsDisagree {
        /// Axis, 0 to 2.
        axis: usize,
        /// Length of the sform's column, mm.
        sform_mm: f64,
        /// The stored voxel size, mm.
        stored_mm: f64,
    },
    /// Lengths were not in millimetres.
    Units {
        /// Millimetres per unit of the file.
        mm_per_unit: f64,
    },
    /// Stored values were scaled.
    Scaled {
        /// Slope.
        slope: f64,
        /// Intercept.
        intercept: f64,
    },
    /// 64-bit integers were read as 32-bit ones; all of them fit.
    SixtyFourBit,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::NoOrientation => write!(
                f,
                "no sform and no qform: orientation and origin are unknown"
            ),
            Note::NegativeVoxelSize { axis, mm } => {
                write!(
                    f,
                    "voxel size {mm} mm along axis {axis} taken without its sign"
                )
            }
            Note::FormsDisagree { distance_mm } => {
                write!(
                    f,
                    "sform and qform place voxels up to {distance_mm} mm apart, sform used"
                )
            }
            Note::SpacingsDisagree {
                axis,
                sform_mm,
                stored_mm,
            } => {
                write!(
                    f,
                    "voxel size along axis {axis} is {sform_mm} mm in the sform and {stored_mm} mm stored, sform used"
                )
            }
            Note::Units { mm_per_unit } => {
                write!(f, "lengths multiplied by {mm_per_unit} to be millimetres")
            }
            Note::Scaled { slope, intercept } => {
                write!(f, "stored values multiplied by {slope}, plus {intercept}")
            }
            Note::SixtyFourBit => write!(f, "64-bit integers read as 32-bit ones"),
        }
    }
}
