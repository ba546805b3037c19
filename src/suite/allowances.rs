//! Allowances: losses, refusals and the like that the user accepts. Each has a reason, and one that is not needed is an error:
//! the next accident would hide behind it.

use crate::check::covers;
use crate::error::{Error, ErrorKind, Result};

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
