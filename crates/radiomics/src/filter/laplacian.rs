//! Laplacian of Gaussian, as ITK's `LaplacianRecursiveGaussianImageFilter` gives it with normalisation across scale.
//!
//! # Formula
//! Σ_a S_b S_c D²_a x · σ² / spacing_a², a over x, y, z: the second derivative along axis a, then smoothing along the other two in
//! ascending order. D² and S are Deriche's recursive filters of order four with the coefficients of Farnebäck and Westin: a causal
//! and an anti-causal run over each line,
//!
//! y[i] = Σ_{k<4} n_k x[i−k] − Σ_{k<4} d_k y[i−1−k],  w[i] = Σ_{k<4} m_k x[i+1+k] − Σ_{k<4} d_k w[i+1+k],  result y + w.
//!
//! Unit: that of the image. Lines run in double precision; what leaves a line, and the sum over the axes, is rounded to single
//! precision after every step, as in ITK.
//!
//! # Edges
//! Each border voxel goes on for ever. An axis needs ⌈σ / spacing⌉ + 1 voxels (PyRadiomics) and 4 (ITK): see [`refusal`].
//!
//! Lines are followed from 27 standard deviations outside the window, where the recursion has forgotten 1e-16 of the border.
//!
//! # Agrees with
//! SimpleITK 2.5.7: every voxel to the last bit of single precision, tests/filters.rs.
//!
//! # Differs from
//! PyRadiomics in two things: its whole extraction fails on an axis of fewer than four voxels, here that image is skipped with its
//! reason; and it names an integer of its settings file without a point (`log-sigma-1-mm-3D` for `1`), here every standard deviation
//! is named as a float (`log-sigma-1-0-mm-3D`).
//!
//! # Reference
//! Deriche, Recursively implementing the Gaussian and its derivatives, 1993; Farnebäck & Westin, Improving Deriche-style recursive
//! Gaussian filters, 2006.

use super::error::SkipReason;
use super::view::{ImageView, Window};

/// Lines that run side by side.
const LANES: usize = 8;
type Lanes = [f64; LANES];

/// Groups of lines that are read together.
const GROUPS: usize = 16;

/// Run-in, in standard deviations: exp(−1.3732 · 27) < 1e-16.
const RUN_IN_SIGMAS: f64 = 27.0;

/// PyRadiomics' name.
pub(crate) fn name(sigma_mm: f64) -> String {
    format!(
        "log-sigma-{}-mm-3D",
        format!("{sigma_mm:?}").replace('.', "-")
    )
}

/// Why there is no such image, if there is none.
pub(crate) fn refusal(sigma_mm: f64, view: &ImageView) -> Option<SkipReason> {
    if !(sigma_mm > 0.0 && sigma_mm.is_finite()) {
        return Some(SkipReason::SigmaNotPositive { sigma_mm });
    }
    (0..3).find_map(|axis| {
        let needed = ((sigma_mm / view.spacing_mm[axis]).ceil() + 1.0).max(4.0) as usize;
        (view.dims[axis] < needed).then_some(SkipReason::ImageTooSmall {
            sigma_mm,
            axis,
            needed,
            n_voxels: view.dims[axis],
        })
    })
}

