//! Ports about features, delineations and ranks.

use artefact::table::Table;
use report::part::Subject;
use report::part::agreement::Agreement;
use report::part::biology::{Gene, GeneSet};
use report::part::novelty::Novelty;
use report::part::ranking::{Ranked, Ranking};
use report::part::selection::{Frequency, Reliability, Stage};
use report::part::waterfall::{Rung, Waterfall};
use report::values::display_name;
use serde_json::Value;

use super::read::{Columns, Row, count, estimate, interval, json, list, number, sheet, word};
use crate::step::{Input, StepError};

pub(super) fn reliability(input: &Input, bytes: &[u8]) -> Result<Vec<Reliability>, StepError> {
    let sheet = sheet("icc", bytes)?;
    let columns = Columns::of("icc", &sheet, &["feature", "icc", "kept"])?;
    let reading = |r: &Row<'_>| match r.text("reading") {
        "" => input.axis("reading").unwrap_or_default().to_owned(),
        said => said.to_owned(),
    };
    let row = |r: Row<'_>| Reliability {
        feature: r.text("feature").to_owned(),
        reading: reading(&r),
        form: r.text("form").to_owned(),
        icc: r.number("icc"),
        kept: r.yes("kept"),
    };
    Ok(columns.rows().map(row).collect())
}

fn of_row(r: &Row<'_>, axes: &[&str]) -> Subject {
    let known = axes.iter().filter(|a| !r.text(a).is_empty());
    Subject {
        axes: known
            .map(|a| ((*a).to_owned(), r.text(a).to_owned()))
            .collect(),
    }
}

pub(super) fn funnel(bytes: &[u8]) -> Result<Vec<Stage>, StepError> {
    let sheet = sheet("funnel", bytes)?;
    let columns = Columns::of("funnel", &sheet, &["stage", "n"])?;
    let row = |r: Row<'_>| {
        Ok(Stage {
            subject: of_row(&r, &["profile", "endpoint", "roi", "split"]),
            stage: r.text("stage").to_owned(),
            n: r.need_count("n")?,
        })
    };
    columns.rows().map(row).collect()
}

pub(super) fn frequency(bytes: &[u8]) -> Result<Vec<Frequency>, StepError> {
    let sheet = sheet("frequency", bytes)?;
    let columns = Columns::of("frequency", &sheet, &["feature", "n_splits", "n_selected"])?;
    let row = |r: Row<'_>| {
        Ok(Frequency {
            subject: of_row(&r, &["profile", "endpoint", "roi"]),
            feature: r.text("feature").to_owned(),
            n_splits: r.need_count("n_splits")?,
            n_selected: r.need_count("n_selected")?,
        })
    };
    columns.rows().map(row).collect()
}

/// One comparison of delineations a reading, from the table of all patients.
pub(super) fn agreement(input: &Input, bytes: &[u8]) -> Result<Vec<Agreement>, StepError> {
    let table = Table::decode(bytes)?;
    let known = |v: Option<f64>| v.filter(|v| v.is_finite());
    let value =
        |name: &str, i: usize| known(table.column(name).and_then(|c| c.values.get(i).copied()));
    let patients: Vec<(String, Option<f64>, Option<f64>)> = table
        .rows
        .iter()
        .enumerate()
        .map(|(i, row)| {
            (
                row.patient_id.clone(),
                value("dice", i),
                value("hd95_mm", i),
            )
        })
        .collect();
    let measures = [("Dice coefficient", "dice"), ("HD95, mm", "hd95_mm")];
    let summary = measures.iter().filter_map(|(name, column)| {
        let values = &table.column(column)?.values;
        let mut known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        known.sort_by(f64::total_cmp);
        let at = |p: f64| quantile(&known, p);
        Some((
            (*name).to_owned(),
            at(0.5)?,
            at(0.25)?,
            at(0.75)?,
            known.len(),
        ))
    });
    Ok(vec![Agreement {
        reading: input.axis("reading").unwrap_or_default().to_owned(),
        summary: summary.collect(),
        patients,
    }])
}

/// The quantile of ascending values, linear between them (type 7 of Hyndman and Fan 1996).
fn quantile(ascending: &[f64], p: f64) -> Option<f64> {
    let place = p * (ascending.len().checked_sub(1)?) as f64;
    let low = libm::floor(place) as usize;
    let a = ascending.get(low)?;
    let b = ascending.get(low + 1).unwrap_or(a);
    Some(a + (b - a) * (place - low as f64))
}

/// A ranking, and the endpoint and profile that it names.
pub(super) fn ranking(bytes: &[u8]) -> Result<(Ranking, [String; 2]), StepError> {
    let v = json("ranking", bytes)?;
    let model = |m: &Value| {
        let versus = &m["vs_clinical"];
        Ranked {
            roi_set: word(m, "roi_set"),
            learner: word(m, "learner"),
            control: word(m, "control"),
            estimate: estimate(m),
            simultaneous: interval(
                number(m, "lower_simultaneous"),
                number(m, "upper_simultaneous"),
            ),
            p_best: number(m, "p_best"),
            rank: count(m, "rank_lower").zip(count(m, "rank_upper")),
            vs_clinical: versus.is_object().then(|| {
                let mut e = estimate(versus);
                e.value = e.value.or(number(versus, "difference"));
                (e, number(versus, "p_adjusted"))
            }),
            above_chance: m["above_chance"].as_bool().unwrap_or(false),
        }
    };
    let mut models: Vec<Ranked> = list(&v, "models").iter().map(model).collect();
    let key = |m: &Ranked| m.estimate.finite().unwrap_or(f64::NEG_INFINITY);
    models.sort_by(|a, b| key(b).total_cmp(&key(a)));
    let corrected = &v["bias_corrected"];
    let ranking = Ranking {
        set: word(&v, "set"),
        metric: word(&v, "metric"),
        models,
        bias_corrected: corrected.is_object().then(|| estimate(corrected)),
        reason: word(&v, "reason"),
    };
    Ok((ranking, [word(&v, "endpoint"), word(&v, "profile")]))
}

