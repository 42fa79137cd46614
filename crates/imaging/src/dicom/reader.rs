//! Elements of a file: what stands where. Nothing is copied and nothing allocated but a map of what was found.

use super::error::{DicomError, shown_number};
use super::tags::{self, Tag};
use super::transfer::{Encoding, TransferSyntax};
use crate::content::{ContentError, Stream, inflate_up_to};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Sequences within sequences that are followed; real files have a handful.
const DEPTH_MAX: usize = 24;
/// The most bytes the data set of a deflated file may have.
const DEFLATED_BYTES_MAX: u64 = 512 << 20;
/// Length of an element that ends with a delimiter.
const UNDEFINED: u32 = u32::MAX;
const PREAMBLE_BYTES: usize = 128;
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);

/// Whether bytes are a DICOM file with its preamble.
#[must_use]
pub fn is_dicom(bytes: &[u8]) -> bool {
    bytes.get(PREAMBLE_BYTES..PREAMBLE_BYTES + 4) == Some(b"DICM")
}

/// What a file's head says that it stores: the class of its meta elements, or else of its data set. The first kilobyte is enough; none
/// if it is no DICOM file or says nothing.
pub(super) fn storage_class(head: &[u8]) -> Option<String> {
    if !is_dicom(head) {
        return None;
    }
    let mut cursor = Cursor {
        bytes: head,
        at: PREAMBLE_BYTES + 4,
        encoding: Encoding::EXPLICIT_LITTLE,
    };
    let mut meta = DataSet::default();
    while cursor.peek().is_some_and(|(group, _)| group == 2) {
        let Ok((tag, element)) = cursor.element(0) else {
            break;
        };
        meta.elements.insert(tag, element);
    }
    if let Some(class) = meta.text(tags::MEDIA_CLASS) {
        return Some(class);
    }
    let syntax = TransferSyntax::of(&meta.text(tags::TRANSFER_SYNTAX)?).ok()?;
    if syntax.is_deflated() {
        return None;
    }
    cursor.encoding = syntax.encoding();
    let mut set = DataSet::default();
    while cursor.peek().is_some_and(|tag| tag <= tags::SOP_CLASS) {
        let (tag, element) = cursor.element(0).ok()?;
        set.elements.insert(tag, element);
    }
    set.text(tags::SOP_CLASS)
}

/// A file, its data set inflated if it was deflated.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) syntax: TransferSyntax,
    content: Cow<'a, [u8]>,
    start: usize,
}

/// Elements by tag.
#[derive(Debug, Clone, Default)]
pub(super) struct DataSet<'a> {
    elements: BTreeMap<Tag, Element<'a>>,
    /// How text is written; inherited by items.
    latin: bool,
}

/// One element: its value as stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    value: &'a [u8],
    encoding: Encoding,
    /// Whether the value is items or fragments that ended with a delimiter.
    undefined: bool,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<File<'a>, DicomError> {
        if !is_dicom(bytes) {
            return Err(DicomError::NotDicom);
        }
        let mut cursor = Cursor {
            bytes,
            at: PREAMBLE_BYTES + 4,
            encoding: Encoding::EXPLICIT_LITTLE,
        };
        let mut meta = DataSet::default();
        while cursor.peek().is_some_and(|(group, _)| group == 2) {
            let (tag, element) = cursor.element(0)?;
            meta.elements.insert(tag, element);
        }
        let uid = meta
            .text(tags::TRANSFER_SYNTAX)
            .ok_or(DicomError::Missing(tags::TRANSFER_SYNTAX))?;
        let syntax = TransferSyntax::of(&uid)?;
        let (content, start) = if syntax.is_deflated() {
            let stream = bytes.get(cursor.at..).unwrap_or_default();
            let content = inflate_up_to(Stream::Bare, stream, DEFLATED_BYTES_MAX + 1)?;
            let found = content.len() as u64;
            if found > DEFLATED_BYTES_MAX {
                let needed = DEFLATED_BYTES_MAX;
                return Err(ContentError::Trailing { needed, found }.into());
            }
            (Cow::Owned(content), 0)
        } else {
            (Cow::Borrowed(bytes), cursor.at)
        };
        Ok(File {
            syntax,
            content,
            start,
        })
    }

    pub(super) fn data_set(&self) -> Result<DataSet<'_>, DicomError> {
        let mut cursor = Cursor {
            bytes: &self.content,
            at: self.start,
            encoding: self.syntax.encoding(),
        };
        DataSet::read(&mut cursor, 0, false)
    }
}

