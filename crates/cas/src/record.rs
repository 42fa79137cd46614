//! The records of the log, and how to find them again in damaged bytes.
//!
//! A record: 4 bytes [`MAGIC`], payload length (u32), CRC-32C (u32), payload; integers little-endian. The checksum covers the
//! log's number and the record's offset, then length and payload: bytes of a stored value that look like a record
//! are none, because they do not stand where they say.

use crate::outcome::{Outcome, Output};
use digest::{Digest, WIRE_LEN};
use std::borrow::Cow;
use std::ops::Range;

/// First bytes of every record of format 1.
pub(crate) const MAGIC: [u8; 4] = [0xd7, b'R', b'l', b'1'];
/// Bytes before the payload.
pub(crate) const HEADER_LEN: usize = 12;
/// Greatest length of a payload in bytes.
pub(crate) const PAYLOAD_MAX: usize = 16 << 20;

/// A byte range of another blob, or several, as one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) base: Digest,
    pub(crate) len: u64,
    pub(crate) ranges: Vec<Range<u64>>,
}

/// One change that the log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    Blob {
        digest: Digest,
        bytes: Cow<'a, [u8]>,
    },
    File {
        digest: Digest,
        len: u64,
    },
    View {
        digest: Digest,
        view: View,
    },
    Forget {
        digest: Digest,
    },
    Action {
        recipe: Digest,
        outcome: Outcome,
    },
    ForgetAction {
        recipe: Digest,
    },
    Note {
        key: Cow<'a, str>,
        value: Cow<'a, [u8]>,
    },
    ForgetNote {
        key: Cow<'a, str>,
    },
}

impl Op<'_> {
    /// Appends the payload of this change.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Op::Blob { digest, bytes } => {
                put_digest(out, 1, digest);
                out.extend_from_slice(bytes);
            }
            Op::File { digest, len } => {
                put_digest(out, 2, digest);
                out.extend_from_slice(&len.to_le_bytes());
            }
            Op::View { digest, view } => {
                put_digest(out, 3, digest);
                put_view(out, view);
            }
            Op::Forget { digest } => put_digest(out, 4, digest),
            Op::Action { recipe, outcome } => {
                put_digest(out, 5, recipe);
                put_outcome(out, outcome);
            }
            Op::ForgetAction { recipe } => put_digest(out, 6, recipe),
            Op::Note { key, value } => {
                out.push(7);
                put_text(out, key);
                out.extend_from_slice(value);
            }
            Op::ForgetNote { key } => {
                out.push(8);
                put_text(out, key);
            }
        }
    }
}

/// Reads what [`Op::encode`] wrote; none if the bytes say nothing that this format knows.
pub(crate) fn decode(payload: &[u8]) -> Option<Op<'_>> {
    let mut rest = Rest(payload);
    let op = match rest.byte()? {
        1 => {
            return Some(Op::Blob {
                digest: rest.digest()?,
                bytes: Cow::Borrowed(rest.0),
            });
        }
        2 => Op::File {
            digest: rest.digest()?,
            len: rest.u64()?,
        },
        3 => Op::View {
            digest: rest.digest()?,
            view: rest.view()?,
        },
        4 => Op::Forget {
            digest: rest.digest()?,
        },
        5 => Op::Action {
            recipe: rest.digest()?,
            outcome: rest.outcome()?,
        },
        6 => Op::ForgetAction {
            recipe: rest.digest()?,
        },
        7 => {
            return Some(Op::Note {
                key: Cow::Borrowed(rest.text()?),
                value: Cow::Borrowed(rest.0),
            });
        }
        8 => Op::ForgetNote {
            key: Cow::Borrowed(rest.text()?),
        },
        _ => return None,
    };
    rest.0.is_empty().then_some(op)
}

/// Appends a record that will stand at `offset` of log `number`; gives where its payload stands in `out`, or its length if that
/// is too great.
pub(crate) fn frame(
    out: &mut Vec<u8>,
    number: u64,
    offset: u64,
    encode: impl FnOnce(&mut Vec<u8>),
) -> Result<Range<usize>, usize> {
    let header = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    encode(out);
    let payload = header + HEADER_LEN..out.len();
    if payload.len() > PAYLOAD_MAX {
        return Err(payload.len());
    }
    let len = payload.len() as u32;
    let crc = checksum(number, offset, len, &out[payload.clone()]);
    out[header..header + 4].copy_from_slice(&MAGIC);
    out[header + 4..header + 8].copy_from_slice(&len.to_le_bytes());
    out[header + 8..header + 12].copy_from_slice(&crc.to_le_bytes());
    Ok(payload)
}

