//! The optimism waterfall: what becomes of a value on the way from its most flattering to its most honest estimate.

use super::{Figure, Item, Part, digests};
use crate::figure::waterfall;
pub use crate::figure::waterfall::Rung;
use crate::page::Report;
use crate::table::{Cell, Table};
use crate::values::display_name;
use crate::words::Language;

/// The rungs of one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waterfall {
    /// The endpoint.
    pub endpoint: String,
    /// From the most optimistic on.
    pub rungs: Vec<Rung>,
}

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    if report.waterfall.is_empty() {
        return None;
    }
    let language = report.language;
    let mut part = Part::new("waterfall", language.say("How much of it was optimism"));
    for one in &report.waterfall {
        let Ok(all) = &one.value else { continue };
        for w in all {
            let title = format!(
                "{}: {}",
                display_name(&w.endpoint),
                language.say("from the printed value to the honest one")
            );
            let stem = format!("waterfall_{}", crate::escape::slug(&w.endpoint));
            let axis = language
                .say(&display_name(&report.primary_metric))
                .to_owned();
            let rungs: Vec<Rung> = w
                .rungs
                .iter()
                .map(|r| Rung {
                    label: language.say(&r.label).to_owned(),
                    model: model_of(language, r),
                    ..r.clone()
                })
                .collect();
            let mut numbers = Table::new(
                &stem,
                "",
                &["rung", "model", "value", "difference", "reason"],
            );
            for r in &w.rungs {
                let number = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 4));
                numbers.rows.push(vec![
                    Cell::text(&r.label),
                    Cell::text(&model_of(Language::English, r)),
                    number(r.value),
                    number(r.difference),
                    Cell::text(&r.reason),
                ]);
            }
            part.items.push(Item::Figure(Figure {
                file: format!("{stem}.svg"),
                svg: waterfall::draw(&title, &axis, report.primary_chance, &rungs),
                caption: title,
                numbers: Some(numbers),
                artefacts: digests([one.artefact.as_str()]),
            }));
            // a value with a reservation is not left to a tooltip
            let told = w
                .rungs
                .iter()
                .filter(|r| r.value.is_some() && !r.reason.is_empty());
            for r in told {
                let label = language.say(&r.label);
                part.items
                    .push(Item::Note(format!("{label}: {}", r.reason)));
            }
        }
    }
    part.say_absent(
        language,
        language.say("optimism waterfall"),
        &report.waterfall,
    );
    Some(part)
}

/// Whose value a rung is: a model's, or that of choosing one of many.
fn model_of(language: Language, rung: &Rung) -> String {
    match rung.n_models {
        Some(n) => language.fill("whichever of {0} models comes first", &[&n.to_string()]),
        None => rung.model.clone(),
    }
}
