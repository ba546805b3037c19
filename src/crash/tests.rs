//! The images against the file system: SQLite's own VFS, on real files, finds in them what the simulated disk does.

use std::path::Path;

use rusqlite::Connection;

use super::beside::FilesBeside;
use super::committed::Committed;
use super::disk_model::{DiskModel, Drive};
use super::exploration;
use super::options::{MostWork, Options, Recovery};
use super::power_cut::Variant;
use super::recording::{CommitPoints, record};
use crate::check;
use crate::explore::{self, ContentMatch, Files, KnownContents};
use crate::sim::{Blocks, Event};
use crate::{Profile, Template};

fn write(files: &Files, folder: &Path) {
    for (name, bytes) in files {
        let bytes: Vec<u8> = bytes.chunks().flatten().copied().collect();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Returns the known content that SQLite finds in real files, or `None` for damage or another content.
fn found_in_files(files: &Files, contents: &KnownContents, count: usize) -> Option<usize> {
    let folder = tempfile::tempdir().unwrap();
    write(files, folder.path());
    let connection = Connection::open(folder.path().join("main.db")).unwrap();
    // Nobody cuts the power here.
    connection.execute_batch("PRAGMA synchronous = OFF").ok()?;
    let read = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    if read.ok()? != "ok" {
        return None;
    }
    let digest = check::content_digest(&connection, &check::Mask::default()).ok()?;
    (0..count).find(|number| {
        check::content_digest(contents.opened(*number).unwrap().main(), &check::Mask::default()).unwrap() == digest
    })
}

#[track_caller]
fn same_on_real_files(journal_mode: &'static str, synchronous: &'static str) {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", journal_mode).pragma("synchronous", synchronous);
    let db = Template::empty().profile(profile).in_memory();
    db.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, x); CREATE INDEX i ON t(x); INSERT INTO t VALUES (0, 0)")
        .unwrap();
    let mut action = explore::action(|db: &mut Connection| -> rusqlite::Result<()> {
        for id in 1..4 {
            let transaction = db.transaction()?;
            transaction.execute("INSERT INTO t VALUES (?1, hex(zeroblob(1000)))", [id])?;
            transaction.execute("UPDATE t SET x = ?1 WHERE id = 0", [id])?;
            transaction.commit()?;
        }
        Ok(())
    });
    let recording = record(&db.memory_copy().unwrap(), &mut action, &FilesBeside::default(), None).unwrap();
    let mut contents = KnownContents::new(None);
    let commits = CommitPoints::find(&recording, &mut contents).unwrap();
    assert_eq!(commits.commits(), 3);
    let mut model = DiskModel::new(&recording.files, Drive::default());
    let mut counts = [0, 0];
    for at in 0..recording.log.len() {
        model.replay_to(&recording.log, at + 1);
        for (index, variant) in model.variants(40, 7).into_iter().enumerate() {
            if (index + at) % 9 != 0 {
                continue;
            }
            let image = model.image(variant);
            let simulated = match contents.find(&image) {
                ContentMatch::Known(number) => Some(number),
                ContentMatch::Unknown | ContentMatch::Corrupt(_) => None,
            };
            assert_eq!(simulated, found_in_files(&image, &contents, 4), "{journal_mode} after {at}: {variant}");
            counts[usize::from(simulated.is_some())] += 1;
        }
    }
    assert!(counts[1] > 20, "{journal_mode}: {counts:?}");
    assert_eq!(counts[0] > 0, synchronous == "OFF", "{journal_mode}: {counts:?}");
}

#[test]
fn images_are_recovered_alike_on_real_files() {
    same_on_real_files("WAL", "NORMAL");
    same_on_real_files("DELETE", "EXTRA");
    same_on_real_files("PERSIST", "FULL");
    same_on_real_files("TRUNCATE", "OFF");
}

#[test]
fn a_variant_is_printed_as_it_is_read() {
    let variants = [
        Variant::All,
        Variant::Nothing,
        Variant::First(5),
        Variant::Without(0),
        Variant::Only(17),
        Variant::Half(3),
        Variant::Torn(4, 15),
        Variant::Mix(0x5f3a),
    ];
    for variant in variants {
        assert_eq!(Variant::parse(&variant.to_string()), Some(variant));
    }
    for text in ["", "some", "first", "first:x", "all:1", "torn:3", "mix:0x"] {
        assert_eq!(Variant::parse(text), None, "{text}");
    }
}

/// Two images of one name have the same files.
#[test]
fn the_name_of_an_image_stands_for_its_files() {
    let db = Template::empty().in_memory();
    db.execute_batch("CREATE TABLE t(x)").unwrap();
    let mut action = explore::action(|db: &mut Connection| -> rusqlite::Result<()> {
        db.execute_batch("INSERT INTO t VALUES (1)").and_then(|()| db.execute_batch("INSERT INTO t VALUES (2)"))
    });
    let recording = record(&db.memory_copy().unwrap(), &mut action, &FilesBeside::default(), None).unwrap();
    let mut model = DiskModel::new(&recording.files, Drive::default());
    let mut seen: std::collections::HashMap<u64, Files> = std::collections::HashMap::new();
    let mut again = 0;
    for at in 0..recording.log.len() {
        model.replay_to(&recording.log, at + 1);
        for variant in model.variants(40, 7) {
            let image = model.image(variant);
            let earlier = seen.entry(model.key(variant)).or_insert_with(|| image.clone());
            let same = |(one, other): (&(String, crate::sim::Blocks), &(String, crate::sim::Blocks))| {
                one.0 == other.0 && one.1.same(&other.1)
            };
            assert!(earlier.len() == image.len() && earlier.iter().zip(&image).all(same), "after {at}: {variant}");
            again += 1;
        }
    }
    assert!(again > 2 * seen.len(), "{again} images, {} different", seen.len());
}

/// Recovery without its syncs, as on a disk that acknowledges them and does nothing.
fn lying(files: &Files) -> Option<Vec<crate::sim::Entry>> {
    let mut log = (Recovery::default().0)(files)?;
    log.retain(|entry| !matches!(entry.event, Event::Sync { .. }));
    Some(log)
}

/// The rollback of a journal is undone by a second cut only if it is not synced before the journal goes; a cut that is not
/// followed by a second one leaves what it should, on either disk.
#[test]
fn a_second_cut_is_found_where_recovery_is_not_synced() {
    let explore = |options: &mut Options<'_>| {
        let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "EXTRA");
        let db = Template::empty().profile(profile).in_memory();
        db.execute_batch("CREATE TABLE t(x); CREATE TABLE u(x); INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)")
            .unwrap();
        let mut action = explore::action(|db: &mut Connection| {
            db.execute_batch("BEGIN; UPDATE t SET x = 2; UPDATE u SET x = 2; COMMIT")
        });
        exploration::explore(&db, &mut action, options)
    };
    let twice = |recovery| Options { twice: true, recovery, ..Options::default() };
    assert!(explore(&mut Options { recovery: Recovery(lying), ..Options::default() }).is_ok());
    assert!(explore(&mut twice(Recovery::default())).is_ok());
    let failure = explore(&mut twice(Recovery(lying))).map(drop).unwrap_err();
    let text = failure.error.to_string();
    assert_eq!(
        failure.error.headline(),
        "a second power cut, during the recovery from one after operation 16, leaves other data"
    );
    let left = "
  changes that survived:
    t: 1 inserted, 1 deleted
      - x=1
      + x=2

  changes missing:
    u: 1 inserted, 1 deleted
      - x=1
      + x=2
