//! Canonical bytes give back the volume, to the bit.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::canonical::canonical_bytes;
use imaging::nifti::{import_bytes, read_bytes};
use imaging::{Geometry, Volume, Voxels, phantom};
use proptest::prelude::*;

fn voxels(n: usize) -> impl Strategy<Value = Voxels> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), n).prop_map(Voxels::U8),
        prop::collection::vec(any::<i8>(), n).prop_map(Voxels::I8),
        prop::collection::vec(any::<u16>(), n).prop_map(Voxels::U16),
        prop::collection::vec(any::<i16>(), n).prop_map(Voxels::I16),
        prop::collection::vec(any::<u32>(), n).prop_map(Voxels::U32),
        prop::collection::vec(any::<i32>(), n).prop_map(Voxels::I32),
        prop::collection::vec(-1e30_f32..1e30, n).prop_map(Voxels::F32),
        prop::collection::vec(-1e300..1e300, n).prop_map(Voxels::F64),
    ]
}

fn volume() -> impl Strategy<Value = Volume> {
    let affine = prop::array::uniform3(prop::array::uniform4(-500.0..500.0));
    let geometry = (prop::array::uniform3(1_usize..5), affine)
        .prop_filter_map("singular", |(dims, affine)| {
            Geometry::new(dims, affine).ok()
        });
    geometry.prop_flat_map(|geometry| {
        voxels(geometry.n_voxels()).prop_map(move |voxels| Volume::new(geometry, voxels).unwrap())
    })
}

/// Equal bits, where `==` would let 0 equal -0.
fn bits(volume: &Volume) -> (Vec<u64>, Vec<u64>, &'static str) {
    let affine = volume
        .geometry
        .affine
        .as_flattened()
        .iter()
        .map(|entry| entry.to_bits())
        .collect();
    let values = volume
        .to_f64()
        .iter()
        .map(|value| value.to_bits())
        .collect();
    (affine, values, volume.voxels.type_name())
}

proptest! {
    #[test]
    fn canonical_bytes_read_back_to_the_same_bits(volume in volume()) {
        let bytes = canonical_bytes(&volume);
        let back = import_bytes(&bytes, "canonical").unwrap();
        prop_assert_eq!(bits(&back.volume), bits(&volume));
        prop_assert_eq!(back.notes, vec![]);
        prop_assert_eq!(canonical_bytes(&back.volume), bytes);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(at in 0_usize..400, with in any::<[u8; 4]>(), cut in 0_usize..400) {
        let mut bytes = canonical_bytes(&phantom::odd().0);
        bytes[at..at + 4].copy_from_slice(&with);
        let _ = read_bytes(&bytes, "changed");
        let _ = read_bytes(&bytes[..cut], "cut");
    }
}

#[test]
fn a_moved_sform_overrules_the_exact_affine_it_left_behind() {
    let (volume, _) = phantom::pelvis();
    let mut bytes = canonical_bytes(&volume);
    bytes[292..296].copy_from_slice(&25.0_f32.to_le_bytes());
    let moved = read_bytes(&bytes, "moved").unwrap();
    assert_eq!(moved.geometry.origin_mm(), [25.0, 0.0, 0.0]);
}

#[test]
fn a_double_that_no_single_holds_survives() {
    let geometry = Geometry::axis_aligned([2, 2, 2], [0.1, 1.0 / 3.0, 7.0]).unwrap();
    let volume = Volume::new(geometry, Voxels::U8(vec![0; 8])).unwrap();
    let back = read_bytes(&canonical_bytes(&volume), "canonical").unwrap();
    assert_eq!(back.geometry.spacing_mm(), [0.1, 1.0 / 3.0, 7.0]);
}

#[test]
fn minus_zero_is_zero() {
    let place = |zero: f64| {
        let affine = [
            [1.0, zero, 0.0, zero],
            [zero, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ];
        canonical_bytes(
            &Volume::new(
                Geometry::new([1, 1, 1], affine).unwrap(),
                Voxels::U8(vec![1]),
            )
            .unwrap(),
        )
    };
    assert_eq!(place(0.0), place(-0.0));
}

#[test]
fn the_layout_is_fixed() {
    let volume = Volume::new(
        Geometry::axis_aligned([2, 1, 1], [1.0, 2.0, 3.5]).unwrap(),
        Voxels::I16(vec![1, -2]),
    )
    .unwrap();
    let bytes = canonical_bytes(&volume);
    assert_eq!(bytes.len(), 352 + 80 + 4);
    assert_eq!(&bytes[352..360], [80, 0, 0, 0, 6, 0, 0, 0]);
    let text = "radloom affine 1\n1.0 0.0 0.0 0.0\n0.0 2.0 0.0 0.0\n0.0 0.0 3.5 0.0";
    assert_eq!(&bytes[360..360 + text.len()], text.as_bytes());
    assert_eq!(&bytes[432..], [1, 0, 254, 255]);
}
