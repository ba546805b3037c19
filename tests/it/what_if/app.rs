//! A small app: bugs that somebody has written, and correct code for the same.

use std::fmt;
use std::sync::Arc;

use sqlitmus::rusqlite::{Connection, Result};

/// An action of an app, with the name of the worker, user or device that runs it.
pub(super) type Action = Arc<dyn Fn(&mut Connection, &str) -> Result<Shown> + Send + Sync>;

/// What an action has returned, as `Debug` shows it.
pub(super) struct Shown(String);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn shown<T: fmt::Debug + 'static>(action: fn(&mut Connection, &str) -> Result<T>) -> Action {
    Arc::new(move |db, me| action(db, me).map(|value| Shown(format!("{value:?}"))))
}

/// The explorer that has to find a bug, and words of its report.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finds {
    Crash(&'static str),
    Faults(&'static str),
    Interleave(&'static str),
}

/// What correct code promises, if that is less than all or nothing in serial order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// `crash`, `faults`: a job that resumes where it stopped.
    Resumes,
    /// `crash`, `faults`: transactions that have nothing to do with each other.
    Independent,
    /// `faults`: a cache or a statistic.
    MayIgnoreErrors,
    /// `faults`: an error after a commit.
    MayFailAfterCommit,
    /// `interleave`: only each transaction is in serial order.
    EachTransaction,
    /// `interleave`: the caller tries again.
    MayFail,
}

pub(super) struct Case {
    pub(super) app: &'static str,
    pub(super) schema: &'static str,
    pub(super) name: String,
    /// `None` if the code is correct.
    pub(super) finds: Option<Finds>,
    pub(super) words: Vec<Word>,
    pub(super) action: Action,
    /// What runs at the same time; the action itself unless another is given.
    pub(super) other: Action,
    pub(super) only_reads: bool,
    /// Words of the help of the report that the next case follows. Without it, the report has to offer a remedy that can be
    /// tried without other code.
    pub(super) fix: Option<&'static str>,
    /// The explorer of the bug that it is a fix of.
    pub(super) fixes: Option<Finds>,
    /// The name of the case that follows it, unless it is the next one.
    pub(super) fixed_by: Option<&'static str>,
}

impl Case {
    /// Runs another action at the same time.
    pub(super) fn against<T: fmt::Debug + 'static>(
        &mut self,
        other: fn(&mut Connection, &str) -> Result<T>,
    ) -> &mut Self {
        self.other = shown(other);
        self
    }

    pub(super) fn word(&mut self, word: Word) -> &mut Self {
        self.words.push(word);
        self
    }

    /// Says that the correct code of this name in the same app is the fix that these words of the report's help ask for.
    pub(super) fn fixed_by(&mut self, help: &'static str, name: &'static str) -> &mut Self {
        (self.fix, self.fixed_by) = (Some(help), Some(name));
        self
    }

    /// Returns the same code in one transaction, without another word.
    pub(super) fn in_one_transaction(&self) -> Case {
        let action = Arc::clone(&self.action);
        let action: Action = Arc::new(move |db, me| {
            let run = |db: &mut Connection| {
                db.execute_batch("BEGIN IMMEDIATE")?;
                let value = action(db, me)?;
                db.execute_batch("COMMIT").map(|()| value)
            };
            let done = run(db);
            if done.is_err() && !db.is_autocommit() {
                db.execute_batch("ROLLBACK")?;
            }
            done
        });
        let (name, other) = (self.name.clone(), Arc::clone(&self.other));
        Case { name, action, other, words: Vec::new(), ..*self }
    }

    pub(super) fn only_reads(&mut self) {
        self.only_reads = true;
    }
}

pub(super) struct App {
    name: &'static str,
    schema: &'static str,
    pub(super) cases: Vec<Case>,
}

impl App {
    pub(super) fn new(name: &'static str, schema: &'static str) -> App {
        App { name, schema, cases: Vec::new() }
    }

    /// Adds code with a bug.
    pub(super) fn bug<T: fmt::Debug + 'static>(
        &mut self,
        name: &'static str,
        finds: Finds,
        action: fn(&mut Connection, &str) -> Result<T>,
    ) -> &mut Case {
        self.case(name, Some(finds), shown(action))
    }

    /// Adds correct code.
    pub(super) fn fine<T: fmt::Debug + 'static>(
        &mut self,
        name: &'static str,
        action: fn(&mut Connection, &str) -> Result<T>,
    ) -> &mut Case {
        self.case(name, None, shown(action))
    }

    /// Adds the code of the last bug, changed as these words of its report say. It runs beside the same code and says the same.
    pub(super) fn fix<T: fmt::Debug + 'static>(
        &mut self,
        help: &'static str,
        action: fn(&mut Connection, &str) -> Result<T>,
    ) -> &mut Case {
        let bug = self.cases.iter_mut().rfind(|case| case.finds.is_some()).expect("a fix follows its bug");
        bug.fix = Some(help);
        let other = (!Arc::ptr_eq(&bug.other, &bug.action)).then(|| Arc::clone(&bug.other));
        let fixes = bug.finds;
        let (name, words, only_reads) = (format!("{}, fixed", bug.name), bug.words.clone(), bug.only_reads);
        let case = self.case(&name, None, shown(action));
        (case.words, case.only_reads, case.fixes) = (words, only_reads, fixes);
        case.other = other.unwrap_or_else(|| Arc::clone(&case.action));
        case
    }

    fn case(&mut self, name: &str, finds: Option<Finds>, action: Action) -> &mut Case {
        let (app, schema, name, other) = (self.name, self.schema, name.to_owned(), Arc::clone(&action));
        let (words, only_reads) = (Vec::new(), false);
        self.cases.push(Case {
            app,
            schema,
            name,
            finds,
            words,
            action,
            other,
            only_reads,
            fix: None,
            fixes: None,
            fixed_by: None,
        });
        self.cases.last_mut().unwrap()
    }
}
