//! Weights that carry the mean–variance trend of counts into a linear model.

use crate::error::ExpressionError;
use crate::linear::fit_linear;
use crate::lowess::lowess;
use crate::normalise::check_sizes;
use ndarray::{Array2, ArrayView2};

/// Share of the genes in a local fit of the trend.
const SPAN: f64 = 0.5;

/// Log counts per million and their precision weights, both \[genes, samples\].
#[derive(Debug, Clone, PartialEq)]
pub struct Voom {
    /// log2( (count + ½) / (size + 1) · 10⁶ ).
    pub log_cpm: Array2<f64>,
    /// Inverse of the predicted variance.
    pub weights: Array2<f64>,
}

/// Transforms counts for [`fit_linear`] with `design` (\[samples, columns\]); `effective_sizes` are library sizes times
/// normalisation factors.
///
/// # Formula
/// a first fit without weights gives √residual SD against mean log2 count; lowess of it (span ½, three robust passes);
/// weight = trend(fitted log2 count)⁻⁴, the trend being joined by lines and constant beyond its ends
///
/// # Edges
/// genes without any count take no part in the trend
/// # Errors
/// As [`fit_linear`]; a size that is not above 0; fewer than 2 genes.
/// # Reference
/// Law et al., Genome Biol. 15 (2014) R29
/// # Agrees with
/// limma 3.54.1 `voom`: values 1e-9, weights 1e-8, tests/parity.rs
pub fn voom(
    counts: ArrayView2<f64>,
    effective_sizes: &[f64],
    design: ArrayView2<f64>,
) -> Result<Voom, ExpressionError> {
    let (n_genes, n_samples) = counts.dim();
    check_sizes(effective_sizes, n_samples)?;
    if n_genes < 2 {
        return Err(ExpressionError::TooFew {
            what: "genes",
            n: n_genes,
            at_least: 2,
        });
    }
    let log_size: Vec<f64> = effective_sizes
        .iter()
        .map(|s| libm::log2(s + 1.0))
        .collect();
    let million = libm::log2(1e6);
    let log_cpm = Array2::from_shape_fn(counts.dim(), |(g, s)| {
        libm::log2((counts[[g, s]] + 0.5) / (effective_sizes[s] + 1.0) * 1e6)
    });
    let fit = fit_linear(log_cpm.view(), None, design)?;
    let shift = log_size.iter().sum::<f64>() / n_samples as f64 - million;
    let mut points: Vec<(f64, f64)> = (0..n_genes)
        .filter(|&g| counts.row(g).iter().any(|c| *c > 0.0))
        .map(|g| (fit.mean[g] + shift, fit.residual_sd[g].sqrt()))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let trend = Trend::new(&points);
    let weights = Array2::from_shape_fn(counts.dim(), |(g, s)| {
        let fitted: f64 = fit
            .coefficients
            .row(g)
            .iter()
            .zip(design.row(s))
            .map(|(b, x)| b * x)
            .sum();
        let sd = trend.at(fitted + log_size[s] - million);
        1.0 / (sd * sd * sd * sd)
    });
    Ok(Voom { log_cpm, weights })
}

/// The smoothed trend, joined by lines.
struct Trend {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Trend {
    fn new(points: &[(f64, f64)]) -> Trend {
        let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        let range = match (x.first(), x.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0.0,
        };
        let fitted = lowess(&x, &y, SPAN, 0.01 * range);
        // points of one x share the mean of their values
        let mut trend = Trend {
            x: Vec::new(),
            y: Vec::new(),
        };
        let mut from = 0;
        while from < x.len() {
            let to = (from..x.len())
                .find(|&i| x[i] != x[from])
                .unwrap_or(x.len());
            trend.x.push(x[from]);
            let mean = fitted[from..to].iter().sum::<f64>() / (to - from) as f64;
            trend.y.push(mean);
            from = to;
        }
        trend
    }

    fn at(&self, at: f64) -> f64 {
        let above = self.x.partition_point(|x| *x <= at);
        match (above.checked_sub(1), self.x.get(above)) {
            (None, _) => self.y.first().copied().unwrap_or(1.0),
            (Some(below), None) => self.y[below],
            (Some(below), Some(next)) => {
                let share = (at - self.x[below]) / (next - self.x[below]);
                self.y[below] + share * (self.y[above] - self.y[below])
            }
        }
    }
}
