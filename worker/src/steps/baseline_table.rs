//! `baseline-table`: who the patients are, by group, with the test that each P is of.

use artefact::table::{Column, ColumnKind, Table};
use ndarray::Array2;
use pipeline_defs::params::BaselineTableParams;
use serde_json::{Map, Value, json};
use stats::compare::{
    RankSumMethod, Variances, chi_square_test, fisher_exact, kruskal_wallis, rank_sum_test,
    shapiro_wilk, standardised_difference, standardised_difference_of_levels, summarise, t_test,
};

use super::labels::labels;
use crate::step::{Context, Inputs, Produced, StepError};

/// Most levels that are counted; a column of text with more says nothing in a table.
const LEVELS_MAX: usize = 50;
/// P of Shapiro and Wilk's test below which a group is not taken for normal.
const NOT_NORMAL_P: f64 = 0.05;
/// Expected count below which χ² is not trusted (Cochran).
const EXPECTED_MIN: f64 = 5.0;

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: BaselineTableParams = context.params()?;
    let table = Table::decode(inputs.one("table")?)?;
    let groups = Groups::of(&table, &params.group)?;
    let told: Vec<Row> = table
        .columns
        .iter()
        .filter(|c| c.name != params.group && !params.leave_out.contains(&c.name))
        .map(|column| row(column, &groups))
        .collect();
    let json = json!({
        "group": params.group,
        "groups": groups.names,
        "n": groups.rows.iter().map(Vec::len).collect::<Vec<_>>(),
        "variables": told.iter().map(|r| r.json.clone()).collect::<Vec<_>>(),
    });
    let mut csv = header(&groups);
    for row in &told {
        for line in &row.lines {
            csv.push_str(&fields(line));
        }
    }
    Ok(vec![
        Produced::bytes("table1", csv.into_bytes()),
        Produced::bytes(
            "table1_json",
            artefact::json::encode("baseline table", &json)?,
        ),
    ])
}

/// Rows of each group, groups by name.
struct Groups {
    names: Vec<String>,
    rows: Vec<Vec<usize>>,
}

impl Groups {
    fn of(table: &Table, group: &str) -> Result<Groups, StepError> {
        let labels = labels(table, group, "group")?;
        let mut names: Vec<String> = labels.iter().flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() || names.len() > LEVELS_MAX {
            return Err(StepError::refuse(
                "group-levels",
                format!(
                    "column `{group}` has {} groups, must be 1 to {LEVELS_MAX}",
                    names.len()
                ),
            ));
        }
        let of = |name: &String| {
            let mine = |l: &&(usize, &Option<String>)| l.1.as_ref() == Some(name);
            let all: Vec<_> = labels.iter().enumerate().collect();
            all.iter().filter(mine).map(|l| l.0).collect()
        };
        Ok(Groups {
            rows: names.iter().map(of).collect(),
            names,
        })
    }
}

/// One variable: its lines of the table and its record.
struct Row {
    lines: Vec<Vec<String>>,
    json: Value,
}

fn header(groups: &Groups) -> String {
    let mut cells = vec!["variable".to_owned(), "level".to_owned()];
    for (name, rows) in groups.names.iter().zip(&groups.rows) {
        cells.push(format!("{name} (n = {})", rows.len()));
    }
    for name in ["missing", "test", "p", "other_test", "other_p", "smd"] {
        cells.push(name.to_owned());
    }
    fields(&cells)
}

fn fields(cells: &[String]) -> String {
    let quoted: Vec<String> = cells
        .iter()
        .map(|c| artefact::csv_field(c).to_string())
        .collect();
    format!("{}\n", quoted.join(","))
}

fn row(column: &Column, groups: &Groups) -> Row {
    // a column of 0 and 1 without a schema counts, it has no mean
    let counts = |v: &f64| v.is_nan() || *v == 0.0 || *v == 1.0;
    match &column.kind {
        ColumnKind::Numeric if !column.values.iter().all(counts) => continuous(column, groups),
        _ => categorical(column, groups),
    }
}

