//! NIfTI files byte by byte: what is read, and what is refused under which name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use flate2::{Compression, write::GzEncoder};
use imaging::canonical::canonical_bytes;
use imaging::content::ContentError;
use imaging::nifti::{Import, NiftiError, Note, Problem, import_bytes, read, read_bytes, write_gz};
use imaging::{GeometryError, Voxels, phantom};
use std::io::Write;

/// A little-endian file of 3 × 2 × 2 voxels `i16` 0 to 11, sized 2, 3, 4 mm, with neither sform nor qform.
fn plain() -> Vec<u8> {
    let mut bytes = vec![0; 352];
    put(&mut bytes, 0, &348_i32.to_le_bytes());
    put_i16s(&mut bytes, 40, &[3, 3, 2, 2, 1, 1, 1, 1]);
    put_i16s(&mut bytes, 70, &[4, 16]);
    put_f32s(&mut bytes, 76, &[1.0, 2.0, 3.0, 4.0]);
    put_f32s(&mut bytes, 108, &[352.0]);
    bytes[123] = 2;
    put(&mut bytes, 344, b"n+1\0");
    (0_i16..12).for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes
}

fn put(bytes: &mut [u8], at: usize, number: &[u8]) {
    bytes[at..at + number.len()].copy_from_slice(number);
}

fn put_i16s(bytes: &mut [u8], at: usize, numbers: &[i16]) {
    numbers
        .iter()
        .enumerate()
        .for_each(|(i, n)| put(bytes, at + 2 * i, &n.to_le_bytes()));
}

fn put_f32s(bytes: &mut [u8], at: usize, numbers: &[f32]) {
    numbers
        .iter()
        .enumerate()
        .for_each(|(i, n)| put(bytes, at + 4 * i, &n.to_le_bytes()));
}

/// [`plain`], changed.
fn with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = plain();
    change(&mut bytes);
    bytes
}

fn sform(bytes: &mut [u8], rows: [[f32; 4]; 3]) {
    put_i16s(bytes, 254, &[1]);
    put_f32s(bytes, 280, rows.as_flattened());
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn import(bytes: &[u8]) -> Import {
    import_bytes(bytes, "a.nii").unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], code: &str) -> Problem {
    let error: NiftiError = read_bytes(bytes, "Jane Doe.nii").unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(error.file, "Jane Doe.nii");
    assert!(!error.to_string().contains("Jane"), "{error}");
    error.problem
}

#[test]
fn voxels_keep_order_and_type_and_an_unoriented_file_says_so() {
    let Import { volume, notes } = import(&plain());
    assert_eq!(volume.voxels, Voxels::I16((0..12).collect()));
    assert_eq!(volume.geometry.dims, [3, 2, 2]);
    assert_eq!(volume.geometry.spacing_mm(), [2.0, 3.0, 4.0]);
    assert_eq!(notes, [Note::NoOrientation]);
    // As SimpleITK 2.5 reads it: the identity in LPS, and the origin.
    let itk = [
        [-2.0, 0.0, 0.0, 0.0],
        [0.0, -3.0, 0.0, 0.0],
        [0.0, 0.0, 4.0, 0.0],
    ];
    assert_eq!(volume.geometry.affine, itk);
    assert!(!volume.geometry.orientation_known);
    let again = import(&canonical_bytes(&volume)).volume;
    assert_eq!(
        (again.geometry, &again.voxels),
        (volume.geometry, &volume.voxels)
    );
    let index = volume.geometry.index([1, 0, 1]);
    assert_eq!(volume.to_f64()[index], 7.0);
    assert_eq!(volume.geometry.voxel(index), [1, 0, 1]);
}

#[test]
fn compression_is_recognised_by_content() {
    assert_eq!(import(&gz(&plain())), import(&plain()));
    let members = [gz(&plain()[..200]), gz(&plain()[200..])].concat();
    assert_eq!(import(&members), import(&plain()));
}

#[test]
fn big_endian_files_are_read() {
    let mut bytes = plain();
    let mut reverse = |from: usize, to: usize, width: usize| {
        bytes[from..to]
            .chunks_exact_mut(width)
            .for_each(<[u8]>::reverse);
    };
    reverse(0, 4, 4);
    reverse(40, 56, 2);
    reverse(70, 74, 2);
    reverse(76, 120, 4);
    reverse(252, 256, 2);
    reverse(256, 328, 4);
    reverse(352, 376, 2);
    assert_eq!(import(&bytes), import(&plain()));
}

