//! MetaImage files written here, byte by byte, and read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use flate2::{Compression, write::ZlibEncoder};
use imaging::Voxels;
use imaging::metaimage::{MetaImageError, attach, data_file, is_metaimage, read_bytes};
use std::io::Write;

const HEADER: &str = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n\
    TransformMatrix = 0.8 0 0.6 0 1 0 -0.6 0 0.8\nOffset = 10 -20 30\nCenterOfRotation = 1 2 3\nAnatomicalOrientation = RAI\n\
    ElementSpacing = 0.5 0.75 4\nDimSize = 3 2 2\nElementType = MET_SHORT\nElementDataFile = LOCAL\n";

fn numbers() -> Vec<u8> {
    (0..12_i16).flat_map(i16::to_le_bytes).collect()
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [header.as_bytes(), data].concat()
}

fn with(from: &str, to: &str) -> String {
    assert!(HEADER.contains(from), "{from}");
    HEADER.replace(from, to)
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn refused(header: &str, data: &[u8], code: &str) -> MetaImageError {
    let error = read_bytes(&file(header, data)).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    error
}

#[test]
fn every_storage_gives_the_same_voxels_and_an_affine_in_ras() {
    let big: Vec<u8> = (0..12_i16).flat_map(i16::to_be_bytes).collect();
    let text: String = (0..12).map(|i| format!("{i} ")).collect();
    let before = [b"abc", &numbers()[..]].concat();
    for bytes in [
        file(HEADER, &numbers()),
        file(
            &with(
                "CompressedData = False",
                "CompressedData = True\nCompressedDataSize = 20",
            ),
            &zlib(&numbers()),
        ),
        file(&with("OrderMSB = False", "OrderMSB = True"), &big),
        file(
            &with(
                "BinaryDataByteOrderMSB = False",
                "ElementByteOrderMSB = True",
            ),
            &big,
        ),
        file(
            &with("BinaryData = True", "BinaryData = False"),
            text.as_bytes(),
        ),
        file(&with("DimSize", "HeaderSize = 3\nDimSize"), &before),
        file(&with("DimSize", "HeaderSize = -1\nDimSize"), &before),
        file(
            &HEADER
                .replace("TransformMatrix", "Rotation")
                .replace("Offset", "Position"),
            &numbers(),
        ),
        file(&HEADER.replace('\n', "\r\n"), &numbers()),
    ] {
        assert!(is_metaimage(&bytes));
        let volume = read_bytes(&bytes).unwrap();
        assert_eq!(volume.voxels, Voxels::I16((0..12).collect()));
        let expected = [
            [-0.4, 0.0, 2.4, -10.0],
            [0.0, -0.75, 0.0, 20.0],
            [0.3, 0.0, 3.2, 30.0],
        ];
        for (found, expected) in volume
            .geometry
            .affine
            .as_flattened()
            .iter()
            .zip(expected.as_flattened())
        {
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
    }
}

#[test]
fn a_trailing_axis_of_one_is_dropped() {
    let header = HEADER
        .replace("NDims = 3", "NDims = 4")
        .replace(
            "0.8 0 0.6 0 1 0 -0.6 0 0.8",
            "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
        )
        .replace("10 -20 30", "10 -20 30 0")
        .replace("0.5 0.75 4", "0.5 0.75 4 1")
        .replace("DimSize = 3 2 2", "DimSize = 3 2 2 1");
    let volume = read_bytes(&file(&header, &numbers())).unwrap();
    assert_eq!(volume.geometry.affine[1], [0.0, -0.75, 0.0, 20.0]);
    refused(
        &header.replace("3 2 2 1", "3 2 1 2"),
        &numbers(),
        "not-three-dimensional",
    );
}

#[test]
fn what_is_no_image_is_refused_by_name() {
    let n = numbers();
    refused(&with("3 2 2", "3 0 2"), &n, "dimensions");
    refused(&with("3 2 2", "3 -2 2"), &n, "header-field");
    refused(&with("3 2 2", "32767 32767 2"), &n, "truncated");
    refused(&with("3 2 2", "99999999999 1 1"), &n, "dimensions");
    refused(&with("NDims = 3", "NDims = 2"), &n, "header-field");
    refused(&with("NDims = 3", "NDims = 999999999"), &n, "header-field");
    refused(&with("0.5 0.75 4", "0.5 0 4"), &n, "affine-singular");
    refused(&with("0.5 0.75 4", "0.5 inf 4"), &n, "affine-not-finite");
    refused(
        &with("ElementSpacing = 0.5 0.75 4\n", ""),
        &n,
        "header-field-missing",
    );
    refused(&with("MET_SHORT", "MET_STRING"), &n, "pixel-type");
    refused(
        &with("MET_SHORT", "MET_SHORT\nElementNumberOfChannels = 3"),
        &n,
        "several-channels",
    );
    let slope = with(
        "MET_SHORT",
        "MET_SHORT\nElementToIntensityFunctionSlope = 2",
    );
    refused(&slope, &n, "scaling");
    refused(&with("NDims = 3", "NDims 3"), &n, "header-line");
    refused(HEADER, &n[..23], "truncated");
    refused(HEADER, &vec![0; 3 << 20], "trailing-bytes");
    let compressed = with("CompressedData = False", "CompressedData = True");
    let whole = zlib(&n);
    refused(&compressed, &whole[..whole.len() - 5], "gzip-damaged");
    refused(&compressed, &zlib(&vec![0; 3 << 20]), "trailing-bytes");
    refused(
        &compressed.replace("3 2 2", "2048 1024 1024"),
        &whole,
        "implausible-size",
    );
    let floats: Vec<u8> = [f32::NAN, f32::INFINITY]
        .into_iter()
        .chain([0.0; 10])
        .flat_map(f32::to_le_bytes)
        .collect();
    refused(
        &with("MET_SHORT", "MET_FLOAT"),
        &floats,
        "voxels-not-finite",
    );
    refused(&with("LOCAL", "LIST"), &n, "detached-image");
    assert_eq!(read_bytes(b"").unwrap_err().code(), "header-field-missing");
    assert!(!is_metaimage(b"") && !is_metaimage(b"hello = there\n"));
}

#[test]
fn a_header_apart_is_read_with_its_data() {
    let apart = with("LOCAL", "image.raw");
    assert_eq!(
        data_file(apart.as_bytes()).unwrap().as_deref(),
        Some("image.raw")
    );
    let volume = read_bytes(&attach(apart.as_bytes(), &numbers())).unwrap();
    assert_eq!(volume.voxels, Voxels::I16((0..12).collect()));
    for name in ["../image.raw", "/etc/passwd", "LIST", "slice%03d.raw 1 9 1"] {
        let found = data_file(with("LOCAL", name).as_bytes());
        assert!(found.is_err(), "{name}: {found:?}");
    }
    assert_eq!(data_file(HEADER.as_bytes()), Ok(None));
}
