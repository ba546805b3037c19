//! The databases of a history: an empty one at each version, and one that is upgraded from version to version with rows in
//! it.
//!
//! The upgrade run is what happens to a database in the field: at each version it gets rows in every table that is new or
//! was changed, and is migrated one step with the rows of all versions before. So it has rows as old as each version, at
//! the cost of one pass. Where a step refuses rows, those are taken away, and the run goes on with all others: otherwise a
//! refusal would hide what is lost. All cases share the images of the run.

mod databases;
mod newer;
mod runner;
mod salvage;
mod state;
mod stop;
mod upgrade_run;

pub(crate) use databases::{FilledVersions, Recorded, Summary, VersionedDatabases};
pub(crate) use newer::{NewerDatabase, VersionRecord};
pub(crate) use runner::with_recorded_steps;
pub(crate) use state::{SchemaText, VersionState};
pub(crate) use stop::refused_object;
pub(crate) use upgrade_run::{
    Carried, ReleaseDatabase, RowsSince, Unfilled, UpgradeRun, UpgradeStep, read_release_databases,
};
