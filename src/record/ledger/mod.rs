//! Every statement of a whole test run, and its plans, in one file that is made for review.
//!
//! ```text
//! statement -> trace::gather: is this text known? -> teardown -> explain: is it explained already in this process?
//!           -> write: lock, merge, rename
//! ```
//!
//! - **The file is only added to.** cargo test does not tell one run from the next, so the user does, by deleting the file.
//!   Dates or counts of runs would make every diff noisy, and so would SQLite's version: plans are in their normal form.
//! - **Merging is a union**, except that any plan replaces "could not be explained". So the order of tests, threads and
//!   processes makes no difference: this suite of 500 tests gives the same bytes under cargo test and under nextest.
//! - **A process remembers** what it has explained, by text, profile, schemas and statistics. It searches the file before it
//!   takes the lock: reading 2,000 statements would take a test's process five times as long as everything else it does.
//! - **Plans are made with values where values matter** (`LIKE`, partial indexes, samples of ANALYZE): the values of the
//!   first runs. The plan of a bare `LIKE ?` is a scan that nobody ran.
//! - **`own::statements()`** marks what the crate runs on a connection that may be the user's. Each entry point that asks a
//!   database questions begins with it; a test calls all of them and expects an empty ledger. The mark never covers code of
//!   the app.
//! - A ledger that cannot be written fails the test. A statement that is missing without a word would be read as gone.

mod diff;
mod statements;
#[cfg(test)]
mod tests;
mod write;

pub use self::diff::{ChangedStatement, LedgerDiff, compare_ledgers};
pub use self::statements::{LedgerPlan, LedgerStatement, StatementLedger};
pub(crate) use self::write::write_ledger;
