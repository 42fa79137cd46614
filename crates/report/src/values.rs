//! What the report is made from: plain values that others have computed.
//!
//! Nothing here is calculated. An estimate that arrives without its interval is shown as such, in words.

use crate::number::{count, counted, fixed};

/// Observed over expected events within these bounds is not warned of: a quarter more than predicted, or a fifth fewer.
pub const RATIO_LIMITS: (f64, f64) = (0.8, 1.25);

/// One estimate with what it needs to be read: interval, number of patients, number of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The value; `None` where it is not estimable, and then `reason` says why.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub lower: Option<f64>,
    /// Upper end of the interval.
    pub upper: Option<f64>,
    /// Patients behind the value.
    pub n: Option<usize>,
    /// Events among them.
    pub n_events: Option<usize>,
    /// Why there is no value (`NE (max follow-up 48.0, at risk 0)`), or what must be known about it.
    pub reason: Option<String>,
}

impl Estimate {
    /// A value with its interval, patients and events.
    pub fn known(value: f64, lower: f64, upper: f64, n: usize, n_events: usize) -> Estimate {
        Estimate {
            value: Some(value),
            lower: Some(lower),
            upper: Some(upper),
            n: Some(n),
            n_events: Some(n_events),
            reason: None,
        }
    }

    /// Not estimable, and why.
    pub fn absent(reason: &str) -> Estimate {
        Estimate {
            reason: Some(reason.to_owned()),
            ..Estimate::default()
        }
    }

    /// The value, if there is one and it is a number.
    pub fn finite(&self) -> Option<f64> {
        self.value.filter(|v| v.is_finite())
    }

    /// Both ends of the interval, if both are numbers.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let lower = self.lower.filter(|v| v.is_finite())?;
        let upper = self.upper.filter(|v| v.is_finite())?;
        Some((lower, upper))
    }

    /// `0.781`, or `NE`.
    pub fn value_text(&self, decimals: usize) -> String {
        self.finite()
            .map_or_else(|| "NE".to_owned(), |v| fixed(v, decimals))
    }

    /// `0.702–0.853`; `no interval` where a value has none; the reason where there is no value.
    pub fn interval_text(&self, decimals: usize) -> String {
        match (self.finite(), self.interval()) {
            (Some(_), Some((lower, upper))) => {
                format!("{}–{}", fixed(lower, decimals), fixed(upper, decimals))
            }
            (Some(_), None) => "no interval".to_owned(),
            (None, _) => self.reason_text(),
        }
    }

    /// `n = 80, 16 events`; says so when a count is not known.
    pub fn n_text(&self) -> String {
        match (self.n, self.n_events) {
            (Some(n), Some(e)) => format!("n = {}, {}", count(n), counted(e, "event")),
            (Some(n), None) => format!("n = {}", count(n)),
            (None, Some(e)) => format!("n not known, {}", counted(e, "event")),
            (None, None) => "n not known".to_owned(),
        }
    }

    /// `0.781 (0.702–0.853)`, or `NE` alone.
    pub fn text(&self, decimals: usize) -> String {
        match self.finite() {
            Some(v) => format!("{} ({})", fixed(v, decimals), self.interval_text(decimals)),
            None => "NE".to_owned(),
        }
    }

    /// The reason without a leading `NE` and the brackets around what follows, or `no reason given`.
    pub fn reason_text(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or("").trim();
        let bare = match reason.strip_prefix("NE") {
            Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric()) => {
                rest.trim_start_matches([':', ' ', ','])
            }
            _ => reason,
        };
        let inner = bare.strip_prefix('(').and_then(|b| b.strip_suffix(')'));
        match inner.filter(|i| !i.contains(['(', ')'])).unwrap_or(bare) {
            "" => "no reason given".to_owned(),
            text => text.to_owned(),
        }
    }
}