";
    assert!(text.contains(left), "{text}");
    assert!(text.contains("note: SQLITMUS_REPLAY=crash:16:all+5:"), "{text}");
    // The kept disk is the one that the second cut left.
    let mut contents = KnownContents::new(None);
    assert_eq!(contents.find(&failure.left.unwrap().files()), ContentMatch::Unknown);
}

/// With less time, fewer images are looked at, the same ones each time, and the report says how many were left out.
#[test]
fn images_are_left_out_by_their_work() {
    let explore = |most_work: u64| {
        let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
        db.execute_batch("CREATE TABLE t(x)").unwrap();
        let mut action = explore::action(|db: &mut Connection| {
            db.execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
                 INSERT INTO t SELECT printf('%04d', i) || hex(zeroblob(300)) FROM n",
            )
        });
        let mut options = Options { most_work: MostWork(most_work), ..Options::default() };
        exploration::explore(&db, &mut action, &mut options).map_err(|failed| failed.error).unwrap()
    };
    let (all, some) = (explore(u64::MAX), explore(100_000));
    assert_eq!(all.left_out, 0, "{all}");
    assert_eq!((some.points, some.images + some.left_out), (all.points, all.images), "{some}");
    assert!(some.left_out > 0 && some.images >= 2 * some.points, "{some}");
    let text = some.to_string();
    assert!(text.contains(&format!("; {} more left out, all with .exhaustive()\n", some.left_out)), "{text}");
    assert_eq!(explore(100_000), some);
}

/// After each commit the files are those that SQLite folds: where a transaction is rolled back whose pages are in the WAL, where
/// the WAL begins anew, where the database grows and shrinks.
#[test]
fn the_files_after_each_commit_are_those_of_sqlite() {
    let profile =
        Profile::PRODUCTION.pragma("auto_vacuum", "FULL").pragma("page_size", "512").pragma("cache_size", "5");
    let db = Template::empty().profile(profile).in_memory();
    db.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, x)").unwrap();
    let mut action = explore::action(|db: &mut Connection| -> rusqlite::Result<()> {
        const FILL: &str = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 40)
            INSERT INTO t SELECT NULL, hex(randomblob(400)) FROM c";
        for round in 0..6 {
            db.execute_batch(FILL)?;
            let transaction = db.transaction()?;
            transaction.execute("UPDATE t SET x = x || 'lost'", [])?;
            transaction.execute_batch(FILL)?;
            transaction.rollback()?;
            db.execute("UPDATE t SET x = ?1 WHERE id % 3 = 0", [round])?;
            db.execute("DELETE FROM t WHERE id % 2 = 0", [])?;
            if round % 3 == 1 {
                db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
            }
        }
        db.execute_batch("VACUUM")
    });
    let recording = record(&db.memory_copy().unwrap(), &mut action, &FilesBeside::default(), None).unwrap();
    let mut model = DiskModel::new(&recording.files, Drive::default());
    let mut committed = Committed::of(&recording.files).unwrap();
    let mut commits = 0;
    for (at, entry) in recording.log.iter().enumerate() {
        model.replay_to(&recording.log, at + 1);
        if entry.event != Event::Released {
            continue;
        }
        let live = model.live();
        let of_sqlite = explore::fold(&live).unwrap();
        committed = committed.after(&live).unwrap();
        let is_same = |(one, other): (&(String, Blocks), &(String, Blocks))| one.0 == other.0 && one.1.same(&other.1);
        assert!(committed.files().iter().zip(&of_sqlite).all(is_same), "after operation {at}");
        commits += 1;
    }
    assert!(commits > 18, "{commits}");
}

