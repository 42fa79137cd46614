//! The kinds between predictions and conclusions.

use super::ArtefactType::*;
use super::Class::{Hub, Open};
use super::ports::{cost, hub, many, many_maybe, maybe, one, out};
use super::{KindSpec, Role, RowRule};

pub(super) const RADSCORE: KindSpec = KindSpec {
    inputs: &[
        many("test_risk", &[Risk]),
        many("train_risk", &[Risk]),
        many_maybe("other_risk", &[Risk]),
        one("summary", &[Json]),
    ],
    outputs: &[
        out("table", Table, Hub, "csv", RowRule::CrossFitted),
        out("radscore", Json, Hub, "json", RowRule::Evaluated),
    ],
    cost: cost(1, 128, 0.02),
    version: 3,
    ..hub(
        "radscore",
        Role::Gather,
        "one score a patient from the model that was chosen",
    )
};

pub(super) const MODEL_COLUMNS: KindSpec = KindSpec {
    inputs: &[
        one("table", &[Table]),
        maybe("scores", &[Table]),
        many_maybe("cuts", &[Json]),
    ],
    outputs: &[out("table", Table, Hub, "csv", RowRule::Gathered)],
    cost: cost(1, 64, 0.005),
    version: 2,
    ..hub(
        "model-columns",
        Role::Gather,
        "the columns of a clinical model: scores, transformed, levels as 0 and 1",
    )
};

pub(super) const UNIVARIABLE_TABLE: KindSpec = KindSpec {
    inputs: &[
        one("table", &[Table]),
        one("followup", &[FollowUp]),
        many_maybe("cuts", &[Json]),
    ],
    outputs: &[out("univariable", Csv, Open, "csv", RowRule::Fitted)],
    cost: cost(1, 64, 0.02),
    version: 4,
    ..hub(
        "univariable-table",
        Role::Fit,
        "one variable at a time: patients, events, hazard ratio, tests",
    )
};

pub(super) const RANK_MODELS: KindSpec = KindSpec {
    inputs: &[
        many("risks", &[Risk]),
        one("followup", &[FollowUp]),
        many_maybe("clinical", &[Risk]),
    ],
    outputs: &[out("rank", Json, Open, "json", RowRule::Evaluated)],
    cost: cost(2, 256, 1.0),
    seeded: true,
    version: 5,
    ..hub(
        "rank-models",
        Role::Evaluate,
        "which of many models is the best, how sure that is and what the choice is worth",
    )
};

pub(super) const OPTIMISM_WATERFALL: KindSpec = KindSpec {
    inputs: &[
        one("comparison", &[Csv]),
        one("summary", &[Json]),
        many_maybe("ranks", &[Json]),
    ],
    outputs: &[out("waterfall", Json, Open, "json", RowRule::Evaluated)],
    cost: cost(1, 64, 0.005),
    version: 5,
    ..hub(
        "optimism-waterfall",
        Role::Gather,
        "from the apparent performance to the external one, step by step",
    )
};

pub(super) const FUNNEL: KindSpec = KindSpec {
    inputs: &[
        many_maybe("reliability", &[Model]),
        many("selection", &[Model]),
    ],
    outputs: &[
        out("funnel", Csv, Open, "csv", RowRule::Evaluated),
        out("frequency", Csv, Open, "csv", RowRule::Evaluated),
    ],
    cost: cost(1, 64, 0.02),
    ..hub(
        "funnel",
        Role::Gather,
        "how many features each stage of the selection leaves, and which ones how often",
    )
};