/// One line of the comparison: which model, judged where, by what, and what came out.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonRow {
    /// `careful` or `paper`.
    pub profile: String,
    /// `dfs`, `os` …
    pub endpoint: String,
    /// `tumour`, `peritumour`, `combined` …
    pub roi_set: String,
    /// `rsf`, `cox` …
    pub learner: String,
    /// Where it was judged: `apparent`, `oob`, `cv`, `external`.
    pub set: String,
    /// `auc`, `composite_auc`, `harrell_c`, `uno_c`, `brier`, `ibs`.
    pub metric: String,
    /// Horizon in months, for metrics that have one.
    pub horizon_months: Option<f64>,
    /// What came out.
    pub estimate: Estimate,
}

/// A leak that a study made on purpose; shown in the banner.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// The step that learns from what it must not see.
    pub step: String,
    /// The input through which it sees it.
    pub port: String,
    /// The study's own reason.
    pub reason: String,
}

/// Something that a profile takes over from a paper although it is known to mislead.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The profile.
    pub profile: String,
    /// What it is, in a sentence.
    pub text: String,
}

/// The model to report for an endpoint, chosen elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// The profile; empty where a study has one.
    pub profile: String,
    /// `dfs`, `os` …
    pub endpoint: String,
    /// The chosen learner.
    pub learner: String,
    /// The chosen ROI set.
    pub roi_set: String,
    /// The metric it was chosen by.
    pub metric: String,
    /// How it was chosen, as a sentence fragment: `highest cross-validated composite AUC of 36 models`.
    pub rule: String,
    /// Its cross-validated value.
    pub cv: Estimate,
    /// Its value at the external centre, if there is one.
    pub external: Option<Estimate>,
    /// Its value on its own training rows, if known: shown as such, to be read against `cv`.
    pub apparent: Option<Estimate>,
}

/// One patient left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Exclusion {
    /// The patient's site, if it may be told.
    pub site: String,
    /// Pseudonym.
    pub patient_id: String,
    /// The endpoint concerned; empty for all.
    pub endpoint: String,
    /// The step that refused.
    pub step: String,
    /// Stable code: `mask-empty`.
    pub code: String,
    /// Value and limit in words.
    pub message: String,
}

/// One sentence of the methods, with what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodFact {
    /// `Harmonisation`, `Cross-validation` …
    pub topic: String,
    /// The sentence.
    pub text: String,
}

/// How a key of the study is shown to people: `os` → `OS`, `composite_auc` → `Composite AUC`.
pub fn display_name(key: &str) -> String {
    let known = match key {
        "dfs" => "DFS",
        "os" => "OS",
        "pfs" => "PFS",
        "css" => "CSS",
        "rsf" => "RSF",
        "gbm" => "GBM",
        "svm" => "SVM",
        "xgboost" => "XGBoost",
        "deepsurv" => "DeepSurv",
        "dnnsurv" => "DNNSurv",
        "cox" => "Cox",
        "cv" => "cross-validated",
        "oob" => "out of bag",
        "auc" => "AUC",
        "composite_auc" => "composite AUC",
        "harrell_c" => "Harrell's C",
        "uno_c" => "Uno's C",
        "brier" => "Brier score",
        "ibs" => "integrated Brier score",
        other => other,
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_never_stands_alone() {
        let e = Estimate::known(0.7812, 0.702, 0.8531, 80, 16);
        assert_eq!(e.text(3), "0.781 (0.702–0.853)");
        assert_eq!(e.n_text(), "n = 80, 16 events");
        let bare = Estimate {
            value: Some(0.7),
            ..Estimate::default()
        };
        assert_eq!(bare.text(2), "0.70 (no interval)");
        assert_eq!(bare.n_text(), "n not known");
    }

    #[test]
    fn what_is_not_estimable_says_why() {
        let e = Estimate::absent("NE (max follow-up 48.0, at risk 0)");
        assert_eq!(e.text(2), "NE");
        assert_eq!(e.reason_text(), "max follow-up 48.0, at risk 0");
        assert_eq!(
            Estimate::absent("NEITHER (a) nor (b)").reason_text(),
            "NEITHER (a) nor (b)"
        );
        let nan = Estimate {
            value: Some(f64::NAN),
            ..Estimate::default()
        };
        assert_eq!(nan.text(2), "NE");
        assert_eq!(nan.reason_text(), "no reason given");
    }
}
