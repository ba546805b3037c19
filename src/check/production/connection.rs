//! The points about the settings of the connection and the file.

use rusqlite::Connection;

use super::point::Point;
use crate::check::health::{Health, file_system, pragma};
use crate::error::Result;

/// The smallest timeout that outlasts a checkpoint or a batch.
const LEAST_TIMEOUT: i64 = 1000;

/// SQLite's default cache: `PRAGMA cache_size = -2000`.
const DEFAULT_CACHE: i64 = 2000 * 1024;

/// SQLite's default page size since 3.12.
const DEFAULT_PAGE: u64 = 4096;

pub(super) fn points(connection: &Connection, health: &Health) -> Result<Vec<Point>> {
    Ok(vec![
        wal(health),
        page_size(health),
        cache_size(pragma(connection, "cache_size")?, health),
        busy_timeout(pragma(connection, "busy_timeout")?),
        synchronous(pragma(connection, "synchronous")?, health),
        checkpoints(health),
        on_this_machine(health),
        Point::unseen(
            "batches",
            "a connection does not tell how it is written to",
            "sqlitmus::workload::production(&connection, &queries), with a recording of the app's writes",
        ),
        Point::unseen(
            "pooling",
            "one connection does not tell how many the app opens, and how long it keeps them",
            "sqlitmus::workload::production(&connection, &queries), with a recording of several requests",
        ),
        Point::unseen(
            "full-disk",
            format!("the database has {} pages", health.page_count),
            "sqlitmus::faults::sweep(&db, action).only(Kind::FullFromThenOn).try_run(), with what the app does",
        ),
    ])
}

fn has_file(health: &Health) -> bool {
    health.path.is_some()
}

fn wal(health: &Health) -> Point {
    let mode = &health.journal_mode;
    let seen = format!("journal_mode is {mode}");
    match mode.as_str() {
        "wal" => Point::ok("wal", seen),
        _ if !has_file(health) => {
            Point::unseen("wal", format!("{seen}, for there is no file"), "the same call on the app's own connection")
        }
        _ => Point::not("wal", seen, "PRAGMA journal_mode = WAL: readers then do not wait for the writer"),
    }
}

fn page_size(health: &Health) -> Point {
    let size = health.page_size;
    let help = "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM; PRAGMA journal_mode = WAL";
    match size {
        0..DEFAULT_PAGE => Point::not("page-size", format!("page_size is {size}"), help),
        DEFAULT_PAGE => {
            let seen = "page_size is 4096, SQLite's default; if the app sets another one, it came too late, after the first table";
            Point::ok("page-size", seen)
        }
        _ => Point::ok("page-size", format!("page_size is {size}: it took, before the first table or by a VACUUM")),
    }
}

fn cache_size(setting: i64, health: &Health) -> Point {
    let bytes = match setting {
        kibibytes @ ..0 => -kibibytes * 1024,
        pages => pages * i64::try_from(health.page_size).unwrap_or(0),
    };
    let seen = format!("cache_size is {setting}, {} KB; the database has {} KB", bytes / 1024, health.bytes / 1024);
    match bytes {
        ..=DEFAULT_CACHE => Point::not(
            "cache-size",
            format!("{seen}; it is not larger than SQLite's default"),
            "PRAGMA cache_size = -64000",
        ),
        _ => Point::ok("cache-size", seen),
    }
}

fn busy_timeout(timeout: i64) -> Point {
    let seen = format!("busy_timeout is {timeout} ms");
    let help = "PRAGMA busy_timeout = 5000: a locked database then fails after five seconds, not at once";
    match timeout {
        0 => Point::not(
            "busy-timeout",
            format!("{seen}, unless the app has a busy handler of its own, which is not seen"),
            help,
        ),
        1..LEAST_TIMEOUT => {
            Point::not("busy-timeout", format!("{seen}: a checkpoint or a batch may take longer"), help)
        }
        _ => Point::ok("busy-timeout", seen),
    }
}

fn synchronous(setting: i64, health: &Health) -> Point {
    let is_wal = health.journal_mode == "wal";
    let (word, is_ok, effect) = match setting {
        0 => ("OFF", false, "a power cut may corrupt the database"),
        1 if is_wal => ("NORMAL", true, "a power cut may undo the last commits, and never corrupts"),
        1 => ("NORMAL", false, "outside of WAL mode, a power cut at the wrong time may corrupt the database"),
        2 => ("FULL", true, "a commit survives a power cut"),
        _ => ("EXTRA", true, "a commit survives a power cut"),
    };
    let seen = format!("synchronous is {word}: {effect}");
    let wanted = if is_wal { "PRAGMA synchronous = NORMAL" } else { "PRAGMA synchronous = FULL, or WAL" };
    if is_ok { Point::ok("synchronous", seen) } else { Point::not("synchronous", seen, wanted) }
}

fn checkpoints(health: &Health) -> Point {
    let limit = match health.journal_size_limit {
        ..0 => "none".to_owned(),
        bytes => format!("{bytes} bytes"),
    };
    if health.journal_mode != "wal" {
        let seen = format!("there is no WAL: journal_mode is {}", health.journal_mode);
        return Point::unseen("checkpoints", seen, "the same call on a database in WAL mode");
    }
    let every = health.wal_autocheckpoint;
    let left = health.wal_frames_left.map(|left| format!(", {left} pages wait")).unwrap_or_default();
    let bytes = health.wal_bytes.unwrap_or(0);
    let seen =
        format!("the WAL has {bytes} bytes{left}; wal_autocheckpoint is {every} pages, journal_size_limit is {limit}");
    let flags = health.red_flags();
    match flags.iter().find(|flag| flag.code().starts_with("wal-")) {
        Some(flag) => Point::not("checkpoints", format!("{seen}: {}", flag.code()), flag.help().unwrap_or_default()),
        None if every == 0 => Point::unseen(
            "checkpoints",
            seen,
            "sqlitmus::check::health(&connection).red_flags() in production, where the replicator should checkpoint",
        ),
        None => Point::ok("checkpoints", seen),
    }
}

fn on_this_machine(health: &Health) -> Point {
    let own = "sqlitmus::check::production(&connection) on the app's own machine and file";
    if let Some(kind) = &health.network_file_system {
        let help = "keep the file on a disk of this machine: locks and shared memory do not work across machines";
        return Point::not("file-system", format!("the file is on {kind}, a network file system"), help);
    }
    match health.path.as_ref().and_then(|path| file_system(path)) {
        Some(kind) => Point::ok("file-system", format!("the file is on {kind}")),
        None => Point::unseen("file-system", "the file is not on a disk, or this is not Linux", own),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::on_this_machine;
    use crate::check::production::Status;
    use crate::check::try_health;

    #[test]
    fn a_network_file_system_is_not_ok() {
        let folder = tempfile::tempdir().unwrap();
        let mut health = try_health(&Connection::open(folder.path().join("app.db")).unwrap()).unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(on_this_machine(&health).status, Status::Ok);
        }
        health.network_file_system = Some("nfs4".to_owned());
        let point = on_this_machine(&health);
        assert_eq!((point.status, point.seen.as_str()), (Status::Not, "the file is on nfs4, a network file system"));
    }
}
