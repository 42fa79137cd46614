//! DICOM series written by another library and read by ours.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "dicom/writer.rs"]
mod writer;

use dicom_core::value::PrimitiveValue;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use imaging::dicom::{DicomError, Series, read_series};
use imaging::{Volume, Voxels};
use writer::*;

const PLAIN: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;

fn read(files: &[Vec<u8>]) -> Result<Series, DicomError> {
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    read_series(&files, None)
}

#[track_caller]
fn refused(files: &[Vec<u8>], code: &str) -> DicomError {
    let error = read(files).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(!error.to_string().contains("Miller"), "{error}");
    error
}

/// A stack of these slices, each changed.
fn stack(slices: &[u16], change: impl Fn(u16, &mut Object)) -> Vec<Vec<u8>> {
    let one = |&k: &u16| {
        let mut object = slice(k);
        change(k, &mut object);
        file(object, PLAIN)
    };
    slices.iter().map(one).collect()
}

fn plain(slices: &[u16]) -> Vec<Vec<u8>> {
    stack(slices, |_, _| {})
}

fn with(tag: Tag, vr: VR, value: impl Into<PrimitiveValue> + Clone) -> Vec<Vec<u8>> {
    stack(&[0, 1], |_, o| put(o, tag, vr, value.clone()))
}

