//! Derived images: what PyRadiomics calls image types.
//!
//! [`derived`] (or [`derived_all`]) says which images there will be and computes nothing; [`Derived::values`] computes one of them,
//! inside a [`Window`] of the image only, and gives there what filtering the whole image would have given:
//!
//! | image type | names | reads outside the window | precision kept |
//! |---|---|---|---|
//! | original | `original` | nothing | exact |
//! | wavelet | `wavelet-LLH` … `wavelet-LLL`, then `wavelet2-LLH` … | the filter's length, around the borders of the image | double |
//! | Laplacian of Gaussian | `log-sigma-1-0-mm-3D` | 27 standard deviations to each side | single, as ITK |
//! | square, square root, logarithm, exponential | `square`, `squareroot`, `logarithm`, `exponential` | the largest magnitude of the image | double |
//! | gradient | `gradient` | one voxel | single, as ITK |
//! | local binary pattern, by slices | `lbp-2D` | the radius | exact; then the image's pixel type |
//! | local binary pattern, on a sphere | `lbp-3D-m1`, `lbp-3D-m2`, `lbp-3D-k` | the radius and 30 voxels | samples in the image's pixel type |
//!
//! What siblings share (the largest magnitude; the passes of a wavelet along all axes but the last; the three maps of one walk
//! over the sphere) is computed by whichever comes first, while the others wait for it, and kept until the last of the siblings is
//! dropped. It is kept for the window that was asked for first; another window is answered without it. So: ask all siblings for the
//! same window and drop each when it is done. Nothing here starts threads, and the bits are the same in any order.

mod block;
mod derived;
mod error;
mod gradient;
mod image_type;
mod laplacian;
mod lbp2d;
mod lbp3d;
mod point;
mod view;
mod wavelet;

pub use derived::{Derived, DerivedImages, derived, derived_all};
pub use error::{FilterError, SkipReason, Skipped};
pub use image_type::{ImageType, Lbp2dMethod, Lbp2dSettings, Lbp3dSettings, WaveletSettings};
pub use view::{ImageView, PixelType, Window};
pub use wavelet::bank::wavelet_names;
