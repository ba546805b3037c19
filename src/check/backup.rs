//! Checks that a copy of a database could take its place.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::finding::Finding;
use super::findings::Findings;
use super::health::wal_bytes;
use super::integrity::{failure, failure_of, file_of, integrity_with, shown_value};
use super::state::{self, RowChange, Snapshot, TableDiff, TableSet, header_numbers, schema_entries};
use crate::db::{percent_encoded, with_suffix};
use crate::error::Result;
use crate::order::{SortedMap, SortedSet};
use crate::real_file;
use crate::report::count;
use crate::schema::entries::SchemaEntry;
use crate::sim::Disk;
use crate::temp_folder::Folder;

/// Checks that the database file at `copy` could take the place of `source`. It must open through SQLite's default VFS, be
/// whole (as [`integrity`](super::integrity()) says), and have the same schema, the same `user_version` and
/// `application_id`, and the same rows.
///
/// The copy is restored first, as an app would do it: it is copied to a temporary folder, with the `-wal` and `-journal`
/// beside it, and opened there. The original files are not touched, and no file appears beside them. `VACUUM INTO` writes
/// through the VFS of its connection, so the copy that a database in memory makes is on its simulated disk, and is found
/// there. Close all connections to the copy first: reading its files releases the locks that this process holds on them.
///
/// The copy's connection has no functions of the app: a CHECK or an index that needs one is a finding `not-checked`.
///
/// The copy is compared with what `source` sees now, in one read transaction. If others write meanwhile, begin a
/// transaction on `source` and read something before the backup, and commit after this check: SQLite's online backup and
/// `VACUUM INTO` then copy exactly what the transaction sees. What `source` has written in an open transaction is in no
/// copy.
///
/// | code | object | what |
/// | --- | --- | --- |
/// | `wal-not-copied` | the copy | it came without its WAL: it is the source's file without one |
/// | `rows-differ` | a table | other rows than in the source |
/// | `schema-differs` | a table, index, view, trigger or PRAGMA | declared differently, or only on one side |
/// | `same-file` | the copy | it is the source itself |
/// | those of `integrity` | | the copy is not whole, or does not exist (`unreadable`) |
///
/// ```
/// use sqlitmus::{Template, check};
///
/// let folder = tempfile::tempdir().unwrap();
/// let db = Template::new("fixtures/shop/migrations").on_disk();
/// db.execute("INSERT INTO categories(slug, name) VALUES ('tea', 'Tea')", [])
///     .unwrap();
///
/// let good = folder.path().join("good.db");
/// db.execute("VACUUM INTO ?1", [good.to_str()]).unwrap();
/// check::backup(&db, &good).assert_ok();
///
/// // The last commit is still in the -wal, which this copy leaves behind.
/// let bad = folder.path().join("bad.db");
/// std::fs::copy(db.path(), &bad).unwrap();
/// let findings = check::backup(&db, &bad);
/// assert_eq!(findings.iter().next().unwrap().code(), "wal-not-copied");
/// ```
pub fn backup(source: &Connection, copy: impl AsRef<Path>) -> Findings {
    let _own = crate::own::statements();
    compare(source, copy.as_ref()).unwrap_or_else(|finding| [*finding].into_iter().collect())
}

/// Compares the copy. Fails with the one finding after which nothing else can be checked.
fn compare(source: &Connection, copy: &Path) -> Result<Findings, Box<Finding>> {
    let shown = copy.display().to_string();
    if is_same_file(source, copy) {
        let what = format!("the copy is the source itself: {shown}");
        return Err(Box::new(Finding::new("same-file", shown, what)));
    }
    let restored = Restored::new(source, copy)?;
    let target = Connection::open(&restored.path).map_err(|error| Box::new(failure("opening", &shown, &error)))?;
    let mut findings = integrity_with(&target, None, &shown);
    if findings.iter().any(|finding| finding.code() == "unreadable") {
        return Ok(findings);
    }
    match differences(source, &target) {
        Ok(differences) => {
            let left_in_wal = source.path().and_then(wal_bytes).unwrap_or(0);
            let is_file_alone = restored.lacks_wal && left_in_wal > 0 && is_file_alone(source, &target);
            if is_file_alone && !differences.is_empty() {
                findings.push(wal_not_copied(&differences, &shown, left_in_wal));
            } else {
                findings.extend(differences.iter().map(finding));
            }
        }
        Err(error) => {
            let both = format!("{} and {shown}", file_of(source));
            findings.push(failure_of("the comparison", &both, &error));
        }
    }
    Ok(findings)
}

fn is_same_file(source: &Connection, copy: &Path) -> bool {
    let source = source.path().filter(|path| !path.is_empty());
    if source.is_some_and(|source| Path::new(source) == copy) {
        return true;
    }
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    source.and_then(|source| canonical(Path::new(source))).is_some_and(|source| Some(source) == canonical(copy))
}

