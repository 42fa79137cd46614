//! Who may open a store, and what it is called: the process lock, the site's key, the place's id.

use crate::disk::{Disk, temporary_name};
use crate::error::{Result, StoreError, io_error};
use crate::files::absent_is_none;
use digest::{Digest, SiteKey};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

const KEY_FILE: &str = "site.key";
const PLACE_FILE: &str = "place.id";
const FORMAT_FILE: &str = "format";
const FORMAT: &str = "radloom store 1";
const PLACE_ID_LEN: usize = 16;

/// Held as long as the store is open; the system lets it go when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct OwnLock {
    _file: File,
}

impl OwnLock {
    pub(crate) fn take(dir: &Path) -> Result<OwnLock> {
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(StoreError::Locked {
                    dir: dir.to_owned(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(io_error("write to", &path))?;
        Ok(OwnLock { _file: file })
    }
}

/// Refuses a store that another version of the program wrote; marks a new one.
pub(crate) fn check_format(disk: &Disk, dir: &Path) -> Result<()> {
    let text = read_or_make(disk, dir, FORMAT_FILE, false, || Ok(format!("{FORMAT}\n")))?;
    match text.trim_end() {
        FORMAT => Ok(()),
        found => {
            let found = found.lines().next().unwrap_or_default().to_owned();
            Err(StoreError::Format {
                dir: dir.to_owned(),
                found,
                expected: FORMAT,
            })
        }
    }
}

/// The site's key; made if it is wanted and not there.
pub(crate) fn site_key(disk: &Disk, dir: &Path, create: bool) -> Result<Option<SiteKey>> {
    let path = dir.join(KEY_FILE);
    let text = if create {
        read_or_make(disk, dir, KEY_FILE, true, || Ok(hex_line(&random::<32>()?)))?
    } else {
        match absent_is_none(std::fs::read_to_string(&path), "read", &path)? {
            Some(text) => text,
            None => return Ok(None),
        }
    };
    match Digest::from_hex(true, text.trim_end()) {
        Ok(key) => Ok(Some(SiteKey::new(*key.bytes()))),
        Err(_) => Err(StoreError::Identity {
            path,
            expected: "64 hexadecimal digits",
        }),
    }
}

/// What stores with the same files call themselves: 16 hexadecimal digits, made at the first opening.
pub(crate) fn place_id(disk: &Disk, dir: &Path) -> Result<String> {
    let text = read_or_make(disk, dir, PLACE_FILE, false, || {
        Ok(hex_line(&random::<{ PLACE_ID_LEN / 2 }>()?))
    })?;
    let id = text.trim_end();
    if id.len() != PLACE_ID_LEN || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(StoreError::Identity {
            path: dir.join(PLACE_FILE),
            expected: "16 hexadecimal digits",
        });
    }
    Ok(id.to_owned())
}

/// Reads a small file, or makes it whole; of several who make it at once one wins and all read what it wrote.
fn read_or_make(
    disk: &Disk,
    dir: &Path,
    name: &str,
    secret: bool,
    make: impl FnOnce() -> Result<String>,
) -> Result<String> {
    let path = dir.join(name);
    let read = || absent_is_none(std::fs::read_to_string(&path), "read", &path);
    if let Some(text) = read()? {
        return Ok(text);
    }
    let temporary = dir.join(temporary_name(name));
    let file = disk.create_new(&temporary, secret)?;
    let text = make()?;
    let linked = disk
        .write(&file, &temporary, text.as_bytes())
        .and_then(|()| disk.sync(&file, &temporary))
        .and_then(|()| disk.link_new(&temporary, &path));
    let _ = std::fs::remove_file(&temporary);
    linked?;
    disk.sync_folder(dir)?;
    read().map(Option::unwrap_or_default)
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let (path, mut bytes) = (Path::new("/dev/urandom"), [0; N]);
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

fn hex_line(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    text
}
