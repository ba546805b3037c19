//! The subject of the cases: a template, the options, and the databases of its history.

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use crate::db::{Template, TestDb};
use crate::error::{Error, ErrorKind, Result};
use crate::migrations::Migrations;
use crate::suite::options::Options;
use crate::suite::versions::{ReleaseDatabase, UpgradeRun, UpgradeStep, VersionedDatabases, read_release_databases};

/// Cuts the power at each moment of a migration on this database. Returns an error if a cut leaves a state that no
/// transaction has committed.
pub(crate) type PowerCuts = fn(&TestDb, &dyn Fn(&mut Connection) -> Result<()>) -> Result<()>;

/// A template and its history. The databases are built at first use, once for all cases.
pub(crate) struct Subject {
    pub(crate) template: &'static Template,
    pub(crate) options: Options,
    /// None if the build has no power cuts.
    pub(crate) power_cuts: Option<PowerCuts>,
    databases: OnceCell<VersionedDatabases>,
    upgrade_run: OnceCell<UpgradeRun>,
    releases: OnceCell<Vec<ReleaseDatabase>>,
}

impl Subject {
    pub(crate) fn new(template: &'static Template, power_cuts: Option<PowerCuts>) -> Subject {
        Subject {
            template,
            power_cuts,
            options: Options::default(),
            databases: OnceCell::new(),
            upgrade_run: OnceCell::new(),
            releases: OnceCell::new(),
        }
    }

    /// Returns the databases of the history, or nothing if the template has none.
    pub(crate) fn databases(&self) -> Result<Option<&VersionedDatabases>> {
        if self.databases.get().is_none() {
            let Some(history) = self.history()? else { return Ok(None) };
            let first = match self.options.from {
                None => 0,
                Some(version) => applied_at(&history, version)?,
            };
            let databases =
                VersionedDatabases::new(history, self.template.workshop(), self.options.plan.clone(), first);
            return Ok(Some(self.databases.get_or_init(|| databases)));
        }
        Ok(self.databases.get())
    }

    pub(crate) fn upgrade_run(&self, databases: &VersionedDatabases) -> Result<&UpgradeRun> {
        self.upgrade_run.get_or_try_init(|| UpgradeRun::of(databases))
    }

    /// Returns the steps of the upgrade run, and those of the databases of past releases, each with the name of its file.
    pub(crate) fn steps(&self, databases: &VersionedDatabases) -> Result<Vec<(&UpgradeStep, Option<&str>)>> {
        let generated = self.upgrade_run(databases)?.steps.iter().map(|step| (step, None));
        let Some(folder) = &self.options.release_databases else { return Ok(generated.collect()) };
        let releases = self.releases.get_or_try_init(|| read_release_databases(databases, folder))?;
        let released =
            releases.iter().flat_map(|release| release.steps.iter().map(|step| (step, Some(&*release.name))));
        Ok(generated.chain(released).collect())
    }

    fn history(&self) -> Result<Option<Migrations>> {
        match &self.options.history {
            Some(folder) => Migrations::load(crate::env::package_dir().join(folder)).map(Some),
            None => self.template.migrations(),
        }
    }
}

/// Returns how many migrations a database of this version has.
fn applied_at(history: &Migrations, version: i64) -> Result<usize> {
    match history.iter().position(|migration| migration.version() == version) {
        Some(index) => Ok(index + 1),
        None => Err(Error::new(ErrorKind::Suite, format!("no migration has version {version}: .from({version})"))),
    }
}
