//! `differential-expression`: genes that two groups of patients express differently.

use std::collections::{BTreeMap, BTreeSet};

use artefact::number;
use expression::{
    ExpressionError, benjamini_hochberg, fit_linear, likelihood_ratio, log_counts_per_million,
    moderate, normalisation_factors, voom,
};
use ndarray::{Array2, ArrayView2};
use pipeline_defs::params::{ExpressionJudged, ExpressionMethod, ExpressionParams};
use serde_json::{Value, json};

use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

/// Added to counts before logarithms with `trend`, as edgeR does.
const PRIOR_COUNT: f64 = 2.0;
/// Groups that others are compared with, in this order.
const REFERENCES: [&str; 4] = ["low", "control", "untreated", "0"];

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ExpressionParams = context.params()?;
    let counts = Sheet::read("counts", inputs.one("counts")?)?;
    let groups = Sheet::read("groups", inputs.one("groups")?)?;
    let Design {
        kept,
        group,
        design,
    } = design(&counts, &groups, &params)?;
    let samples = samples(&counts, &groups, &kept, &group);
    let values = counts.numbers(&kept)?;
    let tested =
        test(values.view(), design.view(), params.method).map_err(|e| refuse("expression", &e))?;
    let fdr = benjamini_hochberg(&tested.p);
    let mut text = String::from("gene,logfc,ave_expr,t,p,p_adjusted,call\n");
    for (g, name) in counts.names.iter().enumerate() {
        let judged = match params.judged {
            ExpressionJudged::Raw => tested.p[g],
            ExpressionJudged::Fdr => fdr[g],
        };
        let fold = tested.fold[g];
        let call = match judged <= params.p && fold.abs() >= params.abs_logfc {
            true if fold > 0.0 => "up",
            true => "down",
            false => "",
        };
        let cells = [fold, tested.mean[g], tested.t[g], tested.p[g], fdr[g]].map(number::text);
        text.push_str(&format!(
            "{},{},{call}\n",
            artefact::csv_field(name),
            cells.join(",")
        ));
    }
    Ok(vec![
        Produced::bytes("genes", text.into_bytes()),
        Produced::bytes("samples", artefact::json::encode("samples", &samples)?),
    ])
}

/// Who was compared, and who was left out: samples of `counts` without a group, groups of samples without counts.
fn samples(counts: &Sheet, groups: &Sheet, kept: &[usize], group: &[String]) -> Value {
    let used: BTreeSet<usize> = kept.iter().copied().collect();
    let without_group: Vec<&String> = (0..counts.columns.len())
        .filter(|c| !used.contains(c))
        .map(|c| &counts.columns[c])
        .collect();
    let measured: BTreeSet<&String> = counts.columns.iter().collect();
    let without_counts: Vec<&String> = (groups.names.iter())
        .filter(|name| !measured.contains(name))
        .collect();
    let of_level = |level: &String| group.iter().filter(|g| *g == level).count();
    let levels: serde_json::Map<String, Value> = (levels(group).iter())
        .map(|level| (level.clone(), json!(of_level(level))))
        .collect();
    json!({
        "n_compared": kept.len(),
        "n_by_group": levels,
        "n_without_group": without_group.len(),
        "without_group": without_group,
        "n_without_counts": without_counts.len(),
        "without_counts": without_counts,
    })
}

/// What a method says of each gene. With negative binomial tests `t` is the signed root of the likelihood ratio.
struct Tested {
    fold: Vec<f64>,
    mean: Vec<f64>,
    t: Vec<f64>,
    p: Vec<f64>,
}

fn test(
    counts: ArrayView2<f64>,
    design: ArrayView2<f64>,
    method: ExpressionMethod,
) -> Result<Tested, ExpressionError> {
    let sizes = expression::normalise::library_sizes(counts)?;
    let factors = normalisation_factors(counts)?;
    let sizes: Vec<f64> = sizes.iter().zip(factors).map(|(s, f)| s * f).collect();
    let last = design.ncols() - 1;
    let (fit, trend) = match method {
        ExpressionMethod::Nb => {
            let found = likelihood_ratio(counts, &sizes, design, last)?;
            let signed = found.statistic.iter().zip(&found.log_fold_change);
            return Ok(Tested {
                t: signed.map(|(lr, fold)| lr.sqrt().copysign(*fold)).collect(),
                fold: found.log_fold_change,
                mean: found.log_cpm,
                p: found.p,
            });
        }
        ExpressionMethod::Voom => {
            let v = voom(counts, &sizes, design)?;
            (
                fit_linear(v.log_cpm.view(), Some(v.weights.view()), design)?,
                false,
            )
        }
        ExpressionMethod::Trend => {
            let logs = log_counts_per_million(counts, &sizes, PRIOR_COUNT)?;
            (fit_linear(logs.view(), None, design)?, true)
        }
    };
    let found = moderate(&fit, last, trend)?;
    Ok(Tested {
        fold: found.log_fold_change,
        mean: fit.mean,
        t: found.t,
        p: found.p,
    })
}

