//! An upgrade over several versions by the app's own runner that stops between two of its transactions, and goes on at the next
//! start of the app.

use super::fault::{Fault, FaultKind, FaultyUpgrade};
use crate::error::{Error, Result};
use crate::suite::versions::{Summary, VersionState, VersionedDatabases};

/// The most transactions after which an upgrade is stopped.
const MOST: usize = 8;

/// An upgrade that the next one does not finish.
pub(crate) struct Interrupted {
    /// The version that the database had.
    pub(crate) from: i64,
    /// The number of transactions that were committed, and how many there are.
    pub(crate) committed: u64,
    pub(crate) of: u64,
    /// The error of the next upgrade, or what it makes of the database.
    pub(crate) next: std::result::Result<Summary, Error>,
    pub(crate) whole: Summary,
}

/// The transactions after which an upgrade was stopped, and how many there are but the last.
#[derive(Clone, Copy, Default)]
pub(crate) struct StopPoints {
    pub(crate) tried: usize,
    pub(crate) of: usize,
}

/// Stops an upgrade from this database to the last version after its transactions, and runs it again.
pub(crate) fn interrupted(
    databases: &VersionedDatabases,
    from: usize,
    before: &VersionState,
) -> Result<(Option<Interrupted>, StopPoints)> {
    let versions = (databases.version(from), databases.version(databases.applicable()));
    let upgrade = FaultyUpgrade { history: &databases.history, versions };
    let mut whole = databases.open(&before.image)?;
    // Rows that a migration refuses are reported elsewhere.
    let Ok(points) = upgrade.run(&mut whole) else { return Ok((None, StopPoints::default())) };
    let mut twin = databases.open(&before.image)?;
    upgrade.run(&mut twin)?;
    let (whole, twin) = (Summary::of(&whole)?, Summary::of(&twin)?);
    let of = points.commits.last().copied().unwrap_or(0);
    // The first statement after each commit.
    let after = |committed: u64| points.commits.partition_point(|commits| *commits < committed) as u64 + 1;
    let first = (1..=of).filter(|committed| after(*committed) <= points.commits.len() as u64);
    let all: Vec<u64> = first.collect();
    let mut stops = StopPoints { tried: 0, of: all.len() };
    for committed in all.iter().step_by(all.len().div_ceil(MOST).max(1)) {
        stops.tried += 1;
        let mut database = databases.open(&before.image)?;
        upgrade.fail(&mut database, Fault { kind: FaultKind::Refusal, at: after(*committed) });
        let mut database = databases.open(&database.image_after_restart()?)?;
        let next = match upgrade.run(&mut database) {
            Ok(_) => Ok(Summary::of(&database)?),
            Err(error) => Err(error),
        };
        if next.as_ref().is_ok_and(|end| *end == whole || end.is_equal_but_for_chance(&whole, &twin)) {
            continue;
        }
        return Ok((Some(Interrupted { from: versions.0, committed: *committed, of, next, whole }), stops));
    }
    Ok((None, stops))
}
