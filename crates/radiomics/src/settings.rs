//! What an extraction is told to do.

use crate::error::ExtractError;
use crate::selection::Selection;

/// How intensities become grey levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bin {
    /// Bins of a fixed width in the unit of the image, edges at whole multiples of it. PyRadiomics `binWidth`.
    Width(f64),
    /// A fixed number of equal bins between the region's minimum and maximum. PyRadiomics `binCount`.
    Count(usize),
}

/// How a direction's length in mm is measured when the matrices of all directions are weighted and added up.
///
/// d is the length of the step from a voxel to its neighbour: Σ |Δ|, √Σ Δ², max |Δ| with Δ in mm.
/// GLCM weights are exp(−d²), GLRLM weights are d.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightingNorm {
    /// Sum of the absolute components.
    Manhattan,
    /// Square root of the sum of squares.
    Euclidean,
    /// Largest absolute component.
    Infinity,
    /// Every weight is 1: the matrices are added as they are.
    NoWeighting,
}

/// Settings of the feature classes; names follow PyRadiomics' parameter file.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Discretisation; `binWidth` or `binCount`.
    pub bin: Bin,
    /// Distances, in voxels (Chebyshev), between neighbours in GLCM, GLDM and NGTDM; `distances`.
    pub distances: Vec<u32>,
    /// Whether each pair counts in both directions; `symmetricalGLCM`.
    pub symmetrical_glcm: bool,
    /// `None`: GLCM and GLRLM features are means over directions. Otherwise the weighted matrices are added up first;
    /// `weightingNorm`.
    pub weighting_norm: Option<WeightingNorm>,
    /// Whether neighbours, runs and zones stay within slices; `force2D`.
    pub force_2d: bool,
    /// The axis across the slices, 0 for z, 1 for y, 2 for x; `force2Ddimension`. No effect without `force_2d`.
    pub force_2d_dimension: usize,
    /// Largest difference in grey level that still is a dependence; `gldm_a`.
    pub gldm_alpha: u32,
    /// Added to every intensity in Energy, TotalEnergy and RootMeanSquared; `voxelArrayShift`.
    pub voxel_array_shift: f64,
    /// Along how many axes, 1 to 3, the region must be longer than one voxel; `minimumROIDimensions`.
    pub minimum_roi_dimensions: usize,
    /// The region must have *more* voxels than this; `minimumROISize`.
    pub minimum_roi_size: Option<usize>,
    /// Which features are computed; `featureClass`.
    pub features: Selection,
}

impl Settings {
    /// PyRadiomics 3.1.0's own defaults: bin width 25, distance 1, symmetrical GLCM, no weighting, three dimensions, α = 0, no shift,
    /// at least two dimensions, the 107 current features.
    #[must_use]
    pub fn pyradiomics_defaults() -> Settings {
        Settings {
            bin: Bin::Width(25.0),
            distances: vec![1],
            symmetrical_glcm: true,
            weighting_norm: None,
            force_2d: false,
            force_2d_dimension: 0,
            gldm_alpha: 0,
            voxel_array_shift: 0.0,
            minimum_roi_dimensions: 2,
            minimum_roi_size: None,
            features: Selection::pyradiomics_defaults(),
        }
    }

    /// The axis, 0 for x, that neighbours may not leave a slice along.
    pub(crate) fn flat_axis(&self) -> Option<usize> {
        self.force_2d
            .then(|| 2_usize.saturating_sub(self.force_2d_dimension))
    }

    /// Settings that no region can satisfy.
    pub(crate) fn check(&self) -> Result<(), ExtractError> {
        let mut sorted = self.distances.clone();
        sorted.sort_unstable();
        let repeats = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        if repeats || sorted.first().is_none_or(|&least| least == 0) {
            return Err(ExtractError::InvalidDistances {
                distances: self.distances.clone(),
            });
        }
        if self.force_2d && self.force_2d_dimension > 2 {
            return Err(ExtractError::InvalidForce2dDimension {
                dimension: self.force_2d_dimension,
            });
        }
        Ok(())
    }
}
