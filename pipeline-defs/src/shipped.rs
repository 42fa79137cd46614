//! The studies that come with the program.

use std::sync::LazyLock;

/// The study of the paper.
const CERVICAL_CCRT: &str = include_str!("../cervical-ccrt.toml");

/// What makes it small enough for forty patients and for a look: (as written, instead).
const SMALLER: &[(&str, &str)] = &[
    ("name    = \"cervical-ccrt\"", "name    = \"demo\""),
    ("kfold = 5, repeats = 5", "kfold = 3, repeats = 2"),
    ("num_trees = 500", "num_trees = 200"),
    ("bootstrap       = 500", "bootstrap       = 200"),
    // Ten folds of so few patients have no event in each; and a stage of its own has none.
    ("folds = 10 }", "folds = 3 }"),
    (
        "IB = \"I\", IIA = \"II\", IIB = \"II\"",
        "IB = \"I-II\", IIA = \"I-II\", IIB = \"I-II\"",
    ),
    (
        "IIIA = \"III\", IIIB = \"III\", IIIC1r = \"III\", IIIC2r = \"III\", IVA = \"IV\"",
        "IIIA = \"III-IV\", IIIB = \"III-IV\", IIIC1r = \"III-IV\", IIIC2r = \"III-IV\", IVA = \"III-IV\"",
    ),
    ("figo2018 = \"I\" }", "figo2018 = \"I-II\" }"),
    // Ten were delineated again; a fold has six or seven of them.
    (
        "when_few  = \"keep-all\"",
        "min_patients = 5\nwhen_few  = \"keep-all\"",
    ),
    // Few of forty patients are followed for three years.
    ("[12, 36, 60]", "[12, 24, 60]"),
    ("[\"12\", \"36\", \"60\"]", "[\"12\", \"24\", \"60\"]"),
    ("36 = 36.0", "24 = 24.0"),
];

/// What makes it quick enough for two cores at the paper's size.
const QUICKER: &[(&str, &str)] = &[
    ("name    = \"cervical-ccrt\"", "name    = \"cervical-demo\""),
    ("kfold = 5, repeats = 5", "kfold = 5, repeats = 2"),
];

static DEMO: LazyLock<String> = LazyLock::new(|| changed(CERVICAL_CCRT, SMALLER));
static CERVICAL_DEMO: LazyLock<String> = LazyLock::new(|| changed(CERVICAL_CCRT, QUICKER));
static SHIPPED: LazyLock<[(&str, &str); 4]> = LazyLock::new(|| {
    [
        ("cervical-ccrt", CERVICAL_CCRT),
        ("cervical-demo", CERVICAL_DEMO.as_str()),
        ("demo", DEMO.as_str()),
        ("features-only", include_str!("../features-only.toml")),
    ]
});

/// (name, text) of each. `cervical-demo` is `cervical-ccrt` with fewer repeats, `demo` that for the tiny cohort.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED.as_slice()
}

/// A shipped study of images for centres without a cohort of tumours that were sequenced: without the third site, its
/// tables, the steps of biology and what the report shows of them.
pub fn without_biology(text: &str) -> String {
    let of_biology = [
        "genes ",
        "enrichment ",
        "novelty ",
        "other_risk ",
        "method ",
        "# Of the patients of `tcga`",
        "# put your own file here",
        "expression ",
        "gene_sets ",
        "[tables]",
    ];
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("# ---- ") {
            inside = line.starts_with("# ---- Biology");
        }
        if inside || of_biology.iter().any(|start| line.starts_with(start)) {
            continue;
        }
        kept.push_str(&line.replace(", \"tcga\"]", "]"));
        kept.push('\n');
    }
    kept
}

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes
        .iter()
        .fold(text.to_string(), |text, (old, new)| text.replace(old, new))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn the_studies_without_biology_are_sound() {
        for (name, text) in shipped()
            .iter()
            .filter(|(name, _)| *name != "features-only")
        {
            let text = without_biology(text);
            assert!(
                !text.contains("tcga") && !text.contains("[tables]"),
                "{text}"
            );
            let study = crate::parse(&text, name, &[]).unwrap_or_else(|p| panic!("{p}"));
            crate::check(&study).unwrap_or_else(|p| panic!("{name}: {p}"));
        }
    }

    #[test]
    fn every_change_of_the_smaller_studies_has_its_place() {
        for (old, _) in SMALLER.iter().chain(QUICKER) {
            assert!(CERVICAL_CCRT.contains(old), "{old}");
        }
        assert!(!DEMO.contains("36"), "a horizon was forgotten");
    }
}
