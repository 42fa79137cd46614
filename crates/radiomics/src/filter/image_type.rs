//! Image types and their settings.

/// One kind of derived image; settings follow PyRadiomics' parameter file.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageType {
    /// The image itself.
    Original,
    /// Stationary wavelet transform: eight images per level, of which the approximation of the last level only.
    Wavelet(WaveletSettings),
    /// Laplacian of Gaussian, one image per standard deviation.
    LaplacianOfGaussian {
        /// Standard deviations, mm; `sigma`.
        sigma_mm: Vec<f64>,
    },
    /// x² / max |x|.
    Square,
    /// sign(x)·√(|x| · max |x|).
    SquareRoot,
    /// sign(x)·log(|x| + 1), scaled to max |x|.
    Logarithm,
    /// exp(x · log(max |x|) / max |x|).
    Exponential,
    /// Magnitude of the gradient.
    Gradient {
        /// Per mm rather than per voxel; `gradientUseSpacing`.
        use_spacing: bool,
    },
    /// Local binary pattern of every slice.
    Lbp2d(Lbp2dSettings),
    /// Local binary pattern on a sphere: one map per level of spherical harmonics and the kurtosis.
    Lbp3d(Lbp3dSettings),
}

/// Settings of the wavelet transform.
#[derive(Debug, Clone, PartialEq)]
pub struct WaveletSettings {
    /// Name as in PyWavelets, such as `coif1`; see [`super::wavelet_names`]. `wavelet`.
    pub wavelet: String,
    /// Levels that are computed and not given; `start_level`.
    pub start_level: usize,
    /// Levels that are given, at least 1; `level`.
    pub level: usize,
    /// Axis (0 for x, 1 for y, 2 for z) that is not transformed: 2 − `force2Ddimension` under `force2D`. Names have two letters then.
    pub skip_axis: Option<usize>,
}

impl WaveletSettings {
    /// `coif1`, one level, all axes.
    #[must_use]
    pub fn pyradiomics_defaults() -> WaveletSettings {
        WaveletSettings {
            wavelet: "coif1".to_owned(),
            start_level: 0,
            level: 1,
            skip_axis: None,
        }
    }
}

/// What a pattern of bits on the circle becomes; names as scikit-image's `method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lbp2dMethod {
    /// The bits as a number.
    Default,
    /// The least number that a rotation of the bits gives.
    Ror,
    /// Number of ones if there are at most two changes between neighbours (not counted around the end), else P + 1.
    Uniform,
    /// As uniform, and rotations kept apart.
    NriUniform,
    /// The variance of the samples: no pattern.
    Var,
}

/// Settings of the local binary pattern by slices.
#[derive(Debug, Clone, PartialEq)]
pub struct Lbp2dSettings {
    /// Radius of the circle, voxels; `lbp2DRadius`.
    pub radius_voxels: f64,
    /// Samples on the circle, at most 31; `lbp2DSamples`.
    pub n_samples: usize,
    /// What the bits become; `lbp2DMethod`.
    pub method: Lbp2dMethod,
    /// Axis across the slices (0 for x, 1 for y, 2 for z): 2 − `force2Ddimension`.
    pub slice_axis: usize,
}

impl Lbp2dSettings {
    /// Eight samples at one voxel, uniform, slices across z. (PyRadiomics' documents say nine samples, its program eight.)
    #[must_use]
    pub fn pyradiomics_defaults() -> Lbp2dSettings {
        Lbp2dSettings {
            radius_voxels: 1.0,
            n_samples: 8,
            method: Lbp2dMethod::Uniform,
            slice_axis: 2,
        }
    }
}

/// Settings of the local binary pattern on a sphere.
#[derive(Debug, Clone, PartialEq)]
pub struct Lbp3dSettings {
    /// Levels of spherical harmonics, at least 1; `lbp3DLevels`.
    pub n_levels: usize,
    /// Radius of the sphere, voxels; `lbp3DIcosphereRadius`.
    pub radius_voxels: f64,
    /// How often the faces of the icosahedron are divided by four; `lbp3DIcosphereSubdivision`.
    pub n_subdivisions: usize,
}

impl Lbp3dSettings {
    /// Two levels, a sphere of 42 points at one voxel.
    #[must_use]
    pub fn pyradiomics_defaults() -> Lbp3dSettings {
        Lbp3dSettings {
            n_levels: 2,
            radius_voxels: 1.0,
            n_subdivisions: 1,
        }
    }
}
