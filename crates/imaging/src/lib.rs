//! Images in patient space: volumes, masks, the NIfTI files they come from, and what is done to them
//! before a feature is measured.
//!
//! | module | what it holds |
//! |---|---|
//! | [`geometry`] | dimensions and the affine from voxel index to RAS+ millimetres |
//! | [`volume`] | voxels in file order, in the pixel type of the file |
//! | [`mask`] | a region of interest: one label chosen from a label image, checked against its image |
//! | [`nifti`], [`nrrd`], [`metaimage`], [`dicom`] | each the only module that knows its file format and its axis conventions |
//! | [`formats`] | images and regions in any of them, told by content |
//! | [`content`] | why stored numbers make no voxels, whatever the format |
//! | [`canonical`] | the bytes that are an image's identity |
//! | [`edt`], [`components`], [`body`] | distance transform, connected components, Otsu threshold and body mask |
//! | [`normalise`], [`resample`], [`crop`] | z-score, another voxel spacing, a box of an image |
//! | [`roi`] | the peritumoural ring |
//! | [`agreement`] | overlap and distance of two delineations |
//! | [`relocate`] | a region moved elsewhere in the body, as a control |
//! | [`n4`] | bias-field correction |
//! | [`doctor`] | what is wrong with an image, a delineation or both, and the safe repair |
//! | [`overlay`] | a picture of a region on its image |
//! | [`phantom`] | images defined by integer formulas, for tests and demonstrations |
//!
//! Inside this crate and all that depend on it, voxels are indexed `[x, y, z]` in the order of the file (x fastest),
//! lengths are millimetres and world coordinates are RAS+. Nothing here knows about patients' outcomes, and nothing
//! is serialised other than images.

pub mod agreement;
pub mod body;
pub mod canonical;
pub mod components;
pub mod content;
mod counted;
pub mod crop;
pub mod dicom;
pub mod doctor;
pub mod edt;
pub mod formats;
pub mod geometry;
pub mod mask;
pub mod metaimage;
pub mod n4;
pub mod nifti;
pub mod normalise;
pub mod nrrd;
pub mod overlay;
pub mod phantom;
pub mod relocate;
pub mod resample;
pub mod roi;
pub mod volume;
mod world;

pub use geometry::{Geometry, GeometryError};
pub use mask::Mask;
pub use volume::{Volume, VolumeError, Voxels};
