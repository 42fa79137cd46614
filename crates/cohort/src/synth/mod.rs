//! The synthetic cohort with known truth: two centres, clinical columns, follow-up, and T2-weighted volumes in which the planted latent
//! variables `u_t` (tumour texture) and `u_p` (peritumour) can be seen; and a third centre with images and gene expression, without
//! follow-up.
//!
//! Everything is a pure function of (spec, size, seed); every draw is keyed by what it is for, so patients can be made in any order, on
//! any number of threads, and have the same bytes. No reading from disk, no writing.

mod anatomy;
mod biology;
mod clinical;
mod constants;
mod csv;
mod expression;
mod features;
mod field;
mod grid;
mod outcome;
mod patient;
mod random;
mod spec;
mod tables;
mod twin;
mod volume;

pub use biology::{Biology, BiologySpec, PlantedSpec, SynthEndpoint, biology};
pub use clinical::eqd2_gy;
pub use csv::{PATIENTS_HEADER, TRUTH_HEADER, patients_csv, patients_csv_row, truth_csv};
pub use expression::{Expression, GeneSet, PlantedGene, biology_truth_csv, expression};
pub use features::{
    FeatureReading, FeaturesSpec, FunnelSpec, PlantedFeature, SynthFeatures, SynthRoi, features,
};
pub use outcome::Scales;
pub use patient::{DeathCause, Figo2018, Pathology, RecurrencePattern, SynthPatient, Truth};
pub use spec::{
    Acquisition, Attainable, Censoring, CentreSpec, HazardSpec, ImageSpec, Moments, RaterSpec,
    SynthSize, SynthSpec,
};
pub use tables::{SynthTables, tables};
pub use twin::{Expected, Twin, TwinMask};
pub use volume::{SynthImages, volume};

use thiserror::Error;

/// Why a cohort cannot be made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SynthError {
    /// No scales give the wanted counts of recurrences and deaths.
    #[error(
        "no scales give site {site} its counts of recurrences and deaths in {attempts} attempts"
    )]
    Unsolved {
        /// Centre.
        site: String,
        /// Draws tried.
        attempts: usize,
    },
    /// No draw of the outcomes has the wanted median follow-up.
    #[error(
        "median follow-up is {median_months} months in the last of {draws} draws, outside the spec's tolerance"
    )]
    Median {
        /// Draws tried.
        draws: usize,
        /// Median of the last one, months.
        median_months: f64,
    },
    /// The size has no images.
    #[error("size has no images")]
    NoImages,
    /// The patient's centre is not in the spec.
    #[error("site {site} is not in the spec")]
    UnknownSite {
        /// Centre.
        site: String,
    },
}
