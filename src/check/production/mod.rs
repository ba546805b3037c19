//! The checklist for SQLite in production.

mod connection;
mod database;
mod point;

use rusqlite::Connection;

use super::health::try_health;
use crate::error::{Result, or_panic};
use crate::order::Order as _;

pub use point::{Point, Production, Status};

/// Answers the fifteen points that guides to SQLite in production have in common, each with what was seen: for the connection
/// that the app opens, on its own database.
///
/// ```
/// use sqlitmus::{Profile, Template, check, check::Status};
///
/// let app = Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION);
/// let db = app.in_memory();
/// let checklist = check::production(&db);
///
/// let strict = checklist.point("strict").unwrap();
/// assert_eq!(strict.status, Status::Ok);
/// assert_eq!(strict.seen, "all 19 tables are STRICT");
///
/// let backup = checklist.point("backup").unwrap();
/// let shows = "sqlitmus::check::backup(&connection, copy), with a copy that the app has made";
/// assert_eq!(backup.status, Status::Unseen(shows));
/// ```
///
/// | point | asks for | seen |
/// | --- | --- | --- |
/// | `wal` | WAL | `journal_mode` |
/// | `strict` | STRICT tables | the schema |
/// | `page-size` | pages of 4096 bytes or more, set before the first table | `page_size` |
/// | `cache-size` | a cache larger than SQLite's default | `cache_size` |
/// | `busy-timeout` | a second or more | `busy_timeout` |
/// | `synchronous` | NORMAL in WAL mode, else FULL | `synchronous` |
/// | `key-reuse` | keys that are not given to another row when theirs is deleted | the schema |
/// | `indexes` | an index for each foreign key, and for what queries search by | `fk-unindexed` and `fk-partly-indexed`; the queries of a recording |
/// | `batches` | many writes in one transaction | a recording |
/// | `checkpoints` | a WAL that is checkpointed and bounded | [`health`](crate::check::health()) |
/// | `integrity` | a database that is whole after its migrations | [`integrity`](crate::check::integrity()) |
/// | `backup` | a backup that restores | what the app has copied |
/// | `pooling` | connections that are kept | a recording |
/// | `file-system` | a disk of this machine | [`health`](crate::check::health()) |
/// | `full-disk` | an app that survives a full disk | a sweep of faults |
///
/// A point that a connection cannot tell is [`Status::Unseen`], with the call that shows it. [`Production::answer`] puts the
/// result of that call in its place, and [`workload::production`](crate::workload::production()) answers the three points that a
/// recording shows. Where guides and SQLite's own documentation disagree, the point has both opinions.
///
/// The database is only read. `integrity` reads all of it, which takes a while for a large one.
///
/// # Panics
/// If the database cannot be read.
#[track_caller]
pub fn production(connection: &Connection) -> Production {
    or_panic(try_production(connection))
}

/// Like [`production`], without the panic.
///
/// # Errors
/// If the database cannot be read.
pub fn try_production(connection: &Connection) -> Result<Production> {
    let _own = crate::own::statements();
    let health = try_health(connection)?;
    let mut points = connection::points(connection, &health)?;
    points.extend(database::points(connection, &health)?);
    points.order_by_key(|point| point::POINTS.iter().position(|name| *name == point.name));
    Ok(Production::new(points))
}
