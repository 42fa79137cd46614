//! Pairs of neighbouring grey levels along one step, counted.

use crate::discretise::GreyLevels;
use crate::roi::Padded;

/// Number of pairs of two ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub a: u16,
    pub b: u16,
    pub n: u64,
}

/// Up to this many occupied levels pairs are counted in a dense table, above it by sorting.
const DENSE_LEVELS: usize = 1024;

/// Pairs (voxel, neighbour at `step`) that occur, ordered by a, then b; if `symmetrical`, (neighbour, voxel) too.
pub(crate) fn pairs_at(
    levels: &GreyLevels,
    padded: &Padded,
    step: usize,
    symmetrical: bool,
) -> Vec<Pair> {
    let n_ranks = levels.grey.len();
    if n_ranks <= DENSE_LEVELS {
        return counted(&levels.padded, padded, step, n_ranks, symmetrical);
    }
    let pairs = sorted(&levels.padded, padded, step);
    if symmetrical {
        both_ways(&pairs)
    } else {
        pairs
    }
}

/// Adds the transposed counts; ordered.
fn both_ways(pairs: &[Pair]) -> Vec<Pair> {
    let mut transposed: Vec<Pair> = pairs
        .iter()
        .map(|pair| Pair {
            a: pair.b,
            b: pair.a,
            n: pair.n,
        })
        .collect();
    transposed.sort_unstable_by_key(|pair| (pair.a, pair.b));
    merged(pairs, &transposed)
}

/// Two ordered lists as one; counts of the same ranks are added.
fn merged(first: &[Pair], second: &[Pair]) -> Vec<Pair> {
    let mut all = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    let key = |pair: &Pair| (pair.a, pair.b);
    while let (Some(&&x), Some(&&y)) = (first.peek(), second.peek()) {
        let order = key(&x).cmp(&key(&y));
        if order.is_le() {
            first.next();
        }
        if order.is_ge() {
            second.next();
        }
        all.push(match order {
            std::cmp::Ordering::Less => x,
            std::cmp::Ordering::Greater => y,
            std::cmp::Ordering::Equal => Pair { n: x.n + y.n, ..x },
        });
    }
    all.extend(first.chain(second));
    all
}

fn counted(
    ranks: &[u16],
    padded: &Padded,
    step: usize,
    n_ranks: usize,
    symmetrical: bool,
) -> Vec<Pair> {
    let mut counts = vec![0_u32; n_ranks * n_ranks];
    for span in &padded.spans {
        let there = &ranks[span.start + step..span.end + step];
        for (&a, &b) in ranks[span.clone()].iter().zip(there) {
            counts[usize::from(a) * n_ranks + usize::from(b)] += 1;
        }
    }
    let mut pairs = Vec::new();
    for a in 1..n_ranks {
        for b in 1..n_ranks {
            let mut n = u64::from(counts[a * n_ranks + b]);
            if symmetrical {
                n += u64::from(counts[b * n_ranks + a]);
            }
            if n > 0 {
                pairs.push(Pair {
                    a: a as u16,
                    b: b as u16,
                    n,
                });
            }
        }
    }
    pairs
}

/// The same by sorting, when a dense table would be mostly empty.
fn sorted(ranks: &[u16], padded: &Padded, step: usize) -> Vec<Pair> {
    let mut keys: Vec<(u16, u16)> = padded
        .cells()
        .map(|cell| (ranks[cell], ranks[cell + step]))
        .filter(|&(_, b)| b != 0)
        .collect();
    keys.sort_unstable();
    keys.chunk_by(|x, y| x == y)
        .map(|same| Pair {
            a: same[0].0,
            b: same[0].1,
            n: same.len() as u64,
        })
        .collect()
}

/// The published 5 × 5 example, for tests.
#[cfg(test)]
pub(crate) fn example() -> (GreyLevels, Padded) {
    let image = [
        1, 2, 5, 2, 3, 3, 2, 1, 3, 1, 1, 3, 5, 5, 2, 1, 1, 1, 1, 2, 1, 2, 4, 3, 5,
    ];
    let mut padded = vec![0_u16; 7 * 7 * 3];
    let starts = [0, 1, 2, 3, 4].map(|y| 49 + 7 * (y + 1) + 1);
    for (row, start) in image.chunks(5).zip(starts) {
        padded[start..start + 5].copy_from_slice(row);
    }
    let levels = GreyLevels {
        grey: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        counts: vec![0, 9, 6, 5, 1, 4],
        highest: 5,
        padded,
    };
    let padded = Padded {
        size: [7, 7, 3],
        strides: [1, 7, 49],
        spans: starts.map(|start| start..start + 5).to_vec(),
    };
    (levels, padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directions::unit_directions;

    #[test]
    fn the_published_matrix_comes_out() {
        let (levels, padded) = example();
        let pairs = pairs_at(&levels, &padded, 1, true);
        let expected = [
            [6, 4, 3, 0, 0],
            [4, 0, 2, 1, 3],
            [3, 2, 0, 1, 2],
            [0, 1, 1, 0, 0],
            [0, 3, 2, 0, 2],
        ];
        let mut wanted = Vec::new();
        for (a, row) in (1..).zip(expected) {
            for (b, n) in (1..).zip(row).filter(|&(_, n)| n > 0) {
                wanted.push(Pair { a, b, n });
            }
        }
        assert_eq!(pairs, wanted);
    }

    #[test]
    fn sorting_counts_as_the_table_does() {
        let (levels, padded) = example();
        for direction in unit_directions(None) {
            let step = padded.step(direction);
            let pairs = sorted(&levels.padded, &padded, step);
            assert_eq!(
                both_ways(&pairs),
                counted(&levels.padded, &padded, step, 6, true)
            );
            assert_eq!(pairs, counted(&levels.padded, &padded, step, 6, false));
        }
    }
}
