//! The text at the start of a file.

use super::error::MetaImageError;
use crate::content::DataType;
use crate::geometry::{Geometry, GeometryError};
use crate::world::from_lps;
use std::collections::BTreeMap;

/// The most bytes a header may have.
const HEADER_BYTES_MAX: usize = 1 << 20;
/// Axes a file may have; the format's own limit.
const N_AXES_MAX: usize = 10;
/// Characters of a bad value that an error shows.
const N_CHARS_SHOWN: usize = 64;

/// How the data are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    Raw,
    Zlib,
    Text,
}

/// What a header says, as far as it matters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) data_type: DataType,
    pub(super) storage: Storage,
    pub(super) big_endian: bool,
    /// Bytes before the data; -1: the data are the end of the file.
    pub(super) header_size: i64,
    pub(super) data_file: String,
    /// Numbers a voxel.
    pub(super) n_channels: u64,
    sizes: Vec<u64>,
    spacing: Vec<f64>,
    transform: Vec<f64>,
    /// Whether the file has a transform at all.
    orientation_known: bool,
    offset: Vec<f64>,
}

impl Header {
    /// The header, and the bytes after it.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), MetaImageError> {
        let (fields, data) = fields(bytes)?;
        Ok((header(&Fields(fields))?, data))
    }

    pub(super) fn geometry(&self) -> Result<Geometry, MetaImageError> {
        let wrong = || MetaImageError::NotThreeDimensional {
            sizes: self.sizes.clone(),
        };
        let (n_axes, sizes) = match self.sizes.as_slice() {
            [x, y, z, rest @ ..] if rest.iter().all(|&n| n == 1) => {
                (self.sizes.len(), [*x, *y, *z])
            }
            _ => return Err(wrong()),
        };
        let dims = sizes.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        // A grid that is none is told before its place is looked at.
        if dims.iter().any(|&n| n == 0 || n > i16::MAX as usize) {
            return Err(GeometryError::Dimensions { dims }.into());
        }
        let step = |axis: usize, i: usize| self.transform[axis * n_axes + i] * self.spacing[axis];
        let steps_mm = [0, 1, 2].map(|axis| [0, 1, 2].map(|i| step(axis, i)));
        let geometry = from_lps(dims, steps_mm, [0, 1, 2].map(|i| self.offset[i]))?;
        Ok(Geometry {
            orientation_known: self.orientation_known,
            ..geometry
        })
    }
}

/// Values by key, as text.
struct Fields(BTreeMap<String, String>);

fn fields(bytes: &[u8]) -> Result<(BTreeMap<String, String>, &[u8]), MetaImageError> {
    let mut fields = BTreeMap::new();
    let (mut at, mut line) = (0, 0);
    while at < bytes.len().min(HEADER_BYTES_MAX) {
        line += 1;
        let rest = &bytes[at..];
        let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        at += length + 1;
        let text = String::from_utf8_lossy(&rest[..length]);
        if text.trim().is_empty() {
            continue;
        }
        let (key, value) = text.split_once('=').ok_or(MetaImageError::Line { line })?;
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        let last = key == "ElementDataFile";
        fields.insert(key, value);
        if last {
            return Ok((fields, bytes.get(at..).unwrap_or_default()));
        }
    }
    if bytes.len() > HEADER_BYTES_MAX {
        let limit = HEADER_BYTES_MAX;
        return Err(MetaImageError::HeaderLength { limit });
    }
    let field = "ElementDataFile";
    Err(MetaImageError::Missing { field })
}