impl<'a> DataSet<'a> {
    /// Elements up to the end of the bytes, or to the end of the item.
    fn read(cursor: &mut Cursor<'a>, depth: usize, latin: bool) -> Result<Self, DicomError> {
        let mut set = DataSet {
            latin,
            ..DataSet::default()
        };
        while let Some(tag) = cursor.peek() {
            if tag == ITEM_END || tag == SEQUENCE_END {
                break;
            }
            // Writers pad the end of a file with zeros; group 0 is none of a data set's.
            if tag == (0, 0) {
                break;
            }
            let (tag, element) = cursor.element(depth)?;
            if tag == tags::CHARACTER_SET {
                let name = String::from_utf8_lossy(element.value);
                set.latin = name.contains("ISO_IR 100") || name.contains("ISO 2022 IR 100");
            }
            set.elements.insert(tag, element);
        }
        Ok(set)
    }

    pub(super) fn element(&self, tag: Tag) -> Option<Element<'a>> {
        self.elements.get(&tag).copied()
    }

    /// The value of a text element without its padding; none if it is absent or empty.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        let value = self.element(tag)?.value;
        let text = if self.latin {
            value.iter().map(|&byte| char::from(byte)).collect()
        } else {
            String::from_utf8_lossy(value).into_owned()
        };
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Decimal numbers; none if the element is absent or empty.
    pub(super) fn decimals(&self, tag: Tag) -> Result<Option<Vec<f64>>, DicomError> {
        let Some(text) = self.text(tag) else {
            return Ok(None);
        };
        let number = |word: &str| {
            let parsed = word
                .trim_matches(|c: char| c == '\0' || c.is_whitespace())
                .parse();
            parsed
                .ok()
                .filter(|n: &f64| n.is_finite())
                .ok_or_else(|| DicomError::Number {
                    tag,
                    text: shown_number(word),
                })
        };
        text.split('\\')
            .map(number)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// `N` decimal numbers; none if the element is absent or empty.
    pub(super) fn vector<const N: usize>(&self, tag: Tag) -> Result<Option<[f64; N]>, DicomError> {
        let Some(numbers) = self.decimals(tag)? else {
            return Ok(None);
        };
        let n_found = numbers.len();
        let vector = numbers.try_into().map_err(|_| DicomError::Count {
            tag,
            n_found,
            n_needed: N,
        })?;
        Ok(Some(vector))
    }

    /// A whole number: 16 or 32 bits as stored, or text.
    pub(super) fn integer(&self, tag: Tag) -> Option<u32> {
        let element = self.element(tag)?;
        if !tags::is_binary_integer(tag) {
            return self.text(tag)?.parse().ok();
        }
        match (element.value, element.encoding.big_endian) {
            (&[a, b], false) => Some(u16::from_le_bytes([a, b]).into()),
            (&[a, b], true) => Some(u16::from_be_bytes([a, b]).into()),
            (&[a, b, c, d], false) => Some(u32::from_le_bytes([a, b, c, d])),
            (&[a, b, c, d], true) => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        }
    }

    pub(super) fn need_integer(&self, tag: Tag) -> Result<u32, DicomError> {
        self.integer(tag).ok_or(DicomError::Missing(tag))
    }

    /// The items of a sequence; none if it is absent.
    pub(super) fn items(&self, tag: Tag) -> Result<Vec<DataSet<'a>>, DicomError> {
        let Some(element) = self.element(tag) else {
            return Ok(Vec::new());
        };
        let mut cursor = element.cursor();
        let mut items = Vec::new();
        while cursor.peek() == Some(ITEM) {
            let mut item = cursor.item(0)?;
            items.push(DataSet::read(&mut item, 0, self.latin)?);
        }
        Ok(items)
    }

    /// The first item of a sequence.
    pub(super) fn first_item(&self, tag: Tag) -> Result<Option<DataSet<'a>>, DicomError> {
        Ok(self.items(tag)?.into_iter().next())
    }
}

