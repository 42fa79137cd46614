//! Kinds between images and models: readings and masks compared, tables joined and divided, controls.

use super::ArtefactType::*;
use super::Class::{Hub, Open, Site};
use super::ports::{MODEL, cost, hub, many, one, out, pointwise};
use super::{KindSpec, OutPort, Role, RowRule};

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
    KindSpec {
        inputs: &[one("first", &[Mask]), one("second", &[Mask])],
        outputs: &[out("agreement", Features, Hub, "csv", RowRule::Patient)],
        cost: cost(1, 256, 0.05),
        releases: true,
        ..pointwise(
            "compare-masks",
            "how far two delineations of one region agree: overlap, distance, volumes",
        )
    },
    KindSpec {
        inputs: &[one("image", &[Volume]), one("mask", &[Mask])],
        outputs: &[
            out("features", Features, Hub, "csv", RowRule::Patient),
            out("diagnostics", Json, Hub, "json", RowRule::Patient),
        ],
        cost: cost(1, 64, 0.005),
        releases: true,
        seeded: true,
        ..pointwise(
            "noise-features",
            "random numbers in place of features: a control that no model may beat",
        )
    },
    KindSpec {
        inputs: &[one("mask", &[Mask]), one("image", &[Volume])],
        outputs: &[out("mask", Mask, Site, "nii.gz", RowRule::Patient)],
        cost: cost(1, 256, 0.1),
        seeded: true,
        ..pointwise(
            "shuffle-mask",
            "the region moved to a random place of the body: a control with the tumour's shape alone",
        )
    },
    KindSpec {
        inputs: &[one("table", &[FollowUp])],
        outputs: &[out("followup", FollowUp, Hub, "csv", RowRule::OfTable)],
        cost: cost(1, 64, 0.005),
        seeded: true,
        ..hub(
            "permute-outcome",
            Role::Gather,
            "times and events dealt anew among the patients: a control without prognosis",
        )
    },
    KindSpec {
        inputs: &[one("table", &[Table, FollowUp])],
        outputs: &[OutPort {
            like: Some("table"),
            ..out("table", Table, Hub, "csv", RowRule::Gathered)
        }],
        cost: cost(1, 64, 0.005),
        ..hub("select-site", Role::Gather, "the rows of some centres")
    },
    KindSpec {
        inputs: &[many("diagnostics", &[Json])],
        outputs: &[out("acquisition", Csv, Hub, "csv", RowRule::Gathered)],
        cost: cost(1, 64, 0.01),
        ..hub(
            "acquisition-table",
            Role::Gather,
            "how each centre's images were acquired, and which of them differ",
        )
    },
    KindSpec {
        inputs: &[one("table", &[Table])],
        outputs: &[out("missing", Csv, Open, "csv", RowRule::Gathered)],
        cost: cost(1, 64, 0.01),
        ..hub(
            "missing-table",
            Role::Gather,
            "how many values each centre lacks, column by column",
        )
    },
];