/// Returns true if the copy holds what the source's file holds without its WAL. A proper copy from before the last commits is
/// older too, but that is another finding.
fn is_file_alone(source: &Connection, copy: &Connection) -> bool {
    let alone = source.path().and_then(file_alone);
    alone.is_some_and(|alone| differences(&alone, copy).is_ok_and(|differences| differences.is_empty()))
}

/// Opens the file of a database without its WAL. SQLite does it, because it keeps the locks that this process has on the
/// file.
fn file_alone(path: &str) -> Option<Connection> {
    const NAME: &str = "main.db";
    if Disk::is_simulated(path) {
        let disk = Disk::holding(NAME, Disk::of(path)?.read(Disk::name_of(path))?);
        return Connection::open_with_flags_and_vfs(disk.path_of(NAME), OpenFlags::default(), disk.vfs_name()).ok();
    }
    // SQLite ignores the WAL of an immutable database, see https://www.sqlite.org/uri.html.
    let uri = format!("file:{}?immutable=1", percent_encoded(Path::new(path)));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags).ok()
}

fn finding(difference: &Difference) -> Finding {
    match difference {
        Difference::Schema { object, what, .. } => Finding::new("schema-differs", object, what),
        Difference::Rows { table, missing, extra, example } => {
            let what = match (missing, extra) {
                (missing, 0) => format!("the copy lacks {} of {table}", count(*missing, "row")),
                (0, extra) => format!("the copy has {} of {table} that the source lacks", count(*extra, "row")),
                (missing, 1) => format!("the copy lacks {} of {table}, and has another", count(*missing, "row")),
                (missing, extra) => {
                    format!("the copy lacks {} of {table}, and has {extra} others", count(*missing, "row"))
                }
            };
            let finding = Finding::new("rows-differ", table, what);
            match example {
                Some(example) => finding.evidence(format!("the first such row of {table}"), example),
                None => finding,
            }
        }
    }
}

fn wal_not_copied(differences: &[Difference], copy: &str, left_in_wal: u64) -> Finding {
    let lacking = |difference: &Difference| match difference {
        Difference::Rows { table, missing, .. } if *missing > 0 => {
            Some(format!("{} of {table}", count(*missing, "row")))
        }
        Difference::Schema { object, is_missing: true, .. } => Some(object.clone()),
        Difference::Rows { table, extra, .. } => Some(format!("the deletion of {} of {table}", count(*extra, "row"))),
        Difference::Schema { object, .. } => Some(format!("the change of {object}")),
    };
    let lacking: Vec<String> = differences.iter().filter_map(lacking).collect();
    let all: Vec<String> = differences.iter().map(|difference| finding(difference).what().to_owned()).collect();
    let what = format!("the copy lacks what was still in the WAL: {}", lacking.join(", "));
    Finding::new("wal-not-copied", copy, what)
        .cost(format!(
            "there is no -wal beside {copy}, and the source's has {left_in_wal} bytes: a database file without its -wal is as \
             it was at the last checkpoint"
        ))
        .evidence("compared with the source", all.join("\n"))
        .fix("copy with VACUUM INTO or SQLite's online backup, which read the WAL too")
}

/// The number of differences of a table that are searched for an example.
const KEPT_ROWS: usize = 1000;

/// The number of columns of the example that are shown.
const SHOWN_COLUMNS: usize = 4;

/// One difference between a source and its copy.
#[derive(Debug, PartialEq, Eq)]
enum Difference {
    /// `object` is a table, index, trigger, view or PRAGMA; `what` says how it differs.
    Schema {
        object: String,
        what: String,
        is_missing: bool,
    },
    Rows {
        table: String,
        missing: usize,
        extra: usize,
        example: Option<String>,
    },
}

/// Returns everything in which `copy` differs from `source`. The rows of a table are compared if both declare it alike.
fn differences(source: &Connection, copy: &Connection) -> Result<Vec<Difference>> {
    let (source, copy) = (Snapshot::begin(source)?, Snapshot::begin(copy)?);
    let (ours, theirs) = (schema_entries(&source)?, schema_entries(&copy)?);
    let mut found = schemas_differ(&ours, &theirs);
    for ((name, source), (_, copy)) in header_numbers(&source)?.into_iter().zip(header_numbers(&copy)?) {
        if source != copy {
            let what = format!("PRAGMA {name} is {copy} in the copy and {source} in the source");
            found.push(Difference::Schema { object: name.to_owned(), what, is_missing: false });
        }
    }
    let is_same = |(key, entry): &(&(String, String), &SchemaEntry)| {
        entry.kind == "table" && theirs.get(key).is_some_and(|other| other.sql == entry.sql)
    };
    let same_tables: SortedSet<&str> = ours.iter().filter(is_same).map(|(_, entry)| entry.name.as_str()).collect();
    let differing = state::compare(&source, &copy, TableSet::Stored, KEPT_ROWS)?;
    found.extend(differing.iter().filter(|table| same_tables.contains(table.name.as_str())).map(rows_differ));
    Ok(found)
}

