//! Checks that a copy of a database could take its place.

mod differences;
mod restored;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::findings::{Finding, Findings};
use super::health::wal_bytes;
use super::integrity::{failure, failure_of, file_of, integrity_with};
use crate::db::percent_encoded;
use crate::report::count;
use crate::sim::Disk;
use differences::{Difference, differences};
use restored::Restored;

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
