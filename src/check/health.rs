//! The numbers of a database file, and findings about them.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::FromSql;

use super::finding::{Finding, Level};
use super::findings::Findings;

use crate::error::{Error, Result, or_panic};
use crate::report::{Raw, printable};
use crate::sim::Disk;

/// The numbers of a database at one moment.
///
/// ```
/// use sqlitmus::{Template, check};
///
/// let db = Template::new("fixtures/shop/migrations").in_memory();
/// let health = check::health(&db);
/// assert_eq!(health.page_size, 8192);
/// assert_eq!(health.journal_mode, "wal");
/// health.red_flags().assert_ok();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The path of the file, if there is one.
    pub path: Option<PathBuf>,
    /// The size of a page in bytes.
    pub page_size: u64,
    /// The number of pages, including free ones.
    pub page_count: u64,
    /// The number of free pages.
    pub freelist_count: u64,
    /// The size of the database in bytes, without its WAL.
    pub bytes: u64,
    /// The size of the `-wal` file in bytes, if there is one.
    pub wal_bytes: Option<u64>,
    /// The number of pages in the WAL that are not in the database file yet. Known only from SQLite 3.51 on and outside
    /// transactions; older versions tell it only while they checkpoint.
    pub wal_frames_left: Option<u64>,
    /// `PRAGMA wal_autocheckpoint`: the number of pages in the WAL at which a commit checkpoints; 0 for never.
    pub wal_autocheckpoint: u64,
    /// `PRAGMA journal_size_limit`: the size in bytes to which the WAL is truncated when it restarts; negative for no limit.
    pub journal_size_limit: i64,
    /// `PRAGMA schema_version`: the number of changes to the schema.
    pub schema_version: i64,
    /// `PRAGMA user_version`, for the app to use.
    pub user_version: i64,
    /// `PRAGMA application_id`, the format of the file.
    pub application_id: i64,
    /// `PRAGMA journal_mode`: `wal`, `delete`, `memory`, …
    pub journal_mode: String,
    /// `PRAGMA auto_vacuum`: `NONE`, `FULL` or `INCREMENTAL`.
    pub auto_vacuum: &'static str,
    /// `PRAGMA encoding`: `UTF-8`, `UTF-16le` or `UTF-16be`.
    pub encoding: String,
    /// The type of the network file system that holds the file. Known only on Linux.
    pub network_file_system: Option<String>,
}

/// Returns the numbers of a database. Nothing is written, and no checkpoint is made: it would tell some of the numbers, and
/// change others.
///
/// # Panics
/// If the database cannot be read.
#[track_caller]
pub fn health(connection: &Connection) -> Health {
    or_panic(try_health(connection))
}

/// Like [`health`], without the panic.
///
/// # Errors
/// If the database cannot be read.
pub fn try_health(connection: &Connection) -> Result<Health> {
    let _own = crate::own::statements();
    let path = connection.path().filter(|path| !path.is_empty());
    let number = |name: &str| pragma::<i64>(connection, name).map(|number| u64::try_from(number).unwrap_or(0));
    let (page_size, page_count) = (number("page_size")?, number("page_count")?);
    let vacuum: i64 = pragma(connection, "auto_vacuum")?;
    Ok(Health {
        path: path.map(PathBuf::from),
        page_size,
        page_count,
        freelist_count: number("freelist_count")?,
        bytes: page_size * page_count,
        wal_bytes: path.and_then(wal_bytes),
        wal_frames_left: frames_left(connection),
        wal_autocheckpoint: number("wal_autocheckpoint")?,
        journal_size_limit: pragma(connection, "journal_size_limit")?,
        schema_version: pragma(connection, "schema_version")?,
        user_version: pragma(connection, "user_version")?,
        application_id: pragma(connection, "application_id")?,
        journal_mode: pragma(connection, "journal_mode")?,
        auto_vacuum: match vacuum {
            1 => "FULL",
            2 => "INCREMENTAL",
            _ => "NONE",
        },
        encoding: pragma(connection, "encoding")?,
        network_file_system: path.and_then(|path| file_system(Path::new(path))).filter(|kind| is_network(kind)),
    })
}

