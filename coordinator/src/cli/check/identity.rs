//! Columns that tell who somebody is: names, dates of birth, numbers and addresses. No cell is ever repeated.

use cohort::dates::{Day, date_column};

use super::finding::{Code, Finding, Severity};
use super::sheet::Sheet;

/// Words of a column that holds names, in the languages of the centres.
const NAME_WORDS: [&str; 18] = [
    "surname",
    "lastname",
    "firstname",
    "forename",
    "fullname",
    "patientname",
    "familyname",
    "givenname",
    "initials",
    "vorname",
    "nachname",
    "prenom",
    "prénom",
    "nom",
    "nombre",
    "apellido",
    "cognome",
    "nome",
];
/// `name` beside one of these, or alone, is a person's.
const PERSON_WORDS: [&str; 10] = [
    "patient", "pat", "full", "last", "first", "family", "given", "maiden", "birth", "person",
];
const BIRTH_WORDS: [&str; 9] = [
    "dob",
    "birthdate",
    "dateofbirth",
    "birthday",
    "geburtsdatum",
    "geburtstag",
    "naissance",
    "nacimiento",
    "nascita",
];
const NUMBER_WORDS: [&str; 16] = [
    "mrn",
    "ssn",
    "nhs",
    "pesel",
    "nino",
    "phone",
    "telephone",
    "telefon",
    "mobile",
    "email",
    "mail",
    "address",
    "street",
    "postcode",
    "zip",
    "accession",
];
/// Fewer cells than this look like anything.
const N_CELLS_MIN: usize = 5;
/// This share of the cells must look like names, and as many must differ: diagnoses repeat.
const SHARE_MIN: f64 = 0.8;
/// A date that lies so much before the last date of its table is one of birth.
const YEARS_BEFORE: f64 = 15.0;
const DAYS_PER_YEAR: f64 = 365.25;

pub(super) fn examine(sheet: &Sheet, findings: &mut Vec<Finding>) {
    let columns: Vec<Vec<&str>> = (0..sheet.table.header.len())
        .map(|column| {
            let cells = sheet.patients.iter().map(|row| sheet.cell(row, column));
            cells.collect()
        })
        .collect();
    let medians: Vec<Option<i64>> = columns.iter().map(|cells| median_day(cells)).collect();
    let last = medians.iter().flatten().max().copied();
    for (column, cells) in columns.iter().enumerate() {
        if sheet.taken.contains(&column) || cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        let name = &sheet.table.header[column];
        let born = medians[column]
            .zip(last)
            .is_some_and(|(day, last)| (last - day) as f64 > YEARS_BEFORE * DAYS_PER_YEAR);
        let Some(what) = by_header(name).or_else(|| by_cells(cells, born)) else {
            continue;
        };
        let is_shared = sheet.shared.contains(name);
        let (repair, severity) = if is_shared {
            (
                "take it out of `share` and out of the table before anything is started: what is shared leaves the site",
                Severity::Refuse,
            )
        } else {
            (
                "take it out of the table: a pseudonym is enough, and an age in years where one is needed",
                Severity::Warn,
            )
        };
        let message = format!("`{name}` looks like {what}");
        let finding = Finding::new(
            Code::ColumnIdentifies,
            sheet.column_place(column),
            message,
            repair,
        );
        findings.push(finding.graded(severity));
    }
}

fn by_header(name: &str) -> Option<&'static str> {
    let words = words(name);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let joined = words.concat();
    let is_person = words.len() == 1 || has(&PERSON_WORDS);
    if has(&NAME_WORDS)
        || NAME_WORDS.contains(&joined.as_str())
        || (words.iter().any(|w| w == "name") && is_person)
    {
        return Some("names of persons");
    }
    let of_birth =
        words.iter().any(|w| w == "birth") && words.iter().any(|w| w == "date" || w == "day");
    if has(&BIRTH_WORDS) || BIRTH_WORDS.contains(&joined.as_str()) || of_birth {
        return Some("dates of birth");
    }
    has(&NUMBER_WORDS).then_some("numbers or addresses of persons")
}

