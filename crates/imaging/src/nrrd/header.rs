//! The text at the start of a file.

use super::error::NrrdError;
use crate::content::DataType;
use std::collections::BTreeMap;

/// The most bytes a header may have; Slicer's, with all its segments' properties, have some tens of thousands.
const HEADER_BYTES_MAX: usize = 4 << 20;
/// Axes a file may have; the format's own limit.
const N_AXES_MAX: usize = 16;
/// Characters of a bad value that an error shows.
const N_CHARS_SHOWN: usize = 64;

/// How the data are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Raw,
    Text,
    Gzip,
}

/// What a header says, as far as it matters; fields have the format's names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) data_type: DataType,
    pub(super) sizes: Vec<u64>,
    pub(super) encoding: Encoding,
    pub(super) big_endian: bool,
    /// One an axis where given; the text of the file in lower case.
    pub(super) kinds: Vec<String>,
    pub(super) centers: Vec<String>,
    pub(super) spacings: Vec<f64>,
    pub(super) axis_mins: Vec<f64>,
    /// `none` is `None`.
    pub(super) directions: Option<Vec<Option<[f64; 3]>>>,
    pub(super) origin: Option<[f64; 3]>,
    /// Signs that turn the file's world into RAS+.
    pub(super) signs: [f64; 3],
    pub(super) mm_per_unit: [f64; 3],
    pub(super) byte_skip: i64,
    pub(super) line_skip: u64,
    pub(super) data_file: Option<String>,
    /// `key:=value` pairs.
    pub(super) pairs: BTreeMap<String, String>,
}

impl Header {
    /// The header, and the bytes after it.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), NrrdError> {
        let magic = bytes.get(..8).unwrap_or(bytes);
        if !matches!(
            magic,
            [b'N', b'R', b'R', b'D', b'0', b'0', b'0', b'1'..=b'5']
        ) {
            return Err(NrrdError::NotNrrd {
                magic: magic.escape_ascii().to_string(),
            });
        }
        let (lines, data) = lines(bytes);
        if data.is_none() && bytes.len() > HEADER_BYTES_MAX {
            return Err(NrrdError::HeaderLength {
                limit: HEADER_BYTES_MAX,
            });
        }
        let fields = Fields::read(&lines)?;
        Ok((fields.header()?, data.unwrap_or_default()))
    }

    pub(super) fn has_segments(&self) -> bool {
        self.pairs
            .keys()
            .any(|key| super::segmentation::segment_of(key).is_some())
    }
}

/// Whether a line of a header names the file of the data.
pub(super) fn is_data_file_line(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, value)| {
        matches!(canonical(name).as_str(), "data file") && !value.starts_with('=')
    })
}

/// Lines up to the first empty one, and what follows it.
fn lines(bytes: &[u8]) -> (Vec<&[u8]>, Option<&[u8]>) {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < bytes.len().min(HEADER_BYTES_MAX) {
        let rest = &bytes[at..];
        let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        let line = &rest[..length];
        at += length + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return (lines, Some(bytes.get(at..).unwrap_or_default()));
        }
        lines.push(line);
    }
    (lines, None)
}

/// Names in use for one field become one.
fn canonical(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "datafile" => "data file",
        "centerings" => "centers",
        "axismins" => "axis mins",
        "byteskip" => "byte skip",
        "lineskip" => "line skip",
        other => other,
    }
    .to_owned()
}

/// Fields as text.
struct Fields {
    fields: BTreeMap<String, String>,
    pairs: BTreeMap<String, String>,
}

impl Fields {
    fn read(lines: &[&[u8]]) -> Result<Fields, NrrdError> {
        let (mut fields, mut pairs) = (BTreeMap::new(), BTreeMap::new());
        for (i, line) in lines.iter().enumerate().skip(1) {
            let text = String::from_utf8_lossy(line);
            let line = i + 1;
            if text.starts_with('#') {
                continue;
            }
            let Some((name, value)) = text.split_once(':') else {
                return Err(NrrdError::Line { line });
            };
            if let Some(value) = value.strip_prefix('=') {
                pairs.insert(name.to_owned(), value.trim().to_owned());
                continue;
            }
            let name = canonical(name);
            if fields.contains_key(&name) {
                return Err(NrrdError::Twice { field: name, line });
            }
            fields.insert(name, value.trim().to_owned());
        }
        Ok(Fields { fields, pairs })
    }

    fn header(self) -> Result<Header, NrrdError> {
        let dimension: usize = self.number("dimension", self.need("dimension")?)?;
        if !(1..=N_AXES_MAX).contains(&dimension) {
            return Err(bad("dimension", self.need("dimension")?, "1 to 16"));
        }
        let data_type = data_type(self.need("type")?)?;
        let encoding = encoding(self.need("encoding")?)?;
        let sizes = self.list("sizes", dimension)?;
        if sizes.is_empty() {
            return Err(NrrdError::Missing { field: "sizes" });
        }
        let byte_skip = self.number("byte skip", self.get("byte skip").unwrap_or("0"))?;
        if byte_skip < -1 || (byte_skip == -1 && encoding != Encoding::Raw) {
            let value = self.get("byte skip").unwrap_or_default();
            return Err(bad(
                "byte skip",
                value,
                "0 or more, or -1 with encoding raw",
            ));
        }
        Ok(Header {
            data_type,
            sizes,
            encoding,
            big_endian: self.big_endian(data_type, encoding)?,
            kinds: self.words("kinds"),
            centers: self.words("centers"),
            spacings: self.list("spacings", dimension)?,
            axis_mins: self.list("axis mins", dimension)?,
            directions: self.directions(dimension)?,
            origin: self.origin()?,
            signs: self.signs()?,
            mm_per_unit: self.units()?,
            byte_skip,
            line_skip: self.number("line skip", self.get("line skip").unwrap_or("0"))?,
            data_file: self.get("data file").map(str::to_owned),
            pairs: self.pairs,
        })
    }

    fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    fn need(&self, field: &'static str) -> Result<&str, NrrdError> {
        self.get(field).ok_or(NrrdError::Missing { field })
    }

    fn number<T: std::str::FromStr>(
        &self,
        field: &'static str,
        text: &str,
    ) -> Result<T, NrrdError> {
        text.trim()
            .parse()
            .map_err(|_| bad(field, text, "a whole number"))
    }

    /// One number an axis; empty if the field is absent.
    fn list<T: std::str::FromStr>(
        &self,
        field: &'static str,
        dimension: usize,
    ) -> Result<Vec<T>, NrrdError> {
        let Some(text) = self.get(field) else {
            return Ok(Vec::new());
        };
        let wrong = || bad(field, text, "a number for each axis");
        let numbers: Vec<T> = text
            .split_ascii_whitespace()
            .map(|word| word.parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        if numbers.len() == dimension {
            Ok(numbers)
        } else {
            Err(wrong())
        }
    }

    fn words(&self, field: &str) -> Vec<String> {
        let text = self.get(field).unwrap_or_default();
        text.split_ascii_whitespace()
            .map(|word| word.trim_matches('"').to_ascii_lowercase())
            .take(N_AXES_MAX)
            .collect()
    }

    fn big_endian(&self, data_type: DataType, encoding: Encoding) -> Result<bool, NrrdError> {
        match self.get("endian").map(str::to_ascii_lowercase).as_deref() {
            Some("little") => Ok(false),
            Some("big") => Ok(true),
            None if data_type.n_bytes() == 1 || encoding == Encoding::Text => Ok(false),
            None => Err(NrrdError::Missing { field: "endian" }),
            Some(other) => Err(bad("endian", other, "little or big")),
        }
    }

    fn directions(&self, dimension: usize) -> Result<Option<Vec<Option<[f64; 3]>>>, NrrdError> {
        let Some(text) = self.get("space directions") else {
            return Ok(None);
        };
        let wrong = || {
            let expected = "a vector of three numbers or `none` for each axis";
            bad("space directions", text, expected)
        };
        let mut directions = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("none") {
                directions.push(None);
                rest = after.trim_start();
            } else {
                let end = rest.find(')').ok_or_else(wrong)?;
                directions.push(Some(vector(&rest[..=end]).ok_or_else(wrong)?));
                rest = rest[end + 1..].trim_start();
            }
        }
        if directions.len() == dimension {
            Ok(Some(directions))
        } else {
            Err(wrong())
        }
    }

    fn origin(&self) -> Result<Option<[f64; 3]>, NrrdError> {
        let read = |text: &str| {
            vector(text).ok_or_else(|| bad("space origin", text, "a vector of three numbers"))
        };
        self.get("space origin").map(read).transpose()
    }

    fn signs(&self) -> Result<[f64; 3], NrrdError> {
        let space = self.get("space").unwrap_or("").to_ascii_lowercase();
        match space.as_str() {
            "right-anterior-superior" | "ras" => Ok([1.0, 1.0, 1.0]),
            "left-anterior-superior" | "las" => Ok([-1.0, 1.0, 1.0]),
            "left-posterior-superior" | "lps" | "scanner-xyz" | "3d-right-handed" | "" => {
                Ok([-1.0, -1.0, 1.0])
            }
            _ => Err(NrrdError::Space { space }),
        }
    }

    fn units(&self) -> Result<[f64; 3], NrrdError> {
        let Some(text) = self.get("space units") else {
            return Ok([1.0; 3]);
        };
        let wrong = || {
            bad(
                "space units",
                text,
                "three of \"mm\", \"cm\", \"m\" and \"um\"",
            )
        };
        let mut units = [1.0; 3];
        let mut words = text.split_ascii_whitespace().map(|w| w.trim_matches('"'));
        for unit in &mut units {
            *unit = match words.next().ok_or_else(wrong)? {
                "mm" | "" => 1.0,
                "cm" => 10.0,
                "m" => 1000.0,
                "um" | "µm" => 0.001,
                _ => return Err(wrong()),
            };
        }
        Ok(units)
    }
}

fn bad(field: &'static str, value: &str, expected: &'static str) -> NrrdError {
    NrrdError::Field {
        field,
        value: value.chars().take(N_CHARS_SHOWN).collect(),
        expected,
    }
}

/// `(x,y,z)`.
fn vector(text: &str) -> Option<[f64; 3]> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    let mut numbers = inner.split(',').map(|word| word.trim().parse::<f64>());
    let vector = [
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ];
    numbers.next().is_none().then_some(vector)
}

fn encoding(text: &str) -> Result<Encoding, NrrdError> {
    match text.to_ascii_lowercase().as_str() {
        "raw" => Ok(Encoding::Raw),
        "txt" | "text" | "ascii" => Ok(Encoding::Text),
        "gz" | "gzip" => Ok(Encoding::Gzip),
        _ => Err(NrrdError::Encoding {
            name: text.chars().take(N_CHARS_SHOWN).collect(),
        }),
    }
}

fn data_type(text: &str) -> Result<DataType, NrrdError> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "signed char" | "int8" | "int8_t" => DataType::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => DataType::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => {
            DataType::I16
        }
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => DataType::U16,
        "int" | "signed int" | "int32" | "int32_t" => DataType::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => DataType::U32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => DataType::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => {
            DataType::U64
        }
        "float" => DataType::F32,
        "double" => DataType::F64,
        _ => {
            return Err(NrrdError::PixelType {
                name: text.chars().take(N_CHARS_SHOWN).collect(),
            });
        }
    })
}
