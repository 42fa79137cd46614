//! Zip files: of a frozen model, of a run's bundle. Equal entries give equal bytes; a reader never takes more than it may.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Most entries of an archive that is read.
const ENTRIES_MAX: usize = 20_000;
/// Most bytes of an archive's entries together, unpacked.
const BYTES_MAX: u64 = 2 << 30;

/// Why an archive was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not a zip file, or a damaged one.
    #[error("not a readable zip file: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// An entry does not read: its check sum differs, or it is cut off.
    #[error("entry `{name}` does not read: {source}")]
    Entry {
        /// Which.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// More than a model or a run can have.
    #[error("{found} {what}, at most {limit} are read")]
    TooMuch {
        /// Entries or bytes.
        what: &'static str,
        /// How many.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A name that would leave its folder, or stands twice.
    #[error("entry name `{name}` is not allowed")]
    Name {
        /// The name.
        name: String,
    },
}

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A zip file of these files, in the order of their names, without times.
///
/// # Errors
/// More than a zip file holds.
pub fn pack(files: &Files) -> Result<Vec<u8>, ArchiveError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .large_file(bytes.len() as u64 >= u64::from(u32::MAX));
        writer.start_file(name.as_str(), options)?;
        writer
            .write_all(bytes)
            .map_err(|source| ArchiveError::Entry {
                name: name.clone(),
                source,
            })?;
    }
    Ok(writer.finish()?.into_inner())
}

/// The files of a zip file; folders are left out.
///
/// # Errors
/// Not a zip file, damaged, too large, or with a name that leaves its folder.
pub fn unpack(bytes: &[u8]) -> Result<Files, ArchiveError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    limit("entries", archive.len() as u64, ENTRIES_MAX as u64)?;
    let mut files = Files::new();
    let mut total = 0_u64;
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i)?;
        let name = entry.name()?.into_owned();
        if name.ends_with('/') {
            continue;
        }
        let well_named =
            !name.contains('\\') && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !well_named || files.contains_key(&name) {
            return Err(ArchiveError::Name { name });
        }
        let mut content = Vec::new();
        let left = BYTES_MAX.saturating_sub(total) + 1;
        let read = entry.by_ref().take(left).read_to_end(&mut content);
        total += read.map_err(|source| ArchiveError::Entry {
            name: name.clone(),
            source,
        })? as u64;
        limit("bytes", total, BYTES_MAX)?;
        files.insert(name, content);
    }
    Ok(files)
}

fn limit(what: &'static str, found: u64, limit: u64) -> Result<(), ArchiveError> {
    match found <= limit {
        true => Ok(()),
        false => Err(ArchiveError::TooMuch { what, found, limit }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn files() -> Files {
        let text = b"the same line again and again\n".repeat(50);
        [
            ("a/b.txt".to_owned(), text),
            ("c.json".to_owned(), b"{}".to_vec()),
        ]
        .into()
    }

    #[test]
    fn what_is_packed_is_unpacked_and_packed_to_equal_bytes() {
        let packed = pack(&files()).unwrap();
        assert_eq!(unpack(&packed).unwrap(), files());
        assert_eq!(pack(&files()).unwrap(), packed);
        assert!(packed.len() < 600, "{} bytes", packed.len());
    }

    #[test]
    fn a_damaged_archive_is_refused_and_never_panics() {
        let packed = pack(&files()).unwrap();
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x40;
            // What a flipped bit leaves readable is another content, another name, or a field that nothing depends on.
            let _ = unpack(&damaged);
            assert!(unpack(&packed[..at]).is_err(), "cut off at {at}");
        }
    }

    #[test]
    fn a_name_that_leaves_its_folder_is_refused() {
        for name in ["../x", "a/../x", "/x", "a\\b"] {
            let packed = pack(&[(name.to_owned(), b"x".to_vec())].into()).unwrap();
            assert!(
                matches!(unpack(&packed), Err(ArchiveError::Name { .. })),
                "{name}"
            );
        }
    }
}
