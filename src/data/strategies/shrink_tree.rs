//! Shrinks rows: first fewer of them, children before parents, then simpler values. Rows that SQLite refuses are not
//! offered.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use proptest::strategy::ValueTree;

use super::simpler_values::simpler_values;
use super::template_database::{Replacements, TemplateDatabase};
use crate::data::relations::{self, Relation};
use crate::data::script::{Item, Script, Target};
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::schema::{Name, Schema};

/// The number of rows that are inserted in total to find those that SQLite accepts.
const ROW_BUDGET: usize = 200_000;

/// A script, and the state of its shrinking.
#[derive(Debug)]
pub(super) struct ShrinkTree {
    database: Arc<TemplateDatabase>,
    script: Script,
    /// The rows before the last step, until the test has accepted or rejected it.
    before: Option<Vec<Item>>,
    links: Vec<Link>,
    /// For each table the least number of rows, and true if the strategy is about it.
    least: Vec<(usize, bool)>,
    /// Simpler values, by table and column. Read once a test has failed.
    replacements: OnceCell<Vec<Vec<Replacements>>>,
    references: OnceCell<Vec<RowReference>>,
    next: NextStep,
    /// True if the round has made anything simpler, so that another one may go further.
    progress: bool,
    budget: usize,
}

/// A foreign key, by the places of its tables and columns in the script.
#[derive(Debug)]
struct Link {
    child: usize,
    parent: usize,
    columns: Vec<(usize, usize)>,
    nullable: bool,
}

/// A row that refers to another one.
#[derive(Debug)]
struct RowReference {
    link: usize,
    child: usize,
    parent: usize,
}

/// The step that is tried next.
#[derive(Clone, Copy, Debug)]
enum NextStep {
    /// Removes this number of rows before `end`.
    Without {
        chunk: usize,
        end: usize,
    },
    /// Changes a value.
    Value {
        row: usize,
        column: usize,
        step: usize,
    },
    Nothing,
}

impl ShrinkTree {
    pub(super) fn of(database: Arc<TemplateDatabase>, script: Script, least: usize) -> ShrinkTree {
        let counted = |table: usize| script.rows.iter().filter(|row| row.table == table).count();
        let least = (0..script.tables.len()).map(|table| {
            let is_target = database.is_target(&script.tables[table].name);
            (if is_target { least.min(counted(table)) } else { 0 }, is_target)
        });
        let mut tree = ShrinkTree {
            least: least.collect(),
            links: links(&database.schema, &script.tables),
            database,
            before: None,
            replacements: OnceCell::new(),
            references: OnceCell::new(),
            next: NextStep::Nothing,
            progress: false,
            budget: ROW_BUDGET,
            script,
        };
        // Parents to which no row refers are not needed.
        if let Some(rows) = tree.without(vec![false; tree.script.rows.len()])
            && tree.offer(rows).is_some()
        {
            tree.references.take();
        }
        tree.next = NextStep::Without { chunk: tree.script.rows.len(), end: tree.script.rows.len() };
        tree
    }

    /// Moves to the next rows that SQLite accepts.
    fn step(&mut self) -> bool {
        loop {
            if matches!(self.next, NextStep::Nothing) || self.budget == 0 {
                return false;
            }
            let Some(rows) = self.candidate() else { continue };
            self.budget = self.budget.saturating_sub(rows.len() + 1);
            self.before = self.offer(rows);
            if self.before.is_some() {
                return true;
            }
        }
    }

    /// Puts rows into the script if SQLite accepts them. Returns the previous ones then.
    fn offer(&mut self, rows: Vec<Item>) -> Option<Vec<Item>> {
        let before = std::mem::replace(&mut self.script.rows, rows);
        if self.database.accepts(&self.script) {
            return Some(before);
        }
        self.script.rows = before;
        None
    }

