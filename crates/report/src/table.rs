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
    /// A name with numbers in it, `radscore>0.161794641`: whole in the CSV, short on the page.
    Label(String),
    /// A cell with what its value was made from.
    From(Box<Cell>, Link),
}

/// What a value was made from, as far as a page can say before its run tells the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// One artefact, by its digest.
    Artefact(String),
    /// The evaluations of a model on a set, by [`crate::story::value_key`].
    Value(String),
}

impl Link {
    fn attributes(&self) -> String {
        match self {
            Link::Artefact(digest) => crate::story::artefact(digest),
            Link::Value(key) => crate::story::value(key),
        }
    }
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

    /// The cell, leading to what it was made from.
    pub fn from(self, link: Link) -> Cell {
        Cell::From(Box::new(self), link)
    }

    /// What is in it, without the link.
    pub fn bare(&self) -> &Cell {
        match self {
            Cell::From(inner, _) => inner.bare(),
            other => other,
        }
    }

    fn csv(&self) -> String {
        match self {
            Cell::Label(text) => csv_field(text),
            Cell::From(inner, _) => inner.csv(),
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
            Cell::Label(text) => Cell::Text(in_short(text)).html(language),
            Cell::From(inner, link) => linked(&inner.html(language), link),
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

/// Values with intervals in a row from which on paper needs smaller type.
const DENSE: usize = 5;

/// Rows that paper need not part.
const SHORT: usize = 20;

/// Columns that paper is wide enough for without breaking words.
const WIDE: usize = 11;

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
    /// The rows on the page, where they are fewer than those in the CSV.
    pub shown: Option<Vec<Vec<Cell>>>,
    /// The artefact of each row, by digest, where rows have one of their own; empty where one made the whole table.
    pub origins: Vec<String>,
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

    /// Adds a row that was made from an artefact of its own.
    pub fn push_from(&mut self, row: Vec<Cell>, digest: &str) {
        self.origins.resize(self.rows.len(), String::new());
        self.rows.push(row);
        self.origins.push(digest.to_owned());
    }

    /// Whether its rows say themselves what they were made from.
    pub fn tells_origins(&self) -> bool {
        self.origins.iter().any(|digest| !digest.is_empty())
    }

    /// Why values of it are not estimable, each reason once, in order of appearance.
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for cell in self.rows.iter().flatten() {
            if let Cell::Estimate(e, _) = cell.bare()
                && e.finite().is_none()
            {
                let reason = in_short(&e.reason_text());
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        reasons
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

    /// Whether many columns hold a value with its interval.
    fn is_dense(&self) -> bool {
        let rows = self.shown.as_ref().unwrap_or(&self.rows);
        let estimates = |row: &Vec<Cell>| {
            let estimates = row
                .iter()
                .filter(|c| matches!(c.bare(), Cell::Estimate(..)));
            estimates.count() >= DENSE
        };
        rows.iter().any(estimates)
    }

    /// Whether a column holds numbers alone.
    fn is_numeric(&self, at: usize) -> bool {
        let rows = self.shown.as_ref().unwrap_or(&self.rows);
        let cells = rows.iter().filter_map(|row| row.get(at)).map(Cell::bare);
        let mut there = cells
            .filter(|cell| !matches!(cell, Cell::Absent(_)))
            .peekable();
        there.peek().is_some() && there.all(|cell| !matches!(cell, Cell::Text(_) | Cell::Label(_)))
    }

    /// The table as HTML: a rule above, one under the header, one below.
    pub fn html(&self, language: Language) -> String {
        let numeric: Vec<bool> = (0..self.columns.len())
            .map(|at| self.is_numeric(at))
            .collect();
        let class = [
            Some("three-line"),
            self.interactive.then_some("live"),
            (self.columns.len() > WIDE).then_some("wide"),
            self.is_dense().then_some("dense"),
        ];
        let class = class.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let id = crate::escape::slug(&self.name);
        let mut out = format!(
            "<div class=\"{}\" tabindex=\"0\" role=\"group\" aria-label=\"{}\"><table class=\"{class}\" id=\"{id}\">\n<caption>{}</caption>\n<thead><tr>",
            match (self.tall, self.rows.len() <= SHORT) {
                (true, _) => "table tall",
                (false, true) => "table short",
                (false, false) => "table",
            },
            markup(&self.caption),
            markup(&self.caption)
        );
        for (at, column) in self.columns.iter().enumerate() {
            let filter = if column.filter {
                " data-filter=\"1\""
            } else {
                ""
            };
            let class = match numeric[at] {
                true => " class=\"num\"",
                false => "",
            };
            // a long name may break behind its underscores, and nowhere else
            let name = markup(language.say(&column.name)).replace('_', "_<wbr/>");
            let _ = write!(out, "<th scope=\"col\"{class}{filter}>{name}</th>");
        }
        let why = markup(language.say("where it came from"));
        if self.tells_origins() {
            let _ = write!(
                out,
                "<th scope=\"col\" class=\"from\" aria-label=\"{why}\"></th>"
            );
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (i, row) in self.shown.as_ref().unwrap_or(&self.rows).iter().enumerate() {
            let cell = |(at, c): (usize, &Cell)| match numeric.get(at) {
                Some(false) => as_word(c, c.html(language)),
                _ => c.html(language),
            };
            let cells: String = row.iter().enumerate().map(cell).collect();
            let from = match self.origins.get(i).filter(|digest| !digest.is_empty()) {
                Some(digest) => format!(
                    "<td class=\"from\"><a {} aria-label=\"{why}\">↗</a></td>",
                    crate::story::artefact(digest)
                ),
                None if self.tells_origins() => "<td class=\"from\"></td>".to_owned(),
                None => String::new(),
            };
            let _ = writeln!(out, "<tr>{cells}{from}</tr>");
        }
        out.push_str("</tbody></table>");
        let reasons = self.reasons();
        if !reasons.is_empty() {
            let said = language.fill("NE, not estimable: {0}.", &[&reasons.join("; ")]);
            let _ = write!(out, "<p class=\"note\">{}</p>", markup(&said));
        }
        for note in &self.notes {
            let _ = write!(out, "<p class=\"note\">{}</p>", markup(note));
        }
        out.push_str("</div>\n");
        out
    }
}

/// A number among words, such as a level `0`, stands where they stand.
fn as_word(cell: &Cell, td: String) -> String {
    match cell.bare() {
        Cell::Written(..) | Cell::Count(_) | Cell::Number(..) => {
            td.replacen("class=\"num\"", "class=\"word\"", 1)
        }
        _ => td,
    }
}

/// A finished cell whose content leads to where it came from.
fn linked(td: &str, link: &Link) -> String {
    // attributes are escaped, so the first `>` ends the tag
    let (Some(open), Some(close)) = (td.find('>'), td.rfind("</td>")) else {
        return td.to_owned();
    };
    if open + 1 >= close {
        return td.to_owned();
    }
    format!(
        "{}<a {}>{}</a>{}",
        &td[..=open],
        link.attributes(),
        &td[open + 1..close],
        &td[close..]
    )
}

/// A name in which every number has four significant digits at most.
pub(crate) fn in_short(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let after_name = rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = rest[at..]
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len() - at);
        let (before, number) = (&rest[..at], &rest[at..at + length]);
        out.push_str(before);
        let long = number.split_once('.').is_some_and(|(_, d)| d.len() > 3);
        match number.parse::<f64>() {
            Ok(value) if long && !after_name => out.push_str(&crate::part::short(value)),
            _ => out.push_str(number),
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
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
    fn a_name_with_a_long_number_is_short_on_the_page_and_whole_in_the_csv() {
        assert_eq!(in_short("radscore>0.16179464112471864"), "radscore>0.162");
        assert_eq!(in_short("≤81.56"), "≤81.56");
        assert_eq!(
            in_short("eqd2_gy>81.5625 or 7.00001e"),
            "eqd2_gy>81.56 or 7e"
        );
        assert_eq!(in_short("log_sigma_1.12345"), "log_sigma_1.12345");
        let mut table = Table::new("t", "t", &["variable"]);
        table.push_from(vec![Cell::Label("x>0.123456".into())], "b3:0a");
        table.push_from(vec![Cell::Count(1).from(Link::Value("a/b".into()))], "");
        assert_eq!(table.csv(), "variable\nx>0.123456\n1\n");
        let html = table.html(Language::English);
        assert_eq!(well_formed(&html), Ok(()));
        assert!(html.contains(">x&gt;0.123</td>"), "{html}");
        assert!(html.contains("data-artefact=\"b3:0a\" aria-label=\"where it came from\">↗</a>"));
        assert!(html.contains("data-value=\"a/b\">1</a></td>"), "{html}");
    }

    #[test]
    fn a_table_says_why_values_of_it_are_not_estimable() {
        let mut table = Table::new("t", "t", &["auc"]);
        for reason in [
            "NE: nobody is at risk at 60",
            "NE (3 cases)",
            "NE (3 cases)",
        ] {
            let e = Estimate::absent(reason);
            table
                .rows
                .push(vec![Cell::Estimate(e, 2).from(Link::Value("k".into()))]);
        }
        let html = table.html(Language::English);
        assert!(
            html.contains(
                "<p class=\"note\">NE, not estimable: nobody is at risk at 60; 3 cases.</p>"
            ),
            "{html}"
        );
    }

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

    #[test]
    fn a_column_of_numbers_stands_right_and_a_number_among_words_does_not() {
        let mut table = Table::new("t", "", &["level_of_factor", "n"]);
        let written = |text: &str, v: f64| Cell::Written(text.to_owned(), v);
        table.rows.push(vec![Cell::text("adeno"), Cell::Count(4)]);
        table.rows.push(vec![written("0", 0.0), Cell::none()]);
        let html = table.html(Language::English);
        assert!(
            html.contains("<th scope=\"col\">level_<wbr/>of_<wbr/>factor</th>"),
            "{html}"
        );
        assert!(html.contains("<th scope=\"col\" class=\"num\">n</th>"));
        assert!(html.contains("<td class=\"word\" data-v=\"0\">0</td>"));
        assert!(html.contains("<td class=\"num\" data-v=\"4\">4</td>"));
    }
}
