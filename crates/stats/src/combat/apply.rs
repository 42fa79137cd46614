//! Harmonising patients with frozen estimates.

use ndarray::{Array2, ArrayView2};

use super::effect::{Moments, shrink};
use super::error::CombatError;
use super::fit::{Combat, Prior, SiteEffect, check_rows};
use crate::columns;

/// Harmonised features of some patients.
#[derive(Debug, Clone, PartialEq)]
pub struct Harmonised {
    /// Patients × features, in the columns and the order of the table that was given.
    pub x: Array2<f64>,
}

impl Combat {
    /// Harmonises patients of known sites with the frozen estimates; columns are found by name, and columns that were not
    /// learned (or had one value within a site) are passed through.
    ///
    /// # Formula
    /// σ(z − γ*_s)/√δ*_s + α + xβ, z = (y − α − xβ)/σ; a patient of the reference site keeps his values to the last bit
    ///
    /// # Errors
    /// An unknown site ([`Combat::adapt`] it), a feature that is not in the table, another number of covariates.
    pub fn apply(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        site: &[String],
        covariates: ArrayView2<f64>,
    ) -> Result<Harmonised, CombatError> {
        let columns = columns::find(x.ncols(), names, self.features.iter())?;
        check_rows(x, names, site, covariates)?;
        self.check_covariates(covariates)?;
        let mut harmonised = x.to_owned();
        for (row, name) in site.iter().enumerate() {
            let effect = self.effect(name).ok_or_else(|| CombatError::UnknownSite {
                row,
                site: name.clone(),
            })?;
            if self.params.reference.as_ref() == Some(name) {
                continue;
            }
            for (j, &column) in columns.iter().enumerate() {
                let expected = self.expected(j, covariates, row);
                let z = (x[[row, column]] - expected) / self.std_dev[j];
                harmonised[[row, column]] =
                    (z - effect.shift[j]) / effect.scale[j].sqrt() * self.std_dev[j] + expected;
            }
        }
        Ok(Harmonised { x: harmonised })
    }

    /// The estimates with one more site, learned from the features of its patients alone, against the reference site.
    ///
    /// Fit on the reference site only, then adapt: the same as fitting both with that reference.
    ///
    /// # Ties and edges
    /// A site of one patient has no scale: it is shifted only, as in the mean-only form, which shrinks the shift by what the features
    /// have in common; without a prior it is refused, for its shift would take all that is its patient's own.
    ///
    /// # Errors
    /// The fit has no reference, the site is known already or too small, or the table does not fit.
    pub fn adapt(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        site: &str,
        covariates: ArrayView2<f64>,
    ) -> Result<Combat, CombatError> {
        let columns = columns::find(x.ncols(), names, self.features.iter())?;
        let site = site.to_string();
        check_rows(x, names, &vec![site.clone(); x.nrows()], covariates)?;
        self.check_covariates(covariates)?;
        if self.params.reference.is_none() {
            return Err(CombatError::NoReferenceFit { site });
        }
        if self.effect(&site).is_some() {
            return Err(CombatError::KnownSite { site });
        }
        let mean_only = self.params.mean_only || x.nrows() == 1;
        let at_least = match (self.params.mean_only, self.params.prior) {
            (false, Prior::None) => 2,
            _ => 1,
        };
        if x.nrows() < at_least {
            return Err(CombatError::SmallSite {
                site,
                n_patients: x.nrows(),
                at_least,
            });
        }
        let moments: Vec<Moments> = (columns.iter().enumerate())
            .map(|(j, &column)| {
                let z =
                    |row| (x[[row, column]] - self.expected(j, covariates, row)) / self.std_dev[j];
                Moments::of((0..x.nrows()).map(z), mean_only)
            })
            .collect();
        // what does not vary here has no scale: it takes no part in the prior and is shifted only
        let varying: Vec<usize> = (0..moments.len())
            .filter(|&j| mean_only || moments[j].squares > 0.0)
            .collect();
        if varying.len() < 2 && self.params.prior != Prior::None {
            return Err(CombatError::FewFeatures {
                n_features: varying.len(),
            });
        }
        let known: Vec<Moments> = varying.iter().map(|&j| moments[j]).collect();
        let (mut shift, mut scale): (Vec<f64>, Vec<f64>) =
            moments.iter().map(|m| (m.mean, 1.0)).unzip();
        for (&j, (g, d)) in (varying.iter()).zip(shrink(&known, self.params.prior, mean_only)) {
            (shift[j], scale[j]) = (g, d);
        }
        let mut adapted = self.clone();
        adapted.sites.push(SiteEffect {
            site,
            n_patients: x.nrows(),
            shift,
            scale,
        });
        Ok(adapted)
    }

