//! Learning site effects from training rows.

use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::effect::{Moments, shrink};
use super::error::CombatError;
use crate::columns;
use crate::linalg::Cholesky;

/// How site effects are shrunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prior {
    /// Normal shifts and inverse-gamma scales: the usual form.
    Parametric,
    /// The other features' effects, weighted by likelihood.
    NonParametric,
    /// None: effects as estimated (location and scale of each site).
    None,
}

/// How to harmonise.
#[derive(Debug, Clone, PartialEq)]
pub struct CombatParams {
    /// How effects are shrunk.
    pub prior: Prior,
    /// Shifts only; scales stay.
    pub mean_only: bool,
    /// The site whose features stay as they are, and to which others are brought.
    pub reference: Option<String>,
}

impl CombatParams {
    /// Parametric, shift and scale, no reference: what `ComBat` does by default.
    pub fn parametric() -> CombatParams {
        CombatParams {
            prior: Prior::Parametric,
            mean_only: false,
            reference: None,
        }
    }

    /// As [`CombatParams::parametric`], towards a site.
    pub fn towards(reference: &str) -> CombatParams {
        CombatParams {
            reference: Some(reference.to_string()),
            ..CombatParams::parametric()
        }
    }
}

/// Effects of one site on every harmonised feature.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteEffect {
    /// Site.
    pub site: String,
    /// Its patients.
    pub n_patients: usize,
    /// γ*, in units of σ, in the order of [`Combat::features`].
    pub shift: Vec<f64>,
    /// δ*, a ratio of variances.
    pub scale: Vec<f64>,
}

/// What ComBat learned: frozen estimates, no training row.
#[derive(Debug, Clone, PartialEq)]
pub struct Combat {
    /// How it was learned.
    pub params: CombatParams,
    /// Features that are harmonised, in the order of the training table.
    pub features: Vec<String>,
    /// Features with one value within some site: passed through as they are.
    pub unchanged: Vec<String>,
    /// α of each feature, at the covariates' training means.
    pub location: Vec<f64>,
    /// σ of each feature.
    pub std_dev: Vec<f64>,
    /// Training means of the covariates.
    pub covariate_means: Vec<f64>,
    /// β, covariates × features.
    pub covariate_effects: Array2<f64>,
    /// Sites learned from, by name, and sites adapted, in the order in which they came.
    pub sites: Vec<SiteEffect>,
}

/// Learns ComBat's location, scale and site effects from training rows.
///
/// # Formula
/// y_ij = α_j + x_iβ_j + σ_j(γ_sj + √δ_sj ε_ij). α, β by least squares on site indicators and covariates, α the mean of the sites
/// weighted by their patients (or the reference site's); σ² = Σ residual²/n (in the reference site); z = (y − α − xβ)/σ.
/// Parametric: γ* = (n τ² γ̂ + δ* γ̄)/(n τ² + δ*), δ* = (θ + ½Σ(z − γ*)²)/(n/2 + λ − 1), in turn until no feature's effect at the site
/// changes by more than 1e-4 of itself (sva's rule, all features together, the shift's sign kept in the divisor);
/// mean-only: γ* = (τ² γ̂ + γ̄)/(τ² + 1). Harmonised: σ(z − γ*)/√δ* + α + xβ.
///
/// # Arguments
/// | argument | shape | |
/// |---|---|---|
/// | `x` | patients × features | finite |
/// | `site` | patients | any names |
/// | `covariates` | patients × covariates | what is to be kept (grade, age): never an outcome; may have no column |
///
/// # Ties and edges   a feature with one value within a site is passed through and named; the reference site is not changed
/// # Errors           see [`CombatError`]
/// # Reference        Johnson, Li & Rabinovic, Biostatistics 8 (2007) 118–127; Fortin et al., NeuroImage 167 (2018) 104–120
/// # Agrees with      Bioconductor sva 3.46 `ComBat` and neuroCombat 0.2.12 (parametric, with covariates, mean-only,
/// reference, non-parametric, no prior), 1e-6 of a feature's standard deviation, tests/parity_combat.rs
/// # Differs from     the joint fixed point of the two posterior means, which the rule stops short of by up to 4e-6 of a standard
/// deviation where a site has two patients
pub fn fit_combat(
    x: ArrayView2<f64>,
    names: &[String],
    site: &[String],
    covariates: ArrayView2<f64>,
    params: &CombatParams,
) -> Result<Combat, CombatError> {
    columns::find(x.ncols(), names, std::iter::empty())?;
    check_rows(x, names, site, covariates)?;
    let sites = Sites::new(site);
    sites.check(params)?;
    let mut varying: Vec<bool> = (0..x.ncols())
        .map(|j| sites.rows.iter().all(|rows| varies(x.column(j), rows)))
        .collect();
    let kept: Vec<usize> = (0..x.ncols()).filter(|&j| varying[j]).collect();
    let design = LeastSquares::new(&sites, covariates)?;
    let reference = (params.reference.as_ref()).and_then(|r| sites.names.binary_search(r).ok());
    let mut columns: Vec<Standardised> = kept
        .par_iter()
        .map(|&j| design.standardise(x.column(j), &sites, reference))
        .collect();
    // sites of one patient each leave no residual to measure with
    (kept.iter().zip(&columns)).for_each(|(&j, c)| varying[j] = c.std_dev > 0.0);
    columns.retain(|c| c.std_dev > 0.0);
    if columns.len() < 2 && params.prior != Prior::None {
        return Err(CombatError::FewFeatures {
            n_features: columns.len(),
        });
    }
    let named = |want: bool| -> Vec<String> {
        let pairs = names.iter().zip(&varying);
        pairs
            .filter(|(_, v)| **v == want)
            .map(|(n, _)| n.clone())
            .collect()
    };
    Ok(Combat {
        features: named(true),
        unchanged: named(false),
        location: columns.iter().map(|c| c.location).collect(),
        std_dev: columns.iter().map(|c| c.std_dev).collect(),
        covariate_effects: Array2::from_shape_fn((covariates.ncols(), columns.len()), |(c, j)| {
            columns[j].covariate_effects[c]
        }),
        covariate_means: design.covariate_means,
        sites: (0..sites.names.len())
            .map(|s| sites.effect(s, &columns, params, reference == Some(s)))
            .collect(),
        params: params.clone(),
    })
}

