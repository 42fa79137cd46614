//! Genes that differ between risk groups (figure 5a, d) and the gene sets they lie in (figure 5b, c, e, f).

use super::{Figure, Item, Part, Subject, digests, grouped, letter, only, p_text};
use crate::figure::bars::{self, Bar};
use crate::figure::chart::{self, Axis, Chart, Dot, Guide, Series, Shape};
use crate::number::{count, fixed};
use crate::page::Report;
use crate::table::{Cell, Table};

/// A gene.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gene {
    /// Its symbol.
    pub name: String,
    /// Log2 fold change, high against low risk.
    pub log_fold: f64,
    /// P.
    pub p: f64,
    /// P adjusted for all genes.
    pub p_adjusted: Option<f64>,
    /// `up`, `down` or empty, as called by the step.
    pub call: String,
}

/// A gene set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneSet {
    /// Its name.
    pub name: String,
    /// Genes found in it, or its leading edge.
    pub overlap: Option<usize>,
    /// Its size.
    pub size: Option<usize>,
    /// P.
    pub p: Option<f64>,
    /// P adjusted for all sets.
    pub p_adjusted: Option<f64>,
    /// Normalised enrichment score, for ranked lists.
    pub score: Option<f64>,
}

/// Sets shown of a list.
const SHOWN: usize = 15;
/// Genes named beside their dot.
const NAMED: usize = 8;

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    let r = report;
    if r.genes.is_empty() && r.enrichment.is_empty() {
        return None;
    }
    let say = |text| r.language.say(text);
    let mut part = Part::new("biology", say("Genes"));
    let mut unadjusted = false;
    for one in &r.genes {
        let Ok(genes) = &one.value else { continue };
        unadjusted |= called(genes, "up") + called(genes, "down") > 0
            && !genes
                .iter()
                .any(|g| !g.call.is_empty() && g.p_adjusted.is_some_and(|p| p < 0.05));
        part.items
            .push(volcano(report, &one.subject, genes, &one.artefact));
    }
    if unadjusted {
        part.items.push(Item::Warning(say("No called gene has an adjusted P below 0.05: the calls rest on unadjusted P values.").to_owned()));
    }
    part.say_absent(r.language, say("differential expression"), &r.genes);
    let of_endpoint = grouped(&r.enrichment, |s| only(s, &["endpoint", "profile"]));
    for (_, group) in of_endpoint {
        for (k, (subject, sets, digest)) in group.iter().enumerate() {
            part.items
                .push(enrichment(report, k, subject, sets, digest));
        }
    }
    part.say_absent(r.language, say("enrichment"), &r.enrichment);
    Some(part)
}

fn called(genes: &[Gene], call: &str) -> usize {
    genes.iter().filter(|g| g.call == call).count()
}

fn volcano(report: &Report, subject: &Subject, genes: &[Gene], digest: &str) -> Item {
    let language = report.language;
    // a P of 0 stands at the top, not beyond it
    let height = |p: f64| -libm::log10(p.max(1e-300));
    let strongest = |call: &str| {
        let mut of: Vec<&Gene> = genes.iter().filter(|g| g.call == call).collect();
        of.sort_by(|a, b| a.p.total_cmp(&b.p).then_with(|| a.name.cmp(&b.name)));
        of.into_iter()
            .take(NAMED)
            .map(|g| g.name.clone())
            .collect::<Vec<String>>()
    };
    let names: Vec<String> = ["up", "down"].iter().flat_map(|c| strongest(c)).collect();
    let dots = |call: &str| -> Vec<Dot> {
        let of = genes.iter().filter(|g| g.call == call);
        of.map(|g| Dot {
            x: g.log_fold,
            y: height(g.p),
            name: g.name.clone(),
            named: names.contains(&g.name),
            ends: None,
        })
        .collect()
    };
    let label =
        |text: &str, call: &str| format!("{} ({})", language.say(text), count(called(genes, call)));
    let series = [
        ("not called", "", chart::MUTED),
        ("higher in the high-risk group", "up", 1),
        ("lower in the high-risk group", "down", 0),
    ];
    let mut chart = Chart {
        title: subject.words(language, &[]),
        x: Axis::over(
            language.say("log2 fold change"),
            genes.iter().map(|g| g.log_fold),
        ),
        y: Axis::over(
            language.say("−log10 P"),
            genes.iter().map(|g| height(g.p)).chain([0.0]),
        ),
        series: series
            .iter()
            .map(|(text, call, tone)| {
                Series::new(&label(text, call), *tone, Shape::Dots(dots(call)))
            })
            .collect(),
        guides: vec![Guide::Vertical(0.0)],
        notes: Vec::new(),
    };
    let adjusted = genes
        .iter()
        .filter(|g| g.p_adjusted.is_some_and(|p| p < 0.05))
        .count();
    if called(genes, "up") + called(genes, "down") == 0 {
        chart
            .notes
            .push(language.say("no gene is called").to_owned());
    }
    chart.notes.push(language.fill(
        "{0} of {1} genes have an adjusted P below 0.05",
        &[&count(adjusted), &count(genes.len())],
    ));
    let title = report.titled("Differential expression", subject);
    let stem = format!(
        "fig5{}{}_volcano",
        letter(3 * report.endpoint_place(subject.get("endpoint"))),
        subject.stem(&[])
    );
    let mut numbers = Table::new(&stem, "", &["gene", "logfc", "p", "p_adjusted", "call"]);
    for g in genes {
        let adjusted = g.p_adjusted.map_or_else(Cell::none, |p| Cell::Number(p, 4));
        numbers.rows.push(vec![
            Cell::text(&g.name),
            Cell::Number(g.log_fold, 3),
            Cell::Number(g.p, 5),
            adjusted,
            Cell::text(&g.call),
        ]);
    }
    Item::Figure(Figure {
        file: format!("{stem}.svg"),
        svg: chart::draw(&title, &[chart]),
        caption: title,
        numbers: Some(numbers),
        artefacts: digests([digest]),
    })
}

