//! Inserts the rows of one table after the other. After a refusal, makes again what SQLite names.

use std::sync::Arc;

use rusqlite::{Connection, Row, Statement};

use crate::data::constraints::condition::{Condition, ConditionKind};
use crate::data::constraints::conditions::name_in_sqlite_errors;
use crate::data::fill::context::{FillContext, first_number};
use crate::data::fill::lookup::KnownParents;
use crate::data::fill::parent_join::ParentJoin;
use crate::data::fill::plan::references::PerParentRows;
use crate::data::fill::plan::table_plan::TablePlan;
use crate::data::fill::refused::{RefusedRow, triggers_that_raise};
use crate::data::fill::row_values::{FilledTable, RowNumbers, Tables, number_of};
use crate::data::fill::rows::RowMaker;
use crate::data::script::{Item, Script};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::order::Order as _;
use crate::progress::Progress;
use crate::report::visible;
use crate::schema::references::column_names;
use crate::schema::{Schema, TableKind, VirtualTable};
use crate::sql::{Token, plain_name, same_name, tokens};

/// Inserts the rows of all tables. Returns the result of each, and the rows if `wants_script` is true.
pub(crate) fn insert_tables(
    context: &FillContext<'_>,
    plans: &[TablePlan],
    wants_script: bool,
) -> Result<(Vec<FilledTable>, Script)> {
    let connection = context.connection;
    let _cache = raise_cache_size(connection, plans.iter().map(|plan| plan.count).sum())?;
    let mut inserter =
        Inserter { context, tables: Tables { plans, filled: Vec::new() }, script: wants_script.then(Vec::new) };
    let in_cycles = plans.iter().enumerate().filter(|(at, plan)| plan.refers_to_later(*at));
    let in_cycles: Vec<&str> = in_cycles.map(|(_, plan)| plan.name.as_str()).collect();
    for (at, plan) in plans.iter().enumerate() {
        // Rows of the others are made again if their parents are missing.
        let _deferred = if plan.refers_to_later(at) { defer_foreign_keys(connection)? } else { None };
        inserter.fill(at)?;
        // The caller asks for more parents, or reports it.
        let filled = &inserter.tables.filled[at];
        if filled.failure.is_some() && (plan.is_exact || filled.rows == 0) {
            return Ok((inserter.tables.filled, Script::default()));
        }
    }
    for table in &in_cycles {
        check_references(connection, table)?;
    }
    let after = rebuilds(context.schema, plans);
    for sql in &after {
        connection.execute_batch(sql).map_err(|error| Error::sqlite("rebuild the full-text index", error).sql(sql))?;
    }
    let script = inserter.script.map_or_else(Script::default, |rows| Script {
        tables: Arc::new(plans.iter().map(TablePlan::target).collect()),
        rows,
        deferred: !in_cycles.is_empty(),
        after,
    });
    Ok((inserter.tables.filled, script))
}

/// Returns the statements that rebuild the full-text indexes of filled tables, unless triggers update them.
fn rebuilds(schema: &Schema, plans: &[TablePlan]) -> Vec<String> {
    let mut found = Vec::new();
    for table in schema.tables.iter().filter(|table| matches!(table.kind, TableKind::Virtual { .. })) {
        let VirtualTable { module, content: Some(content), .. } = VirtualTable::of(&table.sql) else { continue };
        let is_filled = plans.iter().any(|plan| plan.count > 0 && plan.name == content);
        let names_it = |sql: &str| tokens(sql).iter().filter_map(Token::name).any(|name| name == table.name);
        let triggers = schema.table(&content).map_or(&[][..], |content| &content.triggers);
        if module.starts_with("fts") && is_filled && !triggers.iter().any(|trigger| names_it(&trigger.sql)) {
            let name = plain_name(&table.name);
            // The column with the name of the full-text table takes commands.
            found.push(format!("INSERT INTO main.{name}({name}) VALUES ('rebuild')"));
        }
    }
    found
}

