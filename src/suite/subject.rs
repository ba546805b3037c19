//! The subject of the cases: a template, the options, and the databases of its history.
//!
//! An allowance accepts a loss, a refusal or the like. Each has a reason, and one that is not needed is an error: the next
//! accident would hide behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use crate::check::covers;
use crate::db::{Scratch, Template, TestDb};
use crate::error::{Error, ErrorKind, Result};
use crate::migrations::{Migrations, Runner};
use crate::order::SortedSet;
use crate::suite::diagnosis::accepted_rows;
use crate::suite::released::{Released, count_at};
use crate::suite::rows::RowPlan;
use crate::suite::targeted::{accepted_rows_of_their_own, children_of_the_gone, targeted_rows};
use crate::suite::versions::{
    Carried, FilledVersions, ReleaseDatabase, UpgradeRun, UpgradeStep, VersionedDatabases, read_release_databases,
    with_recorded_steps,
};

/// Cuts the power at each moment of a migration on this database. Returns an error if a cut leaves a state that no
/// transaction has committed.
pub(crate) type PowerCuts = fn(&TestDb, &dyn Fn(&mut Connection) -> Result<()>) -> Result<()>;

/// An upgrade by the app's own runner.
#[derive(Clone)]
pub(crate) enum Upgrade {
    Connection(Arc<OnConnection>),
    /// It opens its own connections.
    Path(Arc<OnPath>),
}

/// Code of the app, whose error is the text of the app's.
type OnConnection = dyn Fn(&mut Connection) -> Result<(), String> + Send + Sync;
type OnPath = dyn Fn(&Path) -> Result<(), String> + Send + Sync;

/// The explorers, which this folder does not know.
#[derive(Clone, Copy)]
pub(crate) struct WhatIf {
    pub(crate) cut_power: PowerCuts,
    /// Runs an upgrade twice at the same time, in this many orders of the statements at most. Fails if that cannot be explored.
    pub(crate) run_together: fn(&TestDb, &Upgrade, u64) -> Result<Together>,
}

/// The outcome of two upgrades at the same time.
pub(crate) enum Together {
    /// Both end well, or one fails because of a lock and changes nothing.
    Fine {
        /// The number of orders that were run, and of those in which one fails.
        orders: u64,
        failures: u64,
        /// True if there is no other order that makes a difference.
        is_exhaustive: bool,
    },
    /// One fails because of the other with an error that is no lock's, and changes nothing.
    Fails(Error),
    Wrong(Error),
}

/// A template and its history. The databases are built at first use, once for all cases.
pub(crate) struct Subject {
    pub(crate) template: &'static Template,
    pub(crate) options: Options,
    /// None if the build has no explorers.
    pub(crate) what_if: Option<WhatIf>,
    databases: OnceCell<VersionedDatabases>,
    upgrade_run: OnceCell<UpgradeRun>,
    /// For each step of the upgrade run the same step with further rows.
    further: OnceCell<Vec<FurtherSteps>>,
    releases: OnceCell<Vec<ReleaseDatabase>>,
}

impl Subject {
    pub(crate) fn new(template: &'static Template, what_if: Option<WhatIf>) -> Subject {
        Subject {
            template,
            what_if,
            options: Options::default(),
            databases: OnceCell::new(),
            upgrade_run: OnceCell::new(),
            further: OnceCell::new(),
            releases: OnceCell::new(),
        }
    }

    /// Returns the databases of the history, or nothing if the template has none.
    pub(crate) fn databases(&self) -> Result<Option<&VersionedDatabases>> {
        if self.databases.get().is_none() {
            let Some(history) = self.history()? else { return Ok(None) };
            let first = match self.options.from {
                None => 0,
                Some(version) => count_at(&history, version, ".from")?,
            };
            let mut released = SortedSet::new();
            for named in &self.options.released {
                released.extend(named.counts(&history, self.folder().as_deref())?);
            }
            let versions = FilledVersions { first, released };
            let databases =
                VersionedDatabases::new(history, self.template.workshop(), self.options.plan.clone(), versions);
            return Ok(Some(self.databases.get_or_init(|| databases)));
        }
        Ok(self.databases.get())
    }

    pub(crate) fn upgrade_run(&self, databases: &VersionedDatabases) -> Result<&UpgradeRun> {
        self.upgrade_run.get_or_try_init(|| UpgradeRun::of(databases))
    }

    /// Returns the steps of the upgrade run, each followed by the same step with further rows, then those of the databases of
    /// past releases.
    pub(crate) fn steps(&self, databases: &VersionedDatabases) -> Result<Vec<(&UpgradeStep, RowOrigin<'_>)>> {
        let generated = &self.upgrade_run(databases)?.steps;
        let further = self.further(databases)?;
        let mut found = Vec::new();
        for (step, further) in generated.iter().zip(further) {
            found.push((step, RowOrigin::Schema));
            found.extend(further.steps.iter().map(|(step, origin)| (step, *origin)));
        }
        let Some(folder) = &self.options.release_databases else { return Ok(found) };
        let releases = self.releases.get_or_try_init(|| read_release_databases(databases, folder))?;
        for release in releases {
            found.extend(release.steps.iter().map(|step| (step, RowOrigin::Release(&release.name))));
        }
        Ok(found)
    }

