use crate::ArtefactError;

/// Name of a row: who, and from where. Rows are ordered by (site, patient) as bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// The site; empty where a file by hand has none.
    pub site: String,
    /// The pseudonym.
    pub patient_id: String,
}

/// A CSV read whole, with its columns by name.
pub(crate) struct Sheet {
    pub what: &'static str,
    pub header: Vec<String>,
    pub records: Vec<csv::StringRecord>,
}

impl Sheet {
    pub fn read(what: &'static str, bytes: &[u8]) -> Result<Sheet, ArtefactError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.trim_ascii().is_empty() {
            return Err(ArtefactError::Empty { what });
        }
        let csv_error = |e: csv::Error| ArtefactError::Csv {
            what,
            problem: e.to_string(),
        };
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::Headers)
            .from_reader(bytes);
        let header: Vec<String> = reader
            .headers()
            .map_err(csv_error)?
            .iter()
            .map(str::to_owned)
            .collect();
        if let Some(column) = twice(&header) {
            return Err(ArtefactError::ColumnTwice { what, column });
        }
        let records = reader
            .records()
            .collect::<Result<Vec<_>, _>>()
            .map_err(csv_error)?;
        Ok(Sheet {
            what,
            header,
            records,
        })
    }

    pub fn find(&self, names: &[&str]) -> Option<usize> {
        names
            .iter()
            .find_map(|name| self.header.iter().position(|h| h == name))
    }

    pub fn need(&self, names: &[&str]) -> Result<usize, ArtefactError> {
        self.find(names).ok_or_else(|| ArtefactError::NoColumn {
            what: self.what,
            column: names.first().copied().unwrap_or_default().to_owned(),
            found: self.header.join(", "),
        })
    }

    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.records
            .get(row)
            .and_then(|r| r.get(column))
            .unwrap_or("")
            .trim()
    }

    pub fn number(&self, row: usize, column: usize) -> Result<f64, ArtefactError> {
        crate::number::parse(self.cell(row, column))
            .ok_or_else(|| self.bad(row, column, "a finite number"))
    }

    pub fn bad(&self, row: usize, column: usize, expected: &'static str) -> ArtefactError {
        ArtefactError::Cell {
            what: self.what,
            row: row + 2,
            column: self.header.get(column).cloned().unwrap_or_default(),
            value: self.cell(row, column).to_owned(),
            expected,
        }
    }

    /// Row names; each once.
    pub fn ids(&self) -> Result<Vec<RowId>, ArtefactError> {
        let patient = self.need(&["patient_id"])?;
        let site = self.find(&["site"]);
        let mut seen = std::collections::BTreeSet::new();
        let mut ids = Vec::with_capacity(self.records.len());
        for row in 0..self.records.len() {
            let id = RowId {
                site: site
                    .map(|s| self.cell(row, s).to_owned())
                    .unwrap_or_default(),
                patient_id: self.cell(row, patient).to_owned(),
            };
            if id.patient_id.is_empty() {
                return Err(self.bad(row, patient, "a patient"));
            }
            if !seen.insert(id.clone()) {
                return Err(ArtefactError::Twice {
                    what: self.what,
                    row: row + 2,
                    patient: id.patient_id,
                });
            }
            ids.push(id);
        }
        Ok(ids)
    }
}

/// The first name that stands there again.
fn twice(header: &[String]) -> Option<String> {
    let mut seen = std::collections::BTreeSet::new();
    header.iter().find(|name| !seen.insert(*name)).cloned()
}

/// Whether `site` is worth a column.
pub(crate) fn has_sites<'a>(mut rows: impl Iterator<Item = &'a RowId>) -> bool {
    rows.any(|r| !r.site.is_empty())
}

pub(crate) fn push_field(out: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r', '#']) {
        out.push('"');
        out.push_str(&field.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(field);
    }
}

/// A cell of a CSV, quoted where it must be.
#[must_use]
pub fn csv_field(field: &str) -> String {
    let mut out = String::new();
    push_field(&mut out, field);
    out
}

pub(crate) fn push_id(out: &mut String, id: &RowId, sites: bool) {
    push_field(out, &id.patient_id);
    if sites {
        out.push(',');
        push_field(out, &id.site);
    }
}

pub(crate) fn id_header(sites: bool) -> &'static str {
    if sites {
        "patient_id,site"
    } else {
        "patient_id"
    }
}
