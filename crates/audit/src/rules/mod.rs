//! One file a family of rules.

mod claims;
mod counts;
mod groups;
mod horizons;
mod intervals;
mod spread;

use crate::finding::Finding;
use crate::manuscript::Manuscript;

/// Every rule over the whole manuscript.
pub(crate) fn all(manuscript: &Manuscript) -> Vec<Finding> {
    [
        counts::check,
        spread::check,
        groups::check,
        horizons::check,
        intervals::check,
        claims::check,
    ]
    .iter()
    .flat_map(|rule| rule(manuscript))
    .collect()
}
