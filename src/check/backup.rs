//! Whether a copy of a database could take its place.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::contents::{self, Difference};
use super::health::wal_bytes;
use super::integrity::{failure, file_of, integrity_with};
use super::{Finding, Findings};
use crate::db::percent_encoded;
use crate::report::count;
use crate::sim::Disk;

/// Whether the database file at `copy` could take the place of `source`: it opens through SQLite's default VFS, is whole (as
/// [`integrity`](super::integrity) says), and has the same schema, the same `user_version` and `application_id`, and the
/// same rows.
///
/// The copy is restored first, as an app would: it is taken with the `-wal` and `-journal` that lie beside it into a
/// temporary folder, and opened there. Where it lies, nothing is touched, and no file appears. `VACUUM INTO` writes through
/// the VFS of its connection: the copy that a database in memory makes is on its simulated disk, and is found there. Close
/// what has the copy open before: reading its files takes away the locks that this process holds on them.
///
/// The copy's connection has no functions of the app: a CHECK or an index that needs one is a finding `not-checked`.
///
/// *The same* means: what `source` sees now, in one read transaction. Where others write meanwhile, begin a transaction on
/// `source` and read something before the backup, and commit after this check: SQLite's online backup and `VACUUM INTO` then
/// copy just what the transaction sees. What `source` has written in a transaction that is open is in no copy.
///
/// | code | object | what |
/// | --- | --- | --- |
/// | `wal-not-copied` | the copy | it came without its WAL: it is what the source's file is without one |
/// | `rows-differ` | a table | other rows than in the source |
/// | `schema-differs` | a table, index, view, trigger or PRAGMA | declared otherwise, or only on one side |
/// | `same-file` | the copy | it is the source itself |
/// | as of `integrity` | | the copy is not whole, or not there (`unreadable`) |
///
/// ```
/// use sqlitmus::{Template, check};
///
/// let folder = tempfile::tempdir().unwrap();
/// let db = Template::new("fixtures/shop/migrations").on_disk();
/// db.execute("INSERT INTO categories(slug, name) VALUES ('tea', 'Tea')", []).unwrap();
///
/// let good = folder.path().join("good.db");
/// db.execute("VACUUM INTO ?1", [good.to_str()]).unwrap();
/// check::backup(&db, &good).assert_ok();
///
/// // What was committed last is still in the -wal, which this copy leaves behind.
/// let bad = folder.path().join("bad.db");
/// std::fs::copy(db.path(), &bad).unwrap();
/// assert_eq!(check::backup(&db, &bad).iter().next().unwrap().code(), "wal-not-copied");
/// ```
pub fn backup(source: &Connection, copy: impl AsRef<Path>) -> Findings {
    let _own = crate::own::statements();
    compare(source, copy.as_ref()).unwrap_or_else(|finding| [*finding].into_iter().collect())
}

/// A finding that leaves nothing else to look at.
type Ends = Box<Finding>;

