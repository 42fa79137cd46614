/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArtefactError {
    /// A column that must be there is not.
    #[error("{what} has no column `{column}`; it has {found}")]
    NoColumn {
        /// Which artefact.
        what: &'static str,
        /// The missing column.
        column: String,
        /// The columns it has.
        found: String,
    },
    /// A cell does not hold what its column needs.
    #[error("{what}, row {row}, column `{column}`: `{value}` is not {expected}")]
    Cell {
        /// Which artefact.
        what: &'static str,
        /// Row of the file, the header being 1.
        row: usize,
        /// Column name.
        column: String,
        /// What stands there.
        value: String,
        /// What should.
        expected: &'static str,
    },
    /// A patient stands there twice.
    #[error("{what}, row {row}: patient `{patient}` stands there twice")]
    Twice {
        /// Which artefact.
        what: &'static str,
        /// Row of the file, the header being 1.
        row: usize,
        /// The patient.
        patient: String,
    },
    /// A column name stands there twice.
    #[error("{what}: column `{column}` stands there twice; rename or remove one")]
    ColumnTwice {
        /// Which artefact.
        what: &'static str,
        /// The name.
        column: String,
    },
    /// Text in a column of numbers.
    #[error(
        "{what}, row {row}, patient `{patient}`, column `{column}`: `{value}` is no finite number and other cells are; \
         correct it, or declare the column nominal in the table's schema line (#radloom-table …)"
    )]
    Mixed {
        /// Which artefact.
        what: &'static str,
        /// Row of the file, the header being 1.
        row: usize,
        /// The patient.
        patient: String,
        /// Column name.
        column: String,
        /// What stands there.
        value: String,
    },
    /// A column of text that has too many different values to be categories.
    #[error(
        "{what}: column `{column}` has {n_levels} different texts in {n_filled} cells and so is free text; leave it out, \
         or declare it nominal in the table's schema line (#radloom-table …)"
    )]
    FreeText {
        /// Which artefact.
        what: &'static str,
        /// Column name.
        column: String,
        /// Different texts.
        n_levels: usize,
        /// Cells that are not empty.
        n_filled: usize,
    },
    /// Nothing at all.
    #[error("{what} is empty")]
    Empty {
        /// Which artefact.
        what: &'static str,
    },
    /// JSON of something else.
    #[error("the file is not a fitted model (no `model` field); give the model.json of a fit step")]
    NotAModel,
    /// Not CSV or not text.
    #[error("{what} does not read as CSV: {problem}")]
    Csv {
        /// Which artefact.
        what: &'static str,
        /// What the parser says.
        problem: String,
    },
    /// Not the JSON that it should be.
    #[error("{what} does not read as JSON: {problem}")]
    Json {
        /// Which artefact.
        what: &'static str,
        /// What the parser says.
        problem: String,
    },
    /// Made by another version of the format.
    #[error("{what} has format {found}, this program reads {expected}")]
    Format {
        /// Which artefact.
        what: &'static str,
        /// What it says.
        found: u32,
        /// What is read.
        expected: u32,
    },
}
