//! A site's own cohort file: which patients, which files, which columns may be shared.
//!
//! ```toml
//! table = "patients.csv"                 # a row a patient; beside this file
//! [items]                                # files or folders of a patient, by column or by pattern
//! t2w  = { column = "image" }            # NIfTI, NRRD, MetaImage, a DICOM file or a folder of one series
//! mask = { pattern = "masks/{patient_id}.nii.gz" }
//! rt   = { pattern = "rt/{patient_id}.dcm", region-column = "roi_name" }   # series-column for folders of several series
//! [share]                                # what may reach the hub; nothing unless it stands here
//! columns = ["dfs_months", "dfs_event"]
//! ```
//! `patient_id` must be a pseudonym: it is announced. Rows of other sites are ignored, so one file can serve all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cas::{Naming, Store};
use digest::Digest;
use imaging::formats::Choice;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::shareable::{self, Unshareable};
use crate::sources::{self, Identity};

/// The file, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortFile {
    /// Patient table.
    pub table: PathBuf,
    /// Column names that differ from the standard ones.
    #[serde(default)]
    pub columns: Columns,
    /// Where the files of a patient are.
    #[serde(default)]
    pub items: BTreeMap<String, Item>,
    /// What may reach the hub.
    #[serde(default)]
    pub share: Share,
}

/// Names of the two columns that every table has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// The pseudonym.
    pub patient_id: String,
    /// The site.
    pub site: String,
}

impl Default for Columns {
    fn default() -> Columns {
        Columns {
            patient_id: "patient_id".to_owned(),
            site: "site".to_owned(),
        }
    }
}

/// How the file or folder of a patient is found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Item {
    /// A column of the table holds its path, relative to the cohort file.
    pub column: Option<String>,
    /// A path with `{patient_id}` in it, relative to the cohort file.
    pub pattern: Option<String>,
    /// A column of the table holds the `SeriesInstanceUID`, where a folder has several series.
    pub series_column: Option<String>,
    /// A column of the table holds the name of the region, where patients differ in it.
    pub region_column: Option<String>,
}

/// Columns that may reach the hub.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Their names in the table.
    #[serde(default)]
    pub columns: Vec<String>,
}

/// What is wrong with a cohort file.
#[derive(Debug, thiserror::Error)]
pub enum CohortError {
    /// A file does not read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The cohort file is not what it should be.
    #[error("{path}: {problem}")]
    Toml {
        /// Which.
        path: PathBuf,
        /// Where and what.
        problem: String,
    },
    /// The table lacks a column.
    #[error("{table} has no column `{column}`, which {wanted_by} names; it has {found}")]
    Column {
        /// Which table.
        table: PathBuf,
        /// The missing column.
        column: String,
        /// Who wants it.
        wanted_by: String,
        /// The columns it has.
        found: String,
    },
    /// An item that is found in no way, or in two.
    #[error("item `{item}` needs either `column` or `pattern`")]
    Item {
        /// Its name.
        item: String,
    },
    /// The table does not read.
    #[error("{table}, row {row}: {problem}")]
    Table {
        /// Which table.
        table: PathBuf,
        /// Row of the file, the header being 1.
        row: usize,
        /// What is wrong.
        problem: String,
    },
    /// A column that must not leave its site, although the cohort file shares it.
    #[error("{cohort} shares column `{column}`: {why}; take it out of [share]")]
    Unshareable {
        /// The cohort file.
        cohort: PathBuf,
        /// The column.
        column: String,
        /// Why not.
        why: Unshareable,
    },
    /// Nobody of this site.
    #[error("{table} has no patient of site `{site}`; it has sites {found}")]
    NobodyHere {
        /// Which table.
        table: PathBuf,
        /// The site asked for.
        site: String,
        /// The sites in it.
        found: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] cas::StoreError),
}

/// A file behind a digest.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Where it is; never leaves the site.
    pub path: PathBuf,
    /// What of it is meant.
    pub choice: Choice,
    /// What its digest is over.
    pub identity: Identity,
}

/// Stands for a file that is not there.
const MISSING: &[u8] = b"radloom: no such file";