impl<'a> Element<'a> {
    /// The value as stored; fragments if it was encapsulated.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.value
    }

    pub(super) fn big_endian(&self) -> bool {
        self.encoding.big_endian
    }

    /// Fragments of encapsulated pixel data, the offset table first; none if the value is plain bytes.
    pub(super) fn fragments(&self) -> Result<Option<Vec<&'a [u8]>>, DicomError> {
        if !self.undefined {
            return Ok(None);
        }
        let mut cursor = self.cursor();
        let mut fragments = Vec::new();
        while cursor.peek() == Some(ITEM) {
            fragments.push(cursor.item(0)?.bytes);
        }
        Ok(Some(fragments))
    }

    fn cursor(&self) -> Cursor<'a> {
        Cursor {
            bytes: self.value,
            at: 0,
            encoding: self.encoding,
        }
    }
}

/// A place in a run of bytes.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
}

impl<'a> Cursor<'a> {
    /// The tag that stands here; none at the end.
    fn peek(&self) -> Option<Tag> {
        let (four, _) = self.bytes.get(self.at..)?.split_first_chunk::<4>()?;
        Some((
            self.u16_of([four[0], four[1]]),
            self.u16_of([four[2], four[3]]),
        ))
    }

    fn u16_of(&self, bytes: [u8; 2]) -> u16 {
        if self.encoding.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn take(&mut self, n: usize, tag: Tag) -> Result<&'a [u8], DicomError> {
        let end = self.at.checked_add(n);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(DicomError::Truncated {
            tag,
            needed: n as u64,
            found: (self.bytes.len() - self.at.min(self.bytes.len())) as u64,
        })?;
        self.at += n;
        Ok(taken)
    }

    fn u16(&mut self, tag: Tag) -> Result<u16, DicomError> {
        let bytes = self.take(2, tag)?;
        Ok(self.u16_of([bytes[0], bytes[1]]))
    }

    fn u32(&mut self, tag: Tag) -> Result<u32, DicomError> {
        let bytes = self.take(4, tag)?;
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        Ok(if self.encoding.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn tag(&mut self) -> Result<Tag, DicomError> {
        let tag = self.peek().unwrap_or((0, 0));
        self.take(4, tag)?;
        Ok(tag)
    }

    /// The element that stands here; the cursor moves behind it.
    fn element(&mut self, depth: usize) -> Result<(Tag, Element<'a>), DicomError> {
        if depth > DEPTH_MAX {
            return Err(DicomError::Depth { limit: DEPTH_MAX });
        }
        let tag = self.tag()?;
        let mut encoding = self.encoding;
        let length = if self.encoding.explicit && tag.0 != 0xfffe {
            let vr = self.take(2, tag)?;
            match vr {
                b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV" | b"SQ" | b"UC" | b"UR" | b"UT"
                | b"UN" | b"SV" | b"UV" => {
                    self.take(2, tag)?;
                    // The content of an unknown element is implicit, whatever stands around it.
                    if vr == b"UN" {
                        encoding.explicit = false;
                    }
                    self.u32(tag)?
                }
                [b'A'..=b'Z', b'A'..=b'Z'] => u32::from(self.u16(tag)?),
                _ => return Err(DicomError::Representation { tag }),
            }
        } else {
            self.u32(tag)?
        };
        let start = self.at;
        if length != UNDEFINED {
            let value = self.take(length as usize, tag)?;
            return Ok((
                tag,
                Element {
                    value,
                    encoding,
                    undefined: false,
                },
            ));
        }
        let outer = std::mem::replace(&mut self.encoding, encoding);
        while self.peek() == Some(ITEM) {
            self.item(depth + 1)?;
        }
        let end = self.at;
        let delimiter = self.tag()?;
        self.take(4, tag)?;
        self.encoding = outer;
        if delimiter != SEQUENCE_END {
            return Err(DicomError::Delimiter { tag });
        }
        let value = self.bytes.get(start..end).unwrap_or_default();
        Ok((
            tag,
            Element {
                value,
                encoding,
                undefined: true,
            },
        ))
    }

    /// The content of the item that stands here; the cursor moves behind it.
    fn item(&mut self, depth: usize) -> Result<Cursor<'a>, DicomError> {
        let tag = self.tag()?;
        let length = self.u32(tag)?;
        let (start, mut end) = (self.at, self.at);
        if length == UNDEFINED {
            while self.peek().is_some_and(|tag| tag != ITEM_END) {
                self.element(depth)?;
            }
            end = self.at;
            self.tag()?;
            self.take(4, ITEM_END)?;
        } else {
            end += self.take(length as usize, tag)?.len();
        }
        Ok(Cursor {
            bytes: self.bytes.get(start..end).unwrap_or_default(),
            at: 0,
            encoding: self.encoding,
        })
    }
}