fn compare(source: &Connection, copy: &Path) -> Result<Findings, Ends> {
    let shown = copy.display().to_string();
    if is_same_file(source, copy) {
        let what = format!("the copy is the source itself: {shown}");
        return Err(Box::new(Finding::new("same-file", shown, what)));
    }
    let restored = Restored::of(source, copy)?;
    let target = Connection::open(&restored.path).map_err(|error| Box::new(failure("opening", &shown, &error)))?;
    let mut findings = integrity_with(&target, None, &shown);
    if findings.iter().any(|finding| finding.code() == "unreadable") {
        return Ok(findings);
    }
    let held = Snapshot::of(source).and_then(|snapshot| {
        let differences = contents::differences(source, &target);
        snapshot.end()?;
        differences
    });
    match held {
        Ok(differences) => {
            let left_in_wal = wal_of(source);
            let is_file_alone = restored.lacks_wal && left_in_wal > 0 && is_file_alone(source, &target);
            if is_file_alone && !differences.is_empty() {
                findings.push(wal_not_copied(&differences, &shown, left_in_wal));
            } else {
                findings.found.extend(differences.iter().map(described_alone));
            }
        }
        Err(error) => {
            let both = format!("{} and {shown}", file_of(source));
            findings.push(failure("the comparison", &both, &error));
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

fn wal_of(source: &Connection) -> u64 {
    source.path().and_then(wal_bytes).unwrap_or(0)
}

/// Whether the copy holds what the source's file holds without its WAL. A copy that was made properly, before the last
/// commits, is older too, and that is another finding.
fn is_file_alone(source: &Connection, copy: &Connection) -> bool {
    let alone = source.path().and_then(file_alone);
    alone.is_some_and(|alone| contents::differences(&alone, copy).is_ok_and(|differences| differences.is_empty()))
}

/// The file of a database as whoever leaves its WAL behind sees it. SQLite opens it, which keeps the locks that this
/// process has on it.
fn file_alone(path: &str) -> Option<Connection> {
    const NAME: &str = "main.db";
    if Disk::is_simulated(path) {
        let disk = Disk::holding(NAME, Disk::of(path)?.read(Disk::name_of(path))?);
        return Connection::open_with_flags_and_vfs(disk.path_of(NAME), OpenFlags::default(), disk.vfs_name()).ok();
    }
    // An immutable database has no WAL to SQLite, see https://www.sqlite.org/uri.html.
    let uri = format!("file:{}?immutable=1", percent_encoded(Path::new(path)));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags).ok()
}

/// The files of a copy in a folder where SQLite may write: it has to, to recover a WAL or to roll a journal back.
struct Restored {
    path: PathBuf,
    /// Whether it is a database in WAL mode, or one whose first page was only in the WAL, without a `-wal` beside it.
    lacks_wal: bool,
    _folder: TempDir,
}

impl Restored {
    fn of(source: &Connection, copy: &Path) -> Result<Restored, Ends> {
        let shown = copy.display();
        let unreadable = |what: String, error: std::io::Error| {
            let finding = Finding::new("unreadable", shown.to_string(), what);
            Box::new(finding.evidence("the system says", error.to_string()))
        };
        let folder = tempfile::Builder::new().prefix("sqlitmus-").tempdir();
        let folder = folder.map_err(|error| unreadable(format!("there is no place to restore {shown} to"), error))?;
        let path = folder.path().join("restored.db");
        let mut lacks_wal = false;
        for suffix in ["", "-wal", "-journal"] {
            let mut from = copy.as_os_str().to_owned();
            from.push(suffix);
            match read(source, Path::new(&from)) {
                Ok(bytes) => {
                    match suffix {
                        "" => lacks_wal = is_in_wal_mode(&bytes),
                        "-wal" if !bytes.is_empty() => lacks_wal = false,
                        _ => {}
                    }
                    let mut to = path.as_os_str().to_owned();
                    to.push(suffix);
                    let written = std::fs::write(to, bytes);
                    written.map_err(|error| unreadable(format!("{shown} cannot be restored"), error))?;
                }
                Err(error) if suffix.is_empty() => return Err(unreadable(format!("{shown} cannot be read"), error)),
                Err(_) => {}
            }
        }
        Ok(Restored { path, lacks_wal, _folder: folder })
    }
}

/// A file of the copy: on the simulated disk of the source if it is there.
fn read(source: &Connection, path: &Path) -> std::io::Result<Vec<u8>> {
    let disk = source.path().and_then(Disk::of);
    let file = disk.zip(path.to_str()).and_then(|(disk, path)| disk.read(Disk::name_of(path)));
    match file {
        Some(blocks) => Ok(blocks.chunks().flatten().copied().collect()),
        None => std::fs::read(path),
    }
}

/// By the file format versions of the header, see <https://www.sqlite.org/fileformat2.html>.
fn is_in_wal_mode(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.get(18..20) == Some(&[2, 2])
}

/// A read transaction, so that all tables are read as they are at one moment: the caller's own if one is open.
struct Snapshot<'a> {
    began_on: Option<&'a Connection>,
}

impl<'a> Snapshot<'a> {
    fn of(connection: &'a Connection) -> rusqlite::Result<Snapshot<'a>> {
        if !connection.is_autocommit() {
            return Ok(Snapshot { began_on: None });
        }
        connection.execute_batch("BEGIN")?;
        Ok(Snapshot { began_on: Some(connection) })
    }

    /// Commits, which calls no hook where nothing was written.
    fn end(mut self) -> rusqlite::Result<()> {
        self.began_on.take().map_or(Ok(()), |connection| connection.execute_batch("COMMIT"))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.began_on {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

fn described_alone(difference: &Difference) -> Finding {
    match difference {
        Difference::Schema { object, what, .. } => Finding::new("schema-differs", object, what),
        Difference::Rows { table, missing, extra, example } => {
            let what = match (missing, extra) {
                (missing, 0) => format!("the copy lacks {} of {table}", count(*missing, "row")),
                (0, extra) => format!("the copy has {} of {table} that the source has not", count(*extra, "row")),
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
    let all: Vec<String> = differences.iter().map(|difference| described_alone(difference).what).collect();
    let what = format!("the copy lacks what was still in the WAL: {}", lacking.join(", "));
    Finding::new("wal-not-copied", copy, what)
        .cost(format!(
            "there is no -wal beside {copy}, and the source's has {left_in_wal} bytes: a database file without its -wal is as \
             it was at the last checkpoint"
        ))
        .evidence("compared with the source", all.join("\n"))
        .fix("copy with VACUUM INTO or SQLite's online backup, which read the WAL too")
}
