//! The model card: what a model is, whom it was learned from, how good it was, what it is not for.

use std::collections::BTreeMap;
use std::fmt::Write;

use artefact::comparison::ComparisonRow;
use bytes::Bytes;
use digest::Digest;

use super::calibration::{ICI_LIMIT, SLOPE_LIMITS};
use super::{Bounded, Calibration, Export, Manifest, NeededRole};
use report::values::RATIO_LIMITS;

/// Features named before the rest is counted.
const FEATURES_SHOWN: usize = 60;

/// All cards of a run, and why a model is not there.
#[must_use]
pub(crate) fn page(study: &str, exports: &[Export]) -> String {
    let mut text = format!("# Models of the study `{study}`\n");
    for export in exports {
        let subject = &export.subject;
        match &export.frozen {
            Ok(frozen) => text.push_str(&format!("\n{}", frozen.card)),
            Err(reason) => {
                let _ = write!(
                    text,
                    "\n## {} · {}\n\nThere is no model file of {} on {}: {reason}.\n",
                    subject.endpoint, subject.profile, subject.learner, subject.roi_set
                );
            }
        }
    }
    text
}

/// The card of one model.
pub(super) fn section(
    manifest: &Manifest,
    blobs: &BTreeMap<Digest, Bytes>,
    rows: &[&ComparisonRow],
    horizons: &[f64],
) -> String {
    let mut text = String::new();
    head(&mut text, manifest, horizons);
    performance(&mut text, rows);
    calibration(&mut text, &manifest.calibration);
    features(&mut text, manifest);
    limits(&mut text, manifest);
    origin(&mut text, manifest, blobs);
    text
}

// Writing to a String cannot fail, so what `write!` gives is dropped throughout.

fn head(text: &mut String, manifest: &Manifest, horizons: &[f64]) {
    let (subject, training) = (&manifest.subject, &manifest.training);
    let profile = match subject.profile.as_str() {
        "" => String::new(),
        profile => format!(" · {profile}"),
    };
    let _ = write!(text, "## {}{profile}\n\n", subject.endpoint);
    let sites: Vec<String> = training
        .sites
        .iter()
        .map(|(site, n)| format!("{n} of {}", if site.is_empty() { "one site" } else { site }))
        .collect();
    let _ = write!(
        text,
        "`{}` on the features of `{}`, learned from {} patients ({}) with {} events.\n\n",
        subject.learner,
        subject.roi_set,
        training.n,
        sites.join(", "),
        training.n_events
    );
    let needs: Vec<String> = manifest
        .inputs
        .iter()
        .map(|needed| match needed.role {
            NeededRole::Image => format!("an image (`{}`)", needed.name),
            NeededRole::Mask => format!("a mask on its grid (`{}`)", needed.name),
            NeededRole::Clinical => format!("clinical columns (`{}`)", needed.name),
            NeededRole::Table => format!("a row of `{}`", needed.name),
        })
        .collect();
    let _ = write!(
        text,
        "It takes {} and gives a risk (higher is worse), its percentile among the training risks, and a group: high above {}.",
        needs.join(", "),
        significant(training.cut)
    );
    let _ = match horizons {
        [] => write!(
            text,
            " It ranks patients and gives no survival probabilities.\n\n"
        ),
        horizons => {
            let months: Vec<String> = horizons
                .iter()
                .map(|h| artefact::number::text(*h))
                .collect();
            write!(
                text,
                " Survival probabilities are given at {} months.\n\n",
                months.join(", ")
            )
        }
    };
}

fn performance(text: &mut String, rows: &[&ComparisonRow]) {
    text.push_str("### How good it was\n\n| set | metric | months | value | 95 % interval | patients | events | note |\n|---|---|---|---|---|---|---|---|\n");
    let number = |v: Option<f64>| v.map_or_else(String::new, |v| format!("{v:.3}"));
    let count = |v: Option<u64>| v.map_or_else(String::new, |v| v.to_string());
    for of_set in rows.chunk_by(|a, b| a.set == b.set) {
        if let [first, ..] = of_set
            && of_set
                .iter()
                .all(|row| row.value.is_none() && row.reason == first.reason)
        {
            let _ = writeln!(
                text,
                "| {} | all | | | | | | {} |",
                first.set,
                cell(&first.reason)
            );
            continue;
        }
        measures(text, of_set, &number, &count);
    }
    text.push_str(
        "\nEvents are those by the horizon; of `composite_auc`, `uno_c` and `ibs` those by the last horizon that can be estimated, \
         of `harrell_c` all. `apparent` is on the patients it was learned from and flatters; `external` is on a site whose outcomes no fit \
         learned from: whether they chose the model, or its images were harmonised with the others, stands in leakage.json.\n\n",
    );
}

