//! The cost of deleting a parent: SQLite looks for its children, and needs an index for that.

use super::finding::{LintFinding, LintInput, object};
use crate::check::finding::Level;
use crate::order::SortedMap;
use crate::schema::declaration::Declaration;
use crate::schema::references::{Pair, class, column_names, defeated};
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{Column, ForeignKeyAction, IndexedColumn, Name, Table};
use crate::sql::{plain_name, same_name};

/// Finds foreign keys without an index, or with one that has only some of their columns.
pub(super) struct ForeignKeyIndexes<'a> {
    input: &'a LintInput,
    /// The plan of a DELETE from each parent that was needed so far.
    deletes: SortedMap<&'a Name, Option<Vec<String>>>,
}

impl<'a> ForeignKeyIndexes<'a> {
    pub(super) fn new(input: &'a LintInput) -> ForeignKeyIndexes<'a> {
        ForeignKeyIndexes { input, deletes: SortedMap::new() }
    }

    pub(super) fn lint(&mut self, pair: &Pair<'a>) -> Option<LintFinding> {
        let copy = &self.input.copy;
        if copy.is_missing(&pair.child.name) || copy.is_missing(&pair.parent.name) {
            return None;
        }
        let plan = copy.plan(&pair.lookup())?;
        if SchemaCopy::scans(&plan, "child") { self.unindexed(pair) } else { self.partly_indexed(pair, &plan) }
    }

    fn unindexed(&mut self, pair: &Pair<'a>) -> Option<LintFinding> {
        let (child, parent) = (pair.child, pair.parent);
        // The proof: deleting one row of the parent reads all of the child.
        let delete = delete_from(parent);
        let input = self.input;
        let proof =
            self.deletes.get_or_insert_with(&parent.name, || input.with_foreign_keys(|copy| copy.plan(&delete)));
        let proof = proof.as_ref()?;
        if !SchemaCopy::scans(proof, &child.name) {
            return None;
        }
        let key = object(child, pair.key.columns.iter().map(Name::as_str));
        let columns: Vec<&str> = pair.key.columns.iter().map(Name::as_str).collect();
        let guilty = |line: &String| {
            let mark = if SchemaCopy::scans(std::slice::from_ref(line), &child.name) { "> " } else { "" };
            format!("{mark}{line}")
        };
        let shown: Vec<String> = proof.iter().map(guilty).collect();
        let cause = defeated(pair);
        let what = match &cause {
            Some((index, why)) => {
                format!("deleting a row of {} reads all of {}: {index} has {key}, but {why}", parent.name, child.name)
            }
            None => format!(
                "deleting a row of {} reads all of {}: no index starts with {}",
                parent.name,
                child.name,
                columns.join(", ")
            ),
        };
        let cost = "with foreign_keys on, SQLite looks for children whenever a parent is deleted or its key changes; without an index, each time in every row";
        let level = if is_author(pair) { Level::Review } else { Level::Warning };
        let finding = LintFinding::new("fk-unindexed", key, what, cost)
            .level_of(level)
            .on(child)
            .evidence("plan", format!("{delete}\n{}", shown.join("\n")));
        let differs = pair.columns.iter().find(|(child, parent)| class(child) != class(parent));
        let index = self.create_index(pair, &pair.columns);
        Some(match (&cause, differs) {
            (Some(_), Some((mine, theirs))) => finding.rebuild(child, |sql| aligned(sql, mine, theirs)),
            // SQLite would not use an index on a column of another type.
            (None, Some((mine, _))) => finding.text(format!(
                "declare {} as the column to which it refers (fk-type-mismatch), then {index}",
                object(child, [mine.name.as_str()])
            )),
            _ => finding.sql(index),
        })
    }

    /// Finds a key of several columns, of which SQLite looks up only some. That is enough if these tell the rows of one
    /// parent from those of others.
    fn partly_indexed(&self, pair: &Pair<'a>, plan: &[String]) -> Option<LintFinding> {
        let line = plan.iter().find(|line| line.starts_with("SEARCH child ") || line.starts_with("SEARCH TABLE "))?;
        let looked_up = looked_up(line);
        let (used, unused): (Vec<_>, Vec<_>) =
            pair.columns.iter().copied().partition(|(child, _)| looked_up.iter().any(|name| child.name == *name));
        if used.is_empty() || unused.is_empty() {
            return None;
        }
        let mine: Vec<&str> = used.iter().map(|(column, _)| column.name.as_str()).collect();
        let theirs: Vec<&str> = used.iter().map(|(_, column)| column.name.as_str()).collect();
        if has_key_within(pair.child, &mine) || has_key_within(pair.parent, &theirs) {
            return None;
        }
        let (child, parent) = (pair.child, pair.parent);
        let key = object(child, pair.key.columns.iter().map(Name::as_str));
        let list = |columns: &[(&Column, &Column)]| {
            columns.iter().map(|(column, _)| column.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let what = format!(
            "deleting a row of {} reads each row of {} with the same {}: no index has {} too",
            parent.name,
            child.name,
            list(&used),
            list(&unused)
        );
        let cost = "with foreign_keys on, SQLite looks for children whenever a parent is deleted or its key changes; an index on some of the columns finds the children of other parents too";
        // The last column of a key usually tells the most: the tenant comes first, the number within the tenant last.
        let has_last = pair.columns.last().is_some_and(|(last, _)| mine.contains(&last.name.as_str()));
        let level = if has_last { Level::Review } else { Level::Warning };
        let wanted: Vec<(&Column, &Column)> = used.iter().chain(&unused).copied().collect();
        let mut sql = self.create_index(pair, &wanted);
        let is_replaced = |terms: &[IndexedColumn]| {
            terms.len() <= used.len()
                && terms.iter().zip(&wanted).all(|(term, (column, theirs))| {
                    term.what.is_column(&column.name) && same_name(&term.collation, &theirs.collation)
                })
        };
        for index in child.indexes.iter().filter(|index| !index.unique && index.partial.is_none()) {
            if is_replaced(&index.terms) {
                sql.push_str(&format!("\nDROP INDEX {};", plain_name(&index.name)));
            }
        }
        let finding = LintFinding::new("fk-partly-indexed", key, what, cost).level_of(level).on(child);
        Some(finding.evidence("plan", format!("{}\n{}", pair.lookup(), plan.join("\n"))).sql(sql))
    }

    /// Returns the statement for an index on columns of the child, in the collations of the parent.
    fn create_index(&self, pair: &Pair<'_>, columns: &[(&Column, &Column)]) -> String {
        let term = |(mine, theirs): &(&Column, &Column)| match same_name(&mine.collation, &theirs.collation) {
            true => plain_name(&mine.name),
            false => format!("{} COLLATE {}", plain_name(&mine.name), plain_name(&theirs.collation)),
        };
        let names: Vec<&str> = columns.iter().map(|(column, _)| column.name.as_str()).collect();
        format!(
            "CREATE INDEX {} ON {}({});",
            plain_name(&self.input.schema.free_name(&pair.child.name, &names, &[])),
            plain_name(&pair.child.name),
            columns.iter().map(term).collect::<Vec<_>>().join(", ")
        )
    }
}

/// Returns true for a key such as `created_by` that does nothing when its parent is deleted: it keeps who did something, and
/// a parent to which such keys refer is hardly ever deleted.
fn is_author(pair: &Pair<'_>) -> bool {
    let name = pair.key.columns[0].to_string().to_ascii_lowercase();
    let is_by = name.ends_with("_by") || name.ends_with("_by_id");
    is_by
        && pair.key.columns.len() == 1
        && matches!(pair.key.on_delete, ForeignKeyAction::NoAction | ForeignKeyAction::Restrict)
}

fn delete_from(parent: &Table) -> String {
    let by: Vec<String> = match parent.without_rowid {
        true => parent
            .primary_key
            .iter()
            .flat_map(|key| column_names(&key.terms))
            .map(|column| format!("{} = ?", plain_name(column)))
            .collect(),
        false => vec!["rowid = ?".to_owned()],
    };
    format!("DELETE FROM {} WHERE {}", plain_name(&parent.name), by.join(" AND "))
}

/// Returns the columns that a line of a plan looks up: `a` and `b` of `SEARCH child USING INDEX i (a=? AND b=?)`.
fn looked_up(line: &str) -> Vec<&str> {
    let Some((_, inside)) = line.strip_suffix(')').and_then(|line| line.rsplit_once(" (")) else { return Vec::new() };
    inside.split(" AND ").filter_map(|term| term.strip_suffix("=?")).collect()
}

/// Returns true if some of the columns are a key of the table.
fn has_key_within(table: &Table, columns: &[&str]) -> bool {
    let is_within = |terms: &[IndexedColumn]| {
        !terms.is_empty() && terms.iter().all(|term| columns.iter().any(|column| term.what.is_column(column)))
    };
    let unique = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    table.primary_key.iter().chain(&table.unique).any(|key| is_within(&key.terms))
        || unique.into_iter().any(|index| is_within(&index.terms))
}

/// Declares the child's column like the parent's.
pub(super) fn aligned<'a>(mut sql: Declaration<'a>, child: &Column, parent: &Column) -> Option<Declaration<'a>> {
    if class(child) != class(parent) {
        sql = sql.retype(&child.name, &parent.declared_type)?;
    }
    if !same_name(&child.collation, &parent.collation) {
        sql = sql.collate(&child.name, &plain_name(&parent.collation))?;
    }
    Some(sql)
}
