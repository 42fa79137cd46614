//! Stationary wavelet transform, as PyRadiomics asks PyWavelets for it.
//!
//! # Formula
//! With L taps h of the low-pass (or high-pass), along one axis of N voxels:
//!
//! y[n] = Σ_k h[k] · x[(n + L/2 − k) mod N], k = 0 … L−1, in this order
//!
//! A sub-band applies one of the two along x, then y, then z; its name has the letters in this order. The next level does the same
//! to the approximation. Nothing is normalised, so an approximation grows by √2 per axis and level.
//!
//! # Edges
//! An axis with an odd number of voxels is first made even by repeating its first voxel at its end. The added voxel takes part in
//! every level and is cut off at the end. An image of one voxel along an axis is two equal voxels.
//!
//! # Agrees with
//! PyWavelets 1.9 `swtn` on doubles: 1e-13 of the largest value, tests/filters.rs. PyRadiomics 3.1.0 on integer images: as it.
//!
//! # Differs from
//! - PyRadiomics on single-precision images, where PyWavelets computes in single precision: here always in double.
//! - PyWavelets' own multi-level transform, which dilates the filters: PyRadiomics transforms the approximation again with the
//!   same filters instead.
//!
//! # Reference
//! Nason & Silverman, The stationary wavelet transform and some statistical applications, 1995.

pub(crate) mod bank;

use super::block::Block;
use super::error::FilterError;
use super::image_type::WaveletSettings;
use super::view::{ImageView, Window};
use bank::Bank;
use std::sync::{Arc, OnceLock};

/// The transform of one image, whose sub-bands share work.
#[derive(Debug)]
pub(crate) struct Transform {
    bank: Bank,
    /// Axes that are transformed, ascending.
    axes: Vec<usize>,
    /// One per level that is given.
    levels: Vec<Level>,
    start_level: usize,
}

/// Passes along all axes but the last, at one level, for the window that was asked for first.
#[derive(Debug, Default)]
struct Level(OnceLock<(Window, Arc<Vec<Block>>)>);

/// One sub-band of a transform.
#[derive(Debug, Clone)]
pub(crate) struct Subband {
    transform: Arc<Transform>,
    /// Which of the levels that are given, from 0.
    level: usize,
    /// High-pass or not, per transformed axis.
    high: Vec<bool>,
}

/// Most levels in all: more would average over 2^20 voxels.
const LEVELS_MAX: usize = 20;

/// Names and sub-bands in PyRadiomics' order: per level the details, and the approximation of the last level at the end.
pub(crate) fn subbands(settings: &WaveletSettings) -> Result<Vec<(String, Subband)>, FilterError> {
    check(settings)?;
    let axes: Vec<usize> = (0..3)
        .filter(|&axis| settings.skip_axis != Some(axis))
        .collect();
    let transform = Arc::new(Transform {
        bank: Bank::named(&settings.wavelet)?,
        levels: (0..settings.level).map(|_| Level::default()).collect(),
        start_level: settings.start_level,
        axes,
    });
    let n_axes = transform.axes.len();
    let mut found = Vec::new();
    for level in 0..settings.level {
        found.extend((1..1_u32 << n_axes).map(|code| transform.subband(level, code)));
    }
    found.push(transform.subband(settings.level - 1, 0));
    Ok(found)
}

fn check(settings: &WaveletSettings) -> Result<(), FilterError> {
    let refuse = |setting, value: usize, must_be| {
        Err(FilterError::Setting {
            setting,
            value: value as f64,
            must_be,
        })
    };
    if settings.level == 0 || settings.level > LEVELS_MAX {
        return refuse("level", settings.level, "1 to 20");
    }
    if settings.start_level > LEVELS_MAX - settings.level {
        return refuse("start_level", settings.start_level, "at most 20 − level");
    }
    match settings.skip_axis {
        Some(axis) if axis > 2 => refuse("skip axis", axis, "0, 1 or 2"),
        _ => Ok(()),
    }
}

impl Transform {
    /// Letters of `code` from its highest bit: x first.
    fn subband(self: &Arc<Transform>, level: usize, code: u32) -> (String, Subband) {
        let n_axes = self.axes.len();
        let high: Vec<bool> = (0..n_axes)
            .map(|letter| code >> (n_axes - 1 - letter) & 1 == 1)
            .collect();
        let letters: String = high
            .iter()
            .map(|&high| if high { 'H' } else { 'L' })
            .collect();
        let name = match level {
            0 => format!("wavelet-{letters}"),
            _ => format!("wavelet{}-{letters}", level + 1),
        };
        let subband = Subband {
            transform: Arc::clone(self),
            level,
            high,
        };
        (name, subband)
    }

