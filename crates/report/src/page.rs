//! The report: one HTML file that needs no network, and the same figures and tables as files.

mod frame;

use crate::figure::{flow, kaplan_meier, roc};
use crate::part::{
    self, Item, Part, Sourced, Subject, agreement, biology, clinical, cohort, nomogram, novelty,
    performance, ranking, selection, utility, waterfall,
};
use crate::table::Table;
use crate::values::{ComparisonRow, Exclusion, Headline, Leak, MethodFact, Problem, display_name};
use crate::words::Language;

/// What a report is made from. Everything may be empty; a part without values is left out, or says what is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The title.
    pub title: String,
    /// `careful` or `paper`: what the page is called by when the comparison names no profile.
    pub profile: String,
    /// The language of headings, captions, legends and headers.
    pub language: Language,
    /// Leaks made on purpose; the banner names each.
    pub leaks: Vec<Leak>,
    /// What a profile takes over from a paper although it is known to mislead.
    pub problems: Vec<Problem>,
    /// What the intervals are: `95 % intervals: Nadeau–Bengio in cross-validation, bootstrap at the external centre`.
    pub interval_note: String,
    /// The metric of heat maps and forests: `composite_auc`.
    pub primary_metric: String,
    /// Its value by chance: 0.5.
    pub primary_chance: f64,
    /// Its scale on the heat maps: 0.5 to 1.
    pub primary_scale: (f64, f64),
    /// The chosen model per endpoint and profile.
    pub headlines: Vec<Headline>,
    /// Every model on every set by every metric.
    pub comparison: Vec<ComparisonRow>,
    /// Digest of the artefact with the comparison.
    pub comparison_digest: String,
    /// What became of a printed value on the way to an honest one.
    pub waterfall: Vec<Sourced<Vec<waterfall::Waterfall>>>,
    /// Ranks of models.
    pub rank: Vec<Sourced<ranking::Ranking>>,
    /// Ranks of the negative controls.
    pub controls: Vec<Sourced<ranking::Ranking>>,
    /// ROC panels of the chosen models, one panel per set.
    pub roc: Vec<Sourced<Vec<roc::Panel>>>,
    /// Kaplan–Meier panels of the chosen models, one panel per set.
    pub kaplan_meier: Vec<Sourced<Vec<kaplan_meier::Panel>>>,
    /// Survival of groups that were asked for.
    pub survival: Vec<Sourced<kaplan_meier::Panel>>,
    /// How long patients were followed.
    pub followed: Vec<Sourced<Vec<cohort::Followed>>>,
    /// Univariable regressions.
    pub univariable: Vec<Sourced<Vec<clinical::Univariable>>>,
    /// Cut-points.
    pub cuts: Vec<Sourced<clinical::Cut>>,
    /// Multivariable regressions.
    pub cox: Vec<Sourced<clinical::Cox>>,
    /// Measures of models with clinical variables.
    pub clinical_metrics: Vec<Sourced<performance::Measured>>,
    /// Their ROC curves.
    pub clinical_curves: Vec<Sourced<roc::Panel>>,
    /// Nomograms.
    pub nomogram: Vec<Sourced<nomogram::Nomogram>>,
    /// Calibration.
    pub calibration: Vec<Sourced<utility::Calibration>>,
    /// Decision curves.
    pub decision: Vec<Sourced<utility::Decision>>,
    /// Clinical impact.
    pub impact: Vec<Sourced<utility::Impact>>,
    /// Reclassification.
    pub reclassification: Vec<Sourced<utility::Reclassification>>,
    /// Genes that differ between risk groups.
    pub genes: Vec<Sourced<Vec<biology::Gene>>>,
    /// Gene sets.
    pub enrichment: Vec<Sourced<Vec<biology::GeneSet>>>,
    /// Agreement of features between readings.
    pub icc: Vec<Sourced<Vec<selection::Reliability>>>,
    /// Features left after each stage.
    pub funnel: Vec<Sourced<Vec<selection::Stage>>>,
    /// How often features were chosen.
    pub frequency: Vec<Sourced<Vec<selection::Frequency>>>,
    /// Agreement of delineations.
    pub agreement: Vec<Sourced<Vec<agreement::Agreement>>>,
    /// Distance of new patients from the training.
    pub novelty: Vec<Sourced<Vec<novelty::Novelty>>>,
    /// Baseline tables.
    pub baseline: Vec<Sourced<cohort::Sheet>>,
    /// Missing values.
    pub missing: Vec<Sourced<cohort::Sheet>>,
    /// Acquisition.
    pub acquisition: Vec<Sourced<cohort::Sheet>>,
    /// The flow of patients, if counted.
    pub flow: Option<flow::Flow>,
    /// Who was left out.
    pub exclusions: Vec<Exclusion>,
    /// The methods, sentence by sentence.
    pub methods: Vec<MethodFact>,
    /// Tables computed elsewhere, shown and written under their names.
    pub further_tables: Vec<Table>,
    /// Figures computed elsewhere: file name and SVG that this program made; written beside the others, not on the page.
    pub further_figures: Vec<(String, String)>,
}

