//! Power cuts for the migration suite, which knows nothing of `crash`.

use rusqlite::Connection;

use crate::crash;
use crate::db::{Template, TestDb};
use crate::error::Result;
use crate::suite::Suite;

impl Suite {
    /// Returns a suite of all tests over the history of this template.
    pub fn new(template: &'static Template) -> Suite {
        Suite::with_power_cuts(template, Some(cut_power))
    }
}

/// Cuts the power wherever a migration writes. Each of its transactions may be the last one.
fn cut_power(db: &TestDb, migrate: &dyn Fn(&mut Connection) -> Result<()>) -> Result<()> {
    crash::test(db, migrate).independent_transactions().may_change_nothing().every_moment().try_run().map(drop)
}
