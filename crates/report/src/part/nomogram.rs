//! The nomogram: drawn as rulers, and as a form that a browser computes by itself.

use super::{Figure, Item, Part, Subject, digests, letter};
use crate::escape::{markup, slug};
use crate::figure::nomogram as drawing;
use crate::number::plain;
use crate::page::Report;
use crate::table::{Cell, Table, in_short};
use crate::words::Language;
use std::fmt::Write as _;

/// A factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Factor {
    /// The variable; a level of a word variable as `figo=II`.
    pub variable: String,
    /// Its coefficient.
    pub coefficient: f64,
    /// Values on its ruler, ascending.
    pub values: Vec<f64>,
    /// Their points.
    pub points: Vec<f64>,
    /// Of a level: the level that holds where none of its variable's columns has 1.
    pub reference: Option<String>,
}

/// Survival at a horizon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Horizon {
    /// When, months.
    pub months: f64,
    /// Survival of a patient at the means; or why there is none.
    pub baseline: Option<f64>,
    /// The reason.
    pub reason: String,
    /// Survival and total points.
    pub marks: Vec<(f64, f64)>,
}

/// A nomogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nomogram {
    /// Its factors.
    pub factors: Vec<Factor>,
    /// Marks of the ruler of total points.
    pub total_points: Vec<f64>,
    /// Its horizons.
    pub horizons: Vec<Horizon>,
    /// Linear predictor of a patient at the means.
    pub centre: f64,
    /// Patients and events of the model.
    pub counts: (Option<usize>, Option<usize>),
}

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    if report.nomogram.is_empty() {
        return None;
    }
    let language = report.language;
    let mut part = Part::new("nomogram", language.say("Nomogram"));
    for one in &report.nomogram {
        let Ok(n) = &one.value else { continue };
        let stem = format!(
            "fig4{}{}_nomogram",
            letter(4 * report.endpoint_place(one.subject.get("endpoint"))),
            one.subject.stem(&[])
        );
        let title = report.titled("Nomogram", &one.subject);
        part.items.push(Item::Figure(Figure {
            file: format!("{stem}.svg"),
            svg: crate::figure::localise(drawing::draw(&title, &drawn(language, n)), language),
            caption: title,
            numbers: Some(numbers(&stem, n)),
            artefacts: digests([one.artefact.as_str()]),
        }));
        part.items
            .push(Item::Markup(calculator(language, &stem, &one.subject, n)));
    }
    part.say_absent(language, language.say("nomogram"), &report.nomogram);
    Some(part)
}

/// Rulers: levels of one variable stand on one, each where its points and those of the levels that do not hold add up to.
fn drawn(language: Language, n: &Nomogram) -> drawing::Input {
    let at = |i: usize, k: usize| n.factors.get(i).and_then(|f| f.points.get(k)).copied();
    let ruler = |control: &Control<'_>| match control {
        Control::Number(_, f) => drawing::Ruler {
            label: in_short(&f.variable),
            marks: f
                .values
                .iter()
                .zip(&f.points)
                .map(|(v, p)| (plain(*v), *p))
                .collect(),
        },
        Control::Levels(name, reference, levels) => {
            let none: f64 = levels.iter().filter_map(|(i, _)| at(*i, 0)).sum();
            let (first, yes) = names_of(language, *reference, levels);
            let mut marks = vec![(first, none)];
            marks.extend(levels.iter().filter_map(|(i, level)| {
                let points = none - at(*i, 0)? + at(*i, 1)?;
                Some((yes.clone().unwrap_or_else(|| level.clone()), points))
            }));
            drawing::Ruler {
                label: in_short(name),
                marks,
            }
        }
    };
    let horizon = |h: &Horizon| drawing::Ruler {
        label: language.fill("Survival at {0} months", &[&plain(h.months)]),
        marks: h.marks.iter().map(|(s, p)| (plain(*s), *p)).collect(),
    };
    drawing::Input {
        factors: controls(n).iter().map(ruler).collect(),
        total: drawing::Ruler {
            label: language.say("Total points").to_owned(),
            marks: n.total_points.iter().map(|p| (plain(*p), *p)).collect(),
        },
        horizons: n
            .horizons
            .iter()
            .filter(|h| h.baseline.is_some())
            .map(horizon)
            .collect(),
    }
}

/// What stands at a choice when no level holds, and when the one level of a yes-or-no variable does.
fn names_of(
    language: Language,
    reference: Option<&str>,
    levels: &[(usize, String)],
) -> (String, Option<String>) {
    match (levels, reference) {
        ([(_, level)], None | Some("0")) if level == "1" => (
            language.say("no").to_owned(),
            Some(language.say("yes").to_owned()),
        ),
        (_, Some(reference)) => (reference.to_owned(), None),
        (_, None) => (language.say("reference").to_owned(), None),
    }
}