/// Returns an error if rows of a table refer to nothing.
fn check_references(connection: &Connection, table: &str) -> Result<()> {
    let sql = format!("PRAGMA main.foreign_key_check({})", plain_name(table));
    let shown = |row: &Row<'_>| -> rusqlite::Result<String> {
        let (rowid, parent): (Option<i64>, String) = (row.get(1)?, row.get(2)?);
        let rowid = rowid.map_or(String::new(), |rowid| format!(" {rowid}"));
        Ok(format!("{table}{rowid} refers to {parent}"))
    };
    let broken = connection
        .prepare(&sql)
        .and_then(|mut check| check.query_map([], shown)?.take(5).collect::<rusqlite::Result<Vec<String>>>())
        .map_err(|error| Error::sqlite("check foreign keys", error).sql(&sql))?;
    if broken.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Data, format!("cannot fill {table}: rows would refer to nothing"))
        .evidence("PRAGMA foreign_key_check", broken.join("\n"))
        .help("existing rows may have the keys that were to be given"))
}

/// Sets a PRAGMA back when it is dropped.
struct Restore<'c> {
    connection: &'c Connection,
    sql: String,
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        let _ = self.connection.execute_batch(&self.sql);
    }
}

/// Checks foreign keys when the transaction ends, until the value is dropped. SQLite counts missing parents, so keys that
/// were to be checked at the end are still checked then.
fn defer_foreign_keys(connection: &Connection) -> Result<Option<Restore<'_>>> {
    let sql = "PRAGMA defer_foreign_keys";
    let before: bool = connection
        .query_row(sql, [], |row| row.get(0))
        .and_then(|before| connection.execute_batch("PRAGMA defer_foreign_keys = ON").map(|()| before))
        .map_err(|error| Error::sqlite("defer foreign keys", error).sql(sql))?;
    Ok((!before).then(|| Restore { connection, sql: "PRAGMA defer_foreign_keys = OFF".to_owned() }))
}

/// Fills of more rows than this get a larger page cache: if an index is larger than the cache, SQLite writes its pages
/// again and again.
const MANY: u64 = 10_000;

/// Gives the connection a page cache of at least 64 MB until the value is dropped.
fn raise_cache_size(connection: &Connection, rows: u64) -> Result<Option<Restore<'_>>> {
    let sql = "PRAGMA main.cache_size";
    let refused = |error| Error::sqlite("read cache_size", error).sql(sql);
    let before: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(refused)?;
    // A negative size is in KB, a positive one in pages, of which few have more than 4 KB.
    let size = if before < 0 { -before } else { before.saturating_mul(4) };
    if rows <= MANY || size >= 64_000 {
        return Ok(None);
    }
    connection.execute_batch("PRAGMA main.cache_size = -64000").map_err(refused)?;
    Ok(Some(Restore { connection, sql: format!("{sql} = {before}") }))
}

/// The number of times that a row is made before its table cannot be filled. In 125 schemas no row needed more than 27
/// attempts. A clock would make a slow machine fail where a fast one does not.
const ATTEMPTS: u64 = 200;

/// The same for errors that no constraint raises, as of functions that could not read a value.
const ATTEMPTS_AFTER_ERRORS: u64 = 8;

/// All columns of a row are made again each time that it was refused so often.
const STUCK: u64 = 8;

/// SQLite's primary codes of errors that are not about the row: a lock, memory, an unwritable file, a full disk.
const NOT_ABOUT_ROWS: [i32; 11] = [5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26];

struct Inserter<'a> {
    context: &'a FillContext<'a>,
    tables: Tables<'a>,
    /// The inserted rows, if they are wanted.
    script: Option<Vec<Item>>,
}

