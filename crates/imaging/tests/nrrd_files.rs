//! NRRD files written here, byte by byte, and read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use flate2::{Compression, write::GzEncoder};
use imaging::formats::{RegionImage, RegionName, region_bytes};
use imaging::nrrd::{
    NrrdError, SegmentChoice, SegmentError, Segmentation, attach, data_file, has_segments,
    read_bytes,
};
use imaging::{Geometry, Mask, Volume, Voxels};
use std::io::Write;

const HEADER: &str = "NRRD0004\n# a comment\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 3 2 2\n\
    space directions: (0.5,0,0) (0,0.75,0) (0,0,4)\nkinds: domain domain domain\nendian: little\nencoding: raw\n\
    space origin: (10,-20,30)\n";

fn numbers() -> Vec<u8> {
    (0..12_i16).flat_map(i16::to_le_bytes).collect()
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [header.as_bytes(), b"\n", data].concat()
}

fn with(from: &str, to: &str) -> String {
    assert!(HEADER.contains(from), "{from}");
    HEADER.replace(from, to)
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn affine(volume: &Volume) -> [[f64; 4]; 3] {
    volume.geometry.affine
}

#[track_caller]
fn refused(header: &str, data: &[u8], code: &str) -> NrrdError {
    let error = read_bytes(&file(header, data)).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    error
}

const RAS: [[f64; 4]; 3] = [
    [-0.5, 0.0, 0.0, -10.0],
    [0.0, -0.75, 0.0, 20.0],
    [0.0, 0.0, 4.0, 30.0],
];

#[test]
fn every_encoding_gives_the_same_voxels_and_an_affine_in_ras() {
    let text: String = (0..12).map(|i| format!("{i} \n")).collect();
    let big: Vec<u8> = (0..12_i16).flat_map(i16::to_be_bytes).collect();
    for bytes in [
        file(HEADER, &numbers()),
        [HEADER.replace('\n', "\r\n").as_bytes(), b"\r\n", &numbers()].concat(),
        file(&with("raw", "gzip"), &gz(&numbers())),
        file(&with("raw", "ascii"), text.as_bytes()),
        file(&with("little", "big"), &big),
        file(
            &with("raw", "raw\nbyte skip: 3"),
            &[b"abc", &numbers()[..]].concat(),
        ),
        file(
            &with("raw", "raw\nbyte skip: -1"),
            &[b"abc", &numbers()[..]].concat(),
        ),
        file(
            &with("raw", "raw\nline skip: 1"),
            &[b"abc\n", &numbers()[..]].concat(),
        ),
    ] {
        let volume = read_bytes(&bytes).unwrap();
        assert_eq!(volume.voxels, Voxels::I16((0..12).collect()));
        assert_eq!(volume.geometry.dims, [3, 2, 2]);
        assert_eq!(affine(&volume), RAS);
    }
}

#[test]
fn spaces_units_and_spacings_place_the_image() {
    let read = |header: &str| affine(&read_bytes(&file(header, &numbers())).unwrap());
    let signs = |x: f64, y: f64| {
        let mut expected = RAS;
        expected[0] = expected[0].map(|e| e * x);
        expected[1] = expected[1].map(|e| e * y);
        expected.map(|row| row.map(|e| e + 0.0))
    };
    assert_eq!(
        read(&with("left-posterior-superior", "RAS")),
        signs(-1.0, -1.0)
    );
    assert_eq!(
        read(&with("left-posterior-superior", "LAS")),
        signs(1.0, -1.0)
    );
    assert_eq!(read(&with("left-posterior-superior", "scanner-xyz")), RAS);
    let cm = with("raw", "raw\nspace units: \"cm\" \"cm\" \"cm\"");
    assert_eq!(read(&cm), RAS.map(|row| row.map(|e| e * 10.0)));
    let spacings = HEADER
        .replace(
            "space directions: (0.5,0,0) (0,0.75,0) (0,0,4)\n",
            "spacings: 0.5 0.75 4\n",
        )
        .replace("space: left-posterior-superior\n", "")
        .replace(
            "space origin: (10,-20,30)\n",
            "axis mins: 9.75 -20.375 28\n",
        );
    assert_eq!(read(&spacings), RAS);
    let node = spacings.replace("9.75 -20.375 28", "10 -20 30\ncenters: node node node");
    assert_eq!(read(&node), RAS);
    refused(
        &with("left-posterior-superior", "3D-left-handed"),
        &numbers(),
        "space",
    );
    refused(
        &with("raw", "raw\nspace units: \"in\" \"in\" \"in\""),
        &numbers(),
        "header-field",
    );
}

#[test]
fn sixty_four_bit_integers_and_doubles_are_read() {
    let longs: Vec<u8> = (0..12_i64).flat_map(|i| (-i).to_le_bytes()).collect();
    let volume = read_bytes(&file(&with("short", "int64"), &longs)).unwrap();
    assert_eq!(volume.voxels, Voxels::I32((0..12).map(|i| -i).collect()));
    let doubles: Vec<u8> = (0..12)
        .flat_map(|i| (f64::from(i) / 8.0).to_le_bytes())
        .collect();
    let volume = read_bytes(&file(&with("short", "double"), &doubles)).unwrap();
    assert_eq!(volume.to_f64()[9], 9.0 / 8.0);
    let mut huge = longs;
    huge[8..16].copy_from_slice(&(1_i64 << 40).to_le_bytes());
    refused(&with("short", "int64"), &huge, "sixty-four-bit");
}

#[test]
fn what_is_no_image_is_refused_by_name() {
    let n = numbers();
    refused(&with("sizes: 3 2 2", "sizes: 3 0 2"), &n, "dimensions");
    refused(&with("sizes: 3 2 2", "sizes: 3 -2 2"), &n, "header-field");
    refused(
        &with("sizes: 3 2 2", "sizes: 32767 32767 2"),
        &n,
        "truncated",
    );
    refused(
        &with("sizes: 3 2 2", "sizes: 4294967296 1 1"),
        &n,
        "dimensions",
    );
    refused(&with("(0.5,0,0)", "(0,0.75,0)"), &n, "affine-singular");
    refused(&with("(0.5,0,0)", "(nan,0,0)"), &n, "affine-not-finite");
    refused(&with("encoding: raw", "encoding: bzip2"), &n, "encoding");
    refused(&with("type: short", "type: block"), &n, "pixel-type");
    refused(&with("endian: little\n", ""), &n, "header-field-missing");
    refused(
        &with("endian: little\n", "endian: little\nendian: big\n"),
        &n,
        "header-field-twice",
    );
    refused(&with("encoding: raw", "nonsense"), &n, "header-line");
    refused(HEADER, &n[..23], "truncated");
    refused(HEADER, &vec![0; 3 << 20], "trailing-bytes");
    refused(&with("raw", "ascii"), b"1 2 x", "voxel-text");
    refused(&with("raw", "ascii"), b"1 2 3", "truncated");
    let whole = gz(&n);
    refused(
        &with("raw", "gzip"),
        &whole[..whole.len() - 5],
        "gzip-damaged",
    );
    refused(
        &with("raw", "gzip"),
        &gz(&vec![0; 3 << 20]),
        "trailing-bytes",
    );
    let floats: Vec<u8> = [f32::NAN, f32::INFINITY]
        .into_iter()
        .chain([0.0; 10])
        .flat_map(f32::to_le_bytes)
        .collect();
    refused(&with("short", "float"), &floats, "voxels-not-finite");
    let rgb = HEADER
        .replace("dimension: 3", "dimension: 4")
        .replace("3 2 2", "3 3 2 2")
        .replace("space directions: ", "space directions: none ")
        .replace("kinds: ", "kinds: RGB-color ");
    refused(
        &rgb,
        &[n.clone(), n.clone(), n.clone()].concat(),
        "not-three-dimensional",
    );
    let two = HEADER
        .replace("dimension: 3", "dimension: 2")
        .replace("3 2 2", "3 4")
        .replace(" (0,0,4)", "");
    refused(&two, &n, "not-three-dimensional");
    let claimed = with("sizes: 3 2 2", "sizes: 2048 1024 1024").replace("raw", "gzip");
    refused(&claimed, &gz(&n), "implausible-size");
    assert_eq!(read_bytes(b"NRRX").unwrap_err().code(), "not-nrrd");
    assert_eq!(read_bytes(b"").unwrap_err().code(), "not-nrrd");
}

#[test]
fn a_header_apart_is_read_with_its_data() {
    let apart = with("encoding: raw\n", "encoding: raw\ndata file: image.raw\n");
    assert_eq!(
        data_file(apart.as_bytes()).unwrap().as_deref(),
        Some("image.raw")
    );
    assert_eq!(
        read_bytes(apart.as_bytes()).unwrap_err().code(),
        "detached-image"
    );
    let volume = read_bytes(&attach(apart.as_bytes(), &numbers())).unwrap();
    assert_eq!(volume.voxels, Voxels::I16((0..12).collect()));
    for name in [
        "../image.raw",
        "a/b.raw",
        "LIST",
        "image%03d.raw 1 9 1",
        ".hidden",
    ] {
        let other = apart.replace("image.raw", name);
        let found = data_file(other.as_bytes());
        assert!(name == "LIST" || found.is_err(), "{name}: {found:?}");
    }
}

/// Two layers, interleaved as Slicer writes them: 1 and 2 in the first, 1 in the second.
fn segmentation() -> Vec<u8> {
    let header = "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 3 2 2\n\
        space directions: none (0.5,0,0) (0,0.75,0) (0,0,4)\nkinds: list domain domain domain\nencoding: gzip\n\
        space origin: (10,-20,30)\nSegment0_Name:=GTV p\nSegment0_LabelValue:=1\nSegment0_Layer:=0\nSegment0_ID:=a\n\
        Segment1_Name:=Bladder\nSegment1_LabelValue:=2\nSegment1_Layer:=0\nSegment2_Name:=Uterus\n\
        Segment2_LabelValue:=1\nSegment2_Layer:=1\nSegmentation_ReferenceImageExtentOffset:=1 1 0\n";
    let first = [0, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0, 1];
    let second = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let data: Vec<u8> = first
        .into_iter()
        .zip(second)
        .flat_map(|(a, b)| [a, b])
        .collect();
    file(header, &gz(&data))
}

fn on(geometry: &Geometry) -> RegionImage<'_> {
    RegionImage {
        geometry,
        series: None,
        tolerance_mm: 0.01,
    }
}

