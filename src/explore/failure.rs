//! A failed exploration.

use std::sync::Arc;

use crate::db::TestDb;
use crate::error::{Error, Result};
use crate::sim::Disk;

/// A failure, and the disk that shows it.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) left: Option<Arc<Disk>>,
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Box<Failure> {
        Box::new(Failure { error, left: None })
    }
}

/// Panics with a failure, and keeps the disk that shows it under `name`, beside the test's own database.
#[track_caller]
pub(crate) fn or_keep_and_panic<R>(result: Result<R, Box<Failure>>, db: &TestDb, name: &str) -> R {
    match result {
        Ok(report) => report,
        Err(failure) => {
            if let Some(disk) = &failure.left {
                db.keep_beside(name, disk);
            }
            panic!("{}", failure.error)
        }
    }
}