pub(super) fn check_rows(
    x: ArrayView2<f64>,
    names: &[String],
    site: &[String],
    covariates: ArrayView2<f64>,
) -> Result<(), CombatError> {
    let n_rows = x.nrows();
    if site.len() != n_rows || covariates.nrows() != n_rows {
        return Err(CombatError::Rows {
            n_rows,
            n_sites: site.len(),
            n_covariate_rows: covariates.nrows(),
        });
    }
    let refuse = |row: usize, feature: String, value: f64| {
        Err(CombatError::NotFinite {
            row,
            feature,
            value,
        })
    };
    if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return refuse(row, names[column].clone(), value);
    }
    if let Some(((row, c), &value)) = covariates.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return refuse(row, format!("covariate {c}"), value);
    }
    Ok(())
}

/// Rows of each site, sites by name.
struct Sites {
    names: Vec<String>,
    rows: Vec<Vec<usize>>,
}

impl Sites {
    fn new(site: &[String]) -> Sites {
        let mut names = site.to_vec();
        names.sort_unstable();
        names.dedup();
        let rows = names
            .iter()
            .map(|name| (0..site.len()).filter(|&i| site[i] == *name).collect())
            .collect();
        Sites { names, rows }
    }

    fn check(&self, params: &CombatParams) -> Result<(), CombatError> {
        let at_least = if params.mean_only { 1 } else { 2 };
        for (name, rows) in self.names.iter().zip(&self.rows) {
            if rows.len() < at_least {
                return Err(CombatError::SmallSite {
                    site: name.clone(),
                    n_patients: rows.len(),
                    at_least,
                });
            }
        }
        match &params.reference {
            Some(site) if !self.names.contains(site) => {
                Err(CombatError::NoReference { site: site.clone() })
            }
            None if self.names.len() < 2 => Err(CombatError::OneSite {
                site: self.names.first().cloned().unwrap_or_default(),
            }),
            _ => Ok(()),
        }
    }

    fn effect(
        &self,
        s: usize,
        columns: &[Standardised],
        params: &CombatParams,
        is_reference: bool,
    ) -> SiteEffect {
        let effects = if is_reference {
            vec![(0.0, 1.0); columns.len()]
        } else {
            let moments: Vec<Moments> = columns
                .iter()
                .map(|c| Moments::of(self.rows[s].iter().map(|&i| c.z[i]), params.mean_only))
                .collect();
            shrink(&moments, params.prior, params.mean_only)
        };
        let (shift, scale) = effects.into_iter().unzip();
        SiteEffect {
            site: self.names[s].clone(),
            n_patients: self.rows[s].len(),
            shift,
            scale,
        }
    }
}

/// One patient at a site varies as far as anybody can tell.
fn varies(column: ArrayView1<f64>, rows: &[usize]) -> bool {
    rows.len() == 1 || rows.iter().any(|&i| column[i] != column[rows[0]])
}

