//! Volumes and masks as artefacts: canonical NIfTI, a mask being 8 bits with 1 inside and 0 outside. By hand they may be in
//! any format that is read.

use bytes::Bytes;
use imaging::doctor::mask_is_image;
use imaging::mask::LabelChoice;
use imaging::{Mask, Volume, canonical, formats};

use crate::step::{Inputs, StepError};

/// The label of a region in a mask that a step wrote.
pub(super) const INSIDE: i32 = 1;

/// The volume in these bytes.
pub(super) fn volume(bytes: &[u8]) -> Result<Volume, StepError> {
    formats::read_bytes(bytes).map_err(|e| StepError::refuse(e.code(), e.to_string()))
}

/// The region in these bytes.
pub(super) fn mask(bytes: &[u8], label: i32) -> Result<Mask, StepError> {
    mask_on(None, bytes, label)
}

/// The region in these bytes, which must not be an image itself: by hand the two are swapped easily.
pub(super) fn mask_on(image: Option<&Volume>, bytes: &[u8], label: i32) -> Result<Mask, StepError> {
    let labels = volume(bytes)?;
    if let Some(image) = image {
        no_image(image, &labels)?;
    }
    Mask::from_volume(&labels, LabelChoice::Value(label))
        .map_err(|e| StepError::refuse(e.code(), e.to_string()))
}

/// As [`mask_on`], in one channel of a mask of several; a mask of one has no other. Also says whether there were several.
pub(super) fn mask_in_channel(
    image: &Volume,
    bytes: &[u8],
    label: i32,
    channel: usize,
) -> Result<(Mask, bool), StepError> {
    let refuse = |e: formats::FormatError| StepError::refuse(e.code(), e.to_string());
    let channels = formats::read_channels(bytes).map_err(refuse)?;
    let several = channels.voxels.len() > 1;
    let labels = channels
        .choose(several.then_some(channel))
        .map_err(refuse)?;
    no_image(image, &labels)?;
    let mask = Mask::from_volume(&labels, LabelChoice::Value(label)).map_err(|e| {
        let hint = match e.code() {
            "label-absent" if label != INSIDE => {
                "; masks that a step wrote have label 1: say the region's in `import-mask` and `label = 1` here"
            }
            _ => "",
        };
        StepError::refuse(e.code(), format!("{e}{hint}"))
    })?;
    Ok((mask, several))
}

/// Refuses an image in the place of a mask.
pub(super) fn no_image(image: &Volume, labels: &Volume) -> Result<(), StepError> {
    match mask_is_image(image, labels) {
        None => Ok(()),
        Some(finding) => {
            let message = format!("{finding}; {}", finding.advice());
            Err(StepError::refuse(finding.code().as_str(), message))
        }
    }
}

/// The region at a port that may be unconnected.
pub(super) fn optional_mask(
    inputs: &Inputs,
    port: &'static str,
) -> Result<Option<Mask>, StepError> {
    inputs
        .optional(port)?
        .map(|bytes| mask(bytes, INSIDE))
        .transpose()
}

/// The volume at a port that may be unconnected.
pub(super) fn optional_volume(
    inputs: &Inputs,
    port: &'static str,
) -> Result<Option<Volume>, StepError> {
    inputs
        .optional(port)?
        .map(|bytes| volume(bytes))
        .transpose()
}

/// The bytes of a file of the cohort, unless they stand for a file that is not there.
pub(super) fn source<'a>(inputs: &'a Inputs, port: &'static str) -> Result<&'a Bytes, StepError> {
    let bytes = inputs.one(port)?;
    if crate::cohort::is_missing(bytes) {
        return Err(StepError::refuse(
            "file-missing",
            format!("the file of `{port}` that the cohort names is not there or cannot be read"),
        ));
    }
    Ok(bytes)
}

/// The bytes of a volume.
pub(super) fn encode(volume: &Volume) -> Vec<u8> {
    canonical::canonical_bytes(volume)
}

/// The bytes of a region.
pub(super) fn encode_mask(mask: &Mask) -> Vec<u8> {
    encode(&mask.to_volume())
}
