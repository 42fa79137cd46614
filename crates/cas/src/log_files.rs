//! The files of the log: `log/0000000001.log`, `0000000002.log`, …; `….base.log` begins anew and makes all earlier ones void.

use crate::disk::{Disk, temporary_name};
use crate::error::{Result, io_error};
use crate::index::{Index, Place};
use crate::record::{Found, HEADER_LEN, PAYLOAD_MAX, decode, record_at, scan};
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
}

/// What a replay met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    /// Where the last good record ends.
    pub(crate) end: u64,
    pub(crate) records: u64,
    pub(crate) bytes_cut: u64,
    pub(crate) bytes_damaged: u64,
}

pub(crate) fn log_path(dir: &Path, number: u64, base: bool) -> PathBuf {
    dir.join(format!(
        "{number:010}{}.log",
        if base { ".base" } else { "" }
    ))
}

/// The files that count, in order, and the number of the base if there is one; void and half-made ones are removed.
pub(crate) fn list(disk: &Disk, dir: &Path) -> Result<(Vec<LogFile>, Option<u64>)> {
    let (mut files, mut base) = (Vec::new(), None);
    for entry in std::fs::read_dir(dir).map_err(io_error("list", dir))? {
        let path = entry.map_err(io_error("list", dir))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".tmp") {
            disk.remove(&path)?;
            continue;
        }
        let Some(stem) = name.strip_suffix(".log") else {
            continue;
        };
        let Ok(number) = stem.trim_end_matches(".base").parse::<u64>() else {
            continue;
        };
        if stem.ends_with(".base") {
            base = base.max(Some(number));
        }
        files.push(LogFile { number, path });
    }
    files.sort_by_key(|file| file.number);
    for void in files.extract_if(.., |file| Some(file.number) < base) {
        disk.remove(&void.path)?;
    }
    Ok((files, base))
}

/// The path of the log with this number.
pub(crate) fn find(dir: &Path, number: u64) -> PathBuf {
    let base = log_path(dir, number, true);
    if base.exists() {
        base
    } else {
        log_path(dir, number, false)
    }
}

/// Puts every record from `from` on into the index; copies bytes that are no records to `aside` and cuts them off
/// at the end. Zeros at the end are room for more.
pub(crate) fn replay(
    disk: &Disk,
    file: &LogFile,
    from: u64,
    index: &Index,
    aside: &Path,
) -> Result<Replay> {
    let handle = open_rw(&file.path)?;
    let bytes = read_from(&handle, &file.path, from)?;
    let mut replay = Replay {
        end: from,
        ..Replay::default()
    };
    for found in scan(&bytes, file.number, from) {
        match found {
            Found::Record { offset, payload } => {
                replay.records += 1;
                replay.end = offset + (HEADER_LEN + payload.len()) as u64;
                if let Some(op) = decode(payload) {
                    index.apply(
                        &op,
                        payload,
                        Place {
                            number: file.number,
                            offset,
                        },
                    )?;
                }
            }
            Found::Damaged { span } => {
                keep_span(disk, aside, file.number, &span, from, &bytes)?;
                replay.bytes_damaged += span.end - span.start;
            }
            Found::Tail { mut span } => {
                let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count() as u64;
                if zeros >= span.end - span.start {
                    break; // room that a process left when it ended, not a record
                }
                span.end -= zeros;
                keep_span(disk, aside, file.number, &span, from, &bytes)?;
                disk.cut(&handle, &file.path, span.start)?;
                disk.sync(&handle, &file.path)?;
                replay.bytes_cut += span.end - span.start;
            }
        }
    }
    Ok(replay)
}

/// The payload of the record at a place; none if it is damaged or gone.
pub(crate) fn read_record(dir: &Path, place: Place) -> Result<Option<Vec<u8>>> {
    let path = find(dir, place.number);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("open", &path)(error)),
    };
    let left = file
        .metadata()
        .map_err(io_error("look at", &path))?
        .len()
        .saturating_sub(place.offset);
    let mut header = [0; HEADER_LEN];
    if left < HEADER_LEN as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut header, place.offset)
        .map_err(io_error("read", &path))?;
    let len = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if len > PAYLOAD_MAX || (len + HEADER_LEN) as u64 > left {
        return Ok(None);
    }
    let mut bytes = vec![0; HEADER_LEN + len];
    file.read_exact_at(&mut bytes, place.offset)
        .map_err(io_error("read", &path))?;
    Ok(record_at(&bytes, 0, place.number, place.offset).map(<[u8]>::to_vec))
}

pub(crate) fn open_rw(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(io_error("open", path))
}

pub(crate) fn len_of(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path)
        .map_err(io_error("look at", path))?
        .len())
}

fn read_from(file: &File, path: &Path, from: u64) -> Result<Vec<u8>> {
    let len = file
        .metadata()
        .map_err(io_error("look at", path))?
        .len()
        .saturating_sub(from);
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, from)
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

/// Keeps bytes that the log is about to lose, or that it cannot read, for a person to look at.
fn keep_span(
    disk: &Disk,
    aside: &Path,
    number: u64,
    span: &Range<u64>,
    from: u64,
    bytes: &[u8],
) -> Result<()> {
    let path = aside.join(format!("log-{number:010}-{}-{}", span.start, span.end));
    if path.exists() {
        return Ok(());
    }
    let temporary = aside.join(temporary_name("log"));
    let file = disk.create_new(&temporary, false)?;
    disk.write(
        &file,
        &temporary,
        &bytes[(span.start - from) as usize..(span.end - from) as usize],
    )?;
    disk.sync(&file, &temporary)?;
    disk.rename(&temporary, &path)?;
    disk.sync_folder(aside)
}
