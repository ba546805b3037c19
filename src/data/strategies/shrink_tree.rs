//! Shrinks rows: first fewer of them, children before parents, then simpler values. Rows that SQLite refuses are not
//! offered.

use std::collections::HashMap;
use std::sync::Arc;

use super::simpler_values::simpler_values;
use super::template_database::{Replacements, TemplateDatabase};
use crate::data::script::{Item, Script};
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::sql::same_name;

/// The number of rows that are inserted in total to find those that SQLite accepts.
const ROW_BUDGET: usize = 200_000;

/// A script, and the state of its shrinking.
#[derive(Clone, Debug)]
pub(super) struct ShrinkTree {
    database: Arc<TemplateDatabase>,
    script: Script,
    /// The rows before the last step, until the test has accepted or rejected it.
    before: Option<Vec<Item>>,
    links: Arc<Vec<Link>>,
    /// For each table the least number of rows, and true if the strategy is about it.
    least: Vec<(usize, bool)>,
    /// Simpler values, by table and column. Read once a test has failed.
    replacements: Option<Arc<Vec<Vec<Replacements>>>>,
    references: Option<Arc<Vec<RowReference>>>,
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
        let place = |name: &str| script.tables.iter().position(|target| target.name == name);
        let mut links = Vec::new();
        for link in database.links() {
            let (Some(child), Some(parent)) = (place(&link.child), place(&link.parent)) else { continue };
            let column = |table: usize, name: &str| {
                script.tables[table].columns.iter().position(|column| same_name(column, name))
            };
            let columns = link.columns.iter().map(|(own, theirs)| Some((column(child, own)?, column(parent, theirs)?)));
            let Some(columns) = columns.collect::<Option<Vec<_>>>() else { continue };
            links.push(Link { child, parent, columns, nullable: link.nullable });
        }
        let counted = |table: usize| script.rows.iter().filter(|row| row.table == table).count();
        let least = (0..script.tables.len()).map(|table| {
            let is_target = database.is_target(&script.tables[table].name);
            (if is_target { least.min(counted(table)) } else { 0 }, is_target)
        });
        let mut tree = ShrinkTree {
            least: least.collect(),
            database,
            before: None,
            links: Arc::new(links),
            replacements: None,
            references: None,
            next: NextStep::Nothing,
            progress: false,
            budget: ROW_BUDGET,
            script,
        };
        // Parents to which no row refers are not needed.
        let rows = tree.without(vec![false; tree.script.rows.len()]);
        if let Some(rows) = rows {
            let script = Script { rows, ..tree.script.clone() };
            if tree.database.accepts(&script) {
                tree.script = script;
                tree.references = None;
            }
        }
        tree.next = NextStep::Without { chunk: tree.script.rows.len(), end: tree.script.rows.len() };
        tree
    }

    pub(super) fn script(&self) -> Script {
        self.script.clone()
    }

    /// The name of the first table of the strategy.
    pub(super) fn table(&self) -> Arc<str> {
        self.database.targets().next().unwrap_or_default().into()
    }

    pub(super) fn simplify(&mut self) -> bool {
        if let Some(before) = self.before.take() {
            self.progress = true;
            self.references = None;
            if let NextStep::Value { row, step, .. } = &mut self.next {
                *step = 0;
                *row = row.saturating_sub(before.len() - self.script.rows.len());
            }
        }
        self.step()
    }

    /// Takes the last step back, and makes another one.
    pub(super) fn complicate(&mut self) -> bool {
        let Some(before) = self.before.take() else { return false };
        self.script.rows = before;
        self.step()
    }

    /// Moves to the next rows that SQLite accepts.
    fn step(&mut self) -> bool {
        loop {
            if matches!(self.next, NextStep::Nothing) || self.budget == 0 {
                return false;
            }
            let Some(rows) = self.candidate() else { continue };
            self.budget = self.budget.saturating_sub(rows.len() + 1);
            let script = Script { rows, ..self.empty() };
            if self.database.accepts(&script) {
                self.before = Some(std::mem::replace(&mut self.script.rows, script.rows));
                return true;
            }
        }
    }

    fn empty(&self) -> Script {
        Script {
            tables: Arc::clone(&self.script.tables),
            rows: Vec::new(),
            deferred: self.script.deferred,
            after: self.script.after.clone(),
        }
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

    fn references(&mut self) -> Arc<Vec<RowReference>> {
        if self.references.is_none() {
            self.references = Some(Arc::new(references(&self.script.rows, &self.links)));
        }
        self.references.clone().unwrap_or_default()
    }

    /// Removes rows of a part of the script, as far as each table keeps its least number.
    fn without_these(&mut self, start: usize, end: usize) -> Option<Vec<Item>> {
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
    fn without(&mut self, mut gone: Vec<bool>) -> Option<Vec<Item>> {
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
        self.prune(&references, &mut gone);
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
    fn with_another(&mut self, row: usize, column: usize, step: usize) -> Option<Vec<Item>> {
        let references = self.references();
        let table = self.script.rows[row].table;
        let of_column = |link: &&Link| link.child == table && link.columns.iter().any(|(own, _)| *own == column);
        let Some(link) = self.links.iter().position(|link| of_column(&link)) else {
            let replacements = self.replacements();
            let value = &self.script.rows[row].values[column];
            let made =
                simpler_values(value, &replacements[table][column], self.script.rows.len()).into_iter().nth(step)?;
            let mut rows = self.script.rows.clone();
            self.set(&references, &mut rows, (row, column), &made);
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
        let replacements = self.replacements();
        let known = &self.links[link];
        let mut rows = self.script.rows.clone();
        for &(own, theirs) in &known.columns {
            let made = match to {
                Some(parent) => self.script.rows[parent].values[theirs].clone(),
                None if replacements[table][own].nullable => ValueBuf::default(),
                None => continue,
            };
            self.set(&references, &mut rows, (row, own), &made);
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

    fn replacements(&mut self) -> Arc<Vec<Vec<Replacements>>> {
        if self.replacements.is_none() {
            let of_table = |target: &crate::data::script::Target| {
                target.columns.iter().map(|column| self.database.replacements(&target.name, column)).collect()
            };
            self.replacements = Some(Arc::new(self.script.tables.iter().map(of_table).collect()));
        }
        self.replacements.clone().unwrap_or_default()
    }
}

/// Finds the rows that refer to others of the script. Values that SQLite compares as equal though they read differently are
/// left out; SQLite then refuses the steps that would need them.
fn references(rows: &[Item], links: &[Link]) -> Vec<RowReference> {
    let key = |row: &Item, columns: &mut dyn Iterator<Item = usize>| -> Option<String> {
        let mut text = String::new();
        for column in columns {
            if row.values[column].kind() == ValueKind::Null {
                return None;
            }
            text.push_str(&row.values[column].sql_literal());
            text.push('\n');
        }
        Some(text)
    };
    let mut found = Vec::new();
    for (at, link) in links.iter().enumerate() {
        let mut parents = HashMap::new();
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.table == link.parent) {
            if let Some(key) = key(row, &mut link.columns.iter().map(|(_, theirs)| *theirs)) {
                parents.entry(key).or_insert(index);
            }
        }
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.table == link.child) {
            let key = key(row, &mut link.columns.iter().map(|(own, _)| *own));
            if let Some(&parent) = key.and_then(|key| parents.get(&key)) {
                found.push(RowReference { link: at, child: index, parent });
            }
        }
    }
    found
}
