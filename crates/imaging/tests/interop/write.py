"""Writes one image in every format with other programs, and what they read back from it.

    python write.py FOLDER

Needs SimpleITK, pydicom and highdicom. The Rust side is `tests/interop.rs`: it reads each file and compares voxels and grid
with `expected.txt`, a line a file: name, dims, origin, spacing, direction (LPS), then the voxels.
"""

import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
generator = np.random.default_rng(7)


def image(dtype):
    voxels = generator.integers(0, 250, size=(5, 7, 6)).astype(dtype)
    img = sitk.GetImageFromArray(voxels)
    img.SetSpacing((0.5, 0.75, 4.0))
    img.SetOrigin((10.5, -20.25, 30.125))
    img.SetDirection((0.8, 0.0, -0.6, 0.0, 1.0, 0.0, 0.6, 0.0, 0.8))
    return img


def line(name, img):
    numbers = [*img.GetSize(), *img.GetOrigin(), *img.GetSpacing(), *img.GetDirection()]
    voxels = sitk.GetArrayFromImage(img).ravel()
    return " ".join([name, *(repr(float(v)) for v in numbers), *(repr(float(v)) for v in voxels)])


def series(img, name, compressed=None):
    """A slice a file, with pydicom; compressed ones through its encoders."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

    out = folder / name
    out.mkdir(exist_ok=True)
    uid, study, frame = generate_uid(), generate_uid(), generate_uid()
    direction = np.array(img.GetDirection()).reshape(3, 3)
    voxels = sitk.GetArrayFromImage(img)
    for k, pixels in enumerate(voxels):
        d = Dataset()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        d.SOPInstanceUID = generate_uid()
        d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, uid, frame
        d.Modality, d.PatientName, d.PatientID = "MR", "Nobody^", "p1"
        d.PatientBirthDate = d.PatientSex = d.StudyDate = d.StudyTime = d.AccessionNumber = d.StudyID = ""
        d.InstanceNumber, d.SeriesNumber = len(voxels) - k, 1
        d.ImagePositionPatient = [f"{x:.9g}" for x in img.TransformIndexToPhysicalPoint((0, 0, k))]
        d.ImageOrientationPatient = [*direction[:, 0], *direction[:, 1]]
        d.PixelSpacing = [img.GetSpacing()[1], img.GetSpacing()[0]]
        d.SliceThickness = "1"
        d.Rows, d.Columns = pixels.shape
        d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 0
        d.PixelData = pixels.astype("<u2").tobytes()
        if compressed:
            d.compress(RLELossless)
        d.save_as(out / f"{len(voxels) - k}.dcm", enforce_file_format=True)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(out)))
    return reader.Execute()


def segmentation(folder_of_series, img):
    """A segment as highdicom writes it; expected are its voxels on the series' grid."""
    import highdicom as hd
    import pydicom
    from pydicom.sr.codedict import codes

    files = [pydicom.dcmread(f) for f in (folder / folder_of_series).iterdir()]
    files.sort(key=lambda d: -d.InstanceNumber)
    mask = (sitk.GetArrayFromImage(img) > 120).astype(np.uint8)
    described = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="GTV",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    seg = hd.seg.Segmentation(
        source_images=files,
        pixel_array=mask,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[described],
        series_instance_uid=hd.UID(),
        series_number=2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    seg.save_as(folder / "segment.dcm")
    expected = sitk.GetImageFromArray(mask)
    expected.CopyInformation(img)
    return expected


lines = []
for dtype in ["uint8", "int16", "uint16", "int32", "float32", "float64"]:
    for extension in ["nrrd", "mha", "mhd", "nii.gz"]:
        for compress in [False, True]:
            name = f"{dtype}_{'z' if compress else 'r'}.{extension}"
            sitk.WriteImage(image(dtype), str(folder / name), compress)
            lines.append(line(name, sitk.ReadImage(str(folder / name))))
# Headers that do not say where the image lies.
plain = sitk.GetImageFromArray(sitk.GetArrayFromImage(image("int16")))
plain.SetSpacing((0.5, 0.75, 4.0))
sitk.WriteImage(plain, str(folder / "unplaced.nii"))
header = bytearray((folder / "unplaced.nii").read_bytes())
header[252:256] = bytes(4)
(folder / "unplaced.nii").write_bytes(header)
pixels = sitk.GetArrayFromImage(plain).tobytes()
(folder / "unplaced.nrrd").write_bytes(
    b"NRRD0004\ntype: short\ndimension: 3\nsizes: 6 7 5\nspacings: 0.5 0.75 4\nendian: little\nencoding: raw\n\n" + pixels
)
(folder / "unplaced.mha").write_bytes(
    b"ObjectType = Image\nNDims = 3\nDimSize = 6 7 5\nElementSpacing = 0.5 0.75 4\nElementType = MET_SHORT\n"
    b"ElementDataFile = LOCAL\n" + pixels
)
for name in ["unplaced.nii", "unplaced.nrrd", "unplaced.mha"]:
    lines.append(line(name, sitk.ReadImage(str(folder / name))))
source = image("uint16")
lines.append(line("series", series(source, "series")))
lines.append(line("series_rle", series(source, "series_rle", compressed=True)))
lines.append(line("segment.dcm", segmentation("series", source)))
(folder / "expected.txt").write_text("\n".join(lines) + "\n")
