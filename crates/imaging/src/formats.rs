//! Images and regions of interest in whatever format their bytes have; told by content, never by name.

mod bundle;
mod channels;
mod region;

pub use bundle::{Bundle, Choice, is_bundle};
pub use channels::{Channels, read_channels};
pub use region::{RegionError, RegionImage, RegionName, region_bytes};

use crate::counted::Counted;
use crate::dicom::{self, DicomError};
use crate::metaimage::{self, MetaImageError};
use crate::nifti::{self, NiftiError};
use crate::nrrd::{self, NrrdError};
use crate::volume::Volume;
use thiserror::Error;

/// Why bytes are no image.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FormatError {
    /// They begin as none of the formats does.
    #[error(
        "not an image that is read: neither nifti-1 (.nii, .nii.gz), nrrd, metaimage nor dicom; it has {n_bytes} bytes"
    )]
    Unknown {
        /// How many bytes there are.
        n_bytes: usize,
    },
    /// A NIfTI file that does not read.
    #[error(transparent)]
    Nifti(#[from] NiftiError),
    /// A NRRD file that does not read.
    #[error(transparent)]
    Nrrd(#[from] NrrdError),
    /// A MetaImage file that does not read.
    #[error(transparent)]
    MetaImage(#[from] MetaImageError),
    /// A DICOM series that does not read.
    #[error(transparent)]
    Dicom(#[from] DicomError),
    /// Several numbers a voxel where one was expected.
    #[error("{n_channels} channels a voxel where one was expected; choose one by `channel`, 0 to {last}", last = n_channels.saturating_sub(1))]
    Channels {
        /// How many.
        n_channels: usize,
    },
    /// A channel beyond the last.
    #[error("channel {channel} is not there: the image has {}, counted from 0", Counted(*n_channels, "channel"))]
    ChannelAbsent {
        /// The channel asked for, from 0.
        channel: usize,
        /// How many there are.
        n_channels: usize,
    },
    /// A bundle of files that was cut.
    #[error("bundle of files is damaged")]
    Bundle,
}

impl FormatError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            FormatError::Unknown { .. } => "format-unknown",
            FormatError::Nifti(error) => error.code(),
            FormatError::Nrrd(error) => error.code(),
            FormatError::MetaImage(error) => error.code(),
            FormatError::Dicom(error) => error.code(),
            FormatError::Channels { .. } => "several-channels",
            FormatError::ChannelAbsent { .. } => "channel-absent",
            FormatError::Bundle => "bundle-damaged",
        }
    }
}

/// Reads an image.
///
/// # Errors
/// [`FormatError`]: of the format that the first bytes announce.
pub fn read_bytes(bytes: &[u8]) -> Result<Volume, FormatError> {
    if is_bundle(bytes) {
        let bundle = Bundle::decode(bytes).ok_or(FormatError::Bundle)?;
        return match bundle.files[..] {
            [file] if !dicom::is_dicom(file) => read_bytes(file),
            _ => {
                let series = bundle.choice.series.as_deref();
                Ok(dicom::read_series(&bundle.files, series)?.volume)
            }
        };
    }
    if dicom::is_dicom(bytes) {
        Ok(dicom::read_series(&[bytes], None)?.volume)
    } else if nrrd::is_nrrd(bytes) {
        Ok(nrrd::read_bytes(bytes)?)
    } else if metaimage::is_metaimage(bytes) {
        Ok(metaimage::read_bytes(bytes)?)
    } else if nifti::may_be_nifti(bytes) {
        // The name is for messages of files; what reads here has none.
        Ok(nifti::read_bytes(bytes, "")?)
    } else {
        let n_bytes = bytes.len();
        Err(FormatError::Unknown { n_bytes })
    }
}
