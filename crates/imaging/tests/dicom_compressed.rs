//! Compressed pixels: frames written here, byte by byte, and series that dcmtk compressed, against the plain series.
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
use imaging::dicom::{DicomError, read_series};
use imaging::{Volume, Voxels};
use std::path::Path;
use std::process::Command;
use writer::{Object, encapsulated, file, pixels, put, slice};

const ROWS: u16 = 24;
const COLUMNS: u16 = 40;
const N_SLICES: u16 = 3;

/// Smooth with noise on it and long runs of zeros, of so many bits.
fn stored(k: u16, bits: u32) -> Vec<u16> {
    let (rows, columns) = (u32::from(ROWS), u32::from(COLUMNS));
    let at = |i: u32| {
        let (x, y) = (i % columns, i / columns);
        let bright = 7 * x * y + (37 * x + 57 * y + 91 * u32::from(k)) % 23;
        let inside = x > 6 && y > 3 && y < 20;
        (if inside { bright % (1 << bits) } else { 0 }) as u16
    };
    (0..rows * columns).map(at).collect()
}

fn object(k: u16, allocated: u16, stored_bits: u16) -> Object {
    let mut o = slice(k);
    pixels(&mut o, allocated, stored_bits, 0);
    put(&mut o, tags::ROWS, VR::US, ROWS);
    put(&mut o, tags::COLUMNS, VR::US, COLUMNS);
    put(&mut o, tags::STUDY_INSTANCE_UID, VR::UI, "1.2.840.2");
    put(&mut o, tags::INSTANCE_NUMBER, VR::IS, format!("{k}"));
    o
}

fn plain(bits: u16) -> Vec<Vec<u8>> {
    let of = |k| {
        let allocated = if bits > 8 { 16 } else { 8 };
        let mut o = object(k, allocated, bits);
        let numbers = stored(k, bits.into());
        let value = if bits > 8 {
            PrimitiveValue::U16(numbers.into())
        } else {
            let bytes: Vec<u8> = numbers.into_iter().map(|n| n as u8).collect();
            PrimitiveValue::U8(bytes.into())
        };
        let vr = if bits > 8 { VR::OW } else { VR::OB };
        put(&mut o, tags::PIXEL_DATA, vr, value);
        file(o, uids::EXPLICIT_VR_LITTLE_ENDIAN)
    };
    (0..N_SLICES).map(of).collect()
}

fn read(files: &[Vec<u8>]) -> Result<Volume, DicomError> {
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    read_series(&files, None).map(|series| series.volume)
}

/// Slices with one compressed frame each.
fn compressed(
    bits: u16,
    syntax: &str,
    encode: impl Fn(&[u16]) -> Vec<u8>,
    fragment_bytes: usize,
) -> Vec<Vec<u8>> {
    let of = |k| {
        let allocated = if bits > 8 { 16 } else { 8 };
        let mut o = object(k, allocated, bits);
        let mut frame = encode(&stored(k, bits.into()));
        frame.resize(frame.len().next_multiple_of(2), 0);
        let fragments = frame.chunks(fragment_bytes).map(<[u8]>::to_vec);
        encapsulated(&mut o, fragments.collect());
        file(o, syntax)
    };
    (0..N_SLICES).map(of).collect()
}

#[test]
fn frames_written_here_come_back_to_the_bit() {
    let size = [usize::from(COLUMNS), usize::from(ROWS)];
    for bits in [8_u16, 12, 16] {
        let expected = read(&plain(bits)).unwrap();
        let n_bytes = if bits > 8 { 2 } else { 1 };
        // Whole frames, and frames in several fragments.
        for fragment_bytes in [1 << 20, 500] {
            let rle = compressed(
                bits,
                uids::RLE_LOSSLESS,
                |numbers| run_lengths(numbers, n_bytes),
                fragment_bytes,
            );
            assert_eq!(read(&rle).unwrap(), expected, "run lengths, {bits} bits");
            for predictor in 1..=7 {
                let jpeg = compressed(
                    bits,
                    if predictor == 1 {
                        uids::JPEG_LOSSLESS_SV1
                    } else {
                        uids::JPEG_LOSSLESS
                    },
                    |numbers| jpeg_lossless(numbers, size, bits, predictor),
                    fragment_bytes,
                );
                let found = read(&jpeg).unwrap();
                assert_eq!(found, expected, "predictor {predictor}, {bits} bits");
            }
        }
    }
}

