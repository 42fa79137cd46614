//! Why there is no derived image.

use thiserror::Error;

/// Why a filter gives no image.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FilterError {
    /// The image has not one value per voxel, or no voxel.
    #[error("{n_values} values for an image of {dims:?} voxels, must be one per voxel")]
    Length {
        /// Values given.
        n_values: usize,
        /// Voxels along x, y, z.
        dims: [usize; 3],
    },
    /// A spacing that is not a positive number.
    #[error("voxel spacing {spacing_mm:?} mm, must be positive and finite")]
    Spacing {
        /// Spacing along x, y, z.
        spacing_mm: [f64; 3],
    },
    /// The window is empty or reaches out of the image.
    #[error("window of {size:?} voxels at {lower:?} is not inside an image of {dims:?} voxels")]
    WindowOutside {
        /// First voxel of the window.
        lower: [usize; 3],
        /// Voxels of the window.
        size: [usize; 3],
        /// Voxels of the image.
        dims: [usize; 3],
    },
    /// The mask has not one value per voxel of the window.
    #[error("{n_values} mask values for a window of {size:?} voxels, must be one per voxel")]
    MaskLength {
        /// Values given.
        n_values: usize,
        /// Voxels of the window.
        size: [usize; 3],
    },
    /// The derived image is asked for on another grid than it was declared for.
    #[error(
        "image has {dims:?} voxels of {spacing_mm:?} mm, the derived image was declared for another grid"
    )]
    OtherImage {
        /// Voxels along x, y, z of the image given.
        dims: [usize; 3],
        /// Its spacing.
        spacing_mm: [f64; 3],
    },
    /// A voxel of the image (for a filter that reads all of it) or of the derived image in the region is infinite or not a number.
    #[error("voxel {voxel:?} is not finite")]
    NotFinite {
        /// Index x, y, z.
        voxel: [usize; 3],
    },
    /// A filter that divides by the image's largest magnitude met an image of zeros.
    #[error("every voxel of the image is 0, which {filter} cannot be scaled to")]
    AllZero {
        /// Name of the derived image.
        filter: &'static str,
    },
    /// No such wavelet.
    #[error("no wavelet is called {name:?}, the nearest name is {nearest:?}")]
    UnknownWavelet {
        /// The name asked for.
        name: String,
        /// The name that differs least from it.
        nearest: String,
    },
    /// A setting outside its range.
    #[error("{setting} is {value}, must be {must_be}")]
    Setting {
        /// PyRadiomics' name of the setting.
        setting: &'static str,
        /// The value given.
        value: f64,
        /// The range.
        must_be: &'static str,
    },
    /// The kurtosis of equal samples.
    #[error(
        "all samples on the sphere around voxel {voxel:?} are equal, so their kurtosis is undefined"
    )]
    FlatSphere {
        /// Index x, y, z.
        voxel: [usize; 3],
    },
    /// The variance of equal samples.
    #[error(
        "all samples on the circle around voxel {voxel:?} are equal, so the pattern cannot be divided by their variance"
    )]
    FlatCircle {
        /// Index x, y, z.
        voxel: [usize; 3],
    },
}

/// An image that the settings ask for and that does not exist for this image; PyRadiomics writes a warning and goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Skipped {
    /// The name the derived image would have had.
    pub name: String,
    /// Why there is none.
    pub reason: SkipReason,
}

/// Why an image is left out.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum SkipReason {
    /// The Gaussian is too wide for the image.
    #[error(
        "sigma {sigma_mm} mm needs {needed} voxels along axis {axis}, the image has {n_voxels}"
    )]
    ImageTooSmall {
        /// Standard deviation, mm.
        sigma_mm: f64,
        /// 0 for x, 1 for y, 2 for z.
        axis: usize,
        /// max(⌈σ / spacing⌉ + 1, 4).
        needed: usize,
        /// What there is.
        n_voxels: usize,
    },
    /// A standard deviation that is not a positive number.
    #[error("sigma is {sigma_mm} mm, must be positive and finite")]
    SigmaNotPositive {
        /// The value given.
        sigma_mm: f64,
    },
}
