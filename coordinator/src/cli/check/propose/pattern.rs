//! Name patterns: where in its path an image carries its patient's pseudonym.

use std::collections::{BTreeMap, BTreeSet};

/// Words that a delineation has in its name.
const MASK_WORDS: [&str; 11] = [
    "mask",
    "label",
    "seg",
    "roi",
    "gtv",
    "ctv",
    "contour",
    "dseg",
    "delineation",
    "struct",
    "tumour",
];
/// A further mask pattern must hold for this share of the patients of the first.
const MASK_SHARE_MIN: f64 = 0.03;

/// How the files of a folder are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Pseudonyms with an image and a mask of the first pattern, sorted.
    pub patients: Vec<String>,
    /// Pattern of the images, and how many there are.
    pub image: (String, usize),
    /// Name, pattern and number of each kind of mask; the commonest first.
    pub masks: Vec<(String, String, usize)>,
    /// Files of no pattern.
    pub strangers: Vec<String>,
}

/// The ending of an image file.
pub(super) fn ending(path: &str) -> Option<&'static str> {
    let lower = path.to_lowercase();
    [".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".mhd"]
        .into_iter()
        .find(|e| lower.ends_with(e))
}

/// Where a pseudonym may stand in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    /// A folder, counted from the root.
    Folder(usize),
    /// The file's stem up to its n-th separator from the left; 0 is the whole stem.
    Before(usize),
    /// The stem after its n-th separator.
    After(usize),
}

/// A file, or a folder of DICOM files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Below the folder that is looked at, with `/`.
    pub path: String,
    pub holds: Holds,
}

/// What an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holds {
    /// An image or a label image: its name must tell.
    ByName,
    /// DICOM slices or frames.
    Image,
    /// A DICOM structure set or segmentation.
    Regions,
}

/// The layout that gives most patients image and mask; with `known` pseudonyms (cells of the clinical table) those count
/// first.
pub(super) fn find(files: &[Entry], known: Option<BTreeSet<String>>) -> Option<Layout> {
    let mut best: Option<(usize, usize, Layout)> = None;
    for slot in slots(files) {
        let Some(layout) = with_slot(files, slot) else {
            continue;
        };
        let is_known = |id: &&String| known.as_ref().is_some_and(|known| known.contains(*id));
        let n_known = layout.patients.iter().filter(is_known).count();
        let n = layout.patients.len();
        if best
            .as_ref()
            .is_none_or(|(k, m, _)| (n_known, n) > (*k, *m))
        {
            best = Some((n_known, n, layout));
        }
    }
    best.map(|(_, _, layout)| layout)
}

fn slots(files: &[Entry]) -> Vec<Slot> {
    let mut slots = BTreeSet::new();
    for file in files {
        let (folders, stem, _) = parts(&file.path);
        slots.extend((0..folders.len()).map(Slot::Folder));
        let n = cuts(stem).len();
        slots.extend((0..=n).map(Slot::Before));
        slots.extend((1..=n).map(Slot::After));
    }
    slots.into_iter().collect()
}

/// Folders, stem and ending of a path.
fn parts(file: &str) -> (Vec<&str>, &str, &str) {
    let mut folders: Vec<&str> = file.split('/').collect();
    let name = folders.pop().unwrap_or_default();
    let n = ending(name).map_or(0, str::len);
    let (stem, ending) = name.split_at(name.len() - n);
    (folders, stem, ending)
}

/// Positions of the separators of a stem.
fn cuts(stem: &str) -> Vec<usize> {
    stem.char_indices()
        .filter(|(_, c)| "_-. ".contains(*c))
        .map(|(i, _)| i)
        .collect()
}

fn pseudonym(file: &str, slot: Slot) -> Option<&str> {
    let (folders, stem, _) = parts(file);
    let found = match slot {
        Slot::Folder(depth) => folders.get(depth).copied(),
        Slot::Before(0) => Some(stem),
        Slot::Before(n) => cuts(stem).get(n - 1).map(|&at| &stem[..at]),
        Slot::After(n) => cuts(stem).get(n - 1).map(|&at| &stem[at + 1..]),
    };
    found.filter(|id| !id.is_empty() && id.chars().any(|c| c.is_ascii_digit() || c.is_alphabetic()))
}

/// A pattern, and whether what follows it is a mask.
type Pattern = (String, bool);