/// The payload of the record that begins at `at` in `bytes`, if one does; `offset` is that place in log `number`.
pub(crate) fn record_at(bytes: &[u8], at: usize, number: u64, offset: u64) -> Option<&[u8]> {
    let header = bytes.get(at..at.checked_add(HEADER_LEN)?)?;
    if header[..4] != MAGIC {
        return None;
    }
    let len = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let crc = u32::from_le_bytes(header[8..12].try_into().ok()?);
    let begin = at + HEADER_LEN;
    if len as usize > PAYLOAD_MAX {
        return None;
    }
    let payload = bytes.get(begin..begin.checked_add(len as usize)?)?;
    (checksum(number, offset, len, payload) == crc).then_some(payload)
}

/// What stands in a stretch of log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A good record.
    Record { offset: u64, payload: &'a [u8] },
    /// Bytes that are no record, with good ones after them.
    Damaged { span: Range<u64> },
    /// Bytes at the end that are no record: a write that was cut short.
    Tail { span: Range<u64> },
}

/// Walks over `bytes`, which begin at `start` of log `number`.
pub(crate) fn scan(bytes: &[u8], number: u64, start: u64) -> Scan<'_> {
    Scan {
        bytes,
        number,
        start,
        at: 0,
    }
}

pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    number: u64,
    start: u64,
    at: usize,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let offset = self.start + self.at as u64;
        if let Some(payload) = record_at(self.bytes, self.at, self.number, offset) {
            self.at += HEADER_LEN + payload.len();
            return Some(Found::Record { offset, payload });
        }
        let good = (self.at + 1..self.bytes.len())
            .find(|&at| record_at(self.bytes, at, self.number, self.start + at as u64).is_some());
        self.at = good.unwrap_or(self.bytes.len());
        let span = offset..self.start + self.at as u64;
        Some(if good.is_some() {
            Found::Damaged { span }
        } else {
            Found::Tail { span }
        })
    }
}

fn checksum(number: u64, offset: u64, len: u32, payload: &[u8]) -> u32 {
    let mut place = [0; 20];
    place[..8].copy_from_slice(&number.to_le_bytes());
    place[8..16].copy_from_slice(&offset.to_le_bytes());
    place[16..].copy_from_slice(&len.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), payload)
}

fn put_digest(out: &mut Vec<u8>, kind: u8, digest: &Digest) {
    out.push(kind);
    out.extend_from_slice(&digest.to_wire());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn put_view(out: &mut Vec<u8>, view: &View) {
    out.extend_from_slice(&view.base.to_wire());
    out.extend_from_slice(&view.len.to_le_bytes());
    for range in &view.ranges {
        out.extend_from_slice(&range.start.to_le_bytes());
        out.extend_from_slice(&range.end.to_le_bytes());
    }
}

fn put_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Outputs(outputs) => {
            out.push(0);
            for output in outputs {
                put_text(out, &output.port);
                out.extend_from_slice(&output.digest.to_wire());
                out.extend_from_slice(&output.len.to_le_bytes());
            }
        }
        Outcome::Refused(reason) => put_digest(out, 1, reason),
    }
}

/// Bytes still to be read; every step gives none when they run out.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn digest(&mut self) -> Option<Digest> {
        Digest::from_wire(self.take(WIRE_LEN)?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        std::str::from_utf8(self.take(len as usize)?).ok()
    }

    /// A view takes all that is left.
    fn view(&mut self) -> Option<View> {
        let (base, len) = (self.digest()?, self.u64()?);
        let mut ranges = Vec::new();
        let mut sum = 0u64;
        while !self.0.is_empty() {
            let range = self.u64()?..self.u64()?;
            sum = sum.checked_add(range.end.checked_sub(range.start)?)?;
            ranges.push(range);
        }
        (sum == len).then_some(View { base, len, ranges })
    }

    /// An outcome takes all that is left.
    fn outcome(&mut self) -> Option<Outcome> {
        if self.byte()? == 1 {
            return Some(Outcome::Refused(self.digest()?));
        }
        let mut outputs = Vec::new();
        while !self.0.is_empty() {
            outputs.push(Output {
                port: self.text()?.to_owned(),
                digest: self.digest()?,
                len: self.u64()?,
            });
        }
        Some(Outcome::Outputs(outputs))
    }
}