/// Values of each group, the undefined left out.
fn samples(column: &Column, groups: &Groups) -> Vec<Vec<f64>> {
    let of = |rows: &Vec<usize>| {
        rows.iter()
            .map(|&i| column.values[i])
            .filter(|v| !v.is_nan())
            .collect()
    };
    groups.rows.iter().map(of).collect()
}

fn continuous(column: &Column, groups: &Groups) -> Row {
    let samples = samples(column, groups);
    let n_missing = column.values.iter().filter(|v| v.is_nan()).count();
    let mut cells = vec![
        column.name.clone(),
        "mean ± SD; median (quartiles)".to_owned(),
    ];
    let mut summaries = Vec::new();
    let mut normality = Vec::new();
    for values in &samples {
        match summarise(values) {
            Ok(s) => {
                let sd = s
                    .std_dev
                    .map_or_else(|| "–".to_owned(), |sd| format!("{sd:.2}"));
                cells.push(format!(
                    "{:.2} ± {sd}; {:.2} ({:.2}–{:.2})",
                    s.mean, s.median, s.q25, s.q75
                ));
                let normal = shapiro_wilk(values).ok();
                normality.push(normal.map(|t| t.p));
                summaries.push(json!({
                    "n": s.n, "mean": s.mean, "sd": s.std_dev, "min": s.min, "q25": s.q25, "median": s.median,
                    "q75": s.q75, "max": s.max,
                    "shapiro_wilk": normal.map(|t| json!({"w": t.w, "p": t.p})),
                }));
            }
            Err(why) => {
                normality.push(None);
                cells.push("–".to_owned());
                summaries.push(json!({"n": values.len(), "reason": why.to_string()}));
            }
        }
    }
    let mut tests = Map::new();
    let mut smd = None;
    if let [a, b] = &samples[..] {
        for (name, variances) in [("t", Variances::Pooled), ("welch", Variances::Separate)] {
            let test =
                t_test(a, b, variances).map(|t| json!({"statistic": t.t, "df": t.df, "p": t.p}));
            tests.insert(
                name.to_owned(),
                test.unwrap_or_else(|e| json!({"reason": e.to_string()})),
            );
        }
        let ranks = rank_sum_test(a, b, RankSumMethod::Auto);
        let ranks = ranks.map(|t| json!({"statistic": t.w, "exact": t.exact, "p": t.p}));
        tests.insert(
            "mann_whitney".to_owned(),
            ranks.unwrap_or_else(|e| json!({"reason": e.to_string()})),
        );
        smd = standardised_difference(a, b).ok();
    } else if samples.len() > 2 {
        let all: Vec<&[f64]> = samples.iter().map(Vec::as_slice).collect();
        let test =
            kruskal_wallis(&all).map(|t| json!({"statistic": t.chi_square, "df": t.df, "p": t.p}));
        tests.insert(
            "kruskal_wallis".to_owned(),
            test.unwrap_or_else(|e| json!({"reason": e.to_string()})),
        );
    }
    let choice = if samples.len() == 2 {
        by_normality(&normality, groups)
    } else {
        Choice {
            shown: "kruskal_wallis",
            other: None,
            rule: "more than two groups".to_owned(),
        }
    };
    finish(&mut cells, n_missing, &choice, &tests, smd);
    let json = json!({
        "variable": column.name, "kind": "continuous", "unit": column.unit, "n_missing": n_missing,
        "groups": summaries, "tests": tests, "shown": choice.shown, "rule": choice.rule, "smd": smd,
    });
    Row {
        lines: vec![cells],
        json,
    }
}

