//! Runs all lints.

use rusqlite::Connection;

use super::codes::LINT_CODES;
use super::finding::LintFinding;
use super::input::LintInput;
use super::{checks, columns, indexes, keys, objects, references};
use crate::error::Result;
use crate::schema::Schema;
use crate::schema::schema_copy::{SchemaCopy, Triggers};

/// Returns everything that the lints find in a database, in the order of the codes.
pub(super) fn detect(connection: &Connection) -> Result<Vec<LintFinding>> {
    let input = LintInput { schema: Schema::read(connection)?, copy: SchemaCopy::copy(connection, Triggers::LeftOut)? };
    let mut found = Vec::new();
    references::lint(&input, &mut found);
    objects::lint(&input, &mut found);
    keys::lint(&input, &mut found);
    checks::lint(&input, &mut found);
    columns::lint(&input, &mut found);
    indexes::lint(&input, &mut found);
    found.sort_by_key(|one| LINT_CODES.iter().position(|code| *code == one.code));
    Ok(found)
}
