//! Structure sets and segmentations written by another library, on the grid of a series.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "dicom/writer.rs"]
mod writer;

use dicom_core::VR;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::{tags, uids};
use imaging::dicom::{RoiChoice, RoiError, has_regions, read_region, read_series};
use imaging::formats::{Bundle, Choice, RegionImage, RegionName, region_bytes};
use imaging::{Geometry, Mask};
use writer::*;

const PLAIN: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
const TOLERANCE_MM: f64 = 0.05;

/// A grid in LPS order: columns to the left, rows to the back, slices up; as a series gives it.
fn image() -> Geometry {
    let affine = [
        [-0.5, 0.0, 0.0, -10.0],
        [0.0, -0.75, 0.0, 20.0],
        [0.0, 0.0, 4.0, 30.0],
    ];
    Geometry::new([12, 10, 4], affine).unwrap()
}

/// Corners given as column and row of a slice, as LPS millimetres.
fn corners(slice: f64, points: &[[f64; 2]]) -> String {
    let place = |[c, r]: &[f64; 2]| [10.0 + 0.5 * c, -20.0 + 0.75 * r, 30.0 + 4.0 * slice];
    decimals(&points.iter().flat_map(place).collect::<Vec<f64>>())
}

fn contour(data: String, kind: &str) -> Object {
    let mut object = Object::new_empty();
    put(&mut object, tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, kind);
    put(&mut object, tags::CONTOUR_DATA, VR::DS, data);
    object
}

/// A structure set of one region with contours; its name in Latin-1 and others around it.
fn structures(contours: Vec<Object>) -> Vec<u8> {
    let mut object = Object::new_empty();
    put(
        &mut object,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::RT_STRUCTURE_SET_STORAGE,
    );
    put(
        &mut object,
        tags::SPECIFIC_CHARACTER_SET,
        VR::CS,
        "ISO_IR 100",
    );
    put(&mut object, tags::PATIENT_NAME, VR::PN, "Miller^Anna");
    let roi = |number: &str, name: &str| {
        let mut object = Object::new_empty();
        put(&mut object, tags::ROI_NUMBER, VR::IS, number);
        put(&mut object, tags::ROI_NAME, VR::LO, name);
        put(
            &mut object,
            tags::REFERENCED_FRAME_OF_REFERENCE_UID,
            VR::UI,
            "1.2.840.9",
        );
        object
    };
    let rois = vec![
        roi("3", "Blase"),
        roi("7", "GTV Primär "),
        roi("8", "Blase"),
    ];
    put_items(&mut object, tags::STRUCTURE_SET_ROI_SEQUENCE, rois);
    let mut one = Object::new_empty();
    put(&mut one, tags::REFERENCED_ROI_NUMBER, VR::IS, "7");
    put_items(&mut one, tags::CONTOUR_SEQUENCE, contours);
    put_items(&mut object, tags::ROI_CONTOUR_SEQUENCE, vec![one]);
    file(object, PLAIN)
}

fn square(slice: f64, [left, top]: [f64; 2], [right, bottom]: [f64; 2]) -> Object {
    let points = [[left, top], [right, top], [right, bottom], [left, bottom]];
    contour(corners(slice, &points), "CLOSED_PLANAR")
}

fn read(bytes: &[u8]) -> Result<Mask, RoiError> {
    read_region(bytes, RoiChoice::Number(7), &image(), None, TOLERANCE_MM)
}

#[track_caller]
fn refused(bytes: &[u8], code: &str) -> RoiError {
    let error = read(bytes).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(!error.to_string().contains("Miller"), "{error}");
    error
}

fn count(mask: &Mask, slice: usize) -> usize {
    let here = |i: &usize| mask.inside[*i] && mask.geometry.voxel(*i)[2] == slice;
    (0..mask.inside.len()).filter(here).count()
}