/// Values in the window, rounded to single precision. `refusal` said that there are some.
pub(crate) fn values(sigma_mm: f64, view: &ImageView, window: &Window) -> Vec<f64> {
    let run_in = view
        .spacing_mm
        .map(|spacing| ((RUN_IN_SIGMAS * sigma_mm / spacing).ceil() as usize).max(4));
    let lower = [0, 1, 2].map(|axis| window.lower[axis].saturating_sub(run_in[axis]));
    let upper = [0, 1, 2].map(|axis| {
        (window.lower[axis] + window.size[axis])
            .saturating_add(run_in[axis])
            .min(view.dims[axis])
    });
    let mut sum = vec![0.0_f32; window.n_voxels()];
    for axis in 0..3 {
        let second = Recursion::second_derivative(sigma_mm, view.spacing_mm[axis]);
        let start = lower[0] + view.dims[0] * (lower[1] + view.dims[1] * lower[2]);
        let image = Grid {
            values: &view.values[start..],
            strides: [1, view.dims[0], view.dims[0] * view.dims[1]],
            size: [0, 1, 2].map(|axis| upper[axis] - lower[axis]),
        };
        let wanted = |axis: usize| (window.lower[axis] - lower[axis], window.size[axis]);
        let (mut size, mut part) = second.along(axis, &image, wanted(axis));
        for other in (0..3).filter(|&other| other != axis) {
            let smooth = Recursion::smoothing(sigma_mm, view.spacing_mm[other]);
            let grid = Grid {
                values: &part,
                strides: [1, size[0], size[0] * size[1]],
                size,
            };
            (size, part) = smooth.along(other, &grid, wanted(other));
        }
        let factor = 1.0 / (view.spacing_mm[axis] * view.spacing_mm[axis]);
        for (sum, &value) in sum.iter_mut().zip(&part) {
            *sum = (f64::from(*sum) + f64::from(value) * factor) as f32;
        }
    }
    sum.into_iter().map(f64::from).collect()
}

/// Values over a box inside an array.
struct Grid<'a, T> {
    values: &'a [T],
    strides: [usize; 3],
    size: [usize; 3],
}

/// Coefficients of one recursive filter; symbols as in the module's formula.
#[derive(Debug, Clone, Copy)]
struct Recursion {
    n: [f64; 4],
    d: [f64; 4],
    m: [f64; 4],
    /// What d · (an earlier result) is before a line begins, per unit of its first value.
    before: [f64; 4],
    /// The same behind its end.
    behind: [f64; 4],
}

/// Sums of a filter's coefficients with weights 1, k, k².
#[derive(Clone, Copy)]
struct Moments {
    zeroth: f64,
    first: f64,
    second: f64,
}

/// Trigonometric and exponential terms of Deriche's two pairs of poles.
struct Poles {
    sin: [f64; 2],
    cos: [f64; 2],
    exp: [f64; 2],
}

impl Poles {
    fn new(sigma_voxels: f64) -> Poles {
        let (frequency, decay) = ([0.6681, 2.0787], [-1.3932, -1.3732]);
        Poles {
            sin: frequency.map(|w| libm::sin(w / sigma_voxels)),
            cos: frequency.map(|w| libm::cos(w / sigma_voxels)),
            exp: decay.map(|l| libm::exp(l / sigma_voxels)),
        }
    }

    fn denominator(&self) -> [f64; 4] {
        let ([c1, c2], [e1, e2]) = (self.cos, self.exp);
        [
            -2.0 * (e2 * c2 + e1 * c1),
            4.0 * c2 * c1 * e1 * e2 + e1 * e1 + e2 * e2,
            -2.0 * c1 * e1 * e2 * e2 - 2.0 * c2 * e2 * e1 * e1,
            e1 * e1 * e2 * e2,
        ]
    }

    fn numerator(&self, [a1, a2]: [f64; 2], [b1, b2]: [f64; 2]) -> [f64; 4] {
        let ([s1, s2], [c1, c2], [e1, e2]) = (self.sin, self.cos, self.exp);
        [
            a1 + a2,
            e2 * (b2 * s2 - (a2 + 2.0 * a1) * c2) + e1 * (b1 * s1 - (a1 + 2.0 * a2) * c1),
            ((a1 + a2) * c2 * c1 - b1 * c2 * s1 - b2 * c1 * s2) * 2.0 * e1 * e2
                + a2 * e1 * e1
                + a1 * e2 * e2,
            e2 * e1 * e1 * (b2 * s2 - a2 * c2) + e1 * e2 * e2 * (b1 * s1 - a1 * c1),
        ]
    }
}

fn moments(coefficients: [f64; 4], first_lag: f64) -> Moments {
    let sum = |weight: fn(f64) -> f64| {
        coefficients.iter().zip(0..4).fold(0.0, |sum, (c, k)| {
            sum + c * weight(first_lag + f64::from(k))
        })
    };
    Moments {
        zeroth: sum(|_| 1.0),
        first: sum(|k| k),
        second: sum(|k| k * k),
    }
}