impl SourceFile {
    /// The bytes that its digest is over.
    #[must_use]
    pub fn read(&self) -> Option<Bytes> {
        match sources::load(&self.path, &self.choice) {
            Err(error) => (self.identity == Identity::Missing && is_absence(&error))
                .then(|| Bytes::from_static(MISSING)),
            Ok((_, bytes)) => Some(bytes),
        }
    }
}

/// Whether there is no such file. A disk or a share that does not answer is something else: it must exclude nobody.
fn is_absence(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
            | ErrorKind::PermissionDenied
    ) || is_loop(error)
}

/// A link that leads back to itself.
fn is_loop(error: &std::io::Error) -> bool {
    const ELOOP: i32 = 40;
    cfg!(target_os = "linux") && error.raw_os_error() == Some(ELOOP)
}

/// Whether these bytes stand for a file that is not there.
#[must_use]
pub fn is_missing(bytes: &[u8]) -> bool {
    bytes == MISSING
}

/// What a site announces, and what it keeps to itself.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Patients with their items, by pseudonym.
    pub patients: BTreeMap<String, BTreeMap<String, Digest>>,
    /// CSV of the shared columns; empty when nothing is shared.
    pub shared_csv: Vec<u8>,
    /// Files behind the digests.
    pub sources: BTreeMap<Digest, SourceFile>,
    /// Files that were read; the others were remembered.
    pub n_read: usize,
}

