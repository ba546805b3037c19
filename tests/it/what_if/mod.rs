//! A population of small apps: which bugs the explorers find without a word of configuration, and whether they accuse correct
//! code that says in a word what it promises.

mod accounts;
mod app;
mod content;
mod imports;
mod invoices;
mod jobs;
mod messages;
mod money;
mod more;
mod notes;
mod programs;
mod records;
mod replays;
mod sessions;
mod starts;
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

    fn full_name(&self) -> String {
        format!("{}: {}", self.app, self.name)
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

/// What is wrong with the reports about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// A bug is not found.
    Missed,
    /// Its report names another cause.
    OtherCause,
    /// Its report offers no remedy that works.
    NoRemedy,
    /// Correct code is accused.
    Accused,
}

/// Cases that come out wrong. The list may only shrink.
const KNOWN: &[(&str, Wrong)] = &[];

/// Returns the report about a case, or that of a failure.
type Explorer = fn(&Case) -> Result<String, String>;

/// Returns the explorer that is to find a bug, and words of its report.
fn explorer_of(finds: Finds) -> (Explorer, &'static str) {
    match finds {
        Finds::Crash(words) => (Case::crash, words),
        Finds::Faults(words) => (Case::faults, words),
        Finds::Interleave(words) => (Case::interleave, words),
    }
}

/// Returns what is wrong with the reports about a case, and the report.
fn wrong(case: &Case) -> Option<(Wrong, String)> {
    let Some(finds) = case.finds else {
        // The explorer of its bug is enough for a fix, unless all are asked for.
        let fixes = case.fixes.filter(|_| std::env::var_os("WHAT_IF_ALL").is_none());
        let all: Vec<Explorer> = vec![Case::crash, Case::faults, Case::interleave];
        let explorers = fixes.map_or(all, |fixes| vec![explorer_of(fixes).0]);
        return explorers.iter().find_map(|explore| explore(case).err()).map(|text| (Wrong::Accused, text));
    };
    let (explore, words) = explorer_of(finds);
    let text = match explore(case) {
        Ok(report) => return Some((Wrong::Missed, report)),
        Err(text) => text,
    };
    if words.is_empty() || !text.lines().next().unwrap_or_default().contains(words) {
        return Some((Wrong::OtherCause, text));
    }
    let helps = |words: &str| text.lines().any(|line| line.trim_start().starts_with("help: ") && line.contains(words));
    let works = match case.fix {
        // The fix is a case of its own, which has to pass.
        Some(words) => helps(words),
        // All schedules were fine.
        None if helps("tried: all") => true,
        None => helps("one transaction") && explore(&case.in_one_transaction()).is_ok(),
    };
    (!works).then_some((Wrong::NoRemedy, text))
}