/// Returns the value of a PRAGMA.
pub(super) fn pragma<T: FromSql>(connection: &Connection, name: &str) -> Result<T> {
    let sql = format!("PRAGMA {name}");
    connection.query_row(&sql, [], |row| row.get(0)).map_err(|error| {
        let path = connection.path().filter(|path| !path.is_empty());
        Error::sqlite(format_args!("read {name}"), error)
            .sql(&sql)
            .given(path, |error, path| error.note(format!("the database is {path}")).path(Path::new(path)))
    })
}

/// Returns the size of the `-wal` beside a database. The file is not opened: closing it would release the locks of every
/// connection of this process, see <https://www.sqlite.org/howtocorrupt.html>.
pub(super) fn wal_bytes(path: &str) -> Option<u64> {
    if Disk::is_simulated(path) {
        let wal = Disk::of(path)?.read(&format!("{}-wal", Disk::name_of(path)));
        return wal.map(|blocks| blocks.len() as u64);
    }
    std::fs::metadata(format!("{path}-wal")).ok().map(|data| data.len())
}

/// Returns the number of pages that a checkpoint would have to move, by `wal_checkpoint(NOOP)`. An older SQLite would run a
/// real checkpoint instead.
fn frames_left(connection: &Connection) -> Option<u64> {
    const KNOWS_NOOP: i32 = 3_051_000;
    if rusqlite::version_number() < KNOWS_NOOP || !connection.is_autocommit() {
        return None;
    }
    let numbers = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| Ok((row.get(1)?, row.get(2)?)));
    let (frames, done): (i64, i64) = numbers.ok()?;
    u64::try_from(frames.checked_sub(done)?).ok().filter(|_| frames >= 0)
}

/// Returns the type of the file system that holds a file, such as `ext4`. Known only on Linux.
pub(super) fn file_system(path: &Path) -> Option<String> {
    if path.to_str().is_some_and(Disk::is_simulated) {
        return None;
    }
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let path = std::fs::canonicalize(path).ok()?;
    mounted(&mountinfo, &path).map(str::to_owned)
}

/// The size at which SQLite checkpoints by default: 1000 pages of 4096 bytes, each with a header of 24.
const USUAL_WAL_BYTES: u64 = 1000 * (4096 + 24);

/// With fewer free pages than this, their percentage means nothing.
const MANY_FREE_PAGES: u64 = 100;

impl Health {
    /// Returns findings about numbers that indicate a problem. The object of each is the file.
    ///
    /// | code | when |
    /// | --- | --- |
    /// | `freelist` | at least 100 pages, and more than a fifth of all, are free |
    /// | `wal-too-large` | the WAL is larger than `journal_size_limit`, or than four times `wal_autocheckpoint` |
    /// | `wal-unbounded` | the WAL is larger than SQLite lets it grow by default, and this connection neither checkpoints nor limits it |
    /// | `wal-not-checkpointed` | more pages than `wal_autocheckpoint` wait in the WAL: something prevents a checkpoint |
    /// | `not-wal` | the file has another journal mode than WAL |
    /// | `network-file-system` | the file is on another machine |
    /// | `small-pages` | pages have 512 or 1024 bytes |
    pub fn red_flags(&self) -> Findings {
        let file = self.path.as_deref().map_or(String::from("the database"), |path| path.display().to_string());
        let checks =
            [Health::freelist, Health::wal_size, Health::checkpoints, Health::journal, Health::network, Health::pages];
        checks.iter().filter_map(|check| check(self, &file)).collect()
    }

    fn freelist(&self, file: &str) -> Option<Finding> {
        if self.freelist_count < MANY_FREE_PAGES || self.freelist_count * 5 <= self.page_count {
            return None;
        }
        let share = self.freelist_count * 100 / self.page_count;
        let what = format!("{share} % of {file} is free: {} of {} pages", self.freelist_count, self.page_count);
        let (cost, fix) = match self.auto_vacuum {
            "INCREMENTAL" => ("the file shrinks only on request", "PRAGMA incremental_vacuum"),
            _ => ("auto_vacuum is NONE: the file never shrinks by itself", "VACUUM"),
        };
        Some(Finding::new("freelist", file, what).cost(cost).fix(fix))
    }