/// Reads what [`put_view`] wrote.
pub(crate) fn decode_view(bytes: &[u8]) -> Option<View> {
    Rest(bytes).view()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn ops() -> Vec<Op<'static>> {
        let (a, b) = (Digest::of(b"a"), Digest::from_parts(true, [5; 32]));
        let outputs = vec![
            Output {
                port: "table".into(),
                digest: a,
                len: 7,
            },
            Output {
                port: "".into(),
                digest: b,
                len: u64::MAX,
            },
        ];
        vec![
            Op::Blob {
                digest: a,
                bytes: Cow::Borrowed(b"a"),
            },
            Op::Blob {
                digest: a,
                bytes: Cow::Borrowed(b""),
            },
            Op::File {
                digest: a,
                len: 5000,
            },
            Op::View {
                digest: a,
                view: View {
                    base: b,
                    len: 5,
                    ranges: vec![1..4, 9..11],
                },
            },
            Op::Forget { digest: b },
            Op::Action {
                recipe: a,
                outcome: Outcome::Outputs(outputs),
            },
            Op::Action {
                recipe: a,
                outcome: Outcome::Outputs(vec![]),
            },
            Op::Action {
                recipe: a,
                outcome: Outcome::Refused(b),
            },
            Op::ForgetAction { recipe: a },
            Op::Note {
                key: Cow::Borrowed("pin/é"),
                value: Cow::Borrowed(b"\0\xff"),
            },
            Op::ForgetNote {
                key: Cow::Borrowed("pin"),
            },
        ]
    }

    fn payload_of(op: &Op<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        op.encode(&mut out);
        out
    }

    fn log_of(ops: &[Op<'_>]) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for op in ops {
            let offset = bytes.len() as u64;
            starts.push(offset);
            frame(&mut bytes, 3, offset, |out| op.encode(out)).unwrap();
        }
        (bytes, starts)
    }

    #[test]
    fn every_change_comes_back() {
        for op in ops() {
            assert_eq!(decode(&payload_of(&op)).as_ref(), Some(&op));
        }
    }

    #[test]
    fn shortened_payloads_of_fixed_length_say_nothing() {
        for op in ops() {
            let payload = payload_of(&op);
            for cut in 0..payload.len() {
                assert_ne!(decode(&payload[..cut]).as_ref(), Some(&op));
            }
        }
    }

    #[test]
    fn a_cut_log_keeps_all_whole_records_at_every_length() {
        let (bytes, starts) = log_of(&ops());
        for cut in 0..=bytes.len() {
            let whole = starts
                .iter()
                .skip(1)
                .chain([&(bytes.len() as u64)])
                .filter(|&&end| end <= cut as u64)
                .count();
            let found: Vec<_> = scan(&bytes[..cut], 3, 0).collect();
            let records = found
                .iter()
                .filter(|f| matches!(f, Found::Record { .. }))
                .count();
            assert_eq!(records, whole, "cut at {cut}");
            assert!(!found.iter().any(|f| matches!(f, Found::Damaged { .. })));
        }
    }

    #[test]
    fn one_flipped_byte_costs_one_record() {
        let (bytes, starts) = log_of(&ops());
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            let records = scan(&bad, 3, 0)
                .filter(|f| matches!(f, Found::Record { .. }))
                .count();
            assert_eq!(records, starts.len() - 1, "flipped at {at}");
        }
    }

    #[test]
    fn a_record_inside_a_value_is_not_taken_for_one() {
        let (inner, _) = log_of(&[Op::Forget {
            digest: Digest::of(b"x"),
        }]);
        let (mut bytes, _) = log_of(&[Op::Note {
            key: Cow::Borrowed("k"),
            value: Cow::Owned(inner),
        }]);
        bytes[5] ^= 1;
        assert_eq!(
            scan(&bytes, 3, 0).collect::<Vec<_>>(),
            [Found::Tail {
                span: 0..bytes.len() as u64
            }]
        );
    }

    #[test]
    fn a_length_beyond_the_file_is_refused() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        bytes.extend_from_slice(&[0; 20]);
        assert_eq!(record_at(&bytes, 0, 3, 0), None);
    }
}
