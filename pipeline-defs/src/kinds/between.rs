//! Kinds between images and models: readings and masks compared, tables joined and divided, controls.

use super::ArtefactType::*;
use super::Class::Hub;
use super::ports::{MODEL, cost, hub, many, one, out};
use super::{KindSpec, Role, RowRule};

pub(super) const ALL: &[KindSpec] = &[
    KindSpec {
        inputs: &[one("table", &[Table]), many("readings", &[Table])],
        outputs: &[MODEL, out("icc", Csv, Hub, "csv", RowRule::Fitted)],
        cost: cost(1, 128, 0.1),
        ..hub(
            "fit-reliability",
            Role::Fit,
            "features that repeated delineations of the same patients agree on",
        )
    },
    KindSpec {
        inputs: &[many("tables", &[Table])],
        outputs: &[out("table", Table, Hub, "csv", RowRule::Gathered)],
        cost: cost(1, 128, 0.02),
        ..hub(
            "join-tables",
            Role::Gather,
            "columns of several tables side by side, for the patients that all of them have",
        )
    },
];
