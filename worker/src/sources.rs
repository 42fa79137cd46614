//! Files and folders of a patient as a step reads them: one run of bytes each.
//!
//! | on the disk | bytes |
//! |---|---|
//! | an image that reads (NIfTI, NRRD, MetaImage) | its canonical bytes: another compression or a re-export is the same image |
//! | a header with its data beside it (`.mhd`, `.nhdr`) | as if they were attached |
//! | a folder, or a file of which something was chosen | a [bundle](imaging::formats::Bundle) of its DICOM files, their names left out |
//! | any other file | the file's |

use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use imaging::formats::{self, Bundle, Choice};
use imaging::{canonical, metaimage, nrrd};
use serde::{Deserialize, Serialize};

/// What identifies a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Voxels and geometry.
    Image,
    /// The bytes of one file.
    Bytes,
    /// The bytes of several files, or of one with what was chosen of it.
    Files,
    /// Nothing is there.
    Missing,
}

/// A folder that holds more files is no folder of one patient's series.
const N_FILES_MAX: usize = 20_000;
/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 8;
/// The most bytes a folder's files may have together.
const FOLDER_BYTES_MAX: u64 = 8 << 30;
/// Bytes before the word that DICOM files have.
const DICOM_PREAMBLE_BYTES: usize = 128;

/// The bytes of a path, and what they are.
///
/// # Errors
/// The disk does not answer, or a folder is beyond all measure.
pub fn load(path: &Path, choice: &Choice) -> std::io::Result<(Identity, Bytes)> {
    if path.is_dir() {
        let files = dicom_files(path)?;
        return Ok((Identity::Files, Bundle::encode(choice, &files).into()));
    }
    let bytes = with_its_data(path, std::fs::read(path)?)?;
    if !choice.is_empty() {
        return Ok((Identity::Files, Bundle::encode(choice, &[bytes]).into()));
    }
    Ok(identify(bytes))
}

/// The bytes of a path that somebody names by hand: an image stays in the format it has.
///
/// # Errors
/// As [`load`].
pub fn load_by_hand(path: &Path) -> std::io::Result<Bytes> {
    if path.is_dir() {
        let files = dicom_files(path)?;
        return Ok(Bundle::encode(&Choice::default(), &files).into());
    }
    Ok(with_its_data(path, std::fs::read(path)?)?.into())
}

/// All files whose content or change changes what [`load`] gives, in the order of their paths.
///
/// # Errors
/// As [`load`].
pub fn files_of(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if path.is_dir() {
        let mut files = Vec::new();
        walk(path, 0, &mut files)?;
        files.sort_unstable();
        return Ok(files);
    }
    let mut files = vec![path.to_owned()];
    if is_header(path)
        && let Some(data) = data_file(path, &std::fs::read(path)?)
    {
        files.push(data);
    }
    Ok(files)
}

fn identify(bytes: Vec<u8>) -> (Identity, Bytes) {
    // The names of segments are not in the image.
    if nrrd::has_segments(&bytes) {
        return (Identity::Bytes, bytes.into());
    }
    match formats::read_bytes(&bytes) {
        Ok(volume) => (Identity::Image, canonical::canonical_bytes(&volume).into()),
        Err(_) => (Identity::Bytes, bytes.into()),
    }
}

fn is_header(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    extension == "mhd" || extension == "nhdr"
}

/// The file that a header names, beside it.
fn data_file(path: &Path, header: &[u8]) -> Option<PathBuf> {
    let name = if nrrd::is_nrrd(header) {
        nrrd::data_file(header).ok().flatten()
    } else {
        metaimage::data_file(header).ok().flatten()
    };
    Some(path.parent().unwrap_or(Path::new("")).join(name?))
}

/// A header with its data; alone where it names none that can be read, so that its reader says why.
fn with_its_data(path: &Path, header: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let Some(data) = is_header(path).then(|| data_file(path, &header)).flatten() else {
        return Ok(header);
    };
    let data = match std::fs::read(data) {
        Ok(data) => data,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(header),
        Err(error) => return Err(error),
    };
    Ok(if nrrd::is_nrrd(&header) {
        nrrd::attach(&header, &data)
    } else {
        metaimage::attach(&header, &data)
    })
}

fn dicom_files(folder: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    walk(folder, 0, &mut paths)?;
    let mut n_bytes = 0;
    let mut files = Vec::new();
    for path in paths {
        let mut file = std::fs::File::open(&path)?;
        let mut bytes = Vec::new();
        let start = DICOM_PREAMBLE_BYTES as u64 + 4;
        file.by_ref().take(start).read_to_end(&mut bytes)?;
        if bytes.get(DICOM_PREAMBLE_BYTES..) != Some(b"DICM") {
            continue;
        }
        file.read_to_end(&mut bytes)?;
        n_bytes += bytes.len() as u64;
        if n_bytes > FOLDER_BYTES_MAX {
            return Err(too_much(format!("more than {FOLDER_BYTES_MAX} bytes")));
        }
        files.push(bytes);
    }
    Ok(files)
}

/// Files below a folder; what is hidden is not looked at.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = std::fs::metadata(&path)?;
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() && depth < DEPTH_MAX {
            walk(&path, depth + 1, files)?;
        }
        if files.len() > N_FILES_MAX {
            return Err(too_much(format!("more than {N_FILES_MAX} files")));
        }
    }
    Ok(())
}

fn too_much(what: String) -> Error {
    let message = format!("the folder holds {what}; name the folder of one patient's series");
    Error::new(ErrorKind::FileTooLarge, message)
}
