//! What the columns of a clinical table are, by name and by values, with how sure that is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use worker::cohort::Table;

const SITE_WORDS: [&str; 5] = ["site", "centre", "center", "hospital", "institution"];
const TIME_WORDS: [&str; 4] = ["months", "days", "years", "time"];
const EVENT_WORDS: [&str; 4] = ["event", "status", "censor", "dead"];

/// A clinical table.
pub(super) struct Clinical {
    path: PathBuf,
    table: Table,
}

/// A time, its event, and what was concluded.
struct Endpoint {
    name: String,
    time: String,
    event: String,
    unit: &'static str,
    sure: bool,
    remark: String,
}

impl Clinical {
    pub(super) fn read(path: &Path) -> anyhow::Result<Clinical> {
        Ok(Clinical {
            path: path.to_owned(),
            table: Table::read(path)?,
        })
    }

    /// All cells, among which pseudonyms are looked for.
    pub(super) fn cells(&self) -> BTreeSet<String> {
        let columns = 0..self.table.header.len();
        columns
            .flat_map(|column| self.column(column))
            .map(str::to_owned)
            .collect()
    }

    /// The table as the cohort file names it.
    pub(super) fn path_from(&self, dir: &Path) -> String {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (table, dir) = (absolute(&self.path), absolute(dir));
        let below = table.strip_prefix(&dir).map(Path::to_owned);
        below.unwrap_or(table).display().to_string()
    }

    fn column(&self, column: usize) -> impl Iterator<Item = &str> {
        (0..self.table.n_rows()).map(move |row| self.table.cell(row, column))
    }

    /// The column with most of the pseudonyms, and how many.
    fn id(&self, patients: &[String]) -> Option<(usize, usize)> {
        let wanted: BTreeSet<&str> = patients.iter().map(String::as_str).collect();
        let n = |column: usize| {
            self.column(column)
                .collect::<BTreeSet<_>>()
                .intersection(&wanted)
                .count()
        };
        let counted = (0..self.table.header.len()).map(|column| (column, n(column)));
        counted
            .max_by_key(|&(column, n)| (n, std::cmp::Reverse(column)))
            .filter(|(_, n)| *n > 0)
    }

    fn site(&self) -> Option<(usize, usize)> {
        let named = |column: &usize| {
            let name = self.table.header[*column].to_lowercase();
            SITE_WORDS.iter().any(|word| name.contains(word))
        };
        let column = (0..self.table.header.len()).find(named)?;
        Some((column, self.column(column).collect::<BTreeSet<_>>().len()))
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let mut found = Vec::new();
        for time in &self.table.header {
            let lower = time.to_lowercase();
            let Some(word) = TIME_WORDS.iter().find(|word| lower.ends_with(**word)) else {
                continue;
            };
            let stem = &lower[..lower.len() - word.len()];
            let is_event = |name: &&String| {
                let name = name.to_lowercase();
                name.strip_prefix(stem)
                    .is_some_and(|rest| EVENT_WORDS.contains(&rest))
            };
            let Some(event) = self.table.header.iter().find(is_event) else {
                continue;
            };
            found.push(self.endpoint(stem, time, event, word));
        }
        found
    }

    fn endpoint(&self, stem: &str, time: &str, event: &str, word: &str) -> Endpoint {
        let at = |name: &str| {
            self.table
                .header
                .iter()
                .position(|h| h == name)
                .unwrap_or(0)
        };
        let codes: BTreeSet<&str> = self
            .column(at(event))
            .filter(|cell| !cell.is_empty())
            .collect();
        let times: Vec<f64> = self
            .column(at(time))
            .filter_map(|cell| cell.parse().ok())
            .collect();
        let longest = times.iter().copied().fold(0.0, f64::max);
        let zero_one = codes.iter().all(|code| ["0", "1"].contains(code));
        let unit = match word {
            "days" => "days",
            "years" => "years",
            _ if longest > 400.0 => "days",
            _ => "months",
        };
        let remark = if zero_one {
            String::new()
        } else {
            let codes: Vec<&str> = codes.into_iter().take(5).collect();
            format!(
                "; its codes are {} and must become 1 for an event, 0 for none",
                codes.join(", ")
            )
        };
        let name = stem.trim_matches(|c: char| !c.is_alphanumeric());
        Endpoint {
            name: if name.is_empty() {
                "outcome".to_owned()
            } else {
                name.to_owned()
            },
            time: time.to_owned(),
            event: event.to_owned(),
            unit,
            sure: zero_one && word != "time",
            remark: format!("longest {longest}{remark}"),
        }
    }

    /// Names of the columns of outcomes.
    pub(super) fn outcome_columns(&self) -> Vec<String> {
        self.endpoints()
            .into_iter()
            .flat_map(|e| [e.time, e.event])
            .collect()
    }

    /// Writes what the columns are, with comments.
    pub(super) fn columns(&self, patients: &[String], text: &mut String) {
        text.push_str("\n[columns]\n");
        // Writing to a String cannot fail.
        match self.id(patients) {
            Some((column, n)) => {
                let sure = if n == patients.len() { "sure" } else { "CHECK" };
                let name = super::quoted(&self.table.header[column]);
                let _ = writeln!(
                    text,
                    "patient_id = {name}   # {sure}: {n} of {} pseudonyms of the images stand here",
                    patients.len()
                );
            }
            None => text.push_str(
                "# patient_id = \"…\"   # CHECK: no column has the pseudonyms of the file names\n",
            ),
        }
        match self.site() {
            Some((column, n)) => {
                let name = super::quoted(&self.table.header[column]);
                let _ = writeln!(text, "site = {name}   # by its name; {n} different");
            }
            None => text.push_str("# site = \"…\"   # CHECK: no column is named like a site; add one, also for a single centre\n"),
        }
        for e in self.endpoints() {
            let sure = if e.sure { "sure" } else { "CHECK" };
            let _ = writeln!(
                text,
                "# endpoint `{}` ({sure}: {}), for the study's step of kind follow-up:\n#   with = {{ time = {}, event = {}, unit = {} }}",
                e.name,
                e.remark,
                super::quoted(&e.time),
                super::quoted(&e.event),
                super::quoted(e.unit)
            );
        }
    }
}
