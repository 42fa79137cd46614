//! `enrichment`: gene sets among the genes found, or along their ranking.

use std::collections::{BTreeMap, BTreeSet};

use artefact::number;
use expression::enrichment_score::enrichment;
use expression::{benjamini_hochberg, over_representation};
use pipeline_defs::params::{EnrichmentMethod, EnrichmentParams, EnrichmentUniverse};

use super::differential_expression::Sheet;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

/// Weight of the metric in the running sum, GSEA's own.
const WEIGHT: f64 = 1.0;

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: EnrichmentParams = context.params()?;
    let genes = Genes::read(inputs.one("genes")?)?;
    let sets = gene_sets(inputs.one("gene_sets")?)?;
    let annotated: BTreeSet<&str> = sets
        .iter()
        .flat_map(|s| s.genes.iter().map(String::as_str))
        .collect();
    let counts = |gene: &str| match params.universe {
        EnrichmentUniverse::Measured => true,
        EnrichmentUniverse::Annotated => annotated.contains(gene),
    };
    // places by descending t, first by name among equals
    let mut order: Vec<usize> = (0..genes.names.len())
        .filter(|&g| counts(&genes.names[g]))
        .collect();
    order.sort_by(|&a, &b| {
        genes.t[b]
            .total_cmp(&genes.t[a])
            .then_with(|| genes.names[a].cmp(&genes.names[b]))
    });
    let place: BTreeMap<&str, usize> = order
        .iter()
        .enumerate()
        .map(|(i, &g)| (genes.names[g].as_str(), i))
        .collect();
    if !place.keys().any(|gene| annotated.contains(gene)) {
        let example = |name: Option<&str>| name.unwrap_or("none").to_owned();
        return Err(StepError::refuse(
            "no-common-gene",
            format!(
                "no gene of `genes` (such as `{}`) is in `gene_sets` (such as `{}`); bring both to one kind of identifier",
                example(genes.names.first().map(String::as_str)),
                example(annotated.first().copied())
            ),
        ));
    }
    let sizes = params.min_size as usize..=params.max_size as usize;
    let tested: Vec<(&GeneSet, Vec<usize>)> = sets
        .iter()
        .map(|set| {
            let mut members: Vec<usize> = set
                .genes
                .iter()
                .filter_map(|g| place.get(g.as_str()).copied())
                .collect();
            members.sort_unstable();
            (set, members)
        })
        .filter(|(_, members)| sizes.contains(&members.len()) && members.len() < order.len())
        .collect();
    let text = match params.method {
        EnrichmentMethod::Ora => ora(&genes, &order, &tested)?,
        EnrichmentMethod::Gsea => gsea(
            &genes,
            &order,
            &tested,
            params.permutations,
            context.seed()?,
        )?,
    };
    Ok(vec![Produced::bytes("enrichment", text.into_bytes())])
}

fn ora(
    genes: &Genes,
    order: &[usize],
    tested: &[(&GeneSet, Vec<usize>)],
) -> Result<String, StepError> {
    let called: Vec<bool> = order.iter().map(|&g| genes.called[g]).collect();
    let n_called = called.iter().filter(|c| **c).count();
    let mut found = Vec::with_capacity(tested.len());
    for (_, members) in tested {
        let overlap = members.iter().filter(|&&m| called[m]).count();
        found.push(
            over_representation(overlap, members.len(), n_called, order.len())
                .map_err(|e| refuse("enrichment", &e))?,
        );
    }
    let adjusted = benjamini_hochberg(&found.iter().map(|f| f.p).collect::<Vec<_>>());
    let mut rows: Vec<usize> = (0..found.len()).collect();
    rows.sort_by(|&a, &b| {
        found[a]
            .p
            .total_cmp(&found[b].p)
            .then_with(|| tested[a].0.name.cmp(&tested[b].0.name))
    });
    let mut text = String::from("set,overlap,size,p,p_adjusted,n_found,universe\n");
    for row in rows {
        let f = &found[row];
        text.push_str(&format!(
            "{},{},{},{},{},{n_called},{}\n",
            artefact::csv_field(&tested[row].0.name),
            f.overlap,
            f.size,
            number::text(f.p),
            number::text(adjusted[row]),
            order.len()
        ));
    }
    Ok(text)
}

fn gsea(
    genes: &Genes,
    order: &[usize],
    tested: &[(&GeneSet, Vec<usize>)],
    permutations: u32,
    seed: u64,
) -> Result<String, StepError> {
    let ranking: Vec<f64> = order.iter().map(|&g| genes.t[g]).collect();
    let mut found = Vec::with_capacity(tested.len());
    for (_, members) in tested {
        found.push(
            enrichment(&ranking, members, WEIGHT, permutations, seed)
                .map_err(|e| refuse("enrichment", &e))?,
        );
    }
    let known: Vec<f64> = found.iter().map(|f| f.p.unwrap_or(1.0)).collect();
    let adjusted = benjamini_hochberg(&known);
    let mut rows: Vec<usize> = (0..found.len()).collect();
    rows.sort_by(|&a, &b| {
        known[a]
            .total_cmp(&known[b])
            .then_with(|| found[b].score.abs().total_cmp(&found[a].score.abs()))
    });
    let mut text = String::from("set,overlap,size,p,p_adjusted,score,normalised\n");
    for row in rows {
        let f = &found[row];
        // the leading edge: members up to the peak, or from it on for a negative score
        let edge = tested[row]
            .1
            .iter()
            .filter(|&&m| {
                if f.score >= 0.0 {
                    m <= f.peak
                } else {
                    m > f.peak
                }
            })
            .count();
        let cell = |v: Option<f64>| v.map(number::text).unwrap_or_default();
        text.push_str(&format!(
            "{},{edge},{},{},{},{},{}\n",
            artefact::csv_field(&tested[row].0.name),
            f.size,
            cell(f.p),
            cell(f.p.map(|_| adjusted[row])),
            number::text(f.score),
            cell(f.normalised)
        ));
    }
    Ok(text)
}

