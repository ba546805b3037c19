//! Writing a ledger: when a test's database is dropped, the statements that no test of this process has written yet are explained and
//! merged into the file, under a lock that all processes of the run share.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::statements::{LedgerPlan, LedgerStatement, StatementLedger, has_paragraph, parse};
use crate::db::TestDb;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::sql::quote_identifier;
use crate::trace::{StatementText, TextsByForm, TracedDatabase};
use crate::{env, lock, own, plan, real_file};

/// The plans that this process has put into the file, so that a test which runs the same statements as others costs next
/// to nothing.
static WRITTEN: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);

/// Adds what was run on this database to the ledger, if one is written.
pub(crate) fn write_ledger(db: &TestDb) -> Result<()> {
    let Some(gathered) = db.traced().gathered() else { return Ok(()) };
    if TracedDatabase::app_has_hook() {
        let headline =
            "the ledger is incomplete: an automatic extension of the app sets a trace hook on every connection";
        return Err(Error::new(ErrorKind::Queries, headline).help(
            "SQLite has one trace hook per connection: do not register the extension where SQLITMUS_LEDGER is set",
        ));
    }
    let texts = gathered.take();
    if texts.is_empty() {
        return Ok(());
    }
    let Some(path) = &env::settings()?.ledger else { return Ok(()) };
    let _own = own::statements();
    let mut explainer = Explainer { db, environment: hash_of_environment(db), another: None, explained: Vec::new() };
    let found = explainer.ledger(&texts);
    let plans: Vec<u64> =
        found.iter().flat_map(LedgerStatement::paragraphs).map(|text| xxh64(text.as_bytes(), 0)).collect();
    let is_written = {
        let written = locked(&WRITTEN);
        plans.iter().all(|plan| written.contains(plan))
    };
    if !is_written {
        merge_into(&env::package_dir().join(path), &found)?;
    }
    locked(&WRITTEN).extend(plans);
    locked(&EXPLAINED).extend(explainer.explained);
    Ok(())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds `found` to the file. The file is written only if something is missing, and always as a whole: to another file that
/// is then renamed, so that neither a reader nor a process that dies sees half of one.
fn merge_into(path: &Path, found: &StatementLedger) -> Result<()> {
    let paragraphs: Vec<String> = found.iter().flat_map(LedgerStatement::paragraphs).collect();
    let has_all = |text: String| paragraphs.iter().all(|paragraph| has_paragraph(&text, paragraph));
    if real_file::read_to_string(path).is_ok_and(has_all) {
        return Ok(());
    }
    let failed =
        |error| Error::io("write the ledger", path, error).help("set SQLITMUS_LEDGER to a file in a writable folder");
    real_file::require_replaceable(path).map_err(failed)?;
    // Not a lock on the file itself, which is another file after each renaming.
    let _lock = lock::exclusive(&with_suffix(path, ".lock"), lock::PATIENCE).map_err(failed)?;
    let mut ledger = read_if_there(path)?;
    let before = ledger.clone();
    ledger.merge(found);
    if ledger == before {
        return Ok(());
    }
    real_file::replace(path, &[ledger.to_string().as_bytes()]).map_err(failed)
}

/// Reads the ledger so far. A file that is no ledger is an error, so that it is not overwritten.
fn read_if_there(path: &Path) -> Result<StatementLedger> {
    match real_file::read_to_string(path) {
        Ok(text) if text.is_empty() => Ok(StatementLedger::default()),
        Ok(text) => parse(&text, &path.display().to_string()).map_err(|error| error.path(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(StatementLedger::default()),
        Err(error) => Err(Error::io("read the ledger", path, error)),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The statements that this process has explained. The key is a hash of a text and all that its plan depends on except
/// values. True if the plan depends on values.
static EXPLAINED: LazyLock<Mutex<HashMap<u64, bool>>> = LazyLock::new(Mutex::default);

/// Explains the statements of one database.
struct Explainer<'a> {
    db: &'a TestDb,
    /// A hash of all that plans depend on except values. `None` if it cannot be read.
    environment: Option<u64>,
    /// A connection that is set up as the profile says, whatever the test has done to its own.
    another: Option<Result<Connection>>,
    /// The entries to add to [`EXPLAINED`] once they are in the file.
    explained: Vec<(u64, bool)>,
}

impl Explainer<'_> {
    /// Returns the plans of these statements that this process has not explained yet.
    fn ledger(&mut self, texts: &TextsByForm) -> StatementLedger {
        let mut found = StatementLedger::default();
        for (form, texts) in texts {
            for text in texts {
                self.add(&mut found, form, text);
            }
        }
        found
    }

    fn add(&mut self, found: &mut StatementLedger, form: &str, text: &StatementText) {
        let known = self.is_explained(&text.sql);
        let mut without_values = None;
        let depends_on_values = known.unwrap_or_else(|| {
            let (plan, depends) = self.explain(&text.sql);
            without_values = Some(plan);
            depends
        });
        if !depends_on_values || text.with_values.is_empty() {
            if let Some(plan) = without_values {
                found.add(form, plan);
            }
            return;
        }
        // The plan without values is not the one that was run.
        for with_values in &text.with_values {
            if self.is_explained(with_values).is_none() {
                let (plan, _) = self.explain(with_values);
                found.add(form, plan);
            }
        }
    }

    fn explain(&mut self, sql: &str) -> (LedgerPlan, bool) {
        let db = self.db;
        let another = self.another.get_or_insert_with(|| db.address().connect());
        let plan = match another {
            Ok(another) => plan::try_explain(another, sql),
            Err(_) => plan::try_explain(db, sql),
        };
        // The test's own connection has its temporary tables, and what it has not committed.
        match plan.or_else(|error| plan::try_explain(db, sql).map_err(|_| error)) {
            Ok(plan) => {
                let depends = plan.depends_on_values();
                if let Some(environment) = self.environment {
                    self.explained.push((xxh64(sql.as_bytes(), environment), depends));
                }
                (LedgerPlan::of(&plan.marked_lines()), depends)
            }
            Err(error) => (LedgerPlan::unknown(&reason(&error)), false),
        }
    }

    /// Returns whether the plan of this text depends on values, or `None` if it was not explained in the same environment.
    fn is_explained(&self, sql: &str) -> Option<bool> {
        let number = xxh64(sql.as_bytes(), self.environment?);
        locked(&EXPLAINED).get(&number).copied()
    }
}

/// Returns SQLite's message, without what differs between its versions.
fn reason(error: &Error) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    let refusal = source.and_then(Refusal::of).map(|refusal| refusal.message).filter(|message| !message.is_empty());
    format!("not explained: {}", refusal.unwrap_or_else(|| error.headline().to_owned()))
}

/// Returns a hash of the profile, the schemas and the statistics of a database: all that its plans depend on, since SQLite
/// does not look at rows to plan.
fn hash_of_environment(db: &TestDb) -> Option<u64> {
    // Other connections do not see, and do not plan with, what is not committed.
    if !db.is_autocommit() {
        return None;
    }
    let mut hash = Xxh64::new(0);
    hash.update(format!("{:?}", db.profile()).as_bytes());
    let mut read = |sql: &str| -> rusqlite::Result<()> {
        let mut statement = db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            hash.update(row.get_ref(0)?.as_bytes().unwrap_or_default());
            hash.update(b"\0");
        }
        Ok(())
    };
    let mut read_all = || -> rusqlite::Result<()> {
        let mut list = db.prepare("SELECT name FROM pragma_database_list")?;
        for database in list.query_map([], |row| row.get::<_, String>(0))? {
            let database = quote_identifier(&database?);
            read(&format!("SELECT quote(name) || quote(sql) FROM {database}.sqlite_master"))?;
            for (table, columns) in STATISTICS {
                let is_there = format!("SELECT 1 FROM {database}.sqlite_master WHERE name = '{table}'");
                if db.prepare(&is_there)?.exists([])? {
                    read(&format!("SELECT {columns} FROM {database}.{table}"))?;
                }
            }
        }
        Ok(())
    };
    read_all().ok()?;
    Some(hash.digest())
}

/// The tables that ANALYZE writes, and their columns.
const STATISTICS: [(&str, &str); 2] = [
    ("sqlite_stat1", "quote(tbl) || quote(idx) || quote(stat)"),
    ("sqlite_stat4", "quote(tbl) || quote(idx) || quote(neq) || quote(nlt) || quote(ndlt) || quote(sample)"),
];
