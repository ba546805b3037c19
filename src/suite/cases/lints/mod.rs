//! Lints of migrations, for silent side effects, and of the resulting schema.

pub(crate) mod codes;
mod lost_constraints;
mod rebuilt_table;
mod sqlite_versions;
mod statement_lints;
mod step_lints;

pub use codes::MIGRATION_CODES;

use codes::{BROKEN, FOUND};

use crate::check::{self, Finding, Findings, try_lint};
use crate::error::Result;
use crate::suite::subject::Subject;

pub(crate) fn check(subject: &Subject) -> Result<()> {
    let mut found: Vec<Finding> = Vec::new();
    let schema = match subject.databases()? {
        Some(databases) => {
            for step in &subject.upgrade_run(databases)?.steps {
                for finding in statement_lints::of_effects(&subject.options, databases, step) {
                    // `OFF` and `ON` of a PRAGMA are one mistake.
                    if !found.iter().any(|known| known.what() == finding.what()) {
                        found.push(finding);
                    }
                }
                found.extend(statement_lints::of_syntax(&subject.options, databases, step)?);
                found.extend(step_lints::findings(databases, step)?);
            }
            try_lint(&*databases.empty(databases.applicable())?)?
        }
        None => try_lint(&*subject.template.scratch()?)?,
    };
    for finding in schema {
        let is_known = |known: &Finding| known.code() == finding.code() && known.object() == finding.object();
        if BROKEN.contains(&finding.code()) && !found.iter().any(is_known) {
            found.push(finding);
        }
    }
    let mut findings: Findings = found.into_iter().collect();
    for (code, object, reason) in &subject.options.lints {
        let is_known = check::LINT_CODES.contains(&code.as_str()) || MIGRATION_CODES.contains(&code.as_str());
        // With the codes, `allow` says which one was meant.
        findings = if is_known { findings } else { findings.with_codes(&FOUND) };
        findings = findings.allow(code, object, reason);
    }
    findings.try_assert_ok()
}