    /// Returns the rows of the next step, if they should be tried.
    fn candidate(&mut self) -> Option<Vec<Item>> {
        let count = self.script.rows.len();
        match self.next {
            NextStep::Nothing => None,
            NextStep::Without { chunk: 0, .. } => {
                self.next = NextStep::Value { row: 0, column: 0, step: 0 };
                None
            }
            NextStep::Without { chunk, end } => {
                let end = end.min(count);
                if end == 0 {
                    self.next = NextStep::Without { chunk: chunk / 2, end: count };
                    return None;
                }
                let start = end.saturating_sub(chunk);
                self.next = NextStep::Without { chunk, end: start };
                self.without_these(start, end)
            }
            NextStep::Value { row, .. } if row >= count => {
                self.next = match self.progress {
                    true => NextStep::Without { chunk: 1, end: count },
                    false => NextStep::Nothing,
                };
                self.progress = false;
                None
            }
            NextStep::Value { row, column, step } => {
                if column >= self.script.rows[row].values.len() {
                    self.next = NextStep::Value { row: row + 1, column: 0, step: 0 };
                    return None;
                }
                let found = self.with_another(row, column, step);
                self.next = match found {
                    Some(_) => NextStep::Value { row, column, step: step + 1 },
                    None => NextStep::Value { row, column: column + 1, step: 0 },
                };
                found
            }
        }
    }

    fn references(&self) -> &[RowReference] {
        self.references.get_or_init(|| references(&self.script.rows, &self.links))
    }

    /// Removes rows of a part of the script, as far as each table keeps its least number.
    fn without_these(&self, start: usize, end: usize) -> Option<Vec<Item>> {
        let mut spare: Vec<usize> = self.least.iter().map(|_| 0).collect();
        for row in &self.script.rows {
            spare[row.table] += 1;
        }
        for (spare, (least, _)) in spare.iter_mut().zip(&self.least) {
            *spare -= least;
        }
        let mut gone = vec![false; self.script.rows.len()];
        for at in (start..end).rev() {
            let spare = &mut spare[self.script.rows[at].table];
            gone[at] = *spare > 0;
            *spare = spare.saturating_sub(1);
        }
        self.without(gone)
    }

    /// Removes these rows, those that refer to them, and parents to which nothing refers then.
    fn without(&self, mut gone: Vec<bool>) -> Option<Vec<Item>> {
        let references = self.references();
        let mut changed = true;
        while changed {
            changed = false;
            for reference in references.iter().filter(|reference| reference.child != reference.parent) {
                if gone[reference.parent] && !gone[reference.child] {
                    gone[reference.child] = true;
                    changed = true;
                }
            }
        }
        self.prune(references, &mut gone);
        if !gone.contains(&true) {
            return None;
        }
        let mut left = vec![0; self.least.len()];
        let mut rows = Vec::new();
        for (row, gone) in self.script.rows.iter().zip(gone) {
            if !gone {
                left[row.table] += 1;
                rows.push(row.clone());
            }
        }
        let enough = self.least.iter().zip(left).all(|((least, _), left)| left >= *least);
        enough.then_some(rows)
    }

    /// Marks parents to which no row refers.
    fn prune(&self, references: &[RowReference], gone: &mut [bool]) {
        loop {
            let mut needed: Vec<bool> = self.script.rows.iter().map(|row| self.least[row.table].1).collect();
            for reference in
                references.iter().filter(|reference| reference.child != reference.parent && !gone[reference.child])
            {
                needed[reference.parent] = true;
            }
            let mut changed = false;
            for (gone, needed) in gone.iter_mut().zip(needed) {
                changed |= !*gone && !needed;
                *gone |= !needed;
            }
            if !changed {
                return;
            }
        }
    }

    /// Returns the rows with a simpler value in a column. A key changes together with the rows that refer to it. A
    /// reference changes to an earlier parent, or to none.
    fn with_another(&self, row: usize, column: usize, step: usize) -> Option<Vec<Item>> {
        let references = self.references();
        let table = self.script.rows[row].table;
        let of_column = |link: &&Link| link.child == table && link.columns.iter().any(|(own, _)| *own == column);
        let Some(link) = self.links.iter().position(|link| of_column(&link)) else {
            let value = &self.script.rows[row].values[column];
            let simpler = simpler_values(value, self.replacements(table, column), self.script.rows.len());
            let mut rows = self.script.rows.clone();
            self.set(references, &mut rows, (row, column), simpler.get(step)?);
            return Some(rows);
        };
        let known = &self.links[link];
        if known.columns.first().is_some_and(|(own, _)| *own != column) {
            return None;
        }
        let is_null = known.columns.iter().any(|(own, _)| self.script.rows[row].values[*own].kind() == ValueKind::Null);
        if is_null {
            return None;
        }
        let mut steps: Vec<Option<usize>> = if known.nullable { vec![None] } else { Vec::new() };
        if let Some(reference) = references.iter().find(|reference| reference.link == link && reference.child == row) {
            let earlier = (0..reference.parent).filter(|at| self.script.rows[*at].table == known.parent && *at != row);
            steps.extend(earlier.map(Some).take(4));
        }
        let to = *steps.get(step)?;
        let mut rows = self.script.rows.clone();
        for &(own, theirs) in &known.columns {
            let made = match to {
                Some(parent) => self.script.rows[parent].values[theirs].clone(),
                None if self.replacements(table, own).nullable => ValueBuf::default(),
                None => continue,
            };
            self.set(references, &mut rows, (row, own), &made);
        }
        // No row may refer to the previous parent anymore.
        let mut gone = vec![false; rows.len()];
        self.prune(&self::references(&rows, &self.links), &mut gone);
        let mut gone = gone.iter();
        rows.retain(|_| gone.next() == Some(&false));
        Some(rows)
    }

