//! DICOM files as another library writes them.

use dicom_core::value::{DataSetSequence, PixelFragmentSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

pub type Object = InMemDicomObject;

/// Adds an element.
pub fn put(object: &mut Object, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
    let value: PrimitiveValue = value.into();
    object.put(DataElement::new(tag, vr, value));
}

/// Adds a sequence.
pub fn put_items(object: &mut Object, tag: Tag, items: Vec<Object>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

/// An item with one sequence of one item.
pub fn group(tag: Tag, item: Object) -> Object {
    let mut object = Object::new_empty();
    put_items(&mut object, tag, vec![item]);
    object
}

pub fn decimals(numbers: &[f64]) -> String {
    let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
    texts.join("\\")
}

/// The bytes of a file.
pub fn file(object: Object, syntax: &str) -> Vec<u8> {
    let class = object
        .element(tags::SOP_CLASS_UID)
        .unwrap()
        .to_str()
        .unwrap()
        .into_owned();
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid("1.2.3.4");
    let mut bytes = Vec::new();
    object
        .with_meta(meta)
        .unwrap()
        .write_all(&mut bytes)
        .unwrap();
    bytes
}

/// Columns and rows of the slices of these tests.
pub const SIZE: [u16; 2] = [3, 2];
/// An oblique plane: rows run to the left and a bit up, columns to the back.
pub const ORIENTATION: [f64; 6] = [0.8, 0.0, 0.6, 0.0, 1.0, 0.0];
/// Its normal.
pub const NORMAL: [f64; 3] = [-0.6, 0.0, 0.8];

/// The place of slice `k` of a stack with slices of 4 mm.
pub fn position(k: f64) -> [f64; 3] {
    [10.0, -20.0, 30.0]
        .iter()
        .zip(NORMAL)
        .map(|(o, n)| o + 4.0 * k * n)
        .collect::<Vec<f64>>()
        .try_into()
        .unwrap()
}

/// Slice `k` of a stack, with numbers that tell it.
pub fn slice(k: u16) -> Object {
    let mut object = Object::new_empty();
    let o = &mut object;
    put(o, tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE);
    put(o, tags::SOP_INSTANCE_UID, VR::UI, format!("1.2.3.{k}"));
    put(o, tags::MODALITY, VR::CS, "MR");
    put(o, tags::PATIENT_NAME, VR::PN, "Miller^Anna");
    put(o, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.840.1");
    put(o, tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.840.9");
    put(
        o,
        tags::IMAGE_POSITION_PATIENT,
        VR::DS,
        decimals(&position(f64::from(k))),
    );
    put(
        o,
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        decimals(&ORIENTATION),
    );
    put(o, tags::PIXEL_SPACING, VR::DS, "0.75\\0.5");
    put(o, tags::SLICE_THICKNESS, VR::DS, "3");
    pixels(o, 16, 16, 0);
    let numbers: Vec<u16> = (0..6).map(|i| 100 * k + i).collect();
    put(
        o,
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(numbers.into()),
    );
    object
}

/// The description of grey pixels.
pub fn pixels(o: &mut Object, allocated: u16, stored: u16, signed: u16) {
    put(o, tags::SAMPLES_PER_PIXEL, VR::US, 1_u16);
    put(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    put(o, tags::COLUMNS, VR::US, SIZE[0]);
    put(o, tags::ROWS, VR::US, SIZE[1]);
    put(o, tags::BITS_ALLOCATED, VR::US, allocated);
    put(o, tags::BITS_STORED, VR::US, stored);
    put(o, tags::HIGH_BIT, VR::US, stored - 1);
    put(o, tags::PIXEL_REPRESENTATION, VR::US, signed);
}

/// Compressed pixel data.
pub fn encapsulated(o: &mut Object, fragments: Vec<Vec<u8>>) {
    let sequence = PixelFragmentSequence::new_fragments(fragments);
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, sequence));
}
