//! What an extraction is told to do.

/// How intensities become grey levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bin {
    /// Bins of a fixed width in the unit of the image, edges at whole multiples of it. PyRadiomics `binWidth`.
    Width(f64),
    /// A fixed number of equal bins between the region's minimum and maximum. PyRadiomics `binCount`.
    Count(usize),
}

/// Settings of the feature classes; names follow PyRadiomics' parameter file.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Discretisation; `binWidth` or `binCount`.
    pub bin: Bin,
    /// Distances, in voxels (Chebyshev), between neighbours of the texture classes; `distances`. Only `[1]` is built.
    pub distances: Vec<u32>,
    /// Whether each pair counts in both directions; `symmetricalGLCM`.
    pub symmetrical_glcm: bool,
    /// Largest difference in grey level that still is a dependence; `gldm_a`.
    pub gldm_alpha: u32,
    /// Added to every intensity in Energy, TotalEnergy and RootMeanSquared; `voxelArrayShift`.
    pub voxel_array_shift: f64,
    /// Along how many axes, 1 to 3, the region must be longer than one voxel; `minimumROIDimensions`.
    pub minimum_roi_dimensions: usize,
    /// The region must have *more* voxels than this; `minimumROISize`.
    pub minimum_roi_size: Option<usize>,
}

impl Settings {
    /// PyRadiomics 3.1.0's own defaults: bin width 25, distance 1, symmetrical GLCM, α = 0, no shift, at least two dimensions.
    #[must_use]
    pub fn pyradiomics_defaults() -> Settings {
        Settings {
            bin: Bin::Width(25.0),
            distances: vec![1],
            symmetrical_glcm: true,
            gldm_alpha: 0,
            voxel_array_shift: 0.0,
            minimum_roi_dimensions: 2,
            minimum_roi_size: None,
        }
    }
}
