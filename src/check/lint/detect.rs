//! The codes of the lints, and the run of all lints.

use rusqlite::Connection;

use super::finding::{LintFinding, LintInput};
use super::{checks, columns, indexes, keys, objects, references, undeclared};
use crate::error::Result;
use crate::order::Order as _;
use crate::schema::Schema;
use crate::schema::schema_copy::{SchemaCopy, Triggers};

/// Every code of [`lint`](crate::check::lint()), in the order in which findings are listed.
#[rustfmt::skip]
pub const LINT_CODES: &[&str] = &[
    "fk-parent-missing", "fk-parent-not-unique", "fk-type-mismatch", "fk-composite-nullable", "fk-unindexed",
    "fk-partly-indexed", "fk-undeclared",
    "dangling-view", "dangling-trigger", "double-quoted-string",
    "no-primary-key", "pk-nullable", "int-pk-not-rowid", "autoincrement-unneeded", "unique-with-nullable",
    "check-passes-null",
    "affinity-surprise", "same-name-different-type", "blob-in-hot-table", "not-strict",
    "index-duplicate", "index-prefix-redundant", "index-shadows-unique", "index-low-value",
    "index-collation-unusable",
];

/// A schema that was linted, and what was found in it.
pub(super) struct Linted {
    pub(super) schema: Schema,
    /// In the order of the codes.
    pub(super) found: Vec<LintFinding>,
}

/// Lints a database.
pub(super) fn detect(connection: &Connection) -> Result<Linted> {
    let input = LintInput { schema: Schema::read(connection)?, copy: SchemaCopy::copy(connection, Triggers::LeftOut)? };
    let mut found = Vec::new();
    references::lint(&input, &mut found);
    undeclared::lint(&input, &mut found);
    objects::lint(&input, &mut found);
    keys::lint(&input, &mut found);
    checks::lint(&input, &mut found);
    columns::lint(&input, &mut found);
    indexes::lint(&input, &mut found);
    found.order_by_key(|one| LINT_CODES.iter().position(|code| *code == one.finding.code()));
    Ok(Linted { schema: input.schema, found })
}