    /// Sets a value, and the same one in the rows that refer to it.
    fn set(&self, references: &[RowReference], rows: &mut [Item], cell: (usize, usize), value: &ValueBuf) {
        let mut waiting = vec![cell];
        let mut done = Vec::new();
        while let Some((row, column)) = waiting.pop() {
            if done.contains(&(row, column)) {
                continue;
            }
            rows[row].values[column].clone_from(value);
            done.push((row, column));
            for reference in references.iter().filter(|reference| reference.parent == row) {
                let pairs = self.links[reference.link].columns.iter().filter(|(_, theirs)| *theirs == column);
                waiting.extend(pairs.map(|(own, _)| (reference.child, *own)));
            }
        }
    }

    fn replacements(&self, table: usize, column: usize) -> &Replacements {
        let of_table = |target: &Target| {
            target.columns.iter().map(|column| self.database.replacements(&target.name, column)).collect()
        };
        &self.replacements.get_or_init(|| self.script.tables.iter().map(of_table).collect())[table][column]
    }
}

impl ValueTree for ShrinkTree {
    type Value = Script;

    fn current(&self) -> Script {
        self.script.clone()
    }

    fn simplify(&mut self) -> bool {
        if let Some(before) = self.before.take() {
            self.progress = true;
            self.references.take();
            if let NextStep::Value { row, step, .. } = &mut self.next {
                *step = 0;
                *row = row.saturating_sub(before.len() - self.script.rows.len());
            }
        }
        self.step()
    }

    /// Takes the last step back, and makes another one.
    fn complicate(&mut self) -> bool {
        let Some(before) = self.before.take() else { return false };
        self.script.rows = before;
        self.step()
    }
}

/// Finds the foreign keys among the tables of a script.
fn links(schema: &Schema, tables: &[Target]) -> Vec<Link> {
    let place = |table: usize| tables.iter().position(|target| schema.tables[table].name == *target.name);
    let link = |child: usize, key: &Relation| {
        let (child, parent) = (place(child)?, place(key.parent?)?);
        key.parent_columns.as_ref()?;
        let column = |table: usize, name: &Name| tables[table].columns.iter().position(|column| name == column);
        let columns = key.pairs().map(|(own, theirs)| Some((column(child, own)?, column(parent, theirs)?)));
        Some(Link { child, parent, columns: columns.collect::<Option<_>>()?, nullable: key.is_nullable() })
    };
    let keys = relations::of_schema(schema);
    keys.iter().enumerate().flat_map(|(child, keys)| keys.iter().filter_map(move |key| link(child, key))).collect()
}

/// Finds the rows that refer to others of the script. Values that SQLite compares as equal though they read differently are
/// left out; SQLite then refuses the steps that would need them.
fn references(rows: &[Item], links: &[Link]) -> Vec<RowReference> {
    fn key(row: &Item, columns: impl Iterator<Item = usize>) -> Option<String> {
        let values = columns.map(|column| &row.values[column]);
        values.map(|value| (value.kind() != ValueKind::Null).then(|| value.sql_literal() + "\n")).collect()
    }
    let mut found = Vec::new();
    for (at, link) in links.iter().enumerate() {
        let mut parents = HashMap::new();
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.table == link.parent) {
            if let Some(key) = key(row, link.columns.iter().map(|(_, theirs)| *theirs)) {
                parents.entry(key).or_insert(index);
            }
        }
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.table == link.child) {
            let key = key(row, link.columns.iter().map(|(own, _)| *own));
            if let Some(&parent) = key.and_then(|key| parents.get(&key)) {
                found.push(RowReference { link: at, child: index, parent });
            }
        }
    }
    found
}
