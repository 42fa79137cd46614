//! Radiomic features of one region of one image: PyRadiomics' 107 original features, and the same classes for derived images.
//!
//! | module | what it holds |
//! |---|---|
//! | [`extract`] | image and mask to named features |
//! | [`settings`], [`error`] | what an extraction is told; why there is no value |
//! | [`roi`], [`discretise`] | the cropped region and its grey levels, made once and shared by all classes |
//! | `first_order`, `shape`, `glcm`, `glrlm`, `glszm`, `gldm`, `ngtdm` | one feature class each: symbols, formulas, edges |
//!
//! A value that is undefined is a reason, never NaN. Nothing here reads files, filters images or knows about outcomes.

mod class;
mod correlation;
pub mod discretise;
pub mod error;
pub mod extract;
mod first_order;
mod glcm;
mod gldm;
mod glrlm;
mod glszm;
mod level_size;
mod ngtdm;
pub mod roi;
pub mod settings;
mod shape;
mod sum;

pub use error::{ExtractError, Undefined};
pub use extract::{
    Diagnostics, Extraction, Feature, ImageFeatures, extract, features_of, shape_features_of,
};
pub use roi::CroppedRoi;
pub use settings::{Bin, Settings};
