//! A population of small apps: which bugs the explorers find without a word of configuration, and whether they accuse correct
//! code that says in a word what it promises.

mod app;
mod apps;
mod money;
mod more;
mod programs;
mod work;

use std::sync::Arc;

use sqlitmus::{Profile, Template, TestDb, crash, faults, interleave};

use self::app::{Action, App, Case, Finds, Word};

impl Case {
    fn db(&self) -> TestDb {
        let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
        db.execute_batch(self.schema).unwrap();
        db
    }

    fn has(&self, word: Word) -> bool {
        self.words.contains(&word)
    }

    fn crash(&self) -> Result<String, String> {
        if self.only_reads {
            return Ok(String::new());
        }
        let db = self.db();
        let mut test = crash::test(&db, |db| (self.action)(db, "a"));
        if self.has(Word::Resumes) {
            test = test.each_transaction();
        }
        if self.has(Word::Independent) {
            test = test.independent_transactions();
        }
        test.try_run().map(|report| report.to_string()).map_err(|error| error.to_string())
    }

    fn faults(&self) -> Result<String, String> {
        let db = self.db();
        let mut sweep = faults::sweep(&db, |db| (self.action)(db, "a"));
        if self.has(Word::MayIgnoreErrors) {
            sweep = sweep.may_ignore_errors();
        }
        if self.has(Word::Resumes) {
            sweep = sweep.each_transaction();
        }
        if self.has(Word::Independent) {
            sweep = sweep.independent_transactions();
        }
        if self.has(Word::MayFailAfterCommit) {
            sweep = sweep.may_fail_after_commit();
        }
        sweep.try_run().map(|report| report.to_string()).map_err(|error| error.to_string())
    }

    fn interleave(&self) -> Result<String, String> {
        let db = self.db();
        let task = |action: &Action, me: &'static str| {
            let action = Arc::clone(action);
            move |db: &mut sqlitmus::rusqlite::Connection| action(db, me)
        };
        let mut explore = interleave::explore(&db).task("a", task(&self.action, "a")).task("b", task(&self.other, "b"));
        if self.has(Word::EachTransaction) {
            explore = explore.each_transaction();
        }
        if self.has(Word::MayFail) {
            explore = explore.may_fail();
        }
        explore.try_run().map(|report| report.to_string()).map_err(|error| error.to_string())
    }
}

/// Cases that come out wrong. The list may only shrink.
const KNOWN: &[&str] = &[];

/// Returns what is wrong with the reports about a case: a bug that is not found or has another cause, or an alarm.
fn wrong(case: &Case) -> Option<String> {
    let (missed, words) = match case.finds {
        None => {
            let results = [case.crash(), case.faults(), case.interleave()];
            return results.into_iter().find_map(Result::err);
        }
        Some(Finds::Crash(words)) => (case.crash(), words),
        Some(Finds::Faults(words)) => (case.faults(), words),
        Some(Finds::Interleave(words)) => (case.interleave(), words),
    };
    match missed {
        Ok(report) => Some(format!("not found: {report}")),
        Err(text) => (!text.lines().next().unwrap_or_default().contains(words)).then_some(text),
    }
}

fn check(apps: &[fn() -> App]) {
    let mut unexpected = Vec::new();
    for case in apps.iter().flat_map(|app| app().cases) {
        let name = format!("{}: {}", case.app, case.name);
        match (wrong(&case), KNOWN.contains(&name.as_str())) {
            (Some(text), false) => unexpected.push(format!("{name}\n{text}")),
            (None, true) => unexpected.push(format!("{name}\nis right: take it off the list")),
            _ => {}
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n\n"));
}

#[test]
fn work_that_is_handed_out() {
    check(&[work::queue, work::lease, work::outbox, work::batch, work::retries]);
}

#[test]
fn what_must_add_up() {
    check(&[
        money::ledger,
        money::inventory,
        money::webhook,
        money::counters,
        money::votes,
        money::booking,
        money::codes,
    ]);
}

#[test]
fn sessions_and_synchronization() {
    check(&[apps::sessions, apps::sync, apps::cache, apps::start, apps::savepoints]);
}

#[test]
fn notes_and_archives() {
    check(&[apps::search, apps::settings, apps::archive]);
}

#[test]
fn what_is_checked_before_it_is_written() {
    check(&[more::tickets, more::tree, more::shop, more::polls]);
}