    fn wal_size(&self, file: &str) -> Option<Finding> {
        let bytes = self.wal_bytes?;
        let limit = u64::try_from(self.journal_size_limit).ok();
        if limit.is_none() && self.wal_autocheckpoint == 0 {
            return self.wal_without_bound(file, bytes);
        }
        // In the WAL, each page has a header of 24 bytes.
        let by_checkpoints = (self.wal_autocheckpoint > 0).then(|| self.wal_autocheckpoint * 4 * (self.page_size + 24));
        let (limit, whose) = match (limit, by_checkpoints) {
            (Some(limit), _) if bytes > limit => (limit, "journal_size_limit"),
            (_, Some(due)) if bytes > due => (due, "four times wal_autocheckpoint"),
            _ => return None,
        };
        let what = format!("the WAL of {file} has {bytes} bytes, and {whose} is {limit}");
        let cost = "a long read or a very large transaction kept it from restarting; reads search all of it";
        let fix = "end the longest reads, then PRAGMA wal_checkpoint(TRUNCATE)";
        Some(Finding::new("wal-too-large", file, what).cost(cost).fix(fix))
    }

    /// A replicator turns automatic checkpoints off and runs its own: then few pages wait, where SQLite tells their number.
    fn wal_without_bound(&self, file: &str, bytes: u64) -> Option<Finding> {
        let waiting = self.wal_frames_left.map_or(bytes, |left| left * (self.page_size + 24));
        if bytes <= USUAL_WAL_BYTES || waiting <= USUAL_WAL_BYTES {
            return None;
        }
        let what = format!("the WAL of {file} has {bytes} bytes, and nothing on this connection bounds it");
        let cost = "wal_autocheckpoint is 0 and journal_size_limit is not set: without another process that checkpoints, the \
                    WAL grows with each commit, reads search all of it, and a crash has to recover it";
        let fix = "PRAGMA wal_autocheckpoint = 1000, or let the replicator checkpoint: PRAGMA wal_checkpoint(TRUNCATE)";
        Some(Finding::new("wal-unbounded", file, what).level_of(Level::Warning).cost(cost).fix(fix))
    }

    fn checkpoints(&self, file: &str) -> Option<Finding> {
        let left = self.wal_frames_left?;
        if self.wal_autocheckpoint == 0 || left <= self.wal_autocheckpoint {
            return None;
        }
        let due = self.wal_autocheckpoint;
        let what = format!("{left} pages in the WAL of {file} wait for a checkpoint, which is due at {due}");
        let cost = "a reader holds an old state, or no checkpoint succeeds; the WAL grows until one does";
        Some(Finding::new("wal-not-checkpointed", file, what).cost(cost).fix("end the longest reads"))
    }

    fn journal(&self, file: &str) -> Option<Finding> {
        self.path.as_ref()?;
        if self.journal_mode == "wal" {
            return None;
        }
        let what = format!("{file} is in journal mode {}", self.journal_mode);
        let cost = "readers wait for the writer, and the writer waits for readers";
        Some(Finding::new("not-wal", file, what).cost(cost).fix("PRAGMA journal_mode = WAL"))
    }

    fn network(&self, file: &str) -> Option<Finding> {
        let kind = self.network_file_system.as_ref()?;
        let what = format!("{file} lies on a network file system: {kind}");
        let cost =
            "locks may not hold there, and WAL needs memory that all connections share: the database may be corrupted";
        Some(Finding::new("network-file-system", file, what).cost(cost).fix("keep it on a disk of this machine"))
    }