fn numbers(stem: &str, n: &Nomogram) -> Table {
    let mut table = Table::new(stem, "", &["ruler", "value", "points"]);
    for f in &n.factors {
        let line = |(v, p): (&f64, &f64)| {
            vec![
                Cell::text(&f.variable),
                Cell::Number(*v, 3),
                Cell::Number(*p, 2),
            ]
        };
        table.rows.extend(f.values.iter().zip(&f.points).map(line));
    }
    for h in &n.horizons {
        let name = format!("survival at {} months", plain(h.months));
        let line =
            |(s, p): &(f64, f64)| vec![Cell::text(&name), Cell::Number(*s, 3), Cell::Number(*p, 2)];
        table.rows.extend(h.marks.iter().map(line));
    }
    table
}

/// One control: a number, or the levels of a word variable of which one holds, with the one that has no column.
enum Control<'a> {
    Number(usize, &'a Factor),
    Levels(String, Option<&'a str>, Vec<(usize, String)>),
}

fn controls(n: &Nomogram) -> Vec<Control<'_>> {
    let mut out: Vec<Control<'_>> = Vec::new();
    for (i, f) in n.factors.iter().enumerate() {
        let coded = f.values.iter().all(|v| *v == 0.0 || *v == 1.0);
        match f.variable.split_once('=').filter(|_| coded) {
            Some((name, level)) => {
                let known = out.iter_mut().find_map(|c| match c {
                    Control::Levels(n, _, levels) if n == name => Some(levels),
                    _ => None,
                });
                match known {
                    Some(levels) => levels.push((i, level.to_owned())),
                    None => out.push(Control::Levels(
                        name.to_owned(),
                        f.reference.as_deref(),
                        vec![(i, level.to_owned())],
                    )),
                }
            }
            None if coded => out.push(Control::Levels(
                f.variable.clone(),
                None,
                vec![(i, "1".to_owned())],
            )),
            None => out.push(Control::Number(i, f)),
        }
    }
    out
}

/// The form. What it computes with stands in it as JSON; the page's script finds it by its class.
fn calculator(language: Language, stem: &str, subject: &Subject, n: &Nomogram) -> String {
    let id = slug(stem);
    let title = language.fill("Try it: {0}", &[&subject.words(language, &[])]);
    let mut out = format!(
        "<section class=\"calculator\" id=\"calculator-{id}\" aria-label=\"{}\">\n<h3>{}</h3>\n<div class=\"controls\">\n",
        markup(&title),
        markup(&title)
    );
    for control in controls(n) {
        put_control(&mut out, language, &id, &control);
    }
    let _ = writeln!(
        out,
        "</div>\n<p class=\"total\">{}: <output data-total=\"1\">–</output></p>\n<div class=\"survivals\" role=\"status\">",
        markup(language.say("Total points"))
    );
    for (i, h) in n.horizons.iter().enumerate() {
        let label = markup(&language.fill("Survival at {0} months", &[&plain(h.months)]));
        match h.baseline {
            Some(_) => {
                let _ = writeln!(
                    out,
                    "<div><span>{label}</span><span class=\"meter\"><i data-bar=\"{i}\"></i></span><output data-survival=\"{i}\">–</output></div>"
                );
            }
            None => {
                let _ = writeln!(
                    out,
                    "<div><span>{label}</span><span class=\"note\">{}</span></div>",
                    markup(&h.reason)
                );
            }
        }
    }
    let _ = write!(
        out,
        "</div>\n<p class=\"note\">{}</p>\n<p class=\"note formula\">{}: <code>S(t) = S₀(t)^exp(Σ b·x − ({}))</code></p>\n<script type=\"application/json\">{}</script>\n</section>\n",
        markup(language.say("For research. Not for decisions about patients: the model has not been tested for that.")),
        markup(language.say("Formula")),
        plain(n.centre),
        json(n)
    );
    out
}