impl Recursion {
    /// Unit area.
    fn smoothing(sigma_mm: f64, spacing_mm: f64) -> Recursion {
        let poles = Poles::new(sigma_mm / spacing_mm);
        let d = poles.denominator();
        let n = poles.numerator([1.3530, -0.3531], [1.8151, 0.0902]);
        let sums = moments(d, 1.0);
        let scale = 2.0 * moments(n, 0.0).zeroth / (1.0 + sums.zeroth) - n[0];
        Recursion::symmetric(n.map(|n| n / scale), d)
    }

    /// No area, second moment 2, times σ² in mm².
    fn second_derivative(sigma_mm: f64, spacing_mm: f64) -> Recursion {
        let poles = Poles::new(sigma_mm / spacing_mm);
        let d = poles.denominator();
        let sums = moments(d, 1.0);
        let (sd, dd, ed) = (1.0 + sums.zeroth, sums.first, sums.second);
        let n0 = poles.numerator([1.3530, -0.3531], [1.8151, 0.0902]);
        let n2 = poles.numerator([-1.3563, 0.3446], [5.2318, -2.2355]);
        let (m0, m2) = (moments(n0, 0.0), moments(n2, 0.0));
        let beta = -(2.0 * m2.zeroth - sd * n2[0]) / (2.0 * m0.zeroth - sd * n0[0]);
        let n = [0, 1, 2, 3].map(|k| n2[k] + beta * n0[k]);
        let (sn, dn, en) = (
            m2.zeroth + beta * m0.zeroth,
            m2.first + beta * m0.first,
            m2.second + beta * m0.second,
        );
        let curvature = (en * sd * sd - ed * sn * sd - 2.0 * dn * dd * sd + 2.0 * dd * dd * sn)
            / (sd * sd * sd);
        let factor = sigma_mm * sigma_mm / curvature;
        Recursion::symmetric(n.map(|n| n * factor), d)
    }

    fn symmetric(n: [f64; 4], d: [f64; 4]) -> Recursion {
        let m = [
            n[1] - d[0] * n[0],
            n[2] - d[1] * n[0],
            n[3] - d[2] * n[0],
            -d[3] * n[0],
        ];
        let sum = |c: [f64; 4]| c[0] + c[1] + c[2] + c[3];
        let sd = 1.0 + sum(d);
        Recursion {
            n,
            d,
            m,
            before: d.map(|d| d * sum(n) / sd),
            behind: d.map(|d| d * sum(m) / sd),
        }
    }

    /// The filter over all lines along an axis; keeps `(from, length)` of each. Gives the new size and values.
    fn along<T: Copy + Into<f64>>(
        &self,
        axis: usize,
        grid: &Grid<T>,
        (from, length): (usize, usize),
    ) -> ([usize; 3], Vec<f32>) {
        let mut size = grid.size;
        size[axis] = length;
        let strides = [1, size[0], size[0] * size[1]];
        let mut values = vec![0.0_f32; size[0] * size[1] * size[2]];
        let lines = lines(axis, grid.size, grid.strides, strides);
        let mut scratch = Scratch::new(grid.size[axis]);
        for block in lines.chunks(LANES * GROUPS) {
            scratch.gather(grid.values, block, grid.strides[axis]);
            for (group, lines) in block.chunks(LANES).enumerate() {
                let (x, y, w) = scratch.group(group);
                self.causal(x, &mut y[..from + length]);
                self.anti_causal(x, w, from);
                let results = y[from..].iter().zip(&w[from..]).take(length);
                for (i, (y, w)) in results.enumerate() {
                    for (lane, &(_, start)) in lines.iter().enumerate() {
                        values[start + i * strides[axis]] = (y[lane] + w[lane]) as f32;
                    }
                }
            }
        }
        (size, values)
    }

    fn causal(&self, x: &[Lanes], y: &mut [Lanes]) {
        for i in 0..y.len().min(4) {
            for lane in 0..LANES {
                let input = |k: usize| x[i.saturating_sub(k)][lane];
                let output = |k: usize| match i.checked_sub(k + 1) {
                    Some(earlier) => self.d[k] * y[earlier][lane],
                    None => self.before[k] * x[0][lane],
                };
                y[i][lane] = sum4(|k| self.n[k] * input(k)) - sum4(output);
            }
        }
        for i in 4..y.len() {
            let (done, next) = y.split_at_mut(i);
            let (x, done) = (&x[i - 3..=i], &done[i - 4..i]);
            for lane in 0..LANES {
                next[0][lane] =
                    sum4(|k| self.n[k] * x[3 - k][lane]) - sum4(|k| self.d[k] * done[3 - k][lane]);
            }
        }
    }

