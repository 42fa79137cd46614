//! Tables: one set of cells, written as CSV for programs and as a three-line HTML table for people.

use crate::escape::{csv_field, markup};
use crate::number::{count, fixed};
use crate::values::Estimate;
use crate::words::Language;
use std::fmt::Write as _;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number, drawn with so many decimals; whole in the CSV.
    Number(f64, usize),
    /// A count.
    Count(usize),
    /// An estimate: `0.781 (0.702–0.853)` with n as its tooltip.
    Estimate(Estimate, usize),
    /// A number as another step has written it, with the value to sort by.
    Written(String, f64),
    /// Nothing, and why (may be empty).
    Absent(String),
}

impl Cell {
    /// Words.
    pub fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    /// Nothing, without a reason.
    pub fn none() -> Cell {
        Cell::Absent(String::new())
    }

    fn csv(&self) -> String {
        match self {
            Cell::Text(text) => csv_field(text),
            Cell::Number(v, _) if v.is_finite() => v.to_string(),
            Cell::Number(..) => String::new(),
            Cell::Count(n) => n.to_string(),
            Cell::Estimate(e, decimals) => csv_field(&e.text(*decimals)),
            Cell::Written(text, _) => text.clone(),
            Cell::Absent(reason) => csv_field(reason),
        }
    }

    fn html(&self, language: Language) -> String {
        match self {
            Cell::Text(text) if text.chars().count() <= 24 => {
                format!("<td class=\"word\">{}</td>", markup(language.say(text)))
            }
            Cell::Text(text) => format!("<td>{}</td>", markup(language.say(text))),
            Cell::Written(text, v) => {
                format!("<td class=\"num\" data-v=\"{v}\">{}</td>", markup(text))
            }
            Cell::Number(v, decimals) => {
                let key = if v.is_finite() {
                    v.to_string()
                } else {
                    String::new()
                };
                format!(
                    "<td class=\"num\" data-v=\"{key}\">{}</td>",
                    fixed(*v, *decimals)
                )
            }
            Cell::Count(n) => format!("<td class=\"num\" data-v=\"{n}\">{}</td>", count(*n)),
            Cell::Estimate(e, decimals) => estimate_html(e, *decimals),
            Cell::Absent(reason) => {
                format!("<td class=\"absent\" data-v=\"\">{}</td>", markup(reason))
            }
        }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name, as in the CSV.
    pub name: String,
    /// Offer a choice of its values above the table.
    pub filter: bool,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// File name without folder and ending, and the table's id on the page: `table2`.
    pub name: String,
    /// What stands above it.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, as long as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// Notes below.
    pub notes: Vec<String>,
    /// Can be sorted and filtered on the page.
    pub interactive: bool,
    /// Long: shown in a box that scrolls.
    pub tall: bool,
}

impl Table {
    /// An empty table with plain columns.
    pub fn new(name: &str, caption: &str, columns: &[&str]) -> Table {
        let columns = columns
            .iter()
            .map(|c| Column {
                name: (*c).to_owned(),
                filter: false,
            })
            .collect();
        Table {
            name: name.to_owned(),
            caption: caption.to_owned(),
            columns,
            ..Table::default()
        }
    }

    /// Adds a note below.
    pub fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    /// Offers a choice of values above these columns, and sorting by each.
    pub fn filtered_by(mut self, names: &[&str]) -> Table {
        for column in &mut self.columns {
            column.filter = names.contains(&column.name.as_str());
        }
        self.interactive = true;
        self
    }

    /// The table as CSV: a header, LF line ends, numbers in shortest round-trip form.
    pub fn csv(&self) -> String {
        let header: Vec<String> = self.columns.iter().map(|c| csv_field(&c.name)).collect();
        let mut out = header.join(",") + "\n";
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Cell::csv).collect();
            out.push_str(&cells.join(","));
            out.push('\n');
        }
        out
    }

    /// The table as HTML: a rule above, one under the header, one below.
    pub fn html(&self, language: Language) -> String {
        let class = if self.interactive {
            "three-line live"
        } else {
            "three-line"
        };
        let id = crate::escape::slug(&self.name);
        let mut out = format!(
            "<div class=\"{}\" tabindex=\"0\" role=\"group\" aria-label=\"{}\"><table class=\"{class}\" id=\"{id}\">\n<caption>{}</caption>\n<thead><tr>",
            if self.tall { "table tall" } else { "table" },
            markup(&self.caption),
            markup(&self.caption)
        );
        for column in &self.columns {
            let filter = if column.filter {
                " data-filter=\"1\""
            } else {
                ""
            };
            let _ = write!(
                out,
                "<th scope=\"col\"{filter}>{}</th>",
                markup(language.say(&column.name))
            );
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            let cells: String = row.iter().map(|c| c.html(language)).collect();
            let _ = writeln!(out, "<tr>{cells}</tr>");
        }
        out.push_str("</tbody></table>");
        for note in &self.notes {
            let _ = write!(out, "<p class=\"note\">{}</p>", markup(note));
        }
        out.push_str("</div>\n");
        out
    }
}

fn estimate_html(e: &Estimate, decimals: usize) -> String {
    match e.finite() {
        Some(v) => format!(
            "<td class=\"num\" data-v=\"{v}\" title=\"{}\">{}</td>",
            markup(&e.n_text()),
            markup(&e.text(decimals))
        ),
        None => {
            let reason = markup(&e.reason_text());
            format!("<td class=\"num absent\" data-v=\"\" title=\"{reason}\">NE</td>")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn a_table_is_both_csv_and_html() {
        let mut table = Table::new(
            "t <1>",
            "A \"caption\" & more",
            &["feature", "value", "n", "auc"],
        )
        .filtered_by(&["feature"]);
        table.rows.push(vec![
            Cell::text("<img src=x onerror=alert(1)>,"),
            Cell::Number(1.0 / 3.0, 2),
            Cell::Count(12),
            Cell::Estimate(Estimate::known(0.75, 0.7, 0.8, 80, 16), 2),
        ]);
        table.rows.push(vec![
            Cell::text("=1+1"),
            Cell::Number(f64::NAN, 2),
            Cell::Absent("not measured".into()),
            Cell::Estimate(Estimate::absent("NE (at risk 0)"), 2),
        ]);
        assert_eq!(
            table.csv(),
            "feature,value,n,auc\n\"<img src=x onerror=alert(1)>,\",0.3333333333333333,12,0.75 (0.70–0.80)\n'=1+1,,not measured,NE\n"
        );
        let html = table.html(Language::English);
        assert_eq!(well_formed(&html), Ok(()));
        assert!(!html.contains("<img") && html.contains("title=\"n = 80, 16 events\""));
        assert!(html.contains("title=\"at risk 0\">NE"));
    }
}