#[track_caller]
fn check_affine(volume: &Volume) {
    let expected = [
        [-0.4, 0.0, 2.4, -10.0],
        [0.0, -0.75, 0.0, 20.0],
        [0.3, 0.0, 3.2, 30.0],
    ];
    let found = volume.geometry.affine;
    for (found, expected) in found.as_flattened().iter().zip(expected.as_flattened()) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn slices_are_ordered_by_place_in_every_way_of_writing() {
    let numbers: Vec<u16> = (0..3)
        .flat_map(|k| (0..6).map(move |i| 100 * k + i))
        .collect();
    for syntax in [
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        "1.2.840.10008.1.2.2",
    ] {
        let files: Vec<Vec<u8>> = [2, 0, 1].map(|k| file(slice(k), syntax)).to_vec();
        let series = read(&files).unwrap();
        assert_eq!(
            series.volume.voxels,
            Voxels::U16(numbers.clone()),
            "{syntax}"
        );
        assert_eq!(series.volume.geometry.dims, [3, 2, 3]);
        check_affine(&series.volume);
        assert_eq!(series.series_uid, "1.2.840.1");
        assert_eq!(series.frame_of_reference.as_deref(), Some("1.2.840.9"));
    }
}

#[test]
fn stored_bits_and_signs_are_kept_apart_from_what_else_is_in_a_word() {
    // 12 of 16 bits, signed: 0x0fff is -1 whatever the other bits are.
    let files = stack(&[0, 1], |_, o| {
        pixels(o, 16, 12, 1);
        let numbers: Vec<u16> = vec![0x0fff, 0xffff, 0x0800, 0x07ff, 0, 1];
        put(
            o,
            tags::PIXEL_DATA,
            VR::OW,
            PrimitiveValue::U16(numbers.into()),
        );
    });
    let expected = [-1, -1, -2048, 2047, 0, 1].repeat(2);
    assert_eq!(read(&files).unwrap().volume.voxels, Voxels::I16(expected));
    let files = stack(&[0, 1], |_, o| {
        pixels(o, 8, 8, 0);
        put(
            o,
            tags::PIXEL_DATA,
            VR::OB,
            PrimitiveValue::U8([1, 2, 3, 4, 5, 255].as_slice().into()),
        );
    });
    let expected = [1, 2, 3, 4, 5, 255].repeat(2);
    assert_eq!(read(&files).unwrap().volume.voxels, Voxels::U8(expected));
}

#[test]
fn slope_and_intercept_are_each_slice_s_own() {
    let rescaled = |slope: fn(u16) -> &'static str, intercept: &'static str| {
        let files = stack(&[0, 1], |k, o| {
            put(o, tags::RESCALE_SLOPE, VR::DS, slope(k));
            put(o, tags::RESCALE_INTERCEPT, VR::DS, intercept);
        });
        read(&files).unwrap().volume.voxels
    };
    let whole: Vec<i32> = (0..6).chain(100..106).map(|v| v - 1024).collect();
    assert_eq!(rescaled(|_| "1", "-1024"), Voxels::I32(whole));
    let each: Vec<f32> = (0..6)
        .map(|v| v as f32 * 0.5 + 3.0)
        .chain((100..106).map(|v| v as f32 * 0.25 + 3.0))
        .collect();
    assert_eq!(
        rescaled(|k| if k == 0 { "0.5" } else { "0.25" }, "3"),
        Voxels::F32(each)
    );
    assert!(matches!(rescaled(|_| "1", "0"), Voxels::U16(_)));
    // How values are shown is no part of them.
    let shown = with(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
    assert_eq!(
        read(&shown).unwrap().volume,
        read(&plain(&[0, 1])).unwrap().volume
    );
}

#[test]
fn run_lengths_are_unpacked() {
    let files = stack(&[0, 1], |k, o| {
        let low: Vec<u8> = (0..6).map(|i| (100 * k + i) as u8).collect();
        let high: Vec<u8> = vec![255 - 4, 0, 0, 0]; // six zeros: one run of five, one literal
        let high: Vec<u8> = [&high[..2], &[0, 0]].concat();
        let low = [&[5], &low[..], &[128]].concat();
        let mut table = [0_u32; 16];
        (table[0], table[1], table[2]) = (2, 64, 64 + high.len() as u32);
        let mut frame: Vec<u8> = table.iter().flat_map(|n| n.to_le_bytes()).collect();
        frame.extend(high);
        frame.extend(low);
        encapsulated(o, vec![frame]);
    });
    let run = |object_bytes: &[Vec<u8>]| -> Vec<Vec<u8>> {
        // The syntax stands in the file's first group as text of fixed length.
        let from = b"1.2.840.10008.1.2.1\0";
        object_bytes
            .iter()
            .map(|bytes| {
                let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
                let mut bytes = bytes.clone();
                bytes[at..at + from.len()].copy_from_slice(b"1.2.840.10008.1.2.5\0");
                bytes
            })
            .collect()
    };
    let found = read(&run(&files)).unwrap();
    assert_eq!(found.volume, read(&plain(&[0, 1])).unwrap().volume);
    let cut = stack(&[0, 1], |_, o| encapsulated(o, vec![vec![0; 70]]));
    refused(&run(&cut), "frame-damaged");
}

#[test]
fn a_single_slice_takes_its_thickness_and_several_do_not() {
    let one = read(&plain(&[1])).unwrap().volume;
    assert_eq!(one.geometry.dims, [3, 2, 1]);
    assert!((one.geometry.spacing_mm()[2] - 3.0).abs() < 1e-12);
    let two = read(&plain(&[1, 2])).unwrap().volume;
    assert!((two.geometry.spacing_mm()[2] - 4.0).abs() < 1e-12);
}

#[test]
fn stacks_with_holes_doubles_and_slants_are_refused() {
    let error = refused(&plain(&[0, 1, 3, 4, 6]), "missing-slices");
    // The origin's height along the normal is 18 mm.
    assert!(
        error
            .to_string()
            .starts_with("2 slices are missing, at 26, 38 mm"),
        "{error}"
    );
    let error = refused(&plain(&[0, 1, 1, 2]), "duplicate-position");
    assert!(
        matches!(error, DicomError::DuplicatePosition { n_slices: 2, .. }),
        "{error}"
    );
    let uneven = stack(&[0, 1, 2, 3], |k, o| {
        let k = if k == 2 { 2.4 } else { f64::from(k) };
        put(
            o,
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            decimals(&position(k)),
        );
    });
    refused(&uneven, "uneven-slices");
    let tilted = stack(&[0, 1, 2], |k, o| {
        let mut place = position(f64::from(k));
        place[1] += f64::from(k);
        put(o, tags::IMAGE_POSITION_PATIENT, VR::DS, decimals(&place));
    });
    refused(&tilted, "slices-sheared");
    let turned = stack(&[0, 1, 2], |k, o| {
        if k == 2 {
            put(
                o,
                tags::IMAGE_ORIENTATION_PATIENT,
                VR::DS,
                "0.8\\0.6\\0\\-0.6\\0.8\\0",
            );
        }
    });
    let error = refused(&turned, "slices-differ");
    assert!(error.to_string().contains("orientation"), "{error}");
}

#[test]
fn several_series_are_listed_and_chosen_by_identifier() {
    let files = stack(&[0, 1, 2, 3, 4], |k, o| {
        if k > 2 {
            put(o, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.840.2");
        }
    });
    let error = refused(&files, "several-series");
    let text = error.to_string();
    assert!(
        text.contains("MR of 3 images, MR of 2 images") && !text.contains("1.2.840"),
        "{text}"
    );
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let chosen = read_series(&files, Some("1.2.840.2")).unwrap();
    assert_eq!(chosen.volume.geometry.dims, [3, 2, 2]);
    let error = read_series(&files, Some("1.2.840.3")).unwrap_err();
    assert_eq!(error.code(), "series-absent");
    refused(&[], "no-image");
}

#[test]
fn an_enhanced_file_is_a_stack_of_its_frames() {
    let mut object = slice(0);
    let o = &mut object;
    for tag in [
        tags::IMAGE_POSITION_PATIENT,
        tags::IMAGE_ORIENTATION_PATIENT,
        tags::PIXEL_SPACING,
        tags::SLICE_THICKNESS,
    ] {
        o.remove_element(tag);
    }
    put(o, tags::NUMBER_OF_FRAMES, VR::IS, "3");
    let mut orientation = Object::new_empty();
    put(
        &mut orientation,
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        decimals(&ORIENTATION),
    );
    let mut measures = Object::new_empty();
    put(&mut measures, tags::PIXEL_SPACING, VR::DS, "0.75\\0.5");
    let mut shared = group(tags::PLANE_ORIENTATION_SEQUENCE, orientation);
    put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    put_items(o, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
    let frame = |k: f64| {
        let mut place = Object::new_empty();
        put(
            &mut place,
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            decimals(&position(k)),
        );
        group(tags::PLANE_POSITION_SEQUENCE, place)
    };
    // Frames in another order than their places.
    let frames = vec![frame(1.0), frame(2.0), frame(0.0)];
    put_items(o, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);
    let numbers: Vec<u16> = [1, 2, 0]
        .iter()
        .flat_map(|k| (0..6).map(move |i| 100 * k + i))
        .collect();
    put(
        o,
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(numbers.into()),
    );
    let found = read(&[file(object.clone(), PLAIN)]).unwrap().volume;
    assert_eq!(
        found.voxels,
        read(&plain(&[0, 1, 2])).unwrap().volume.voxels
    );
    check_affine(&found);
    put(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "4");
    refused(&[file(object, PLAIN)], "dicom-element");
}

#[test]
fn what_is_no_grey_image_is_refused_by_name() {
    let error = refused(
        &with(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
        "pixel-type",
    );
    assert!(error.to_string().contains("RGB"), "{error}");
    refused(&with(tags::SAMPLES_PER_PIXEL, VR::US, 3_u16), "pixel-type");
    refused(&with(tags::BITS_ALLOCATED, VR::US, 12_u16), "dicom-element");
    refused(&with(tags::BITS_STORED, VR::US, 17_u16), "dicom-element");
    refused(&with(tags::ROWS, VR::US, 0_u16), "dicom-element");
    refused(&with(tags::ROWS, VR::US, 30000_u16), "truncated");
    refused(
        &with(tags::PIXEL_SPACING, VR::DS, "0.75\\0"),
        "dicom-element",
    );
    refused(&with(tags::PIXEL_SPACING, VR::DS, "0.75"), "dicom-element");
    refused(
        &with(tags::PIXEL_SPACING, VR::DS, "0.75\\x"),
        "dicom-element",
    );
    refused(
        &with(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\1\\0\\0"),
        "orientation",
    );
    let error = refused(
        &stack(&[0], |_, o| {
            o.remove_element(tags::IMAGE_POSITION_PATIENT);
        }),
        "dicom-element-missing",
    );
    assert!(
        error.to_string().contains("ImagePositionPatient"),
        "{error}"
    );
    let nan = with(tags::RESCALE_SLOPE, VR::DS, "nan");
    refused(&nan, "dicom-element");
    refused(
        &with(tags::RESCALE_SLOPE, VR::DS, "1e39"),
        "voxels-not-finite",
    );
    let mut jpeg2000 = plain(&[0])[0].clone();
    let at = jpeg2000
        .windows(20)
        .position(|w| w == b"1.2.840.10008.1.2.1\0")
        .unwrap();
    jpeg2000[at..at + 20].copy_from_slice(b"1.2.840.10008.1.2.x\0");
    let error = refused(&[jpeg2000], "transfer-syntax");
    assert!(error.to_string().contains("gdcmconv"), "{error}");
    refused(&[Vec::new()], "not-dicom");
    refused(&[vec![0; 4096]], "not-dicom");
}

#[test]
fn every_cut_of_a_file_is_an_error_and_no_panic() {
    let whole = plain(&[0])[0].clone();
    for n in 0..whole.len() {
        let error = read(&[whole[..n].to_vec()]).unwrap_err();
        assert!(!error.to_string().contains("Miller"), "{n}: {error}");
    }
    // Sequences within sequences, deeper than any stack.
    let mut deep = whole[..whole.len() - 24].to_vec();
    for _ in 0..200_000 {
        deep.extend(b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff");
    }
    refused(&[deep], "dicom-structure");
}
