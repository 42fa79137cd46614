//! Which columns of a patient table may be shared at all: numbers, categories and dates. What names a person, a file or a
//! record, and what somebody typed, never leaves a site, whatever its cohort file says.

use std::collections::BTreeSet;

/// Most different texts of a column of categories, as a table reads one that no schema declares.
const LEVELS_MAX: usize = 20;
/// Up to here a column of text is categories however few its rows are.
const LEVELS_FEW: usize = 5;
/// A whole number of at least so many digits that differs between all patients is a record's number, not a measurement.
const DIGITS_OF_RECORD: usize = 6;
/// Patients that it takes to say that all differ.
const PATIENTS_MIN: usize = 3;

/// Names of columns that say who or which record it is, in lower case, without separators.
const NAMES_OF_IDENTITY: &[&str] = &[
    "patientid",
    "site",
    "name",
    "patientname",
    "surname",
    "lastname",
    "firstname",
    "forename",
    "mrn",
    "pid",
    "hospitalid",
    "hospitalnumber",
    "recordid",
    "recordnumber",
    "accession",
    "accessionnumber",
    "nhsnumber",
    "ssn",
    "dob",
    "dateofbirth",
    "birthdate",
    "birthday",
    "address",
    "street",
    "phone",
    "telephone",
    "email",
    "seriesuid",
    "seriesinstanceuid",
    "studyuid",
    "studyinstanceuid",
    "sopinstanceuid",
    "uid",
];
/// Ends of file names.
const EXTENSIONS: &[&str] = &[
    ".nii",
    ".nii.gz",
    ".dcm",
    ".nrrd",
    ".nhdr",
    ".mha",
    ".mhd",
    ".seg.nrrd",
    ".png",
    ".jpg",
    ".pdf",
    ".csv",
    ".txt",
    ".zip",
];

/// Why a column may not be shared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unshareable {
    /// It is announced already, or says who a patient is.
    #[error(
        "it says who a patient or which record it is; the pseudonym is announced without being shared"
    )]
    Identity,
    /// Files are found by it.
    #[error("it holds paths of files, which are nobody else's business")]
    Path,
    /// Numbers or texts that are one patient's alone.
    #[error("its {n} values are all different, like numbers of records")]
    Record {
        /// Filled cells.
        n: usize,
    },
    /// Somebody typed it.
    #[error("its {n_levels} different texts in {n} cells are free text, which may say anything")]
    FreeText {
        /// Different texts.
        n_levels: usize,
        /// Filled cells.
        n: usize,
    },
}

/// Whether a column may be shared: `cells` are those that would be sent, `files` whether items are found by the column.
///
/// # Errors
/// Why not.
pub fn judge<'c>(
    name: &str,
    files: bool,
    cells: impl Iterator<Item = &'c str>,
) -> Result<(), Unshareable> {
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    if NAMES_OF_IDENTITY.contains(&plain.as_str()) {
        return Err(Unshareable::Identity);
    }
    let cells: Vec<&str> = cells.filter(|cell| !is_empty(cell)).collect();
    if files || cells.iter().any(|cell| is_path(cell)) {
        return Err(Unshareable::Path);
    }
    let n = cells.len();
    let levels: BTreeSet<&str> = cells.iter().copied().collect();
    let different = levels.len() == n && n >= PATIENTS_MIN;
    let record = |cell: &&str| {
        let digits = cell.len() >= DIGITS_OF_RECORD && cell.bytes().all(|b| b.is_ascii_digit());
        digits || is_uid(cell)
    };
    if n > 0 && cells.iter().all(record) && (different || cells.iter().any(|c| is_uid(c))) {
        return Err(Unshareable::Record { n });
    }
    let number_or_date = |cell: &&str| cell.parse::<f64>().is_ok() || is_date(cell);
    if cells.iter().all(number_or_date) {
        return Ok(());
    }
    let n_levels = levels.len();
    // Codes such as stages repeat seldom among few patients; sentences and names do not look like them.
    let codes = n_levels < n && levels.iter().all(|cell| is_code(cell));
    if n_levels > LEVELS_MAX || (n_levels > LEVELS_FEW && 2 * n_levels >= n && !codes) {
        return Err(Unshareable::FreeText { n_levels, n });
    }
    Ok(())
}

