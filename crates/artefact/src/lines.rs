//! Rows of a canonical CSV as byte ranges: a selection of rows is a view on the table's bytes, not a copy.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::rows::RowId;
use crate::{ArtefactError, ids};

/// Byte ranges of the header (with a schema line before it, if any) and of the rows named in `wanted`, in table order.
///
/// # Errors
/// The bytes are no table, or a quoted cell holds a line break (canonical tables have none).
pub fn select(bytes: &[u8], wanted: &BTreeSet<RowId>) -> Result<Vec<Range<u64>>, ArtefactError> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            lines.push(start..at + 1);
            start = at + 1;
        }
    }
    if start < bytes.len() {
        lines.push(start..bytes.len());
    }
    let head = lines.iter().take_while(|l| bytes[l.start] == b'#').count() + 1;
    // What a CSV reader passes over: empty lines and, below the header, remarks.
    let passed_over = |l: &Range<usize>| matches!(&bytes[l.clone()], b"\n" | b"\r\n" | [b'#', ..]);
    let mut at = 0;
    lines.retain(|l| {
        at += 1;
        at <= head || !passed_over(l)
    });
    let named = ids::decode(bytes)?;
    if lines.len() != head + named.len() {
        return Err(ArtefactError::Csv {
            what: "table",
            problem: "a cell holds a line break".to_owned(),
        });
    }
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let keep = lines.iter().take(head).chain(
        lines[head..]
            .iter()
            .zip(&named)
            .filter(|(_, id)| wanted.contains(id))
            .map(|(l, _)| l),
    );
    for line in keep {
        let (from, to) = (line.start as u64, line.end as u64);
        match ranges.last_mut() {
            Some(last) if last.end == from => last.end = to,
            _ => ranges.push(from..to),
        }
    }
    Ok(ranges)
}

/// The bytes behind ranges.
#[must_use]
pub fn materialise(bytes: &[u8], ranges: &[Range<u64>]) -> Vec<u8> {
    let mut out = Vec::new();
    for range in ranges {
        out.extend_from_slice(
            bytes
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default(),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_and_remarks_are_no_rows() {
        let bytes = b"patient_id,x\r\na,5\r\n\r\n# a remark\nb,6\n\n";
        let b = RowId {
            site: String::new(),
            patient_id: "b".to_owned(),
        };
        let ranges = select(bytes, &BTreeSet::from([b])).unwrap();
        assert_eq!(materialise(bytes, &ranges), b"patient_id,x\r\nb,6\n");
    }

    #[test]
    fn a_cell_with_a_line_break_is_refused() {
        let bytes = b"patient_id,x\na,\"5\n6\"\n";
        assert!(select(bytes, &BTreeSet::new()).is_err());
    }

    #[test]
    fn chosen_rows_keep_header_and_order() {
        let bytes = b"# schema\npatient_id,site,x\na,1,5\nb,1,6\nc,2,7\n";
        let id = |p: &str, s: &str| RowId {
            site: s.to_owned(),
            patient_id: p.to_owned(),
        };
        let wanted = BTreeSet::from([id("c", "2"), id("a", "1"), id("zz", "1")]);
        let ranges = select(bytes, &wanted).unwrap();
        assert_eq!(
            materialise(bytes, &ranges),
            b"# schema\npatient_id,site,x\na,1,5\nc,2,7\n"
        );
        assert_eq!(ranges.len(), 2);
    }
}
