//! Masks of several numbers a voxel, as SimpleITK 2.5.7 writes them (`fixtures/channels/make_channels.py`), and of our own bytes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::formats::{RegionImage, RegionName, read_bytes, read_channels, region_bytes};
use imaging::{Geometry, Voxels};

const WRITTEN: [(&str, &[u8]); 3] = [
    ("nrrd", include_bytes!("fixtures/channels/three.nrrd")),
    ("metaimage", include_bytes!("fixtures/channels/three.mha")),
    ("nifti", include_bytes!("fixtures/channels/three.nii")),
];

fn value([x, y, z]: [usize; 3], channel: usize) -> u8 {
    ((5 * x + 3 * y + 7 * z + 11 * channel) % 4) as u8
}

/// Spacing 0.5, 0.75, 2 mm, turned about z by a quarter, as the script has it, in RAS.
fn grid() -> Geometry {
    let affine = [
        [0.0, 0.75, 0.0, 3.0],
        [-0.5, 0.0, 0.0, -4.0],
        [0.0, 0.0, 2.0, 5.5],
    ];
    Geometry::new([4, 3, 2], affine).unwrap()
}

#[test]
fn each_channel_is_the_one_that_simpleitk_takes() {
    for (format, bytes) in WRITTEN {
        for channel in 0..3 {
            let volume = read_channels(bytes).unwrap().choose(Some(channel)).unwrap();
            assert_eq!(volume.geometry.dims, [4, 3, 2], "{format}");
            for (found, wanted) in volume
                .geometry
                .affine
                .as_flattened()
                .iter()
                .zip(grid().affine.as_flattened())
            {
                assert!((found - wanted).abs() < 1e-6, "{format}");
            }
            let wanted = (0..24).map(|i| value(volume.geometry.voxel(i), channel));
            assert_eq!(
                volume.voxels,
                Voxels::U8(wanted.collect()),
                "{format} {channel}"
            );
        }
    }
}

#[test]
fn a_channel_must_be_chosen_and_be_there() {
    for (format, bytes) in WRITTEN {
        let code = |channel| {
            let channels = read_channels(bytes).unwrap();
            channels.choose(channel).unwrap_err().code()
        };
        assert_eq!(code(None), "several-channels", "{format}");
        assert_eq!(code(Some(3)), "channel-absent", "{format}");
        let as_image = read_bytes(bytes).unwrap_err().code();
        assert!(
            ["not-three-dimensional", "several-channels"].contains(&as_image),
            "{format}: {as_image}"
        );
        for n_bytes in [bytes.len() - 1, bytes.len() - 40] {
            let error = read_channels(&bytes[..n_bytes]).unwrap_err();
            assert_eq!(error.code(), "truncated", "{format}");
        }
    }
}

#[test]
fn a_label_in_a_channel_is_a_region() {
    let grid = grid();
    let on = RegionImage {
        geometry: &grid,
        series: None,
        tolerance_mm: 0.01,
    };
    for (format, bytes) in WRITTEN {
        for (label, channel) in [(1, 0), (2, 1), (3, 2)] {
            let which = RegionName {
                name: None,
                label,
                channel: Some(channel),
            };
            let mask = region_bytes(bytes, which, on).unwrap();
            let wanted: Vec<bool> = (0..24)
                .map(|i| i32::from(value(grid.voxel(i), channel)) == label)
                .collect();
            assert_eq!(mask.inside, wanted, "{format}");
            assert_eq!(mask.geometry, grid, "{format}");
        }
    }
}

#[test]
fn claimed_channels_allocate_nothing() {
    let header = "ObjectType = Image\nNDims = 3\nDimSize = 30000 30000 30000\nElementType = MET_UCHAR\n\
                  ElementSpacing = 1 1 1\nElementNumberOfChannels = 18446744073709551615\nElementDataFile = LOCAL\n";
    assert_eq!(
        read_channels(header.as_bytes()).unwrap_err().code(),
        "several-channels"
    );
    let fewer = header.replace("18446744073709551615", "1000");
    assert_eq!(
        read_channels(fewer.as_bytes()).unwrap_err().code(),
        "truncated"
    );
    let none = header.replace("18446744073709551615", "0");
    assert_eq!(
        read_channels(none.as_bytes()).unwrap_err().code(),
        "several-channels"
    );
}

#[test]
fn an_image_of_one_number_a_voxel_is_channel_0() {
    let (image, _) = imaging::phantom::iso();
    let bytes = imaging::canonical::canonical_bytes(&image);
    for channel in [None, Some(0)] {
        assert_eq!(
            read_channels(&bytes).unwrap().choose(channel).unwrap(),
            image
        );
    }
    let error = read_channels(&bytes).unwrap().choose(Some(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "channel 1 is not there: the image has 1 channel, counted from 0"
    );
}