fn measures(
    text: &mut String,
    rows: &[&ComparisonRow],
    number: &dyn Fn(Option<f64>) -> String,
    count: &dyn Fn(Option<u64>) -> String,
) {
    for row in rows {
        let interval = match (row.lower, row.upper) {
            (Some(lower), Some(upper)) => format!("{lower:.3} to {upper:.3}"),
            _ => String::new(),
        };
        let months = row
            .horizon_months
            .map_or_else(String::new, artefact::number::text);
        let _ = writeln!(
            text,
            "| {} | {} | {months} | {} | {interval} | {} | {} | {} |",
            row.set,
            row.metric,
            number(row.value),
            count(row.n),
            count(row.n_events),
            cell(&row.reason)
        );
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}

/// Three digits that count: more are in `model.json`.
fn significant(value: f64) -> String {
    format!("{value:.2e}")
        .parse()
        .map_or_else(|_| artefact::number::text(value), artefact::number::text)
}

/// What the probabilities were worth where the model had not seen the patients.
fn calibration(text: &mut String, seen: &[Calibration]) {
    if seen.is_empty() {
        return;
    }
    text.push_str("### How true its probabilities were\n\n| set | months | patients | events | observed/expected | slope | ICI | note |\n|---|---|---|---|---|---|---|---|\n");
    let bounded = |of: Option<Bounded>| {
        of.map_or_else(String::new, |of| match (of.lower, of.upper) {
            (Some(lower), Some(upper)) => format!("{:.2} ({lower:.2} to {upper:.2})", of.value),
            _ => format!("{:.2}", of.value),
        })
    };
    for row in seen {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.set,
            artefact::number::text(row.months),
            row.n,
            row.n_events,
            bounded(row.observed_over_expected),
            bounded(row.slope),
            row.ici.map_or_else(String::new, |ici| format!("{ici:.3}")),
            cell(&row.reason)
        );
    }
    let _ = write!(
        text,
        "\nOf patients the model had not seen: `cv` out of fold, all folds of a repeat together and means over the repeats; \
         `external` a site of its own. Warned of is observed/expected outside {} to {}, a slope outside {:.1} to {:.2}, and an \
         ICI (mean distance between predicted and observed risk) above {ICI_LIMIT}.\n\n",
        RATIO_LIMITS.0, RATIO_LIMITS.1, SLOPE_LIMITS.0, SLOPE_LIMITS.1
    );
    let warnings: Vec<String> = seen.iter().filter_map(Calibration::warning).collect();
    for warning in &warnings {
        let _ = writeln!(text, "- **Warning:** {warning}.");
    }
    if !warnings.is_empty() {
        text.push('\n');
    }
}

fn features(text: &mut String, manifest: &Manifest) {
    let features = &manifest.training.features;
    let _ = write!(text, "### Its {} features\n\n", features.len());
    for name in features.iter().take(FEATURES_SHOWN) {
        let _ = writeln!(text, "- `{name}`");
    }
    if let Some(more @ 1..) = features.len().checked_sub(FEATURES_SHOWN) {
        let _ = writeln!(text, "- and {more} more: see `model.json`");
    }
    text.push('\n');
}

fn limits(text: &mut String, manifest: &Manifest) {
    text.push_str("### Limits\n\n- For research: it is no medical device, and no decision about a patient may rest on it.\n");
    if manifest.training.is_null() {
        text.push_str(
            "- It gives everybody one risk: nothing was found that tells patients apart.\n",
        );
    }
    text.push_str("- It was chosen among several models on the sets above; what was chosen for being best is a little worse.\n");
    text.push_str("- It holds for images and delineations like those it was learned from.");
    match manifest.novelty_reason.as_str() {
        "" => text.push_str(" A prediction says how far the patient's features are from them.\n"),
        reason => {
            let _ = writeln!(
                text,
                " It cannot say how far a patient is from them: {reason}."
            );
        }
    }
    if let Some(sites) = &manifest.harmonised_sites {
        let _ = writeln!(
            text,
            "- Its features were harmonised between sites: it can bring measurements of {} to its scale, of no other site. `radloom predict` is told which with `--site`.",
            sites.join(", ")
        );
    }
    text.push('\n');
}

fn origin(text: &mut String, manifest: &Manifest, blobs: &BTreeMap<Digest, Bytes>) {
    let _ = write!(
        text,
        "### Where it comes from\n\nStudy `{}` ({}), radloom {}. Fitted parts:\n\n",
        manifest.study, manifest.study_digest, manifest.radloom
    );
    for (digest, bytes) in blobs {
        let _ = writeln!(text, "- {digest} ({} bytes)", bytes.len());
    }
}
