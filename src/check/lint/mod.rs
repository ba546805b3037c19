//! Lints of a schema. What each code means, and when to allow it, is in [`lints`](super::lints).
//!
//! A lint judges by what SQLite says: by the facts of [`Schema`], by query plans, by whether a statement can be prepared,
//! by the value of a CHECK. Plans and statements run on an empty copy of the schema in memory, the [`Bench`].
//! Every fix that is SQL has been run on such a copy, and the copy linted again.

mod checks;
mod columns;
mod indexes;
mod keys;
mod objects;
mod references;
mod trial;

use rusqlite::Connection;

use super::{Finding, Findings};
use crate::error::{Result, or_panic};
use crate::schema::bench::{Bench, Triggers};
use crate::schema::declaration::Declaration;
use crate::schema::{Column, Schema, Table, TableKind, is_column, is_ledger};

/// Every code of [`lint()`], in the order in which findings are listed.
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

/// What is questionable about the schema that `connection` has open as `main`.
///
/// ```
/// use sqlitmus::check;
/// # let db = sqlitmus::Template::embedded(&[("1.sql", "
/// #     CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL) STRICT;
/// #     CREATE TABLE posts(id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL REFERENCES users(id)) STRICT;
/// # ")]).in_memory();
/// let findings = check::lint(&db);
/// let first = findings.iter().next().unwrap();
/// assert_eq!((first.code(), first.object()), ("fk-unindexed", "posts.author_id"));
/// assert_eq!(first.help(), Some("CREATE INDEX posts_author_id ON posts(author_id);"));
/// findings.allow("fk-unindexed", "posts.author_id", "users are never deleted").assert_ok();
/// ```
///
/// The database is not changed. Virtual tables, their shadow tables, SQLite's own tables and the ledgers of migration
/// runners are not judged.
///
/// # Panics
/// When SQLite cannot read the schema.
#[track_caller]
pub fn lint(connection: &Connection) -> Findings {
    or_panic(try_lint(connection))
}

/// Like [`lint()`], without the panic.
///
/// # Errors
/// When SQLite cannot read the schema.
pub fn try_lint(connection: &Connection) -> Result<Findings> {
    let _own = crate::own::statements();
    let found = trial::try_fixes(connection, detect(connection)?)?;
    Ok(found.into_iter().map(Found::into_finding).collect::<Findings>().with_codes(LINT_CODES))
}

/// What a lint found, before its fix is tried.
#[derive(Debug)]
struct Found {
    code: &'static str,
    object: String,
    /// The table that it is about, if it is about one.
    table: String,
    what: String,
    cost: &'static str,
    evidence: Vec<(&'static str, String)>,
    fix: Fix,
}

/// What would mend it.
#[derive(Debug, PartialEq, Eq)]
enum Fix {
    Nothing,
    /// Statements, to be run as they are.
    Sql(String),
    /// Another declaration of the table, for which it has to be rebuilt; its name is `trial::new_name`.
    Rebuild {
        table: String,
        declaration: String,
    },
    /// What has been tried, and what to do where there is no SQL for it.
    Text(String),
}

impl Found {
    fn new(code: &'static str, object: impl Into<String>, what: impl Into<String>, cost: &'static str) -> Found {
        let (object, table, what) = (object.into(), String::new(), what.into());
        Found { code, object, table, what, cost, evidence: Vec::new(), fix: Fix::Nothing }
    }

    fn on(mut self, table: &Table) -> Found {
        self.table = table.name.to_string();
        self
    }

    fn evidence(mut self, label: &'static str, body: impl Into<String>) -> Found {
        self.evidence.push((label, body.into()));
        self
    }

    fn sql(mut self, sql: impl Into<String>) -> Found {
        self.fix = Fix::Sql(sql.into());
        self
    }

    fn text(mut self, text: impl Into<String>) -> Found {
        self.fix = Fix::Text(text.into());
        self
    }

    /// Rebuilds the table with what `change` makes of its declaration; without a fix if its text cannot be changed.
    fn rebuild<'a>(
        mut self,
        table: &'a Table,
        change: impl FnOnce(Declaration<'a>) -> Option<Declaration<'a>>,
    ) -> Found {
        if let Some(changed) = Declaration::parse(&table.sql).and_then(change) {
            let declaration = changed.named(&trial::new_name(&table.name));
            self.fix = Fix::Rebuild { table: table.name.to_string(), declaration };
        }
        self.on(table)
    }

    fn is(&self, other: &Found) -> bool {
        self.code == other.code && self.object == other.object
    }

    fn into_finding(self) -> Finding {
        let mut finding = Finding::new(self.code, self.object, self.what).cost(self.cost);
        for (label, body) in self.evidence {
            finding = finding.evidence(label, body);
        }
        match self.fix {
            Fix::Text(text) | Fix::Sql(text) => finding.fix(text),
            Fix::Nothing | Fix::Rebuild { .. } => finding,
        }
    }
}

/// All that a lint looks at.
struct Ground {
    schema: Schema,
    bench: Bench,
}

impl Ground {
    /// The tables that are judged.
    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.schema.tables.iter().filter(|table| is_judged(table))
    }
}

/// Everything that is found in a database.
fn detect(connection: &Connection) -> Result<Vec<Found>> {
    let ground = Ground { schema: Schema::read(connection)?, bench: Bench::copy(connection, Triggers::LeftOut)? };
    let mut found = Vec::new();
    references::judge(&ground, &mut found);
    objects::judge(&ground, &mut found);
    keys::judge(&ground, &mut found);
    checks::judge(&ground, &mut found);
    columns::judge(&ground, &mut found);
    indexes::judge(&ground, &mut found);
    let place = |one: &Found| LINT_CODES.iter().position(|code| *code == one.code);
    found.sort_by_key(place);
    Ok(found)
}

/// The ledger of a runner is neither declared nor read by the app.
fn is_judged(table: &Table) -> bool {
    table.kind == TableKind::Ordinary && !is_ledger(&table.name)
}

/// `table.column`, and `table.one,two` for several.
fn object<'a>(table: &Table, columns: impl IntoIterator<Item = &'a str>) -> String {
    format!("{}.{}", table.name, columns.into_iter().collect::<Vec<_>>().join(","))
}

/// Whether a column takes NULL. The rowid turns NULL into a number.
fn is_nullable(table: &Table, column: &Column) -> bool {
    let is_rowid = table
        .primary_key
        .as_ref()
        .is_some_and(|key| key.is_rowid && key.terms.iter().any(|term| is_column(&term.what, &column.name)));
    !column.not_null && !is_rowid && column.generated.is_none()
}

/// Whether two lists have the same names, in the same order.
fn same_names(one: &[&str], two: &[&str]) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.eq_ignore_ascii_case(two))
}