fn enrichment(
    report: &Report,
    k: usize,
    subject: &Subject,
    sets: &[GeneSet],
    digest: &str,
) -> Item {
    let language = report.language;
    let ranked = sets.iter().any(|s| s.score.is_some());
    let mut order: Vec<&GeneSet> = sets.iter().collect();
    order.sort_by(|a, b| {
        let p = |s: &GeneSet| s.p_adjusted.or(s.p).unwrap_or(f64::INFINITY);
        p(a).total_cmp(&p(b)).then_with(|| a.name.cmp(&b.name))
    });
    let bar = |s: &&GeneSet| Bar {
        label: s.name.clone(),
        value: match ranked {
            true => s.score,
            false => s.p_adjusted.map(|p| -libm::log10(p.max(1e-300))),
        },
        note: match ranked {
            true => format!("P {} · {}", p_text(s.p_adjusted), overlap(s)),
            false => overlap(s),
        },
        tone: usize::from(s.score.is_some_and(|v| v > 0.0)),
        range: None,
    };
    let shown: Vec<Bar> = order.iter().take(SHOWN).map(bar).collect();
    let (title, axis) = match ranked {
        true => (
            "Gene set enrichment",
            language.say("normalised enrichment score"),
        ),
        false => ("Over-representation", language.say("−log10 adjusted P")),
    };
    let title = report.titled(title, subject);
    let place = 3 * report.endpoint_place(subject.get("endpoint")) + 1 + k;
    let letter = if k < 2 {
        format!("fig5{}", letter(place))
    } else {
        "enrichment".to_owned()
    };
    let what = if ranked { "gsea" } else { "enrichment" };
    let stem = format!(
        "{letter}{}_{what}{}",
        subject.stem(&[]),
        if k < 2 {
            String::new()
        } else {
            format!("_{}", k + 1)
        }
    );
    let mut numbers = Table::new(
        &stem,
        "",
        &["set", "overlap", "size", "p", "p_adjusted", "score"],
    );
    for s in order {
        let number = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 4));
        let whole = |v: Option<usize>| v.map_or_else(Cell::none, Cell::Count);
        numbers.rows.push(vec![
            Cell::text(&s.name),
            whole(s.overlap),
            whole(s.size),
            number(s.p),
            number(s.p_adjusted),
            number(s.score),
        ]);
    }
    Item::Figure(Figure {
        file: format!("{stem}.svg"),
        svg: bars::draw(&title, axis, &shown),
        caption: title,
        numbers: Some(numbers),
        artefacts: digests([digest]),
    })
}

fn overlap(s: &GeneSet) -> String {
    match (s.overlap, s.size) {
        (Some(n), Some(size)) if size > 0 => format!(
            "{n}/{size} ({} %)",
            fixed(100.0 * n as f64 / size as f64, 0)
        ),
        _ => String::new(),
    }
}
