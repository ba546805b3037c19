//! Tries fixes before they are shown, on a copy of the schema that is then linted again.

use std::sync::Arc;

use super::detect::detect;
use super::finding::{Fix, LintFinding, new_name};
use crate::check::finding::Finding;
use crate::error::Result;
use crate::schema::entries::SchemaEntry;
use crate::schema::schema_copy::{SchemaCopy, Triggers};
use crate::schema::{Schema, Table};
use crate::sql::{Token, plain_name, plain_names, same_name, tokens};

/// The schema that was linted. Fixes are tried on copies of it, when somebody wants to see them.
#[derive(Debug)]
pub(super) struct Trials {
    schema: Schema,
    declared: Vec<SchemaEntry>,
}

impl Trials {
    pub(super) fn new(schema: Schema, declared: Vec<SchemaEntry>) -> Trials {
        Trials { schema, declared }
    }

    /// Returns a finding whose fix is tried when it is needed first.
    pub(super) fn offer(self: &Arc<Self>, found: LintFinding) -> Finding {
        let LintFinding { finding, table, fix } = found;
        let is_rebuild = matches!(fix, Fix::Rebuild { .. });
        match fix {
            Fix::Nothing => finding,
            Fix::Text(text) => finding.fix(text),
            Fix::Sql(_) | Fix::Rebuild { .. } => {
                let trials = Arc::clone(self);
                let wanted = Wanted { code: finding.code(), object: finding.object().to_owned(), table, fix };
                finding.fix_when_needed(is_rebuild, move || trials.fix_that_works(&wanted))
            }
        }
    }

    /// Returns the fix as it is shown, if it removes its finding and causes no other.
    fn fix_that_works(&self, wanted: &Wanted) -> Option<String> {
        let _own = crate::own::statements();
        if let Fix::Rebuild { table, .. } = &wanted.fix {
            let new = new_name(table);
            if self.declared.iter().any(|entry| same_name(&entry.name, &new)) {
                return None;
            }
        }
        let sql = body(&self.schema, &wanted.fix);
        // What is found about a table depends on the tables that it has foreign keys with, and nearly never on others.
        let near =
            if wanted.table.is_empty() { None } else { mends(&self.around(&wanted.table, &sql), wanted, &sql).ok()? };
        let works = match near {
            Some(works) => works,
            None => mends(&self.declared, wanted, &sql).ok()?.unwrap_or(false),
        };
        works.then(|| script(&wanted.fix, sql))
    }

    /// Returns the declarations of a table, of those that it has foreign keys with, and of those that the fix names.
    fn around(&self, table: &str, fix: &str) -> Vec<SchemaEntry> {
        let named: Vec<String> = tokens(fix).iter().filter_map(Token::name).collect();
        let has_key_to = |one: &Table, other: &str| one.foreign_keys.iter().any(|key| key.parent == other);
        let is_near = |one: &Table| {
            one.name == table
                || has_key_to(one, table)
                || self.schema.table(table).is_some_and(|table| has_key_to(table, &one.name))
                || named.iter().any(|name| one.name == *name)
        };
        let mut near: Vec<&Table> = self.schema.tables.iter().filter(|one| is_near(one)).collect();
        // SQLite deletes nothing from a table that refers to one which is not there.
        let mut at = 0;
        while let Some(child) = near.get(at) {
            let parents = child.foreign_keys.iter().filter_map(|key| self.schema.table(&key.parent));
            let missing: Vec<&Table> = parents.filter(|one| near.iter().all(|known| known.name != one.name)).collect();
            near.extend(missing);
            at += 1;
        }
        let is_wanted = |entry: &&SchemaEntry| match entry.kind.as_str() {
            "table" | "index" => near.iter().any(|table| table.name == entry.table),
            "trigger" => same_name(&entry.table, table),
            _ => false,
        };
        self.declared.iter().filter(is_wanted).cloned().collect()
    }
}

/// A fix that somebody wants to see, and what it has to remove.
#[derive(Debug)]
struct Wanted {
    code: &'static str,
    object: String,
    table: String,
    fix: Fix,
}

impl Wanted {
    fn is_for(&self, found: &LintFinding) -> bool {
        self.code == found.finding.code() && self.object == found.finding.object()
    }
}

/// Returns true if a fix removes its finding from this schema and causes no other; `None` if the finding is not there.
fn mends(declared: &[SchemaEntry], wanted: &Wanted, fix: &str) -> Result<Option<bool>> {
    let copy = SchemaCopy::of(declared, Triggers::Copied)?;
    let before = detect(&copy.connection)?.found;
    if !before.iter().any(|one| wanted.is_for(one)) {
        return Ok(None);
    }
    if copy.run(fix).is_err() {
        return Ok(Some(false));
    }
    let after = detect(&copy.connection)?.found;
    let is_known = |code: &str, object: &str| {
        before.iter().any(|known| (known.finding.code(), known.finding.object()) == (code, object))
    };
    let is_new = |one: &LintFinding| {
        let (code, object) = (one.finding.code(), one.finding.object());
        // An index for one foreign key may be half of one for another.
        let is_half = code == "fk-partly-indexed" && is_known("fk-unindexed", object);
        // This lint compares tables, which differ until all of them are fixed.
        let compares_tables = code == "same-name-different-type";
        // A foreign key is linted further only once it has a parent.
        let is_further = wanted.code.starts_with("fk-parent-") && wanted.object == object;
        !(is_half || compares_tables || is_further || is_known(code, object))
    };
    Ok(Some(!after.iter().any(|one| wanted.is_for(one) || is_new(one))))
}

/// Returns a fix as it is shown.
fn script(fix: &Fix, body: String) -> String {
    match fix {
        // The PRAGMA is outside the transaction, because inside it does nothing, and then DROP TABLE deletes the rows that
        // refer to the table, see https://www.sqlite.org/lang_altertable.html#otheralter.
        Fix::Rebuild { .. } => format!(
            "PRAGMA foreign_keys = OFF;\nBEGIN;\n{body}\nPRAGMA foreign_key_check;\nCOMMIT;\nPRAGMA foreign_keys = ON;"
        ),
        _ => body,
    }
}

/// Returns the part of a fix that runs in a transaction.
fn body(schema: &Schema, fix: &Fix) -> String {
    match fix {
        Fix::Sql(sql) | Fix::Text(sql) => sql.clone(),
        Fix::Nothing => String::new(),
        Fix::Rebuild { table, declaration, then } => match schema.table(table) {
            Some(table) => rebuild(table, declaration, then),
            None => String::new(),
        },
    }
}

fn rebuild(table: &Table, declaration: &str, then: &str) -> String {
    let (old, new) = (plain_name(&table.name), plain_name(&new_name(&table.name)));
    let columns = plain_names(
        table.columns.iter().filter(|column| column.generated.is_none()).map(|column| column.name.as_str()),
    );
    // Without legacy_alter_table the renaming would fail on views that name the dropped table.
    let mut sql = format!(
        "{declaration};\nINSERT INTO {new}({columns}) SELECT {columns} FROM {old};\nDROP TABLE {old};\n\
         PRAGMA legacy_alter_table = ON;\nALTER TABLE {new} RENAME TO {old};\nPRAGMA legacy_alter_table = OFF;"
    );
    let behind = table.indexes.iter().map(|index| &index.sql).chain(table.triggers.iter().map(|trigger| &trigger.sql));
    for statement in behind {
        sql.push('\n');
        sql.push_str(statement);
        sql.push(';');
    }
    if !then.is_empty() {
        sql.push('\n');
        sql.push_str(then);
    }
    sql
}
