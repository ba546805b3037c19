//! Which table and which column has which name after a migration, as far as its statements say.

use std::collections::BTreeMap;

use super::statement_effects::{Effect, StatementEffect};

/// What became of the names of tables and columns.
pub(super) struct Renames {
    tables: Vec<TrackedTable>,
}

struct TrackedTable {
    /// The name before the migration; none for what it makes.
    origin: Option<String>,
    name: String,
    gone: bool,
    /// Columns by their old names in small letters, and their names at this moment.
    columns: BTreeMap<String, String>,
    assigned: Vec<Assigned>,
}

struct Assigned {
    column: String,
    reads_itself: bool,
    all_rows: bool,
}

impl Renames {
    /// Follows the renames.
    pub(super) fn of<'a>(tables: impl IntoIterator<Item = &'a str>, effects: &[StatementEffect]) -> Renames {
        let tracked = |origin: Option<&str>, name: &str| TrackedTable {
            origin: origin.map(str::to_owned),
            name: name.to_owned(),
            gone: false,
            columns: BTreeMap::new(),
            assigned: Vec::new(),
        };
        let mut renames = Renames { tables: tables.into_iter().map(|name| tracked(Some(name), name)).collect() };
        for effect in effects {
            match &effect.effect {
                Effect::CreateTable { table } if renames.at(table).is_none() => {
                    renames.tables.push(tracked(None, table))
                }
                Effect::DropTable { table } => {
                    if let Some(table) = renames.at(table) {
                        table.gone = true;
                    }
                }
                Effect::RenameTable { table, to } => {
                    if let Some(table) = renames.at(table) {
                        table.name.clone_from(to);
                    }
                }
                Effect::RenameColumn { table, column, to } => {
                    if let Some(table) = renames.at(table) {
                        let small = column.to_ascii_lowercase();
                        match table.columns.values_mut().find(|name| name.eq_ignore_ascii_case(column)) {
                            Some(name) => name.clone_from(to),
                            None => drop(table.columns.insert(small, to.clone())),
                        }
                    }
                }
                Effect::Update { table, column, reads_itself, all_rows } => {
                    if let Some(table) = renames.at(table) {
                        let assigned =
                            Assigned { column: column.clone(), reads_itself: *reads_itself, all_rows: *all_rows };
                        table.assigned.push(assigned);
                    }
                }
                _ => {}
            }
        }
        renames
    }

    fn at(&mut self, name: &str) -> Option<&mut TrackedTable> {
        self.tables.iter_mut().find(|table| !table.gone && table.name.eq_ignore_ascii_case(name))
    }

    fn tracked(&self, origin: &str) -> Option<&TrackedTable> {
        self.tables.iter().find(|table| table.origin.as_deref() == Some(origin))
    }

    /// The name of a table after the migration, and whether another table took its place.
    pub(super) fn name_after(&self, origin: &str) -> Option<(&str, bool)> {
        match self.tracked(origin) {
            Some(table) if !table.gone => Some((&table.name, false)),
            _ => self.recreated(origin).map(|table| (table.name.as_str(), true)),
        }
    }

    fn recreated(&self, origin: &str) -> Option<&TrackedTable> {
        let made =
            |table: &&TrackedTable| table.origin.is_none() && !table.gone && table.name.eq_ignore_ascii_case(origin);
        self.tables.iter().find(made)
    }

    /// Whether the table is gone and another one has its name.
    pub(super) fn is_recreated(&self, origin: &str) -> bool {
        self.tracked(origin).is_some_and(|table| table.gone) && self.recreated(origin).is_some()
    }

    /// The name of a column after the migration, as far as statements rename it.
    pub(super) fn column_after<'a>(&'a self, origin: &str, column: &'a str) -> &'a str {
        let renamed = self.tracked(origin).and_then(|table| table.columns.get(&column.to_ascii_lowercase()));
        renamed.map_or(column, String::as_str)
    }

    /// Whether an UPDATE puts other values in place of some of the column's, by the name that it has after the migration.
    pub(super) fn is_replaced(&self, table: &str, column: &str) -> bool {
        let assigned = self
            .tables
            .iter()
            .filter(|tracked| tracked.name.eq_ignore_ascii_case(table))
            .flat_map(|tracked| &tracked.assigned);
        let mut of_column = assigned.filter(|assigned| assigned.column.eq_ignore_ascii_case(column)).peekable();
        of_column.peek().is_some() && of_column.all(|assigned| !assigned.reads_itself && !assigned.all_rows)
    }
}
