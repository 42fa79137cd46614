//! Valid files of every format with bytes changed, cut, doubled and taken from other files: a volume or an error comes out, nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "dicom/compress.rs"]
mod compress;
#[allow(dead_code)]
#[path = "dicom/writer.rs"]
mod writer;

use compress::{jpeg_baseline, jpeg_lossless, run_lengths};
use dicom_core::VR;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::{tags, uids};
use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use imaging::formats::{Bundle, Choice, RegionImage, RegionName, read_bytes, region_bytes};
use imaging::{Geometry, Volume, Voxels, canonical, metaimage, nrrd};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use std::io::Write;
use writer::{Object, decimals, encapsulated, file, group, pixels, put, put_items, slice};

/// Cases; `RADLOOM_DAMAGED_CASES` asks for more, some 8000 a second.
const N_CASES: u32 = 24_000;

fn gz(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn grid() -> Geometry {
    Geometry::axis_aligned([3, 2, 2], [0.5, 0.75, 4.0]).unwrap()
}

fn nrrd(encoding: &str, more: &str, data: &[u8]) -> Vec<u8> {
    let header = format!(
        "NRRD0004\ntype: uchar\ndimension: 3\nspace: RAS\nsizes: 3 2 2\nspace directions: (0.5,0,0) (0,0.75,0) (0,0,4)\n\
         kinds: domain domain domain\nencoding: {encoding}\nspace origin: (0,0,0)\n{more}\n"
    );
    [header.as_bytes(), data].concat()
}

fn metaimage(compressed: &str, data: &[u8]) -> Vec<u8> {
    let header = format!(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = {compressed}\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n\
         Offset = 0 0 0\nElementSpacing = 0.5 0.75 4\nDimSize = 3 2 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    );
    [header.as_bytes(), data].concat()
}

fn structures() -> Vec<u8> {
    let mut object = Object::new_empty();
    put(
        &mut object,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::RT_STRUCTURE_SET_STORAGE,
    );
    let mut roi = Object::new_empty();
    put(&mut roi, tags::ROI_NUMBER, VR::IS, "1");
    put(&mut roi, tags::ROI_NAME, VR::LO, "GTV");
    put_items(&mut object, tags::STRUCTURE_SET_ROI_SEQUENCE, vec![roi]);
    let mut contour = Object::new_empty();
    put(
        &mut contour,
        tags::CONTOUR_GEOMETRIC_TYPE,
        VR::CS,
        "CLOSED_PLANAR",
    );
    let corners = [
        0.1, 0.1, 0.0, -1.2, 0.1, 0.0, -1.2, -1.4, 0.0, 0.1, -1.4, 0.0,
    ];
    put(&mut contour, tags::CONTOUR_DATA, VR::DS, decimals(&corners));
    let mut contours = Object::new_empty();
    put(&mut contours, tags::REFERENCED_ROI_NUMBER, VR::IS, "1");
    put_items(&mut contours, tags::CONTOUR_SEQUENCE, vec![contour]);
    put_items(&mut object, tags::ROI_CONTOUR_SEQUENCE, vec![contours]);
    file(object, uids::EXPLICIT_VR_LITTLE_ENDIAN)
}

/// A segmentation of two frames on the grid.
fn segmentation() -> Vec<u8> {
    let mut object = Object::new_empty();
    let o = &mut object;
    put(o, tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE);
    put(o, tags::SEGMENTATION_TYPE, VR::CS, "BINARY");
    pixels(o, 1, 1, 0);
    put(o, tags::NUMBER_OF_FRAMES, VR::IS, "2");
    let mut segment = Object::new_empty();
    put(&mut segment, tags::SEGMENT_NUMBER, VR::US, 1_u16);
    put(&mut segment, tags::SEGMENT_LABEL, VR::LO, "GTV");
    put_items(o, tags::SEGMENT_SEQUENCE, vec![segment]);
    let mut orientation = Object::new_empty();
    let along = decimals(&[-1.0, 0.0, 0.0, 0.0, -1.0, 0.0]);
    put(
        &mut orientation,
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        along,
    );
    let mut measures = Object::new_empty();
    put(&mut measures, tags::PIXEL_SPACING, VR::DS, "0.75\\0.5");
    let mut shared = group(tags::PLANE_ORIENTATION_SEQUENCE, orientation);
    put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    put_items(o, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
    let frame = |z: f64| {
        let mut place = Object::new_empty();
        let at = decimals(&[0.0, 0.0, z]);
        put(&mut place, tags::IMAGE_POSITION_PATIENT, VR::DS, at);
        let mut which = Object::new_empty();
        put(&mut which, tags::REFERENCED_SEGMENT_NUMBER, VR::US, 1_u16);
        let mut item = group(tags::PLANE_POSITION_SEQUENCE, place);
        put_items(
            &mut item,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            vec![which],
        );
        item
    };
    let frames = vec![frame(0.0), frame(4.0)];
    put_items(o, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);
    let bits = PrimitiveValue::U8([0b1101_0110, 0b0000_1011].into());
    put(o, tags::PIXEL_DATA, VR::OB, bits);
    file(object, uids::EXPLICIT_VR_LITTLE_ENDIAN)
}

/// A slice with a compressed frame.
fn compressed(bits: u16, syntax: &str, frame: Vec<u8>) -> Vec<u8> {
    let mut object = slice(0);
    pixels(&mut object, bits, bits, 0);
    let even = frame.len().next_multiple_of(2);
    let mut frame = frame;
    frame.resize(even, 0);
    encapsulated(&mut object, vec![frame]);
    if bits == 8 {
        put(&mut object, tags::ROWS, VR::US, 8_u16);
        put(&mut object, tags::COLUMNS, VR::US, 16_u16);
    }
    file(object, syntax)
}

/// A valid file of every format.
fn seeds() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = (0..12).map(|i| i % 2).collect();
    let volume = Volume::new(grid(), Voxels::U8(numbers.clone())).unwrap();
    let nifti = canonical::canonical_bytes(&volume);
    let segments = "Segment0_Name:=GTV\nSegment0_LabelValue:=1\nSegment0_Layer:=0\n";
    let slices: Vec<Vec<u8>> = (0..2)
        .map(|k| file(slice(k), uids::EXPLICIT_VR_LITTLE_ENDIAN))
        .collect();
    let text: String = numbers.iter().map(|n| format!("{n} ")).collect();
    vec![
        gz(&nifti),
        nifti,
        nrrd("raw", "", &numbers),
        nrrd("gzip", segments, &gz(&numbers)),
        nrrd("ascii", segments, text.as_bytes()),
        metaimage("False", &numbers),
        metaimage("True", &zlib(&numbers)),
        slices[0].clone(),
        file(slice(0), uids::IMPLICIT_VR_LITTLE_ENDIAN),
        file(slice(0), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
        structures(),
        Bundle::encode(&Choice::default(), &slices),
        segmentation(),
        compressed(
            16,
            uids::RLE_LOSSLESS,
            run_lengths(&[0, 7, 7, 7, 300, 2], 2),
        ),
        compressed(
            16,
            uids::JPEG_LOSSLESS_SV1,
            jpeg_lossless(&[0, 7, 7, 7, 300, 2], [3, 2], 16, 1),
        ),
        compressed(
            8,
            uids::JPEG_BASELINE8_BIT,
            jpeg_baseline(&[9, 200], [2, 1]),
        ),
    ]
}

/// Seeds that hold regions and no image.
const REGIONS: [usize; 2] = [10, 12];

/// What is done to a file, one after the other.
#[derive(Debug, Clone)]
enum Damage {
    Byte(Index, u8),
    Digit(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Double(Index, usize),
    Splice(Index, Index, Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        (
            index(),
            prop_oneof![Just(0), Just(255), Just(127), any::<u8>()]
        )
            .prop_map(|(i, b)| Damage::Byte(i, b)),
        (index(), b'-'..=b'9').prop_map(|(i, b)| Damage::Digit(i, b)),
        (index(), 0..8_u8).prop_map(|(i, b)| Damage::Flip(i, b)),
        index().prop_map(Damage::Cut),
        (index(), 1..40_usize).prop_map(|(i, n)| Damage::Remove(i, n)),
        (index(), 1..40_usize).prop_map(|(i, n)| Damage::Double(i, n)),
        (index(), index(), index(), 1..200_usize)
            .prop_map(|(a, b, c, n)| Damage::Splice(a, b, c, n)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage], seeds: &[Vec<u8>]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let n = bytes.len();
        match damage {
            Damage::Byte(i, byte) => bytes[i.index(n)] = *byte,
            Damage::Digit(i, byte) => {
                let digits: Vec<usize> = (0..n).filter(|&i| bytes[i].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    bytes[digits[i.index(digits.len())]] = *byte;
                }
            }
            Damage::Flip(i, bit) => bytes[i.index(n)] ^= 1 << bit,
            Damage::Cut(i) => bytes.truncate(i.index(n)),
            Damage::Remove(i, length) => {
                let at = i.index(n);
                bytes.drain(at..n.min(at + length));
            }
            Damage::Double(i, length) => {
                let at = i.index(n);
                let twice = bytes[at..n.min(at + length)].to_vec();
                bytes.splice(at..at, twice);
            }
            Damage::Splice(which, from, to, length) => {
                let other = &seeds[which.index(seeds.len())];
                let at = from.index(other.len());
                let piece = other[at..other.len().min(at + length)].to_vec();
                let to = to.index(n);
                bytes.splice(to..n.min(to + piece.len()), piece);
            }
        }
    }
    bytes
}

fn check(bytes: &[u8]) {
    match read_bytes(bytes) {
        Ok(volume) => {
            assert_eq!(volume.voxels.len(), volume.geometry.n_voxels());
            assert!(Geometry::new(volume.geometry.dims, volume.geometry.affine).is_ok());
            assert!(volume.to_f64().iter().all(|value| value.is_finite()));
        }
        Err(error) => {
            // A header of text tells the field that is wrong; a name can stand there by this test's splices alone.
            let may_tell = nrrd::is_nrrd(bytes) || metaimage::is_metaimage(bytes);
            let tells = error.to_string().contains("Miller");
            assert!(!error.code().is_empty() && (may_tell || !tells), "{error}");
        }
    }
    let geometry = grid();
    for name in [None, Some("GTV")] {
        let image = RegionImage {
            geometry: &geometry,
            series: Some(bytes),
            tolerance_mm: 0.1,
        };
        match region_bytes(
            bytes,
            RegionName {
                name,
                label: 1,
                channel: None,
            },
            image,
        ) {
            Ok(mask) => assert!(mask.geometry == geometry && mask.n_inside() > 1),
            Err(error) => assert!(!error.code().is_empty()),
        }
    }
}

/// The seeds as files, a folder a fuzz target, in the folder that `RADLOOM_FUZZ_CORPUS` names or else a temporary one.
#[test]
fn seeds_of_the_fuzz_targets_are_written() {
    let named = std::env::var("RADLOOM_FUZZ_CORPUS");
    let folder = named.unwrap_or(format!("{}/corpus", env!("CARGO_TARGET_TMPDIR")));
    for (i, bytes) in seeds().into_iter().enumerate() {
        let target = match i {
            0..2 => "nifti",
            2..5 => "nrrd",
            5..7 => "metaimage",
            _ => "rtstruct",
        };
        let folder = std::path::Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("seed{i:02}"));
        std::fs::write(&path, bytes).unwrap();
        let is_image = read_bytes(&std::fs::read(&path).unwrap()).is_ok();
        assert_eq!(is_image, !REGIONS.contains(&i), "{target} {i}");
    }
}

#[test]
fn damaged_files_give_a_volume_or_an_error() {
    let seeds = seeds();
    for (i, bytes) in seeds.iter().enumerate() {
        let read = read_bytes(bytes).is_ok();
        assert_eq!(read, !REGIONS.contains(&i), "seed {i}");
        check(bytes);
    }
    let asked = std::env::var("RADLOOM_DAMAGED_CASES").ok();
    let config = Config {
        cases: asked.and_then(|n| n.parse().ok()).unwrap_or(N_CASES),
        failure_persistence: None,
        ..Config::default()
    };
    let cases = (any::<Index>(), prop::collection::vec(damage(), 1..4));
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
        .run(&cases, |(seed, damages)| {
            let bytes = seeds[seed.index(seeds.len())].clone();
            check(&damaged(bytes, &damages, &seeds));
            Ok(())
        })
        .unwrap();
}