fn header(fields: &Fields) -> Result<Header, MetaImageError> {
    let n_axes: usize = fields.one("NDims", fields.need("NDims")?)?;
    if !(1..=N_AXES_MAX).contains(&n_axes) {
        return Err(bad("NDims", fields.need("NDims")?, "1 to 10"));
    }
    let n_channels = fields.or("ElementNumberOfChannels", 1_u64)?;
    let slope = fields.or("ElementToIntensityFunctionSlope", 1.0)?;
    let intercept = fields.or("ElementToIntensityFunctionOffset", 0.0)?;
    if (slope, intercept) != (1.0, 0.0) {
        return Err(MetaImageError::Scaling { slope, intercept });
    }
    let binary = fields.flag("BinaryData", true)?;
    let storage = match (binary, fields.flag("CompressedData", false)?) {
        (true, true) => Storage::Zlib,
        (true, false) => Storage::Raw,
        (false, _) => Storage::Text,
    };
    let msb = fields.flag("BinaryDataByteOrderMSB", false)?;
    let header_size = fields.or("HeaderSize", 0)?;
    if header_size < -1 || (header_size == -1 && storage != Storage::Raw) {
        let value = fields.need("HeaderSize")?;
        return Err(bad("HeaderSize", value, "0 or more, or -1 for raw data"));
    }
    let identity = (0..n_axes * n_axes)
        .map(|i| if i % (n_axes + 1) == 0 { 1.0 } else { 0.0 })
        .collect();
    let list = |names: &[&'static str], n| fields.list(names, n);
    let transform = list(
        &["TransformMatrix", "Rotation", "Orientation"],
        n_axes * n_axes,
    )?;
    Ok(Header {
        data_type: data_type(fields.need("ElementType")?)?,
        storage,
        big_endian: fields.flag("ElementByteOrderMSB", msb)?,
        header_size,
        data_file: fields.need("ElementDataFile")?.to_owned(),
        n_channels,
        sizes: fields
            .list(&["DimSize"], n_axes)?
            .ok_or(MetaImageError::Missing { field: "DimSize" })?,
        spacing: list(&["ElementSpacing"], n_axes)?.ok_or(MetaImageError::Missing {
            field: "ElementSpacing",
        })?,
        orientation_known: transform.is_some(),
        transform: transform.unwrap_or(identity),
        offset: list(&["Offset", "Position", "Origin"], n_axes)?
            .unwrap_or(vec![0.0; n_axes.max(3)]),
    })
}

impl Fields {
    fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    fn need(&self, field: &'static str) -> Result<&str, MetaImageError> {
        self.get(field).ok_or(MetaImageError::Missing { field })
    }

    fn one<T: std::str::FromStr>(
        &self,
        field: &'static str,
        text: &str,
    ) -> Result<T, MetaImageError> {
        text.parse().map_err(|_| bad(field, text, "a number"))
    }

    fn or<T: std::str::FromStr>(&self, field: &'static str, other: T) -> Result<T, MetaImageError> {
        self.get(field)
            .map_or(Ok(other), |text| self.one(field, text))
    }

    fn flag(&self, field: &'static str, other: bool) -> Result<bool, MetaImageError> {
        match self.get(field) {
            None => Ok(other),
            Some(text) => match text.bytes().next() {
                Some(b'T' | b't' | b'1') => Ok(true),
                Some(b'F' | b'f' | b'0') => Ok(false),
                _ => Err(bad(field, text, "True or False")),
            },
        }
    }

    /// The numbers of the first of these fields that is there.
    fn list<T: std::str::FromStr>(
        &self,
        names: &[&'static str],
        n: usize,
    ) -> Result<Option<Vec<T>>, MetaImageError> {
        for &field in names {
            let Some(text) = self.get(field) else {
                continue;
            };
            let wrong = || bad(field, text, "as many numbers as NDims asks for");
            let numbers: Vec<T> = text
                .split_ascii_whitespace()
                .map(|word| word.parse().map_err(|_| wrong()))
                .collect::<Result<_, _>>()?;
            return if numbers.len() == n {
                Ok(Some(numbers))
            } else {
                Err(wrong())
            };
        }
        Ok(None)
    }
}

fn bad(field: &'static str, value: &str, expected: &'static str) -> MetaImageError {
    MetaImageError::Field {
        field,
        value: value.chars().take(N_CHARS_SHOWN).collect(),
        expected,
    }
}

/// `MET_LONG` has 4 bytes in MetaIO, wherever it was written.
fn data_type(text: &str) -> Result<DataType, MetaImageError> {
    Ok(match text {
        "MET_CHAR" => DataType::I8,
        "MET_UCHAR" => DataType::U8,
        "MET_SHORT" => DataType::I16,
        "MET_USHORT" => DataType::U16,
        "MET_INT" | "MET_LONG" => DataType::I32,
        "MET_UINT" | "MET_ULONG" => DataType::U32,
        "MET_LONG_LONG" => DataType::I64,
        "MET_ULONG_LONG" => DataType::U64,
        "MET_FLOAT" => DataType::F32,
        "MET_DOUBLE" => DataType::F64,
        _ => {
            return Err(MetaImageError::PixelType {
                name: text.chars().take(N_CHARS_SHOWN).collect(),
            });
        }
    })
}