fn put_control(out: &mut String, language: Language, id: &str, control: &Control<'_>) {
    match control {
        Control::Number(i, f) => {
            let (low, high) = (
                f.values.first().copied().unwrap_or(0.0),
                f.values.last().copied().unwrap_or(1.0),
            );
            let (step, start) = ((high - low) / 200.0, (low + high) / 2.0);
            let name = markup(&in_short(&f.variable));
            let _ = writeln!(
                out,
                "<div class=\"control\"><label for=\"{id}-{i}\">{name}</label><input type=\"range\" id=\"{id}-{i}\" data-factor=\"{i}\" \
                 min=\"{low}\" max=\"{high}\" step=\"{step}\" value=\"{start}\"><output for=\"{id}-{i}\" data-of=\"{i}\">–</output></div>"
            );
        }
        Control::Levels(name, reference, levels) => {
            let first = levels.first().map_or(0, |(i, _)| *i);
            let (none, yes) = names_of(language, *reference, levels);
            let _ = write!(
                out,
                "<div class=\"control\"><label for=\"{id}-{first}\">{}</label><select id=\"{id}-{first}\" data-levels=\"1\"><option value=\"\">{}</option>",
                markup(&in_short(name)),
                markup(&none)
            );
            for (i, level) in levels {
                let shown = yes.as_ref().unwrap_or(level);
                let _ = write!(out, "<option value=\"{i}\">{}</option>", markup(shown));
            }
            let _ = writeln!(
                out,
                "</select><output for=\"{id}-{first}\" data-of=\"{first}\">–</output></div>"
            );
        }
    }
}

/// What the form computes with: finite numbers and no text but names, whose `<` cannot end the script.
fn json(n: &Nomogram) -> String {
    let number = |v: f64| {
        if v.is_finite() {
            v.to_string()
        } else {
            "null".to_owned()
        }
    };
    let list = |v: &[f64]| v.iter().map(|v| number(*v)).collect::<Vec<_>>().join(",");
    let factor = |f: &Factor| {
        format!(
            "{{\"variable\":{},\"coefficient\":{},\"values\":[{}],\"points\":[{}]}}",
            text(&f.variable),
            number(f.coefficient),
            list(&f.values),
            list(&f.points)
        )
    };
    let horizon = |h: &Horizon| {
        let baseline = h.baseline.map_or_else(|| "null".to_owned(), number);
        format!(
            "{{\"months\":{},\"baseline\":{baseline}}}",
            number(h.months)
        )
    };
    let factors: Vec<String> = n.factors.iter().map(factor).collect();
    let horizons: Vec<String> = n.horizons.iter().map(horizon).collect();
    format!(
        "{{\"centre\":{},\"factors\":[{}],\"horizons\":[{}]}}",
        number(n.centre),
        factors.join(","),
        horizons.join(",")
    )
}

fn text(of: &str) -> String {
    let mut out = String::from("\"");
    for c in of.chars() {
        match c {
            '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    fn factor(variable: &str, values: &[f64]) -> Factor {
        Factor {
            variable: variable.into(),
            coefficient: 0.5,
            values: values.to_vec(),
            points: values.iter().map(|v| v * 10.0).collect(),
            reference: None,
        }
    }

    #[test]
    fn levels_of_one_variable_are_one_choice() {
        let n = Nomogram {
            factors: vec![
                factor("figo=II", &[0.0, 1.0]),
                factor("figo=III", &[0.0, 1.0]),
                factor("scca", &[0.0, 5.0]),
                factor("scca>1.5", &[0.0, 1.0]),
            ],
            horizons: vec![Horizon {
                months: 60.0,
                reason: "NE <b>".into(),
                ..Horizon::default()
            }],
            ..Nomogram::default()
        };
        let html = calculator(Language::English, "fig4a", &Subject::default(), &n);
        assert_eq!(well_formed(&html), Ok(()));
        assert_eq!(html.matches("<select").count(), 2);
        assert_eq!(html.matches("type=\"range\"").count(), 1);
        assert!(html.contains("<option value=\"1\">III</option>") && html.contains("NE &lt;b&gt;"));
    }

    #[test]
    fn levels_stand_on_one_ruler_where_their_points_add_up() {
        let level = |name: &str, points: [f64; 2]| Factor {
            points: points.to_vec(),
            reference: Some("I".to_owned()),
            ..factor(name, &[0.0, 1.0])
        };
        let n = Nomogram {
            factors: vec![
                level("figo=II", [0.0, 30.0]),
                level("figo=III", [20.0, 0.0]),
            ],
            ..Nomogram::default()
        };
        let rulers = drawn(Language::English, &n).factors;
        assert_eq!(rulers.len(), 1);
        let mark = |name: &str, p: f64| (name.to_owned(), p);
        let expected = [mark("I", 20.0), mark("II", 50.0), mark("III", 0.0)];
        assert_eq!(rulers[0].marks, expected);
        let html = calculator(Language::English, "fig4a", &Subject::default(), &n);
        assert!(html.contains("<option value=\"\">I</option>"), "{html}");
    }

    #[test]
    fn no_name_ends_the_script() {
        let n = Nomogram {
            factors: vec![factor("</script><b>\"\\", &[0.0, f64::NAN])],
            ..Nomogram::default()
        };
        let json = json(&n);
        assert!(
            !json.contains('<')
                && json.contains("\\u003c/script\\u003e")
                && json.contains("[0,null]"),
            "{json}"
        );
    }
}