impl Inserter<'_> {
    /// Fills the table of the next plan.
    fn fill(&mut self, at: usize) -> Result<()> {
        let plan = &self.tables.plans[at];
        self.tables.filled.push(FilledTable::default());
        if plan.count == 0 {
            return Ok(());
        }
        let mut rows = RowInserter::new(self.context, plan, at)?;
        let mut per_parent =
            PerParentRows::of(&plan.references, |plan| self.tables.rows(plan)).map(PerParentRows::of_rows);
        let mut progress = Progress::of(visible(&format!("filling {}", plan.name)), Some(plan.count));
        let mut row = 0;
        while row < plan.count {
            let Some(parent) = per_parent.as_mut().map_or(Some(0), Iterator::next) else { break };
            match rows.insert(&self.tables, row, parent) {
                Ok(Inserted::Row { skipped }) => rows.note(&mut self.tables.filled[at], row, skipped),
                Ok(Inserted::NoRoom { keys }) => {
                    match self.made_by_triggers(plan)? {
                        Some(made) => row = made,
                        None => self.tables.filled[at].no_room = Some(format!("{keys}: no other parents agree")),
                    }
                    break;
                }
                Err(error) => {
                    let made = self.made_by_triggers(plan)?;
                    let code = error.sqlite_code().unwrap_or_default();
                    if code & 0xff != CONSTRAINT || self.context.connection.is_autocommit() {
                        return Err(error);
                    }
                    match made.filter(|_| UNIQUE.contains(&code)) {
                        Some(made) => row = made,
                        None => {
                            let filled = &mut self.tables.filled[at];
                            let says = error.refusal().map_or_else(String::new, |refusal| refusal.message_or_code());
                            filled.no_room = Some(format!("every further row was refused: {says}"));
                            filled.failure = Some(error);
                        }
                    }
                    break;
                }
            }
            if let Some(script) = &mut self.script {
                script.push(Item { table: at, values: rows.maker.draft.values.clone() });
            }
            row += 1;
            if row.is_multiple_of(256) {
                progress.at(row);
            }
        }
        self.tables.filled[at].rows = row;
        Ok(())
    }

    /// Returns the number of rows of a table, if triggers of its parents have inserted all of them: a profile for each user.
    fn made_by_triggers(&self, plan: &TablePlan) -> Result<Option<u64>> {
        let table = &self.context.schema.tables[plan.table];
        let made = first_number(self.context.connection, table)?.saturating_sub(plan.start);
        Ok((made >= plan.count).then_some(made))
    }
}

/// The outcome of a row.
enum Inserted {
    /// It is there. Some row numbers were left out before.
    Row { skipped: u64 },
    /// There are no further parents that differ in these keys.
    NoRoom { keys: String },
}

struct RowInserter<'a> {
    context: &'a FillContext<'a>,
    plan: &'a TablePlan,
    maker: RowMaker<'a>,
    statement: Statement<'a>,
    parents: KnownParents<'a>,
}

