//! The codes of the lints.

/// Every code of [`lint`](crate::check::lint()), in the order in which findings are listed.
pub const LINT_CODES: &[&str] = &[
    "fk-parent-missing",
    "fk-parent-not-unique",
    "fk-type-mismatch",
    "fk-composite-nullable",
    "fk-unindexed",
    "dangling-view",
    "dangling-trigger",
    "double-quoted-string",
    "no-primary-key",
    "pk-nullable",
    "int-pk-not-rowid",
    "autoincrement-unneeded",
    "unique-with-nullable",
    "check-passes-null",
    "affinity-surprise",
    "same-name-different-type",
    "blob-in-hot-table",
    "not-strict",
    "index-duplicate",
    "index-prefix-redundant",
    "index-shadows-unique",
    "index-low-value",
    "index-collation-unusable",
];