fn check(apps: &[fn() -> App]) {
    let mut unexpected = Vec::new();
    let only = std::env::var("WHAT_IF_CASE").ok();
    for case in apps.iter().flat_map(|app| app().cases) {
        let name = case.full_name();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let known = KNOWN.iter().find(|(known, _)| *known == name).map(|(_, wrong)| *wrong);
        let found = wrong(&case);
        if known != found.as_ref().map(|(wrong, _)| *wrong) {
            let (wrong, text) = found.unzip();
            unexpected.push(format!("{name}: {wrong:?}, known: {known:?}\n{}", text.unwrap_or_default()));
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n\n"));
}

const WORK: &[fn() -> App] = &[work::queue, work::lease, work::outbox, work::batch, work::retries];

const MONEY: &[fn() -> App] =
    &[money::ledger, money::inventory, money::webhook, money::counters, money::votes, money::booking, money::codes];

const SESSIONS: &[fn() -> App] =
    &[sessions::sessions, sessions::sync, sessions::cache, starts::start, starts::savepoints];

const NOTES: &[fn() -> App] = &[notes::search, notes::settings, notes::archive];

const JOBS: &[fn() -> App] = &[jobs::schedule, jobs::undo, jobs::idempotency, jobs::rollup];

const CONTENT: &[fn() -> App] = &[content::full_text, content::trash, content::blobs, content::attachments];

const PROCESS: &[fn() -> App] =
    &[invoices::invoices, invoices::limits, imports::imports, imports::pool, messages::watermarks, messages::messages];

const MORE: &[fn() -> App] = &[more::tickets, more::tree, more::shop, more::polls];

const ACCOUNTS: &[fn() -> App] =
    &[accounts::subscriptions, accounts::coupons, accounts::refunds, accounts::quotas, accounts::holds];

const RECORDS: &[fn() -> App] = &[records::measurements, records::documents, records::chats, records::boards];

fn all_apps() -> Vec<App> {
    let apps = [WORK, MONEY, SESSIONS, NOTES, JOBS, CONTENT, PROCESS, MORE, ACCOUNTS, RECORDS].concat();
    apps.iter().map(|app| app()).collect()
}

#[test]
fn work_that_is_handed_out() {
    check(WORK);
}

#[test]
fn what_must_add_up() {
    check(MONEY);
}

#[test]
fn sessions_and_synchronization() {
    check(SESSIONS);
}

#[test]
fn notes_and_archives() {
    check(NOTES);
}

#[test]
fn jobs_and_statistics() {
    check(JOBS);
}

#[test]
fn what_is_kept_in_two_places() {
    check(CONTENT);
}

#[test]
fn invoices_limits_and_messages() {
    check(PROCESS);
}

#[test]
fn what_is_checked_before_it_is_written() {
    check(MORE);
}

#[test]
fn what_accounts_may_do() {
    check(ACCOUNTS);
}

#[test]
fn what_is_written_and_read_at_once() {
    check(RECORDS);
}

/// The table in ARCHITECTURE.md counts the population as it is.
#[test]
fn the_population_is_counted() {
    let apps = all_apps();
    let cases: Vec<&Case> = apps.iter().flat_map(|app| &app.cases).collect();
    let mut lines = vec![format!("`tests/it/what_if` holds {} small apps", apps.len())];
    let mut line = |name: &str, is: &dyn Fn(Finds) -> bool| {
        let bugs: Vec<&&Case> = cases.iter().filter(|case| case.finds.is_some_and(is)).collect();
        let without = |these: &[Wrong]| {
            let is_wrong = |case: &&&Case| {
                let name = case.full_name();
                KNOWN.iter().any(|(known, wrong)| *known == name && these.contains(wrong))
            };
            bugs.len() - bugs.iter().filter(|case| is_wrong(case)).count()
        };
        let found = without(&[Wrong::Missed]);
        let cause = without(&[Wrong::Missed, Wrong::OtherCause]);
        let remedy = without(&[Wrong::Missed, Wrong::OtherCause, Wrong::NoRemedy]);
        lines.push(format!("| {name} | {} | {found} | {cause} | {remedy} |", bugs.len()));
    };
    line("`crash`", &|finds| matches!(finds, Finds::Crash(_)));
    line("`faults`", &|finds| matches!(finds, Finds::Faults(_)));
    line("`interleave`", &|finds| matches!(finds, Finds::Interleave(_)));
    line("all", &|_| true);
    let correct = cases.iter().filter(|case| case.finds.is_none()).count();
    let accused = KNOWN.iter().filter(|(_, wrong)| *wrong == Wrong::Accused).count();
    lines.push(format!("{correct} pieces of correct code, of which {accused} are accused"));
    let text = include_str!("../../../ARCHITECTURE.md");
    let missing: Vec<&String> = lines.iter().filter(|line| !text.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md lacks: {missing:#?}");
    for (app, name) in cases.iter().filter_map(|case| Some((case.app, case.fixed_by?))) {
        let is_there = |case: &&Case| case.app == app && case.name == name && case.finds.is_none();
        assert!(cases.iter().any(is_there), "{app}: no {name}");
    }
}
