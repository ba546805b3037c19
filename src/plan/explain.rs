//! Makes the plan of a statement, and reports statements that have none.

use std::cell::RefCell;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, Params, Rows, Statement};

use super::catalog::Catalog;
use super::query_plan::{Plan, PlanSource};
use super::tree::{Node, Scan};
use super::{bytecode, loops, parse};
use crate::error::{Error, ErrorKind, Refusal, Result, or_panic};
use crate::order::Order as _;
use crate::sql::{Cursor, split, tokens};

/// Returns the plan of a statement. Nothing is run, and parameters need no values.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE)").unwrap();
/// let by_email = "SELECT id FROM users WHERE email = ?1";
/// let plan = sqlitmus::plan::explain(&db, by_email);
/// plan.assert_no_scan().assert_covering("users");
/// ```
///
/// # Panics
/// If SQLite refuses the statement, or if `sql` is not one statement that has a plan.
#[track_caller]
pub fn explain(connection: &Connection, sql: &str) -> Plan {
    or_panic(try_explain(connection, sql))
}

/// Like [`explain`], without the panic.
///
/// # Errors
/// If SQLite refuses the statement, or if `sql` is not one statement that has a plan.
pub fn try_explain(connection: &Connection, sql: &str) -> Result<Plan> {
    plan(connection, sql, &|statement| Ok(statement.raw_query()))
}

/// Like [`explain`], planned with values for the parameters.
///
/// ```
/// use sqlitmus::{plan::explain_with, rusqlite::params};
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE users(name TEXT COLLATE NOCASE); CREATE INDEX by_name ON users(name)").unwrap();
/// let by_prefix = "SELECT name FROM users WHERE name LIKE ?1";
/// explain_with(&db, by_prefix, params!["ad%"]).assert_no_scan();
/// ```
///
/// # Panics
/// If the statement cannot be explained, or if the values do not fit its parameters.
#[track_caller]
pub fn explain_with<P: Params + Clone>(connection: &Connection, sql: &str, params: P) -> Plan {
    or_panic(try_explain_with(connection, sql, params))
}

/// Like [`explain_with`], without the panic.
///
/// # Errors
/// If SQLite refuses the statement or a value, or if `sql` is not one statement that has a plan.
pub fn try_explain_with<P: Params + Clone>(connection: &Connection, sql: &str, params: P) -> Result<Plan> {
    let mut plan = plan(connection, sql, &|statement| statement.query(params.clone()))?;
    // If the values cannot be read back, there is no advice for a plan that depends on them.
    plan.values = values(connection, &plan.sql, params).unwrap_or_default();
    plan_by_literals(connection, &mut plan);
    Ok(plan)
}

/// Takes the scans from the same plan with values in place of parameters, if a partial index seems to be filtered. SQLite sees
/// that a condition is the WHERE of the index, and still tests it if its value is a parameter's.
fn plan_by_literals(connection: &Connection, known: &mut Plan) {
    if known.values.is_empty() || !known.all().any(is_filtered) {
        return;
    }
    let literals = || -> rusqlite::Result<Option<String>> {
        let mut statement = connection.prepare(&known.sql)?;
        for (number, value) in (1..).zip(&known.values) {
            statement.raw_bind_parameter(number, value)?;
        }
        Ok(statement.expanded_sql())
    };
    let again = literals().ok().flatten().and_then(|sql| try_explain(connection, &sql).ok());
    if let Some(again) = again.filter(|again| again.to_string() == known.to_string()) {
        (known.nodes, known.effects) = (again.nodes, again.effects);
    }
}

/// Returns the values that `params` gives to the parameters of a statement.
fn values<P: Params>(connection: &Connection, sql: &str, params: P) -> rusqlite::Result<Vec<Value>> {
    let statement = connection.prepare(sql)?;
    let count = statement.parameter_count();
    if count == 0 {
        return Ok(Vec::new());
    }
    let name = |number| statement.parameter_name(number).map_or_else(|| format!("?{number}"), str::to_owned);
    let sql = format!("SELECT {}", (1..=count).map(name).collect::<Vec<_>>().join(", "));
    connection.query_row(&sql, params, |row| (0..count).map(|column| row.get(column)).collect())
}

/// Plans the statement of a plan again, with the same values.
pub(super) fn explain_again(connection: &Connection, known: &Plan) -> Result<Plan> {
    Planner::on(connection)?.explain_again(known)
}

/// A connection whose schema was read once, for the plans of several statements.
pub(crate) struct Planner<'c> {
    pub(super) connection: &'c Connection,
    pub(super) catalog: Arc<Catalog>,
    /// True if the bytecode is understood.
    pub(super) is_understood: bool,
}

