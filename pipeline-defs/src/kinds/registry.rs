//! One entry per step kind.

use super::ArtefactType::*;
use super::Class::{Hub, Open, Site};
use super::conclusions;
use super::ports::{
    APPLY, APPLY_HARMONISED, HARMONISE, JUDGE, LEARN, MODEL, TABLE, cost, hub, many, many_maybe,
    maybe, one, out, pointwise,
};
use super::{ArtefactType, InPort, KindSpec, OutPort, Role, RowRule};

pub(super) const ALL: &[KindSpec] = &[
    KindSpec {
        outputs: &[out("image", Volume, Site, "nii.gz", RowRule::Patient)],
        inputs: &[one("image", &[Source])],
        cost: cost(1, 256, 0.05),
        version: 2,
        ..pointwise(
            "import-image",
            "reads an image as it lies on disk into a volume in RAS+ millimetres",
        )
    },
    KindSpec {
        outputs: &[out("mask", Mask, Site, "nii.gz", RowRule::Patient)],
        inputs: &[
            one("mask", &[Source]),
            one("image", &[Volume]),
            maybe("series", &[Source]),
        ],
        cost: cost(1, 256, 0.05),
        version: 2,
        ..pointwise(
            "import-mask",
            "reads one region of a delineation and checks that it lies on the image's grid",
        )
    },
    KindSpec {
        outputs: &[
            out("image", Volume, Site, "nii.gz", RowRule::Patient),
            out("log_field", Volume, Site, "nii.gz", RowRule::Patient),
        ],
        inputs: &[
            one("image", &[Volume]),
            maybe("mask", &[Mask]),
            maybe("weights", &[Volume]),
        ],
        cost: cost(1, 1024, 0.2),
        ..pointwise(
            "n4-bias-correction",
            "removes the slow intensity drift of the receive coil (N4)",
        )
    },
    KindSpec {
        outputs: &[out("mask", Mask, Site, "nii.gz", RowRule::Patient)],
        inputs: &[one("mask", &[Mask]), maybe("image", &[Volume])],
        cost: cost(1, 256, 0.05),
        ..pointwise(
            "peritumoural-ring",
            "the shell of tissue within a margin around the tumour",
        )
    },
    KindSpec {
        outputs: &[
            out("features", Features, Hub, "csv", RowRule::Patient),
            out("diagnostics", Json, Hub, "json", RowRule::Patient),
        ],
        inputs: &[one("image", &[Volume]), one("mask", &[Mask])],
        cost: cost(1, 512, 0.05),
        releases: true,
        version: 3,
        ..pointwise(
            "extract-features",
            "radiomic features of one region; what leaves the site",
        )
    },
    KindSpec {
        outputs: &[
            out("table", Table, Hub, "csv", RowRule::Gathered),
            out("excluded", Exclusions, Hub, "csv", RowRule::None),
        ],
        inputs: &[many("features", &[Features])],
        cost: cost(1, 256, 0.05),
        ..hub(
            "gather-table",
            Role::Gather,
            "puts the features of all patients into one table",
        )
    },
    KindSpec {
        outputs: &[out("table", Table, Hub, "csv", RowRule::Gathered)],
        inputs: &[many("tables", &[Table])],
        cost: cost(1, 128, 0.005),
        ..hub(
            "gather-cohort",
            Role::Gather,
            "puts the sites' shareable columns into one table",
        )
    },
    KindSpec {
        outputs: &[out("followup", FollowUp, Hub, "csv", RowRule::Gathered)],
        inputs: &[one("table", &[Table])],
        cost: cost(1, 64, 0.005),
        version: 2,
        ..hub(
            "follow-up",
            Role::Gather,
            "times in months and events of one endpoint",
        )
    },
    KindSpec {
        outputs: &[out("roster", Ids, Hub, "csv", RowRule::None)],
        inputs: &[many("followup", &[FollowUp, Table])],
        cost: cost(1, 64, 0.005),
        ..hub(
            "roster",
            Role::Gather,
            "names of the patients, without any value",
        )
    },
    KindSpec {
        outputs: &[
            out("eligible", Ids, Hub, "csv", RowRule::None),
            out("exclusions", Exclusions, Hub, "csv", RowRule::None),
        ],
        inputs: &[
            many("tables", &[Table]),
            many_maybe("excluded", &[Exclusions]),
            one("followup", &[FollowUp]),
        ],
        cost: cost(1, 128, 0.005),
        ..hub(
            "eligible",
            Role::Gather,
            "patients with every region and follow-up, so that comparisons stay paired",
        )
    },
    KindSpec {
        outputs: &[out(
            "split",
            ArtefactType::Split,
            Hub,
            "csv",
            RowRule::Split,
        )],
        inputs: &[
            one("roster", &[Ids]),
            InPort {
                pinned: true,
                ..many_maybe("strata", &[FollowUp])
            },
            maybe("folds", &[Folds]),
        ],
        cost: cost(1, 64, 0.005),
        ..hub(
            "make-splits",
            Role::Split,
            "divides patients into training and test rows, once",
        )
    },
    KindSpec {
        outputs: &[
            OutPort {
                like: Some("table"),
                ..out("train", Table, Hub, "csv", RowRule::Train)
            },
            OutPort {
                like: Some("table"),
                ..out("test", Table, Hub, "csv", RowRule::Test)
            },
        ],
        inputs: &[
            one("table", &[Table, FollowUp]),
            maybe("eligible", &[Ids]),
            one("split", &[ArtefactType::Split]),
        ],
        cost: cost(1, 128, 0.005),
        ..hub(
            "select-rows",
            Role::Select,
            "the training and the test rows of a table, as artefacts of their own",
        )
    },
    KindSpec {
        inputs: &[one("table", &[Table])],
        outputs: &[MODEL],
        cost: cost(1, 128, 0.005),
        version: 3,
        ..hub(
            "fit-impute",
            Role::Fit,
            "what to put where a value is missing",
        )
    },
    KindSpec {
        inputs: APPLY,
        outputs: &[TABLE],
        cost: cost(1, 128, 0.005),
        version: 2,
        ..hub("apply-impute", Role::Apply, "fills missing values")
    },
    KindSpec {
        inputs: &[one("table", &[Table])],
        outputs: &[MODEL],
        cost: cost(1, 128, 0.005),
        ..hub(
            "fit-standardise",
            Role::Fit,
            "location and scale of every feature",
        )
    },
    KindSpec {
        inputs: APPLY,
        outputs: &[TABLE],
        cost: cost(1, 128, 0.005),
        ..hub(
            "apply-standardise",
            Role::Apply,
            "centres and scales features",
        )
    },
    KindSpec {
        inputs: &[one("first", &[Table]), one("second", &[Table])],
        outputs: &[out("icc", Csv, Hub, "csv", RowRule::Fitted)],
        cost: cost(1, 128, 0.05),
        by_hand_only: true,
        ..hub(
            "icc",
            Role::Fit,
            "how far two readings of the same patients agree, feature by feature",
        )
    },
    KindSpec {
        inputs: HARMONISE,
        outputs: &[TABLE, MODEL],
        cost: cost(1, 256, 0.1),
        by_hand_only: true,
        version: 2,
        ..hub(
            "combat",
            Role::Fit,
            "takes away what sites add to features (ComBat), on one table",
        )
    },
    KindSpec {
        inputs: HARMONISE,
        outputs: &[MODEL],
        cost: cost(1, 256, 0.1),
        version: 2,
        ..hub(
            "fit-combat",
            Role::Fit,
            "learns what sites add to features (ComBat)",
        )
    },
    KindSpec {
        inputs: APPLY_HARMONISED,
        outputs: &[TABLE],
        cost: cost(1, 128, 0.02),
        ..hub(
            "apply-combat",
            Role::Apply,
            "takes away what known sites add to features",
        )
    },
    KindSpec {
        inputs: APPLY_HARMONISED,
        outputs: &[TABLE, MODEL],
        cost: cost(1, 128, 0.05),
        version: 2,
        ..hub(
            "adapt-combat",
            Role::Adapt,
            "brings unseen sites to the reference, from their features alone",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL],
        cost: cost(2, 512, 0.3),
        seeded: true,
        version: 4,
        ..hub(
            "fit-selection",
            Role::Fit,
            "features that are not redundant and carry prognosis",
        )
    },
    KindSpec {
        inputs: APPLY,
        outputs: &[TABLE],
        cost: cost(1, 128, 0.005),
        ..hub(
            "apply-selection",
            Role::Apply,
            "keeps the selected features",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL],
        cost: cost(1, 128, 0.01),
        ..hub("fit-cox", Role::Fit, "Cox proportional hazards")
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL],
        cost: cost(2, 512, 0.5),
        seeded: true,
        version: 3,
        ..hub("fit-rsf", Role::Fit, "random survival forest")
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL],
        cost: cost(1, 256, 0.2),
        seeded: true,
        version: 2,
        ..hub(
            "fit-gbm",
            Role::Fit,
            "gradient boosting of the partial likelihood",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL],
        cost: cost(1, 256, 0.1),
        seeded: true,
        version: 3,
        ..hub("fit-svm", Role::Fit, "survival support vector machine")
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL],
        cost: cost(1, 256, 0.5),
        seeded: true,
        version: 2,
        ..hub(
            "fit-deepsurv",
            Role::Fit,
            "a network on Cox's partial likelihood",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL, out("booster", Json, Hub, "json", RowRule::Fitted)],
        cost: cost(1, 256, 0.3),
        seeded: true,
        version: 2,
        ..hub(
            "fit-xgboost",
            Role::Fit,
            "boosted trees as XGBoost grows them, with a model file that it loads",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[MODEL],
        cost: cost(1, 256, 0.5),
        seeded: true,
        version: 3,
        ..hub(
            "fit-dnnsurv",
            Role::Fit,
            "a network on pseudo-values, with time among its inputs",
        )
    },
    KindSpec {
        inputs: &[
            one("model", &[Model]),
            one("table", &[Table]),
            one("followup", &[FollowUp]),
        ],
        outputs: &[out("importance", Csv, Open, "csv", RowRule::Evaluated)],
        cost: cost(1, 128, 0.5),
        seeded: true,
        ..hub(
            "importance",
            Role::Evaluate,
            "what each feature is worth to a fitted model",
        )
    },
    KindSpec {
        inputs: APPLY,
        outputs: &[
            out("risk", Risk, Hub, "csv", RowRule::OfTable),
            out("survival", Survival, Hub, "csv", RowRule::OfTable),
        ],
        cost: cost(1, 256, 0.1),
        version: 4,
        ..hub(
            "predict",
            Role::Apply,
            "risk and survival probabilities of patients",
        )
    },
    KindSpec {
        inputs: &[
            one("risk", &[Risk]),
            maybe("survival", &[Survival]),
            one("followup", &[FollowUp]),
            maybe("train_followup", &[FollowUp]),
            maybe("train_risk", &[Risk]),
        ],
        outputs: &[
            out("metrics", Metrics, Open, "json", RowRule::Evaluated),
            out("curves", Curves, Open, "json", RowRule::Evaluated),
        ],
        cost: cost(1, 128, 0.2),
        seeded: true,
        version: 4,
        ..hub(
            "evaluate",
            Role::Evaluate,
            "discrimination and calibration with intervals",
        )
    },
    KindSpec {
        inputs: &[
            one("old_risk", &[Risk, Survival]),
            one("new_risk", &[Risk, Survival]),
            one("followup", &[FollowUp]),
        ],
        outputs: &[out(
            "reclassification",
            Json,
            Open,
            "json",
            RowRule::Evaluated,
        )],
        cost: cost(1, 128, 0.1),
        seeded: true,
        version: 3,
        ..hub(
            "reclassification",
            Role::Evaluate,
            "whether a new model moves patients to the right side: NRI and IDI",
        )
    },
    KindSpec {
        inputs: JUDGE,
        outputs: &[out("calibration", Json, Open, "json", RowRule::Evaluated)],
        cost: cost(1, 64, 0.05),
        version: 4,
        ..hub(
            "calibration",
            Role::Evaluate,
            "predicted against observed risk",
        )
    },
    KindSpec {
        inputs: JUDGE,
        outputs: &[out(
            "decision-curve",
            Json,
            Open,
            "json",
            RowRule::Evaluated,
        )],
        cost: cost(1, 64, 0.05),
        seeded: true,
        version: 4,
        ..hub(
            "decision-curve",
            Role::Evaluate,
            "net benefit of acting on a predicted risk",
        )
    },
    KindSpec {
        inputs: JUDGE,
        outputs: &[out(
            "clinical-impact",
            Json,
            Open,
            "json",
            RowRule::Evaluated,
        )],
        cost: cost(1, 64, 0.05),
        seeded: true,
        version: 4,
        ..hub(
            "clinical-impact",
            Role::Evaluate,
            "how many of a population would be treated, and how many of them need it",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[out("cut", Json, Hub, "json", RowRule::Fitted)],
        cost: cost(1, 64, 0.2),
        seeded: true,
        version: 3,
        ..hub(
            "cut-point",
            Role::Fit,
            "where a marker parts survival best, and what such a search is worth",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[
            out("nomogram", Json, Open, "json", RowRule::Fitted),
            out("nomogram_svg", Bundle, Open, "svg", RowRule::Fitted),
        ],
        cost: cost(1, 64, 0.05),
        version: 2,
        ..hub(
            "nomogram",
            Role::Fit,
            "a Cox model as rulers whose points are added by hand",
        )
    },
    KindSpec {
        inputs: &[one("table", &[Table])],
        outputs: &[
            out("table1", Csv, Open, "csv", RowRule::Gathered),
            out("table1_json", Json, Open, "json", RowRule::Gathered),
        ],
        cost: cost(1, 64, 0.05),
        version: 2,
        ..hub(
            "baseline-table",
            Role::Gather,
            "who the patients are, by group, with the test that each P is of",
        )
    },
    KindSpec {
        inputs: &[maybe("table", &[Table]), one("followup", &[FollowUp])],
        outputs: &[
            out("curves", Json, Hub, "json", RowRule::Evaluated),
            out("curves_csv", Csv, Hub, "csv", RowRule::Evaluated),
        ],
        cost: cost(1, 64, 0.05),
        version: 5,
        ..hub(
            "kaplan-meier",
            Role::Evaluate,
            "survival curves, by group, with the tests between them and how long patients were followed",
        )
    },
    KindSpec {
        inputs: &[maybe("table", &[Table]), one("followup", &[Table])],
        outputs: &[
            out("competing", Json, Hub, "json", RowRule::Fitted),
            out("incidence", Csv, Hub, "csv", RowRule::Fitted),
        ],
        cost: cost(1, 128, 0.2),
        by_hand_only: true,
        ..hub(
            "competing-risks",
            Role::Fit,
            "incidences of each cause among others, and what moves one of them",
        )
    },
    KindSpec {
        inputs: &[one("table", &[Table])],
        outputs: &[TABLE],
        cost: cost(1, 64, 0.005),
        ..hub(
            "eqd2",
            Role::Gather,
            "courses of radiotherapy as one dose in fractions of 2 Gy",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[
            out("stability", Json, Hub, "json", RowRule::Fitted),
            out("frequency", Csv, Hub, "csv", RowRule::Fitted),
        ],
        cost: cost(2, 512, 5.0),
        seeded: true,
        version: 2,
        ..hub(
            "stability-selection",
            Role::Fit,
            "how often features are selected when half of the patients are drawn anew",
        )
    },
    KindSpec {
        inputs: &[
            one("first", &[Risk]),
            one("second", &[Risk]),
            one("followup", &[FollowUp]),
        ],
        outputs: &[out("comparison", Json, Open, "json", RowRule::Evaluated)],
        cost: cost(1, 64, 0.1),
        version: 2,
        ..hub(
            "auc-comparison",
            Role::Evaluate,
            "whether two models rank the same patients apart at a horizon",
        )
    },
    KindSpec {
        inputs: &[one("counts", &[Csv]), one("groups", &[Csv, Table])],
        outputs: &[
            out("genes", Csv, Open, "csv", RowRule::Gathered),
            out("samples", Json, Hub, "json", RowRule::Gathered),
        ],
        cost: cost(2, 512, 2.0),
        version: 2,
        ..hub(
            "differential-expression",
            Role::Gather,
            "genes that two groups of patients express differently",
        )
    },
    KindSpec {
        inputs: &[one("genes", &[Csv]), one("gene_sets", &[Source])],
        outputs: &[out("enrichment", Csv, Open, "csv", RowRule::Gathered)],
        cost: cost(2, 128, 0.5),
        seeded: true,
        ..hub(
            "enrichment",
            Role::Gather,
            "gene sets among the genes found, or along their ranking",
        )
    },
    KindSpec {
        inputs: &[many("metrics", &[Metrics])],
        outputs: &[
            out("comparison", Csv, Open, "csv", RowRule::Evaluated),
            out("summary", Json, Open, "json", RowRule::Evaluated),
        ],
        cost: cost(1, 256, 0.05),
        version: 4,
        ..hub(
            "compare",
            Role::Gather,
            "all learners, regions and endpoints side by side",
        )
    },
    conclusions::RADSCORE,
    conclusions::MODEL_COLUMNS,
    conclusions::UNIVARIABLE_TABLE,
    conclusions::RANK_MODELS,
    conclusions::OPTIMISM_WATERFALL,
    conclusions::FUNNEL,
    KindSpec {
        inputs: &[many("exclusions", &[Exclusions])],
        outputs: &[out("exclusions", Exclusions, Hub, "csv", RowRule::None)],
        cost: cost(1, 64, 0.005),
        ..hub(
            "exclusions",
            Role::Gather,
            "who was left out, where and why",
        )
    },
    KindSpec {
        inputs: &[
            one("comparison", &[Csv]),
            one("summary", &[Json]),
            many_maybe("curves", &[Curves]),
            maybe("exclusions", &[Exclusions]),
            many_maybe("models", &[Model]),
            many_maybe("acquisition", &[Csv]),
            many_maybe("agreement", &[Table]),
            many_maybe("baseline", &[Csv]),
            many_maybe("calibration", &[Json]),
            many_maybe("clinical_curves", &[Curves]),
            many_maybe("clinical_metrics", &[Metrics]),
            many_maybe("controls", &[Json]),
            many_maybe("cox", &[Json]),
            many_maybe("cuts", &[Json]),
            many_maybe("decision", &[Json]),
            many_maybe("enrichment", &[Csv]),
            many_maybe("frequency", &[Csv]),
            many_maybe("funnel", &[Csv]),
            many_maybe("genes", &[Csv]),
            many_maybe("icc", &[Csv]),
            many_maybe("impact", &[Json]),
            many_maybe("km", &[Json, Csv]),
            many_maybe("missing", &[Csv]),
            many_maybe("nomogram", &[Json]),
            many_maybe("novelty", &[Csv]),
            many_maybe("rank", &[Json]),
            many_maybe("reclassification", &[Json]),
            many_maybe("univariable", &[Csv]),
            many_maybe("waterfall", &[Json]),
        ],
        outputs: &[
            out("report", Html, Hub, "html", RowRule::Evaluated),
            out("figures", Bundle, Hub, "bundle", RowRule::Evaluated),
            out("tables", Bundle, Hub, "bundle", RowRule::Evaluated),
        ],
        cost: cost(1, 512, 0.5),
        version: 10,
        ..hub(
            "report",
            Role::Gather,
            "the report as one page, with its figures and tables",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[
            out("cox", Json, Hub, "json", RowRule::Fitted),
            out("baseline", Csv, Hub, "csv", RowRule::Fitted),
            out("schoenfeld", Csv, Hub, "csv", RowRule::Fitted),
        ],
        cost: cost(1, 128, 0.01),
        version: 5,
        ..hub(
            "cox-regression",
            Role::Fit,
            "hazard ratios with intervals and tests",
        )
    },
    KindSpec {
        inputs: &[
            one("table", &[Table]),
            one("followup", &[FollowUp]),
            maybe("folds", &[Folds]),
        ],
        outputs: &[
            out("path", Csv, Hub, "csv", RowRule::Fitted),
            out("cv", Csv, Hub, "csv", RowRule::Fitted),
            out("coefficients", Csv, Hub, "csv", RowRule::Fitted),
        ],
        cost: cost(1, 256, 0.3),
        seeded: true,
        version: 3,
        ..hub(
            "lasso-cox",
            Role::Fit,
            "the L1-penalised Cox path with cross-validation",
        )
    },
    KindSpec {
        inputs: &[one("table", &[Table]), maybe("followup", &[FollowUp])],
        outputs: &[
            out("kept", Csv, Hub, "csv", RowRule::Fitted),
            out("dropped", Csv, Hub, "csv", RowRule::Fitted),
            out("rho", Csv, Hub, "csv", RowRule::Fitted),
        ],
        cost: cost(1, 256, 0.1),
        by_hand_only: true,
        version: 2,
        ..hub(
            "spearman-filter",
            Role::Fit,
            "drops one of each pair of features that say the same",
        )
    },
    KindSpec {
        inputs: &[
            one("table", &[Table]),
            one("followup", &[FollowUp]),
            one("folds", &[Folds]),
        ],
        outputs: &[
            out("risk", Risk, Hub, "csv", RowRule::Evaluated),
            out("cv", Json, Hub, "json", RowRule::Evaluated),
        ],
        cost: cost(2, 512, 2.0),
        seeded: true,
        by_hand_only: true,
        version: 2,
        ..hub(
            "cross-validate",
            Role::Fit,
            "out-of-fold risks of one learner on given folds",
        )
    },
    KindSpec {
        inputs: LEARN,
        outputs: &[out("optimism", Json, Open, "json", RowRule::Fitted)],
        cost: cost(2, 512, 20.0),
        seeded: true,
        version: 2,
        ..hub(
            "bootstrap-optimism",
            Role::Fit,
            "what a learner's apparent performance owes to having learned there, by refitting in every resample",
        )
    },
    KindSpec {
        inputs: &[many_maybe("input", &[])],
        outputs: &[out("output", Json, Open, "json", RowRule::Gathered)],
        cost: cost(1, 16, 0.0001),
        ..hub(
            "no-op",
            Role::Gather,
            "writes its parameter; for benchmarks and for trying a study's wiring",
        )
    },
];