/// A table whose first column names its rows.
pub(super) struct Sheet {
    what: &'static str,
    pub columns: Vec<String>,
    pub names: Vec<String>,
    pub cells: Vec<Vec<String>>,
}

impl Sheet {
    pub fn read(what: &'static str, bytes: &[u8]) -> Result<Sheet, StepError> {
        let broken = |e: csv::Error| StepError::refuse("malformed-input", format!("{what}: {e}"));
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .from_reader(bytes);
        let columns = reader
            .headers()
            .map_err(broken)?
            .iter()
            .skip(1)
            .map(str::to_owned)
            .collect();
        let (mut names, mut cells) = (Vec::new(), Vec::new());
        for record in reader.records() {
            let record = record.map_err(broken)?;
            names.push(record.get(0).unwrap_or_default().to_owned());
            cells.push(record.iter().skip(1).map(str::to_owned).collect());
        }
        if names.is_empty() {
            return Err(StepError::refuse(
                "malformed-input",
                format!("{what}: no row"),
            ));
        }
        Ok(Sheet {
            what,
            columns,
            names,
            cells,
        })
    }

    /// The columns at these places as numbers, a row a row.
    fn numbers(&self, columns: &[usize]) -> Result<Array2<f64>, StepError> {
        let mut values = Vec::with_capacity(self.names.len() * columns.len());
        for (row, cells) in self.cells.iter().enumerate() {
            for &c in columns {
                let text = cells[c].trim();
                let number = text.parse::<f64>().ok().filter(|v| v.is_finite());
                values.push(number.ok_or_else(|| {
                    StepError::refuse(
                        "malformed-input",
                        format!(
                            "{}, row {} (`{}`), column `{}`: `{text}` is no number",
                            self.what,
                            row + 2,
                            self.names[row],
                            self.columns[c]
                        ),
                    )
                })?);
            }
        }
        Array2::from_shape_vec((self.names.len(), columns.len()), values)
            .map_err(|e| StepError::Bug(e.to_string()))
    }
}

/// Columns of the samples that have a group, their groups, and their design: an intercept, covariates, the group last.
struct Design {
    kept: Vec<usize>,
    group: Vec<String>,
    design: Array2<f64>,
}

fn design(counts: &Sheet, groups: &Sheet, params: &ExpressionParams) -> Result<Design, StepError> {
    let column = |name: &str| {
        groups
            .columns
            .iter()
            .position(|c| c == name)
            .ok_or_else(|| {
                StepError::refuse(
                    "column-missing",
                    format!(
                        "groups has no column `{name}`; it has {}",
                        groups.columns.join(", ")
                    ),
                )
            })
    };
    let of_group = group_column(groups, &params.group, &column)?;
    let row_of: BTreeMap<&str, usize> = groups
        .names
        .iter()
        .enumerate()
        .map(|(i, n)| (n.as_str(), i))
        .collect();
    let known = |(at, name): (usize, &String)| row_of.get(name.as_str()).map(|row| (at, *row));
    let (kept, rows): (Vec<usize>, Vec<usize>) = counts
        .columns
        .iter()
        .enumerate()
        .filter_map(known)
        .filter(|(_, row)| !groups.cells[*row][of_group].trim().is_empty())
        .unzip();
    let labels = |c: usize| -> Vec<String> {
        rows.iter()
            .map(|r| groups.cells[*r][c].trim().to_owned())
            .collect()
    };
    let group = labels(of_group);
    let reference = reference(&group, &params.reference)?;
    let mut columns = vec![vec![1.0; kept.len()]];
    for name in &params.covariates {
        let of = labels(column(name)?);
        for level in levels(&of).iter().skip(1) {
            columns.push(of.iter().map(|l| f64::from(u8::from(l == level))).collect());
        }
    }
    columns.push(
        group
            .iter()
            .map(|g| f64::from(u8::from(*g != reference)))
            .collect(),
    );
    let design = Array2::from_shape_fn((kept.len(), columns.len()), |(i, j)| columns[j][i]);
    Ok(Design {
        kept,
        group,
        design,
    })
}

/// The column that parts the samples: as named, or that of a marker cut in two (`radscore` finds `radscore>1.5`).
fn group_column(
    groups: &Sheet,
    wanted: &str,
    column: &dyn Fn(&str) -> Result<usize, StepError>,
) -> Result<usize, StepError> {
    if wanted.is_empty() {
        return column("group").or_else(|e| match groups.columns.is_empty() {
            true => Err(e),
            false => Ok(0),
        });
    }
    let cut = |name: &String| {
        let rest = name.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.starts_with('>'))
    };
    let found = groups.columns.iter().position(cut);
    column(wanted).or_else(|e| found.ok_or(e))
}

