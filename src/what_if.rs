//! Power cuts and schedules for the migration suite, which knows neither `crash` nor `interleave`.

use crate::db::Template;
use crate::suite::Suite;

impl Suite {
    /// Returns a suite of all tests over the history of this template.
    pub fn new(template: &'static Template) -> Suite {
        #[cfg(feature = "whatif")]
        let what_if = Some(explorers::ALL);
        #[cfg(not(feature = "whatif"))]
        let what_if = None;
        Suite::with_what_if(template, what_if)
    }
}

#[cfg(feature = "whatif")]
mod explorers {
    use std::sync::Arc;

    use rusqlite::Connection;

    use crate::db::TestDb;
    use crate::error::Result;
    use crate::explore::DbCopy;
    use crate::suite::{Together, Upgrade, WhatIf};
    use crate::{crash, interleave};

    pub(super) const ALL: WhatIf = WhatIf { cut_power, run_together };

    /// Cuts the power wherever a migration writes. Each of its transactions may be the last one.
    fn cut_power(db: &TestDb, migrate: &dyn Fn(&mut Connection) -> Result<()>) -> Result<()> {
        crash::test(db, migrate).independent_transactions().may_change_nothing().try_run().map(drop)
    }

    /// Runs an upgrade on two connections at the same time, in this many orders of their statements at most.
    fn run_together(db: &TestDb, upgrade: &Upgrade, limit: u64) -> Result<Together> {
        let explore = || {
            let explore = interleave::explore(db);
            let both = match upgrade.clone() {
                Upgrade::Connection(upgrade) => {
                    let again = Arc::clone(&upgrade);
                    explore.task("first", move |db| upgrade(db)).task("second", move |db| again(db))
                }
                Upgrade::Path(upgrade) => {
                    let again = Arc::clone(&upgrade);
                    let first = move |copy: DbCopy| upgrade(copy.path());
                    explore.task_with("first", first).task_with("second", move |copy| again(copy.path()))
                }
            };
            both.limit(limit)
        };
        let report = match explore().may_be_locked_out().examined()? {
            Ok(report) => report,
            Err(problem) => {
                let only_fails = explore().may_fail().examined()?.is_ok();
                return Ok(if only_fails { Together::Fails(problem) } else { Together::Wrong(problem) });
            }
        };
        Ok(Together::Fine {
            orders: report.schedules(),
            failures: report.failures(),
            is_exhaustive: report.is_exhaustive(),
        })
    }
}
