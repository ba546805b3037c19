//! Writing a ledger: when a test's database is dropped, what no test of this process has written yet is merged into the
//! file, under a lock that all processes of the run share.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use xxhash_rust::xxh64::xxh64;

use super::explain::Explainer;
use super::statements::{LedgerStatement, StatementLedger};
use super::{format, parse};
use crate::db::TestDb;
use crate::error::{Error, Result};
use crate::{env, lock, own};

/// The plans that this process has put into the file, so that a test which runs the same statements as others costs next
/// to nothing.
static WRITTEN: Mutex<Option<HashSet<u64>>> = Mutex::new(None);

/// Adds what was run on this database to the ledger, if one is written.
pub(crate) fn write_ledger(db: &TestDb) -> Result<()> {
    let Some(texts) = db.traced().gathered().map(|gathered| gathered.take()).filter(|texts| !texts.is_empty()) else {
        return Ok(());
    };
    let Some(path) = &env::settings()?.ledger else { return Ok(()) };
    let _own = own::statements();
    let mut explainer = Explainer::new(db);
    let found = explainer.ledger(&texts);
    let plans: Vec<u64> =
        found.iter().flat_map(LedgerStatement::paragraphs).map(|text| xxh64(text.as_bytes(), 0)).collect();
    let is_written = with_written(|written| plans.iter().all(|plan| written.contains(plan)));
    if !is_written {
        merge_into(&env::package_dir().join(path), &found)?;
    }
    with_written(|written| written.extend(plans));
    explainer.remember();
    Ok(())
}

fn with_written<R>(f: impl FnOnce(&mut HashSet<u64>) -> R) -> R {
    f(WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Adds `found` to the file. The file is written only if something is missing, and always as a whole: to another file that
/// is then renamed, so that neither a reader nor a process that dies sees half of one.
fn merge_into(path: &Path, found: &StatementLedger) -> Result<()> {
    let paragraphs: Vec<String> = found.iter().flat_map(LedgerStatement::paragraphs).collect();
    let has_all = |text: String| paragraphs.iter().all(|paragraph| format::has_paragraph(&text, paragraph));
    if fs::read_to_string(path).is_ok_and(has_all) {
        return Ok(());
    }
    let failed =
        |error| Error::io("write the ledger", path, error).help("set SQLITMUS_LEDGER to a file in a writable folder");
    // Not a lock on the file itself, which is another file after each renaming.
    let _lock = lock::exclusive(&with_suffix(path, ".lock")).map_err(failed)?;
    let mut ledger = read_if_there(path)?;
    if ledger.has_all_of(found) {
        return Ok(());
    }
    ledger.merge(found);
    let new = with_suffix(path, ".new");
    fs::write(&new, ledger.to_string()).and_then(|()| fs::rename(&new, path)).map_err(failed)
}

/// Reads the ledger so far. A file that is no ledger is an error, so that it is not overwritten.
fn read_if_there(path: &Path) -> Result<StatementLedger> {
    match fs::read_to_string(path) {
        Ok(text) if text.is_empty() => Ok(StatementLedger::default()),
        Ok(text) => parse::parse(&text, &path.display().to_string()).map_err(|error| error.path(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(StatementLedger::default()),
        Err(error) => Err(Error::io("read the ledger", path, error)),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