impl Report {
    /// An empty report judged by the composite AUC on a scale from 0.5 to 1.
    pub fn by_composite_auc(title: &str, profile: &str) -> Report {
        Report {
            title: title.to_owned(),
            profile: profile.to_owned(),
            primary_metric: "composite_auc".to_owned(),
            primary_chance: 0.5,
            primary_scale: (0.5, 1.0),
            ..Report::default()
        }
    }

    /// Profiles of the comparison, in order of appearance; the report's own when there is none.
    pub fn profiles(&self) -> Vec<String> {
        let found = performance::distinct(&self.comparison, |r| &r.profile);
        match found.is_empty() {
            true => vec![self.profile.clone()],
            false => found.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Endpoints of the comparison, in order of appearance.
    pub fn endpoints(&self) -> Vec<String> {
        performance::distinct(&self.comparison, |r| &r.endpoint)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// The place of an endpoint, from which its figures have their letters.
    pub(crate) fn endpoint_place(&self, endpoint: &str) -> usize {
        let known = self.endpoints();
        known
            .iter()
            .position(|e| e == endpoint)
            .unwrap_or(match known.is_empty() {
                // without a comparison: the order of the paper
                true => usize::from(endpoint == "os"),
                false => known.len(),
            })
    }

    /// `What: DFS, careful`.
    pub(crate) fn titled(&self, what: &str, subject: &Subject) -> String {
        let words = subject.words(self.language, &[]);
        match words.is_empty() {
            true => self.language.say(what).to_owned(),
            false => format!("{}: {words}", self.language.say(what)),
        }
    }

    pub(crate) fn comparison_artefact(&self) -> Vec<String> {
        part::digests([self.comparison_digest.as_str()])
    }
}

/// The finished report.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The page. Sections that only the run's shell can tell hold the marks that [`crate::fill`] replaces.
    pub page: String,
    /// File name and SVG.
    pub figures: Vec<(String, String)>,
    /// File name and CSV.
    pub tables: Vec<(String, String)>,
}

/// Draws everything once.
pub fn render(report: &Report) -> Rendered {
    let parts = parts(report);
    let mut figures: Vec<(String, String)> = Vec::new();
    let mut tables: Vec<(String, String)> = Vec::new();
    let mut put = |table: &Table| {
        tables.push((
            format!("{}.csv", crate::escape::slug(&table.name)),
            table.csv(),
        ))
    };
    for item in parts.iter().flat_map(|p| &p.items) {
        match item {
            Item::Figure(figure) => {
                figures.push((figure.file.clone(), figure.svg.clone()));
                figure.numbers.iter().for_each(&mut put);
            }
            Item::Table(table, _) | Item::Folded(table, _) => put(table),
            _ => {}
        }
    }
    figures.extend(report.further_figures.iter().cloned());
    Rendered {
        page: frame::page(report, &parts),
        figures,
        tables,
    }
}

/// The page alone.
pub fn report_page(report: &Report) -> String {
    render(report).page
}

/// Every figure as (file name, SVG), under the letters of the paper's figures: `fig2_flow.svg`; per endpoint `fig3a` regions,
/// `fig3b` learners, `fig3c` ROC (`d` to `f` for the second endpoint); `fig4a` nomogram, `fig4b` calibration, `fig4c` decision
/// curve, `fig4d` clinical impact (`e` to `h`); `fig5a` volcano, `fig5b` and `fig5c` gene sets (`d` to `f`); what the paper has
/// not is named by what it shows. Where a study has several profiles their names end the file names.
pub fn figures(report: &Report) -> Vec<(String, String)> {
    render(report).figures
}

/// Every table as (file name, CSV): `table1.csv` to `table4.csv` as in the paper, the numbers of every figure under its name.
pub fn tables(report: &Report) -> Vec<(String, String)> {
    render(report).tables
}

/// The parts in the order in which they are read.
fn parts(report: &Report) -> Vec<Part> {
    let mut out: Vec<Option<Part>> = vec![
        Some(performance::chosen(report)),
        waterfall::part(report),
        ranking::part(report),
        Some(part::models::part(report)),
        Some(part::models::figures(report)),
        Some(performance::curves(report)),
        Some(performance::risk_groups(report)),
        clinical::part(report),
        performance::clinical_models(report),
        nomogram::part(report),
        utility::part(report),
        selection::part(report),
        agreement::part(report),
        ranking::controls(report),
        biology::part(report),
        novelty::part(report),
        further(report),
        Some(cohort::part(report)),
        Some(part::limits::part(report)),
    ];
    let there: Vec<&'static str> = out.iter().flatten().map(|p| p.id).collect();
    out.push(Some(part::checklist::part(report, &there)));
    out.into_iter().flatten().collect()
}

fn further(report: &Report) -> Option<Part> {
    if report.further_tables.is_empty() {
        return None;
    }
    let mut part = Part::new("further", report.language.say("Further tables"));
    part.items.extend(
        report
            .further_tables
            .iter()
            .map(|t| Item::Table(t.clone(), Vec::new())),
    );
    Some(part)
}

/// A set or endpoint in words.
pub(crate) fn name(report: &Report, key: &str) -> String {
    report.language.say(&display_name(key)).to_owned()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole;