/// Reads the cohort file.
///
/// # Errors
/// It is not there, or not what it should be; the message has line and column.
pub fn read_file(path: &Path) -> Result<CohortFile, CohortError> {
    let text = std::fs::read_to_string(path).map_err(|source| CohortError::Read {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|e| CohortError::Toml {
        path: path.to_owned(),
        problem: e.to_string().trim().to_owned(),
    })
}

/// Finds out what the site has. Files that have not changed since an earlier scan are not read again.
///
/// # Errors
/// The cohort file, its table, the store or the disk do not read. A patient's file that is not there, or is no image, is
/// no error here: its import refuses it by name.
pub fn scan(path: &Path, site: &str, store: &Store) -> Result<Scan, CohortError> {
    let file = read_file(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let table_path = folder.join(&file.table);
    let table = Table::read(&table_path)?;
    let rows = table.rows_of(&file, site)?;
    let wanted = wanted_files(&file, &table, &rows, folder)?;
    // Before anything is announced.
    let mut refused = unshareable(&file, &table, rows.iter().map(|(row, _)| *row)).into_iter();
    if let Some((column, why)) = refused.next() {
        return Err(CohortError::Unshareable {
            cohort: path.to_owned(),
            column,
            why,
        });
    }
    // Keyed digests hold under one key: what was remembered beside another site store says nothing here.
    let memo_key = format!(
        "memo:{}:{}",
        store.place_id(),
        Digest::of(path.as_os_str().as_encoded_bytes())
    );
    let memo: Memo = store
        .note(&memo_key)?
        .and_then(|b| serde_json::from_slice(&b).ok())
        .unwrap_or_default();
    let found: Vec<(Remembered, bool)> = wanted
        .par_iter()
        .map(|w| look(w, memo.files.get(&w.memo_key()), store))
        .collect::<Result<_, CohortError>>()?;
    let mut scan = Scan {
        n_read: found.iter().filter(|(_, read)| *read).count(),
        ..Scan::default()
    };
    for row in &rows {
        scan.patients.entry(row.1.clone()).or_default();
    }
    let mut next = Memo::default();
    for (want, (seen, _)) in wanted.iter().zip(found) {
        let Ok(digest) = seen.digest.parse::<Digest>() else {
            continue;
        };
        scan.patients
            .entry(want.patient_id.clone())
            .or_default()
            .insert(want.item.clone(), digest);
        scan.sources.insert(
            digest,
            SourceFile {
                path: want.path.clone(),
                choice: want.choice.clone(),
                identity: seen.identity,
            },
        );
        next.files.insert(want.memo_key(), seen);
    }
    if scan.n_read > 0 || next.files.len() != memo.files.len() {
        store.set_note(&memo_key, &serde_json::to_vec(&next).unwrap_or_default())?;
    }
    scan.shared_csv = shared_csv(&file, &table, &rows, site)?;
    Ok(scan)
}

/// A file or folder that the cohort names.
pub struct Wanted {
    /// Whose.
    pub patient_id: String,
    /// Which item.
    pub item: String,
    /// Where; never leaves the site.
    pub path: PathBuf,
    /// What of it is meant.
    pub choice: Choice,
}

impl Wanted {
    /// One path may be asked for several times, each for another region.
    fn memo_key(&self) -> String {
        let Choice { series, region } = &self.choice;
        format!("{:?} {series:?} {region:?}", self.path)
    }
}

/// Files as they were when they were read last, by path and what is meant of them.
#[derive(Default, Serialize, Deserialize)]
struct Memo {
    files: BTreeMap<String, Remembered>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Remembered {
    stamp: Option<Stamp>,
    read_at_ns: u64,
    digest: String,
    identity: Identity,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    mtime_ns: i64,
    ctime_ns: i64,
    inode: u64,
    /// Of a folder, or a header with its data: the digest of the members' names and stamps; size is their sum and the times are the
    /// latest ones.
    #[serde(default)]
    members: String,
}

/// A file system may stamp times this coarsely: a file changed within it before its reading may change again unseen.
const STAMP_RESOLUTION: Duration = Duration::from_secs(2);

/// None if nothing is there, or nothing that can be read to its end.
fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    let members = sources::files_of(path).ok()?;
    if meta.is_file() && members.len() == 1 {
        return Some(stamp_of(&meta));
    }
    let mut all = Stamp {
        size: 0,
        ..stamp_of(&meta)
    };
    let mut text = String::new();
    for member in members {
        let one = stamp_of(&std::fs::metadata(&member).ok()?);
        all.size = all.size.saturating_add(one.size);
        all.mtime_ns = all.mtime_ns.max(one.mtime_ns);
        all.ctime_ns = all.ctime_ns.max(one.ctime_ns);
        let Stamp {
            size,
            mtime_ns,
            ctime_ns,
            inode,
            ..
        } = one;
        text += &format!("{member:?} {size} {mtime_ns} {ctime_ns} {inode}\n");
    }
    all.members = Digest::of(text.as_bytes()).to_string();
    (meta.is_file() || meta.is_dir()).then_some(all)
}

fn stamp_of(meta: &std::fs::Metadata) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    Stamp {
        size: meta.size(),
        mtime_ns: nanoseconds(meta.mtime(), meta.mtime_nsec()),
        ctime_ns: nanoseconds(meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
        members: String::new(),
    }
}

/// Times far from ours, as broken clocks write them, end at the bounds.
fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

fn trusted(memo: &Remembered, now: &Stamp) -> bool {
    let settled = |at_ns: i64| {
        at_ns.saturating_add(STAMP_RESOLUTION.as_nanos() as i64) < memo.read_at_ns as i64
    };
    memo.stamp.as_ref() == Some(now) && settled(now.mtime_ns.max(now.ctime_ns))
}

/// The identity of a file, read only if it may have changed.
fn look(
    want: &Wanted,
    memo: Option<&Remembered>,
    store: &Store,
) -> Result<(Remembered, bool), CohortError> {
    let path = want.path.as_path();
    // A pipe or a device is no image; reading it might never end.
    let odd = std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
    let now = if odd { None } else { stamp(path) };
    if let (Some(memo), Some(now)) = (memo, &now)
        && trusted(memo, now)
    {
        return Ok((memo.clone(), false));
    }
    let read_at_ns = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as u64);
    let readable = if odd { Path::new("") } else { path };
    let (identity, bytes) = match sources::load(readable, &want.choice) {
        Ok(found) => found,
        Err(error) if is_absence(&error) => (Identity::Missing, Bytes::from_static(MISSING)),
        Err(source) => {
            return Err(CohortError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let digest = store.name(&bytes, Naming::Keyed)?.to_string();
    Ok((
        Remembered {
            stamp: now,
            read_at_ns,
            digest,
            identity,
        },
        true,
    ))
}

/// The files of these rows (row of the table, pseudonym), item by item; a patient with an empty cell has no such file.
///
/// # Errors
/// The table lacks a column that an item names, or an item is found in no way.
pub fn wanted_files(
    file: &CohortFile,
    table: &Table,
    rows: &[(usize, String)],
    folder: &Path,
) -> Result<Vec<Wanted>, CohortError> {
    let mut wanted = Vec::new();
    for (item, how) in &file.items {
        let by = format!("item `{item}`");
        let need = |column: &Option<String>| {
            let find = |name: &String| table.need(name, &by);
            column.as_ref().map(find).transpose()
        };
        let (column, series, region) = (
            need(&how.column)?,
            need(&how.series_column)?,
            need(&how.region_column)?,
        );
        for (row, patient_id) in rows {
            let cell = |column| table.cell(*row, column);
            let text = match (column, &how.pattern) {
                (Some(column), None) => cell(column).to_owned(),
                (None, Some(pattern)) => pattern.replace("{patient_id}", patient_id),
                _ => return Err(CohortError::Item { item: item.clone() }),
            };
            let chosen = |column: Option<usize>| {
                let text = column.map(cell).filter(|text| !text.is_empty());
                text.map(str::to_owned)
            };
            if !text.is_empty() {
                wanted.push(Wanted {
                    patient_id: patient_id.clone(),
                    item: item.clone(),
                    path: folder.join(text),
                    choice: Choice {
                        series: chosen(series),
                        region: chosen(region),
                    },
                });
            }
        }
    }
    Ok(wanted)
}

/// The columns that a cohort file shares and that must stay where they are, judged by these rows.
#[must_use]
pub fn unshareable(
    file: &CohortFile,
    table: &Table,
    rows: impl Iterator<Item = usize> + Clone,
) -> Vec<(String, Unshareable)> {
    let by_file = |name: &String| {
        let found_by = |item: &Item| {
            [&item.column, &item.series_column, &item.region_column]
                .into_iter()
                .flatten()
                .any(|column| column == name)
        };
        file.items.values().any(found_by)
    };
    let judged = file.share.columns.iter().filter_map(|name| {
        let identity = [&file.columns.patient_id, &file.columns.site].contains(&name);
        let column = table.header.iter().position(|h| h == name)?;
        let cells = rows.clone().map(|row| table.cell(row, column));
        let why = match identity {
            true => Unshareable::Identity,
            false => shareable::judge(name, by_file(name), cells).err()?,
        };
        Some((name.clone(), why))
    });
    judged.collect()
}

/// `patient_id,site,<shared columns>` of this site's rows, as they stand in the table.
fn shared_csv(
    file: &CohortFile,
    table: &Table,
    rows: &[(usize, String)],
    site: &str,
) -> Result<Vec<u8>, CohortError> {
    let columns: Vec<usize> = file
        .share
        .columns
        .iter()
        .map(|c| table.need(c, "share.columns"))
        .collect::<Result<_, _>>()?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let to_error = |e: csv::Error| CohortError::Table {
        table: table.path.clone(),
        row: 0,
        problem: e.to_string(),
    };
    let header = ["patient_id", "site"]
        .into_iter()
        .map(str::to_owned)
        .chain(file.share.columns.iter().cloned());
    writer.write_record(header).map_err(to_error)?;
    let mut sorted: Vec<&(usize, String)> = rows.iter().collect();
    sorted.sort_by(|a, b| a.1.cmp(&b.1));
    for (row, patient_id) in sorted {
        let cells = columns.iter().map(|c| table.cell(*row, *c));
        writer
            .write_record([patient_id.as_str(), site].into_iter().chain(cells))
            .map_err(to_error)?;
    }
    writer.into_inner().map_err(|e| CohortError::Table {
        table: table.path.clone(),
        row: 0,
        problem: e.to_string(),
    })
}

/// A patient table as it is written.
pub struct Table {
    /// Its file.
    pub path: PathBuf,
    /// Names of its columns.
    pub header: Vec<String>,
    records: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads a table: a header, then a row a patient; a byte-order mark does not matter.
    ///
    /// # Errors
    /// It is not there, is no CSV, or a column stands twice.
    pub fn read(path: &Path) -> Result<Table, CohortError> {
        let bytes = std::fs::read(path).map_err(|source| CohortError::Read {
            path: path.to_owned(),
            source,
        })?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        if let Some(problem) = no_csv(bytes) {
            return Err(CohortError::Table {
                table: path.to_owned(),
                row: 1,
                problem: problem.to_owned(),
            });
        }
        let bad = |row: usize, e: csv::Error| CohortError::Table {
            table: path.to_owned(),
            row,
            problem: e.to_string(),
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let header = reader
            .headers()
            .map_err(|e| bad(1, e))?
            .iter()
            .map(str::to_owned)
            .collect();
        let header: Vec<String> = header;
        for (at, name) in header.iter().enumerate() {
            if let Some(first) = header[..at].iter().position(|n| n == name && !n.is_empty()) {
                return Err(CohortError::Table {
                    table: path.to_owned(),
                    row: 1,
                    problem: format!(
                        "column `{name}` stands twice (columns {} and {}); rename one",
                        first + 1,
                        at + 1
                    ),
                });
            }
        }
        let mut records = Vec::new();
        for (i, record) in reader.records().enumerate() {
            records.push(record.map_err(|e| bad(i + 2, e))?);
        }
        Ok(Table {
            path: path.to_owned(),
            header,
            records,
        })
    }

    fn need(&self, column: &str, wanted_by: &str) -> Result<usize, CohortError> {
        self.header
            .iter()
            .position(|h| h == column)
            .ok_or_else(|| CohortError::Column {
                table: self.path.clone(),
                column: column.to_owned(),
                wanted_by: wanted_by.to_owned(),
                found: self.header.join(", "),
            })
    }

    /// Number of patients.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.records.len()
    }

    /// A cell, trimmed; empty where the table has none.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.records
            .get(row)
            .and_then(|r| r.get(column))
            .unwrap_or("")
    }

    /// Rows of one site with their pseudonyms; each patient once.
    fn rows_of(&self, file: &CohortFile, site: &str) -> Result<Vec<(usize, String)>, CohortError> {
        let id = self.need(&file.columns.patient_id, "columns.patient_id")?;
        let at = self.need(&file.columns.site, "columns.site")?;
        let mut rows = Vec::new();
        let mut first_row = BTreeMap::new();
        for row in 0..self.records.len() {
            if self.cell(row, at) != site {
                continue;
            }
            let patient_id = self.cell(row, id).to_owned();
            if patient_id.is_empty() {
                return Err(CohortError::Table {
                    table: self.path.clone(),
                    row: row + 2,
                    problem: "the patient has no pseudonym".to_owned(),
                });
            }
            if let Some(earlier) = first_row.insert(patient_id.clone(), row + 2) {
                let problem = format!("patient `{patient_id}` stands in row {earlier} already");
                return Err(CohortError::Table {
                    table: self.path.clone(),
                    row: row + 2,
                    problem,
                });
            }
            rows.push((row, patient_id));
        }
        if rows.is_empty() {
            let mut sites: Vec<&str> = (0..self.records.len()).map(|r| self.cell(r, at)).collect();
            sites.sort_unstable();
            sites.dedup();
            return Err(CohortError::NobodyHere {
                table: self.path.clone(),
                site: site.to_owned(),
                found: sites.join(", "),
            });
        }
        Ok(rows)
    }
}

/// What Excel and others write that is not text separated by commas, by its first bytes and its first line.
fn no_csv(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Some("an Excel workbook: save it as \"CSV UTF-8 (comma delimited)\"");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Some("written in UTF-16: save it as \"CSV UTF-8 (comma delimited)\"");
    }
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or(bytes);
    let count = |of: u8| line.iter().filter(|&&byte| byte == of).count();
    if count(b';') > count(b',') {
        return Some(
            "columns are separated by semicolons, as Excel does where the comma is the decimal sign: save it with commas, and write decimal points",
        );
    }
    if count(b'\t') > count(b',') {
        return Some("columns are separated by tabs: save it with commas");
    }
    std::str::from_utf8(bytes)
        .is_err()
        .then_some("not written in UTF-8: save it as \"CSV UTF-8 (comma delimited)\"")
}

/// How many rows each site has in a cohort file's table, in byte order of the sites.
///
/// # Errors
/// The file or its table do not read.
pub fn rows_by_site(path: &Path) -> Result<BTreeMap<String, usize>, CohortError> {
    let file = read_file(path)?;
    let table = Table::read(&path.parent().unwrap_or(Path::new(".")).join(&file.table))?;
    let at = table.need(&file.columns.site, "columns.site")?;
    let mut rows = BTreeMap::new();
    for row in 0..table.records.len() {
        *rows.entry(table.cell(row, at).to_owned()).or_default() += 1;
    }
    Ok(rows)
}