#[test]
fn the_sform_is_preferred_and_a_distant_qform_is_noted() {
    let bytes = with(|bytes| {
        sform(
            bytes,
            [
                [-2.0, 0.0, 0.0, 10.0],
                [0.0, 3.0, 0.0, -20.0],
                [0.0, 0.0, 4.0, 30.0],
            ],
        );
        put_i16s(bytes, 252, &[1]);
        put_f32s(bytes, 256, &[0.0, 1.0, 0.0, 10.0, -20.0, 31.0]);
    });
    let Import { volume, notes } = import(&bytes);
    assert_eq!(volume.geometry.origin_mm(), [10.0, -20.0, 30.0]);
    assert_eq!(
        volume.geometry.direction(),
        [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    );
    // Half a turn about y sends z the other way: 2 · 4 mm at the far slice, less the millimetre of offset.
    assert_eq!(notes, [Note::FormsDisagree { distance_mm: 7.0 }]);
}

#[test]
fn a_qform_of_qfac_zero_is_right_handed() {
    for (qfac, z) in [(0.0, 4.0), (1.0, 4.0), (-1.0, -4.0)] {
        let bytes = with(|bytes| {
            put_i16s(bytes, 252, &[1]);
            put_f32s(bytes, 76, &[qfac]);
            put_f32s(bytes, 268, &[1.0, 2.0, 3.0]);
        });
        let affine = import(&bytes).volume.geometry.affine;
        assert_eq!(
            affine,
            [
                [2.0, 0.0, 0.0, 1.0],
                [0.0, 3.0, 0.0, 2.0],
                [0.0, 0.0, z, 3.0]
            ]
        );
    }
}

#[test]
fn a_rotated_qform_keeps_the_stored_voxel_sizes_exactly() {
    let bytes = with(|bytes| {
        put_i16s(bytes, 252, &[1]);
        put_f32s(bytes, 76, &[1.0, 0.7, 0.3, 5.5]);
        put_f32s(bytes, 256, &[0.3, -0.2, 0.5]);
    });
    let spacing_mm = import(&bytes).volume.geometry.spacing_mm();
    assert_eq!(spacing_mm, [0.7_f32, 0.3, 5.5].map(f64::from));
}

#[test]
fn a_rotated_sform_keeps_the_stored_voxel_sizes_exactly() {
    let (s, c) = (0.6_f32, 0.8_f32);
    let bytes = with(|bytes| {
        put_f32s(bytes, 76, &[1.0, 0.7, 0.3, 5.5]);
        sform(
            bytes,
            [
                [c * 0.7, -s * 0.3, 0.0, 0.0],
                [s * 0.7, c * 0.3, 0.0, 0.0],
                [0.0, 0.0, 5.5, 0.0],
            ],
        );
    });
    let Import { volume, notes } = import(&bytes);
    assert_eq!(
        volume.geometry.spacing_mm(),
        [0.7_f32, 0.3, 5.5].map(f64::from)
    );
    assert_eq!(notes, []);
}

#[test]
fn an_sform_of_another_spacing_wins_and_is_noted() {
    let bytes = with(|bytes| {
        sform(
            bytes,
            [
                [2.0, 0.0, 0.0, 0.0],
                [0.0, 3.0, 0.0, 0.0],
                [0.0, 0.0, 5.0, 0.0],
            ],
        )
    });
    let Import { volume, notes } = import(&bytes);
    assert_eq!(volume.geometry.spacing_mm(), [2.0, 3.0, 5.0]);
    assert_eq!(
        notes,
        [Note::SpacingsDisagree {
            axis: 2,
            sform_mm: 5.0,
            stored_mm: 4.0
        }]
    );
}

#[test]
fn negative_voxel_sizes_and_other_units_are_noted() {
    let bytes = with(|bytes| {
        put_f32s(bytes, 76, &[1.0, -2.0]);
        bytes[123] = 3;
    });
    let Import { volume, notes } = import(&bytes);
    assert_eq!(volume.geometry.spacing_mm(), [0.002, 0.003, 0.004]);
    let negative = Note::NegativeVoxelSize { axis: 0, mm: -2.0 };
    assert_eq!(
        notes,
        [
            Note::NoOrientation,
            Note::Units { mm_per_unit: 0.001 },
            negative
        ]
    );
}

#[test]
fn a_slope_makes_floats_and_a_slope_of_zero_or_nan_makes_nothing() {
    let slope =
        |slope: f32, intercept: f32| with(|bytes| put_f32s(bytes, 112, &[slope, intercept]));
    let Import { volume, notes } = import(&slope(0.1, -1.0));
    let expected = (0..12)
        .map(|i| (f64::from(i) * f64::from(0.1_f32) - 1.0) as f32)
        .collect();
    assert_eq!(volume.voxels, Voxels::F32(expected));
    let scaled = Note::Scaled {
        slope: f64::from(0.1_f32),
        intercept: -1.0,
    };
    assert_eq!(notes, [Note::NoOrientation, scaled]);
    for (numerator, intercept) in [(0.0, 5.0), (f32::NAN, f32::NAN), (1.0, 0.0)] {
        assert_eq!(
            import(&slope(numerator, intercept)).volume.voxels,
            Voxels::I16((0..12).collect())
        );
    }
    refused(&slope(2.0, f32::NAN), "scaling");
}

#[test]
fn a_scaled_32_bit_integer_loses_nothing() {
    let bytes = with(|bytes| {
        bytes.truncate(352);
        put_i16s(bytes, 70, &[8, 32]);
        put_f32s(bytes, 112, &[2.0]);
        (0..12_i32).for_each(|i| bytes.extend((16_777_217 + i).to_le_bytes()));
    });
    let expected = (0..12).map(|i| 2.0 * f64::from(16_777_217 + i)).collect();
    assert_eq!(import(&bytes).volume.voxels, Voxels::F64(expected));
}

#[test]
fn sixty_four_bit_integers_are_read_where_they_fit() {
    let file = |last: i64| {
        with(|bytes| {
            bytes.truncate(352);
            put_i16s(bytes, 70, &[1024, 64]);
            (0..11).for_each(|i: i64| bytes.extend((-i).to_le_bytes()));
            bytes.extend(last.to_le_bytes());
        })
    };
    let Import { volume, notes } = import(&file(7));
    assert_eq!(
        volume.voxels,
        Voxels::I32((0..11).map(|i| -i).chain([7]).collect())
    );
    assert!(notes.contains(&Note::SixtyFourBit));
    let problem = refused(&file(1 << 40), "sixty-four-bit");
    assert_eq!(
        problem,
        Problem::from(ContentError::SixtyFourBit {
            value: "1099511627776".into(),
            index: 11
        })
    );
}

#[test]
fn only_three_dimensions_are_read_but_trailing_ones_are_dropped() {
    let dims = |dims: [i16; 8]| with(|bytes| put_i16s(bytes, 40, &dims));
    assert_eq!(import(&dims([5, 3, 2, 2, 1, 1, 9, 9])), import(&plain()));
    let problem = refused(&dims([4, 3, 2, 1, 2, 1, 1, 1]), "not-three-dimensional");
    assert_eq!(
        problem,
        Problem::NotThreeDimensional {
            dims: vec![3, 2, 1, 2]
        }
    );
    refused(&dims([2, 3, 4, 1, 1, 1, 1, 1]), "not-three-dimensional");
    refused(&dims([3, 3, 0, 2, 1, 1, 1, 1]), "dimensions");
    refused(&dims([3, 3, -2, 2, 1, 1, 1, 1]), "dimensions");
    refused(&dims([0; 8]), "axis-count");
    refused(&dims([8; 8]), "axis-count");
}

#[test]
fn other_formats_are_refused_by_name() {
    refused(&with(|bytes| put(bytes, 344, b"ni1\0")), "detached-image");
    refused(
        &with(|bytes| put(bytes, 0, &540_i32.to_le_bytes())),
        "nifti-2",
    );
    refused(&with(|bytes| put(bytes, 344, b"\0\0\0\0")), "not-nifti");
    refused(&[b'x'; 400], "not-nifti");
    refused(b"DICM", "truncated");
    refused(b"", "truncated");
    let rgb = refused(&with(|bytes| put_i16s(bytes, 70, &[128, 24])), "pixel-type");
    assert_eq!(
        rgb,
        Problem::PixelType {
            datatype: 128,
            name: "rgb24"
        }
    );
    refused(
        &with(|bytes| put_i16s(bytes, 70, &[4, 8])),
        "bits-per-voxel",
    );
}

#[test]
fn a_header_that_claims_more_than_the_file_holds_allocates_nothing() {
    let huge = with(|bytes| put_i16s(bytes, 40, &[3, 32767, 32767, 32767]));
    let claimed = 352 + 2 * 32767_u64.pow(3);
    assert_eq!(
        refused(&huge, "truncated"),
        Problem::from(ContentError::Truncated {
            needed: claimed,
            found: 376
        })
    );
    let compressed = gz(&huge);
    let expected = Problem::from(ContentError::ImplausibleSize {
        needed: claimed,
        compressed: compressed.len() as u64,
    });
    assert_eq!(refused(&compressed, "implausible-size"), expected);
}

#[test]
fn damaged_files_are_refused() {
    let short = &plain()[..375];
    assert_eq!(
        refused(short, "truncated"),
        Problem::from(ContentError::Truncated {
            needed: 376,
            found: 375
        })
    );
    assert_eq!(
        refused(&gz(short), "truncated"),
        Problem::from(ContentError::Truncated {
            needed: 376,
            found: 375
        })
    );
    let whole = gz(&plain());
    for n_bytes in [whole.len() - 1, whole.len() - 8, whole.len() / 2, 12] {
        refused(&whole[..n_bytes], "gzip-damaged");
    }
    let mut flipped = whole.clone();
    let at = whole.len() - 6;
    flipped[at] ^= 1;
    refused(&flipped, "gzip-damaged");
    let long = with(|bytes| bytes.resize(376 + (1 << 20), 0));
    assert_eq!(import(&long), import(&plain()));
    let longer = with(|bytes| bytes.resize(377 + (1 << 20), 0));
    refused(&longer, "trailing-bytes");
    refused(&gz(&longer), "trailing-bytes");
}

#[test]
fn impossible_geometry_is_refused() {
    let flat = with(|bytes| {
        sform(
            bytes,
            [
                [2.0, 2.0, 0.0, 0.0],
                [0.0, 0.0, 0.0, 0.0],
                [0.0, 0.0, 4.0, 0.0],
            ],
        )
    });
    assert!(matches!(
        refused(&flat, "affine-singular"),
        Problem::Geometry(GeometryError::Singular { .. })
    ));
    let nan = with(|bytes| {
        sform(
            bytes,
            [
                [2.0, 0.0, 0.0, f32::NAN],
                [0.0, 3.0, 0.0, 0.0],
                [0.0, 0.0, 4.0, 0.0],
            ],
        )
    });
    refused(&nan, "affine-not-finite");
    refused(
        &with(|bytes| put_f32s(bytes, 76, &[1.0, 0.0])),
        "voxel-size",
    );
    let qform = with(|bytes| {
        put_i16s(bytes, 252, &[1]);
        put_f32s(bytes, 256, &[f32::INFINITY]);
    });
    refused(&qform, "qform");
    for offset in [351.0, -1.0, 352.5, f32::NAN, 1e30] {
        refused(
            &with(|bytes| put_f32s(bytes, 108, &[offset])),
            "voxel-offset",
        );
    }
}

#[test]
fn voxels_without_a_value_are_counted() {
    let bytes = with(|bytes| {
        bytes.truncate(352);
        put_i16s(bytes, 70, &[16, 32]);
        let values = [
            1.0,
            2.0,
            3.0,
            4.0,
            f32::NAN,
            5.0,
            6.0,
            f32::INFINITY,
            7.0,
            8.0,
            9.0,
            10.0,
        ];
        values
            .iter()
            .for_each(|value| bytes.extend(value.to_le_bytes()));
    });
    let problem = refused(&bytes, "voxels-not-finite");
    assert_eq!(
        problem,
        Problem::from(ContentError::NotFinite {
            n_voxels: 2,
            first: [1, 1, 0]
        })
    );
}

#[test]
fn an_absent_file_is_refused_without_its_name() {
    let error = read(std::path::Path::new("no such folder/Jane Doe.nii")).unwrap_err();
    assert_eq!(
        (error.code(), error.file.as_str()),
        ("file-not-accessible", "no such folder/Jane Doe.nii")
    );
    assert!(!error.to_string().contains("Jane"));
}

#[test]
fn files_on_disk_are_read_like_their_bytes() {
    let folder = std::env::temp_dir().join(format!("imaging-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("image.nii");
    let write_and_read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        (read(&path), read_bytes(bytes, &path.to_string_lossy()))
    };
    let compressed = gz(&plain());
    for bytes in [
        plain(),
        compressed.clone(),
        plain()[..375].to_vec(),
        plain()[..5].to_vec(),
        compressed[..40].to_vec(),
    ] {
        let (from_file, from_bytes) = write_and_read(&bytes);
        assert_eq!(from_file, from_bytes);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_compressed_copy_holds_the_same_image_and_another_reader_reads_it() {
    use nifti::{IntoNdArray, NiftiObject, ReaderOptions};
    let folder = std::env::temp_dir().join(format!("imaging-write-gz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, (volume, _)) in [("pelvis", phantom::pelvis()), ("odd", phantom::odd())] {
        let path = folder.join(format!("{name}.nii.gz"));
        write_gz(&path, &volume).unwrap();
        assert_eq!(read(&path).unwrap(), volume);
        let other = ReaderOptions::new().read_file(&path).unwrap();
        let values = other.into_volume().into_ndarray::<f64>().unwrap();
        let in_file_order: Vec<f64> = values.t().iter().copied().collect();
        assert_eq!(in_file_order, volume.to_f64());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_file_compressed_twice_says_so() {
    assert_eq!(
        refused(&gz(&gz(&plain())), "gzip-twice"),
        Problem::GzipTwice
    );
}