#[test]
fn blocks_of_one_value_come_back_from_baseline_jpeg() {
    let blocks = [usize::from(COLUMNS) / 8, usize::from(ROWS) / 8];
    let values: Vec<u8> = (0..blocks[0] * blocks[1]).map(|i| (16 * i) as u8).collect();
    let files = compressed(
        8,
        uids::JPEG_BASELINE8_BIT,
        |_| jpeg_baseline(&values, blocks),
        1 << 20,
    );
    let found = read(&files).unwrap();
    let Voxels::U8(voxels) = &found.voxels else {
        panic!("{}", found.voxels.type_name());
    };
    for (i, &value) in voxels.iter().enumerate() {
        let [x, y, _] = found.geometry.voxel(i);
        assert_eq!(value, values[x / 8 + blocks[0] * (y / 8)], "{x} {y}");
    }
}

#[test]
fn damaged_and_false_frames_are_refused() {
    let size = [usize::from(COLUMNS), usize::from(ROWS)];
    let good = jpeg_lossless(&stored(0, 12), size, 12, 1);
    let wrong_size = jpeg_lossless(&stored(0, 12), [size[1], size[0]], 12, 1);
    for frame in [good[..good.len() / 2].to_vec(), wrong_size, vec![0xff; 64]] {
        let files = compressed(12, uids::JPEG_LOSSLESS_SV1, |_| frame.clone(), 1 << 20);
        assert_eq!(read(&files).unwrap_err().code(), "frame-damaged");
    }
}

#[test]
fn syntaxes_that_are_not_read_are_named_with_their_repair() {
    for (uid, name, repair) in [
        (uids::JPEG_EXTENDED12_BIT, "12 bits", "dcmdjpeg"),
        (uids::JPEGLS_LOSSLESS, "JPEG-LS", "dcmdjpls"),
        (uids::JPEG2000_LOSSLESS, "JPEG 2000", "gdcmconv --raw"),
        (uids::HTJ2K_LOSSLESS, "High-Throughput", "re-export"),
        (uids::MPEG2MPML, "video", "re-export"),
    ] {
        let files = compressed(12, uid, |_| vec![1, 2], 1 << 20);
        let error = read(&files).unwrap_err();
        let said = error.to_string();
        assert_eq!(error.code(), "transfer-syntax");
        for part in [uid, name, repair] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

/// Whether a program of dcmtk is here.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|output| output.status.success())
}

fn convert(program: &str, options: &[&str], from: &Path, to: &Path) -> Vec<u8> {
    let output = Command::new(program)
        .args(options)
        .args([from, to])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {options:?}: {said}");
    std::fs::read(to).unwrap()
}

#[test]
fn series_that_dcmtk_compressed_are_the_plain_series() {
    if !["dcmcrle", "dcmcjpeg", "dcmdjpeg", "dcmcjpls"]
        .into_iter()
        .all(has)
    {
        eprintln!("skipped: dcmtk is not installed (dcmcrle, dcmcjpeg, dcmdjpeg, dcmcjpls)");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dcmtk");
    std::fs::create_dir_all(&folder).unwrap();
    let (from, to) = (folder.join("plain.dcm"), folder.join("compressed.dcm"));
    let by = |files: &[Vec<u8>], program: &str, options: &[&str]| -> Vec<Vec<u8>> {
        let one = |bytes: &Vec<u8>| {
            std::fs::write(&from, bytes).unwrap();
            convert(program, options, &from, &to)
        };
        files.iter().map(one).collect()
    };
    for bits in [8_u16, 12, 16] {
        let series = plain(bits);
        let expected = read(&series).unwrap();
        for (program, options) in [
            ("dcmcrle", &["+fs", "1"][..]),
            ("dcmcjpeg", &["+e1"]),
            ("dcmcjpeg", &["+el", "+sv", "4"]),
            ("dcmcjpeg", &["+el", "+sv", "7"]),
        ] {
            let files = by(&series, program, options);
            assert_ne!(files, series);
            assert_eq!(
                read(&files).unwrap(),
                expected,
                "{program} {options:?} {bits}"
            );
        }
        let files = by(&series, "dcmcjpls", &[]);
        let error = read(&files).unwrap_err();
        assert!(error.to_string().contains("dcmdjpls"), "{error}");
    }
    // Baseline loses something: what dcmtk itself decodes is the measure.
    let lossy = by(&plain(8), "dcmcjpeg", &["+eb", "+q", "95"]);
    let decoded = by(&lossy, "dcmdjpeg", &[]);
    let (ours, theirs) = (read(&lossy).unwrap(), read(&decoded).unwrap());
    let worst = ours
        .to_f64()
        .iter()
        .zip(theirs.to_f64())
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(worst <= 2.0, "{worst} grey levels apart");
    eprintln!("baseline: at most {worst} grey levels from dcmdjpeg");
}
