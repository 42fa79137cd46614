//! Views: a blob that is told as byte ranges of another one.

use crate::batch::Naming;
use crate::error::{Result, StoreError};
use crate::record::{Op, PAYLOAD_MAX, View};
use crate::store::{Held, Store};
use bytes::Bytes;
use digest::Digest;
use std::ops::Range;

/// How deep views of views may go.
pub(crate) const DEPTH_MAX: usize = 32;
/// Bytes of a view's record beside its ranges, and of each range.
const RECORD_BYTES: u64 = 128;
const RANGE_BYTES: u64 = 16;

impl Store {
    /// Stores byte ranges of a blob, one after the other, as a blob of their own: only the ranges are written.
    ///
    /// The name is the digest of the bytes, keyed if the base is. Adjacent ranges become one. Bytes that are no longer than the
    /// record of the ranges would be are stored as they are. A view whose base is gone is absent.
    ///
    /// # Errors
    /// [`StoreError::Absent`] without base; [`StoreError::RangeOutside`]; as [`Store::get`] and [`Store::commit`].
    pub fn put_slices(&self, base: &Digest, ranges: &[Range<u64>]) -> Result<Digest> {
        let bytes = self
            .get(base)?
            .ok_or(StoreError::Absent { digest: *base })?;
        let ranges = coalesce(base, bytes.len() as u64, ranges)?;
        let len = ranges.iter().map(|range| range.end - range.start).sum();
        let record_len = RECORD_BYTES + RANGE_BYTES * ranges.len() as u64;
        let view = View {
            base: *base,
            len,
            ranges,
        };
        if len <= record_len
            || record_len > PAYLOAD_MAX as u64
            || self.depth(base)? + 1 >= DEPTH_MAX
        {
            let naming = if base.is_keyed() {
                Naming::Keyed
            } else {
                Naming::Plain
            };
            return self.put(&concat(&bytes, &view), naming);
        }
        let mut hasher = self.hasher(base)?;
        for range in &view.ranges {
            hasher.update(&bytes[range.start as usize..range.end as usize]);
        }
        let digest = hasher.finish();
        if self.has(&digest)? {
            if digest.is_keyed() {
                self.inner.files.sync_folders_of([digest])?; // another process may not have done so yet
            }
            return Ok(digest);
        }
        let _gate = self.changing();
        if digest.is_keyed() {
            self.inner.files.write_view(&digest, &view)?;
        } else {
            self.inner
                .journal
                .commit(&self.inner.index, &[Op::View { digest, view }])?;
        }
        Ok(digest)
    }

    /// The bytes of a view, unverified; none if its base is gone or does not have the ranges.
    pub(crate) fn materialise(&self, view: &View, depth: usize) -> Result<Option<Bytes>> {
        if depth >= DEPTH_MAX {
            return Ok(None);
        }
        let Some(base) = self.get_at_depth(&view.base, depth + 1)? else {
            return Ok(None);
        };
        let fits = view
            .ranges
            .iter()
            .all(|range| range.start <= range.end && range.end <= base.len() as u64);
        Ok(fits.then(|| Bytes::from(concat(&base, view))))
    }

    /// Views between a name and the bytes it rests on.
    fn depth(&self, digest: &Digest) -> Result<usize> {
        let (mut depth, mut at) = (0, *digest);
        while depth < DEPTH_MAX
            && let Some(Held::View(view)) = self.find(&at)?
        {
            (depth, at) = (depth + 1, view.base);
        }
        Ok(depth)
    }
}

fn concat(base: &[u8], view: &View) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(view.len as usize);
    for range in &view.ranges {
        bytes.extend_from_slice(&base[range.start as usize..range.end as usize]);
    }
    bytes
}

/// Checked ranges without empty ones, adjacent ones joined.
fn coalesce(base: &Digest, len: u64, ranges: &[Range<u64>]) -> Result<Vec<Range<u64>>> {
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for &Range { start, end } in ranges {
        if start > end || end > len {
            return Err(StoreError::RangeOutside {
                digest: *base,
                start,
                end,
                len,
            });
        }
        match joined.last_mut() {
            _ if start == end => {}
            Some(last) if last.end == start => last.end = end,
            _ => joined.push(start..end),
        }
    }
    Ok(joined)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn adjacent_ranges_become_one_and_order_stays() {
        let base = Digest::of(b"");
        let joined = coalesce(&base, 100, &[0..10, 10..20, 5..5, 20..21, 50..60, 0..1]).unwrap();
        assert_eq!(joined, [0..21, 50..60, 0..1]);
    }

    #[test]
    fn ranges_beyond_the_base_are_refused() {
        let base = Digest::of(b"");
        #[expect(clippy::reversed_empty_ranges)]
        for bad in [99..101, 7..6, 101..101, u64::MAX..u64::MAX] {
            assert!(matches!(
                coalesce(&base, 100, &[bad]),
                Err(StoreError::RangeOutside { len: 100, .. })
            ));
        }
    }
}