    fn anti_causal(&self, x: &[Lanes], w: &mut [Lanes], from: usize) {
        let last = x.len() - 1;
        for i in (from.max(x.len().saturating_sub(4))..=last).rev() {
            for lane in 0..LANES {
                let input = |k: usize| x[(i + 1 + k).min(last)][lane];
                let output = |k: usize| match i + 1 + k {
                    later if later <= last => self.d[k] * w[later][lane],
                    _ => self.behind[k] * x[last][lane],
                };
                w[i][lane] = sum4(|k| self.m[k] * input(k)) - sum4(output);
            }
        }
        for i in (from..x.len().saturating_sub(4)).rev() {
            let (head, done) = w.split_at_mut(i + 1);
            let (x, done) = (&x[i + 1..i + 5], &done[..4]);
            for lane in 0..LANES {
                head[i][lane] =
                    sum4(|k| self.m[k] * x[k][lane]) - sum4(|k| self.d[k] * done[k][lane]);
            }
        }
    }
}

/// Terms added in order.
#[inline(always)]
fn sum4(term: impl Fn(usize) -> f64) -> f64 {
    term(0) + term(1) + term(2) + term(3)
}

/// Where each line starts, in the input and in the output; neighbours along the faster axis follow each other.
fn lines(
    axis: usize,
    size: [usize; 3],
    input: [usize; 3],
    output: [usize; 3],
) -> Vec<(usize, usize)> {
    let [inner, outer] = match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    };
    let mut starts = Vec::with_capacity(size[inner] * size[outer]);
    for b in 0..size[outer] {
        for a in 0..size[inner] {
            starts.push((
                a * input[inner] + b * input[outer],
                a * output[inner] + b * output[outer],
            ));
        }
    }
    starts
}

/// Some groups of eight lines: inputs of all, results of the group at hand.
struct Scratch {
    n: usize,
    /// Group by group, `n` each.
    x: Vec<Lanes>,
    y: Vec<Lanes>,
    w: Vec<Lanes>,
}

impl Scratch {
    fn new(n: usize) -> Scratch {
        Scratch {
            n,
            x: vec![[0.0; LANES]; n * GROUPS],
            y: vec![[0.0; LANES]; n],
            w: vec![[0.0; LANES]; n],
        }
    }

    fn group(&mut self, group: usize) -> (&[Lanes], &mut [Lanes], &mut [Lanes]) {
        let x = &self.x[group * self.n..(group + 1) * self.n];
        (x, &mut self.y, &mut self.w)
    }

    /// Lanes without a line keep what they hold.
    fn gather<T: Copy + Into<f64>>(
        &mut self,
        values: &[T],
        block: &[(usize, usize)],
        stride: usize,
    ) {
        // starts ascend, so as many of them over as long a span are neighbours
        let adjacent =
            |lines: &[(usize, usize)]| lines[lines.len() - 1].0 + 1 == lines[0].0 + lines.len();
        let n = self.n;
        if stride == 1 || !block.chunks(LANES).all(adjacent) {
            for (line, &(start, _)) in block.iter().enumerate() {
                let lanes = &mut self.x[line / LANES * n..][..n];
                let cells = values[start..].iter().step_by(stride);
                for (lanes, &value) in lanes.iter_mut().zip(cells) {
                    lanes[line % LANES] = value.into();
                }
            }
            return;
        }
        // one sweep over all groups for each position: neighbours in memory are read together
        for i in 0..n {
            for (group, lines) in block.chunks(LANES).enumerate() {
                let run = &values[lines[0].0 + i * stride..][..lines.len()];
                for (cell, &value) in self.x[group * n + i].iter_mut().zip(run) {
                    *cell = value.into();
                }
            }
        }
    }
}