#[test]
fn segments_are_chosen_by_name_or_label_and_put_back_on_the_image() {
    let bytes = segmentation();
    assert!(has_segments(&bytes) && !has_segments(&file(HEADER, &numbers())));
    assert_eq!(read_bytes(&bytes).unwrap_err().code(), "several-layers");
    let image = Geometry::new(
        [5, 4, 2],
        [
            [-0.5, 0.0, 0.0, -9.5],
            [0.0, -0.75, 0.0, 20.75],
            [0.0, 0.0, 4.0, 30.0],
        ],
    )
    .unwrap();
    let choose = |name, label| {
        region_bytes(
            &bytes,
            RegionName {
                name,
                label,
                channel: None,
            },
            on(&image),
        )
    };
    let voxels = |mask: Mask| -> Vec<[usize; 3]> {
        let inside = (0..mask.inside.len()).filter(|&i| mask.inside[i]);
        inside.map(|i| mask.geometry.voxel(i)).collect()
    };
    let gtv = voxels(choose(Some("GTV p"), 9).unwrap());
    assert_eq!(gtv, [[2, 1, 0], [3, 1, 0], [3, 2, 1]]);
    assert_eq!(voxels(choose(None, 2).unwrap()), [[1, 2, 0], [2, 2, 0]]);
    let uterus = voxels(choose(Some("Uterus"), 1).unwrap());
    assert_eq!(uterus, [[1, 1, 0], [2, 1, 0], [3, 1, 0], [1, 2, 0]]);
    let error = choose(None, 1).unwrap_err();
    assert_eq!(error.code(), "several-labels", "{error}");
    let error = choose(Some("GTV"), 1).unwrap_err();
    assert_eq!(error.code(), "label-absent");
    assert!(
        error.to_string().contains("present are label 1, label 2"),
        "{error}"
    );
    let cropped = Geometry::new([4, 2, 2], image.affine).unwrap();
    let which = RegionName {
        name: Some("GTV p"),
        label: 1,
        channel: None,
    };
    let error = region_bytes(&bytes, which, on(&cropped)).unwrap_err();
    assert_eq!(error.code(), "mask-outside-image", "{error}");
}

#[test]
fn older_segmentations_have_a_layer_a_segment() {
    let text = String::from_utf8_lossy(&segmentation()[..]).into_owned();
    let header: String = text
        .split("\n\n")
        .next()
        .unwrap()
        .lines()
        .filter(|l| !l.contains("LabelValue") && !l.contains("Layer") && !l.starts_with("Segment2"))
        .map(|l| format!("{l}\n"))
        .collect();
    let data: Vec<u8> = (0..12)
        .flat_map(|i| [u8::from(i < 3), u8::from(i > 8)])
        .collect();
    let found = Segmentation::read_bytes(&file(&header, &gz(&data))).unwrap();
    let bladder = found.mask(SegmentChoice::Name("Bladder")).unwrap();
    assert_eq!(bladder.inside, (0..12).map(|i| i > 8).collect::<Vec<_>>());
    let broken = format!("{header}Segment5_Layer:=2\n");
    let error = Segmentation::read_bytes(&file(&broken, &gz(&data))).unwrap_err();
    assert!(
        matches!(
            error,
            SegmentError::Field {
                segment: 5,
                field: "Layer",
                ..
            }
        ),
        "{error}"
    );
}