impl<'c> Planner<'c> {
    pub(crate) fn on(connection: &'c Connection) -> Result<Planner<'c>> {
        let _own = crate::own::statements();
        let catalog = Catalog::read(connection).map_err(|error| Error::sqlite("read the schema", error))?;
        let is_understood = bytecode::is_understood(connection);
        Ok(Planner { connection, catalog: Arc::new(catalog), is_understood })
    }

    /// Like [`try_explain`].
    pub(crate) fn explain(&self, sql: &str) -> Result<Plan> {
        self.plan(only_statement(sql)?, &|statement| Ok(statement.raw_query()))
    }

    /// Like [`explain_again`].
    pub(super) fn explain_again(&self, known: &Plan) -> Result<Plan> {
        let values = known.values.as_slice();
        if values.is_empty() {
            return self.explain(&known.sql);
        }
        let mut again = self.plan(&known.sql, &|statement| statement.query(rusqlite::params_from_iter(values)))?;
        again.values.clone_from(&known.values);
        plan_by_literals(self.connection, &mut again);
        Ok(again)
    }

    fn plan(&self, sql: &str, query: &Query<'_>) -> Result<Plan> {
        let _own = crate::own::statements();
        plan_in(self.connection, sql, query, Arc::clone(&self.catalog), self.is_understood)
    }
}

/// Runs a statement with the values of its parameters.
type Query<'q> = dyn for<'a> Fn(&'a mut Statement<'_>) -> rusqlite::Result<Rows<'a>> + 'q;

fn plan(connection: &Connection, sql: &str, query: &Query<'_>) -> Result<Plan> {
    let sql = only_statement(sql)?;
    Planner::on(connection).map_err(|error| error.sql(sql))?.plan(sql, query)
}

/// Makes the plan. The scans of a partial index come from the same plan with aggregates that are given every row: FILTER leaves
/// out rows for an aggregate, and its code is that of a WHERE.
fn plan_in(
    connection: &Connection,
    sql: &str,
    query: &Query<'_>,
    catalog: Arc<Catalog>,
    is_understood: bool,
) -> Result<Plan> {
    let mut known = plan_as_written(connection, sql, query, catalog, is_understood)?;
    if known.all().any(is_filtered)
        && let Some(every_row) = with_every_row(sql)
        && let Ok(again) = plan_as_written(connection, &every_row, query, Arc::clone(&known.catalog), is_understood)
        && again.to_string() == known.to_string()
    {
        (known.nodes, known.effects) = (again.nodes, again.effects);
    }
    Ok(known)
}

fn is_filtered(node: &Node) -> bool {
    matches!(node.scan, Some(Scan::FilteredPartialIndex(_)))
}

/// Returns a statement whose `FILTER (WHERE x)` holds for every row. `None` if it has none.
fn with_every_row(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let mut edited = String::new();
    let mut copied = 0;
    for at in 0..tokens.len() {
        let mut cursor = Cursor::new(&tokens);
        cursor.seek(at);
        let Some(inside) = cursor.take("filter").then(|| cursor.group()).flatten() else { continue };
        let Some([first, second, .., last]) = tokens.get(inside).filter(|inside| inside[0].is("where")) else {
            continue;
        };
        if first.end() > copied {
            edited.push_str(&format!("{} ({}) OR 1", &sql[copied..first.end()], &sql[second.start..last.end()]));
            copied = last.end();
        }
    }
    (copied > 0).then(|| edited + &sql[copied..])
}

fn plan_as_written(
    connection: &Connection,
    sql: &str,
    query: &Query<'_>,
    catalog: Arc<Catalog>,
    is_understood: bool,
) -> Result<Plan> {
    let refuse = |prefix: &str, error| refused_by_sqlite(&catalog, sql, prefix.len(), error);
    let prefix = "EXPLAIN QUERY PLAN ";
    let rows = lines(connection, &format!("{prefix}{sql}"), query).map_err(|error| refuse(prefix, error))?;
    let indexes = catalog.names("index");
    let mut nodes = parse::nodes(&rows, parse::Hints { indexes: &indexes, old: parse::is_old_sqlite() });

    let programs = if is_understood {
        let prefix = "EXPLAIN ";
        let listing = || bytecode::read(&mut query(&mut connection.prepare(&format!("{prefix}{sql}"))?)?);
        listing().map_err(|error| refuse(prefix, error))?
    } else {
        None
    };
    let (source, effects) = match programs {
        Some(programs) => {
            let effects = loops::annotate_from_bytecode(connection, &catalog, &rows, &mut nodes, &programs);
            (PlanSource::Bytecode, effects)
        }
        None => {
            loops::annotate_from_text(&catalog, &mut nodes);
            (PlanSource::Text, Vec::new())
        }
    };
    let mut found = Plan {
        sql: sql.to_owned(),
        written: None,
        others: Vec::new(),
        values: Vec::new(),
        nodes: parse::tree(&rows, nodes),
        effects,
        source,
        catalog,
        allowed: RefCell::default(),
        without_statistics: None,
    };
    if !found.tables_of_few_rows().is_empty() {
        // The copy has no temporary tables and no attached databases; a statement on those cannot be planned again.
        let copy = found.catalog.empty_copy_for(sql);
        found.without_statistics = copy.and_then(|copy| plan(&copy.connection, sql, query)).ok().map(Box::new);
    }
    Ok(found)
}

fn lines(connection: &Connection, sql: &str, query: &Query<'_>) -> rusqlite::Result<Vec<parse::Row>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = query(&mut statement)?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(parse::Row { id: row.get(0)?, parent: row.get(1)?, detail: row.get(3)? });
    }
    Ok(lines)
}