fn levels(labels: &[String]) -> Vec<String> {
    let mut levels = labels.to_vec();
    levels.sort_unstable();
    levels.dedup();
    levels
}

fn reference(group: &[String], wanted: &str) -> Result<String, StepError> {
    let levels = levels(group);
    if levels.len() != 2 {
        return Err(StepError::refuse(
            "group-levels",
            format!(
                "groups has {} groups among the samples of counts ({}), must be 2",
                levels.len(),
                levels.join(", ")
            ),
        ));
    }
    if !wanted.is_empty() {
        return levels
            .iter()
            .find(|l| *l == wanted)
            .cloned()
            .ok_or_else(|| {
                StepError::refuse(
                    "reference-missing",
                    format!("no group is `{wanted}`; they are {}", levels.join(", ")),
                )
            });
    }
    let usual = REFERENCES
        .iter()
        .find_map(|r| levels.iter().find(|l| l.eq_ignore_ascii_case(r)));
    Ok(usual.unwrap_or(&levels[0]).clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, oracle, refusal, run};
    use pipeline_defs::params::{ExpressionMethod, ExpressionParams, Params};
    use serde_json::Value;

    fn params(method: ExpressionMethod) -> Value {
        let params = ExpressionParams {
            method,
            ..ExpressionParams::presets().remove(0).1
        };
        serde_json::to_value(params).unwrap()
    }

    #[test]
    fn airway_is_that_of_limma() {
        let (Some(counts), Some(groups), Some(wanted)) = (
            oracle("survival/o_expression/airway_counts_filtered.csv"),
            oracle("survival/o_expression/airway_meta.csv"),
            oracle("survival/o_expression/limma_voom_simple.csv"),
        ) else {
            return;
        };
        let ports = [("counts", counts), ("groups", groups)];
        let out = run(
            "differential-expression",
            params(ExpressionMethod::Voom),
            &ports,
        )
        .unwrap();
        let ours = String::from_utf8(content(&out, "genes")).unwrap();
        let wanted = String::from_utf8(wanted).unwrap();
        let cell = |line: &str, at: usize| line.split(',').nth(at).unwrap().parse::<f64>().unwrap();
        for (a, b) in ours.lines().zip(wanted.lines()).skip(1).step_by(97) {
            assert_eq!(a.split(',').next(), b.split(',').next());
            for at in 1..6 {
                assert!(
                    (cell(a, at) - cell(b, at)).abs() <= 1e-6 * cell(b, at).abs(),
                    "{a}\n{b}"
                );
            }
        }
    }

    #[test]
    fn samples_that_take_no_part_are_counted_and_named() {
        let counts =
            b"gene,s1,s2,s3,s4,s5,s6\ng1,10,12,30,28,9,11\ng2,50,40,45,52,44,41\ng3,7,9,8,6,9,5\n";
        let groups = b"sample,group\ns1,a\ns2,a\ns3,b\ns4,b\ns5,\ns9,b\n";
        let ports = [("counts", counts.to_vec()), ("groups", groups.to_vec())];
        let out = run(
            "differential-expression",
            params(ExpressionMethod::Nb),
            &ports,
        )
        .unwrap();
        let told: Value = serde_json::from_slice(&content(&out, "samples")).unwrap();
        assert_eq!(told["n_compared"], 4);
        assert_eq!(told["n_by_group"], serde_json::json!({"a": 2, "b": 2}));
        assert_eq!(told["without_group"], serde_json::json!(["s5", "s6"]));
        assert_eq!(told["without_counts"], serde_json::json!(["s9"]));
    }

    #[test]
    fn two_groups_are_needed_and_counts_must_be_numbers() {
        let counts = b"gene,s1,s2,s3\ng1,1,2,3\n".to_vec();
        let groups = |text: &str| text.as_bytes().to_vec();
        let one = [
            ("counts", counts.clone()),
            ("groups", groups("sample,group\ns1,a\ns2,a\ns3,a\n")),
        ];
        assert_eq!(
            refusal(run(
                "differential-expression",
                params(ExpressionMethod::Nb),
                &one
            ))
            .0,
            "group-levels"
        );
        let bad = [
            ("counts", b"gene,s1,s2,s3\ng1,1,many,3\n".to_vec()),
            ("groups", groups("sample,group\ns1,a\ns2,b\ns3,a\n")),
        ];
        let (_, message) = refusal(run(
            "differential-expression",
            params(ExpressionMethod::Nb),
            &bad,
        ));
        assert!(
            message.contains("row 2 (`g1`), column `s2`: `many`"),
            "{message}"
        );
    }
}