    /// Returns the statements for which no rows could be made.
    pub(crate) fn unmet(&self, databases: &VersionedDatabases) -> Result<impl Iterator<Item = &UnmetStatement>> {
        Ok(self.further(databases)?.iter().flat_map(|further| &further.unmet))
    }

    fn further(&self, databases: &VersionedDatabases) -> Result<&Vec<FurtherSteps>> {
        let generated = &self.upgrade_run(databases)?.steps;
        let all = || (0..generated.len()).map(|at| FurtherSteps::of(databases, generated, at)).collect();
        self.further.get_or_try_init(all)
    }

    fn history(&self) -> Result<Option<Migrations>> {
        let history = match &self.options.history {
            Some(folder) => Some(self.template.as_run(Migrations::load(crate::env::package_dir().join(folder))?)),
            None => self.template.migrations()?,
        };
        let history = history.map(|history| history.run_by(self.options.runner).with_step_limit());
        history.map(|history| with_recorded_steps(history, self.template.workshop(), &self.options.plan)).transpose()
    }

    /// Returns the folder of the history, if it is in one.
    fn folder(&self) -> Option<PathBuf> {
        let given = self.options.history.as_ref().map(|folder| crate::env::package_dir().join(folder));
        given.or_else(|| self.template.folder())
    }
}

/// The sources of the rows of a step.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum RowOrigin<'a> {
    /// The schema before the step.
    Schema,
    /// A row of those, changed to what the step may lose.
    Change,
    /// The statements of the step.
    Statements,
    /// A database of a past release, by the name of its file.
    Release(&'a str),
}

/// A step of the upgrade run with further rows.
#[derive(Default)]
struct FurtherSteps {
    steps: Vec<(UpgradeStep, RowOrigin<'static>)>,
    unmet: Vec<UnmetStatement>,
}

/// A statement for which no rows could be made.
pub(crate) struct UnmetStatement {
    /// Its file and line.
    pub(crate) place: String,
    pub(crate) what: String,
}

impl FurtherSteps {
    fn of(databases: &VersionedDatabases, generated: &[UpgradeStep], at: usize) -> Result<FurtherSteps> {
        let step = &generated[at];
        let accepted = accepted_rows(databases, step)?;
        let mut further = FurtherSteps::default();
        further.steps.extend(accepted.into_iter().map(|step| (step, RowOrigin::Change)));
        if !is_last_of_its_index(generated, at) {
            return Ok(further);
        }
        let with_rows = |database: Scratch| -> Result<Vec<UpgradeStep>> {
            let Some(Carried { before, database, since }) = step.carried(databases, database)? else {
                return Ok(Vec::new());
            };
            UpgradeStep::on(databases, step.index, (&before, Some(database)), &since).map(|(steps, _)| steps)
        };
        let Some(source) = step.source() else { return Ok(further) };
        let rows = targeted_rows(databases, step, source)?;
        further.unmet = rows.unmet.into_iter().map(|it| UnmetStatement::of(databases, step, it)).collect();
        let mut targeted = rows.database.map_or_else(|| Ok(Vec::new()), with_rows)?;
        targeted.extend(with_children(databases, &targeted, step, with_rows)?);
        if is_refused(generated, at)
            && let Some(accepted) = accepted_rows_of_their_own(databases, step, source)?
        {
            let rows = targeted_rows(databases, step, (source.0, &accepted.state))?;
            let mut steps = rows.database.map_or_else(|| Ok(Vec::new()), with_rows)?;
            let plain = with_rows(accepted.database)?;
            if let Some(last) = plain.last() {
                steps.extend(with_children(databases, &steps, last, with_rows)?);
            }
            targeted.extend(plain.into_iter().chain(steps));
        }
        further.steps.extend(targeted.into_iter().map(|step| (step, RowOrigin::Statements)));
        Ok(further)
    }
}

/// Runs a step with children of what it takes away, in the last of these databases that it accepts or else in its own. Rows for
/// a NOT EXISTS may keep a statement from taking keys away: that is why the rows without them are tried too.
fn with_children(
    databases: &VersionedDatabases,
    targeted: &[UpgradeStep],
    step: &UpgradeStep,
    with_rows: impl Fn(Scratch) -> Result<Vec<UpgradeStep>>,
) -> Result<Vec<UpgradeStep>> {
    let last = targeted.last().filter(|last| last.after.is_some());
    for step in last.into_iter().chain([step]) {
        if let Some(source) = step.source()
            && let Some(database) = children_of_the_gone(databases, step, source)?
        {
            return with_rows(database);
        }
    }
    Ok(Vec::new())
}

impl UnmetStatement {
    fn of(databases: &VersionedDatabases, step: &UpgradeStep, (at, rows): (usize, String)) -> UnmetStatement {
        let migration = databases.migration(step.index);
        let place = migration.place(&migration.statements()[at]);
        let what = format!("migration {} is not tried with rows of {rows}: {place}", migration.version());
        UnmetStatement { place, what }
    }
}

/// Returns true if the step is not followed by the same one without the rows that it refused.
fn is_last_of_its_index(steps: &[UpgradeStep], at: usize) -> bool {
    steps.get(at + 1).is_none_or(|next| next.index != steps[at].index)
}

/// Returns true if the step refuses rows. It is the last one of its index.
fn is_refused(steps: &[UpgradeStep], at: usize) -> bool {
    steps[at].after.is_none() || at.checked_sub(1).is_some_and(|last| steps[last].index == steps[at].index)
}

/// The options, as the methods of `Suite` set them.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) only: Vec<String>,
    /// Names of tests, and why they are left out.
    pub(crate) skipped: Vec<(String, String)>,
    /// The error of a value that `Suite::set` could not take.
    pub(crate) bad_value: Option<String>,
    pub(crate) history: Option<PathBuf>,
    /// The habits of the runner besides those that the template names.
    pub(crate) runner: Runner,
    pub(crate) from: Option<i64>,
    pub(crate) released: Vec<Released>,
    pub(crate) plan: RowPlan,
    pub(crate) losses: Vec<Allowance>,
    pub(crate) refusals: Vec<Allowance>,
    pub(crate) irreversible: Vec<Allowance>,
    /// Code, object and reason, as `Findings::allow` takes them.
    pub(crate) lints: Vec<(String, String, String)>,
    pub(crate) lowest_sqlite: Option<String>,
    pub(crate) old_code_runs: bool,
    /// The ledger of the last release's statements.
    pub(crate) released_statements: Option<PathBuf>,
    /// The queries whose answers a migration has to keep.
    pub(crate) answers: Vec<String>,
    /// The ledger with more of them.
    pub(crate) answers_of: Option<PathBuf>,
    pub(crate) release_databases: Option<PathBuf>,
    pub(crate) lock_file: Option<PathBuf>,
}

