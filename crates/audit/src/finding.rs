//! What an audit finds.

use serde::Serialize;

/// How much hangs on a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A conclusion rests on a number that cannot exist.
    Fatal,
    /// A number or sentence that contradicts others.
    Major,
    /// A slip that changes no conclusion by itself.
    Minor,
}

/// One place where printed numbers do not fit together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Stable name of the rule, such as `p-interval`.
    pub code: &'static str,
    /// How much hangs on it.
    pub severity: Severity,
    /// The entry of the file, such as `table4.dfs.scca`.
    #[serde(rename = "where")]
    pub place: String,
    /// The number or words as printed.
    pub printed: String,
    /// The same from the other printed numbers.
    pub recomputed: String,
    /// What it means, and what would mend it.
    pub message: String,
}
