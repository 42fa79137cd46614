//! Tags of the elements that are read, by the standard's keywords (PS3.6).

/// Group and element.
pub(super) type Tag = (u16, u16);

pub(super) const MEDIA_CLASS: Tag = (0x0002, 0x0002);
pub(super) const TRANSFER_SYNTAX: Tag = (0x0002, 0x0010);
pub(super) const CHARACTER_SET: Tag = (0x0008, 0x0005);
pub(super) const SOP_CLASS: Tag = (0x0008, 0x0016);
pub(super) const MODALITY: Tag = (0x0008, 0x0060);
pub(super) const SLICE_THICKNESS: Tag = (0x0018, 0x0050);
pub(super) const SPACING_BETWEEN_SLICES: Tag = (0x0018, 0x0088);
pub(super) const SERIES_UID: Tag = (0x0020, 0x000e);
pub(super) const IMAGE_POSITION: Tag = (0x0020, 0x0032);
pub(super) const IMAGE_ORIENTATION: Tag = (0x0020, 0x0037);
pub(super) const FRAME_OF_REFERENCE: Tag = (0x0020, 0x0052);
pub(super) const PLANE_POSITION: Tag = (0x0020, 0x9113);
pub(super) const PLANE_ORIENTATION: Tag = (0x0020, 0x9116);
pub(super) const SAMPLES_PER_PIXEL: Tag = (0x0028, 0x0002);
pub(super) const PHOTOMETRIC: Tag = (0x0028, 0x0004);
pub(super) const NUMBER_OF_FRAMES: Tag = (0x0028, 0x0008);
pub(super) const ROWS: Tag = (0x0028, 0x0010);
pub(super) const COLUMNS: Tag = (0x0028, 0x0011);
pub(super) const PIXEL_SPACING: Tag = (0x0028, 0x0030);
pub(super) const BITS_ALLOCATED: Tag = (0x0028, 0x0100);
pub(super) const BITS_STORED: Tag = (0x0028, 0x0101);
pub(super) const HIGH_BIT: Tag = (0x0028, 0x0102);
pub(super) const PIXEL_REPRESENTATION: Tag = (0x0028, 0x0103);
pub(super) const RESCALE_INTERCEPT: Tag = (0x0028, 0x1052);
pub(super) const RESCALE_SLOPE: Tag = (0x0028, 0x1053);
pub(super) const PIXEL_MEASURES: Tag = (0x0028, 0x9110);
pub(super) const PIXEL_TRANSFORMATION: Tag = (0x0028, 0x9145);
pub(super) const STRUCTURE_SET_ROIS: Tag = (0x3006, 0x0020);
pub(super) const ROI_NUMBER: Tag = (0x3006, 0x0022);
pub(super) const ROI_FRAME_OF_REFERENCE: Tag = (0x3006, 0x0024);
pub(super) const ROI_NAME: Tag = (0x3006, 0x0026);
pub(super) const ROI_CONTOURS: Tag = (0x3006, 0x0039);
pub(super) const CONTOURS: Tag = (0x3006, 0x0040);
pub(super) const CONTOUR_TYPE: Tag = (0x3006, 0x0042);
pub(super) const CONTOUR_DATA: Tag = (0x3006, 0x0050);
pub(super) const REFERENCED_ROI: Tag = (0x3006, 0x0084);
pub(super) const SHARED_GROUPS: Tag = (0x5200, 0x9229);
pub(super) const FRAME_GROUPS: Tag = (0x5200, 0x9230);
pub(super) const SEGMENTATION_TYPE: Tag = (0x0062, 0x0001);
pub(super) const SEGMENTS: Tag = (0x0062, 0x0002);
pub(super) const SEGMENT_NUMBER: Tag = (0x0062, 0x0004);
pub(super) const SEGMENT_LABEL: Tag = (0x0062, 0x0005);
pub(super) const SEGMENT_IDENTIFICATION: Tag = (0x0062, 0x000a);
pub(super) const REFERENCED_SEGMENT: Tag = (0x0062, 0x000b);
pub(super) const MAXIMUM_FRACTION: Tag = (0x0062, 0x000e);
pub(super) const PIXEL_DATA: Tag = (0x7fe0, 0x0010);

/// Keyword of a tag; empty if it is none of these.
pub(super) fn keyword(tag: Tag) -> &'static str {
    match tag {
        TRANSFER_SYNTAX => "TransferSyntaxUID",
        SERIES_UID => "SeriesInstanceUID",
        SLICE_THICKNESS => "SliceThickness",
        SPACING_BETWEEN_SLICES => "SpacingBetweenSlices",
        IMAGE_POSITION => "ImagePositionPatient",
        IMAGE_ORIENTATION => "ImageOrientationPatient",
        SAMPLES_PER_PIXEL => "SamplesPerPixel",
        PHOTOMETRIC => "PhotometricInterpretation",
        NUMBER_OF_FRAMES => "NumberOfFrames",
        ROWS => "Rows",
        COLUMNS => "Columns",
        PIXEL_SPACING => "PixelSpacing",
        BITS_ALLOCATED => "BitsAllocated",
        BITS_STORED => "BitsStored",
        HIGH_BIT => "HighBit",
        PIXEL_REPRESENTATION => "PixelRepresentation",
        RESCALE_INTERCEPT => "RescaleIntercept",
        RESCALE_SLOPE => "RescaleSlope",
        STRUCTURE_SET_ROIS => "StructureSetROISequence",
        ROI_NUMBER => "ROINumber",
        ROI_CONTOURS => "ROIContourSequence",
        CONTOUR_DATA => "ContourData",
        REFERENCED_ROI => "ReferencedROINumber",
        SEGMENTATION_TYPE => "SegmentationType",
        SEGMENTS => "SegmentSequence",
        SEGMENT_NUMBER => "SegmentNumber",
        REFERENCED_SEGMENT => "ReferencedSegmentNumber",
        MAXIMUM_FRACTION => "MaximumFractionalValue",
        FRAME_GROUPS => "PerFrameFunctionalGroupsSequence",
        PIXEL_DATA => "PixelData",
        _ => "",
    }
}

/// Whether a whole number is stored in binary (US, UL) and not as text (IS).
pub(super) fn is_binary_integer(tag: Tag) -> bool {
    !matches!(tag, NUMBER_OF_FRAMES | ROI_NUMBER | REFERENCED_ROI)
}