impl Options {
    pub(crate) fn is_chosen(&self, test: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == test)
    }

    /// Returns why a test is left out.
    pub(crate) fn skip_reason(&self, test: &str) -> Option<String> {
        if !self.is_chosen(test) {
            return Some(String::from("not selected by Suite::only"));
        }
        self.skipped.iter().find(|(name, _)| name == test).map(|(_, reason)| reason.clone())
    }

    /// Returns an error if a value could not be taken.
    pub(crate) fn problem(&self) -> Option<Error> {
        self.bad_value.as_ref().map(|headline| Error::new(ErrorKind::Suite, headline))
    }

    /// Returns all names of tests that the user names.
    pub(crate) fn named_tests(&self) -> impl Iterator<Item = &String> {
        self.only.iter().chain(self.skipped.iter().map(|(name, _)| name))
    }
}

/// Something that one migration may do.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    version: i64,
    object: String,
    reason: String,
}

impl Allowance {
    pub(crate) fn new(version: i64, object: &str, reason: &str) -> Allowance {
        Allowance { version, object: object.to_owned(), reason: reason.to_owned() }
    }
}

/// Allowances, and which of them something was found for.
pub(crate) struct UsedAllowances<'a> {
    allowances: &'a [Allowance],
    used: Vec<bool>,
}

impl<'a> UsedAllowances<'a> {
    pub(crate) fn of(allowances: &'a [Allowance]) -> UsedAllowances<'a> {
        UsedAllowances { allowances, used: vec![false; allowances.len()] }
    }

    /// Returns true if this is allowed, and marks the allowances as used.
    pub(crate) fn allow(&mut self, version: i64, object: &str) -> bool {
        let mut is_allowed = false;
        for (allowance, used) in self.allowances.iter().zip(&mut self.used) {
            if allowance.version == version && covers(&allowance.object, object) {
                *used = true;
                is_allowed = true;
            }
        }
        is_allowed
    }

    /// Returns an error for the first allowance that was not used. `call` is the method that gave it.
    pub(crate) fn require_all_used(&self, call: &str) -> Result<()> {
        let unused = self.allowances.iter().zip(&self.used).find(|(_, used)| !**used);
        let Some((allowance, _)) = unused else { return Ok(()) };
        let object = if allowance.object == "*" { String::new() } else { format!("{:?}, ", allowance.object) };
        Err(Error::new(ErrorKind::Suite, format!("nothing to allow: {call}({}, {object}..)", allowance.version))
            .evidence("its reason", allowance.reason.clone())
            .help("remove it: the next accident would hide behind it"))
    }
}
