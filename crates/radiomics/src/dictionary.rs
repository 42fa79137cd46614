//! What each feature is called, measures and is in: the feature dictionary.
//!
//! Units: `u` is the unit of the image's intensities, `level` one grey level (dimensionless, but its size is the bin's), `bit` the
//! unit of entropies to base 2. IBSI codes are those of the Image Biomarker Standardisation Initiative's reference manual.

use std::sync::LazyLock;

/// One kind of feature; 93 of the 107 exist for every derived image, `shape` only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Class: `shape`, `firstorder`, `glcm`, `glrlm`, `glszm`, `gldm` or `ngtdm`.
    pub class: &'static str,
    /// Name inside the class.
    pub name: &'static str,
    /// Unit, `1` for none.
    pub unit: &'static str,
    /// IBSI code of the definition, where there is one. A definition may be the same and its convention not: see the meaning.
    pub ibsi: Option<&'static str>,
    /// What it measures, in a few words.
    pub meaning: &'static str,
    /// Whether it is computed unless told otherwise.
    pub status: Status,
}

/// Whether a feature is computed unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// One of the 107.
    Default,
    /// Of a class that must be asked for.
    OnDemand,
    /// Only computed when named: equal to, or a function of, another feature. For those of GLCM and GLDM PyRadiomics only logs a
    /// warning and gives no value; here the equal value is given.
    Deprecated,
}

/// All 107, in the order of an extraction.
#[must_use]
pub fn dictionary() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> =
        LazyLock::new(|| TABLE.lines().skip(1).filter_map(entry).collect());
    &ENTRIES
}

/// What exists beyond the 107: shape of a single slice, and deprecated features.
#[must_use]
pub fn extended_dictionary() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> =
        LazyLock::new(|| EXTENDED.lines().skip(1).filter_map(entry).collect());
    &ENTRIES
}

/// The entry of a feature by its full name, such as `wavelet-LLH_glcm_Idn`.
#[must_use]
pub fn entry_of(full_name: &str) -> Option<&'static Entry> {
    let mut parts = full_name.rsplitn(3, '_');
    let (name, class) = (parts.next()?, parts.next()?);
    parts.next()?; // the image type
    dictionary()
        .iter()
        .chain(extended_dictionary())
        .find(|entry| entry.class == class && entry.name == name)
}

/// Class, name, unit, IBSI code and meaning, separated by tabs, below one line of titles.
const TABLE: &str = include_str!("dictionary.tsv");

/// The same with a sixth column, the status.
const EXTENDED: &str = include_str!("dictionary_extended.tsv");

/// `None` for a line that has not five columns; a test counts the lines.
fn entry(line: &'static str) -> Option<Entry> {
    let mut columns = line.split('\t');
    let mut column = || columns.next();
    Some(Entry {
        class: column()?,
        name: column()?,
        unit: column()?,
        ibsi: column().map(|code| (!code.is_empty()).then_some(code))?,
        meaning: column()?,
        status: match column() {
            None => Status::Default,
            Some("deprecated") => Status::Deprecated,
            Some(_) => Status::OnDemand,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{dictionary, entry_of, extended_dictionary};
    use std::collections::BTreeSet;

    #[test]
    fn codes_and_names_are_unique() {
        let entries = dictionary();
        let names: BTreeSet<_> = entries
            .iter()
            .map(|entry| (entry.class, entry.name))
            .collect();
        let codes: BTreeSet<_> = entries.iter().filter_map(|entry| entry.ibsi).collect();
        assert_eq!(names.len(), 107);
        assert_eq!(
            codes.len(),
            entries.iter().filter(|entry| entry.ibsi.is_some()).count()
        );
        assert!(codes.iter().all(|code| code.len() == 4));
        assert_eq!(extended_dictionary().len(), 20);
        assert!(
            extended_dictionary()
                .iter()
                .all(|entry| !names.contains(&(entry.class, entry.name)))
        );
    }

    #[test]
    fn a_full_name_finds_its_entry() {
        assert_eq!(
            entry_of("log-sigma-3-0-mm-3D_glcm_Idn").and_then(|entry| entry.ibsi),
            Some("NDRX")
        );
        assert_eq!(entry_of("glcm_Idn"), None);
        assert_eq!(entry_of("original_glcm_Nothing"), None);
    }
}
