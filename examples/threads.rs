//! One writer and several readers, each on its own thread and connection: `cargo run --release --example threads`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sqlitmus::{BoxError, Profile, Template};

static NOTES: Template =
    Template::embedded(&[("1.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL)")])
        .profile(Profile::PRODUCTION);

const READERS: u64 = 3;

fn main() -> Result<(), BoxError> {
    let db = NOTES.on_disk();
    db.fill("notes", 1000);
    let (stop, read, written) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..READERS {
            // A Connection belongs to one thread. Each reader has its own, and sees a snapshot that no writer disturbs.
            let reader = db.connect();
            let (stop, read) = (&stop, &read);
            scope.spawn(move || -> rusqlite::Result<()> {
                let mut query = reader.prepare("SELECT body FROM notes WHERE id = ?1")?;
                while !stop.load(Ordering::Relaxed) {
                    let id = 1 + i64::try_from(read.fetch_add(1, Ordering::Relaxed) % 1000).unwrap_or(0);
                    query.query_row([id], |row| row.get::<_, String>(0))?;
                }
                Ok(())
            });
        }
        let (jobs, writer) = (queue(db.connect()), &written);
        while start.elapsed() < Duration::from_millis(500) {
            if jobs.send(String::from("a note")).is_err() {
                break;
            }
            writer.fetch_add(1, Ordering::Relaxed);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let per_second = |count: &AtomicU64| (count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()) as u64;
    println!("{READERS} readers    {} queries a second", per_second(&read));
    println!("1 writer     {} commits a second, from a queue", per_second(&written));
    let busy = db.record(|db| db.execute("UPDATE notes SET body = body WHERE id = 1", []));
    println!("and then     {} statement, BUSY never seen: nobody else writes", busy.len());
    Ok(())
}

/// Returns the end of a queue whose jobs one thread writes, in the order in which they come: no two connections of the app ever
/// wait for the write lock. The queue is short, so that a sender waits when the disk does.
fn queue(db: Connection) -> mpsc::SyncSender<String> {
    let (sender, jobs) = mpsc::sync_channel::<String>(16);
    thread::spawn(move || -> rusqlite::Result<()> {
        let mut insert = db.prepare("INSERT INTO notes(body) VALUES (?1)")?;
        jobs.into_iter().try_for_each(|body| insert.execute([body]).map(drop))
    });
    sender
}
