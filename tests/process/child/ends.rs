//! Processes that end within a test, or wait.
#![expect(unsafe_code, reason = "fork is C")]

use std::path::Path;
use std::time::Duration;

use sqlitmus::{BoxError, Template};

use super::{FILES, folder, insert};

static T: Template = Template::embedded(FILES);

#[test]
fn exits_with_a_database() {
    if folder().is_none() {
        return;
    }
    let _db = T.on_disk();
    std::process::exit(3);
}

#[test]
fn aborts_with_a_database() {
    if folder().is_none() {
        return;
    }
    let _db = T.on_disk();
    std::process::abort();
}

fn ready(folder: &Path) {
    std::fs::write(folder.join("ready"), "").unwrap();
}

fn wait_for(file: &Path) {
    while !file.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn holds_a_database() {
    let Some(folder) = folder() else { return };
    let _db = T.on_disk();
    ready(&folder);
    wait_for(&folder.join("never"));
}

unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
}

#[test]
fn forks() {
    if folder().is_none() {
        return;
    }
    let db = T.on_disk();
    let in_memory = T.in_memory();
    insert(&db, 2);
    // SAFETY: the child uses what this thread holds, and no lock of another thread's.
    let child = unsafe { fork() };
    if child == 0 {
        drop((db, in_memory));
        // SAFETY: takes a number.
        unsafe { _exit(0) };
    }
    let mut status = -1;
    // SAFETY: the child is this process's own, and the status is written before the call returns.
    unsafe { waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
    assert!(db.path().exists());
    insert(&db, 3);
    let rows: i64 = db.connect().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 3);
    let path = db.path().to_owned();
    drop(db);
    assert!(!path.exists());
}

#[test]
fn builds_until_a_file_is_there() {
    if folder().is_none() {
        return;
    }
    static SLOW: Template = Template::embedded(FILES)
        .seed(|_| {
            let folder = folder().unwrap();
            ready(&folder);
            wait_for(&folder.join("go"));
            Ok(())
        })
        .key("slow");
    insert(&SLOW.in_memory(), 2);
}

/// Builds as soon as another process builds too, which is then waited for.
fn beside(own: &str, other: &str, template: &Template) -> Result<(), BoxError> {
    let folder = folder().unwrap();
    std::fs::write(folder.join(own), "")?;
    wait_for(&folder.join(other));
    template.try_in_memory()?;
    Ok(())
}

static ONE: Template = Template::migrate_with(|_| beside("one", "two", &TWO)).key("one");
static TWO: Template = Template::migrate_with(|_| beside("two", "one", &ONE)).key("two");

#[test]
fn needs_the_other_one() {
    if folder().is_some() {
        is_refused(&ONE);
    }
}

#[test]
fn needs_the_first_one() {
    if folder().is_some() {
        is_refused(&TWO);
    }
}

#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn is_refused(template: &Template) {
    println!("{}", template.try_in_memory().unwrap_err().headline());
}

static ON_THREADS: Template = Template::migrate_with(|_| {
    let other = std::thread::spawn(|| ON_THREADS.try_in_memory().map(drop));
    Ok(other.join().unwrap()?)
});

#[test]
fn needs_itself_on_another_thread() {
    if folder().is_some() {
        is_refused(&ON_THREADS);
    }
}
