//! CSV files as the programs write them, by column name.

use std::path::Path;

/// A table read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvTable {
    /// Column names.
    pub header: Vec<String>,
    /// Cells by row.
    pub rows: Vec<Vec<String>>,
}

impl CsvTable {
    /// Reads a file; lines that start with `#` (the schema of a feature table) are left out.
    ///
    /// # Panics
    /// It does not read.
    #[must_use]
    #[track_caller]
    pub fn read(path: &Path) -> CsvTable {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
        CsvTable::parse(&text)
    }

    /// Reads text.
    ///
    /// # Panics
    /// A row has another number of cells than the header.
    #[must_use]
    #[track_caller]
    pub fn parse(text: &str) -> CsvTable {
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        let header = cells(reader.headers().unwrap());
        let rows = reader
            .records()
            .map(|record| cells(&record.unwrap()))
            .collect();
        CsvTable { header, rows }
    }

    /// Place of a column.
    ///
    /// # Panics
    /// There is none of that name.
    #[must_use]
    #[track_caller]
    pub fn column(&self, name: &str) -> usize {
        self.header
            .iter()
            .position(|h| h == name)
            .unwrap_or_else(|| panic!("no column `{name}` among {:?}", self.header))
    }

    /// Rows whose cells are these.
    #[must_use]
    #[track_caller]
    pub fn where_all(&self, wanted: &[(&str, &str)]) -> Vec<&Vec<String>> {
        let at: Vec<(usize, &str)> = wanted
            .iter()
            .map(|(name, value)| (self.column(name), *value))
            .collect();
        self.rows
            .iter()
            .filter(|row| at.iter().all(|(i, value)| row[*i] == *value))
            .collect()
    }

    /// One cell of the only row whose key column has this value.
    ///
    /// # Panics
    /// No such row, or several.
    #[must_use]
    #[track_caller]
    pub fn cell(&self, key: (&str, &str), column: &str) -> &str {
        let rows = self.where_all(&[key]);
        assert_eq!(rows.len(), 1, "rows with {} = {}", key.0, key.1);
        &rows[0][self.column(column)]
    }
}