type Entries = SortedMap<(String, String), SchemaEntry>;

/// Compares the declarations. If a table is missing on one side, its indexes and triggers are not mentioned.
fn schemas_differ(ours: &Entries, theirs: &Entries) -> Vec<Difference> {
    let has_table =
        |entries: &Entries, table: &str| entries.values().any(|entry| entry.kind == "table" && entry.name == table);
    let stands_alone = |entry: &SchemaEntry| entry.kind == "table" || entry.kind == "view";
    let mut found = Vec::new();
    for (key, entry) in ours {
        let (kind, name) = (&entry.kind, &entry.name);
        let (what, is_missing) = match theirs.get(key) {
            None if !stands_alone(entry) && !has_table(theirs, &entry.table) => continue,
            None => (format!("the copy lacks the {kind} {name}"), true),
            Some(copied) if copied.sql != entry.sql => {
                (format!("the {kind} {name} is declared differently in the copy"), false)
            }
            Some(_) => continue,
        };
        found.push(Difference::Schema { object: name.clone(), what, is_missing });
    }
    for (key, entry) in theirs {
        if !ours.contains_key(key) && (stands_alone(entry) || has_table(ours, &entry.table)) {
            let what = format!("the copy has a {} that the source lacks: {}", entry.kind, entry.name);
            found.push(Difference::Schema { object: entry.name.clone(), what, is_missing: false });
        }
    }
    found
}

fn rows_differ(table: &TableDiff) -> Difference {
    let (missing, extra) = (table.deleted + table.updated, table.inserted + table.updated);
    let is_missing = |change: &&RowChange| !matches!(change, RowChange::Inserted(_));
    let example = table.changes.iter().find(|change| missing == 0 || is_missing(change)).map(|change| {
        let pairs = table.columns().iter().zip(change.cells()).take(SHOWN_COLUMNS);
        pairs.map(|(name, cell)| format!("{name} = {}", shown_value(cell.value()))).collect::<Vec<_>>().join(", ")
    });
    Difference::Rows { table: table.name.clone(), missing, extra, example }
}

/// The files of a copy in a folder where SQLite may write: it has to, to recover a WAL or to roll a journal back.
struct Restored {
    path: PathBuf,
    /// True if there is no `-wal`, though the database is in WAL mode or had its first page only in the WAL.
    lacks_wal: bool,
    _folder: Folder,
}

impl Restored {
    fn new(source: &Connection, copy: &Path) -> Result<Restored, Box<Finding>> {
        let shown = copy.display();
        let unreadable = |what: String, error: std::io::Error| {
            let finding = Finding::new("unreadable", shown.to_string(), what);
            Box::new(finding.evidence("the system says", error.to_string()))
        };
        let folder =
            Folder::create().map_err(|error| unreadable(format!("there is no place to restore {shown} to"), error))?;
        let path = folder.path().join("restored.db");
        let mut lacks_wal = false;
        for suffix in ["", "-wal", "-journal"] {
            match read_file(source, &with_suffix(copy, suffix)) {
                Ok(bytes) => {
                    match suffix {
                        "" => lacks_wal = is_in_wal_mode(&bytes),
                        "-wal" if !bytes.is_empty() => lacks_wal = false,
                        _ => {}
                    }
                    let written = std::fs::write(with_suffix(&path, suffix), bytes);
                    written.map_err(|error| unreadable(format!("{shown} cannot be restored"), error))?;
                }
                Err(error) if suffix.is_empty() => return Err(unreadable(format!("{shown} cannot be read"), error)),
                Err(_) => {}
            }
        }
        Ok(Restored { path, lacks_wal, _folder: folder })
    }
}

/// Reads a file of the copy, from the simulated disk of the source if it is there.
fn read_file(source: &Connection, path: &Path) -> std::io::Result<Vec<u8>> {
    let disk = source.path().and_then(Disk::of);
    let file = disk.zip(path.to_str()).and_then(|(disk, path)| disk.read(Disk::name_of(path)));
    match file {
        Some(blocks) => Ok(blocks.chunks().flatten().copied().collect()),
        None => real_file::read(path),
    }
}

/// Reads the file format versions in the header, see <https://www.sqlite.org/fileformat2.html>.
fn is_in_wal_mode(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.get(18..20) == Some(&[2, 2])
}