impl<'a> RowInserter<'a> {
    fn new(context: &'a FillContext<'a>, plan: &'a TablePlan, at: usize) -> Result<RowInserter<'a>> {
        let sql = plan.target().insert();
        let statement = context
            .connection
            .prepare(&sql)
            .map_err(|error| Error::sqlite(format!("insert into {}", plan.name), error).sql(&sql))?;
        let is_deferred = context.schema.tables[plan.table].foreign_keys.iter().any(|key| key.deferred);
        let parents = match is_deferred || plan.refers_to_later(at) {
            true => KnownParents::of(context.connection, plan, at),
            false => KnownParents::default(),
        };
        Ok(RowInserter { context, plan, maker: RowMaker::new(context, plan, at), statement, parents })
    }

    /// Makes one row again until SQLite accepts it.
    fn insert(&mut self, tables: &Tables<'_>, row: u64, parent: u64) -> Result<Inserted> {
        let plan = self.plan;
        let mut skipped = tables.filled.last().map_or(0, FilledTable::skipped);
        let mut refused = RefusedRow::new(plan, row);
        loop {
            self.maker.make(tables, RowNumbers { row, number: number_of(plan, row, skipped), parent });
            if let Some(error) = self.maker.draft.broken.take() {
                refused.note(self.maker.shown());
                return Err(refused.error(error));
            }
            let Some(error) = self.run() else { return Ok(Inserted::Row { skipped }) };
            let code = error.sqlite_error().map_or(0, |error| error.extended_code & 0xff);
            if NOT_ABOUT_ROWS.contains(&code) {
                return Err(Error::sqlite(format!("insert into {}", plan.name), error));
            }
            refused.note(self.maker.shown());
            let refusal = Refusal::of(&error).unwrap_or(Refusal { code: RAISED, message: String::new(), offset: None });
            let most = if refusal.code & 0xff == CONSTRAINT { ATTEMPTS } else { ATTEMPTS_AFTER_ERRORS };
            if refused.attempts >= most || self.context.connection.is_autocommit() {
                if refusal.code == RAISED {
                    refused.triggers = triggers_that_raise(self.context.schema, &refusal.message);
                }
                let is_reference = refusal.code == FOREIGN_KEY;
                refused.look_at_given(self.context, plan, (&self.maker.draft.values, is_reference));
                return Err(refused.error(error));
            }
            let attempts = &mut self.maker.draft.attempts;
            if refused.attempts.is_multiple_of(STUCK) {
                // What SQLite names depends on the rest of the row: two members of a tenant that has only one.
                attempts.iter_mut().for_each(|attempts| *attempts += 1);
                skipped += 1;
                if let Some(keys) = self.join_parents(tables, refused.attempts) {
                    return Ok(Inserted::NoRoom { keys });
                }
            } else if mark(plan, &refusal, attempts) {
                skipped += 1;
            }
        }
    }

    /// Takes parents that agree from a query, every second time. Returns the keys that have no room for more rows of them.
    fn join_parents(&mut self, tables: &Tables<'_>, attempts: u64) -> Option<String> {
        let draft = &mut self.maker.draft;
        draft.joined.clear();
        if attempts / STUCK % 2 == 1 {
            return None;
        }
        let join = ParentJoin::of(self.plan, tables.plans)?;
        let joined = join.row(self.context.connection, &mut Draw::new(attempts))?;
        draft.joined = joined;
        if draft.joined.is_empty() { join.keys } else { None }
    }

    /// Inserts the row that was made. Returns the error if SQLite refuses it.
    fn run(&mut self) -> Option<rusqlite::Error> {
        let mut run = || {
            self.parents.check(&self.maker.draft.values)?;
            for (index, value) in self.maker.draft.values.iter().enumerate() {
                self.statement.raw_bind_parameter(index + 1, value)?;
            }
            self.statement.raw_execute()
        };
        match run() {
            Ok(1..) => None,
            // A trigger that raises IGNORE.
            Ok(0) => Some(rusqlite::Error::StatementChangedRows(0)),
            Err(error) => Some(error),
        }
    }

    /// Keeps the values of an inserted row that later tables and the report need.
    fn note(&mut self, filled: &mut FilledTable, row: u64, skipped: u64) {
        let draft = &mut self.maker.draft;
        if skipped != filled.skipped() {
            filled.skips.push((row, skipped));
        }
        if draft.attempts.iter().any(|attempts| *attempts > 0) {
            filled.attempts.insert(row, draft.attempts.clone());
            draft.attempts.fill(0);
            draft.joined.clear();
        }
        filled.kept.extend(self.plan.kept.iter().map(|column| draft.values[*column].clone()));
        if let Some(label) = self.plan.labels.get(row as usize) {
            let table = &self.context.schema.tables[self.plan.table];
            let key = table.primary_key.as_ref().and_then(|key| self.plan.column(column_names(&key.terms).first()?));
            let rowid = || rusqlite::types::Value::Integer(self.context.connection.last_insert_rowid());
            let id = key.map_or_else(|| ValueBuf::from(&rowid()), |column| draft.values[column].clone());
            filled.labels.push((label.name.clone(), id));
        }
    }
}

/// SQLite's primary code for every constraint.
const CONSTRAINT: i32 = 19;

/// SQLite's code if a trigger raises an error.
const RAISED: i32 = 1811;

const CHECK: i32 = 275;
const FOREIGN_KEY: i32 = 787;
const DATATYPE: i32 = 3091;

/// SQLite's codes if a PRIMARY KEY, a UNIQUE or a rowid exists already.
const UNIQUE: [i32; 3] = [1555, 2067, 2579];

/// Marks the columns that are made again after a refusal. Returns true if the row needs another number.
fn mark(plan: &TablePlan, refusal: &Refusal, attempts: &mut [u32]) -> bool {
    let subject = refusal.message.split_once("failed: ").map_or("", |(_, subject)| subject);
    let is_unique = UNIQUE.contains(&refusal.code);
    let mut columns = match refusal.code {
        _ if is_unique => of_keys(plan, subject),
        CHECK => of_checks(plan, subject),
        FOREIGN_KEY => Some(plan.references.iter().flat_map(|reference| &reference.columns).copied().collect()),
        DATATYPE => plan.column(column_name(subject)).map(|column| vec![column]),
        // A trigger can depend on any column.
        _ => None,
    };
    let Some(columns) = &mut columns else {
        attempts.iter_mut().for_each(|attempts| *attempts += 1);
        return is_unique || refusal.code == CHECK || is_moved(plan, attempts);
    };
    columns.iter().for_each(|column| attempts[*column] += 1);
    is_unique || is_moved(plan, attempts)
}

fn column_name(subject: &str) -> &str {
    subject.rsplit_once('.').map_or(subject, |(_, column)| column)
}

/// Returns the columns of the keys that SQLite names. `None` if there is no such key.
fn of_keys(plan: &TablePlan, subject: &str) -> Option<Vec<usize>> {
    let index = subject.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
    let named: Vec<usize> = subject.split(", ").filter_map(|part| plan.column(column_name(part))).collect();
    let mut keys = plan.keys.iter().filter(|key| match index {
        Some(index) => key.index.as_deref().is_some_and(|own| same_name(own, index)),
        None => key.columns.len() == named.len() && key.columns.iter().all(|column| named.contains(column)),
    });
    let first = keys.next()?;
    let columns = std::iter::once(first).chain(keys).flat_map(|key| key.columns.iter().chain(&key.under));
    Some(columns.copied().collect())
}

/// Returns the columns of the CHECKs that SQLite names, and those made with them. `None` if there is no such CHECK.
fn of_checks(plan: &TablePlan, subject: &str) -> Option<Vec<usize>> {
    let is_named = |check: &&Condition| match &check.name {
        Some(name) => same_name(name, subject),
        None => name_in_sqlite_errors(&check.shown) == subject.trim(),
    };
    // SQLite calls two CHECKs that start with one name the same: the columns of both are made again.
    let mut columns = Vec::new();
    for check in plan.conditions.iter().filter(|condition| condition.kind == ConditionKind::Check).filter(is_named) {
        let is_of_check = |column: &usize| check.columns.contains(column);
        let group = plan.groups.iter().find(|group| group.columns.iter().any(is_of_check));
        columns.extend(group.map_or(&check.columns, |group| &group.columns));
    }
    columns.order();
    columns.dedup();
    if columns.is_empty() { None } else { Some(columns) }
}

/// Returns true if a column is made again that takes its values from the row's number: it changes only with the number.
fn is_moved(plan: &TablePlan, attempts: &[u32]) -> bool {
    let has_place = |column: usize| {
        plan.columns[column].place.is_some()
            || plan.references.iter().any(|of| of.place.is_some() && of.columns.contains(&column))
    };
    (0..plan.columns.len()).any(|column| attempts[column] > 0 && has_place(column))
}
