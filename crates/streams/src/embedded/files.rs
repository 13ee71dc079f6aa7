//! The files of a store as they lie on disk, read beside whoever has it open: every table must be as it was written.
//!
//! The engine keeps a list of tables with their checksums for each keyspace, `current` names the newest list, and neither tables nor lists
//! ever change; what a compaction makes needless is removed. The layout is the engine's, and a test holds this reading of it to the
//! engine's own.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3Default;

use super::damage::{gone, mark, marked, unmark};
use crate::EventStoreError;

/// Read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Lists that are tried before the tables of one are all there: compactions go on meanwhile.
const LISTS_MAX: usize = 100;

/// What a look at all tables found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifiedFiles {
    /// Tables that are as they were written.
    pub tables: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is not, in words.
    pub damaged: Vec<String>,
}

/// Verifies the tables of the store in a directory, whether it is open or not, and notes what it finds there: a store with damage takes
/// nothing more, and one that was taken for damaged and is sound does again once it is opened anew. `progress` is told how many bytes of how
/// many were read.
///
/// # Errors
/// `Unavailable` when the directory cannot be read, or the finding cannot be noted.
pub fn verify_embedded_files(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifiedFiles, EventStoreError> {
    let found = verify(dir, progress)?;
    let noted = match found.damaged.first() {
        Some(reason) if marked(dir).as_ref() != Some(reason) => mark(dir, reason),
        None if marked(dir).is_some() => unmark(dir),
        _ => Ok(()),
    };
    noted.map_err(|error| EventStoreError::Unavailable(format!("the finding cannot be noted in {}: {error}", dir.display())))?;
    Ok(found)
}

/// Why the store in a directory takes nothing, if it was found damaged.
pub fn known_damage(dir: &Path) -> Option<String> {
    marked(dir)
}

/// Verifies all tables, and notes nothing.
pub(super) fn verify(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifiedFiles, EventStoreError> {
    let unavailable = |error: io::Error| {
        if dir.is_dir() { EventStoreError::Unavailable(format!("{} cannot be read: {error}", dir.display())) } else { gone(dir) }
    };
    let mut keyspaces = Vec::new();
    for entry in std::fs::read_dir(dir.join("keyspaces")).map_err(unavailable)? {
        let path = entry.map_err(unavailable)?.path();
        if path.join("current").exists() {
            keyspaces.push(path);
        }
    }
    keyspaces.sort();
    let total = keyspaces.iter().filter_map(|keyspace| size_of_tables(keyspace).ok()).sum();
    let mut found = VerifiedFiles::default();
    for keyspace in &keyspaces {
        verify_keyspace(keyspace, &mut found, &mut |bytes| progress(bytes, total)).map_err(unavailable)?;
    }
    Ok(found)
}

fn size_of_tables(keyspace: &Path) -> io::Result<u64> {
    std::fs::read_dir(keyspace.join("tables"))?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// Tables that are gone although the newest list has them are damage; if the list is no longer the newest, they were compacted away.
fn verify_keyspace(keyspace: &Path, found: &mut VerifiedFiles, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
    let mut seen = HashSet::new();
    for _ in 0..LISTS_MAX {
        let list = match List::newest(keyspace) {
            Ok(list) => list,
            Err(Unlisted::Replaced) => continue,
            Err(Unlisted::Damaged(reason)) => {
                found.damaged.push(reason);
                return Ok(());
            }
            Err(Unlisted::Io(error)) => return Err(error),
        };
        let mut missing = None;
        for table in list.tables.iter().filter(|table| !seen.contains(&table.id)).collect::<Vec<_>>() {
            let path = keyspace.join("tables").join(table.id.to_string());
            match checksum(&path, found, progress) {
                Ok(checksum) if checksum == table.checksum => found.tables += 1,
                Ok(_) => found.damaged.push(format!("the table {} does not match its checksum", path.display())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    missing = Some(path);
                    continue;
                }
                Err(error) => found.damaged.push(format!("the table {} cannot be read: {error}", path.display())),
            }
            seen.insert(table.id);
        }
        let Some(missing) = missing else { return Ok(()) };
        if newest_id(keyspace)? == list.id {
            found.damaged.push(format!("the table {} is gone", missing.display()));
            return Ok(());
        }
    }
    Err(io::Error::other("its tables are replaced faster than they can be read: try again"))
}

/// A list of the tables that make up a keyspace.
struct List {
    id: u64,
    tables: Vec<Listed>,
}

struct Listed {
    id: u64,
    checksum: u128,
}

enum Unlisted {
    /// A newer list took its place meanwhile.
    Replaced,
    Damaged(String),
    Io(io::Error),
}

impl From<io::Error> for Unlisted {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn newest_id(keyspace: &Path) -> io::Result<u64> {
    let mut id = [0; 8];
    File::open(keyspace.join("current"))?.read_exact(&mut id)?;
    Ok(u64::from_le_bytes(id))
}

impl List {
    fn newest(keyspace: &Path) -> Result<Self, Unlisted> {
        let current = std::fs::read(keyspace.join("current"))?;
        let damaged = |path: PathBuf| Unlisted::Damaged(format!("the list of tables {} does not match its checksum", path.display()));
        let (Some(id), Some(sum)) = (current.get(..8), current.get(8..24)) else { return Err(damaged(keyspace.join("current"))) };
        let id = u64::from_le_bytes(id.try_into().unwrap_or_default());
        let sum = u128::from_le_bytes(sum.try_into().unwrap_or_default());
        let path = keyspace.join(format!("v{id}"));
        match checksum(&path, &mut VerifiedFiles::default(), &mut |_| ()) {
            Ok(found) if found == sum => {}
            Ok(_) => return Err(damaged(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && newest_id(keyspace)? == id => {
                return Err(Unlisted::Damaged(format!("the list of tables {} is gone", path.display())));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unlisted::Replaced),
            Err(error) => return Err(error.into()),
        }
        match tables(&path) {
            Ok(tables) => Ok(Self { id, tables }),
            Err(error) => Err(Unlisted::Damaged(format!("the list of tables {} cannot be read: {error}", path.display()))),
        }
    }
}

/// Levels of runs of tables, each with a kind of checksum, the checksum, and a number that does not matter here.
fn tables(list: &Path) -> io::Result<Vec<Listed>> {
    let archive = sfa::Reader::new(list).map_err(|error| io::Error::other(format!("{error:?}")))?;
    let section = archive.toc().section(b"tables").ok_or_else(|| io::Error::other("it has no tables"))?;
    let mut reader = section.buf_reader(list)?;
    let mut tables = Vec::new();
    for _ in 0..u8::from_le_bytes(read(&mut reader)?) {
        for _ in 0..u8::from_le_bytes(read(&mut reader)?) {
            for _ in 0..u32::from_le_bytes(read(&mut reader)?) {
                let id = u64::from_le_bytes(read(&mut reader)?);
                let [_kind] = read(&mut reader)?;
                let checksum = u128::from_le_bytes(read(&mut reader)?);
                let _sequence: [u8; 8] = read(&mut reader)?;
                tables.push(Listed { id, checksum });
            }
        }
    }
    Ok(tables)
}

fn read<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn checksum(path: &Path, found: &mut VerifiedFiles, progress: &mut dyn FnMut(u64)) -> io::Result<u128> {
    let mut file = File::open(path)?;
    let mut hasher = Xxh3Default::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.digest128()),
            read => {
                hasher.update(&chunk[..read]);
                found.bytes += read as u64;
                progress(found.bytes);
            }
        }
    }
}