#[test]
fn squares_holes_and_islands_are_filled_by_the_even_odd_rule() {
    let bytes = structures(vec![
        square(1.0, [1.5, 1.5], [9.5, 8.5]),
        square(1.0, [3.5, 3.5], [7.5, 6.5]),
        square(1.0, [4.5, 4.5], [6.5, 5.5]),
        // Corners on voxel centres: lower sides are in, upper sides out.
        square(2.0, [2.0, 3.0], [5.0, 7.0]),
    ]);
    assert!(has_regions(&bytes));
    let mask = read(&bytes).unwrap();
    assert_eq!(count(&mask, 1), 8 * 7 - 4 * 3 + 2);
    assert_eq!(count(&mask, 2), 3 * 4);
    assert_eq!(mask.n_inside(), count(&mask, 1) + count(&mask, 2));
    let at = |x, y, z| mask.inside[mask.geometry.index([x, y, z])];
    assert!(at(2, 2, 1) && at(9, 8, 1) && !at(4, 4, 1) && at(5, 5, 1) && !at(10, 8, 1));
    // One polygon with a slit is the same ring as two.
    let slit = [
        [1.5, 1.5],
        [9.5, 1.5],
        [9.5, 8.5],
        [1.5, 8.5],
        [1.5, 1.5],
        [3.5, 3.5],
        [3.5, 6.5],
        [7.5, 6.5],
        [7.5, 3.5],
        [3.5, 3.5],
    ];
    let keyhole = structures(vec![contour(corners(1.0, &slit), "CLOSED_PLANAR")]);
    let ring = structures(vec![
        square(1.0, [1.5, 1.5], [9.5, 8.5]),
        square(1.0, [3.5, 3.5], [7.5, 6.5]),
    ]);
    assert_eq!(read(&keyhole).unwrap(), read(&ring).unwrap());
}

#[test]
fn a_circle_has_the_voxels_whose_centres_it_encloses() {
    let circle: Vec<[f64; 2]> = (0..720)
        .map(|i| {
            let angle = f64::from(i) * std::f64::consts::PI / 360.0;
            [5.3 + 4.1 * libm::cos(angle), 4.6 + 3.2 * libm::sin(angle)]
        })
        .collect();
    let bytes = structures(vec![contour(corners(0.0, &circle), "CLOSED_PLANAR")]);
    let mask = read(&bytes).unwrap();
    for (i, inside) in mask.inside.iter().enumerate() {
        let [x, y, z] = mask.geometry.voxel(i).map(|v| v as f64);
        let (dx, dy) = ((x - 5.3) / 4.1, (y - 4.6) / 3.2);
        assert_eq!(*inside, z == 0.0 && dx * dx + dy * dy < 1.0, "{x} {y} {z}");
    }
}

#[test]
fn a_region_is_chosen_by_name_or_number_and_the_others_are_listed() {
    let bytes = structures(vec![square(1.0, [1.5, 1.5], [9.5, 8.5])]);
    let choose = |choice| read_region(&bytes, choice, &image(), Some("1.2.840.9"), TOLERANCE_MM);
    let by_name = choose(RoiChoice::Name("GTV Primär")).unwrap();
    assert_eq!(by_name, choose(RoiChoice::Number(7)).unwrap());
    let error = choose(RoiChoice::Name("GTV")).unwrap_err();
    assert_eq!(error.code(), "label-absent");
    assert!(
        error
            .to_string()
            .contains("present are the numbers 3, 7, 8"),
        "{error}"
    );
    let told = error.to_string();
    assert!(
        !told.contains("Blase") && !told.contains("GTV"),
        "names of regions stay: {told}"
    );
    assert_eq!(
        choose(RoiChoice::Name("Blase")).unwrap_err().code(),
        "several-labels"
    );
    assert_eq!(
        choose(RoiChoice::Number(3)).unwrap_err().code(),
        "mask-empty"
    );
    let other = read_region(
        &bytes,
        RoiChoice::Number(7),
        &image(),
        Some("1.2.840.8"),
        0.1,
    );
    assert_eq!(other.unwrap_err(), RoiError::FrameOfReference);
}

#[test]
fn contours_beside_the_image_are_refused_in_millimetres() {
    let error = refused(
        &structures(vec![square(1.25, [1.5, 1.5], [9.5, 8.5])]),
        "contour-between-slices",
    );
    assert!(
        matches!(error, RoiError::BetweenSlices { distance_mm, .. } if (distance_mm - 1.0).abs() < 1e-9),
        "{error}"
    );
    assert!(read(&structures(vec![square(1.01, [1.5, 1.5], [9.5, 8.5])])).is_ok());
    let error = refused(
        &structures(vec![square(1.0, [-2.5, 1.5], [9.5, 8.5])]),
        "mask-outside-image",
    );
    assert!(
        matches!(error, RoiError::Outside { distance_mm, .. } if (distance_mm - 1.0).abs() < 1e-9),
        "{error}"
    );
    refused(
        &structures(vec![square(7.0, [1.5, 1.5], [9.5, 8.5])]),
        "mask-outside-image",
    );
    refused(
        &structures(vec![square(1.0, [1.6, 1.6], [1.9, 1.9])]),
        "mask-empty",
    );
    let slant = "0\\0\\30\\5\\0\\31\\5\\-20\\32".to_owned();
    refused(
        &structures(vec![contour(slant, "CLOSED_PLANAR")]),
        "contour",
    );
    refused(
        &structures(vec![contour("1\\2\\3".to_owned(), "CLOSED_PLANAR")]),
        "contour",
    );
    refused(
        &structures(vec![contour("1\\2\\3\\4".to_owned(), "POINT")]),
        "contour",
    );
    refused(&structures(vec![]), "mask-empty");
    refused(
        &structures(vec![contour("1\\x".to_owned(), "CLOSED_PLANAR")]),
        "dicom-element",
    );
}

