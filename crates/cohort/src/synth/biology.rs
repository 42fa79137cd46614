//! The third centre: images, clinical columns and gene expression of patients whom nobody followed.
//!
//! Its two risk groups follow the latents that the images show: `dfs_high` are the patients with the greater `u_t`, `os_high` those with
//! the greater `u_p`, so that a score frozen on the first centre can find them from images alone. How many are in both groups is dealt
//! exactly, which makes the two contrasts of the expression table (nearly) orthogonal.

use super::clinical::{Clinical, clinical};
use super::patient::SynthPatient;
use super::spec::{CentreSpec, SynthSize, SynthSpec, shrunk};
use super::tables::unfollowed;
use crate::keyed::Keyed;

/// An endpoint whose risk groups differ in gene expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SynthEndpoint {
    /// Disease-free survival.
    Dfs,
    /// Overall survival.
    Os,
}

/// Genes and gene sets that follow the risk groups of one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantedSpec {
    /// Genes with more expression at high risk.
    pub n_up: usize,
    /// Genes with less.
    pub n_down: usize,
    /// Gene sets that hold more of the genes with more expression than chance puts there.
    pub sets: [&'static str; 3],
}

/// The third centre and its expression table.
#[derive(Debug, Clone, PartialEq)]
pub struct BiologySpec {
    /// The centre; nobody is followed there.
    pub centre: CentreSpec,
    /// Its patients at size `Tiny`.
    pub n_tiny: usize,
    /// Of the patients at high risk of one endpoint (half of all), the fraction that is at high risk of the other too.
    pub shared: f64,
    /// Genes.
    pub n_genes: usize,
    /// Mean and standard deviation of the natural logarithm of a gene's mean count.
    pub log_mean: [f64; 2],
    /// Smallest mean count of a gene, in either group.
    pub mean_min: f64,
    /// Range of a gene's dispersion φ: variance μ + φ μ².
    pub dispersion: [f64; 2],
    /// Standard deviation of the natural logarithm of a sample's library size.
    pub log_library_sd: f64,
    /// Range of the absolute log2 fold change of a planted gene.
    pub abs_log2_fold: [f64; 2],
    /// What follows the risk of recurrence or death.
    pub dfs: PlantedSpec,
    /// What follows the risk of death.
    pub os: PlantedSpec,
    /// Gene sets, the planted ones among them.
    pub n_sets: usize,
    /// Range of a set's size.
    pub set_size: [usize; 2],
    /// Smallest size of a planted set, so that its genes are enough to be seen.
    pub planted_size_min: usize,
    /// Odds of a planted gene's being in a planted set over those of another gene.
    pub set_odds: f64,
}

/// The patients of the third centre and their risk groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Biology {
    /// By `patient_id`; without follow-up.
    pub patients: Vec<SynthPatient>,
    /// At high risk of recurrence or death, by patient.
    pub dfs_high: Vec<bool>,
    /// At high risk of death, by patient.
    pub os_high: Vec<bool>,
}

impl Biology {
    /// Who is at high risk of an endpoint, by patient.
    #[must_use]
    pub fn high(&self, endpoint: SynthEndpoint) -> &[bool] {
        match endpoint {
            SynthEndpoint::Dfs => &self.dfs_high,
            SynthEndpoint::Os => &self.os_high,
        }
    }
}

impl SynthEndpoint {
    /// Both.
    pub const ALL: [SynthEndpoint; 2] = [SynthEndpoint::Dfs, SynthEndpoint::Os];

    /// As written in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SynthEndpoint::Dfs => "dfs",
            SynthEndpoint::Os => "os",
        }
    }
}

impl BiologySpec {
    /// What follows an endpoint.
    #[must_use]
    pub fn planted(&self, endpoint: SynthEndpoint) -> &PlantedSpec {
        match endpoint {
            SynthEndpoint::Dfs => &self.dfs,
            SynthEndpoint::Os => &self.os,
        }
    }

    /// The centre at a size: `n_tiny` patients at `Tiny`, else as it is.
    #[must_use]
    pub fn centre_at(&self, size: SynthSize) -> CentreSpec {
        match size {
            SynthSize::Tiny => shrunk(&self.centre, self.n_tiny, [0; 3], 0),
            _ => self.centre.clone(),
        }
    }
}

