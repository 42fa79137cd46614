//! Why features could not be harmonised.

use crate::columns::ColumnError;

/// Why features could not be harmonised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CombatError {
    /// The columns do not fit.
    #[error("columns of the table")]
    Columns(#[from] ColumnError),
    /// Rows of the table, of the covariates and the list of sites differ in number.
    #[error("{n_rows} rows of features, {n_sites} sites and {n_covariate_rows} rows of covariates")]
    Rows {
        /// Rows of features.
        n_rows: usize,
        /// Entries of the list of sites.
        n_sites: usize,
        /// Rows of covariates.
        n_covariate_rows: usize,
    },
    /// A value is not a finite number.
    #[error("feature {feature} in row {row} is {value}: impute first")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// Feature or `covariate N`.
        feature: String,
        /// What was found.
        value: f64,
    },
    /// A site has too few patients.
    #[error("site {site} has {n_patients} patients, at least {at_least} are needed")]
    SmallSite {
        /// Site.
        site: String,
        /// Its patients.
        n_patients: usize,
        /// Fewest allowed.
        at_least: usize,
    },
    /// One site and no reference: nothing to harmonise.
    #[error("all rows are of site {site}: name it the reference, to adapt other sites to it")]
    OneSite {
        /// The site.
        site: String,
    },
    /// The reference site has no rows.
    #[error("no row is of the reference site {site}")]
    NoReference {
        /// The reference.
        site: String,
    },
    /// A site was not among those learned from.
    #[error("row {row} is of site {site}, which is not among those learned from: adapt it first")]
    UnknownSite {
        /// Zero-based row.
        row: usize,
        /// Site.
        site: String,
    },
    /// A site that is to be adapted is known already.
    #[error("site {site} is among those learned from")]
    KnownSite {
        /// Site.
        site: String,
    },
    /// A site can be adapted to a reference only.
    #[error("the fit has no reference site to adapt site {site} to")]
    NoReferenceFit {
        /// Site.
        site: String,
    },
    /// Covariates as many as in training are needed.
    #[error("{n_covariates} covariates, the fit has {n_fitted}")]
    Covariates {
        /// Covariates given.
        n_covariates: usize,
        /// Covariates of the fit.
        n_fitted: usize,
    },
    /// A covariate is a combination of the sites and the covariates before it.
    #[error("covariate {covariate} is a combination of the sites and the covariates before it")]
    Confounded {
        /// Zero-based covariate.
        covariate: usize,
    },
    /// Empirical Bayes needs features to learn a prior from.
    #[error("{n_features} features that vary within every site, at least 2 are needed for a prior")]
    FewFeatures {
        /// Features that vary.
        n_features: usize,
    },
}