struct Genes {
    names: Vec<String>,
    t: Vec<f64>,
    called: Vec<bool>,
}

impl Genes {
    /// What `differential-expression` writes, or a plain list of called genes beside a `t` of all.
    fn read(bytes: &[u8]) -> Result<Genes, StepError> {
        let sheet = Sheet::read("genes", bytes)?;
        let column = |name: &str| sheet.columns.iter().position(|c| c == name);
        let need = |name: &str| {
            column(name).ok_or_else(|| {
                StepError::refuse(
                    "column-missing",
                    format!(
                        "genes has no column `{name}`; it has {}",
                        sheet.columns.join(", ")
                    ),
                )
            })
        };
        let (t, call) = (need("t")?, need("call")?);
        let mut values = Vec::with_capacity(sheet.names.len());
        for (row, cells) in sheet.cells.iter().enumerate() {
            let number = cells[t].parse::<f64>().ok().filter(|v| v.is_finite());
            values.push(number.ok_or_else(|| {
                StepError::refuse(
                    "malformed-input",
                    format!(
                        "genes, row {} (`{}`): t `{}` is no number",
                        row + 2,
                        sheet.names[row],
                        cells[t]
                    ),
                )
            })?);
        }
        let called = sheet
            .cells
            .iter()
            .map(|cells| !cells[call].trim().is_empty())
            .collect();
        Ok(Genes {
            names: sheet.names,
            t: values,
            called,
        })
    }
}

struct GeneSet {
    name: String,
    genes: Vec<String>,
}

/// GMT: name, description, genes, parted by tabs; `GENE,1.0` counts as `GENE`.
fn gene_sets(bytes: &[u8]) -> Result<Vec<GeneSet>, StepError> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        StepError::refuse("malformed-input", format!("gene_sets: not UTF-8 text: {e}"))
    })?;
    let mut sets = Vec::new();
    for (row, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let cells: Vec<&str> = line.split('\t').collect();
        if cells.len() < 3 {
            return Err(StepError::refuse(
                "malformed-input",
                format!(
                    "gene_sets, line {}: {} columns, a gene set has a name, a description and genes parted by tabs",
                    row + 1,
                    cells.len()
                ),
            ));
        }
        let mut genes: Vec<String> = cells[2..]
            .iter()
            .filter_map(|g| g.split(',').next())
            .map(|g| g.trim().to_owned())
            .filter(|g| !g.is_empty())
            .collect();
        genes.sort_unstable();
        genes.dedup();
        sets.push(GeneSet {
            name: cells[0].to_owned(),
            genes,
        });
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use pipeline_defs::params::{EnrichmentParams, Params};
    use serde_json::Value;

    fn params(at: usize) -> Value {
        let mut params = EnrichmentParams::presets().remove(at).1;
        params.min_size = 2;
        params.permutations = 200;
        serde_json::to_value(params).unwrap()
    }

    fn genes() -> Vec<u8> {
        let rows = (0..100).map(|i| {
            let call = if i < 8 { "up" } else { "" };
            format!(
                "g{i},{},5,{},0.5,0.5,{call}\n",
                1.0,
                4.0 - f64::from(i) * 0.08
            )
        });
        format!(
            "gene,logfc,ave_expr,t,p,p_adjusted,call\n{}",
            rows.collect::<String>()
        )
        .into_bytes()
    }

    const SETS: &[u8] = b"top\tx\tg0\tg1\tg2\tg3\tabsent\nspread\tx\tg5\tg40\tg80\tg99\n";

    #[test]
    fn a_set_of_found_genes_comes_first() {
        let ports = [("genes", genes()), ("gene_sets", SETS.to_vec())];
        let out = text(&run("enrichment", params(0), &ports).unwrap(), "enrichment");
        let first = out.lines().nth(1).unwrap();
        assert!(
            first.starts_with("top,4,4,") && first.ends_with(",8,100"),
            "{out}"
        );
        let out = text(&run("enrichment", params(1), &ports).unwrap(), "enrichment");
        assert!(out.lines().nth(1).unwrap().starts_with("top,4,4,"), "{out}");
    }

    #[test]
    fn a_file_that_is_no_gmt_is_refused_by_line() {
        let ports = [
            ("genes", genes()),
            ("gene_sets", b"top\tx\tg0\nbroken\n".to_vec()),
        ];
        assert!(
            refusal(run("enrichment", params(0), &ports))
                .1
                .contains("line 2")
        );
    }
}
