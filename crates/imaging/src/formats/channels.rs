//! Images of several numbers a voxel: masks with a region in each channel, since regions may overlap.

use super::{Bundle, FormatError, is_bundle};
use crate::geometry::Geometry;
use crate::volume::{Volume, Voxels};
use crate::{dicom, metaimage, nifti, nrrd};

/// The channels of an image; most images have one.
#[derive(Debug, Clone, PartialEq)]
pub struct Channels {
    /// The grid.
    pub geometry: Geometry,
    /// The voxels of one channel after the other.
    pub voxels: Vec<Voxels>,
}

impl Channels {
    /// One channel, counted from 0; none named is the only one.
    ///
    /// # Errors
    /// [`FormatError::Channels`] where one must be chosen, [`FormatError::ChannelAbsent`].
    pub fn choose(mut self, channel: Option<usize>) -> Result<Volume, FormatError> {
        let n_channels = self.voxels.len();
        let channel = match channel {
            None if n_channels > 1 => return Err(FormatError::Channels { n_channels }),
            None => 0,
            Some(channel) => channel,
        };
        if channel >= n_channels {
            return Err(FormatError::ChannelAbsent {
                channel,
                n_channels,
            });
        }
        let voxels = self.voxels.swap_remove(channel);
        Ok(Volume {
            geometry: self.geometry,
            voxels,
        })
    }
}

/// Reads an image with all its channels: NRRD with an axis of kind `vector` or `list` (the layers of a segmentation), MetaImage with
/// `ElementNumberOfChannels`, NIfTI whose fifth axis counts under the intent `NIFTI_INTENT_VECTOR`. All others have one.
///
/// # Errors
/// [`FormatError`]: of the format that the first bytes announce.
///
/// # Agrees with
/// SimpleITK 2.5.7 `ReadImage` and `VectorIndexSelectionCast` on images of vectors that it wrote in these formats, tests/channels.rs.
pub fn read_channels(bytes: &[u8]) -> Result<Channels, FormatError> {
    if is_bundle(bytes) {
        let bundle = Bundle::decode(bytes).ok_or(FormatError::Bundle)?;
        if let [file] = bundle.files[..]
            && !dicom::is_dicom(file)
        {
            return read_channels(file);
        }
    }
    let (geometry, voxels) = if nrrd::is_nrrd(bytes) {
        nrrd::read_channels(bytes)?
    } else if metaimage::is_metaimage(bytes) {
        metaimage::read_channels(bytes)?
    } else if !is_bundle(bytes) && !dicom::is_dicom(bytes) && nifti::may_be_nifti(bytes) {
        nifti::read_channels(bytes)?
    } else {
        let Volume { geometry, voxels } = super::read_bytes(bytes)?;
        (geometry, vec![voxels])
    };
    Ok(Channels { geometry, voxels })
}