pub(super) fn waterfall(bytes: &[u8]) -> Result<Vec<Waterfall>, StepError> {
    let v = json("optimism waterfall", bytes)?;
    let model = |r: &Value| {
        let of = [word(r, "learner"), word(r, "roi_set")];
        let named: Vec<String> = of
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| display_name(name))
            .collect();
        named.join(", ")
    };
    let rung = |r: &Value| Rung {
        label: Some(word(r, "label"))
            .filter(|l| !l.is_empty())
            .unwrap_or_else(|| word(r, "name")),
        value: number(r, "value"),
        interval: interval(number(r, "lower"), number(r, "upper")),
        difference: number(r, "difference"),
        model: model(r),
        n_models: count(r, "n_models"),
        reason: word(r, "reason"),
    };
    let endpoint = |e: &Value| Waterfall {
        endpoint: word(e, "endpoint"),
        rungs: list(e, "rungs").iter().map(rung).collect(),
    };
    Ok(list(&v, "endpoints").iter().map(endpoint).collect())
}

pub(super) fn genes(bytes: &[u8]) -> Result<Vec<Gene>, StepError> {
    let sheet = sheet("genes", bytes)?;
    let columns = Columns::of("genes", &sheet, &["gene", "logfc", "p"])?;
    let row = |r: Row<'_>| {
        Some(Gene {
            name: r.text("gene").to_owned(),
            log_fold: r.number("logfc")?,
            p: r.number("p")?,
            p_adjusted: r.number("p_adjusted"),
            call: r.text("call").to_owned(),
        })
    };
    Ok(columns.rows().filter_map(row).collect())
}

pub(super) fn gene_sets(bytes: &[u8]) -> Result<Vec<GeneSet>, StepError> {
    let sheet = sheet("enrichment", bytes)?;
    let columns = Columns::of("enrichment", &sheet, &["set", "p"])?;
    let row = |r: Row<'_>| GeneSet {
        name: r.text("set").to_owned(),
        overlap: r.count("overlap"),
        size: r.count("size"),
        p: r.number("p"),
        p_adjusted: r.number("p_adjusted"),
        score: r.number("normalised"),
    };
    Ok(columns.rows().map(row).collect())
}

pub(super) fn novelty(bytes: &[u8]) -> Result<Vec<Novelty>, StepError> {
    let sheet = sheet("novelty", bytes)?;
    let columns = Columns::of("novelty", &sheet, &["patient_id", "percentile"])?;
    let row = |r: Row<'_>| Novelty {
        patient_id: r.text("patient_id").to_owned(),
        distance: r.number("distance"),
        percentile: r.number("percentile"),
        n_outside: r.count("n_outside"),
        warning: match r.text("warning") {
            "false" | "0" => String::new(),
            said => said.to_owned(),
        },
    };
    Ok(columns.rows().map(row).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quartiles_lie_between_the_values() {
        let v = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&v, 0.5), Some(2.5));
        assert_eq!(quantile(&v, 0.25), Some(1.75));
        assert_eq!(quantile(&v, 1.0), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_ranking_is_read_best_first_and_what_is_null_stays_absent() {
        let text = br#"{"endpoint":"dfs","set":"external","metric":"composite_auc","models":[
            {"roi_set":"tumour","learner":"svm","value":0.6,"lower":0.5,"upper":0.7,"p_best":0.1,"rank_lower":1,"rank_upper":9,"vs_clinical":null,"above_chance":false},
            {"roi_set":"combined","learner":"rsf","value":0.7,"lower":0.6,"upper":0.8,"lower_simultaneous":0.55,"upper_simultaneous":0.85,"vs_clinical":{"difference":0.03,"lower":-0.1,"upper":0.2,"p_adjusted":0.5},"above_chance":true}],
            "bias_corrected":null,"reason":""}"#;
        let (r, said) = ranking(text).unwrap();
        assert_eq!(said, ["dfs", ""]);
        assert_eq!(
            (r.models[0].learner.as_str(), r.models[1].rank),
            ("rsf", Some((1, 9)))
        );
        assert_eq!(r.models[0].simultaneous, Some((0.55, 0.85)));
        let (versus, p) = r.models[0].vs_clinical.clone().unwrap();
        assert_eq!((versus.value, p), (Some(0.03), Some(0.5)));
        assert!(r.models[1].vs_clinical.is_none() && r.bias_corrected.is_none());
    }

    #[test]
    fn a_funnel_without_a_count_is_refused_with_its_row() {
        let text =
            b"profile,endpoint,roi,split,stage,n\ncareful,dfs,tumour,external,extracted,many\n";
        let error = funnel(text).unwrap_err().to_string();
        assert!(
            error.contains("row 2") && error.contains("`many`"),
            "{error}"
        );
        let text = b"stage,n\nrobust,5\n";
        assert_eq!(funnel(text).unwrap()[0].subject, Subject::default());
    }
}