#[test]
fn sagittal_contours_lie_on_the_image_s_first_axis() {
    let points = [[-18.5, 29.0], [-14.0, 29.0], [-14.0, 39.0], [-18.5, 39.0]];
    let x = 10.0 + 0.5 * 4.0;
    let data: Vec<f64> = points.iter().flat_map(|[y, z]| [x, *y, *z]).collect();
    let bytes = structures(vec![contour(decimals(&data), "CLOSED_PLANAR")]);
    let mask = read(&bytes).unwrap();
    // Rows 2 (exactly) to 8, of which the last is an upper side; slices 0 to 2.
    assert_eq!(mask.bounding_box(), Some(([4, 2, 0], [4, 7, 2])));
    assert_eq!(mask.n_inside(), 6 * 3);
}

/// A segmentation of two segments with frames in no order: segment 2 in slices 1 and 2, segment 1 in slice 2.
fn segmentation(kind: &str, shift_mm: f64) -> Object {
    let mut object = Object::new_empty();
    let o = &mut object;
    put(o, tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE);
    put(o, tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.840.9");
    put(o, tags::SEGMENTATION_TYPE, VR::CS, kind);
    let bits = if kind == "BINARY" { 1 } else { 8 };
    pixels(o, bits, bits, 0);
    put(o, tags::MAXIMUM_FRACTIONAL_VALUE, VR::US, 200_u16);
    put(o, tags::NUMBER_OF_FRAMES, VR::IS, "3");
    let segment = |number: u16, label: &str| {
        let mut object = Object::new_empty();
        put(&mut object, tags::SEGMENT_NUMBER, VR::US, number);
        put(&mut object, tags::SEGMENT_LABEL, VR::LO, label);
        object
    };
    put_items(
        o,
        tags::SEGMENT_SEQUENCE,
        vec![segment(1, "Bladder"), segment(2, "GTV")],
    );
    let mut orientation = Object::new_empty();
    put(
        &mut orientation,
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        "1\\0\\0\\0\\1\\0",
    );
    let mut measures = Object::new_empty();
    put(&mut measures, tags::PIXEL_SPACING, VR::DS, "0.75\\0.5");
    let mut shared = group(tags::PLANE_ORIENTATION_SEQUENCE, orientation);
    put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    put_items(o, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
    // Frames of 3 × 2 voxels that start at column 4, row 3.
    let frame = |segment: u16, slice: f64| {
        let mut place = Object::new_empty();
        let at = [12.0 + shift_mm, -17.75, 30.0 + 4.0 * slice];
        put(
            &mut place,
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            decimals(&at),
        );
        let mut object = group(tags::PLANE_POSITION_SEQUENCE, place);
        let mut which = Object::new_empty();
        put(&mut which, tags::REFERENCED_SEGMENT_NUMBER, VR::US, segment);
        put_items(
            &mut object,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            vec![which],
        );
        object
    };
    let frames = vec![frame(2, 2.0), frame(1, 2.0), frame(2, 1.0)];
    put_items(o, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);
    // Six pixels a frame; bits follow each other across frames.
    let frames = [[1, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1], [0, 1, 0, 0, 1, 0]];
    let pixels = frames.as_flattened();
    let bytes: Vec<u8> = match kind {
        "BINARY" => pixels
            .chunks(8)
            .map(|eight| eight.iter().enumerate().map(|(i, bit)| bit << i).sum())
            .collect(),
        _ => pixels
            .iter()
            .map(|&bit| if bit == 1 { 100 } else { 99 })
            .collect(),
    };
    put(
        o,
        tags::PIXEL_DATA,
        VR::OB,
        PrimitiveValue::U8(bytes.into()),
    );
    object
}

#[test]
fn frames_of_a_segment_land_on_the_image_s_voxels() {
    for kind in ["BINARY", "FRACTIONAL"] {
        let bytes = file(segmentation(kind, 0.0), PLAIN);
        let choose = |choice| read_region(&bytes, choice, &image(), None, TOLERANCE_MM);
        let mask = choose(RoiChoice::Name("GTV")).unwrap();
        let inside = (0..mask.inside.len()).filter(|&i| mask.inside[i]);
        let found: Vec<[usize; 3]> = inside.map(|i| mask.geometry.voxel(i)).collect();
        assert_eq!(
            found,
            [[5, 3, 1], [5, 4, 1], [4, 3, 2], [6, 4, 2]],
            "{kind}"
        );
        assert_eq!(choose(RoiChoice::Number(1)).unwrap().n_inside(), 6);
        let error = choose(RoiChoice::Name("Uterus")).unwrap_err();
        assert!(
            error.to_string().contains("present are the numbers 1, 2"),
            "{error}"
        );
    }
    let shifted = file(segmentation("BINARY", 0.2), PLAIN);
    let error = read_region(&shifted, RoiChoice::Number(2), &image(), None, TOLERANCE_MM);
    assert_eq!(error.unwrap_err().code(), "geometry-mismatch");
    let beyond = file(segmentation("BINARY", 4.0), PLAIN);
    let error = read_region(&beyond, RoiChoice::Number(2), &image(), None, TOLERANCE_MM);
    assert_eq!(error.unwrap_err().code(), "mask-outside-image");
    let mut cut = segmentation("BINARY", 0.0);
    put(&mut cut, tags::NUMBER_OF_FRAMES, VR::IS, "4");
    let error = read_region(&file(cut, PLAIN), RoiChoice::Number(2), &image(), None, 0.1);
    assert_eq!(error.unwrap_err().code(), "dicom-element");
}

#[test]
fn a_segmentation_fits_an_image_whose_rows_run_the_other_way() {
    // As converters to NIfTI write it: rows from the back to the front.
    let affine = [
        [-0.5, 0.0, 0.0, -10.0],
        [0.0, 0.75, 0.0, 20.0 - 9.0 * 0.75],
        [0.0, 0.0, 4.0, 30.0],
    ];
    let flipped = Geometry::new([12, 10, 4], affine).unwrap();
    let bytes = file(segmentation("BINARY", 0.0), PLAIN);
    let of = |image: &Geometry| {
        let mask = read_region(&bytes, RoiChoice::Number(2), image, None, TOLERANCE_MM).unwrap();
        let inside = (0..mask.inside.len()).filter(|&i| mask.inside[i]);
        inside.map(|i| mask.geometry.voxel(i)).collect::<Vec<_>>()
    };
    let mut expected: Vec<[usize; 3]> = of(&image())
        .iter()
        .map(|[x, y, z]| [*x, 9 - y, *z])
        .collect();
    let mut found = of(&flipped);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_folder_may_hold_the_slices_beside_the_region_and_names_its_frame_of_reference() {
    let slices: Vec<Vec<u8>> = (0..4).map(|k| file(slice(k), PLAIN)).collect();
    let refs: Vec<&[u8]> = slices.iter().map(Vec::as_slice).collect();
    let geometry = read_series(&refs, None).unwrap().volume.geometry;
    // A rectangle on slice 1 of the oblique stack.
    let corner = |c: f64, r: f64| {
        let p = position(1.0);
        [p[0] + 0.5 * c * 0.8, p[1] + 0.75 * r, p[2] + 0.5 * c * 0.6]
    };
    let points = [
        corner(-0.4, -0.4),
        corner(1.4, -0.4),
        corner(1.4, 1.4),
        corner(-0.4, 1.4),
    ];
    let drawn = contour(decimals(points.as_flattened()), "CLOSED_PLANAR");
    let structures = structures(vec![drawn]);
    let mut all = slices.clone();
    all.push(structures);
    let choice = Choice {
        region: Some("GTV Primär".to_owned()),
        series: None,
    };
    let bundle = Bundle::encode(&choice, &all);
    let series = Bundle::encode(&Choice::default(), &slices);
    let on = |series| RegionImage {
        geometry: &geometry,
        series,
        tolerance_mm: TOLERANCE_MM,
    };
    let which = RegionName {
        name: None,
        label: 1,
        channel: None,
    };
    let mask = region_bytes(&bundle, which, on(Some(&series))).unwrap();
    assert_eq!(mask.bounding_box(), Some(([0, 0, 1], [1, 1, 1])));
    let elsewhere: Vec<Vec<u8>> = (0..4)
        .map(|k| {
            let mut object = slice(k);
            put(
                &mut object,
                tags::FRAME_OF_REFERENCE_UID,
                VR::UI,
                "1.2.840.77",
            );
            file(object, PLAIN)
        })
        .collect();
    let elsewhere = Bundle::encode(&Choice::default(), &elsewhere);
    let error = region_bytes(&bundle, which, on(Some(&elsewhere))).unwrap_err();
    assert_eq!(error.code(), "frame-of-reference", "{error}");
    let none = region_bytes(&series, which, on(None)).unwrap_err();
    assert_eq!(none.code(), "no-regions");
}