/// Draws the third centre's patients: a pure function of its arguments, and none of the other centres' draws.
///
/// Log hazards are standardised over this centre alone. Half of the patients (rounded down) are at high risk of either endpoint.
#[must_use]
pub fn biology(spec: &SynthSpec, size: SynthSize, seed: u64) -> Biology {
    let centre = spec.biology.centre_at(size);
    let mut column = clinical(spec, &centre, seed);
    let high = |latent: &[f64]| -> Vec<bool> {
        let mut sorted = latent.to_vec();
        sorted.sort_by(f64::total_cmp);
        let least = sorted.get(centre.n - centre.n / 2).copied();
        let is_high = |u: &f64| least.is_some_and(|least| *u >= least);
        latent.iter().map(is_high).collect()
    };
    let dfs_high = high(&column.u_t);
    column.u_p = dealt(spec, &centre, &column, &dfs_high, seed);
    let os_high = high(&column.u_p);
    Biology {
        patients: unfollowed(spec, &centre, column),
        dfs_high,
        os_high,
    }
}

/// The values of `u_p` dealt anew, so that of the patients in `first` exactly the spec's share is in the upper half of `u_p`.
fn dealt(
    spec: &SynthSpec,
    centre: &CentreSpec,
    column: &Clinical,
    first: &[bool],
    seed: u64,
) -> Vec<f64> {
    let mut keyed = Keyed::new(seed, spec.schema, &["risk-groups", centre.site]);
    let mut sorted = column.u_p.clone();
    sorted.sort_by(f64::total_cmp);
    let mut upper = sorted.split_off(centre.n - centre.n / 2);
    let mut lower = sorted;
    keyed.shuffle(&mut upper);
    keyed.shuffle(&mut lower);
    let n_both = (spec.biology.shared * upper.len() as f64).round() as usize;
    let mut both = rows_where(first, true);
    let mut one = rows_where(first, false);
    keyed.shuffle(&mut both);
    keyed.shuffle(&mut one);
    let n_one = upper.len() - n_both.min(upper.len());
    let mut values = vec![0.0; centre.n];
    let chosen = both.iter().take(n_both).chain(one.iter().take(n_one));
    let others = both.iter().skip(n_both).chain(one.iter().skip(n_one));
    for (row, value) in chosen.chain(others).zip(upper.into_iter().chain(lower)) {
        values[*row] = value;
    }
    values
}

fn rows_where(group: &[bool], member: bool) -> Vec<usize> {
    (0..group.len())
        .filter(|&row| group[row] == member)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_the_wanted_sizes_and_overlap() {
        let spec = SynthSpec::paper();
        for (size, n, n_high, n_both) in [
            (SynthSize::Tiny, 12, 6, 3),
            (SynthSize::Demo, 54, 27, 14),
            (SynthSize::Full, 54, 27, 14),
        ] {
            for seed in 0..5 {
                let drawn = biology(&spec, size, seed);
                let count = |group: &[bool]| group.iter().filter(|high| **high).count();
                let pairs = drawn.dfs_high.iter().zip(&drawn.os_high);
                let both = pairs.filter(|(a, b)| **a && **b).count();
                assert_eq!(drawn.patients.len(), n);
                assert_eq!(count(&drawn.dfs_high), n_high);
                assert_eq!((count(&drawn.os_high), both), (n_high, n_both));
            }
        }
    }

    #[test]
    fn groups_are_the_upper_halves_of_the_latents() {
        let drawn = biology(&SynthSpec::paper(), SynthSize::Demo, 3);
        let latents: [fn(&SynthPatient) -> f64; 2] = [|p| p.truth.u_t, |p| p.truth.u_p];
        for (endpoint, latent) in SynthEndpoint::ALL.into_iter().zip(latents) {
            let of = |member: bool| {
                let pairs = drawn.patients.iter().zip(drawn.high(endpoint));
                pairs
                    .filter(move |(_, high)| **high == member)
                    .map(move |(p, _)| latent(p))
            };
            let least = of(true).fold(f64::INFINITY, f64::min);
            assert!(of(false).all(|u| u < least));
        }
        assert!(
            drawn
                .patients
                .iter()
                .all(|p| !p.followed && p.site == "tcga")
        );
    }
}
