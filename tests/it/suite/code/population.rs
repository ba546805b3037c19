//! The population of histories through a runner written by hand: the same findings as by their files.

use std::cell::Cell;
use std::fs;

use sqlitmus::rusqlite::{Connection, Error, Result};
use sqlitmus::suite::Suite;
use sqlitmus::{Profile, Template};

use super::super::population::{Case, folder, known, names};
use super::user_version;

/// The scripts of a version.
#[derive(Clone, Copy)]
struct Step {
    version: i64,
    up: &'static str,
    down: Option<&'static str>,
    is_wrapped: bool,
}

thread_local! {
    /// The history of the runner, which is a function.
    static HISTORY: Cell<&'static [Step]> = const { Cell::new(&[]) };
}

fn version_of(name: &str) -> i64 {
    name.trim_start_matches('V').split('_').next().unwrap().parse().unwrap()
}

fn steps(case: &Case) -> &'static [Step] {
    let files = case.files();
    let downs = |version: i64| files.iter().find(|(name, _)| name.contains(".down.") && version_of(name) == version);
    let mut steps: Vec<Step> = Vec::new();
    for (name, up) in files.iter().filter(|(name, _)| !name.contains(".down.")) {
        let version = version_of(name);
        let first = up
            .split(';')
            .map(|sql| sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join(" "))
            .find_map(|sql| {
                let word = sql.split_whitespace().next()?.to_ascii_uppercase();
                ["BEGIN", "COMMIT", "END", "ROLLBACK"].contains(&word.as_str()).then_some(word)
            });
        let manages_itself = up.starts_with("-- no-transaction") || first.is_some_and(|word| word == "BEGIN");
        let is_wrapped = case.is_refinery() || !manages_itself;
        steps.push(Step { version, up, down: downs(version).map(|(_, down)| *down), is_wrapped });
    }
    steps.sort_by_key(|step| step.version);
    steps.leak()
}

fn migrate(db: &mut Connection, to: i64) -> Result<()> {
    let from = user_version(db)?;
    if HISTORY.get().last().is_none_or(|last| last.version < from) {
        return Err(Error::InvalidQuery);
    }
    for step in HISTORY.get().iter().filter(|step| step.version > from && step.version <= to) {
        if step.is_wrapped {
            let transaction = db.transaction()?;
            transaction.execute_batch(step.up)?;
            transaction.pragma_update(None, "user_version", step.version)?;
            transaction.commit()?;
            continue;
        }
        let noted = format!("PRAGMA user_version = {}", step.version);
        match step.up.rsplit_once("COMMIT;") {
            Some((work, rest)) => db.execute_batch(&format!("{work}{noted}; COMMIT;{rest}"))?,
            None => db.execute_batch(&format!("{};{noted}", step.up))?,
        }
    }
    Ok(())
}

fn back(db: &mut Connection, to: i64) -> Result<()> {
    let from = user_version(db)?;
    for step in HISTORY.get().iter().rev().filter(|step| step.version > to && step.version <= from) {
        let transaction = db.transaction()?;
        transaction.execute_batch(step.down.unwrap_or_default())?;
        let before = HISTORY.get().iter().rev().map(|step| step.version).find(|version| *version < step.version);
        transaction.pragma_update(None, "user_version", before.unwrap_or(0))?;
        transaction.commit()?;
    }
    Ok(())
}

fn template(case: &Case) -> &'static Template {
    let steps = steps(case);
    HISTORY.set(steps);
    let versions: &'static [i64] = steps.iter().map(|step| step.version).collect::<Vec<_>>().leak();
    let template = Template::migrate_to(*versions.last().unwrap(), |db, to| Ok(migrate(db, to)?)).versions(versions);
    let has_downs = steps.iter().any(|step| step.down.is_some());
    let template = if has_downs { template.migrate_down(|db, to| Ok(back(db, to)?)) } else { template };
    Box::leak(Box::new(template.profile(Profile::MINIMAL)))
}

/// Cases that have other findings by code. A `BEGIN` inside of the runner's transaction is an error of SQLite, and a `COMMIT`
/// a step that is half applied when it fails: nobody knows which of them is the runner's.
const OTHERWISE: [&str; 2] = ["bad/transactions/begin_inside", "bad/transactions/commit_in_the_middle"];

#[track_caller]
fn check(kind: &str) {
    let known = known();
    let only = std::env::var("CASE").ok();
    let (mut wrong, mut cases) = (Vec::new(), 0);
    for class in names(folder().join(kind)) {
        // By files, all cases run. One in four shows that the way by code is the same.
        let files = names(folder().join(kind).join(&class)).into_iter().enumerate();
        for (_, file) in files.filter(|(at, _)| at % 4 == 0 || only.is_some()) {
            let name = format!("{kind}/{class}/{}", file.strip_suffix(".sql").unwrap());
            if known.contains_key(&name)
                || OTHERWISE.contains(&name.as_str())
                || only.as_ref().is_some_and(|only| !name.contains(only.as_str()))
            {
                continue;
            }
            let text = fs::read_to_string(folder().join(kind).join(&class).join(&file)).unwrap();
            let case = Case::read(&text).without_files();
            // Whether two can upgrade at once depends on the runner, which is the same for all cases.
            let suite = || Suite::new(template(&case)).skip("concurrent_upgrades", "seen elsewhere");
            let found = case.wrong(&suite);
            wrong.extend(found.iter().map(|what| format!("{name}: {what}")));
            cases += 1;
        }
    }
    assert!(wrong.is_empty(), "{} wrong of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_lost_by_files_is_lost_by_code() {
    check("bad");
}

#[test]
fn what_is_kept_by_files_is_kept_by_code() {
    check("good");
}
