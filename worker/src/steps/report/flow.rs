//! The flow of patients, counted from what was analysed and what was left out.

use std::collections::{BTreeMap, BTreeSet};

use artefact::comparison::ComparisonRow;
use artefact::exclusions::Exclusion;
use report::figure::flow::{Branch, Flow, LeftOut};
use report::part::Sourced;
use report::part::cohort::Sheet;
use report::values::display_name;

/// The flow; none when nothing tells how many were analysed.
pub(super) fn flow(
    rows: &[ComparisonRow],
    exclusions: &[Exclusion],
    baseline: &[Sourced<Sheet>],
) -> Option<Flow> {
    let mut endpoints: Vec<&str> = Vec::new();
    for row in rows {
        if !endpoints.contains(&row.endpoint.as_str()) {
            endpoints.push(&row.endpoint);
        }
    }
    let branches: Vec<Branch> = endpoints
        .iter()
        .filter_map(|e| branch(e, rows, exclusions))
        .collect();
    let whole = left_out(exclusions, "");
    let most = branches.iter().map(|b| b.n + b.left_out.n).max()?;
    Some(Flow {
        announced: most + whole.n,
        sites: sites(baseline),
        left_out: whole,
        branches,
    })
}

/// Training and external patients of an endpoint: all models of an endpoint share them.
fn branch(endpoint: &str, rows: &[ComparisonRow], exclusions: &[Exclusion]) -> Option<Branch> {
    let mut sets = Vec::new();
    let mut n_events = 0;
    for (set, name) in [("apparent", "training"), ("external", "external")] {
        let of = |r: &&ComparisonRow| {
            r.endpoint == endpoint && r.set == set && r.metric == "harrell_c" && r.n.is_some()
        };
        let most = rows.iter().filter(of).max_by_key(|r| r.n);
        if let Some(row) = most {
            sets.push((name.to_owned(), row.n.unwrap_or(0) as usize));
            n_events += row.n_events.unwrap_or(0) as usize;
        }
    }
    let n = sets.iter().map(|s| s.1).sum();
    (n > 0).then(|| Branch {
        endpoint: display_name(endpoint),
        left_out: left_out(exclusions, endpoint),
        n,
        n_events,
        sets,
    })
}

/// Patients left out of an endpoint alone (empty: of every endpoint), and why.
fn left_out(exclusions: &[Exclusion], endpoint: &str) -> LeftOut {
    let who = |x: &Exclusion| (x.site.clone(), x.patient_id.clone());
    let everywhere: BTreeSet<(String, String)> = exclusions
        .iter()
        .filter(|x| x.endpoint.is_empty())
        .map(who)
        .collect();
    let here = exclusions.iter().filter(|x| {
        x.endpoint == endpoint && (endpoint.is_empty() || !everywhere.contains(&who(x)))
    });
    let mut reasons: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for x in here {
        reasons.entry(&x.code).or_default().insert(who(x));
    }
    let patients: BTreeSet<&(String, String)> = reasons.values().flatten().collect();
    LeftOut {
        n: patients.len(),
        reasons: reasons
            .iter()
            .map(|(code, of)| ((*code).to_owned(), of.len()))
            .collect(),
    }
}

/// Patients by site as the baseline table heads its columns: `c1 (n = 552)`.
fn sites(baseline: &[Sourced<Sheet>]) -> Vec<(String, usize)> {
    let Some(Ok(sheet)) = baseline.first().map(|b| &b.value) else {
        return Vec::new();
    };
    let site = |column: &String| {
        let (name, n) = column.strip_suffix(')')?.rsplit_once(" (n = ")?;
        Some((name.to_owned(), n.parse().ok()?))
    };
    sheet.columns.iter().filter_map(site).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(patient: &str, endpoint: &str, code: &str) -> Exclusion {
        Exclusion {
            site: "c1".into(),
            patient_id: patient.into(),
            endpoint: endpoint.into(),
            step: "mask".into(),
            code: code.into(),
            message: String::new(),
        }
    }

    fn row(set: &str, n: u64) -> ComparisonRow {
        ComparisonRow {
            endpoint: "dfs".into(),
            set: set.into(),
            metric: "harrell_c".into(),
            n: Some(n),
            n_events: Some(n / 4),
            ..ComparisonRow::default()
        }
    }

    #[test]
    fn a_patient_with_two_reasons_is_one_patient() {
        let rows = [row("apparent", 100), row("external", 20)];
        let out = [
            left("p1", "", "mask-empty"),
            left("p1", "", "geometry"),
            left("p2", "dfs", "no-outcome"),
            left("p1", "dfs", "no-features"),
        ];
        let flow = flow(&rows, &out, &[]).unwrap_or_default();
        assert_eq!((flow.announced, flow.left_out.n), (122, 1));
        assert_eq!(flow.left_out.reasons.len(), 2);
        assert_eq!((flow.branches[0].n, flow.branches[0].n_events), (120, 30));
        assert_eq!(flow.branches[0].left_out.n, 1);
        assert!(super::flow(&[], &out, &[]).is_none());
    }
}