fn categorical(column: &Column, groups: &Groups) -> Row {
    let levels: Vec<String> = match &column.kind {
        ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels } => levels.clone(),
        _ => vec!["0".to_owned(), "1".to_owned()],
    };
    let n_missing = column.values.iter().filter(|v| v.is_nan()).count();
    let counts: Vec<Vec<u32>> = samples(column, groups)
        .iter()
        .map(|values| {
            let mut counts = vec![0; levels.len()];
            for v in values {
                if let Some(count) = counts.get_mut(*v as usize) {
                    *count += 1;
                }
            }
            counts
        })
        .collect();
    let table = Array2::from_shape_fn((levels.len(), counts.len()), |(l, g)| counts[g][l]);
    let mut tests = Map::new();
    for (name, yates) in [("chi_square", false), ("chi_square_yates", true)] {
        let test = chi_square_test(&table, yates).map(|t| {
            json!({"statistic": t.chi_square, "df": t.df, "p": t.p, "smallest_expected": t.smallest_expected})
        });
        tests.insert(
            name.to_owned(),
            test.unwrap_or_else(|e| json!({"reason": e.to_string()})),
        );
    }
    let exact = fisher_exact(&table).map(|p| json!({"p": p}));
    tests.insert(
        "fisher".to_owned(),
        exact.unwrap_or_else(|e| json!({"reason": e.to_string()})),
    );
    let choice = by_expected_count(&tests);
    let smd = match &counts[..] {
        [a, b] => standardised_difference_of_levels(a, b).ok(),
        _ => None,
    };
    let mut lines = Vec::new();
    for (l, level) in levels.iter().enumerate() {
        let mut cells = vec![column.name.clone(), level.clone()];
        for group in &counts {
            let total: u32 = group.iter().sum();
            let share = 100.0 * f64::from(group[l]) / f64::from(total.max(1));
            cells.push(format!("{} ({share:.1} %)", group[l]));
        }
        if l == 0 {
            finish(&mut cells, n_missing, &choice, &tests, smd);
        } else {
            cells.extend([""; 6].map(str::to_owned));
        }
        lines.push(cells);
    }
    let json = json!({
        "variable": column.name, "kind": "categorical", "n_missing": n_missing, "levels": levels,
        "counts": counts, "tests": tests, "shown": choice.shown, "rule": choice.rule, "smd": smd,
    });
    Row { lines, json }
}

/// The test whose P stands in front, the one beside it, and why.
struct Choice {
    shown: &'static str,
    other: Option<&'static str>,
    rule: String,
}

/// Welch's test where no group is told from normal, else Mann and Whitney's.
fn by_normality(normality: &[Option<f64>], groups: &Groups) -> Choice {
    let ranks = |rule: String| Choice {
        shown: "mann_whitney",
        other: Some("welch"),
        rule,
    };
    let of = |at: usize| groups.names.get(at).map_or("", String::as_str);
    if let Some(at) = normality.iter().position(Option::is_none) {
        let group = of(at);
        return ranks(format!("Shapiro–Wilk has no value in group `{group}`"));
    }
    let skewed = |p: &Option<f64>| p.is_some_and(|p| p < NOT_NORMAL_P);
    match normality.iter().position(skewed) {
        Some(at) => ranks(format!(
            "Shapiro–Wilk P below {NOT_NORMAL_P} in group `{}`",
            of(at)
        )),
        None => Choice {
            shown: "welch",
            other: Some("mann_whitney"),
            rule: format!("Shapiro–Wilk P at least {NOT_NORMAL_P} in every group"),
        },
    }
}

/// χ² without Yates' correction, Fisher's test where a count below five is expected.
fn by_expected_count(tests: &Map<String, Value>) -> Choice {
    let smallest = tests["chi_square"]["smallest_expected"].as_f64();
    let small = smallest.is_some_and(|e| e < EXPECTED_MIN);
    match (small, tests["fisher"]["p"].is_number()) {
        (true, true) => Choice {
            shown: "fisher",
            other: Some("chi_square"),
            rule: format!("a count below {EXPECTED_MIN} is expected"),
        },
        (true, false) => Choice {
            shown: "chi_square",
            other: None,
            rule: format!(
                "a count below {EXPECTED_MIN} is expected, but Fisher's test has no value"
            ),
        },
        (false, exact) => Choice {
            shown: "chi_square",
            other: exact.then_some("fisher"),
            rule: format!("no count below {EXPECTED_MIN} is expected"),
        },
    }
}