/// A write that makes a file longer may be lost and its length kept, with zeros or with bytes that nobody has written there.
#[test]
fn what_was_lost_in_a_longer_file_is_empty_or_has_other_bytes() {
    let sizes = |number: u64| 4096 * number;
    let entry = |event| crate::sim::Entry { event, statement: None };
    let write = |number: u8| Event::Write {
        file: "log".into(),
        offset: sizes(number.into()),
        data: vec![number + 1; 4096].into(),
    };
    let log: Vec<_> = (0..6).map(|number| entry(write(number))).collect();
    let mut model = DiskModel::new(&vec![(String::from("log"), Blocks::default())], Drive::default());
    model.replay_to(&log, log.len());
    // The length without the last write, and what was lost before a write that was not.
    let (mut ends, mut holes) = ([0, 0], [0, 0]);
    for variant in (0..400).map(Variant::Mix) {
        let image = model.image(variant);
        let Some((_, file)) = image.first().filter(|(_, file)| file.len() as u64 == sizes(6)) else { continue };
        for (counts, number) in [(&mut ends, 5), (&mut holes, 2)] {
            match file.copy(4096 * number + 8, 4080).unwrap() {
                bytes if bytes.iter().all(|byte| *byte == 0) => counts[0] += 1,
                bytes if bytes.iter().any(|byte| ![0, number + 1].contains(&usize::from(*byte))) => counts[1] += 1,
                _ => {}
            }
        }
    }
    assert!(ends.iter().chain(&holes).all(|count| *count > 3), "{ends:?} {holes:?}");
}

fn written(file: &str, offset: u64, data: Vec<u8>) -> crate::sim::Entry {
    let event = Event::Write { file: file.into(), offset, data: data.into() };
    crate::sim::Entry { event, statement: None }
}

/// An fsync of a file makes its own name durable, and not that of another new file.
#[test]
fn the_sync_of_a_file_does_not_keep_the_name_of_another() {
    let sync = |file: &str| {
        let event = Event::Sync { file: file.into(), full: true };
        crate::sim::Entry { event, statement: None }
    };
    let log = [written("old", 0, vec![1; 512]), written("new", 0, vec![1; 512]), sync("old"), sync("new")];
    let mut model = DiskModel::new(&vec![(String::from("old"), Blocks::default())], Drive::default());
    let mut names_after = |point: usize| {
        model.replay_to(&log, point);
        model.image(Variant::Nothing).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names_after(3), ["old"]);
    assert_eq!(names_after(4), ["new", "old"]);
}

/// A sector at the end of a file is changed by zeros if it was not empty. Behind the end a lost sector reads as zeros.
#[test]
fn zeros_over_the_end_of_a_file_are_a_change() {
    let mut old = Blocks::default();
    old.write(0, &[1; 100]);
    let torn = |data: [u8; 2]| {
        let log = [written("log", 0, data.into_iter().flat_map(|byte| [byte; 512]).collect())];
        let mut model = DiskModel::new(&vec![(String::from("log"), old.clone())], Drive::default());
        model.replay_to(&log, 1);
        model.variants(40, 7).into_iter().filter(|variant| matches!(variant, Variant::Torn(..))).count()
    };
    assert_eq!(torn([0, 2]), 2);
    assert_eq!(torn([2, 0]), 0);
}

/// Where locks are kept, the operation that ends the journal is the last one of a transaction.
#[test]
fn a_commit_is_where_the_journal_ends() {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "TRUNCATE").pragma("synchronous", "NORMAL");
    let db = Template::empty().profile(profile).in_memory();
    db.execute_batch("CREATE TABLE t(x)").unwrap();
    let mut action = explore::action(|db: &mut Connection| {
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
    });
    let recording = record(&db.memory_copy().unwrap(), &mut action, &FilesBeside::default(), None).unwrap();
    let commits = CommitPoints::find(&recording, &mut KnownContents::new(None)).unwrap();
    let events: Vec<&Event> = commits.all[1..].iter().map(|commit| &recording.log[commit.at].event).collect();
    let is_end = |event: &&Event| matches!(event, Event::Truncate { file, len: 0 } if file.ends_with("-journal"));
    assert!(events.len() == 2 && events.iter().all(is_end), "{events:?}");
}
