//! The report: one HTML file that needs no network, and the same figures and tables as files.

mod sections;
mod views;

pub use views::{figures, tables};

use crate::escape::markup;
use crate::figure::{flow, kaplan_meier, roc};
use crate::table::Table;
use crate::values::{ComparisonRow, Exclusion, Headline, Leak, MethodFact};

/// What a report is made from. Everything may be empty; the page then says what is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The title.
    pub title: String,
    /// `careful` or `paper`.
    pub profile: String,
    /// Leaks made on purpose; the banner names each.
    pub leaks: Vec<Leak>,
    /// What the intervals are: `95 % intervals: Nadeau–Bengio in cross-validation, bootstrap at the external centre`.
    pub interval_note: String,
    /// The metric of heat maps and forests: `composite_auc`.
    pub primary_metric: String,
    /// Its value by chance: 0.5.
    pub primary_chance: f64,
    /// Its scale on the heat maps: 0.5 to 1.
    pub primary_scale: (f64, f64),
    /// The chosen model per endpoint.
    pub headlines: Vec<Headline>,
    /// Every model on every set by every metric.
    pub comparison: Vec<ComparisonRow>,
    /// ROC panels by endpoint, one panel per set.
    pub roc: Vec<(String, Vec<roc::Panel>)>,
    /// Kaplan–Meier panels by endpoint, one panel per set.
    pub kaplan_meier: Vec<(String, Vec<kaplan_meier::Panel>)>,
    /// The flow of patients, if counted.
    pub flow: Option<flow::Flow>,
    /// Who was left out.
    pub exclusions: Vec<Exclusion>,
    /// The methods, sentence by sentence.
    pub methods: Vec<MethodFact>,
    /// Tables computed elsewhere (baseline table, regression table), shown and written under their names.
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
}

/// Nothing from outside: no fetch, no frame, no image but inline ones.
const POLICY: &str = "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; script-src &#39;unsafe-inline&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;";

/// The page. Sections that only the run's shell can tell hold the marks that [`crate::fill`] replaces.
pub fn report_page(report: &Report) -> String {
    let title = markup(&report.title);
    let body = [
        sections::banner(report),
        "<main>\n".to_owned(),
        sections::headlines(report),
        sections::comparison(report),
        sections::heat_maps(report),
        sections::forests(report),
        sections::roc(report),
        sections::kaplan_meier(report),
        sections::further(report),
        sections::patients(report),
        sections::methods(report),
        sections::run(),
        "</main>\n".to_owned(),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n{}\
         <script>\n{}</script>\n</body>\n</html>\n",
        include_str!("page/style.css"),
        body.concat(),
        include_str!("page/table.js"),
    )
}

#[cfg(test)]
mod tests;
