//! From what was run on a database to the file: when the database goes, what no test of this process has written yet is
//! explained and merged into the file, under a lock that all processes of the run share.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::{Ledger, LedgerPlan, text};
use crate::db::TestDb;
use crate::env;
use crate::error::{Error, Refusal, Result};
use crate::lock;
use crate::own;
use crate::plan;
use crate::sql::quote_identifier;
use crate::trace::{StatementText, TextsByForm};

/// What this process has done already, so that the thousandth test that runs the same statements costs next to nothing.
#[derive(Default)]
struct Done {
    /// What was explained, by its text and all that its plan depends on, and whether that includes the values.
    explained: HashMap<u64, bool>,
    /// What is in the file.
    written: HashSet<u64>,
}

static DONE: Mutex<Option<Done>> = Mutex::new(None);

/// Adds what was run on this database to the ledger, if one is written.
pub(crate) fn write_ledger(db: &TestDb) -> Result<()> {
    let Some(forms) = db.traced().gathered().map(|gathered| gathered.take()).filter(|forms| !forms.is_empty()) else {
        return Ok(());
    };
    let Some(path) = &env::settings()?.ledger else { return Ok(()) };
    let _own = own::statements();
    let mut explainer = Explainer { db, ground: ground(db), another: None, explained: Vec::new() };
    let found = explainer.ledger(&forms)?;
    let mut plans: Vec<u64> = Vec::new();
    for statement in found.iter() {
        plans.extend(statement.plans().map(|plan| xxh64(format!("{plan}\n{}", statement.sql()).as_bytes(), 0)));
    }
    let is_written = done(|done| plans.iter().all(|plan| done.written.contains(plan)));
    if !is_written {
        write(&env::package_dir().join(path), &found)?;
    }
    done(|done| {
        done.written.extend(plans);
        done.explained.extend(explainer.explained);
    });
    Ok(())
}

fn done<R>(f: impl FnOnce(&mut Done) -> R) -> R {
    let mut done: MutexGuard<'_, Option<Done>> = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    f(done.get_or_insert_default())
}

/// Explains the statements of one database.
struct Explainer<'a> {
    db: &'a TestDb,
    /// A number for all that plans depend on, but for values. `None` where it could not be told.
    ground: Option<u64>,
    /// A connection that is set up as the profile says, whatever the test has done to its own.
    another: Option<Result<Connection>>,
    explained: Vec<(u64, bool)>,
}

impl Explainer<'_> {
    /// What is not known of these statements.
    fn ledger(&mut self, forms: &TextsByForm) -> Result<Ledger> {
        let mut found = Ledger::default();
        for (form, texts) in forms {
            for text in texts {
                self.add(&mut found, form, text);
            }
        }
        Ok(found)
    }

    fn add(&mut self, found: &mut Ledger, form: &str, text: &StatementText) {
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
                if let Some(ground) = self.ground {
                    self.explained.push((xxh64(sql.as_bytes(), ground), depends));
                }
                (LedgerPlan::of(&plan.marked_lines()), depends)
            }
            Err(error) => (LedgerPlan::unknown(&reason(&error)), false),
        }
    }

    /// Whether the plan of this text depends on values, if it was explained on the same ground.
    fn is_explained(&self, sql: &str) -> Option<bool> {
        let number = xxh64(sql.as_bytes(), self.ground?);
        done(|done| done.explained.get(&number).copied())
    }
}

/// SQLite's words, without what differs between its versions.
fn reason(error: &Error) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    let refusal = source.and_then(Refusal::of).map(|refusal| refusal.message).filter(|message| !message.is_empty());
    format!("not explained: {}", refusal.unwrap_or_else(|| error.headline().to_owned()))
}

/// A number for the profile, the schemas and the statistics of a database: for all that its plans depend on, since SQLite
/// asks the rows themselves nothing.
fn ground(db: &TestDb) -> Option<u64> {
    // What is not committed, other connections do not plan with.
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
        let databases: Vec<String> = list.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for database in databases.iter().map(|name| quote_identifier(name)) {
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

/// Where ANALYZE writes what it has counted.
const STATISTICS: [(&str, &str); 2] = [
    ("sqlite_stat1", "quote(tbl) || quote(idx) || quote(stat)"),
    ("sqlite_stat4", "quote(tbl) || quote(idx) || quote(neq) || quote(nlt) || quote(ndlt) || quote(sample)"),
];

/// Makes the file have all that was found. It is written only where it has not, and always as a whole: aside first, then
/// renamed, so that whoever reads it, or dies while writing it, leaves no half of one.
fn write(path: &Path, found: &Ledger) -> Result<()> {
    let paragraphs: Vec<String> = found.iter().flat_map(text::paragraphs).collect();
    let has_all = |text: String| paragraphs.iter().all(|paragraph| text::has_paragraph(&text, paragraph));
    if fs::read_to_string(path).is_ok_and(has_all) {
        return Ok(());
    }
    let failed = |error| {
        Error::io("cannot write the ledger", path, error)
            .help("SQLITMUS_LEDGER names a file in a folder that can be written")
    };
    // The file itself would be another one after each renaming.
    let _lock = lock::exclusive(&with_suffix(path, ".lock")).map_err(failed)?;
    let mut ledger = read(path)?;
    if ledger.has_all_of(found) {
        return Ok(());
    }
    ledger.merge(found);
    let aside = with_suffix(path, ".new");
    fs::write(&aside, ledger.to_string()).and_then(|()| fs::rename(&aside, path)).map_err(failed)
}

/// The ledger so far. A file that is none is not written over.
fn read(path: &Path) -> Result<Ledger> {
    match fs::read_to_string(path) {
        Ok(text) if text.is_empty() => Ok(Ledger::default()),
        Ok(text) => text::parse(&text, &path.display().to_string()).map_err(|error| error.path(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ledger::default()),
        Err(error) => Err(Error::io("cannot read the ledger", path, error)),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