/// Site means and covariates, within sites, factored once for all features.
struct LeastSquares {
    covariate_means: Vec<f64>,
    /// Covariates minus their training means.
    centred: Array2<f64>,
    /// Means of the centred covariates at each site.
    site_means: Array2<f64>,
    /// Factor of the covariates' products within sites; `None` without covariates.
    within: Option<Cholesky>,
}

struct Standardised {
    location: f64,
    std_dev: f64,
    covariate_effects: Vec<f64>,
    z: Vec<f64>,
}

impl LeastSquares {
    fn new(sites: &Sites, covariates: ArrayView2<f64>) -> Result<LeastSquares, CombatError> {
        let (n, q) = covariates.dim();
        let covariate_means: Vec<f64> = (covariates.columns().into_iter())
            .map(|c| c.iter().sum::<f64>() / n as f64)
            .collect();
        let centred =
            Array2::from_shape_fn((n, q), |(i, c)| covariates[[i, c]] - covariate_means[c]);
        let site_means = Array2::from_shape_fn((sites.names.len(), q), |(s, c)| {
            let rows = &sites.rows[s];
            rows.iter().map(|&i| centred[[i, c]]).sum::<f64>() / rows.len() as f64
        });
        let mut products = Array2::zeros((q, q));
        for (s, rows) in sites.rows.iter().enumerate() {
            for &i in rows {
                for a in 0..q {
                    for b in 0..q {
                        products[[a, b]] += (centred[[i, a]] - site_means[[s, a]])
                            * (centred[[i, b]] - site_means[[s, b]]);
                    }
                }
            }
        }
        for (c, total) in centred.columns().into_iter().enumerate() {
            let spread: f64 = total.iter().map(|v| v * v).sum();
            if products[[c, c]] <= 1e-12 * spread || spread == 0.0 {
                return Err(CombatError::Confounded { covariate: c });
            }
        }
        let within = Cholesky::new(&products, 1e-10)
            .map_err(|covariate| CombatError::Confounded { covariate })?;
        Ok(LeastSquares {
            covariate_means,
            centred,
            site_means,
            within: (q > 0).then_some(within),
        })
    }

    fn standardise(
        &self,
        y: ArrayView1<f64>,
        sites: &Sites,
        reference: Option<usize>,
    ) -> Standardised {
        let mean = |rows: &[usize]| {
            let rough = y[rows[0]];
            rough + rows.iter().map(|&i| y[i] - rough).sum::<f64>() / rows.len() as f64
        };
        let site_means: Vec<f64> = sites.rows.iter().map(|rows| mean(rows)).collect();
        let beta = self.covariate_effects(y, sites, &site_means);
        let dot = |row: ArrayView1<f64>| row.iter().zip(&beta).map(|(x, b)| x * b).sum::<f64>();
        // a site's mean at the covariates' training means
        let own: Vec<f64> = (0..sites.rows.len())
            .map(|s| site_means[s] - dot(self.site_means.row(s)))
            .collect();
        let n = y.len() as f64;
        let location = match reference {
            Some(r) => own[r],
            None => (own.iter().zip(&sites.rows))
                .map(|(mean, rows)| mean * (rows.len() as f64 / n))
                .sum(),
        };
        let squares = |s: usize| -> f64 {
            let residual = |&i: &usize| y[i] - own[s] - dot(self.centred.row(i));
            sites.rows[s].iter().map(residual).map(|r| r * r).sum()
        };
        let variance = match reference {
            Some(r) => squares(r) / sites.rows[r].len() as f64,
            None => (0..sites.rows.len()).map(squares).sum::<f64>() / n,
        };
        let std_dev = variance.sqrt();
        let z = |i: usize| (y[i] - location - dot(self.centred.row(i))) / std_dev;
        Standardised {
            location,
            std_dev,
            z: (0..y.len()).map(z).collect(),
            covariate_effects: beta,
        }
    }

    fn covariate_effects(&self, y: ArrayView1<f64>, sites: &Sites, site_means: &[f64]) -> Vec<f64> {
        let Some(within) = &self.within else {
            return Vec::new();
        };
        let mut products = vec![0.0; self.covariate_means.len()];
        for (s, rows) in sites.rows.iter().enumerate() {
            for &i in rows {
                let deviation = y[i] - site_means[s];
                for (c, product) in products.iter_mut().enumerate() {
                    *product += (self.centred[[i, c]] - self.site_means[[s, c]]) * deviation;
                }
            }
        }
        within.solve(&products)
    }
}