    /// The effect of a site, if it is known.
    pub fn effect(&self, site: &str) -> Option<&SiteEffect> {
        self.sites.iter().find(|s| s.site == site)
    }

    fn check_covariates(&self, covariates: ArrayView2<f64>) -> Result<(), CombatError> {
        let n_fitted = self.covariate_means.len();
        if covariates.ncols() == n_fitted {
            return Ok(());
        }
        Err(CombatError::Covariates {
            n_covariates: covariates.ncols(),
            n_fitted,
        })
    }

    /// α + xβ.
    fn expected(&self, j: usize, covariates: ArrayView2<f64>, row: usize) -> f64 {
        let by_covariates: f64 = (self.covariate_means.iter().enumerate())
            .map(|(c, mean)| self.covariate_effects[[c, j]] * (covariates[[row, c]] - mean))
            .sum();
        self.location[j] + by_covariates
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::{CombatParams, fit_combat};
    use super::*;
    use ndarray::Axis;

    fn table(n: usize, p: usize) -> (Array2<f64>, Vec<String>, Vec<String>) {
        let x = Array2::from_shape_fn((n, p), |(i, j)| {
            libm::sin((i * 31 + j * 17) as f64) * (1 + i % 2) as f64 + (i % 2 * j) as f64
        });
        let names = (0..p).map(|j| format!("f{j}")).collect();
        let site = (0..n).map(|i| ["a", "b"][i % 2].to_string()).collect();
        (x, names, site)
    }

    #[test]
    fn refusals_have_names() {
        let (x, names, site) = table(12, 4);
        let none = Array2::zeros((12, 0));
        let fit = |p: &CombatParams| fit_combat(x.view(), &names, &site, none.view(), p);
        let plain = fit(&CombatParams::parametric()).unwrap();
        let strange = vec!["c".to_string(); 12];
        assert_eq!(
            plain.apply(x.view(), &names, &strange, none.view()),
            Err(CombatError::UnknownSite {
                row: 0,
                site: "c".into()
            })
        );
        assert_eq!(
            plain.adapt(x.view(), &names, "c", none.view()),
            Err(CombatError::NoReferenceFit { site: "c".into() })
        );
        let towards = fit(&CombatParams::towards("a")).unwrap();
        assert_eq!(
            towards.adapt(x.view(), &names, "b", none.view()),
            Err(CombatError::KnownSite { site: "b".into() })
        );
        assert_eq!(
            fit(&CombatParams::towards("z")),
            Err(CombatError::NoReference { site: "z".into() })
        );
        let one = Array2::ones((12, 1));
        assert_eq!(
            fit_combat(
                x.view(),
                &names,
                &site,
                one.view(),
                &CombatParams::parametric()
            ),
            Err(CombatError::Confounded { covariate: 0 })
        );
        let by_site = Array2::from_shape_fn((12, 1), |(i, _)| (i % 2) as f64);
        assert_eq!(
            fit_combat(
                x.view(),
                &names,
                &site,
                by_site.view(),
                &CombatParams::parametric()
            ),
            Err(CombatError::Confounded { covariate: 0 })
        );
    }

    /// Training rows are all of the reference, as where one centre's folds are learned from.
    #[test]
    fn a_fit_on_the_reference_alone_brings_others_to_it_and_leaves_its_own() {
        let (x, names, _) = table(40, 30);
        let rows =
            |first: usize, n: usize| -> Vec<usize> { (first..40).step_by(2).take(n).collect() };
        let none = |n: usize| Array2::<f64>::zeros((n, 0));
        let of = |site: &str, n: usize| vec![site.to_string(); n];
        let (a, b) = (
            x.select(Axis(0), &rows(0, 20)),
            x.select(Axis(0), &rows(1, 20)),
        );
        let towards = CombatParams::towards("a");
        let fit = fit_combat(a.view(), &names, &of("a", 20), none(20).view(), &towards).unwrap();
        let own = fit
            .apply(a.view(), &names, &of("a", 20), none(20).view())
            .unwrap();
        assert_eq!(own.x, a);
        for n in [20, 2, 1] {
            let few = b.select(Axis(0), &(0..n).collect::<Vec<_>>());
            let adapted = fit.adapt(few.view(), &names, "b", none(n).view()).unwrap();
            let effect = adapted.effect("b").unwrap();
            assert_eq!(effect.n_patients, n);
            assert_eq!(effect.scale.iter().all(|s| *s == 1.0), n == 1);
            let near = |x: &Array2<f64>| -> f64 {
                let off = |j: usize| {
                    (x.column(j).sum() / x.nrows() as f64 - fit.location[j]) / fit.std_dev[j]
                };
                (0..30).map(|j| off(j).abs()).sum::<f64>() / 30.0
            };
            let out = adapted
                .apply(few.view(), &names, &of("b", n), none(n).view())
                .unwrap();
            assert!(
                near(&out.x) < 0.5 * near(&few),
                "{n}: {} {}",
                near(&out.x),
                near(&few)
            );
            assert!(out.x.iter().all(|v| v.is_finite()));
        }
        let bare = CombatParams {
            prior: Prior::None,
            ..towards
        };
        let fit = fit_combat(a.view(), &names, &of("a", 20), none(20).view(), &bare).unwrap();
        let one = b.select(Axis(0), &[0]);
        assert!(matches!(
            fit.adapt(one.view(), &names, "b", none(1).view()),
            Err(CombatError::SmallSite { at_least: 2, .. })
        ));
    }

    #[test]
    fn a_feature_constant_at_a_site_is_passed_through_and_named() {
        let (mut x, names, site) = table(12, 4);
        (0..12).step_by(2).for_each(|i| x[[i, 2]] = 5.0);
        let none = Array2::zeros((12, 0));
        let p = CombatParams::parametric();
        let fit = fit_combat(x.view(), &names, &site, none.view(), &p).unwrap();
        assert_eq!(fit.unchanged, ["f2"]);
        let out = fit.apply(x.view(), &names, &site, none.view()).unwrap().x;
        assert_eq!(out.column(2), x.column(2));
        assert_ne!(out.column(1), x.column(1));
    }

    #[test]
    fn without_a_prior_sites_have_one_mean_and_one_variance() {
        let (x, names, site) = table(40, 3);
        let none = Array2::zeros((40, 0));
        let p = CombatParams {
            prior: Prior::None,
            ..CombatParams::parametric()
        };
        let fit = fit_combat(x.view(), &names, &site, none.view(), &p).unwrap();
        let out = fit.apply(x.view(), &names, &site, none.view()).unwrap().x;
        for j in 0..3 {
            let moments =
                |first: usize| Moments::of((first..40).step_by(2).map(|i| out[[i, j]]), false);
            let (a, b) = (moments(0), moments(1));
            assert!(
                (a.mean - b.mean).abs() < 1e-12 && (a.variance / b.variance - 1.0).abs() < 1e-12
            );
        }
    }
}