/// A short word: `IIIC1r`, `squamous`.
fn is_code(cell: &str) -> bool {
    cell.len() <= 12 && !cell.contains(char::is_whitespace)
}

fn is_empty(cell: &str) -> bool {
    matches!(
        cell.to_ascii_lowercase().as_str(),
        "" | "na" | "nan" | "n/a" | "null"
    )
}

fn is_path(cell: &str) -> bool {
    let lower = cell.to_ascii_lowercase();
    let drive = lower
        .as_bytes()
        .get(1..3)
        .is_some_and(|rest| matches!(rest, b":\\" | b":/"));
    drive
        || ["/", "./", "../", "~/", "\\\\", "file:"]
            .iter()
            .any(|start| lower.starts_with(start))
        || EXTENSIONS.iter().any(|end| lower.ends_with(end))
}

/// A DICOM identifier: groups of digits with at least three points.
fn is_uid(cell: &str) -> bool {
    cell.bytes().all(|b| b.is_ascii_digit() || b == b'.') && cell.matches('.').count() >= 3
}

/// Three groups of digits with one separator.
fn is_date(cell: &str) -> bool {
    let day = cell.split(['T', ' ']).next().unwrap_or_default();
    ['-', '/', '.'].iter().any(|separator| {
        let parts: Vec<&str> = day.split(*separator).collect();
        let digits =
            |part: &&str| matches!(part.len(), 1..=4) && part.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 3 && parts.iter().all(digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, cells: &[&str]) -> Result<(), Unshareable> {
        judge(name, false, cells.iter().copied())
    }

    #[test]
    fn numbers_categories_and_dates_may_be_shared() {
        assert_eq!(of("dfs_months", &["37.7", "4", "", "NA"]), Ok(()));
        assert_eq!(of("figo2018", &["IIB", "IB2", "III", "IIB"]), Ok(()));
        let stages = ["IB", "IIA", "IIB", "IIIA", "IIIB", "IVA", "IIB"];
        assert_eq!(of("figo2018", &stages), Ok(()));
        assert_eq!(
            of("pathology", &["squamous/adeno", "squamous", "N/A"]),
            Ok(())
        );
        assert_eq!(
            of(
                "last_contact",
                &[
                    "2021-03-04",
                    "04/03/2021",
                    "4.3.2021",
                    "2020-01-01",
                    "2020-01-02",
                    "2020-01-03"
                ]
            ),
            Ok(())
        );
        // Doses in mg may have many digits; a few that are equal are no record numbers.
        assert_eq!(of("cells", &["120000", "120000", "350000"]), Ok(()));
    }

    #[test]
    fn who_and_where_may_not() {
        for name in [
            "patient_id",
            "Site",
            "Patient Name",
            "MRN",
            "date_of_birth",
            "SeriesInstanceUID",
        ] {
            assert_eq!(of(name, &["1"]), Err(Unshareable::Identity), "{name}");
        }
        for cell in [
            "/data/x",
            "images/p1_t2w.nii.gz",
            "C:\\scans\\a",
            "../x",
            "scan.dcm",
        ] {
            assert_eq!(of("where", &["", cell]), Err(Unshareable::Path), "{cell}");
        }
        assert_eq!(
            judge("image", true, ["a"].into_iter()),
            Err(Unshareable::Path)
        );
        assert_eq!(
            of("hospital", &["1002345", "1002346", "1002999"]),
            Err(Unshareable::Record { n: 3 })
        );
        assert_eq!(
            of("series", &["1.2.840.1"]),
            Err(Unshareable::Record { n: 1 })
        );
    }

    #[test]
    fn what_somebody_typed_may_not() {
        let notes: Vec<String> = (0..12).map(|i| format!("seen by Dr {i}")).collect();
        let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
        assert_eq!(
            of("notes", &notes),
            Err(Unshareable::FreeText {
                n_levels: 12,
                n: 12
            })
        );
    }
}