/// Missing values, the test that is shown, its P, the test beside it, and the standardised difference.
fn finish(
    cells: &mut Vec<String>,
    n_missing: usize,
    choice: &Choice,
    tests: &Map<String, Value>,
    smd: Option<f64>,
) {
    cells.push(n_missing.to_string());
    for name in [Some(choice.shown), choice.other] {
        let p = name.and_then(|name| Some((name, tests.get(name)?["p"].as_f64()?)));
        cells.push(p.map_or_else(String::new, |(name, _)| name.replace('_', "-")));
        cells.push(p.map_or_else(String::new, |(_, p)| match p {
            p if p < 0.001 => "<0.001".to_owned(),
            p => format!("{p:.3}"),
        }));
    }
    cells.push(smd.map_or_else(String::new, |d| format!("{d:.3}")));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run, text};
    use serde_json::{Value, json};

    fn params(group: &str) -> Value {
        json!({"group": group, "leave_out": ["shadow"]})
    }

    #[test]
    fn every_p_names_its_test() {
        let (table, _) = learnable(80);
        let out = run("baseline-table", params("site"), &[("table", table)]).unwrap();
        let csv = text(&out, "table1");
        assert!(
            csv.starts_with(
                "variable,level,c1 (n = 60),c2 (n = 20),missing,test,p,other_test,other_p,smd\n"
            ),
            "{csv}"
        );
        assert!(
            csv.contains("signal,") && csv.contains(",mann-whitney,0.") && !csv.contains("shadow"),
            "{csv}"
        );
        let record: Value = serde_json::from_slice(&content(&out, "table1_json")).unwrap();
        assert!(record["variables"][0]["tests"]["mann_whitney"]["p"].is_number());
    }

    #[test]
    fn a_skewed_variable_is_tested_by_ranks_and_a_normal_one_by_means() {
        let mut table = String::from("patient_id,site,even,skewed\n");
        for i in 0..30 {
            // normal quantiles in another order, and their exponentials
            let z =
                stats::special::normal_quantile((f64::from((i * 7) % 30) + 0.5) / 30.0).unwrap();
            let site = if i < 15 { "c1" } else { "c2" };
            table.push_str(&format!("p{i},{site},{z},{}\n", libm::exp(2.0 * z)));
        }
        let params = json!({"group": "site", "leave_out": []});
        let out = run("baseline-table", params, &[("table", table.into_bytes())]).unwrap();
        let record: Value = serde_json::from_slice(&content(&out, "table1_json")).unwrap();
        assert_eq!(record["variables"][0]["shown"], "welch");
        assert_eq!(record["variables"][1]["shown"], "mann_whitney");
        assert_eq!(
            record["variables"][1]["rule"],
            "Shapiro–Wilk P below 0.05 in group `c1`"
        );
        let csv = text(&out, "table1");
        assert!(csv.lines().nth(1).unwrap().contains(",welch,0."), "{csv}");
        assert!(
            csv.lines().nth(2).unwrap().contains(",mann-whitney,0."),
            "{csv}"
        );
        assert!(csv.lines().nth(2).unwrap().contains(",welch,0."), "{csv}");
    }

    #[test]
    fn small_tables_are_tested_exactly_and_the_missing_counted() {
        let table =
            b"patient_id,site,grade,age\na,c1,I,50\nb,c1,II,\nc,c2,I,61\nd,c2,I,40\n".to_vec();
        let out = run("baseline-table", params("site"), &[("table", table)]).unwrap();
        let csv = text(&out, "table1");
        assert!(
            csv.contains("grade,I,1 (50.0 %),2 (100.0 %),0,fisher,1.000"),
            "{csv}"
        );
        assert!(
            csv.lines()
                .any(|l| l.starts_with("age,") && l.contains(",1,")),
            "{csv}"
        );
    }

    #[test]
    fn zeros_and_ones_are_counted() {
        let table = b"patient_id,site,prior\na,c1,0\nb,c1,1\nc,c2,1\nd,c2,1\n".to_vec();
        let csv = text(
            &run("baseline-table", params("site"), &[("table", table)]).unwrap(),
            "table1",
        );
        assert!(csv.contains("prior,1,1 (50.0 %),2 (100.0 %)"), "{csv}");
    }

    #[test]
    fn an_unknown_group_is_refused() {
        let (table, _) = learnable(20);
        let (code, message) = refusal(run("baseline-table", params("stage"), &[("table", table)]));
        assert_eq!(code, "group-missing");
        assert!(message.contains("signal"), "{message}");
    }
}
