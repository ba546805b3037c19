//! How rows shrink: fewer of them first, children before parents, then simpler values. What SQLite does not take is not
//! offered.

use std::collections::HashMap;
use std::sync::Arc;

use super::ground::{Ground, Instead};
use super::simpler;
use crate::data::script::{Item, Script};
use crate::data::values::value_buf::{ValueBuf, ValueKind};

/// How many rows are inserted, all in all, to find what SQLite takes.
const PATIENCE: usize = 200_000;

/// A script and what it shrinks to.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    ground: Arc<Ground>,
    script: Script,
    /// The rows before the last step, while it is open whether that was one too far.
    before: Option<Vec<Item>>,
    links: Arc<Vec<Link>>,
    /// How many rows of each table there have to be, and whether they are there for their own sake.
    least: Vec<(usize, bool)>,
    /// What can be put in the place of values, by table and column. Found out when a test has failed.
    instead: Option<Arc<Vec<Vec<Instead>>>>,
    edges: Option<Arc<Vec<Edge>>>,
    next: Next,
    /// Whether the round has made anything simpler, which may have opened ways.
    progress: bool,
    patience: usize,
}

/// A foreign key, by places in the script.
#[derive(Debug)]
struct Link {
    child: usize,
    parent: usize,
    columns: Vec<(usize, usize)>,
    nullable: bool,
}

/// A row that refers to another one.
#[derive(Debug)]
struct Edge {
    link: usize,
    child: usize,
    parent: usize,
}

/// What is tried next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Without the rows before `end`, so many of them.
    Without {
        chunk: usize,
        end: usize,
    },
    /// With another value.
    Value {
        row: usize,
        column: usize,
        step: usize,
    },
    Nothing,
}

impl Tree {
    pub(super) fn of(ground: Arc<Ground>, script: Script, least: usize) -> Tree {
        let place = |name: &str| script.tables.iter().position(|target| target.name == name);
        let mut links = Vec::new();
        for link in ground.links() {
            let (Some(child), Some(parent)) = (place(&link.child), place(&link.parent)) else { continue };
            let column = |table: usize, name: &str| {
                script.tables[table].columns.iter().position(|column| column.eq_ignore_ascii_case(name))
            };
            let columns = link.columns.iter().map(|(own, theirs)| Some((column(child, own)?, column(parent, theirs)?)));
            let Some(columns) = columns.collect::<Option<Vec<_>>>() else { continue };
            links.push(Link { child, parent, columns, nullable: link.nullable });
        }
        let counted = |table: usize| script.rows.iter().filter(|row| row.table == table).count();
        let least = (0..script.tables.len()).map(|table| {
            let is_target = ground.is_target(&script.tables[table].name);
            (if is_target { least.min(counted(table)) } else { 0 }, is_target)
        });
        let mut tree = Tree {
            least: least.collect(),
            ground,
            before: None,
            links: Arc::new(links),
            instead: None,
            edges: None,
            next: Next::Nothing,
            progress: false,
            patience: PATIENCE,
            script,
        };
        // Parents that no row refers to are not needed.
        let rows = tree.without(vec![false; tree.script.rows.len()]);
        if let Some(rows) = rows {
            let script = Script { rows, ..tree.script.clone() };
            if tree.ground.takes(&script) {
                tree.script = script;
                tree.edges = None;
            }
        }
        tree.next = Next::Without { chunk: tree.script.rows.len(), end: tree.script.rows.len() };
        tree
    }

    pub(super) fn script(&self) -> Script {
        self.script.clone()
    }

    /// The name of the first table that is asked for.
    pub(super) fn table(&self) -> Arc<str> {
        self.ground.targets().next().unwrap_or_default().into()
    }

    pub(super) fn simplify(&mut self) -> bool {
        if let Some(before) = self.before.take() {
            self.progress = true;
            self.edges = None;
            if let Next::Value { row, step, .. } = &mut self.next {
                *step = 0;
                *row = row.saturating_sub(before.len() - self.script.rows.len());
            }
        }
        self.step()
    }

    /// Takes the last step back, and another one.
    pub(super) fn complicate(&mut self) -> bool {
        let Some(before) = self.before.take() else { return false };
        self.script.rows = before;
        self.step()
    }

