//! The input and the findings of the lints, and helpers for several of them.

use rusqlite::types::Value;

use crate::check::finding::{Finding, Level};
use crate::schema::declaration::Declaration;
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{Column, Schema, Table};

/// A finding of a lint, before its fix is tried.
#[derive(Debug)]
pub(super) struct LintFinding {
    pub(super) finding: Finding,
    /// The name of the table it is about; empty if there is none.
    pub(super) table: String,
    pub(super) fix: Fix,
}

/// A way to remove a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fix {
    Nothing,
    /// Statements to run.
    Sql(String),
    /// Another declaration of the table, under the name of [`new_name`], for which the table has to be rebuilt, and
    /// statements to run afterwards.
    Rebuild {
        table: String,
        declaration: String,
        then: String,
    },
    /// Advice where there is no SQL.
    Text(String),
}

/// Returns the level of the findings of a code, unless the lint knows better.
fn usual_level(code: &str) -> Level {
    match code {
        "fk-parent-missing" | "fk-parent-not-unique" | "dangling-view" | "dangling-trigger" => Level::Error,
        "fk-undeclared"
        | "pk-nullable"
        | "unique-with-nullable"
        | "same-name-different-type"
        | "blob-in-hot-table"
        | "index-low-value" => Level::Review,
        "autoincrement-unneeded" | "affinity-surprise" | "not-strict" => Level::Style,
        _ => Level::Warning,
    }
}

impl LintFinding {
    pub(super) fn new(
        code: &'static str,
        object: impl Into<String>,
        what: impl Into<String>,
        cost: &'static str,
    ) -> LintFinding {
        let finding = Finding::new(code, object, what).cost(cost).level_of(usual_level(code));
        LintFinding { finding, table: String::new(), fix: Fix::Nothing }
    }

    pub(super) fn level_of(mut self, level: Level) -> LintFinding {
        self.finding = self.finding.level_of(level);
        self
    }

    pub(super) fn on(mut self, table: &Table) -> LintFinding {
        self.table = table.name.to_string();
        self
    }

    pub(super) fn evidence(mut self, label: &'static str, body: impl Into<String>) -> LintFinding {
        self.finding = self.finding.evidence(label, body);
        self
    }

    pub(super) fn sql(mut self, sql: impl Into<String>) -> LintFinding {
        self.fix = Fix::Sql(sql.into());
        self
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> LintFinding {
        self.fix = Fix::Text(text.into());
        self
    }

    /// Rebuilds the table with a changed declaration. There is no fix if the text cannot be changed.
    pub(super) fn rebuild<'a>(
        mut self,
        table: &'a Table,
        change: impl FnOnce(Declaration<'a>) -> Option<Declaration<'a>>,
    ) -> LintFinding {
        if let Some(changed) = Declaration::parse(&table.sql).and_then(change) {
            self.fix = rebuild_as(table, changed.named(&new_name(&table.name)));
        }
        self.on(table)
    }

    /// Adds a statement to run after the rebuild.
    pub(super) fn then(mut self, sql: &str) -> LintFinding {
        if let Fix::Rebuild { then, .. } = &mut self.fix {
            then.push_str(sql);
        }
        self
    }
}

/// Returns the rebuild of a table with another declaration, which is of [`new_name`].
pub(super) fn rebuild_as(table: &Table, declaration: String) -> Fix {
    Fix::Rebuild { table: table.name.to_string(), declaration, then: String::new() }
}

/// Returns the name under which a table is rebuilt.
pub(super) fn new_name(table: &str) -> String {
    format!("new_{table}")
}

/// The schema of a database, and an empty copy of it.
pub(super) struct LintInput {
    pub(super) schema: Schema,
    pub(super) copy: SchemaCopy,
}

impl LintInput {
    /// Iterates over the tables that are linted.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.schema.tables.iter().filter(|table| table.is_of_app())
    }

    /// Runs something on the copy while it enforces foreign keys.
    pub(super) fn with_foreign_keys<T>(&self, run: impl FnOnce(&SchemaCopy) -> T) -> T {
        let _ = self.copy.run("PRAGMA foreign_keys = ON");
        let result = run(&self.copy);
        let _ = self.copy.run("PRAGMA foreign_keys = OFF");
        result
    }
}

/// Returns `table.column`, and `table.one,two` for several columns.
pub(super) fn object<'a>(table: &Table, columns: impl IntoIterator<Item = &'a str>) -> String {
    format!("{}.{}", table.name, columns.into_iter().collect::<Vec<_>>().join(","))
}

/// Returns true if the declaration of a column allows NULL; see `checks::accepts_null`. The rowid turns NULL into a number.
pub(super) fn is_nullable(table: &Table, column: &Column) -> bool {
    !column.not_null && !table.is_rowid(&column.name) && column.generated.is_none()
}

/// Returns a row of a table with NULL in one column and 1 in the others.
pub(super) fn row_with_null<'a>(table: &'a Table, null: &Column) -> Vec<(&'a str, Value)> {
    let value = |column: &Column| if column.name == null.name { Value::Null } else { Value::Integer(1) };
    table.columns.iter().map(|column| (column.name.as_str(), value(column))).collect()
}