fn with_slot(files: &[Entry], slot: Slot) -> Option<Layout> {
    let mut by_pattern: BTreeMap<Pattern, BTreeSet<&str>> = BTreeMap::new();
    let mut pattern_of = Vec::with_capacity(files.len());
    for Entry { path, holds } in files {
        let pattern = pseudonym(path, slot).map(|id| (path.replace(id, "{patient_id}"), id));
        let pattern = pattern.map(|(pattern, id)| {
            let is_mask = match holds {
                Holds::ByName => has_mask_word(&pattern),
                Holds::Image => false,
                Holds::Regions => true,
            };
            let pattern = (pattern, is_mask);
            by_pattern.entry(pattern.clone()).or_default().insert(id);
            pattern
        });
        pattern_of.push(pattern);
    }
    let commonest = |wanted: bool, like: Option<&BTreeSet<&str>>| {
        let of_kind = by_pattern
            .iter()
            .filter(|((_, is_mask), _)| *is_mask == wanted);
        let n =
            |ids: &BTreeSet<&str>| like.map_or(ids.len(), |like| ids.intersection(like).count());
        of_kind.max_by_key(|(pattern, ids)| (n(ids), std::cmp::Reverse((*pattern).clone())))
    };
    let (image, with_image) = commonest(false, None)?;
    let (first_mask, with_mask) = commonest(true, Some(with_image))?;
    let patients: Vec<String> = with_image
        .intersection(with_mask)
        .map(|id| (*id).to_owned())
        .collect();
    // One patient among many files: the cut took what all names share.
    if patients.is_empty() || (patients.len() == 1 && files.len() > 2) {
        return None;
    }
    let least = (MASK_SHARE_MIN * patients.len() as f64).max(1.0);
    let mut masks: Vec<(&Pattern, usize)> = by_pattern
        .iter()
        .filter(|((_, is_mask), _)| *is_mask)
        .map(|(pattern, ids)| (pattern, ids.intersection(with_image).count()))
        .filter(|(pattern, n)| *n as f64 >= least && (*n > 1 || *pattern == first_mask))
        .collect();
    masks.sort_by_key(|(pattern, n)| {
        (
            *pattern != first_mask,
            std::cmp::Reverse(*n),
            (*pattern).clone(),
        )
    });
    let taken: BTreeSet<&Pattern> = masks.iter().map(|(p, _)| *p).chain([image]).collect();
    let strange = files
        .iter()
        .zip(&pattern_of)
        .filter(|(_, p)| p.as_ref().is_none_or(|p| !taken.contains(p)));
    let masks: Vec<(&String, usize)> = masks.iter().map(|((p, _), n)| (p, *n)).collect();
    Some(Layout {
        strangers: strange.map(|(file, _)| file.path.clone()).collect(),
        image: (image.0.clone(), with_image.len()),
        masks: named(&masks),
        patients,
    })
}

fn has_mask_word(pattern: &str) -> bool {
    let lower = pattern.to_lowercase();
    MASK_WORDS.iter().any(|word| lower.contains(word))
}