    /// To the next rows that SQLite takes.
    fn step(&mut self) -> bool {
        loop {
            if matches!(self.next, Next::Nothing) || self.patience == 0 {
                return false;
            }
            let Some(rows) = self.candidate() else { continue };
            self.patience = self.patience.saturating_sub(rows.len() + 1);
            let script = Script { rows, ..self.empty() };
            if self.ground.takes(&script) {
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

    /// What is next, if it is worth a try.
    fn candidate(&mut self) -> Option<Vec<Item>> {
        let count = self.script.rows.len();
        match self.next {
            Next::Nothing => None,
            Next::Without { chunk: 0, .. } => {
                self.next = Next::Value { row: 0, column: 0, step: 0 };
                None
            }
            Next::Without { chunk, end } => {
                let end = end.min(count);
                if end == 0 {
                    self.next = Next::Without { chunk: chunk / 2, end: count };
                    return None;
                }
                let start = end.saturating_sub(chunk);
                self.next = Next::Without { chunk, end: start };
                self.without_these(start, end)
            }
            Next::Value { row, .. } if row >= count => {
                self.next = match self.progress {
                    true => Next::Without { chunk: 1, end: count },
                    false => Next::Nothing,
                };
                self.progress = false;
                None
            }
            Next::Value { row, column, step } => {
                if column >= self.script.rows[row].values.len() {
                    self.next = Next::Value { row: row + 1, column: 0, step: 0 };
                    return None;
                }
                let found = self.with_another(row, column, step);
                self.next = match found {
                    Some(_) => Next::Value { row, column, step: step + 1 },
                    None => Next::Value { row, column: column + 1, step: 0 },
                };
                found
            }
        }
    }

    fn edges(&mut self) -> Arc<Vec<Edge>> {
        if self.edges.is_none() {
            self.edges = Some(Arc::new(edges(&self.script.rows, &self.links)));
        }
        self.edges.clone().unwrap_or_default()
    }

    /// Without rows of a part of the script, as far as each table keeps as many as it has to.
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

    /// Without these rows, those that refer to them, and parents that nothing refers to then.
    fn without(&mut self, mut gone: Vec<bool>) -> Option<Vec<Item>> {
        let edges = self.edges();
        let mut changed = true;
        while changed {
            changed = false;
            for edge in edges.iter().filter(|edge| edge.child != edge.parent) {
                if gone[edge.parent] && !gone[edge.child] {
                    gone[edge.child] = true;
                    changed = true;
                }
            }
        }
        self.prune(&edges, &mut gone);
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

    /// Marks parents that are there for nobody.
    fn prune(&self, edges: &[Edge], gone: &mut [bool]) {
        loop {
            let mut needed: Vec<bool> = self.script.rows.iter().map(|row| self.least[row.table].1).collect();
            for edge in edges.iter().filter(|edge| edge.child != edge.parent && !gone[edge.child]) {
                needed[edge.parent] = true;
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

    /// With a simpler value in a column. A key changes together with what refers to it; what refers changes to an earlier
    /// parent, or to none.
    fn with_another(&mut self, row: usize, column: usize, step: usize) -> Option<Vec<Item>> {
        let edges = self.edges();
        let table = self.script.rows[row].table;
        let of_column = |link: &&Link| link.child == table && link.columns.iter().any(|(own, _)| *own == column);
        let Some(link) = self.links.iter().position(|link| of_column(&link)) else {
            let instead = self.instead();
            let value = &self.script.rows[row].values[column];
            let made = simpler::than(value, &instead[table][column], self.script.rows.len()).into_iter().nth(step)?;
            let mut rows = self.script.rows.clone();
            self.set(&edges, &mut rows, row, column, &made);
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
        if let Some(edge) = edges.iter().find(|edge| edge.link == link && edge.child == row) {
            let earlier = (0..edge.parent).filter(|at| self.script.rows[*at].table == known.parent && *at != row);
            steps.extend(earlier.map(Some).take(4));
        }
        let to = *steps.get(step)?;
        let instead = self.instead();
        let known = &self.links[link];
        let mut rows = self.script.rows.clone();
        for &(own, theirs) in &known.columns {
            let made = match to {
                Some(parent) => self.script.rows[parent].values[theirs].clone(),
                None if instead[table][own].nullable => ValueBuf::default(),
                None => continue,
            };
            self.set(&edges, &mut rows, row, own, &made);
        }
        // The parent from before may be there for nobody.
        let mut gone = vec![false; rows.len()];
        self.prune(&self::edges(&rows, &self.links), &mut gone);
        let mut gone = gone.iter();
        rows.retain(|_| gone.next() == Some(&false));
        Some(rows)
    }

    /// Sets a value, and the same one wherever a row refers to it.
    fn set(&self, edges: &[Edge], rows: &mut [Item], row: usize, column: usize, made: &ValueBuf) {
        let mut waiting = vec![(row, column)];
        let mut done = Vec::new();
        while let Some((row, column)) = waiting.pop() {
            if done.contains(&(row, column)) {
                continue;
            }
            rows[row].values[column].clone_from(made);
            done.push((row, column));
            for edge in edges.iter().filter(|edge| edge.parent == row) {
                let pairs = self.links[edge.link].columns.iter().filter(|(_, theirs)| *theirs == column);
                waiting.extend(pairs.map(|(own, _)| (edge.child, *own)));
            }
        }
    }

    fn instead(&mut self) -> Arc<Vec<Vec<Instead>>> {
        if self.instead.is_none() {
            let of_table = |target: &crate::data::script::Target| {
                target.columns.iter().map(|column| self.ground.instead(&target.name, column)).collect()
            };
            self.instead = Some(Arc::new(self.script.tables.iter().map(of_table).collect()));
        }
        self.instead.clone().unwrap_or_default()
    }
}

/// Which rows refer to which others of the script. What SQLite takes for equal though it reads differently is left out:
/// then SQLite refuses what follows from it.
fn edges(rows: &[Item], links: &[Link]) -> Vec<Edge> {
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
                found.push(Edge { link: at, child: index, parent });
            }
        }
    }
    found
}