/// Returns the one statement of `sql`, without blanks and comments around it.
pub(crate) fn only_statement(sql: &str) -> Result<&str> {
    let error = |headline: &str| Error::new(ErrorKind::Plan, headline);
    let statements = split(sql);
    let statement = match statements.as_slice() {
        [] if sql.trim().is_empty() => return Err(error("there is no statement to explain")),
        [] => return Err(error("there is no statement to explain").sql(sql)),
        [statement] => statement,
        [_, second, ..] => {
            let headline = format!("there are {} statements to explain, but a plan is for one", statements.len());
            let second = second.text.lines().next().unwrap_or_default();
            return Err(error(&headline)
                .sql(sql)
                .evidence("the second", format!("> {second}"))
                .help("explain them one at a time"));
        }
    };
    if statement.starts_with("EXPLAIN") {
        return Err(error("an EXPLAIN has no plan")
            .sql(statement.text)
            .help("leave out EXPLAIN QUERY PLAN: sqlitmus adds it"));
    }
    if statement.starts_with("PRAGMA") {
        // SQLite runs some of them while it compiles them, even with EXPLAIN in front.
        return Err(error("a PRAGMA has no plan").sql(statement.text));
    }
    Ok(statement.text)
}

/// Reports SQLite's refusal of `sql`, which had `prefix` bytes in front of it.
fn refused_by_sqlite(catalog: &Catalog, sql: &str, prefix: usize, error: rusqlite::Error) -> Error {
    let Some(refusal) = Refusal::of(&error) else {
        return Error::new(ErrorKind::Plan, format!("the statement could not be explained: {error}"))
            .sql(sql)
            .because(error);
    };
    let headline = format!("the statement could not be explained: {}", refusal.message);
    let offset = refusal.offset.and_then(|offset| offset.checked_sub(prefix)).filter(|&at| sql.is_char_boundary(at));
    let shown = offset.map_or_else(|| sql.to_owned(), |offset| with_caret(sql, offset));
    let mut report = Error::new(ErrorKind::Sqlite, headline).sql_excerpt(sql, &shown);
    if let Some(advice) = advice(&refusal.message) {
        report = report.help(advice);
    }
    let report = report.because_sqlite(error);
    let mut tables = catalog.names("table");
    tables.retain(|name| !name.starts_with("sqlite_"));
    tables.order();
    match refusal.message.starts_with("no such table: ") && !tables.is_empty() {
        true => report.evidence("tables", tables.join("\n")),
        false => report,
    }
}

/// Returns the statement with a caret below the character at `offset`.
pub(super) fn with_caret(sql: &str, offset: usize) -> String {
    let start = sql[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = sql[offset..].find('\n').map_or(sql.len(), |at| offset + at);
    // Tabs are kept, so the caret is in the right column whatever their width.
    let before = sql[start..offset].chars().map(|c| if c == '\t' { '\t' } else { ' ' });
    format!("{}\n{}^{}", &sql[..end], before.collect::<String>(), &sql[end..])
}

fn advice(message: &str) -> Option<String> {
    let function = message.strip_prefix("no such function: ").map(str::to_owned);
    let collation = || Some(format!("the collation {}", message.strip_prefix("no such collation sequence: ")?));
    let named = function.or_else(collation)?;
    Some(format!("if the app registers {named}, register it with Template::functions"))
}
