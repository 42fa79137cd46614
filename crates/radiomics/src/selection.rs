//! Which features are wanted: whole classes, or features of a class by name.

use crate::dictionary::{Entry, Status, dictionary, extended_dictionary};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// A class of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeatureClass {
    /// Surface and extent of the region; once, from the mask.
    Shape,
    /// Outline of a region of one slice; once, from the mask, and only with `force_2d`.
    Shape2d,
    /// Statistics of the intensities.
    FirstOrder,
    /// Grey level co-occurrence matrix.
    Glcm,
    /// Grey level run length matrix.
    Glrlm,
    /// Grey level size zone matrix.
    Glszm,
    /// Grey level dependence matrix.
    Gldm,
    /// Neighbouring grey tone difference matrix.
    Ngtdm,
}

impl FeatureClass {
    /// All classes, in the order of an extraction.
    pub const ALL: [FeatureClass; 8] = [
        FeatureClass::Shape,
        FeatureClass::Shape2d,
        FeatureClass::FirstOrder,
        FeatureClass::Glcm,
        FeatureClass::Glrlm,
        FeatureClass::Glszm,
        FeatureClass::Gldm,
        FeatureClass::Ngtdm,
    ];

    /// PyRadiomics' name, such as `firstorder`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FeatureClass::Shape => "shape",
            FeatureClass::Shape2d => "shape2D",
            FeatureClass::FirstOrder => "firstorder",
            FeatureClass::Glcm => "glcm",
            FeatureClass::Glrlm => "glrlm",
            FeatureClass::Glszm => "glszm",
            FeatureClass::Gldm => "gldm",
            FeatureClass::Ngtdm => "ngtdm",
        }
    }

    /// The class of a name.
    ///
    /// # Errors
    /// [`SelectionError::UnknownClass`].
    pub fn from_name(name: &str) -> Result<FeatureClass, SelectionError> {
        FeatureClass::ALL
            .into_iter()
            .find(|class| class.name() == name)
            .ok_or_else(|| SelectionError::UnknownClass {
                class: name.to_owned(),
            })
    }

    /// Whether the class is computed from the mask alone, once per region.
    #[must_use]
    pub fn is_shape(self) -> bool {
        matches!(self, FeatureClass::Shape | FeatureClass::Shape2d)
    }

    /// The class's entries of both dictionaries.
    fn entries(self) -> impl Iterator<Item = &'static Entry> {
        dictionary()
            .iter()
            .chain(extended_dictionary())
            .filter(move |entry| entry.class == self.name())
    }
}

/// Why a selection cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// No class has this name.
    #[error(
        "there is no feature class {class:?}, the classes are shape, shape2D, firstorder, glcm, glrlm, glszm, gldm and ngtdm"
    )]
    UnknownClass {
        /// The name asked for.
        class: String,
    },
    /// The class has no feature of this name.
    #[error("class {class} has no feature {name:?}; the nearest name is {nearest}")]
    UnknownFeature {
        /// The class.
        class: &'static str,
        /// The name asked for.
        name: String,
        /// A name of the class that differs least.
        nearest: &'static str,
    },
}

/// The features to compute. A class is all of its current features, or those named; deprecated ones only exist when named.
///
/// ```
/// use radiomics::{FeatureClass, Selection};
///
/// let mut selection = Selection::nothing();
/// selection.enable_class(FeatureClass::Glcm);
/// selection.enable_feature(FeatureClass::FirstOrder, "StandardDeviation")?;
/// assert!(selection.wants(FeatureClass::Glcm, "Idn"));
/// assert!(!selection.wants(FeatureClass::FirstOrder, "Mean"));
/// # Ok::<(), radiomics::SelectionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    classes: BTreeMap<FeatureClass, BTreeSet<&'static str>>,
}

impl Selection {
    /// No feature.
    #[must_use]
    pub fn nothing() -> Selection {
        Selection {
            classes: BTreeMap::new(),
        }
    }

    /// PyRadiomics' default: every current feature of every class but shape2D.
    #[must_use]
    pub fn pyradiomics_defaults() -> Selection {
        let mut selection = Selection::nothing();
        for class in FeatureClass::ALL {
            if class != FeatureClass::Shape2d {
                selection.enable_class(class);
            }
        }
        selection
    }

    /// Adds all current features of a class.
    pub fn enable_class(&mut self, class: FeatureClass) {
        let current = class
            .entries()
            .filter(|entry| entry.status != Status::Deprecated);
        self.classes
            .entry(class)
            .or_default()
            .extend(current.map(|entry| entry.name));
    }

    /// Adds one feature, which may be deprecated.
    ///
    /// # Errors
    /// [`SelectionError::UnknownFeature`].
    pub fn enable_feature(
        &mut self,
        class: FeatureClass,
        name: &str,
    ) -> Result<(), SelectionError> {
        let Some(entry) = class.entries().find(|entry| entry.name == name) else {
            return Err(SelectionError::UnknownFeature {
                class: class.name(),
                name: name.to_owned(),
                nearest: nearest(class, name),
            });
        };
        self.classes.entry(class).or_default().insert(entry.name);
        Ok(())
    }

    /// Whether any feature of the class is wanted.
    #[must_use]
    pub fn wants_class(&self, class: FeatureClass) -> bool {
        self.classes
            .get(&class)
            .is_some_and(|names| !names.is_empty())
    }

    /// Whether the feature is wanted.
    #[must_use]
    pub fn wants(&self, class: FeatureClass, name: &str) -> bool {
        self.classes
            .get(&class)
            .is_some_and(|names| names.contains(name))
    }

    /// The names wanted of a class, in alphabetical order.
    pub fn names(&self, class: FeatureClass) -> impl Iterator<Item = &'static str> {
        self.classes.get(&class).into_iter().flatten().copied()
    }
}

impl Default for Selection {
    fn default() -> Selection {
        Selection::pyradiomics_defaults()
    }
}

/// The name of the class with the smallest edit distance, capitals aside.
fn nearest(class: FeatureClass, name: &str) -> &'static str {
    let asked = name.to_lowercase();
    class
        .entries()
        .map(|entry| entry.name)
        .min_by_key(|candidate| edit_distance(&candidate.to_lowercase(), &asked))
        .unwrap_or_default()
}

/// Insertions, deletions and replacements that make one text of the other.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_default_is_the_107() {
        let selection = Selection::pyradiomics_defaults();
        let n: usize = FeatureClass::ALL
            .into_iter()
            .map(|class| selection.names(class).count())
            .sum();
        assert_eq!(n, 107);
        assert!(!selection.wants_class(FeatureClass::Shape2d));
        assert!(!selection.wants(FeatureClass::Glcm, "Dissimilarity"));
    }

    #[test]
    fn deprecated_features_exist_when_named_and_wrong_names_meet_the_nearest() {
        let mut selection = Selection::nothing();
        selection
            .enable_feature(FeatureClass::Glcm, "Homogeneity1")
            .unwrap();
        assert!(selection.wants(FeatureClass::Glcm, "Homogeneity1"));
        assert_eq!(
            selection.enable_feature(FeatureClass::Glcm, "JointEnergie"),
            Err(SelectionError::UnknownFeature {
                class: "glcm",
                name: "JointEnergie".to_owned(),
                nearest: "JointEnergy"
            })
        );
        assert!(FeatureClass::from_name("shape3D").is_err());
        assert_eq!(FeatureClass::from_name("gldm"), Ok(FeatureClass::Gldm));
    }

    #[test]
    fn edit_distance_counts_changes() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
    }
}
