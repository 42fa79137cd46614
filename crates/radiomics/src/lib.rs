//! Radiomic features of one region of one image: PyRadiomics' 107 original features, and the same classes for derived images.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@extract`] | image and mask to named features |
//! | [`settings`], [`selection`], [`error`] | what an extraction is told; why there is no value |
//! | [`mod@dictionary`] | what each feature is called, measures and is in, with IBSI codes |
//! | [`ibsi`] | how this build stands to the consensus values of the Image Biomarker Standardisation Initiative |
//! | [`roi`], [`discretise`] | the cropped region and its grey levels, made once and shared by all classes |
//! | [`pipeline`] | the whole extraction: preprocessing, derived images, all features |
//! | [`filter`] | derived images: wavelet, Laplacian of Gaussian, local binary patterns and the others |
//! | `first_order`, `shape`, `shape_2d`, `glcm`, `glrlm`, `glszm`, `gldm`, `ngtdm` | one feature class each: symbols, formulas, edges |
//!
//! ```
//! use radiomics::{Settings, extract};
//!
//! let (image, mask) = imaging::phantom::pelvis();
//! let extraction = extract(&image, &mask, &Settings::pyradiomics_defaults())?;
//! assert_eq!(extraction.features.len(), 107);
//! let mean = extraction.features.iter().find(|feature| feature.name == "original_firstorder_Mean");
//! assert!(mean.is_some_and(|feature| feature.value.is_ok()));
//! # Ok::<(), radiomics::ExtractError>(())
//! ```
//!
//! A value that is undefined is a reason, never NaN. Nothing here reads files or knows about outcomes.

mod class;
mod correlation;
pub mod dictionary;
mod directions;
pub mod discretise;
pub mod error;
pub mod extract;
pub mod filter;
mod first_order;
mod glcm;
mod gldm;
mod glrlm;
mod glszm;
pub mod ibsi;
mod level_size;
mod links;
mod ngtdm;
mod pairs;
pub mod pipeline;
pub mod roi;
pub mod selection;
pub mod settings;
mod shape;
mod shape_2d;
mod sum;
mod tally;

pub use dictionary::{Entry, Status, dictionary, entry_of, extended_dictionary};
pub use error::{ExtractError, Undefined};
pub use extract::{
    Diagnostics, Extraction, Feature, ImageFeatures, extract, features_of, selected_shape_features,
    shape_features_of,
};
pub use roi::CroppedRoi;
pub use selection::{FeatureClass, Selection, SelectionError};
pub use settings::{Bin, Settings, WeightingNorm};
