//! Files beside the database that an invariant reads.

use std::fs;
use std::path::Path;

use sqlitmus::rusqlite::Connection;
use sqlitmus::{BoxError, Profile, crash};

use super::db;

const PHOTOS: &str = "CREATE TABLE photos(name TEXT PRIMARY KEY); INSERT INTO photos VALUES ('old.jpg');";

/// Each row has its file.
fn each_row_has_its_file(db: &Connection, folder: &Path) -> Result<(), String> {
    let mut photos = db.prepare("SELECT name FROM photos ORDER BY name").unwrap();
    let names = photos.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    names.filter(|name| !folder.join(name).exists()).try_for_each(|name| Err(format!("{name} has a row and no file")))
}

fn test(
    profile: Profile,
    work: impl Fn(&mut Connection, &Path) -> Result<(), BoxError>,
) -> Result<crash::Report, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("old.jpg"), "old").unwrap();
    let db = db(profile, PHOTOS);
    let report = crash::test(&db, |db| work(db, &path))
        .file(&path)
        .invariant(|db| each_row_has_its_file(db, &path))
        .try_run()
        .map_err(|error| error.to_string());
    // All is as it was before the test.
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(path.join("old.jpg")).unwrap(), "old");
    report
}

fn add(db: &Connection) -> Result<(), BoxError> {
    db.execute("INSERT INTO photos VALUES ('new.jpg')", [])?;
    Ok(())
}

fn remove(db: &Connection) -> Result<(), BoxError> {
    db.execute("DELETE FROM photos WHERE name = 'old.jpg'", [])?;
    Ok(())
}

#[test]
fn a_row_before_its_file() {
    let error = test(Profile::PRODUCTION, |db, folder| {
        add(db)?;
        Ok(fs::write(folder.join("new.jpg"), "new")?)
    })
    .unwrap_err();
    assert!(error.contains("breaks an invariant"), "{error}");
    assert!(error.contains("new.jpg has a row and no file\n    beside the database: old.jpg (3 bytes)"), "{error}");
    test(Profile::PRODUCTION, |db, folder| {
        fs::write(folder.join("new.jpg"), "new")?;
        add(db)
    })
    .unwrap();
}

#[test]
fn a_file_that_is_deleted_before_its_row() {
    let error = test(Profile::PRODUCTION, |db, folder| {
        fs::remove_file(folder.join("old.jpg"))?;
        remove(db)
    })
    .unwrap_err();
    assert!(error.contains("old.jpg has a row and no file\n    beside the database: no file"), "{error}");
    // With NORMAL, a power cut may take the commit, and the file is gone all the same.
    for (profile, passes) in [(Profile::PRODUCTION, false), (Profile::DURABLE, true)] {
        let result = test(profile, |db, folder| {
            remove(db)?;
            Ok(fs::remove_file(folder.join("old.jpg"))?)
        });
        assert_eq!(result.is_ok(), passes, "{result:?}");
    }
}

#[test]
fn a_file_that_is_not_there_yet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.jpg");
    for (is_first, passes) in [(true, true), (false, false)] {
        let db = db(Profile::PRODUCTION, "CREATE TABLE photos(name TEXT PRIMARY KEY)");
        let work = |db: &mut Connection| -> Result<(), BoxError> {
            if is_first {
                fs::write(&path, "new")?;
            }
            add(db)?;
            Ok(fs::write(&path, "new")?)
        };
        let result = crash::test(&db, work)
            .file(&path)
            .invariant(|db| each_row_has_its_file(db, folder.path()))
            .try_run()
            .map_err(|error| error.headline().to_owned());
        assert_eq!(result.is_ok(), passes, "{result:?}");
        assert!(!path.exists());
    }
}