    /// The passes along all axes but the last: L…L first, H…H last, the letter of x being the highest bit.
    fn partial(&self, level: usize, view: &ImageView, window: &Window) -> Arc<Vec<Block>> {
        let compute = || Arc::new(self.compute_partial(level, view, window));
        let (kept_for, kept) = self.levels[level].0.get_or_init(|| (*window, compute()));
        if kept_for == window {
            Arc::clone(kept)
        } else {
            compute()
        }
    }

    fn compute_partial(&self, level: usize, view: &ImageView, window: &Window) -> Vec<Block> {
        let wanted = Extent::of(window);
        let n_below = self.start_level + level;
        // extents of the approximations, from this level's input down to the image
        let mut extents = vec![self.widened(&wanted, view)];
        for _ in 0..n_below {
            let next = self.widened(extents.last().unwrap_or(&wanted), view);
            extents.push(next);
        }
        let image = extents.last().unwrap_or(&wanted);
        let mut block = Block::load(view, image.lower, image.size, |axis, index| {
            wrapped(index, view.dims[axis])
        });
        for out in extents.iter().rev().skip(1) {
            for &axis in &self.axes {
                block = self.pass(&block, axis, out, &self.bank.low, view);
            }
        }
        let mut blocks = vec![block];
        let last = self.axes.len() - 1;
        for &axis in &self.axes[..last] {
            blocks = blocks
                .iter()
                .flat_map(|block| {
                    [&self.bank.low, &self.bank.high]
                        .map(|taps| self.pass(block, axis, &wanted, taps, view))
                })
                .collect();
        }
        blocks
    }

    /// What must be known of the input to know `out` of the output: all of an axis where the filter would go around it.
    fn widened(&self, out: &Extent, view: &ImageView) -> Extent {
        let n_taps = self.bank.low.len();
        let mut wide = *out;
        for &axis in &self.axes {
            let n = view.dims[axis].next_multiple_of(2);
            if wide.size[axis] + n_taps > n {
                wide.lower[axis] = 0;
                wide.size[axis] = n;
            } else {
                wide.lower[axis] -= (n_taps - 1 - n_taps / 2) as isize;
                wide.size[axis] += n_taps - 1;
            }
        }
        wide
    }

    fn pass(
        &self,
        block: &Block,
        axis: usize,
        out: &Extent,
        taps: &[f64],
        view: &ImageView,
    ) -> Block {
        let n = view.dims[axis].next_multiple_of(2) as isize;
        let (lower, size) = (block.lower[axis], block.size[axis] as isize);
        let half = (taps.len() / 2) as isize;
        block.convolved(axis, out.lower[axis], out.size[axis], taps, |index, k| {
            let at = index + half - k as isize - lower;
            // a block that holds all of the axis goes around it
            (if size == n { at.rem_euclid(n) } else { at }) as usize
        })
    }
}

impl Subband {
    /// Values of the sub-band in the window.
    pub(crate) fn values(&self, view: &ImageView, window: &Window) -> Vec<f64> {
        let transform = &self.transform;
        let partial = transform.partial(self.level, view, window);
        let last = self.high.len() - 1;
        let which = self.high[..last]
            .iter()
            .fold(0, |code, &high| 2 * code + usize::from(high));
        let taps = if self.high[last] {
            &transform.bank.high
        } else {
            &transform.bank.low
        };
        let (axis, out) = (transform.axes[last], Extent::of(window));
        transform
            .pass(&partial[which], axis, &out, taps, view)
            .values
    }
}

/// A box of indices, which may reach out of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Extent {
    lower: [isize; 3],
    size: [usize; 3],
}

impl Extent {
    fn of(window: &Window) -> Extent {
        Extent {
            lower: window.lower.map(|lower| lower as isize),
            size: window.size,
        }
    }
}

/// The voxel that an index of the endless signal stands for.
fn wrapped(index: isize, n: usize) -> usize {
    let at = index.rem_euclid(n.next_multiple_of(2) as isize) as usize;
    if at == n { 0 } else { at }
}
