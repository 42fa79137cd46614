//! Valid files of every format with bytes changed, cut, doubled and taken from other files: a volume or an error comes out, nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "dicom/writer.rs"]
mod writer;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use imaging::formats::{Bundle, Choice, RegionImage, RegionName, read_bytes, region_bytes};
use imaging::{Geometry, Volume, Voxels, canonical, metaimage, nrrd};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use std::io::Write;
use writer::{Object, decimals, file, put, put_items, slice};

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
    ]
}

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
        match region_bytes(bytes, RegionName { name, label: 1 }, image) {
            Ok(mask) => assert!(mask.geometry == geometry && mask.n_inside() > 1),
            Err(error) => assert!(!error.code().is_empty()),
        }
    }
}

#[test]
fn damaged_files_give_a_volume_or_an_error() {
    let seeds = seeds();
    for (i, bytes) in seeds.iter().enumerate() {
        let read = read_bytes(bytes).is_ok();
        assert_eq!(
            read,
            i != 10,
            "seed {i}: only the structure set is no image"
        );
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
