//! Kinds that say how unlike the training patients somebody is.

use super::ArtefactType::*;
use super::Class::Hub;
use super::ports::{APPLY, MODEL, cost, hub, one, out};
use super::{KindSpec, Role, RowRule};

pub(super) const ALL: &[KindSpec] = &[
    KindSpec {
        inputs: &[one("table", &[Table])],
        outputs: &[MODEL],
        cost: cost(2, 128, 1.0),
        ..hub(
            "fit-novelty",
            Role::Fit,
            "what training patients' features are like, to tell who is unlike them",
        )
    },
    KindSpec {
        inputs: APPLY,
        outputs: &[out("novelty", Csv, Hub, "csv", RowRule::OfTable)],
        cost: cost(1, 128, 0.01),
        version: 2,
        ..hub(
            "apply-novelty",
            Role::Apply,
            "how far patients are from those learned from, and how many of their features are outside",
        )
    },
];
