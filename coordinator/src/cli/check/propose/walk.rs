//! Files of a folder that may be images: by their ending, and DICOM files by their content.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use imaging::dicom::{Stored, stored};

use super::pattern::{self, Entry, Holds};

/// Deeper folders, and more files, are another kind of folder.
const DEPTH_MAX: usize = 6;
const N_FILES_MAX: usize = 200_000;
/// Enough of a DICOM file to know what it stores.
const HEAD_BYTES: u64 = 1024;

/// Images and delineations below a folder, sorted.
pub(super) fn entries(dir: &Path) -> anyhow::Result<Vec<Entry>> {
    let mut found = Vec::new();
    walk(dir, Path::new(""), 0, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn walk(dir: &Path, below: &Path, depth: usize, found: &mut Vec<Entry>) -> anyhow::Result<()> {
    let at = dir.join(below);
    let mut dicom = Vec::new();
    for entry in std::fs::read_dir(&at).with_context(|| format!("cannot read {}", at.display()))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH_MAX {
            walk(dir, &path, depth + 1, found)?;
            continue;
        }
        let Some(text) = path.to_str().filter(|_| !kind.is_dir()) else {
            continue;
        };
        let text = text.replace('\\', "/");
        if pattern::ending(&text).is_some() {
            found.push(Entry {
                path: text,
                holds: Holds::ByName,
            });
        } else if let Some(stored) = head(&entry.path()).as_deref().and_then(stored) {
            dicom.push((text, stored));
        }
        ensure!(
            found.len() + dicom.len() < N_FILES_MAX,
            "more than {N_FILES_MAX} images in {}",
            dir.display()
        );
    }
    let folder = below.to_str().unwrap_or_default().replace('\\', "/");
    found.extend(of_folder(&folder, &dicom));
    Ok(())
}

fn head(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(HEAD_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Slices are read as a folder; so is the only file of several frames, and the only one with regions, whose names are numbers as a
/// rule. Several of these in one folder are of several patients.
fn of_folder(folder: &str, dicom: &[(String, Stored)]) -> Vec<Entry> {
    let of = |kind: Stored| -> Vec<&String> {
        let files = dicom.iter().filter(|(_, stored)| *stored == kind);
        files.map(|(path, _)| path).collect()
    };
    let whole = |holds| Entry {
        path: folder.to_owned(),
        holds,
    };
    let each = |paths: Vec<&String>, holds| -> Vec<Entry> {
        if paths.len() == 1 && !folder.is_empty() {
            return vec![whole(holds)];
        }
        let entry = |path: &String| Entry {
            path: path.clone(),
            holds,
        };
        paths.into_iter().map(entry).collect()
    };
    let mut entries = each(of(Stored::Regions), Holds::Regions);
    if of(Stored::Slice).is_empty() || folder.is_empty() {
        entries.extend(each(of(Stored::Frames), Holds::Image));
    } else {
        entries.push(whole(Holds::Image));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(folder: &str, dicom: &[(&str, Stored)]) -> Vec<(String, Holds)> {
        let dicom: Vec<(String, Stored)> =
            dicom.iter().map(|(p, s)| ((*p).to_owned(), *s)).collect();
        let entries = of_folder(folder, &dicom);
        entries.into_iter().map(|e| (e.path, e.holds)).collect()
    }

    #[test]
    fn slices_are_a_folder_and_regions_of_several_patients_are_files() {
        let slices = [
            ("P1/1", Stored::Slice),
            ("P1/2", Stored::Slice),
            ("P1/rs", Stored::Regions),
            ("P1/sr", Stored::Other),
        ];
        let both = [
            ("P1".to_owned(), Holds::Regions),
            ("P1".to_owned(), Holds::Image),
        ];
        assert_eq!(told("P1", &slices), both);
        let regions = [("rt/a", Stored::Regions), ("rt/b", Stored::Regions)];
        let each = ["rt/a", "rt/b"].map(|path| (path.to_owned(), Holds::Regions));
        assert_eq!(told("rt", &regions), each);
        assert_eq!(told("x", &[("x/sr", Stored::Other)]), []);
    }
}
