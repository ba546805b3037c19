//! The points of the production checklist that a recording shows.

use rusqlite::Connection;

use crate::check::{self, Point, Production};
use crate::error::{Result, or_panic};
use crate::order::SortedMap;
use crate::plan::{Node, Plan, try_explain};
use crate::record::{Queries, Query};
use crate::report::count;
use crate::sql::{Token, tokens};

/// The number of times that one statement may write in a transaction of its own.
const MANY_WRITES: usize = 10;

/// Answers the [production checklist](crate::check::production()), and the three points that a recording shows: `indexes` for
/// what the queries search by, `batches` for the writes, and `pooling`.
///
/// ```
/// use sqlitmus::{Template, check::Status, rusqlite::Connection, workload};
///
/// fn import(db: &mut Connection) {
///     for number in 0..50 {
///         let name = format!("category {number}");
///         let sql = "INSERT INTO categories(slug, name) VALUES (?1, ?1)";
///         db.execute(sql, [name]).unwrap();
///     }
/// }
///
/// let db = Template::new("fixtures/shop/migrations").in_memory();
/// let queries = db.record(import);
/// let checklist = workload::production(&db, &queries);
/// let batches = checklist.point("batches").unwrap();
/// assert_eq!(batches.status, Status::Not);
/// ```
///
/// A statement that writes ten times or more, each time in a transaction of its own, is not in a batch. Connections count as
/// opened within the recording if their first statement there is a PRAGMA.
///
/// # Panics
/// If the database cannot be read, or the recording is not complete.
#[track_caller]
pub fn production<R>(connection: &Connection, queries: &Queries<R>) -> Production {
    or_panic(try_production(connection, queries))
}

/// Like [`production`], without the panic.
///
/// # Errors
/// If the database cannot be read, or the recording is not complete.
pub fn try_production<R>(connection: &Connection, queries: &Queries<R>) -> Result<Production> {
    let checklist = check::try_production(connection)?;
    let statements = queries.statements()?;
    let checklist = match searched_columns(&queries.connect()?, &statements) {
        // A foreign key without an index is worse than what can be said about queries.
        Some(point) if checklist.point("indexes").is_some_and(|known| known.status != check::Status::Not) => {
            checklist.replace(point)
        }
        _ => checklist,
    };
    Ok([batches(queries), pooling(queries)].into_iter().flatten().fold(checklist, Production::replace))
}

/// Returns `None` if there is nothing to plan.
fn searched_columns(connection: &Connection, statements: &[String]) -> Option<Point> {
    let plans: Vec<_> = statements.iter().map(|sql| (sql, try_explain(connection, sql))).collect();
    let planned = plans.iter().filter(|(_, plan)| plan.is_ok()).count();
    let has_scan = |(sql, plan): &(&String, Result<Plan>)| {
        let plan = plan.as_ref().ok()?;
        let mut nodes = plan.lines().chain(plan.effects().iter().map(|effect| &effect.node));
        nodes.any(Node::is_scan).then(|| (*sql).clone())
    };
    let scanning: Vec<String> = plans.iter().filter_map(has_scan).collect();
    let unplanned = match plans.len() - planned {
        0 => String::new(),
        some => format!("; {} cannot be planned here", count(some, "statement")),
    };
    match (planned, scanning.first()) {
        (0, _) => None,
        (_, None) => {
            let seen =
                format!("{} and no scan of a table, beside the foreign keys{unplanned}", count(planned, "statement"));
            Some(Point::ok("indexes", seen))
        }
        (_, Some(first)) => {
            let number = scanning.len();
            let verb = if number == 1 { "scans" } else { "scan" };
            let of = count(planned, "statement");
            let seen = format!("{number} of {of} {verb} a whole table{unplanned}, the first: {first}");
            Some(Point::not("indexes", seen, "queries.assert_no_scan() has the plans and the indexes"))
        }
    }
}

/// The transaction of a connection, as far as its statements tell.
#[derive(Default)]
struct Transaction {
    has_begun: bool,
    savepoints: Vec<String>,
    /// True if it has written.
    wrote: bool,
}

impl Transaction {
    fn is_open(&self) -> bool {
        self.has_begun || !self.savepoints.is_empty()
    }

    /// Follows a statement about transactions.
    fn follow(&mut self, query: &Query) {
        let words: Vec<String> = tokens(query.sql()).iter().filter_map(Token::name).collect();
        let name = words.last().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let at = self.savepoints.iter().rposition(|open| *open == name);
        match query.keyword().as_str() {
            "BEGIN" => self.has_begun = true,
            "SAVEPOINT" => self.savepoints.push(name),
            "RELEASE" => self.savepoints.truncate(at.unwrap_or(0)),
            "ROLLBACK" if words.iter().any(|word| word.eq_ignore_ascii_case("to")) => {
                self.savepoints.truncate(at.map_or(0, |at| at + 1));
            }
            "COMMIT" | "END" | "ROLLBACK" => *self = Transaction::default(),
            _ => {}
        }
    }
}

/// Returns `None` if nothing was written.
fn batches<R>(queries: &Queries<R>) -> Option<Point> {
    let mut open: SortedMap<usize, Transaction> = SortedMap::new();
    let mut alone: SortedMap<String, usize> = SortedMap::new();
    let (mut writes, mut transactions) = (0, 0);
    for query in queries.iter() {
        let transaction = open.get_or_default(query.connection());
        if query.is_about_the_connection() {
            transaction.follow(query);
        } else if is_write(query) {
            writes += 1;
            if !transaction.is_open() {
                transactions += 1;
                *alone.get_or_default(query.normalized()) += 1;
            } else if !transaction.wrote {
                transactions += 1;
                transaction.wrote = true;
            }
        }
    }
    let (sql, most) = alone.into_iter().max_by_key(|(_, times)| *times).unwrap_or_default();
    let seen = format!("{} in {}", count(writes, "write"), count(transactions, "transaction"));
    match (writes, most) {
        (0, _) => None,
        (_, MANY_WRITES..) => Some(Point::not(
            "batches",
            format!("{seen}; one statement has {most} of its own: {sql}"),
            "BEGIN before the first and COMMIT after the last: each commit is written to the disk by itself",
        )),
        _ => Some(Point::ok("batches", seen)),
    }
}

fn is_write(query: &Query) -> bool {
    !query.reads_only() && matches!(query.keyword().as_str(), "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH")
}

/// Returns `None` if nothing ran.
fn pooling<R>(queries: &Queries<R>) -> Option<Point> {
    let mut first: Vec<&Query> = Vec::new();
    for query in queries.iter() {
        if first.iter().all(|known| known.connection() != query.connection()) {
            first.push(query);
        }
    }
    let opened = first.iter().filter(|query| query.is_on_new_connection()).count();
    let seen = format!(
        "{} on {}, {opened} of them opened meanwhile",
        count(queries.len(), "statement"),
        count(first.len(), "connection")
    );
    match opened {
        _ if first.is_empty() => None,
        0 | 1 => Some(Point::ok("pooling", seen)),
        _ => Some(Point::not(
            "pooling",
            seen,
            "keep connections in a pool: a new one reads the schema again, has an empty cache, and needs each PRAGMA",
        )),
    }
}