/// `mask` for the first pattern, `mask_` with what is particular for the others.
fn named(masks: &[(&String, usize)]) -> Vec<(String, String, usize)> {
    let words = |pattern: &str| -> Vec<String> {
        let cut = pattern.replace("{patient_id}", "/");
        let cut = ending(&cut)
            .map_or(cut.as_str(), |e| &cut[..cut.len() - e.len()])
            .to_lowercase();
        cut.split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let first = masks
        .first()
        .map_or_else(Vec::new, |(pattern, _)| words(pattern));
    let mut names: Vec<(String, String, usize)> = Vec::new();
    for (i, (pattern, n)) in masks.iter().enumerate() {
        let own: Vec<String> = words(pattern)
            .into_iter()
            .filter(|word| !first.contains(word))
            .collect();
        let mut name = if i == 0 {
            "mask".to_owned()
        } else {
            format!("mask_{}", own.join("_"))
        };
        if names.iter().any(|(other, _, _)| *other == name) || name == "mask_" {
            name = format!("mask_{}", i + 1);
        }
        names.push((name, (*pattern).clone(), *n));
    }
    names
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// A file by its name; `[i]` stands for DICOM slices, `[r]` for regions.
    fn entry(text: &str) -> Entry {
        let (path, holds) = match (text.strip_suffix("[i]"), text.strip_suffix("[r]")) {
            (Some(path), _) => (path, Holds::Image),
            (_, Some(path)) => (path, Holds::Regions),
            _ => (text, Holds::ByName),
        };
        Entry {
            path: path.to_owned(),
            holds,
        }
    }

    #[track_caller]
    fn check(
        files: &[&str],
        image: &str,
        masks: &[(&str, &str)],
        patients: &[&str],
        n_strangers: usize,
    ) {
        let files: Vec<Entry> = files.iter().map(|f| entry(f)).collect();
        let layout = find(&files, None).unwrap();
        let found: Vec<(&str, &str)> = layout
            .masks
            .iter()
            .map(|(n, p, _)| (n.as_str(), p.as_str()))
            .collect();
        assert_eq!((layout.image.0.as_str(), found.as_slice()), (image, masks));
        assert_eq!(layout.patients, patients);
        assert_eq!(
            layout.strangers.len(),
            n_strangers,
            "{:?}",
            layout.strangers
        );
    }

    #[test]
    fn a_folder_a_patient() {
        check(
            &[
                "P01/T2.nii.gz",
                "P01/mask.nii.gz",
                "P02/T2.nii.gz",
                "P02/mask.nii.gz",
                "notes/T2.nii.gz",
            ],
            "{patient_id}/T2.nii.gz",
            &[("mask", "{patient_id}/mask.nii.gz")],
            &["P01", "P02"],
            0,
        );
    }

    #[test]
    fn images_and_labels_in_two_folders() {
        check(
            &[
                "images/A-1.nii.gz",
                "images/A-2.nii.gz",
                "labels/A-1.nii.gz",
                "labels/A-2.nii.gz",
            ],
            "images/{patient_id}.nii.gz",
            &[("mask", "labels/{patient_id}.nii.gz")],
            &["A-1", "A-2"],
            0,
        );
    }

    #[test]
    fn pseudonyms_with_separators_and_further_readings() {
        check(
            &[
                "c1-001_t2w.nii.gz",
                "c1-001_mask.nii.gz",
                "c1-001_mask_r1s2.nii.gz",
                "c1-002_t2w.nii.gz",
                "c1-002_mask.nii.gz",
                "c1-002_mask_r1s2.nii.gz",
                "c2-001_t2w.nii.gz",
                "c2-001_mask.nii.gz",
                "scout.nii",
            ],
            "{patient_id}_t2w.nii.gz",
            &[
                ("mask", "{patient_id}_mask.nii.gz"),
                ("mask_r1s2", "{patient_id}_mask_r1s2.nii.gz"),
            ],
            &["c1-001", "c1-002", "c2-001"],
            1,
        );
    }

    #[test]
    fn brain_imaging_data_structure() {
        check(
            &[
                "sub-01/anat/sub-01_T2w.nii.gz",
                "derivatives/sub-01/sub-01_dseg.nii.gz",
                "sub-02/anat/sub-02_T2w.nii.gz",
                "derivatives/sub-02/sub-02_dseg.nii.gz",
            ],
            "{patient_id}/anat/{patient_id}_T2w.nii.gz",
            &[("mask", "derivatives/{patient_id}/{patient_id}_dseg.nii.gz")],
            &["sub-01", "sub-02"],
            0,
        );
    }

    #[test]
    fn folders_of_slices_with_their_structure_sets() {
        check(
            &["P01/MR[i]", "P01/RT[r]", "P02/MR[i]", "P02/RT[r]"],
            "{patient_id}/MR",
            &[("mask", "{patient_id}/RT")],
            &["P01", "P02"],
            0,
        );
        // One folder holds both.
        check(
            &["P01[i]", "P01[r]", "P02[i]", "P02[r]"],
            "{patient_id}",
            &[("mask", "{patient_id}")],
            &["P01", "P02"],
            0,
        );
        // Slices beside a label image.
        check(
            &["P01/MR[i]", "P01/gtv.nii.gz", "P02/MR[i]", "P02/gtv.nii.gz"],
            "{patient_id}/MR",
            &[("mask", "{patient_id}/gtv.nii.gz")],
            &["P01", "P02"],
            0,
        );
    }

    #[test]
    fn images_without_masks_are_no_cohort() {
        let files = ["a1.nii.gz", "a2.nii.gz"].map(entry);
        assert_eq!(find(&files, None), None);
    }
}