    fn pages(&self, file: &str) -> Option<Finding> {
        if self.page_size > 1024 {
            return None;
        }
        let what = format!("{file} has pages of {} bytes", self.page_size);
        let cost = "trees are deep, and rows spill into overflow pages; 4096 is the default since 3.12";
        let fix = "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM; PRAGMA journal_mode = WAL";
        Some(Finding::new("small-pages", file, what).cost(cost).fix(fix))
    }
}

printable!(Health);

impl Raw for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wal = match (self.wal_bytes, self.wal_frames_left) {
            (None, _) => String::from("none"),
            (Some(bytes), None) => format!("{bytes} bytes"),
            (Some(bytes), Some(left)) => format!("{bytes} bytes, {left} pages not checkpointed"),
        };
        let lines = [
            ("database", format!("{} bytes", self.bytes)),
            ("pages", format!("{} of {} bytes, {} free", self.page_count, self.page_size, self.freelist_count)),
            ("wal", wal),
            ("journal_mode", self.journal_mode.clone()),
            ("auto_vacuum", self.auto_vacuum.to_owned()),
            ("encoding", self.encoding.clone()),
            ("schema_version", self.schema_version.to_string()),
            ("user_version", self.user_version.to_string()),
            ("application_id", self.application_id.to_string()),
        ];
        for (index, (name, value)) in lines.iter().enumerate() {
            write!(f, "{}{name:<16}{value}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// File systems whose files are on another machine. SQLite's locks and shared memory need one of this machine, see
/// <https://www.sqlite.org/useovernet.html>.
#[rustfmt::skip]
const NETWORK: [&str; 22] = [
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.cephfs", "fuse.davfs2", "fuse.gcsfuse",
    "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs",
    "nfs", "nfs4", "smb3", "smbfs",
];

fn is_network(kind: &str) -> bool {
    NETWORK.contains(&kind)
}

/// Returns the file system that holds `path`, by the text of `/proc/self/mountinfo`. `path` must be canonical.
fn mounted<'a>(mountinfo: &'a str, path: &Path) -> Option<&'a str> {
    let mut deepest = None;
    let mut depth = 0;
    for (place, kind) in mountinfo.lines().filter_map(mount) {
        // A later mount hides an earlier one at the same place.
        if path.starts_with(&place) && place.len() >= depth {
            depth = place.len();
            deepest = Some(kind);
        }
    }
    deepest
}

/// Returns the mount point and the type in a line, see proc_pid_mountinfo(5).
fn mount(line: &str) -> Option<(String, &str)> {
    let place = line.split(' ').nth(4)?;
    // The number of optional fields varies, and a single hyphen ends them.
    let (_, behind) = line.split_once(" - ")?;
    Some((unescaped(place), behind.split(' ').next()?))
}

/// Decodes the octal numbers for spaces, tabs, line ends and backslashes.
fn unescaped(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{is_network, mounted};

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /srv rw,relatime shared:2 master:1 - nfs4 server:/export rw,vers=4.2
31 30 0:27 / /srv/local\\040disk rw,relatime - xfs /dev/sdb1 rw
32 22 0:28 / /home/me/remote rw - fuse.sshfs me@host: rw
33 22 0:29 / /mnt rw - cifs //server/share rw
34 33 0:30 / /mnt rw - tmpfs tmpfs rw
35 22 0:31 / /fuse rw - fuse.encfs encfs rw
";

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(mounted(MOUNTS, Path::new(path)).filter(|kind| is_network(kind)), expected, "{path}");
    }

    #[test]
    fn the_deepest_mount_decides() {
        check("/srv/app.db", Some("nfs4"));
        check("/srv/local disk/app.db", None);
        check("/srv/local/app.db", Some("nfs4"));
        check("/home/me/remote/a/b.db", Some("fuse.sshfs"));
        check("/home/me/remote2/b.db", None);
        check("/app.db", None);
    }

    #[test]
    fn a_later_mount_hides_an_earlier_one() {
        check("/mnt/app.db", None);
        check("/fuse/app.db", None);
    }

    #[test]
    fn malformed_lines_are_skipped() {
        assert_eq!(mounted("nonsense\n1 2 - nfs\n\n", Path::new("/a")), None);
    }
}