/// Words of a header: `dateOfBirth`, `date of birth` and `DATE_OF_BIRTH` have three.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        let starts = !before.is_alphanumeric() || (before.is_lowercase() && c.is_uppercase());
        if c.is_alphanumeric() {
            if starts {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    words
}

fn by_cells(cells: &[&str], born: bool) -> Option<&'static str> {
    let filled: Vec<&str> = cells.iter().copied().filter(|c| !c.is_empty()).collect();
    if filled.len() < N_CELLS_MIN {
        return None;
    }
    if born {
        return Some("dates of birth");
    }
    let mut different = filled.clone();
    different.sort_unstable();
    different.dedup();
    let share = |n: usize| n as f64 / filled.len() as f64;
    let n_names = filled.iter().filter(|cell| is_name(cell)).count();
    if share(n_names) >= SHARE_MIN && share(different.len()) >= SHARE_MIN {
        return Some("names of persons");
    }
    let n_mails = filled.iter().filter(|cell| is_mail(cell)).count();
    (share(n_mails) >= SHARE_MIN).then_some("numbers or addresses of persons")
}

/// `Miller^Anna`, `Miller, Anna` or `Anna Miller`.
fn is_name(cell: &str) -> bool {
    let parts: Vec<&str> = cell
        .split(['^', ',', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let is_part = |part: &&str| {
        let mut chars = part.chars();
        let (first, mut rest) = (chars.next(), chars);
        let others = rest.clone().count();
        first.is_some_and(char::is_uppercase)
            && others > 0
            && rest.all(|c| c.is_alphabetic() || "'’-.".contains(c))
    };
    (2..=4).contains(&parts.len()) && parts.iter().all(is_part)
}

fn is_mail(cell: &str) -> bool {
    let host = cell.split_once('@').map(|(_, host)| host);
    host.is_some_and(|host| host.contains('.') && !host.contains(' '))
}

/// The middle day of a column of dates.
fn median_day(cells: &[&str]) -> Option<i64> {
    let mut days: Vec<i64> = date_column(cells)?
        .days
        .into_iter()
        .flatten()
        .map(|Day(day)| day)
        .collect();
    days.sort_unstable();
    days.get(days.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_persons_are_told_from_headers_of_things() {
        for (name, what) in [
            ("Name", Some("names of persons")),
            ("patient_name", Some("names of persons")),
            ("PatientName", Some("names of persons")),
            ("Nachname", Some("names of persons")),
            ("first name", Some("names of persons")),
            ("site_name", None),
            ("drug name", None),
            ("DOB", Some("dates of birth")),
            ("date_of_birth", Some("dates of birth")),
            ("PatientBirthDate", Some("dates of birth")),
            ("birth_weight", None),
            ("year_of_birth", None),
            ("MRN", Some("numbers or addresses of persons")),
            ("e-mail", Some("numbers or addresses of persons")),
            ("zip", Some("numbers or addresses of persons")),
            ("dfs_months", None),
            ("figo_stage", None),
            ("nominal_dose", None),
            ("age", None),
        ] {
            assert_eq!(by_header(name), what, "{name}");
        }
    }

    #[test]
    fn cells_of_persons_are_told_from_diagnoses() {
        let names = [
            "Miller^Anna",
            "Smith^Eve",
            "Jones^Ada",
            "O'Neil^Mary",
            "Li^Na",
        ];
        assert_eq!(by_cells(&names, false), Some("names of persons"));
        let plain = [
            "Anna Miller",
            "Eve Smith",
            "Ada Jones",
            "Mary O'Neil",
            "Na Li",
        ];
        assert_eq!(by_cells(&plain, false), Some("names of persons"));
        let diagnoses = ["Squamous Carcinoma"; 8];
        assert_eq!(by_cells(&diagnoses, false), None);
        let notes = ["IIB", "IIIA", "IB2", "IVA", "IIA"];
        assert_eq!(by_cells(&notes, false), None);
        let mails = ["a@b.org", "c@d.org", "e@f.org", "g@h.org", "i@j.org"];
        assert_eq!(
            by_cells(&mails, false),
            Some("numbers or addresses of persons")
        );
        assert_eq!(by_cells(&["1950-02-03"; 5], true), Some("dates of birth"));
        assert_eq!(by_cells(&["1950-02-03"; 4], true), None);
    }
}
